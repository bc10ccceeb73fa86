# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The rows of the benchmarks: names, units, what is better, and how much better than netfront it has to be."""
from dataclasses import dataclass


TARGET = 'at least / aim'  # over a column of Targets


@dataclass
class Target:
    """How many times better than netfront: what a run has to show, and what is aimed at."""
    least: float
    aim: float

    def __str__(self):
        return f'{self.least:g} / {self.aim:g}'


@dataclass
class Row:
    name: str
    title: str
    unit: str
    better: str
    target: Target | None


def row(name, title, unit, better='higher', target=None):
    return name, Row(name, title, unit, better, target)


ROWS = dict((
    row('PING_RTT', 'ping round trip', 'ms', 'lower', Target(4, 8)),
    row('TCP_RR', 'TCP requests', 'trans/s', target=Target(2.5, 3.5)),
    row('UDP_RR', 'UDP requests', 'trans/s', target=Target(2.5, 3.5)),
    row('TCP_CRR', 'TCP connect, request', 'trans/s', target=Target(2, 3)),
    row('TCP_STREAM', 'TCP stream', 'Mbit/s', target=Target(1.5, 2.5)),
    row('TCP_MAERTS', 'TCP stream, reverse', 'Mbit/s', target=Target(1.5, 2.5)),
    row('UDP_STREAM_1472', 'UDP received, 1472 B', 'Mbit/s', target=Target(1.5, 3)),
    row('UDP_STREAM_16K', 'UDP received, 16 KiB', 'Mbit/s', target=Target(3, 6)),
    row('NETPIPE_LAT', 'NetPIPE latency', 'us', 'lower', Target(2.5, 4)),
    row('NETPIPE_BW', 'NetPIPE bandwidth', 'Mbit/s', target=Target(1.5, 2.5)),
    row('CPU_PER_GB', 'CPU for TCP stream', 'CPU s/GB', 'lower', Target(1.5, 3)),
    row('CPU_PER_KTRANS', 'CPU for TCP requests', 'CPU s/1000', 'lower'),
))

# How cost grows: bytes in one write, and pairs of guests that send at the same time.
MESSAGES = (64, 256, 1024, 4096, 16384, 65536)
PAIRS = (1, 2, 4, 8)
MESSAGE_ROWS = dict(row(f'TCP_STREAM_{size}', f'TCP stream, {size} B', 'Mbit/s') for size in MESSAGES)
PAIR_ROWS = dict(row(f'PAIRS_{count}', f'TCP streams, {count} pairs', 'Mbit/s') for count in PAIRS)
ALL_ROWS = {**ROWS, **MESSAGE_ROWS, **PAIR_ROWS}
