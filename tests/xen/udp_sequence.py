# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A numbered UDP stream, both ways at once: the channel loses, repeats and reorders nothing."""
from pathlib import Path

from case import expect_equal
from _drops import protocols
import _loop as loop

COUNT = 20000
GUEST = Path(__file__).parent / 'guest'


def run(host):
    loop.started(host)
    ends = ((host.g1, host.g2), (host.g2, host.g1))
    for guest in (host.g1, host.g2):
        guest.put(GUEST / 'udpseq.py', '/root/udpseq.py')
        guest.sh('sysctl -q net.core.rmem_max=67108864; '
                 'systemd-run -q -u seq --collect bash -c "python3 /root/udpseq.py receive 6100 >/run/seq 2>&1"')
        guest.sh('until ss -lun | grep -q :6100; do sleep 0.2; done')
    with loop.moved(host.g1, host.g2) as m:
        for sender, receiver in ends:
            sender.sh(f'systemd-run -q -u send --collect python3 /root/udpseq.py send {receiver.ip} 6100 {COUNT} 1000')
        for guest in (host.g1, host.g2):
            guest.sh('while systemctl -q is-active send; do sleep 0.5; done', timeout=300)
            guest.sh('while systemctl -q is-active seq; do sleep 0.5; done', timeout=300)
    m.expect_frames(COUNT)
    for guest in (host.g1, host.g2):
        result = dict(pair.split('=') for pair in guest.sh('cat /run/seq').split())
        expect_equal(result['duplicates'], '0', f'{guest}: duplicates')
        expect_equal(result['reordered'], '0', f'{guest}: reordered')
        dropped = protocols(guest)
        full = dropped['UdpRcvbufErrors'] + dropped['UdpMemErrors']  # the socket's bound, or that of all sockets (udp_mem)
        expect_equal(int(result['received']) + full, COUNT, f'{guest}: datagrams received, and dropped at a full socket')
