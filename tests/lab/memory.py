# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What channels, and peers that nobody talks to, cost in memory, on a host with many guests."""
import json
from statistics import median

import crowd
import figures
import outputs
import ways
from case import expect, wait_for

READINGS = 5
FREE = f'''sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1
for i in $(seq {READINGS}); do awk '$1 == "MemFree:" {{ print $2 }}' /proc/meminfo; sleep 0.2; done'''
STATUS = 'xenloopctl --json status'
STEPS = (0, 1, 3, 5)  # channels at the same time


def free_kb(domain):
    """Memory that nobody uses, after dropping the caches."""
    return median(map(int, domain.sh(FREE, timeout=300).split()))


def resident_kb(domain, program):
    return int(domain.sh(f"awk '$1 == \"VmRSS:\" {{ print $2 }}' /proc/$(pidof {program})/status"))


def kernel(domain):
    return json.loads(domain.sh(STATUS))['kernel']


def measured(host):
    """The section "memory" of scale.json. Before, XenLoop is off in all guests.

    The guest with the lowest domid listens for all its channels, and the one with the highest connects to all.
    """
    first, last = (host.domains[name] for name in (crowd.NAMES[0], crowd.NAMES[-1]))
    without = free_kb(first)
    host.dom0.sh(ways.START_DOM0)
    crowd.each(host, crowd.start, (first.name, last.name))
    few = reading_of_peers(host, first, 1)
    crowd.each(host, crowd.start)
    many = reading_of_peers(host, first, len(crowd.NAMES) - 1)
    listener = channels(host, first, crowd.NAMES[1:])
    first.sh(ways.STOP, timeout=300)
    wait_for(lambda: not carried(last), 60, f'the channel between {first} and {last} to close')
    return {'without_free_kb': without, 'idle_peers': [few, many], 'per_idle_peer_kb': slopes(few, many, 'peers'),
            'listener': listener, 'connector': channels(host, last, crowd.NAMES[1:-1])}


def carried(domain):
    return outputs.channels(domain.sh(ways.STATS))


def reading_of_peers(host, domain, count):
    """When a guest knows so many peers, and has no channel."""
    wait_for(lambda: len(json.loads(domain.sh(ways.PEERS))['peers']) == count, 300, f'{count} peers in {domain}')
    expect(not carried(domain), f'{domain} has a channel already')
    return {'peers': count, 'free_kb': free_kb(domain), 'xenloopd_kb': resident_kb(domain, 'xenloopd'),
            'xendiscoverd_kb': resident_kb(host.dom0, 'xendiscoverd')}


def channels(host, domain, peers):
    """Readings with more and more channels, and the cost of one."""
    found = [reading_of_channels(host, domain, peers[:count]) for count in STEPS if count <= len(peers)]
    return {'readings': found, 'per_channel_kb': slopes(found[0], found[-1], 'channels')}


def reading_of_channels(host, domain, peers):
    if peers:
        wait_for(lambda: all_up(host, domain, peers), 300, f'channels from {domain} to {", ".join(peers)}')
    free, counters = free_kb(domain), kernel(domain)
    expect({name for name, _ in carried(domain)} == set(peers), f'{domain} has other channels than those to {peers}')
    return {'channels': len(peers), 'free_kb': free, 'granted_kb': 4 * (counters['pages_granted'] - counters['pages_freed']),
            'mapped_kb': 4 * counters['pages_mapped'], 'ports': counters['ports_bound']}


def all_up(host, domain, peers):
    domain.sh('\n'.join(f'ping -n -q -c 1 -W 2 {host.domains[peer].ip} &' for peer in peers) + '\nwait', check=False)
    answer = domain.sh(ways.PEERS)
    return all(outputs.is_up(answer, peer) for peer in peers)


def slopes(low, high, by):
    """What one more of `by` costs, by each measure that both readings have; free memory shrinks."""
    step = high[by] - low[by]
    signs = {'free_kb': -1}
    return {key.removesuffix('_kb'): figures.significant(signs.get(key, 1) * (high[key] - low[key]) / step)
            for key in low if key != by}
