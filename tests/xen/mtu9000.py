# SPDX-License-Identifier: GPL-2.0 OR MIT
"""MTU 9000, by the channel and by Dom0; then one guest has 1500 again, and what comes of it is the same both ways."""
from case import expect, expect_equal
import _loop as loop
from _held import sent
from _load import Load
from _transfer import transfer

MB = 8
REST = 0.05  # seconds between two blocks of the load
LARGE = 9000 - 28  # bytes behind the headers of IPv4 and ICMP
DATAGRAM = 8900
SEGMENT = 8000


def run(host):
    loop.started(host)
    host.g1.sh(f'head -c {DATAGRAM} /dev/urandom >/run/datagram')
    host.g2.sh('systemd-run -q -u echo socat -b 16384 UDP4-RECVFROM:7777,fork EXEC:cat; '
               'until ss -lun | grep -q :7777; do sleep 0.2; done')
    before = mtus(host)
    set_mtu(host, 9000)
    both_have_it(host)
    one_segment(host)
    one_has_it(host)
    set_mtu(host, 1500)
    expect_equal(mtus(host), before, 'MTUs at the end')
    nobody_has_it(host)


def devices(host):
    """What is in the way, such that nothing sends what the next one refuses while they are changed in this order."""
    vifs = [f'vif{host.domid(guest.name)}.0' for guest in (host.g1, host.g2)]
    return [*((host.dom0, ifname) for ifname in (*vifs, 'xenbr0')), (host.g1, 'eth0'), (host.g2, 'eth0')]


def set_mtu(host, mtu):
    for domain, ifname in devices(host)[::1 if mtu > 1500 else -1]:
        domain.sh(f'ip link set {ifname} mtu {mtu}')


def mtus(host):
    return [domain.sh(f'cat /sys/class/net/{ifname}/mtu') for domain, ifname in devices(host)]


def large_packets(host):
    """What becomes of packets of 9,000 bytes that must not be fragmented, and of a datagram and its answer."""
    return {'g1 to g2': pings(host.g1, host.g2), 'g2 to g1': pings(host.g2, host.g1), 'datagram': echo(host)}


def pings(source, sink, size=LARGE):
    output = source.sh(f'ping -n -c 3 -i 0.2 -W 3 -M do -s {size} {sink.ip}', check=False)
    return ' 0% packet loss' in output


def echo(host):
    return host.g1.sh(f'''socat -b 16384 -t 3 - UDP4:{host.g2.ip}:7777 </run/datagram >/run/answer
        if cmp -s /run/answer /run/datagram; then echo whole
        elif [ -s /run/answer ]; then echo damaged
        else echo nothing; fi''')


def both_ways(host):
    """The same questions by the standard path and by the channel."""
    results = []
    for channel in (False, True):
        loop.use_channel(host, channel)
        results.append(large_packets(host))
        for source, sink in ((host.g1, host.g2), (host.g2, host.g1)):
            transfer(source, sink, sink.ip, MB)
    expect_equal(results[1], results[0], 'large packets by the channel, and by Dom0')
    for guest, peer in ((host.g1, 'g2'), (host.g2, 'g1')):
        sent = loop.chan_stats(guest, peer)['tx-bytes']
        expect(sent >= MB << 20, f'{guest}: only {sent} bytes took the channel')
    return results[1]


def both_have_it(host):
    expect_equal(both_ways(host), {'g1 to g2': True, 'g2 to g1': True, 'datagram': 'whole'}, 'large packets')


def one_segment(host):
    """A large segment that TCP sends by itself does not wait for its ack, which may be delayed; a reader's pause shows it."""
    loop.up(host.g1, host.g2)
    held, seconds = sent(host, host.g2.ip, size=SEGMENT, pause=True)
    expect(held < SEGMENT, f'{held} bytes stayed charged to their socket for {seconds} s')


def one_has_it(host):
    """A connection lives through the change; what is too large is delivered whole or not at all."""
    loop.up(host.g1, host.g2)
    with Load(host.g1, host.g2, rest=REST) as load:
        host.g2.sh('ip link set eth0 mtu 1500')
        load.progress()
    result = both_ways(host)
    expect_equal(result['g2 to g1'], False, 'packets that g2 may not send')
    expect(result['datagram'] != 'damaged', 'the datagram was damaged')


def nobody_has_it(host):
    loop.up(host.g1, host.g2)
    with loop.moved(host.g1, host.g2) as m:
        expect(pings(host.g1, host.g2, size=1500 - 28), 'packets of 1,500 bytes do not pass')
    m.expect_frames(3)
    expect(not pings(host.g1, host.g2), 'packets of 9,000 bytes pass')
