# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Interfaces that are renamed, set down and up, given another MAC address, unplugged, under load: fall back, come back."""
from case import expect_equal, expect_in, wait_for
import _loop as loop
from _load import Load

FOREIGN = '02:00:00:00:00:77'  # not the MAC address that the toolstack gave the vif
ADDRESS = {'g1': '10.0.3.21', 'g2': '10.0.3.22'}
REST = 0.05  # seconds between two blocks of the load
TIMEOUT = 1500


def run(host):
    """By a second vif, since the agents are reached by the first one."""
    plug(host, host.g1)
    plug(host, host.g2)
    loop.start(host)
    up(host)
    with Load(host.g1, host.g2, address=ADDRESS['g1'], rest=REST) as load:
        for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):  # the listener, the connector
            for event in (renamed, down_and_up, foreign_address, unplugged):
                event(host, guest, other)
                load.progress(5)
    stands_aside(host)


def plug(host, guest):
    host.attach_vif(guest.name, 'xenbr1')
    wait_for(lambda: guest.ok('test -e /sys/class/net/eth1'), 60, f'eth1 in {guest}')
    address(guest)


def address(guest):
    guest.sh(f'ip link set eth1 up; ip addr replace {ADDRESS[guest.name]}/24 dev eth1')


def up(host):
    loop.wait_link(host.g1, 'g2', ifname='eth1')
    loop.wait_link(host.g2, 'g1', ifname='eth1')
    wait_for(lambda: reach(host) and loop.state(host.g1, 'g2', 'eth1') == 'up' and
             loop.state(host.g2, 'g1', 'eth1') == 'up', 90, 'channel by eth1', interval=1)


def reach(host):
    return host.g1.ok(f'ping -n -c 1 -W 5 {ADDRESS["g2"]}')


def renamed(host, guest, other):
    """The channel does not care for the interface's name, and goes on."""
    before = loop.link(guest, other.name, 'eth1')['channel']
    guest.sh('ip link set eth1 name inside0')
    wait_for(lambda: loop.link(guest, other.name, 'inside0'), 30, 'the new name is shown')
    expect_equal(loop.link(guest, other.name, 'inside0')['channel'], before,
                 'channel after the interface got another name')
    expect_equal(reach(host), True, 'ping')
    guest.sh('ip link set inside0 name eth1')
    wait_for(lambda: loop.link(guest, other.name, 'eth1'), 30, 'the old name is shown')


def down_and_up(host, guest, other):
    guest.sh('ip link set eth1 down')
    for one, peer in ((guest, other), (other, guest)):
        wait_for(lambda: loop.state(one, peer.name, 'eth1') != 'up', 30, f'{one}: the channel by eth1 goes')
    address(guest)
    up(host)


def foreign_address(host, guest, other):
    """The channel is for the vif's own MAC address; when that is back, so is everything else."""
    right = guest.sh('cat /sys/class/net/eth1/address').strip()
    set_address(guest, FOREIGN)
    wait_for(lambda: shown(guest)['state'] == 'detached', 30, f'{guest}: eth1 is let go ({shown(guest)})')
    for one, peer in ((guest, other), (other, guest)):
        wait_for(lambda: loop.state(one, peer.name, 'eth1') != 'up', 30, f'{one}: the channel by eth1 goes')
    set_address(guest, right)
    wait_for(lambda: shown(guest)['state'] == 'attached', 30, f'{guest}: eth1 is attached again ({shown(guest)})')
    # The other guest learns the address by the question for its own.
    wait_for(lambda: guest.ok(f'ping -n -c 1 -W 5 {ADDRESS[other.name]}'), 60, f'ping from {guest}')
    up(host)


def set_address(guest, mac):
    guest.sh(f'ip link set eth1 down && ip link set eth1 address {mac}')
    address(guest)


def shown(guest):
    """eth1 as xenloopctl shows it."""
    return {i['ifname']: i for i in loop.ask(guest, 'status')['interfaces']}['eth1']


def state_and_reason(guest):
    return shown(guest)['state'], shown(guest)['reason']


def unplugged(host, guest, other):
    host.detach_vif(guest.name, max(host.vifs(guest.name)))
    wait_for(lambda: loop.state(other, guest.name, 'eth1') == 'absent', 60, f'{other} forgets the link')
    plug(host, guest)
    up(host)


def stands_aside(host):
    """What would miss channel traffic keeps the interface on the standard path, and the reason is shown."""
    host.g1.sh('tc qdisc add dev eth1 root tbf rate 100mbit burst 32k latency 50ms')
    wait_for(lambda: loop.state(host.g1, 'g2', 'eth1') != 'up', 30, 'root qdisc: the channel goes')
    expect_equal(reach(host), True, 'root qdisc: ping by netfront')
    expect_equal(state_and_reason(host.g1), ('aside', 'root qdisc'), 'interface')
    default = host.g1.sh('sysctl -n net.core.default_qdisc').strip()
    host.g1.sh('set -e; sysctl -qw net.core.default_qdisc=fq; tc qdisc del dev eth1 root')
    expect_in('qdisc fq 0:', host.g1.sh('tc qdisc show dev eth1'), 'fq by default')
    expect_equal(state_and_reason(host.g1), ('aside', 'fq qdisc'), 'interface')
    expect_equal(reach(host), True, 'fq: ping by netfront')
    host.g1.sh(f'set -e; sysctl -qw net.core.default_qdisc={default}; tc qdisc replace dev eth1 root pfifo; '
               'tc qdisc del dev eth1 root')
    up(host)
