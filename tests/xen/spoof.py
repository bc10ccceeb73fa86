# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A frame with a source MAC that is not the peer's is refused, and counted; nobody gets to see it."""
from case import expect, expect_equal, wait_for
import _hand as hand

FOREIGN = '00:16:3e:aa:bb:cc'


def run(host):
    """g1 gives its interface another address and tells its own module that this is right. g2 knows better."""
    g1, g2 = host.g1, host.g2
    hand.prepare(g1, g2)
    change_address(g1, g2)
    hand.attach(g1, FOREIGN)
    hand.attach(g2)
    hand.connect(host, g1, g2)
    g2.sh('systemd-run -q -u dump tcpdump -n -e -l -i eth0 -w /run/dump.pcap -U')
    wait_for(lambda: g2.ok('test -s /run/dump.pcap'), 60, 'tcpdump runs')
    g1.sh(f'ping -n -c 5 -i 0.2 -W 1 {g2.ip}', check=False)
    wait_for(lambda: hand.stats(g2)['rx-drop-src-mac'] == hand.stats(g1)['tx-frames'], 30, 'g2 refuses what g1 sent')
    sent = hand.stats(g1)['tx-frames']
    expect(sent >= 5, f'g1 sent only {sent} frames')
    expect_equal(hand.stats(g2)['rx-frames'], 0, 'frames that g2 took')
    g2.sh('systemctl stop dump')
    shown = g2.sh('tcpdump -n -e -r /run/dump.pcap 2>/dev/null')
    expect_equal(shown.count('ICMP echo request'), 0, f'forged packets that g2 saw: {shown}')
    expect_equal(hand.stats(g2)['rx-markers'], 0, 'markers counted')


def change_address(g1, g2):
    """The interface has to be down for it, so the agent is out of reach meanwhile."""
    g1.sh('systemd-run -q --collect sh -c "ip link set eth0 down; '
          f'ip link set eth0 address {FOREIGN}; ip link set eth0 up; ip neigh replace {g2.ip} lladdr {g2.mac} dev eth0; '
          'arping -U -c 3 -I eth0 10.0.2.21"')
    wait_for(lambda: g1.ok(f'grep -q {FOREIGN} /sys/class/net/eth0/address && ip neigh show {g2.ip} | grep -q PERM'), 60,
             'g1 has another address')
