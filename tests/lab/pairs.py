# SPDX-License-Identifier: GPL-2.0 OR MIT
"""TCP streams between several pairs of guests at the same time."""
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import crowd
import measure
import outputs
import ways
from bench import Bench
from case import expect, wait_for
from measure import Sample, SampleError
from rows import PAIRS

KEYS = f'{measure.RATE_KEYS},REMOTE_BYTES_RECVD'
LEAD = 4         # seconds until the streams begin, and for each pair
LEAD_PER_PAIR = 2
LAST_PER_PAIR = 5  # seconds that a stream lasts at least: that many netperfs take long to begin and to end
OVERLAP = 0.7    # of its own time, each stream runs while all others do


@dataclass
class Pairs:
    count: int

    @property
    def rows(self):
        return (f'PAIRS_{self.count}',)


MEASUREMENTS = [Pairs(count) for count in PAIRS]
# Who sends to whom; n pairs are the first n. Booting two guests for each pair would take longer than measuring, so from
# the fourth pair on guests are in several; each pair has a channel of its own, and a guest on either physical CPU.
STREAMS = (('g1', 'g2'), ('g3', 'g4'), ('g5', 'g6'), ('g2', 'g3'), ('g4', 'g5'), ('g6', 'g1'), ('g1', 'g4'), ('g3', 'g6'))


class PairsBench(Bench):
    """All guests run XenLoop, or none does; only the pairs that a sample is about send."""

    def prepare(self):
        crowd.each(self.host, lambda domain: domain.sh(measure.NETSERVER, timeout=300))

    def switch(self, way):
        if way == ways.XENLOOP:
            xenloop(self.host)
        else:
            crowd.each(self.host, lambda domain: domain.sh(ways.STOP, timeout=300))

    def take(self, measurement, way):
        try:
            seconds = max(self.seconds, measurement.count * LAST_PER_PAIR)
            return take(self.host, measurement.count, way, seconds), {}
        except measure.TROUBLE as error:
            raise SampleError(f'{measurement.rows[0]} by {ways.LABEL[way]}: {error}') from error


def xenloop(host, timeout=300):
    """Starts the services everywhere, and sends something until every pair has its channel."""
    host.dom0.sh(ways.START_DOM0)
    crowd.each(host, crowd.start)
    waiting = list(STREAMS)

    def all_up():
        waiting[:] = [stream for stream in waiting if not is_up(host, *stream)]
        return not waiting

    wait_for(all_up, timeout, 'a channel between each two guests of a pair')


def is_up(host, sender, receiver):
    """Looks from both sides, after a ping."""
    first, second = host.domains[sender], host.domains[receiver]
    first.sh(f'ping -n -q -c 1 -W 2 {second.ip}', check=False)
    return outputs.is_up(first.sh(ways.PEERS), receiver) and outputs.is_up(second.sh(ways.PEERS), sender)


def take(host, count, way, seconds):
    begin = time.time() + LEAD + count * LEAD_PER_PAIR
    command = measure.netperf_command('TCP_STREAM', KEYS)

    def stream(pair):
        sender, receiver = (host.domains[name] for name in pair)
        return sender.sh(measure.script(timed(begin, command(receiver.ip, seconds))), timeout=3 * seconds + 300)

    with ThreadPoolExecutor(count) as pool:
        streams = [read(text, way) for text in pool.map(stream, STREAMS[:count])]
    expect_overlap(streams)
    rates = [values['THROUGHPUT'] for values in streams]
    return Sample({f'PAIRS_{count}': {'value': sum(rates), 'least': min(rates), 'most': max(rates)}})


def timed(begin, command):
    """Waits for a time of day, and says when the command began and ended."""
    return (f'left=$(({begin * 1000:.0f} - $(date +%s%3N)))\n'
            '[ $left -le 0 ] || sleep $((left / 1000)).$(printf %03d $((left % 1000)))\n'
            f'echo BEGIN=$(date +%s.%N); {command}; echo END=$(date +%s.%N)')


def read(text, way):
    before, output, after = measure.split(text)
    values = outputs.netperf(output)
    ways.expect_way(way, before, after)
    return values


def expect_overlap(streams):
    """A stream that ran alone for long was not measured among the others."""
    common = min(values['END'] for values in streams) - max(values['BEGIN'] for values in streams)
    for values in streams:
        share = common / (values['END'] - values['BEGIN'])
        expect(share >= OVERLAP, f'the streams ran together for {share:.0%} of the time only')
