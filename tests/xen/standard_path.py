# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Broadcast, multicast, Dom0 and the outside do not take the channel, and work as before."""
from case import expect, expect_in
import _loop as loop


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    g2.sh('sysctl -q net.ipv4.icmp_echo_ignore_broadcasts=0')
    stays_outside(g1, g2, 'pass-multicast', 3, f'arping -b -c 3 -I eth0 {g2.ip}', 'Received 3')
    multicast_is_answered(g1, g2)
    stays_outside(g1, g2, 'pass-no-peer', 5, f'ping -n -c 5 -i 0.2 -W 10 {host.dom0.ip}', ' 0% packet loss')
    stays_outside(g1, g2, 'pass-no-peer', 5, 'ping -n -c 5 -i 0.2 -W 10 10.0.2.2', ' 0% packet loss')


def stays_outside(g1, g2, counter, frames, command, wanted):
    """`command` works, and its frames are counted as passing by; neighbours may probe each other meanwhile."""
    before = loop.iface_stats(g1)[counter]
    with loop.moved(g1, g2) as m:
        expect_in(wanted, g1.sh(command), command)
    passed = loop.iface_stats(g1)[counter] - before
    expect(passed >= frames, f'{command}: {counter} moved by {passed}')
    expect(m.a['tx-frames'] < frames, f'{command}: {m.a["tx-frames"]} frames in the channel')


def multicast_is_answered(g1, g2):
    """The question goes out by netfront; the answer is unicast and may take the channel."""
    before = loop.iface_stats(g1)['pass-multicast']
    output = g1.sh('ping -n -c 3 -i 0.3 -W 10 -I eth0 ff02::1')
    expect_in(g2.sh("ip -6 -o addr show dev eth0 scope link | awk '{print $4}' | cut -d/ -f1"), output,
              'answer to ff02::1')
    broadcast = g1.sh('ping -n -b -c 3 -i 0.3 -W 10 10.0.2.255', check=False)
    expect_in(g2.ip, broadcast, 'answer to the broadcast address')
    expect(loop.iface_stats(g1)['pass-multicast'] >= before + 6, 'pass-multicast did not move')
