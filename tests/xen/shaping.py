# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the egress hook would pass by keeps its effect: a shaper, a tc program, an XDP program. Then the channel is back."""
from pathlib import Path

from case import expect, expect_equal, expect_in, wait_for
import _loop as loop

RATE = 8  # Mbit/s
HEADROOM = 256  # XDP_PACKET_HEADROOM
LOOK = 1  # seconds between two looks of the module
XDP = Path(__file__).parent / 'guest/xdpdrop.py'


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    g2.sh('systemd-run -q -u netserver netserver -D; until ss -ltn | grep -q :12865; do sleep 0.2; done')
    g1.put(XDP, '/root/xdpdrop.py')
    shaper(g1, g2)
    ingress_only(g1, g2)
    tc_program(g1, g2)
    xdp_program(g1, g2)


def shaper(g1, g2):
    expect(megabits(g1, g2) > 3 * RATE, 'the channel is as slow as the shaper would make it')
    g1.sh(f'tc qdisc add dev eth0 root tbf rate {RATE}mbit burst 32k latency 50ms')
    wait_aside(g1, g2, 'root qdisc')
    shaped = megabits(g1, g2)
    expect(shaped < 1.5 * RATE, f'{shaped} Mbit/s through a shaper of {RATE}')
    g1.sh('tc qdisc del dev eth0 root')
    is_back(g1, g2)


def megabits(source, sink):
    return float(source.sh(f'netperf -4 -P 0 -H {sink.ip} -t TCP_STREAM -l 4').split()[4])


def ingress_only(g1, g2):
    """What looks at received frames only sees those of a channel, too: nothing is to be stood aside for."""
    before = loop.link(g1, 'g2')['channel']
    g1.sh('tc qdisc add dev eth0 clsact; '
          'tc filter add dev eth0 ingress protocol ipv6 flower ip_proto icmpv6 action drop; '
          f'sleep {2 * LOOK}')
    expect_equal(interface(g1), ('attached', ''), 'eth0 with an ingress filter')
    expect_equal(loop.link(g1, 'g2')['channel'], before, 'the channel')
    expect_in(' 100% packet loss', g1.sh(f'ping -n -c 3 -i 0.2 -W 2 {g2.ip6}', check=False), 'IPv6, which is dropped')
    expect(pings(g1, g2), 'IPv4')
    g1.sh('tc qdisc del dev eth0 clsact')


def tc_program(g1, g2):
    g1.sh('tc qdisc add dev eth0 clsact; '
          'tc filter add dev eth0 egress protocol ip flower ip_proto icmp action drop')
    wait_aside(g1, g2, 'tc egress program')
    drops_only_icmp(g1, g2)
    g1.sh('tc qdisc del dev eth0 clsact')
    is_back(g1, g2)


def xdp_program(g1, g2):
    """It drops what g1 receives: the answers to its pings, which g2 would send by the channel.

    netfront (6.12, xennet_xdp_set) tells netback to look for the headroom that it wants, and then writes how much. Now
    and then netback is quicker, leaves none, and the program looks at the wrong bytes. So the number is there before.
    """
    g1.sh(f'xenstore-write device/vif/0/xdp-headroom {HEADROOM}')
    g1.sh('systemd-run -q -u xdp --collect python3 /root/xdpdrop.py eth0')
    wait_aside(g1, g2, 'XDP program')
    drops_only_icmp(g1, g2)
    g1.sh('systemctl stop xdp')
    is_back(g1, g2)


def wait_aside(g1, g2, reason):
    """The interface says why, and neither end has a channel any more."""
    wait_for(lambda: interface(g1) == ('aside', reason), 30, f'{reason}: eth0 stands aside ({interface(g1)})')
    for guest, peer in ((g1, 'g2'), (g2, 'g1')):
        wait_for(lambda: loop.state(guest, peer) != 'up', 30, f'{reason}: the channel of {guest} goes')


def interface(guest):
    shown = {i['ifname']: i for i in loop.ask(guest, 'status')['interfaces']}['eth0']
    return shown['state'], shown['reason']


def drops_only_icmp(g1, g2):
    expect_in(' 100% packet loss', g1.sh(f'ping -n -c 3 -i 0.2 -W 2 {g2.ip}', check=False), 'IPv4')
    expect_in(' 0% packet loss', g1.sh(f'ping -n -c 3 -i 0.2 -W 10 {g2.ip6}'), 'IPv6')


def is_back(g1, g2):
    """Asked again and again: the first traffic may come before the module has looked at the interface."""
    wait_for(lambda: pings(g1, g2) and loop.state(g1, 'g2') == loop.state(g2, 'g1') == 'up', 90, 'the channel is back')
    expect_equal(interface(g1), ('attached', ''), 'eth0')
    with loop.moved(g1, g2) as m:
        expect(pings(g1, g2), 'ping')
    m.expect_frames(3)


def pings(g1, g2):
    return g1.ok(f'ping -n -c 3 -i 0.2 -W 10 {g2.ip}')
