# SPDX-License-Identifier: GPL-2.0 OR MIT
"""From samples to the rows of bench.json, and to a table of them.  Pure."""
from dataclasses import asdict

import figures
from rows import TARGET, Target
from ways import NETFRONT, WAYS, XENLOOP


def row(description, samples, errors, by=WAYS):
    """One row of bench.json: medians of each way that it was measured by, and what else the samples brought.

    `others` is the share of the machine that other programs had during each sample.
    """
    name = description.name
    taken = {way: samples[way, name] for way in by}
    values = {way: [entry['value'] for entry in taken[way]] for way in by}
    middles = {way: figures.middle(values[way]) for way in by}
    found = {'name': name, 'unit': description.unit, 'better': description.better, **middles,
             'ratio': figures.ratio(description.better, middles[NETFRONT], middles[XENLOOP]),
             'runs': min(map(len, values.values())),
             'ratios': ratios(description.better, values[NETFRONT], values[XENLOOP]),
             'spread': {way: figures.spread(values[way]) for way in by},
             'samples': {way: list(map(figures.significant, values[way])) for way in by},
             'others': {way: [round(entry['others'], 2) for entry in taken[way]] for way in by}}
    if description.target:
        found['target'] = asdict(description.target)
    found.update(details(taken))
    mine = [text for rows, _, text in errors if name in rows]
    return {**found, **({'errors': mine} if mine else {})}


def ratios(better, standard, other):
    """Of the two samples of each round, which are neighbours in time; [] if any is missing."""
    if len(standard) != len(other):
        return []
    return [figures.ratio(better, *pair) for pair in zip(standard, other)]


def details(taken):
    """Medians, by way, of what comes with the values; counters of the channel are added up."""
    found = {}
    keys = {key for entries in taken.values() for entry in entries for key in entry}
    for kind in sorted(keys - {'value', 'channel', 'others'}):
        found[kind] = {way: summary([entry[kind] for entry in entries if kind in entry]) for way, entries in taken.items()}
    counters = [entry['channel'] for entry in taken[XENLOOP] if 'channel' in entry]
    if counters:
        found['channel'] = {key: sum(counter[key] for counter in counters) for key in counters[0]}
    return found


def summary(entries):
    if not entries:
        return None
    if isinstance(entries[0], dict):
        return figures.medians_by_key(entries)
    if isinstance(entries[0], list):
        return figures.median_curve(entries)
    return figures.middle(entries)


def text(rows, by=WAYS):
    """For a terminal."""
    lines = [f'{"":17}{"unit":11}' + ''.join(f'{way:>11}' for way in by) + f'{"ratio":>8}{TARGET:>16}{"runs":>6}']
    for found in rows:
        cells = ''.join(f'{figure(found[way]):>11}' for way in by)
        lines.append(f'{found["name"]:17}{found["unit"]:11}{cells}{figure(found["ratio"]):>8}{target(found):>16}'
                     f'{found["runs"]:>6}')
    return '\n'.join(lines)


def target(found):
    return str(Target(**found['target'])) if 'target' in found else '-'


def too_low(rows):
    """A line for each row that is not as much better than netfront as it has to be."""
    return [f'{found["name"]} is {figure(found["ratio"])} times better than netfront, not at least {found["target"]["least"]:g}'
            for found in rows if 'target' in found and (found['ratio'] or 0) < found['target']['least']]


def figure(value):
    return '-' if value is None else f'{value:g}'
