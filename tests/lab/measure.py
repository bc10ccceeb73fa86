# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What is measured, by which program, and how one sample is taken."""
from dataclasses import dataclass, field
from statistics import median
from typing import Callable

import figures
import outputs
import ways
from agent import AgentError
from case import CaseFailed, CommandFailed, expect
from rows import ALL_ROWS

PINGS = 300
READINGS = 5  # of CPU times, to learn what one costs
RATE_KEYS = 'THROUGHPUT,ELAPSED_TIME'
RR_KEYS = f'{RATE_KEYS},{",".join(outputs.PERCENTILES)}'
STREAM_KEYS = f'{RATE_KEYS},REMOTE_BYTES_RECVD'
UDP_KEYS = 'THROUGHPUT,LOCAL_SEND_THROUGHPUT,REMOTE_RECV_THROUGHPUT'
NETPIPE_LARGEST = 1 << 20
NETPIPE_SMALL = 64  # bytes: messages below tell the latency
NETSERVER = ('systemctl -q is-active lab-netserver || systemd-run -q -u lab-netserver netserver -D\n'
             "until ss -Hltn 'sport = :12865' | grep -q .; do sleep 0.1; done")
NETPIPE_SERVER = f'''systemctl -q stop lab-netpipe 2>/dev/null
systemd-run -q --collect -u lab-netpipe NPtcp -p 0 -u {NETPIPE_LARGEST}
until ss -Hltn 'sport = :5002' | grep -q .; do sleep 0.1; done'''
TROUBLE = (CaseFailed, CommandFailed, AgentError, ValueError, KeyError)  # that costs a sample


class SampleError(Exception):
    """This sample is not what it claims to be."""


@dataclass
class Sample:
    """`rows` maps row names to {'value': number, and what else comes with it}; `losses` counts since the channel came up."""
    rows: dict
    frames: int = 0
    losses: dict = field(default_factory=dict)


@dataclass
class Measurement:
    """`command` makes a shell script of an address and seconds, `read` makes Sample.rows of its output.

    With `work`, which takes the amount of work from the same output, `cpu_row` is the CPU time for one unit of it.
    `server` runs first, where the address is.
    """
    rows: tuple
    command: Callable
    read: Callable
    cpu_row: str = ''
    work: Callable = None
    server: str = ''


def netperf_command(test, keys, options=''):
    """With -j netperf keeps percentiles, and asks for the time before and after each call: in a PV guest a system call."""
    timed = '-j ' if set(keys.split(',')) & set(outputs.PERCENTILES) else ''
    return lambda address, seconds: (f'netperf -4 -P 0 {timed}-H {address} -t {test} -l {seconds} -- '
                                     f'{options} -k {keys}')


def read_ping(row):
    def read(text):
        answers = outputs.ping(text)
        expect(answers['received'] >= 0.95 * answers['sent'], f'{answers["received"]} of {answers["sent"]} pings came back')
        return {row: {'value': answers['ms']}}
    return read


def read_rate(row):
    def read(text):
        values = outputs.netperf(text)
        latency = outputs.percentiles(values)
        return {row: {'value': values['THROUGHPUT'], **({'latency_us': latency} if latency else {})}}
    return read


def read_udp(row):
    def read(text):
        values = outputs.netperf(text)
        return {row: {'value': values['REMOTE_RECV_THROUGHPUT'], 'sent': values['LOCAL_SEND_THROUGHPUT']}}
    return read


def read_netpipe(text):
    curve = outputs.netpipe(text)
    small = [time for size, _, time in curve if size < NETPIPE_SMALL] or [curve[0][2]]
    return {'NETPIPE_LAT': {'value': median(small)},
            'NETPIPE_BW': {'value': max(rate for _, rate, _ in curve), 'curve': curve}}


def gigabytes(text):
    return outputs.netperf(text)['REMOTE_BYTES_RECVD'] / 1e9


def thousand_transactions(text):
    values = outputs.netperf(text)
    return values['THROUGHPUT'] * values['ELAPSED_TIME'] / 1e3


def ping_command(address, _):
    return f'ping -n -f -q -c {PINGS} {address}'


def netpipe_command(address, _):
    return (f'd=$(mktemp -d); cd $d; NPtcp -h {address} -p 0 -u {NETPIPE_LARGEST} -o np.out >log 2>&1 || cat log; '
            'cat np.out; rm -r $d')


def udp_stream(row, size):
    return Measurement((row,), netperf_command('UDP_STREAM', UDP_KEYS, f'-m {size} -R 1'), read_udp(row))


MEASUREMENTS = (
    Measurement(('PING_RTT',), ping_command, read_ping('PING_RTT')),
    Measurement(('TCP_RR', 'CPU_PER_KTRANS'), netperf_command('TCP_RR', RR_KEYS), read_rate('TCP_RR'),
                'CPU_PER_KTRANS', thousand_transactions),
    Measurement(('UDP_RR',), netperf_command('UDP_RR', RR_KEYS), read_rate('UDP_RR')),
    Measurement(('TCP_CRR',), netperf_command('TCP_CRR', RATE_KEYS), read_rate('TCP_CRR')),
    Measurement(('TCP_STREAM', 'CPU_PER_GB'), netperf_command('TCP_STREAM', STREAM_KEYS), read_rate('TCP_STREAM'),
                'CPU_PER_GB', gigabytes),
    Measurement(('TCP_MAERTS',), netperf_command('TCP_MAERTS', RATE_KEYS), read_rate('TCP_MAERTS')),
    udp_stream('UDP_STREAM_1472', 1472),
    udp_stream('UDP_STREAM_16K', 16384),
    Measurement(('NETPIPE_LAT', 'NETPIPE_BW'), netpipe_command, read_netpipe, server=NETPIPE_SERVER),
)


def for_rows(names):
    """The measurements that give these rows."""
    return [measurement for measurement in MEASUREMENTS if set(measurement.rows) & set(names)]


def prepare(host):
    """Pins the guests, starts netserver in both, and returns what reading CPU times costs, for take()."""
    ways.pin(host)
    ways.in_both(host, NETSERVER)
    readings = [cpu(host) for _ in range(READINGS + 1)]
    return {name: (readings[-1][name] - first) / READINGS for name, first in readings[0].items()}


def script(command):
    """Counts frames around the command; failure of the command is seen in its output."""
    return f'''count() {{
echo "== $1"
{ways.COUNTERS}
}}
count before && echo "== output" && {{ {command}
}} 2>&1
count after'''


def split(text):
    """(counters before, output, counters after)"""
    before, rest = text.removeprefix('== before\n').split('== output\n', 1)
    output, after = rest.rsplit('== after\n', 1)
    return ways.counted(before), output, ways.counted(after)


def take(host, measurement, way, seconds, reading=None):
    """One sample; SampleError if it failed or its frames went elsewhere."""
    try:
        return take_checked(host, measurement, way, seconds, reading or {})
    except TROUBLE as error:
        raise SampleError(f'{"/".join(measurement.rows)} by {ways.LABEL[way]}: {error}') from error


def take_checked(host, measurement, way, seconds, reading):
    server, address = (host.g1, '127.0.0.1') if way == ways.LOOPBACK else (host.g2, host.g2.ip)
    if measurement.server:
        server.sh(measurement.server)
    start = measurement.work and cpu(host)
    text = host.g1.sh(script(measurement.command(address, seconds)), timeout=3 * seconds + 300)
    end = measurement.work and cpu(host)
    before, output, after = split(text)
    sample = Sample(measurement.read(output), ways.expect_way(way, before, after))
    if measurement.work:
        sample.rows[measurement.cpu_row] = cost(start, end, reading, measurement.work(output))
    if way == ways.XENLOOP:
        sample.losses = ways.settled_losses(host)
    return sample


def cpu(host):
    return outputs.cpu_seconds(host.dom0.sh('xl list'))


def cost(start, end, reading, work):
    """CPU seconds of all domains for one unit of work, and Dom0's part of them, without those of the reading itself."""
    spent = {name: max(0, end[name] - start.get(name, 0) - reading.get(name, 0)) for name in end}
    return {'value': sum(spent.values()) / work, 'dom0': spent['Domain-0'] / work}


def shown(row, value):
    return f'{row} {figures.significant(value):g} {ALL_ROWS[row].unit}'
