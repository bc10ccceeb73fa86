# SPDX-License-Identifier: GPL-2.0 OR MIT
"""VXLAN and WireGuard over IPv4 and IPv6: what they carry arrives as it was, and their own frames take the channel."""
from case import expect, expect_equal, expect_in
import _loop as loop
from _transfer import transfer

MB = 8
INSIDE = {'g1': '10.9.0.1', 'g2': '10.9.0.2'}
CHECKSUM_ERRORS = 'TcpInCsumErrors', 'UdpInCsumErrors', 'Udp6InCsumErrors', 'IcmpInCsumErrors'


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    errors = [checksum_errors(guest) for guest in (g1, g2)]
    for outer in ('ip', 'ip6'):
        vxlan(g1, g2, outer)
        wireguard(g1, g2, outer)
    expect_equal([checksum_errors(guest) for guest in (g1, g2)], errors, 'checksum errors')


def checksum_errors(guest):
    shown = [line.split()[:2] for line in guest.sh(f'nstat -asz {" ".join(CHECKSUM_ERRORS)}').splitlines()[1:]]
    expect_equal(sorted(name for name, _ in shown), sorted(CHECKSUM_ERRORS), f'{guest}: counters')
    return dict(shown)


def vxlan(g1, g2, outer):
    """TCP's large frames come to the hook inside of UDP: the module segments them, and the flow is not split."""
    for guest, other in ((g1, g2), (g2, g1)):
        add(guest, f'vxlan id 42 dev eth0 local {getattr(guest, outer)} remote {getattr(other, outer)} '
                   'dstport 4789 udpcsum')
    m = carry(g1, g2, f'VXLAN over {outer}')
    expect(m.a['tx-segmented'] > 0, f'VXLAN over {outer}: no frame was segmented')


def wireguard(g1, g2, outer):
    keys = {}
    for guest in (g1, g2):
        add(guest, 'wireguard')
        keys[guest] = guest.sh('umask 077; wg genkey >/run/wg.key; wg pubkey </run/wg.key')
    for guest, other in ((g1, g2), (g2, g1)):
        address = f'[{other.ip6}]' if outer == 'ip6' else other.ip
        guest.sh(f'wg set tunnel0 listen-port 51820 private-key /run/wg.key peer {keys[other]} '
                 f'endpoint {address}:51820 allowed-ips {INSIDE[other.name]}/32')
    carry(g1, g2, f'WireGuard over {outer}')
    for guest in (g1, g2):
        expect_in('latest handshake', guest.sh('wg show'), f'{guest}: wg show')


def add(guest, kind):
    guest.sh(f'ip link del tunnel0 2>/dev/null; set -e; ip link add tunnel0 type {kind}; '
             f'ip addr add {INSIDE[guest.name]}/24 dev tunnel0; ip link set tunnel0 up')


def carry(g1, g2, what):
    """Single packets, packets in fragments, and a stream; returns how the channel's counters moved."""
    loop.up(g1, g2)
    with loop.moved(g1, g2) as m:
        for size in (56, 4000):
            output = g1.sh(f'ping -n -c 5 -i 0.2 -W 10 -s {size} {INSIDE["g2"]}')
            expect_in(' 0% packet loss', output, f'{what}: ping -s {size}')
        transfer(g1, g2, INSIDE['g2'], MB)
    expect(m.a['tx-bytes'] >= MB << 20, f'{what}: only {m.a["tx-bytes"]} bytes took the channel')
    m.expect_all_through()
    return m
