# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Dom0 changes its mind while a channel is in use: policy, isolated port, VLAN, bridge. The channel goes, streams go on."""
from case import expect, expect_equal, wait_for
import pace
import _left as left
import _loop as loop
import _second as second
from _load import Load
from _sequence import Sequence

CONF = '/etc/xenloop/xendiscoverd.conf'
BRIDGE = 'xenbr1'
REST = 0.05  # seconds between two blocks of the load
TIMES = 10
TIMEOUT = 2400


def run(host):
    for guest in (host.g1, host.g2):
        second.plug(host, guest)
    loop.start(host)
    second.up(host)
    with Load(host.g1, host.g2, address=second.ADDRESS['g1'], rest=REST) as load:
        for change, back, reason in changes(host):
            revoked(host, load, change, back, reason)
    other_network(host)
    nothing_lost(host)


def policy(rule):
    return f'cp {CONF} {CONF}.kept; printf "[policy]\\n{rule}\\n" >{CONF}; systemctl reload xendiscoverd'


UNDO = f'mv {CONF}.kept {CONF}; systemctl reload xendiscoverd'


def changes(host):
    """How a link is revoked and allowed again by what still lets frames pass, and what Dom0 then says of g2's vif."""
    device = second.device(host, host.g2)
    return ((policy('deny = g1 g2'), UNDO, 'ok'), (policy('off = g2'), UNDO, 'policy'),
            (f'bridge link set dev {device} isolated on', f'bridge link set dev {device} isolated off', 'isolated'))


def revoked(host, load, change, back, reason):
    host.dom0.sh(change)
    for guest, peer in ((host.g1, 'g2'), (host.g2, 'g1')):
        wait_for(lambda: loop.state(guest, peer, second.IFNAME) == 'absent', 30, f'{change}: {guest} forgets {peer}')
    expect_equal(vif_state(host), reason, f'{change}: state of the vif')
    load.progress(5)
    for guest in (host.g1, host.g2):
        expect(not [c for c in loop.ask(guest, 'stats')['channels'] if c['ifname'] == second.IFNAME],
               f'{change}: {guest} has the channel still')
    host.dom0.sh(back)
    second.up(host)
    load.progress(5)


def vif_state(host):
    """Of g2's second vif, as Dom0 has it."""
    guest = next(g for g in loop.ask(host.dom0, 'status')['guests'] if g['name'] == 'g2')
    return max(guest['vifs'], key=lambda vif: vif['vif'])['state']


def other_network(host):
    """Another VLAN, another bridge: what Dom0 keeps apart, a channel does not join."""
    device = second.device(host, host.g2)
    vlan = f'bridge vlan {{}} dev {device} vid {{}} pvid untagged'
    host.dom0.sh(f'ip link set {BRIDGE} type bridge vlan_filtering 1')
    second.up(host)
    for change, back in ((f'{vlan.format("add", 20)}; bridge vlan del dev {device} vid 1',
                          f'{vlan.format("add", 1)}; bridge vlan del dev {device} vid 20'),
                         (f'ip link set {device} master xenbr0', f'ip link set {device} master {BRIDGE}')):
        host.dom0.sh(change)
        wait_for(lambda: loop.state(host.g1, 'g2', second.IFNAME) == 'absent', 30, f'{change}: the link goes')
        expect(not second.reach(host), f'{change}: g2 still answers')
        host.dom0.sh(back)
        second.up(host)


def nothing_lost(host):
    """A revoked channel closes in good order: by the first vif, under datagrams both ways, with the reason told."""
    loop.up(host.g1, host.g2)
    streams = [Sequence(host.g1, host.g2), Sequence(host.g2, host.g1)]
    for _ in range(pace.fewer(TIMES)):
        with loop.told(host.g1, host.g2) as (one, two):
            host.dom0.sh(policy('deny = g1 g2'))
            for guest, peer in ((host.g1, 'g2'), (host.g2, 'g1')):
                wait_for(lambda: loop.state(guest, peer) == 'absent', 30, f'{guest} forgets {peer}')
                left.expect_no_channel(guest)
            one.down(host.g2, 'peer-gone', 'peer-closed')
            two.down(host.g1, 'peer-gone', 'peer-closed')
            expect('peer-gone' in reasons(one) + reasons(two), f'reasons: {reasons(one)}, {reasons(two)}')
            host.dom0.sh(UNDO)
            one.up(host.g2)
            two.up(host.g1)
    for stream in streams:
        stream.stop()
    for stream in streams:
        stream.expect_whole()
    left.expect_one_channel(host, host.g1, host.g2)


def reasons(told):
    """Why channels went down; of two guests that hear of it one may be the first, and close."""
    return [e['reason'] for e in told.monitor.events() if e['event'] == 'down']
