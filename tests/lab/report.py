# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The report of a benchmark: report.md with its plots, from the content of bench.json."""
import plot
from quiet import TOLERATED
from rows import TARGET
from tables import figure, target
from ways import LABEL, WAYS

RATIO = 'times better than netfront'
LICENCE = '<!-- SPDX-License-Identifier: GPL-2.0 OR MIT -->'
PLOTS = {'ratio.svg': 'How many times better than netfront',
         'bandwidth.svg': 'Bandwidth over message size (NetPIPE)',
         'latency.svg': 'Round-trip percentiles of requests (netperf)'}


def write(document, directory):
    drawn = plots(document['rows'])
    write_plots(directory, PLOTS, drawn)
    (directory / 'report.md').write_text(markdown(document, drawn))


def write_plots(directory, names, drawn):
    """None of these names is left of an earlier run."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).unlink(missing_ok=True)
    for name, svg in drawn.items():
        (directory / name).write_text(svg)


def markdown(document, drawn):
    rows = document['rows']
    parts = [LICENCE, '# The latest benchmark', setting(document['testbed']), figures_table(rows)]
    parts += [f'![{title}]({name})' for name, title in PLOTS.items() if name in drawn]
    parts += [section(rows) for section in SECTIONS]
    return '\n\n'.join(part for part in parts if part) + '\n'


def setting(testbed):
    facts = ', '.join(f'{key} {value}' for key, value in testbed.items() if key not in ('pinned', 'date'))
    return (f'Written by `make bench` on {testbed.get("date", "an unknown date")}. A Xen host in an emulator ({facts}), two '
            'guests with a physical CPU each. The ways were measured in turns, each figure is a median; emulated CPUs are '
            'slow, so only ratios count.')


def table(header, lines):
    rule = ['---'] + ['---:'] * (len(header) - 1)
    return '\n'.join(f'| {" | ".join(line)} |' for line in [header, rule, *lines])


def figures_table(rows):
    header = ['row', 'unit', *(LABEL[way] for way in WAYS), RATIO, TARGET, 'runs']
    return table(header, [[row['name'], row['unit'], *(figure(row[key]) for key in (*WAYS, 'ratio')), target(row),
                           figure(row['runs'])] for row in rows])


def channel_text(rows):
    counted = [row['channel'] for row in rows if 'channel' in row]
    if not counted:
        return ''
    frames, lost, dropped = (max(entry[key] for entry in counted) for key in ('frames', 'lost', 'dropped'))
    return (f'Inside the channel, by the module\'s counters on both sides: up to {frames} frames in a row\'s samples, '
            f'{lost} lost, {dropped} dropped. A sample counts only if its frames took the way that it names, but for 5 % or '
            '40 frames of the lab\'s own.')


def company_text(rows, by=WAYS):
    shares = [share for row in rows for way in by for share in row['others'][way]]
    disturbed = sum(share > TOLERATED for share in shares)
    return disturbed and (f'While {disturbed} of {len(shares)} samples were taken, other programs used more than '
                          f'{TOLERATED:.0%} of the machine ({max(shares):.0%} at most): these tell little.')


def with_key(rows, key):
    return [row for row in rows if row.get(key)]


def costs_table(rows):
    rows = with_key(rows, 'dom0')
    lines = [[row['name'], row['unit'], *(f'{figure(row[way])} ({figure(row["dom0"][way])})' for way in WAYS)]
             for row in rows]
    return rows and '## CPU time of all domains, Dom0\'s share in brackets\n\n' + table(
        ['row', 'unit', *(LABEL[way] for way in WAYS)], lines)


def udp_table(rows):
    rows = with_key(rows, 'sent')
    lines = [[row['name'], *(f'{figure(row[way])} of {figure(row["sent"][way])}' for way in WAYS)] for row in rows]
    return rows and '## UDP: received of what was sent, Mbit/s\n\n' + table(['row', *(LABEL[way] for way in WAYS)], lines)


def percentiles_table(rows):
    rows = with_key(rows, 'latency_us')
    lines = [[row['name'], LABEL[way], *(figure(row['latency_us'][way].get(key)) for key in ('p50', 'p90', 'p99'))]
             for row in rows for way in WAYS if row['latency_us'][way]]
    return rows and '## Round trips, microseconds\n\n' + table(['row', 'way', 'p50', 'p90', 'p99'], lines)


def spread_table(rows, by=WAYS, heading='##'):
    def cell(spread):
        return '-' if spread is None else f'{figure(spread["min"])} – {figure(spread["max"])} ({figure(spread["iqr"])})'

    return f'{heading} Spread: minimum – maximum (interquartile range)\n\n' + table(
        ['row', *(LABEL[way] for way in by), 'ratio in each round'],
        [[row['name'], *(cell(row['spread'][way]) for way in by), ', '.join(map(figure, row['ratios']))] for row in rows])


def errors_text(rows, heading='##'):
    lines = sorted({error for row in rows for error in row.get('errors', [])})
    return lines and f'{heading} Samples that failed\n\n' + '\n'.join(f'- {" ".join(line.split())}' for line in lines)


SECTIONS = (channel_text, company_text, costs_table, udp_table, percentiles_table, spread_table, errors_text)


def plots(rows):
    """{file name: SVG} of those for which there are figures."""
    drawn = {'ratio.svg': ratio_plot(rows), 'bandwidth.svg': bandwidth_plot(rows), 'latency.svg': latency_plot(rows)}
    return {name: svg for name, svg in drawn.items() if svg}


def ratio_plot(rows):
    groups = {row['name']: [row['ratio']] for row in rows if row['ratio']}
    return groups and plot.bars(PLOTS['ratio.svg'], 'times better', groups, ['ratio'], reference=1)


def bandwidth_plot(rows):
    for row in with_key(rows, 'curve'):
        series = {LABEL[way]: [(size, rate) for size, rate, _ in row['curve'][way] or []] for way in WAYS}
        if any(series.values()):
            return plot.lines(PLOTS['bandwidth.svg'], 'message size', 'Mbit/s', series)
    return None


def latency_plot(rows):
    groups = {}
    for row in with_key(rows, 'latency_us'):
        for key in ('p50', 'p90', 'p99'):
            groups[f'{row["name"]} {key}'] = [(row['latency_us'][way] or {}).get(key) for way in WAYS]
    return groups and plot.bars(PLOTS['latency.svg'], 'microseconds', groups, [LABEL[way] for way in WAYS])
