# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Interfaces that are renamed, set down and up, unplugged and plugged in again: fall back, come back."""
from case import expect_equal, wait_for
import _loop as loop

ADDRESS = {'g1': '10.0.3.21', 'g2': '10.0.3.22'}
TIMEOUT = 1200


def run(host):
    """By a second vif, since the agents are reached by the first one."""
    plug(host, host.g1)
    plug(host, host.g2)
    loop.start(host)
    up(host)
    renamed(host)
    down_and_up(host)
    unplugged(host)
    stands_aside(host)


def plug(host, guest):
    host.attach_vif(guest.name, 'xenbr1')
    wait_for(lambda: guest.ok('test -e /sys/class/net/eth1'), 60, f'eth1 in {guest}')
    guest.sh(f'ip link set eth1 up; ip addr replace {ADDRESS[guest.name]}/24 dev eth1')


def up(host, ifname='eth1'):
    loop.wait_link(host.g1, 'g2', ifname=ifname)
    loop.wait_link(host.g2, 'g1', ifname='eth1')
    wait_for(lambda: reach(host) and loop.state(host.g1, 'g2', ifname) == 'up' and
             loop.state(host.g2, 'g1', 'eth1') == 'up', 90, f'channel by {ifname}', interval=1)


def reach(host):
    return host.g1.ok(f'ping -n -c 1 -W 5 {ADDRESS["g2"]}')


def renamed(host):
    """The channel does not care for the interface's name, and goes on."""
    before = loop.link(host.g1, 'g2', 'eth1')['channel']
    host.g1.sh('ip link set eth1 name inside0')
    wait_for(lambda: loop.link(host.g1, 'g2', 'inside0'), 30, 'the new name is shown')
    expect_equal(loop.link(host.g1, 'g2', 'inside0')['channel'], before, 'channel after the interface got another name')
    expect_equal(reach(host), True, 'ping')
    host.g1.sh('ip link set inside0 name eth1')
    wait_for(lambda: loop.link(host.g1, 'g2', 'eth1'), 30, 'the old name is shown')


def down_and_up(host):
    host.g1.sh('ip link set eth1 down')
    for guest, other in ((host.g1, 'g2'), (host.g2, 'g1')):
        wait_for(lambda: loop.state(guest, other, 'eth1') != 'up', 30, f'{guest}: the channel by eth1 goes')
    host.g1.sh(f'ip link set eth1 up; ip addr replace {ADDRESS["g1"]}/24 dev eth1')
    up(host)


def unplugged(host):
    host.detach_vif('g2', 1)
    wait_for(lambda: loop.state(host.g1, 'g2', 'eth1') == 'absent', 60, 'g1 forgets the link')
    plug(host, host.g2)
    up(host)


def stands_aside(host):
    """What would miss channel traffic keeps the interface on the standard path, and the reason is shown."""
    for add, remove, reason in (('tc qdisc add dev eth1 root tbf rate 100mbit burst 32k latency 50ms',
                                 'tc qdisc del dev eth1 root', 'root qdisc'),):
        host.g1.sh(add)
        wait_for(lambda: loop.state(host.g1, 'g2', 'eth1') != 'up', 30, f'{reason}: the channel goes')
        expect_equal(reach(host), True, f'{reason}: ping by netfront')
        shown = {i['ifname']: i for i in loop.ask(host.g1, 'status')['interfaces']}['eth1']
        expect_equal((shown['state'], shown['reason']), ('aside', reason), 'interface')
        host.g1.sh(remove)
        up(host)
