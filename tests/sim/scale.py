#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Simulates hosts of several sizes: sim.json, tables and a plot in build/sim; with --publish the latter also in docs/scale.md.

usage: scale.py PROGRAM [--guests N ...] [--publish]
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lab'))
sys.dont_write_bytecode = True

import plot                         # noqa: E402
from figures import significant     # noqa: E402

GUESTS = (10, 100, 300, 1000)
ALL_PAIRS = (10, 100)               # more would exceed max-channels
DOCUMENT = ROOT / 'docs/scale.md'
BEGIN, END = '<!-- made by make sim -->', '<!-- end -->'


def simulate(program, guests, partners=3):
    print(f'sim: {guests} guests, each talks to {partners}', flush=True)
    done = subprocess.run([program, str(guests), str(partners)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f'sim: {done.stdout.strip()}')
    return {**json.loads(done.stdout), 'partners': partners}


def each(value, number):
    return f'{significant(value / number, 3):g}'


def requests(run):
    """(heading, text) of each figure that is counted."""
    n, start, talk, steady, churn = run['guests'], *(run[phase] for phase in ('start', 'talk', 'steady', 'churn'))
    return [('guests', n),
            ('roster entries of each', n - 1),
            ('requests of xendiscoverd, per guest', each(start['dom0']['ops'], n)),
            ('requests of xenloopd', each(start['guests']['ops'], n)),
            ('watch events to xenloopd', each(start['guests']['events'], n)),
            ('messages per guest', each(talk['relayed'], n)),
            ('messages per channel', each(talk['relayed'], talk['channels_up'])),
            ('requests per channel, all daemons', each(talk['dom0']['ops'] + talk['guests']['ops'], talk['channels_up'])),
            ('requests in a quiet minute', steady['dom0']['ops'] + steady['guests']['ops']),
            ('writes of xendiscoverd per change', each(churn['dom0']['writes'], churn['changes'])),
            ('watch events per change', each(churn['guests']['events'] + churn['dom0']['events'], churn['changes']))]


def costs(run):
    n, start, steady, churn = run['guests'], run['start'], run['steady'], run['churn']
    return [('guests', n),
            ('channels', run['channels']),
            ('xendiscoverd: ms per guest that starts', each(1000 * start['dom0_cpu'], n)),
            ('ms per change', each(1000 * churn['dom0_cpu'], churn['changes'])),
            ('MiB', each(run['dom0_bytes'], 1 << 20)),
            ('bytes per roster entry', each(run['dom0_bytes'], n * (n - 1))),
            ('xenloopd: ms in a quiet minute', each(1000 * steady['guests_cpu'], n)),
            ('KiB, nobody talks', each(run['guest_bytes_silent'], 1024)),
            ('KiB, with channels', each(run['guest_bytes'], 1024)),
            ('FIFO pages of a guest', each(2 * run['channels'] * 129, n)),
            ('largest queue of events', run['max_guest_events']),
            ('nodes of a guest', run['max_guest_nodes'])]


def table(rows):
    heads = [head for head, _ in rows[0]]
    lines = [heads, ['---:'] * len(heads)] + [[str(text) for _, text in row] for row in rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def picture(runs):
    def points(value):
        return [(run['guests'], value(run)) for run in runs]
    return plot.lines('XenStore, per guest', 'guests on the host', 'number', {
        'requests': points(lambda run: (run['start']['dom0']['ops'] + run['start']['guests']['ops']) / run['guests']),
        'watch events': points(lambda run: (run['start']['dom0']['events'] + run['start']['guests']['events'])
                               / run['guests']),
        'messages': points(lambda run: run['talk']['relayed'] / run['guests']),
    }, [run['guests'] for run in runs])


def publish(text, svg):
    document = DOCUMENT.read_text()
    head, rest = document.split(BEGIN)
    DOCUMENT.write_text(f'{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}')
    DOCUMENT.with_suffix('.svg').write_text(svg)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--guests', type=int, nargs='+', default=GUESTS)
    parser.add_argument('--publish', action='store_true', help='write tables and plot to docs/scale.*')
    parser.add_argument('program')
    options = parser.parse_args()
    runs = [simulate(options.program, guests) for guests in options.guests]
    pairs = [simulate(options.program, guests, guests - 1) for guests in ALL_PAIRS if guests in options.guests]
    output = ROOT / os.environ.get('BUILD', 'build') / 'sim'
    output.mkdir(parents=True, exist_ok=True)
    (output / 'sim.json').write_text(json.dumps({'runs': runs, 'all_pairs': pairs}, indent=1) + '\n')
    text = '\n\n'.join([table([requests(run) for run in runs]), table([costs(run) for run in runs])]
                       + ([table([costs(run) for run in pairs])] if pairs else []))
    (output / 'scale.md').write_text(text + '\n')
    (output / 'scale.svg').write_text(picture(runs))
    print(text)
    if options.publish:
        publish(text, picture(runs))


if __name__ == '__main__':
    main()
