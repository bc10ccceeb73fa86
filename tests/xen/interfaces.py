# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Interfaces that are renamed, set down and up, given another MAC address, moved away, unplugged, under load: fall back,
say why, come back."""
from case import expect_equal, expect_in, wait_for
import _left as left
import _loop as loop
import _second as second
from _load import Load

FOREIGN = '02:00:00:00:00:77'  # not the MAC address that the toolstack gave the vif
REST = 0.05  # seconds between two blocks of the load
TIMEOUT = 1800


def run(host):
    for guest in (host.g1, host.g2):
        second.plug(host, guest)
    loop.start(host)
    second.up(host)
    with Load(host.g1, host.g2, address=second.ADDRESS['g1'], rest=REST) as load:
        for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):  # the listener, the connector
            for event in (renamed, down_and_up, foreign_address, moved_away, unplugged):
                with loop.told(guest, other) as (own, others):
                    event(host, guest, other, own, others)
                load.progress(5)
    stands_aside(host)
    left.expect_one_channel(host, host.g1, host.g2)


def renamed(host, guest, other, own, others):
    """The channel does not care for the interface's name, and goes on."""
    before = loop.link(guest, other.name, 'eth1')['channel']
    guest.sh('ip link set eth1 name inside0')
    wait_for(lambda: loop.link(guest, other.name, 'inside0'), 30, 'the new name is shown')
    expect_equal(loop.link(guest, other.name, 'inside0')['channel'], before,
                 'channel after the interface got another name')
    expect_equal(second.reach(host), True, 'ping')
    guest.sh('ip link set inside0 name eth1')
    wait_for(lambda: loop.link(guest, other.name, 'eth1'), 30, 'the old name is shown')
    expect_equal(own.monitor.events() + others.monitor.events(), [], 'events')


def down_and_up(host, guest, other, own, others):
    guest.sh('ip link set eth1 down')
    falls_back(guest, other, own, others)
    second.address(guest)
    comes_back(host, guest, other, own, others)


def falls_back(guest, other, own, others):
    own.down(other, 'iface-gone', ifname='eth1')
    others.down(guest, 'peer-closed', ifname='eth1')
    for one, peer in ((guest, other), (other, guest)):
        wait_for(lambda: loop.state(one, peer.name, 'eth1') != 'up', 30, f'{one}: the channel by eth1 goes')


def comes_back(host, guest, other, own, others):
    second.up(host)
    own.up(other, ifname='eth1')
    others.up(guest, ifname='eth1')


def foreign_address(host, guest, other, own, others):
    """The channel is for the vif's own MAC address; when that is back, so is everything else."""
    right = guest.sh('cat /sys/class/net/eth1/address').strip()
    set_address(guest, FOREIGN)
    falls_back(guest, other, own, others)
    detached(guest, own, "the interface does not have the vif's MAC address")
    set_address(guest, right)
    attached(guest, own)
    # The other guest learns the address by the question for its own.
    wait_for(lambda: guest.ok(f'ping -n -c 1 -W 5 {second.ADDRESS[other.name]}'), 60, f'ping from {guest}')
    comes_back(host, guest, other, own, others)


def set_address(guest, mac):
    guest.sh(f'ip link set eth1 down && ip link set eth1 address {mac}')
    second.address(guest)


def detached(guest, own, reason):
    own.expect('detached', reason)
    wait_for(lambda: shown(guest) == ('detached', reason), 30, f'{guest}: eth1 is let go ({shown(guest)})')


def attached(guest, own):
    own.expect('attached', ifname='eth1')
    wait_for(lambda: shown(guest) == ('attached', ''), 30, f'{guest}: eth1 is attached again ({shown(guest)})')


def shown(guest):
    """State and reason of the second vif, whatever its name."""
    vif = max(loop.ask(guest, 'status')['interfaces'], key=lambda i: i['vif'])
    return vif['state'], vif['reason']


def moved_away(host, guest, other, own, others):
    """To another network namespace, and back."""
    guest.sh('ip netns add away; ip link set eth1 netns away')
    falls_back(guest, other, own, others)
    detached(guest, own, 'no such interface in this network namespace')
    guest.sh('ip netns exec away ip link set eth1 netns 1; ip netns del away')
    second.address(guest)
    attached(guest, own)
    comes_back(host, guest, other, own, others)


def unplugged(host, guest, other, own, others):
    """What is heard first is left open: from Dom0, from the kernel, or from the other one."""
    host.detach_vif(guest.name, max(host.vifs(guest.name)))
    own.down(other, 'iface-gone', 'peer-gone', 'peer-closed', ifname='eth1')
    others.down(guest, 'peer-closed', 'peer-gone', ifname='eth1')
    for one, peer in ((guest, other), (other, guest)):
        wait_for(lambda: loop.state(one, peer.name, 'eth1') == 'absent', 60, f'{one} forgets the link')
    wait_for(lambda: len(loop.ask(guest, 'status')['interfaces']) == 1, 60, f'{guest} forgets the vif')
    second.plug(host, guest)
    attached(guest, own)
    comes_back(host, guest, other, own, others)


def stands_aside(host):
    """What would miss channel traffic keeps the interface on the standard path, and the reason is shown."""
    with loop.told(host.g1, host.g2) as (own, others):
        host.g1.sh('tc qdisc add dev eth1 root tbf rate 100mbit burst 32k latency 50ms')
        own.down(host.g2, 'aside', ifname='eth1')
        others.down(host.g1, 'peer-closed', ifname='eth1')
    wait_for(lambda: loop.state(host.g1, 'g2', 'eth1') != 'up', 30, 'root qdisc: the channel goes')
    expect_equal(second.reach(host), True, 'root qdisc: ping by netfront')
    expect_equal(shown(host.g1), ('aside', 'root qdisc'), 'interface')
    default = host.g1.sh('sysctl -n net.core.default_qdisc').strip()
    host.g1.sh('set -e; sysctl -qw net.core.default_qdisc=fq; tc qdisc del dev eth1 root')
    expect_in('qdisc fq 0:', host.g1.sh('tc qdisc show dev eth1'), 'fq by default')
    expect_equal(shown(host.g1), ('aside', 'fq qdisc'), 'interface')
    expect_equal(second.reach(host), True, 'fq: ping by netfront')
    host.g1.sh(f'set -e; sysctl -qw net.core.default_qdisc={default}; tc qdisc replace dev eth1 root pfifo; '
               'tc qdisc del dev eth1 root')
    second.up(host)
    port_of_a_bond(host)


def port_of_a_bond(host):
    """A bond takes frames by one of its ports only, which need not be this one."""
    host.g1.sh('''set -e
        modprobe bonding max_bonds=0 2>/dev/null || [ -e /sys/class/net/bonding_masters ]
        ip link add bond1 address $(cat /sys/class/net/eth1/address) type bond mode active-backup
        ip link set eth1 down
        ip link set eth1 master bond1
        ip link set bond1 up''')
    wait_for(lambda: shown(host.g1) == ('aside', 'bond or team port'), 30, 'eth1, a port of a bond, stands aside')
    host.g1.sh('ip link del bond1; ip link set eth1 up')
    second.address(host.g1)
    second.up(host)
