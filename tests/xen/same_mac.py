# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Two guests with one MAC on different bridges are not mixed up; on one bridge neither may loop."""
import guests
from case import expect, expect_equal, expect_in, wait_for
import _loop as loop

TIMEOUT = 1500


def run(host):
    """g3 is g2's twin, on xenbr1; g1 is on both bridges."""
    host.attach_vif('g1', 'xenbr1')
    wait_for(lambda: host.g1.ok('test -e /sys/class/net/eth1'), 60, 'eth1 in g1')
    host.g1.sh('ip link set eth1 up; ip addr replace 10.0.3.21/24 dev eth1')
    twin = host.guest('g3', bridges=['xenbr0', 'xenbr1'], memory=256,
                      vifs=[guests.vif('g3', 'xenbr0'), f'mac={host.g2.mac},bridge=xenbr1'])
    loop.start(host, guests=[host.g1, host.g2, twin])
    loop.wait_link(host.g1, 'g2', ifname='eth0')
    loop.wait_link(host.g1, 'g3', ifname='eth1')
    loop.up(host.g1, host.g2)
    host.g1.sh('ping -n -c 2 -W 20 10.0.3.23')
    loop.wait_state(host.g1, 'g3', 'up', ifname='eth1')
    expect_equal(loop.link(host.g1, 'g2', 'eth0')['mac'], loop.link(host.g1, 'g3', 'eth1')['mac'], 'MACs')
    each_gets_its_own(host, twin)
    same_bridge(host)


def each_gets_its_own(host, twin):
    for address, name, ifname, other in ((host.g2.ip, 'g2', 'eth0', ('g3', 'eth1')), ('10.0.3.23', 'g3', 'eth1', ('g2', 'eth0'))):
        before = loop.chan_stats(host.g1, name, ifname)['tx-frames'], loop.chan_stats(host.g1, *other)['tx-frames']
        expect_in(' 0% packet loss', host.g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {address}'), f'ping {address}')
        moved = loop.chan_stats(host.g1, name, ifname)['tx-frames'] - before[0]
        strayed = loop.chan_stats(host.g1, *other)['tx-frames'] - before[1]
        expect(moved >= 5 and strayed < 5, f'{address}: {moved} frames to {name}, {strayed} to {other[0]}')


def same_bridge(host):
    """The twin's vif moves to xenbr0: nobody can tell the two apart, so neither loops."""
    device = f'vif{host.domid("g3")}.1'
    host.dom0.sh(f'ip link set {device} master xenbr0')
    wait_for(lambda: loop.state(host.g1, 'g2') == 'absent', 60, 'g2 leaves the roster')
    host.dom0.sh(f'ip link set {device} master xenbr1')
    loop.wait_link(host.g1, 'g2')
