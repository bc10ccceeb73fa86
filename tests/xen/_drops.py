# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where frames and datagrams were dropped: every counter of that on their way, in Dom0 and the guests."""
import json

import _loop as loop

IP = ('IpInDiscards', 'IpOutDiscards', 'IpReasmFails', 'IpInHdrErrors', 'IpInAddrErrors', 'IpInUnknownProtos',
      'UdpNoPorts', 'UdpInErrors', 'UdpRcvbufErrors', 'UdpMemErrors', 'UdpSndbufErrors')


class Drops:
    """From now on."""

    def __init__(self, host, *guests):
        self.domains = (host.dom0, *guests)
        self.guests = guests
        self.before = self.look()

    def look(self):
        looks = [(domain, kind) for domain in self.domains for kind in (links, qdiscs, protocols, neighbours)]
        looks += [(guest, channels) for guest in self.guests]
        return {f'{domain} {name}': value for domain, kind in looks for name, value in kind(domain).items()}

    def __str__(self):
        moved = {name: value - self.before.get(name, 0) for name, value in self.look().items()}
        return ', '.join(f'{name}: {value}' for name, value in sorted(moved.items()) if value) or 'nothing'


def links(domain):
    return {f'{link["ifname"]} {way} {what}': link['stats64'][way][what] for link in json.loads(domain.sh('ip -s -j link'))
            for way in ('rx', 'tx') for what in ('dropped', 'errors')}


def qdiscs(domain):
    return {f'{q["dev"]} {q["kind"]} {q.get("parent", "root")} drops': q['drops'] for q in json.loads(domain.sh('tc -s -j qdisc'))}


def protocols(domain):
    now = json.loads(domain.sh('nstat -asj'))['kernel']
    return {name: now.get(name, 0) for name in IP}


def neighbours(domain):
    """What was dropped while a neighbour that does not answer was asked for, and how many did not; over all CPUs."""
    found = {}
    for table in ('arp', 'ndisc'):
        names, *cpus = (line.split() for line in domain.sh(f'cat /proc/net/stat/{table}_cache').splitlines())
        for name in ('res_failed', 'unresolved_discards'):
            found[f'{table} {name}'] = sum(int(values[names.index(name)], 16) for values in cpus)
    return found


def channels(guest):
    """Those of its interfaces, and of all channels there were."""
    found = {}
    for iface in loop.ask(guest, 'stats')['interfaces']:
        for name, value in {**iface['stats'], **iface['channels']}.items():
            if 'drop' in name:
                found[f'{iface["ifname"]} {name}'] = value
    return found
