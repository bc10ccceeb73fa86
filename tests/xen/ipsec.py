# SPDX-License-Identifier: GPL-2.0 OR MIT
"""IPsec: what is encrypted takes the channel; what the kernel encrypts behind the egress hook must not.

Without esp4_offload ESP is complete when the hook sees it. With that module, for states made after it was loaded, the
hook sees plain text that validate_xmit_skb() is to encrypt, also without hardware for it: it has to leave by netfront.
"""
import secrets
from contextlib import contextmanager

from case import expect, expect_equal, expect_in, wait_for
import _loop as loop
from _transfer import transfer

TIMEOUT = 1800
MB = 8
DUMP = '/run/dump.pcap'
FEW = 20  # frames that are not of the flow: neighbours that probe each other


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    for guest in (g1, g2):
        guest.sh('xenloopctl set idle-timeout 0')
    encrypted_before_hook(g1, g2)
    encrypted_behind_hook_of_one(g1, g2)
    encrypted_behind_hook_of_both(host)
    remove(g1, g2)
    with loop.moved(g1, g2) as m:
        expect_in(' 0% packet loss', g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {g2.ip}'), 'ping afterwards')
    m.expect_frames(5)


def encrypted_before_hook(g1, g2):
    set_up(g1, g2)
    for guest in (g1, g2):
        expect(not guest.ok('grep -q ^esp4_offload /proc/modules'), f'{guest}: esp4_offload is loaded')
    before = [passed(guest) for guest in (g1, g2)]
    with only_esp(g2, 'eth0', g1, g2):
        m = carry(g1, g2)
    expect(m.a['tx-bytes'] >= MB << 20, f'only {m.a["tx-bytes"]} bytes took the channel')
    m.expect_frames((MB << 20) // 1500)
    expect_equal([passed(guest) for guest in (g1, g2)], before, 'pass-crypto')


def encrypted_behind_hook_of_one(g1, g2):
    """g2 has no offload, so its taps show what arrives. Its answers take the channel, and GRO in g1 decrypts them."""
    g1.sh('modprobe esp4_offload')
    set_up(g1, g2)
    before = passed(g1)
    with only_esp(g2, 'eth0', g1, g2):
        m = carry(g1, g2)
    expect_passed(g1, before)
    expect(m.a['tx-frames'] < FEW, f'{m.a["tx-frames"]} frames of g1 took the channel')
    expect(m.b['tx-frames'] > 100, f'only {m.b["tx-frames"]} frames of g2 took the channel')
    m.expect_all_through()


def encrypted_behind_hook_of_both(host):
    """Taps in the guests show what GRO has decrypted: the wire is looked at in Dom0."""
    g1, g2 = host.g1, host.g2
    g2.sh('modprobe esp4_offload')
    set_up(g1, g2)
    before = [passed(guest) for guest in (g1, g2)]
    with only_esp(host.dom0, f'vif{host.domid("g2")}.0', g1, g2):
        m = carry(g1, g2)
    for guest, side, count in ((g1, m.a, before[0]), (g2, m.b, before[1])):
        expect_passed(guest, count)
        expect(side['tx-frames'] < FEW, f'{side["tx-frames"]} frames of {guest} took the channel')
    m.expect_all_through()


def set_up(g1, g2):
    """One new state each way, and policies that let nothing else pass between the two; IPv6 stays as it is."""
    remove(g1, g2)
    ways = [(g1.ip, g2.ip, 0x101, secrets.token_hex(20)), (g2.ip, g1.ip, 0x102, secrets.token_hex(20))]
    for guest in (g2, g1):
        lines = ['set -e']
        for source, sink, spi, key in ways:
            pair = f'src {source} dst {sink}'
            way = 'out' if source == guest.ip else 'in'
            lines.append(f"ip xfrm state add {pair} proto esp spi {spi} reqid 1 mode transport "
                         f"aead 'rfc4106(gcm(aes))' 0x{key} 128")
            lines.append(f'ip xfrm policy add {pair} dir {way} tmpl {pair} proto esp reqid 1 mode transport')
        guest.sh('\n'.join(lines))


def remove(*guests):
    for guest in guests:
        guest.sh('ip xfrm policy flush; ip xfrm state flush')


def carry(g1, g2):
    """Single packets and a stream arrive as they were; returns how the channel's counters moved."""
    with loop.moved(g1, g2) as m:
        expect_in(' 0% packet loss', g1.sh(f'ping -n -c 10 -i 0.2 -W 10 {g2.ip}'), 'ping')
        transfer(g1, g2, g2.ip, MB)
    return m


def passed(guest):
    return loop.iface_stats(guest)['pass-crypto']


def expect_passed(guest, before):
    """Whole GSO frames are counted, of 64 KiB at most."""
    count = passed(guest) - before
    expect(count >= 100, f'{guest}: pass-crypto moved by {count}')


@contextmanager
def only_esp(domain, ifname, g1, g2):
    """What the domain's interface sees of the two guests' IPv4 traffic meanwhile is ESP, and it sees a lot."""
    domain.sh(f"rm -f {DUMP}; systemd-run -q -u dump --collect tcpdump -n -s 96 -i {ifname} -w {DUMP} -U "
              f"'ip host {g1.ip} and ip host {g2.ip}'")
    wait_for(lambda: domain.ok(f'test -s {DUMP}'), 60, f'{domain}: tcpdump runs')
    yield
    domain.sh('systemctl stop dump')
    plain = domain.sh(f"tcpdump -n -r {DUMP} 'not ip proto 50' 2>/dev/null | head -n 3")
    expect_equal(plain, '', f'{domain}: plain text on {ifname}')
    count = int(domain.sh(f"tcpdump -n -r {DUMP} 'ip proto 50' 2>/dev/null | wc -l"))
    expect(count > 1000, f'{domain}: only {count} ESP packets on {ifname}')
