#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Runs fifo_bench and makes figures of its samples: a table, and fifo.json, fifo.md and fifo.svg in the output directory."""
import argparse
import datetime
import json
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lab'))
sys.dont_write_bytecode = True

import figures  # noqa: E402
import plot     # noqa: E402
import publish  # noqa: E402
import quiet    # noqa: E402
from rows import TARGET, Target  # noqa: E402

OUTPUT = ROOT / 'build/bench'
FIFO, STANDARD = 'fifo', 'memcpy'
TARGETS = {65536: Target(0.8, 0.95)}  # of memcpy's rate, by frame size
ROUNDS = 9
WAYS = (FIFO, 'fifo_scattered', STANDARD, 'ck_ring', 'pipe')
TITLE = 'The FIFO alone, on two threads'


def run(program, options):
    """(samples, the share of the machine that other programs had)"""
    command = [program, '--rounds', str(options.rounds), '--ms', str(options.ms), '--size', str(options.size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = quiet.Watch(process.pid)
        samples = []
        for line in process.stdout:
            samples.append(json.loads(line))
            others = watch.others()
    if process.returncode:
        sys.exit(f'fifo_bench failed: exit code {process.returncode}')
    return samples, others


def rate(sample):
    """Mbit/s of payload."""
    return sample['frames'] * sample['frame'] * 8 / sample['seconds'] / 1e6


def rows(samples):
    return [row(size, [sample for sample in samples if sample['frame'] == size])
            for size in sorted({sample['frame'] for sample in samples})]


def row(size, samples):
    """Ratios are those of the rounds: what they compare are neighbours in time."""
    taken = {way: sorted((sample for sample in samples if sample['way'] == way), key=lambda sample: sample['round'])
             for way in WAYS}
    rates = {way: [rate(sample) for sample in taken[way]] for way in WAYS}
    ratios = {way: [mine / other for mine, other in zip(rates[FIFO], rates[way])] for way in WAYS if way != FIFO}
    return {'name': f'FIFO_{size}', 'frame': size, 'unit': 'Mbit/s', 'better': 'higher', 'runs': len(taken[FIFO]),
            **{way: figures.middle(rates[way]) for way in WAYS},
            'ratio': {way: figures.middle(ratios[way]) for way in ratios},
            'ratio_spread': {way: figures.spread(ratios[way]) for way in ratios},
            'spread': {way: figures.spread(rates[way]) for way in WAYS},
            'latency_ns': {way: {key: figures.middle([sample[f'{key}_ns'] for sample in taken[way]])
                                 for key in ('p50', 'p95')} for way in WAYS}}


def testbed(options, others):
    models = {line.split(':', 1)[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines()
              if line.startswith('model name')}
    return {'cpu': ', '.join(sorted(models)) or platform.machine(), 'kernel': platform.release(),
            'fifo_bytes': options.size, 'rounds': options.rounds, 'ms': options.ms, 'others': round(others, 2),
            'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds')}


def table(header, lines):
    rule = ['---:'] * len(header)
    return '\n'.join(f'| {" | ".join(line)} |' for line in [header, rule, *lines])


def figure(value):
    return f'{value:.4g}'


def spread(found):
    return f'{figure(found["min"])} – {figure(found["max"])}'


def markdown(document):
    found, facts = document['rows'], document['testbed']
    bandwidth = table(['frame', *WAYS, f'{FIFO} / {STANDARD}', TARGET, 'spread', f'{FIFO} / ck_ring', f'{FIFO} / pipe'], [
        [str(row['frame']), *(f'{row[way]:.0f}' for way in WAYS), figure(row['ratio'][STANDARD]),
         target(row), spread(row['ratio_spread'][STANDARD]), figure(row['ratio']['ck_ring']), figure(row['ratio']['pipe'])]
        for row in found])
    rates = table(['frame', *WAYS], [[str(row['frame']), *(spread(row['spread'][way]) for way in WAYS)] for row in found])
    latency = table(['frame', *WAYS], [
        [str(row['frame']), *(f'{row["latency_ns"][way]["p50"]:.0f} / {row["latency_ns"][way]["p95"]:.0f}' for way in WAYS)]
        for row in found])
    return f'''<!-- SPDX-License-Identifier: GPL-2.0 OR MIT -->

# {TITLE}

Written by `make bench-fifo` on {facts['date']}: {facts['cpu']}, Linux {facts['kernel']}, {facts['rounds']} rounds of
{facts['ms']} ms, {facts['fifo_bytes'] >> 10} KiB between the threads; other programs used {facts['others']:.0%} of the
machine. README.md says what is compared.

## Mbit/s of payload, medians; how many times {STANDARD}'s, ck_ring's, the pipe's the FIFO's rate is, in the same round

{bandwidth}

![{TITLE}](fifo.svg)

## Spread of the rates: minimum – maximum

{rates}

## One frame at a time: nanoseconds from before the first copy to after the second, p50 / p95

{latency}
'''


def svg(found):
    return plot.lines(TITLE, 'frame size', 'Mbit/s', {way: [(row['frame'], row[way]) for row in found] for way in WAYS})


def text(found):
    """For a terminal."""
    lines = [f'{"frame":>7}' + ''.join(f'{way:>16}' for way in WAYS) + f'{"of memcpy":>12}{"p95, ns":>10}{"memcpy":>8}']
    for row in found:
        lines.append(f'{row["frame"]:>7}' + ''.join(f'{row[way]:>16.0f}' for way in WAYS) + f'{row["ratio"][STANDARD]:>12.2f}'
                     f'{row["latency_ns"][FIFO]["p95"]:>10.0f}{row["latency_ns"][STANDARD]["p95"]:>8.0f}')
    return '\n'.join(lines)


def too_low(found):
    """A line for each frame size at which the FIFO is not as near to memcpy as it has to be."""
    return [f'{row["name"]} has {figure(row["ratio"][STANDARD])} of {STANDARD}\'s rate, not at least '
            f'{TARGETS[row["frame"]].least:g}'
            for row in found if row['frame'] in TARGETS and row['ratio'][STANDARD] < TARGETS[row['frame']].least]


def target(row):
    return str(TARGETS.get(row['frame'], '-'))


def obstacles(document):
    """What speaks against publishing it, a line each."""
    facts = document['testbed']
    return too_low(document['rows']) + \
        ([f'{facts["rounds"]} of {ROUNDS} rounds'] if facts['rounds'] < ROUNDS else []) + \
        ([f'other programs used {facts["others"]:.0%} of this machine'] if facts['others'] > quiet.TOLERATED else [])


def write(document, directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / 'fifo.json').write_text(json.dumps(document, indent=1) + '\n')
    (directory / 'fifo.md').write_text(markdown(document))
    (directory / 'fifo.svg').write_text(svg(document['rows']))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program', help='fifo_bench')
    parser.add_argument('--rounds', type=int, default=ROUNDS)
    parser.add_argument('--ms', type=int, default=100, help='for each sample')
    parser.add_argument('--size', type=int, default=512 << 10, help='bytes of the FIFO')
    parser.add_argument('--output', type=Path, default=OUTPUT, metavar='DIR')
    parser.add_argument('--publish', action='store_true', help='write to docs/bench, too')
    options = parser.parse_args()
    samples, others = run(options.program, options)
    document = {'testbed': testbed(options, others), 'rows': rows(samples)}
    write(document, options.output)
    print(text(document['rows']))
    print(f'Mbit/s of payload; medians of {options.rounds} rounds. All figures: {options.output}/fifo.json and fifo.md')
    if others > quiet.TOLERATED:
        print(f'Other programs used {others:.0%} of this machine meanwhile: these figures tell little.')
    low = too_low(document['rows'])
    for line in low:
        print(line)
    refused = options.publish and publish.publish(write, document, obstacles(document), print)
    return 1 if low or refused else 0


if __name__ == '__main__':
    sys.exit(main())
