# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Interfaces that are renamed, set down and up, unplugged and plugged in again, under load: fall back, come back."""
from case import expect_equal, expect_in, wait_for
import _loop as loop
from _load import Load

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
            for event in (renamed, down_and_up, unplugged):
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
    shown = {i['ifname']: i for i in loop.ask(host.g1, 'status')['interfaces']}['eth1']
    expect_equal((shown['state'], shown['reason']), ('aside', 'root qdisc'), 'interface')
    default = host.g1.sh('sysctl -n net.core.default_qdisc').strip()
    host.g1.sh('set -e; sysctl -qw net.core.default_qdisc=fq; tc qdisc del dev eth1 root')
    expect_in('qdisc fq 0:', host.g1.sh('tc qdisc show dev eth1'), 'fq by default')
    shown = {i['ifname']: i for i in loop.ask(host.g1, 'status')['interfaces']}['eth1']
    expect_equal((shown['state'], shown['reason']), ('aside', 'fq qdisc'), 'interface')
    expect_equal(reach(host), True, 'fq: ping by netfront')
    host.g1.sh(f'set -e; sysctl -qw net.core.default_qdisc={default}; tc qdisc replace dev eth1 root pfifo; '
               'tc qdisc del dev eth1 root')
    up(host)
