# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The report of how cost grows: scale.md with its plots, from the content of scale.json."""
import plot
from report import LICENCE, RATIO, company_text, errors_text, spread_table, table, with_key, write_plots
from rows import PAIRS
from tables import figure
from ways import LABEL

PLOTS = {'messages.svg': 'TCP bandwidth over message size',
         'pairs.svg': 'TCP bandwidth of all pairs together, over their number'}


RESIDENT = (('free in the guest', 'free'), ('xenloopd, resident', 'xenloopd'),
            ('xendiscoverd in Dom0, resident', 'xendiscoverd'))


def write(document, directory):
    drawn = plots(document)
    write_plots(directory, PLOTS, drawn)
    (directory / 'scale.md').write_text(markdown(document, drawn))


def markdown(document, drawn):
    parts = [LICENCE, '# How cost grows', setting(document['testbed'])]
    for section in (messages_section, pairs_section, memory_section):
        parts += section(document, drawn)
    return '\n\n'.join(part for part in parts if part) + '\n'


def setting(testbed):
    facts = ', '.join(f'{key} {value}' for key, value in testbed.items() if key not in ('pinned', 'date'))
    return (f'Written by `make bench-scale` on {testbed.get("date", "an unknown date")}. A Xen host in an emulator ({facts}) '
            'with two physical CPUs. The ways were measured in turns, each figure is a median; only ratios count.')


def ways_of(rows):
    return [way for way in LABEL if way in rows[0]]


def rates_table(rows):
    by = ways_of(rows)
    return table(['row', *(LABEL[way] for way in by), RATIO, 'runs'],
                 [[row['name'], *(figure(row[key]) for key in (*by, 'ratio', 'runs'))] for row in rows])


def details(rows):
    by = ways_of(rows)
    return [company_text(rows, by), spread_table(rows, by, '###'), errors_text(rows, '###')]


def messages_section(document, drawn):
    rows = document.get('messages')
    if not rows:
        return []
    return ['## Message sizes', 'One TCP stream from g1 to g2, which writes so many bytes at a time (netperf TCP_STREAM -m); '
            'TCP may put several into one segment. Mbit/s.', rates_table(rows), image('messages.svg', drawn), *details(rows)]


def pairs_section(document, drawn):
    rows = document.get('pairs')
    if not rows:
        return []
    by = ways_of(rows)
    shares = table(['row', *(LABEL[way] for way in by)],
                   [[row['name'], *(f'{figure(row["least"][way])} – {figure(row["most"][way])}' for way in by)]
                    for row in with_key(rows, 'least')])
    return ['## Pairs', 'One TCP stream per pair of guests, all at the same time; Mbit/s of all pairs together. The '
            'physical CPUs are two, however many the pairs: each has a guest on either. From the fourth on guests are in '
            'several.', rates_table(rows),
            image('pairs.svg', drawn), '### The slowest and the quickest pair', shares, *details(rows)]


def image(name, drawn):
    return f'![{PLOTS[name]}]({name})' if name in drawn else ''


def memory_section(document, drawn):
    found = document.get('memory')
    if not found:
        return []
    cost = found['per_idle_peer_kb']
    few, many = found['idle_peers']
    return ['## Memory', 'KiB. Free memory is what /proc/meminfo says after dropping the caches, so some hundreds either way '
            'are noise; granted and mapped pages are the module\'s own counters.',
            '### A peer that nobody talks to', table(
                ['', f'with {few["peers"]} peer', f'with {many["peers"]} peers', 'per peer'],
                [[title, *(figure(reading[f'{key}_kb']) for reading in (few, many)), figure(cost[key])]
                 for title, key in RESIDENT]),
            f'Without XenLoop {figure(found["without_free_kb"])} are free.',
            *channels_section('listens', found['listener']), *channels_section('connects', found['connector'])]


def channels_section(role, found):
    lines = [[str(reading['channels']), *(figure(reading[key]) for key in ('free_kb', 'granted_kb', 'mapped_kb', 'ports'))]
             for reading in found['readings']]
    cost = found['per_channel_kb']
    lines.append(['each', *(figure(cost[key]) for key in ('free', 'granted', 'mapped', 'ports'))])
    return [f'### Channels of a guest that {role}', table(
        ['channels', 'free', 'granted to peers', 'mapped of peers', 'event channels'], lines)]


def plots(document):
    """{file name: SVG} of those for which there are figures."""
    drawn = {}
    if document.get('messages'):
        drawn['messages.svg'] = lines('messages.svg', 'bytes in one write', document['messages'])
    if document.get('pairs'):
        drawn['pairs.svg'] = lines('pairs.svg', 'pairs', document['pairs'], PAIRS)
    return {name: svg for name, svg in drawn.items() if svg}


def lines(name, x_title, rows, marked=None):
    by = ways_of(rows)
    series = {LABEL[way]: [(int(row['name'].rpartition('_')[2]), row[way]) for row in rows if row[way]] for way in by}
    return plot.lines(PLOTS[name], x_title, 'Mbit/s', series, marked) if any(series.values()) else None
