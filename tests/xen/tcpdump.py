# SPDX-License-Identifier: GPL-2.0 OR MIT
"""tcpdump in each guest sees both directions of what takes the channel."""
from case import expect_equal, expect_in, wait_for
import _loop as loop


def run(host):
    loop.started(host)
    for guest in (host.g1, host.g2):
        guest.sh("systemd-run -q -u dump tcpdump -n -l -i eth0 -w /run/dump.pcap -U 'icmp or (tcp port 5001)'")
        wait_for(lambda: guest.ok('test -s /run/dump.pcap'), 60, f'{guest}: tcpdump runs')
    with loop.moved(host.g1, host.g2) as m:
        host.g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {host.g2.ip}')
    m.expect_frames(5)
    for guest in (host.g1, host.g2):
        wait_for(lambda: len(lines(guest)) >= 10, 30, f'{guest}: ten packets in the dump')
        guest.sh('systemctl stop dump')
        shown = lines(guest)
        for way in (f'{host.g1.ip} > {host.g2.ip}: ICMP echo request', f'{host.g2.ip} > {host.g1.ip}: ICMP echo reply'):
            expect_equal(sum(way in line for line in shown), 5, f'{guest}: {way}')
        expect_in('length 64', shown[0], f'{guest}: a whole packet')


def lines(guest):
    return guest.sh('tcpdump -n -r /run/dump.pcap 2>/dev/null', check=False).splitlines()
