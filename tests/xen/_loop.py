# SPDX-License-Identifier: GPL-2.0 OR MIT
"""XenLoop as the cases see it: start it, bring channels up, read the module's counters."""
import json
from contextlib import contextmanager

from case import expect, expect_equal, wait_for

# Counters of frames that did not arrive; a channel in good order never moves them.
DROPS = ('tx-drop-backlog', 'tx-drop-forwarded', 'tx-drop-nomem', 'tx-drop-return', 'rx-drop-src-mac',
         'rx-drop-dst-mac', 'rx-drop-vlan', 'rx-drop-meta', 'rx-drop-iface-down')


def start(host, guests=None, dom0=True):
    """Starts the services; guests first is as good as Dom0 first."""
    if dom0:
        host.dom0.sh('systemctl start xendiscoverd')
    for guest in guests or (host.g1, host.g2):
        guest.sh('systemctl start xenloopd')


def ask(domain, verb):
    return json.loads(domain.sh(f'xenloopctl {verb} --json'))


def peers(guest):
    return ask(guest, 'peers')['peers']


def link(guest, name, ifname='eth0'):
    """The guest's link to peer `name` by one of its interfaces, or None."""
    found = [p for p in peers(guest) if p['name'] == name and p['ifname'] == ifname]
    return found[0] if found else None


def state(guest, name, ifname='eth0'):
    there = link(guest, name, ifname)
    return there['state'] if there else 'absent'


def wait_state(guest, name, wanted, timeout=60, ifname='eth0'):
    wait_for(lambda: state(guest, name, ifname) == wanted, timeout,
             f'{guest}: link to {name} on {ifname} is {wanted} (peers: {peers(guest)})')


def wait_link(guest, name, timeout=60, ifname='eth0'):
    wait_for(lambda: link(guest, name, ifname), timeout, f'{guest}: {name} on the roster')


def chan_stats(guest, name, ifname='eth0'):
    """All counters of the guest's channel to `name`."""
    found = [c for c in ask(guest, 'stats')['channels'] if c['name'] == name and c['ifname'] == ifname]
    expect_equal(len(found), 1, f'{guest}: channels to {name} on {ifname}')
    return found[0]['stats']


def iface_stats(guest, ifname='eth0'):
    found = [i for i in ask(guest, 'stats')['interfaces'] if i['ifname'] == ifname]
    expect_equal(len(found), 1, f'{guest}: interfaces called {ifname}')
    return found[0]['stats']


def kernel(guest):
    """Object counts of the module."""
    return ask(guest, 'status')['kernel']


def refused(dom0):
    """Messages of guests that xendiscoverd did not pass on."""
    return ask(dom0, 'status')['counters']['messages_refused']


def only_one_channel(guest):
    """One channel is left, with its own pages and those of its peer; everything older is gone."""
    k = kernel(guest)
    pages = 1 + ask(guest, 'status')['settings']['fifo_size'] // 4096
    return (k['chans_created'] - k['chans_destroyed'], k['pages_granted'] - k['pages_freed'], k['pages_mapped'],
            k['pages_deferred'], k['ports_bound']) == (1, pages, pages, 0, 1)


def up(a, b, ifname='eth0', address=None):
    """First traffic brings a channel up; returns when both sides use it."""
    wait_link(a, b.name, ifname=ifname)
    wait_link(b, a.name, ifname=ifname)
    a.sh(f'ping -n -c 1 -W 20 {address or b.ip}')
    wait_state(a, b.name, 'up', ifname=ifname)
    wait_state(b, a.name, 'up', ifname=ifname)


def started(host):
    """The usual beginning: services running, channel between g1 and g2 up."""
    start(host)
    up(host.g1, host.g2)


def use_channel(host, wanted):
    """Has g1 and g2 talk by a channel, or by the standard path, until the next call."""
    if wanted:
        host.g1.sh('xenloopctl connect g2')
        up(host.g1, host.g2)
        return
    host.g1.sh('xenloopctl disconnect g2')
    for guest, peer in ((host.g1, 'g2'), (host.g2, 'g1')):
        wait_for(lambda: state(guest, peer) != 'up', 30, f'{guest}: the channel closes')


class Moved:
    """How far the counters of both ends of a channel moved: m.a['tx-frames'], m.b['rx-frames']."""

    def __init__(self):
        self.a, self.b = {}, {}

    def expect_all_through(self):
        """What one side put the other side took, both ways, and nothing was dropped."""
        for key in ('frames', 'bytes'):
            expect_equal(self.b[f'rx-{key}'], self.a[f'tx-{key}'], f'{key} a to b')
            expect_equal(self.a[f'rx-{key}'], self.b[f'tx-{key}'], f'{key} b to a')
        for side in (self.a, self.b):
            for name in DROPS:
                expect_equal(side[name], 0, name)

    def expect_frames(self, at_least):
        expect(self.a['tx-frames'] >= at_least, f'only {self.a["tx-frames"]} frames took the channel')
        self.expect_all_through()

    def expect_none(self):
        for side in (self.a, self.b):
            expect_equal((side['tx-frames'], side['rx-frames']), (0, 0), 'frames in the channel')


def quiet(a, b):
    """Both ends' counters, once they agree: nothing is in flight."""
    def look():
        x, y = chan_stats(a, b.name), chan_stats(b, a.name)
        same = x['tx-frames'] == y['rx-frames'] and y['tx-frames'] == x['rx-frames']
        return (x, y) if same else None
    return wait_for(look, 20, f'channel between {a} and {b} goes quiet')


@contextmanager
def moved(a, b):
    """with moved(a, b) as m: traffic; m holds the differences afterwards."""
    m = Moved()
    before = quiet(a, b)
    yield m
    after = quiet(a, b)
    m.a = {k: v - before[0][k] for k, v in after[0].items()}
    m.b = {k: v - before[1][k] for k, v in after[1].items()}



class Events:
    """What xenloopd tells from now on, as {'event', 'reason', 'name' (of the peer), 'ifname'}, '' for what there is none of."""

    FIELDS = {'event': 'XENLOOP_EVENT', 'reason': 'XENLOOP_REASON', 'name': 'XENLOOP_PEER_NAME', 'ifname': 'XENLOOP_IFNAME'}

    def __init__(self, guest):
        self.guest = guest

    def expect(self, event, *reasons, timeout=30, **where):
        """Waits for such an event, for one of the reasons; `where`: name, ifname."""
        wanted = {'event': event, **where}
        reasons = reasons or ('',)
        wait_for(lambda: any(wanted.items() <= e.items() and e['reason'] in reasons for e in self.events()), timeout,
                 f'{self.guest}: {type(self).__name__} has {wanted} with one of {reasons}')


class Journal(Events):
    READ = 'journalctl -q --no-pager -o json'

    def __init__(self, guest):
        super().__init__(guest)
        self.cursor = json.loads(guest.sh(f'{self.READ} -n 1'))['__CURSOR']

    def events(self):
        lines = self.guest.sh(f"{self.READ} -u xenloopd --after-cursor='{self.cursor}'").splitlines()
        found = [{key: entry.get(field, '') for key, field in self.FIELDS.items()} for entry in map(json.loads, lines)]
        return [event for event in found if event['event']]


class Monitor(Events):
    """`xenloopctl monitor`; one in a guest, and it ends with xenloopd."""

    OUTPUT = '/run/monitor'

    def __init__(self, guest):
        super().__init__(guest)
        guest.sh(f'systemd-run -q -u monitor --collect sh -c "exec xenloopctl monitor --json >{self.OUTPUT}"; '
                 # Once it is connected, whoever asks next is answered later.
                 'until ss -xp | grep -q \'"xenloopctl"\'; do sleep 0.1; done; xenloopctl status >/dev/null')

    def events(self):
        lines = self.guest.sh(f'cat {self.OUTPUT}').splitlines()
        return [{key: event.get(key, '') for key in self.FIELDS} for event in map(json.loads, lines)]

    def close(self):
        self.guest.sh(f'systemctl stop monitor; rm {self.OUTPUT}')


class Told:
    """Both of them."""

    def __init__(self, guest):
        self.journal, self.monitor = Journal(guest), Monitor(guest)

    def expect(self, event, *reasons, **where):
        for way in (self.monitor, self.journal):
            way.expect(event, *reasons, **where)

    def up(self, peer, ifname='eth0'):
        self.expect('up', name=peer.name, ifname=ifname)

    def down(self, peer, *reasons, ifname='eth0'):
        """The channel to `peer` went down, for one of these reasons."""
        self.expect('down', *reasons, name=peer.name, ifname=ifname)


@contextmanager
def told(*guests):
    """with told(g1, g2) as (one, two): something; one.down(g2, 'idle'); two.down(g1, 'peer-closed')"""
    all_told = [Told(guest) for guest in guests]
    yield all_told
    for one in all_told:
        one.monitor.close()
