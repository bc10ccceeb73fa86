# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The rows of the benchmarks: names, units and what is better."""
from dataclasses import dataclass


@dataclass
class Row:
    name: str
    title: str
    unit: str
    better: str


def row(name, title, unit, better='higher'):
    return name, Row(name, title, unit, better)


ROWS = dict((
    row('PING_RTT', 'ping round trip', 'ms', 'lower'),
    row('TCP_RR', 'TCP requests', 'trans/s'),
    row('UDP_RR', 'UDP requests', 'trans/s'),
    row('TCP_CRR', 'TCP connect, request', 'trans/s'),
    row('TCP_STREAM', 'TCP stream', 'Mbit/s'),
    row('TCP_MAERTS', 'TCP stream, reverse', 'Mbit/s'),
    row('UDP_STREAM_1472', 'UDP received, 1472 B', 'Mbit/s'),
    row('UDP_STREAM_16K', 'UDP received, 16 KiB', 'Mbit/s'),
    row('NETPIPE_LAT', 'NetPIPE latency', 'us', 'lower'),
    row('NETPIPE_BW', 'NetPIPE bandwidth', 'Mbit/s'),
    row('CPU_PER_GB', 'CPU for TCP stream', 'CPU s/GB', 'lower'),
    row('CPU_PER_KTRANS', 'CPU for TCP requests', 'CPU s/1000', 'lower'),
))

# How cost grows: bytes in one write, and pairs of guests that send at the same time.
MESSAGES = (64, 256, 1024, 4096, 16384, 65536)
PAIRS = (1, 2, 4, 8)
MESSAGE_ROWS = dict(row(f'TCP_STREAM_{size}', f'TCP stream, {size} B', 'Mbit/s') for size in MESSAGES)
PAIR_ROWS = dict(row(f'PAIRS_{count}', f'TCP streams, {count} pairs', 'Mbit/s') for count in PAIRS)
ALL_ROWS = {**ROWS, **MESSAGE_ROWS, **PAIR_ROWS}
