# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Broadcast, multicast, VLAN tags, Dom0 and the outside do not take the channel, and work as before."""
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
    tagged(g1, g2)
    new_channel(g1, g2)


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


def tagged(g1, g2):
    """So many that the peer would close the channel, had they taken it."""
    for guest, address in ((g1, '10.7.0.1'), (g2, '10.7.0.2')):
        guest.sh(f'ip link add link eth0 name eth0.7 type vlan id 7; ip addr add {address}/24 dev eth0.7; ip link set eth0.7 up')
    stays_outside(g1, g2, 'pass-vlan', 100, 'ping -n -c 100 -i 0.05 -W 10 10.7.0.2', ' 0% packet loss')
    for guest in (g1, g2):
        guest.sh('ip link del eth0.7')


def new_channel(g1, g2):
    """It waits for what its first frames could overtake, and not for the end of what never takes a channel."""
    for guest in (g1, g2):
        guest.sh('xenloopctl set stall-timeout 60000; xenloopctl set hold-timeout 10000')
    g2.sh('systemd-run -q -u flood --collect ping -n -q -i 0.002 -I eth0 224.0.0.1')
    g1.sh('xenloopctl disconnect g2')
    loop.wait_state(g1, 'g2', 'held')
    g1.sh('xenloopctl connect g2')
    loop.wait_state(g1, 'g2', 'up')
    with loop.moved(g1, g2) as m:
        expect_in(' 0% packet loss', g1.sh(f'ping -n -c 5 -i 0.2 -W 2 {g2.ip}', check=False), 'ping in a new channel')
    expect(m.a['rx-frames'] >= 5, f'{m.a["rx-frames"]} frames in the channel')
    g2.sh('systemctl stop flood')
    for guest in (g1, g2):
        guest.sh('systemctl reload xenloopd')
