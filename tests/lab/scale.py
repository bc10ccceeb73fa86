# SPDX-License-Identifier: GPL-2.0 OR MIT
"""How cost grows: with the size of messages, the number of pairs that talk, of channels, and of peers."""
import json
import time
from pathlib import Path

import bench
import crowd
import measure
import memory
import pairs
import publish
import scale_report
import tables
import ways
from measure import Measurement
from rows import MESSAGE_ROWS, MESSAGES, PAIR_ROWS
from session import session

ROUNDS = 3
SECONDS = 5
PARTS = ('messages', 'pairs', 'memory')
BY = (ways.NETFRONT, ways.XENLOOP)  # pairs of guests have no loopback


def stream_of(size):
    row = f'TCP_STREAM_{size}'
    return Measurement((row,), measure.netperf_command('TCP_STREAM', measure.RATE_KEYS, f'-m {size}'), measure.read_rate(row))


MESSAGE_STREAMS = [stream_of(size) for size in MESSAGES]


class Scale:
    """The parts that were asked for, and what they found so far."""

    def __init__(self, destdir, rounds, seconds):
        self.destdir, self.rounds, self.seconds = destdir, rounds, seconds
        self.document = {'testbed': {'guests': len(crowd.NAMES), 'memory_of_late_guests_mb': crowd.CONFIGURATION['memory']}}
        self.errors = []

    def run(self, parts):
        if 'messages' in parts:
            with session('scale', self.destdir) as host:
                self.streams('messages', bench.Bench(host, MESSAGE_STREAMS, self.rounds, self.seconds), MESSAGE_ROWS)
        if 'pairs' in parts or 'memory' in parts:
            with crowd.crowd('scale', self.destdir) as host:
                self.run_in_crowd(host, parts)

    def run_in_crowd(self, host, parts):
        bench.say(f'{len(crowd.NAMES)} guests are ready')
        if 'memory' in parts:
            self.document['memory'] = memory.measured(host)
            bench.say('memory of peers and channels is measured')
        if 'pairs' in parts:
            self.streams('pairs', pairs.PairsBench(host, pairs.MEASUREMENTS, self.rounds, self.seconds, BY), PAIR_ROWS)

    def streams(self, part, run, rows):
        run.run()
        self.document[part] = [tables.row(row, run.samples, run.errors, run.by) for row in rows.values()]
        self.document['testbed'].update(run.testbed)
        self.errors += run.errors


def scale(destdir, parts=PARTS, rounds=ROUNDS, seconds=SECONDS, output=bench.OUTPUT, keep=False):
    """Writes scale.json and its report, with `keep` to docs, too; returns how many samples were errors."""
    start = time.monotonic()
    run = Scale(destdir, rounds, seconds)
    try:
        run.run(parts)
    finally:
        finish(run.document, Path(output))  # what there is, if an error ends it
    refused = keep and publish.publish(scale_report.write, run.document, obstacles(run.document), bench.say)
    bench.say(f'done after {time.monotonic() - start:.0f} s, {len(run.errors)} bad samples')
    return len(run.errors) + refused


def obstacles(document):
    """What speaks against publishing it: docs keep all parts or none."""
    rows = [row for part in ('messages', 'pairs') for row in document.get(part, [])]
    return ([] if 'memory' in document else ['memory was not measured']) + \
        publish.obstacles(rows, [*MESSAGE_ROWS, *PAIR_ROWS], ROUNDS)


def finish(document, output):
    output.mkdir(parents=True, exist_ok=True)
    (output / 'scale.json').write_text(json.dumps(document, indent=1) + '\n')
    scale_report.write(document, output)
    for part, by in (('messages', ways.WAYS), ('pairs', BY)):
        if part in document:
            print(tables.text(document[part], by), flush=True)
    bench.say(f'results are in {output}/scale.json and scale.md')
