# SPDX-License-Identifier: GPL-2.0 OR MIT
"""From samples to figures: medians, spread, ratios.  Pure."""
from statistics import median, quantiles


def significant(value, digits=4):
    """Rounded to so many significant digits: nothing here is known better."""
    return float(f'{value:.{digits}g}')


def middle(samples):
    return significant(median(samples)) if samples else None


def spread(samples):
    """{'min', 'max', 'iqr'}; the interquartile range of fewer than two samples is 0."""
    if not samples:
        return None
    low, _, high = quantiles(samples, n=4, method='inclusive') if len(samples) > 1 else (0, 0, 0)
    return {'min': significant(min(samples)), 'max': significant(max(samples)), 'iqr': significant(high - low)}


def ratio(better, standard, other):
    """How many times better `other` is: more than 1 when it is; None without both figures."""
    if not standard or not other:
        return None
    return significant(other / standard if better == 'higher' else standard / other, 3)


def medians_by_key(samples):
    """[{key: number}, ...] -> {key: median} of the keys that all have."""
    if not samples:
        return {}
    keys = set.intersection(*(set(sample) for sample in samples))
    return {key: middle([sample[key] for sample in samples]) for key in sorted(keys)}


def median_curve(curves):
    """[[(x, y, z), ...], ...] -> [[x, median y, median z], ...] at each x that all curves have."""
    tables = [{point[0]: point[1:] for point in curve} for curve in curves]
    if not tables:
        return []
    common = sorted(set.intersection(*(set(table) for table in tables)))
    return [[x, *(middle(values) for values in zip(*(table[x] for table in tables)))] for x in common]
