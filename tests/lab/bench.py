# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The benchmark: netfront, XenLoop and loopback on the same work, in turns, in one run."""
import datetime
import json
import time
from pathlib import Path

import measure
import publish
import quiet
import report
import tables
import ways
from agent import AgentError
from case import CaseFailed, CommandFailed
from measure import SampleError
from paths import CHECKOUT, LabError
from rows import ROWS
from session import session

ROUNDS = 5
SECONDS = 3
ATTEMPTS = 3  # at a sample that other programs on this machine disturb
OUTPUT = CHECKOUT / 'build' / 'bench'
FACTS = {'kernel': ('g1', 'uname -r'),
         'xen': ('dom0', "xl info | sed -n 's/^xen_version *: //p'"),
         'guest_vcpus': ('g1', 'nproc'),
         'guest_memory_mb': ('dom0', "xl list g1 | awk 'NR == 2 { print $3 }'"),
         'host_cpus': ('dom0', "xl info | sed -n 's/^nr_cpus *: //p'"),
         'netperf': ('g1', "netperf -V | sed 's/.* //'"),
         'xenloop': ('g1', "modinfo -F version xenloop")}


class Bench:
    """Samples of all rounds; an error costs its sample and, at the end, the exit code."""

    def __init__(self, host, measurements, rounds, seconds, by=ways.WAYS):
        self.host, self.measurements, self.rounds, self.seconds, self.by = host, measurements, rounds, seconds, by
        self.samples = {(way, row): [] for way in by for measurement in measurements for row in measurement.rows}
        self.errors = []
        self.testbed = {}
        self.known = {}
        self.reading = {}

    def run(self):
        self.prepare()
        self.testbed = self.facts()
        for number in range(1, self.rounds + 1):
            for way in self.by:
                self.switch(way)
                for measurement in self.measurements:
                    self.sample(number, way, measurement)

    def prepare(self):
        self.reading = measure.prepare(self.host)

    def facts(self):
        found = {key: self.host.domains[domain].sh(command, check=False) for key, (domain, command) in FACTS.items()}
        return {**{key: int(value) if value.isdigit() else value for key, value in found.items()},
                'emulated': 'QEMU TCG', 'pinned': {'g1': 0, 'g2': 1}, 'rounds': self.rounds, 'seconds': self.seconds,
                'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds')}

    def switch(self, way):
        """Loopback is measured without XenLoop, too, and before the next netfront."""
        if way == ways.XENLOOP:
            ways.xenloop(self.host)
            self.known = {}
        else:
            ways.netfront(self.host)

    def sample(self, number, way, measurement):
        start = time.monotonic()
        try:
            (sample, counted), others = quiet.undisturbed(
                self.host.qemu.pid, lambda: self.take(measurement, way), ATTEMPTS, say)
        except SampleError as error:
            self.errors.append((measurement.rows, way, str(error)))
            say(f'{number}/{self.rounds} ERROR: {error}')
            return
        for row, entry in sample.rows.items():
            self.samples[way, row].append({**entry, 'others': others, **({'channel': counted} if counted else {})})
        shown = ', '.join(measure.shown(row, entry['value']) for row, entry in sample.rows.items())
        say(f'{number}/{self.rounds} {ways.LABEL[way]:8} {shown} ({time.monotonic() - start:.0f} s)')

    def take(self, measurement, way):
        sample = measure.take(self.host, measurement, way, self.seconds, self.reading)
        return sample, self.counted(sample)

    def counted(self, sample):
        """What the channel carried, lost and dropped during this sample; a loss makes it an error."""
        now = sample.losses
        fresh = {key: now[key] - self.known.get(key, 0) for key in now}
        self.known = now
        if fresh.get('lost') or fresh.get('dropped'):
            raise SampleError(f'frames were lost inside the channel: {fresh}')
        return fresh


def bench(destdir, rounds=ROUNDS, seconds=SECONDS, rows=None, output=OUTPUT, keep=False, up=False):
    """Writes bench.json and the report, with `keep` to docs, too; returns how many samples were errors, or rows too low."""
    rows = known_rows(rows)
    start = time.monotonic()
    with session('bench', destdir, up) as host:
        say(f'host ready after {time.monotonic() - start:.0f} s; {rounds} rounds of {", ".join(rows)}')
        run = Bench(host, measure.for_rows(rows), rounds, seconds)
        try:
            run.run()
        except (AgentError, CaseFailed, CommandFailed):
            finish(run, rows, output)  # what there is, before the error ends it
            raise
    document = finish(run, rows, output)
    low = tables.too_low(document['rows'])
    for line in low:
        say(line)
    against = publish.obstacles(document['rows'], ROWS, ROUNDS) + low
    refused = keep and publish.publish(report.write, document, against, say)
    say(f'done after {time.monotonic() - start:.0f} s, {len(run.errors)} bad samples, {len(low)} rows too low')
    return len(run.errors) + len(low) + refused


def known_rows(names):
    unknown = [name for name in names or () if name not in ROWS]
    if unknown:
        raise LabError(f'no such row: {", ".join(unknown)}; there are {", ".join(ROWS)}')
    return [name for name in ROWS if name in (names or ROWS)]


def finish(run, rows, output):
    document = {'testbed': run.testbed, 'rows': [tables.row(ROWS[name], run.samples, run.errors) for name in rows]}
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    (output / 'bench.json').write_text(json.dumps(document, indent=1) + '\n')
    report.write(document, output)
    print(tables.text(document['rows']), flush=True)
    say(f'results are in {output}/bench.json and report.md')
    return document


def say(text):
    print(f'bench: {text}', flush=True)
