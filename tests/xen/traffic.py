# SPDX-License-Identifier: GPL-2.0 OR MIT
"""ICMP, UDP and TCP over IPv4 and IPv6, fragments and GSO frames take the channel, to the last frame."""
from case import expect, expect_equal, expect_in
import pace
import _loop as loop

TIMEOUT = 600  # the first that `make check` runs


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    g2.sh('systemd-run -q -u echo4 socat UDP4-RECVFROM:7777,fork EXEC:cat')
    g2.sh('systemd-run -q -u echo6 socat UDP6-RECVFROM:7778,fork EXEC:cat')
    g2.sh('systemd-run -q -u netserver netserver -D')
    for address, port in ((g2.ip, 7777), (g2.ip6, 7778)):
        icmp(g1, g2, address)
        fragments(g1, g2, address)
        udp(g1, g2, address, port)
        tcp(g1, g2, address)


def icmp(g1, g2, address):
    with loop.moved(g1, g2) as m:
        output = g1.sh(f'ping -n -c 10 -i 0.1 -W 10 {address}')
    expect_in(' 0% packet loss', output, f'ping {address}')
    m.expect_frames(10)
    expect(m.b['tx-frames'] >= 10, f'only {m.b["tx-frames"]} answers took the channel')


def fragments(g1, g2, address):
    """A packet of 60,000 bytes is 41 fragments or more, each a frame."""
    with loop.moved(g1, g2) as m:
        output = g1.sh(f'ping -n -c 3 -i 0.2 -W 10 -s 60000 {address}')
    expect_in(' 0% packet loss', output, f'ping -s 60000 {address}')
    m.expect_frames(3 * 41)


def udp(g1, g2, address, port):
    family = 'UDP6' if ':' in address else 'UDP4'
    host = f'[{address}]' if ':' in address else address
    with loop.moved(g1, g2) as m:
        answer = g1.sh(f'echo hello | socat -t {pace.stretched(5)} - {family}:{host}:{port}')
    expect_equal(answer, 'hello', f'UDP echo from {address}')
    m.expect_frames(1)


def tcp(g1, g2, address):
    """Bulk data goes as whole GSO frames: larger than any MTU on average."""
    family = '-6' if ':' in address else '-4'
    with loop.moved(g1, g2) as m:
        output = g1.sh(f'netperf {family} -P 0 -H {address} -t TCP_STREAM -l {pace.stretched(3)}')
    expect(float(output.split()[4]) > 0, f'TCP_STREAM: {output}')
    m.expect_frames(100)
    expect(m.a['tx-gso-frames'] > 0, 'no GSO frame took the channel')
    expect_equal(m.b['rx-gso-frames'], m.a['tx-gso-frames'], 'GSO frames')
    largest = m.a['tx-bytes'] / m.a['tx-frames']
    print(f'{address}: frames of {largest:.0f} bytes, {output.split()[4]} Mbit/s')
    expect(largest > 4000, f'frames have {largest:.0f} bytes on average')
