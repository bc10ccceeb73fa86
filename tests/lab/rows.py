# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The rows of a benchmark: names, units and what is better."""
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
