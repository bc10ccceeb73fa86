# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Plots as SVG: lines over a logarithmic axis, and groups of bars.  Pure."""
import math
from html import escape

from figures import significant

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 72, 28, 56, 52
COLOURS = ('#d55e00', '#0072b2', '#5f6b6d', '#009e73', '#cc79a7')  # told apart by colour-blind eyes, too


class Axis:
    """Maps values to pixels: from `low` at pixel `start` to `high` at pixel `end`."""

    def __init__(self, low, high, start, end, logarithmic=False):
        self.scale = math.log10 if logarithmic else float
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value):
        low, high = self.scale(self.low), self.scale(self.high)
        share = (self.scale(value) - low) / (high - low) if high != low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def lines(title, x_title, y_title, series, marked=None):
    """series: {label: [(x, y), ...]}; x on a scale of powers of two, or of the values `marked`, y on one of powers of ten."""
    points = [point for curve in series.values() for point in curve]
    xs, ys = zip(*points)
    x = Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT, logarithmic=True)
    powers = range(math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys))) + 1)
    y = Axis(10.0 ** powers[0], 10.0 ** powers[-1], HEIGHT - BOTTOM, TOP, logarithmic=True)
    parts = frame(title, x_title, y_title, list(series))
    doublings = range(math.ceil(math.log2(min(xs))), int(math.log2(max(xs))) + 1, 2)
    parts += x_marks([(x(value), f'{value:g}') for value in marked] if marked else
                     [(x(2 ** n), binary(2 ** n)) for n in doublings])
    parts += y_marks([(y(10.0 ** n), f'{10.0 ** n:g}') for n in powers])
    for curve, colour in zip(series.values(), COLOURS):
        path = ' '.join(f'{x(a)},{y(b)}' for a, b in curve)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(a)}" cy="{y(b)}" r="2.5" fill="{colour}"/>' for a, b in curve]
    return document(parts)


def bars(title, y_title, groups, labels, reference=None):
    """groups: {name: [value or None for each label]}; `reference` draws a line at that height."""
    highest = max([value for values in groups.values() for value in values if value] + [reference or 0])
    y = Axis(0, rounded_up(highest), HEIGHT - BOTTOM, TOP)
    parts = frame(title, '', y_title, labels if len(labels) > 1 else [])
    parts += y_marks([(y(y.high * n / 5), f'{y.high * n / 5:g}') for n in range(6)])
    step = (WIDTH - LEFT - RIGHT) / len(groups)
    for index, (name, values) in enumerate(groups.items()):
        left = LEFT + index * step
        parts += group(left, step, values, y)
        parts += slanted(left + step / 2, name, step)
    if reference:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(reference)}" y2="{y(reference)}" stroke="#000" '
                     'stroke-dasharray="5 4"/>')
    return document(parts)


def group(left, step, values, y):
    width = step * 0.8 / len(values)
    parts = []
    for index, value in enumerate(values):
        if value is None:
            continue
        place, top = round(left + step * 0.1 + index * width, 1), y(value)
        colour = COLOURS[index if len(values) > 1 else 1]
        parts.append(f'<rect x="{place}" y="{top}" width="{width:.1f}" height="{y(0) - top:.1f}" fill="{colour}"/>')
        parts.append(text(place + width / 2, top - 4, f'{significant(value, 3):g}', 'middle', size=10))
    return parts


def slanted(x, name, step):
    """A label under a group, in pieces when there is little room."""
    pieces = name.split('_') if step < 90 else [name]
    return [text(x, HEIGHT - BOTTOM + 15 + 12 * index, piece, 'middle', size=10) for index, piece in enumerate(pieces)]


def rounded_up(value):
    """The next height of an axis that five parts divide into handy numbers."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(factor * power for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if factor * power >= value)


def frame(title, x_title, y_title, labels):
    parts = [text(WIDTH / 2, 20, title, 'middle', size=15),
             text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_title, 'middle'),
             f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
             f'{escape(y_title)}</text>']
    for index, (label, colour) in enumerate(zip(labels, COLOURS)):
        parts.append(f'<rect x="{LEFT + 120 * index}" y="32" width="12" height="12" fill="{colour}"/>')
        parts.append(text(LEFT + 120 * index + 17, 42, label))
    return parts


def x_marks(marks):
    return [part for place, label in marks for part in (
        f'<line x1="{place}" x2="{place}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>',
        text(place, HEIGHT - BOTTOM + 16, label, 'middle'))]


def y_marks(marks):
    return [part for place, label in marks for part in (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}" stroke="#ddd"/>',
        text(LEFT - 6, place + 4, label, 'end'))]


def text(x, y, words, anchor='start', size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def binary(size):
    for unit, name in ((1 << 20, ' MiB'), (1 << 10, ' KiB')):
        if size >= unit:
            return f'{size // unit}{name}'
    return f'{size} B'


def document(parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="sans-serif" font-size="12">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + '\n'.join(parts) + '\n</svg>\n')
