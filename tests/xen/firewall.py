# SPDX-License-Identifier: GPL-2.0 OR MIT
"""nftables drop and accept, conntrack and masquerade give the same results with and without the channel."""
from case import expect, expect_equal, expect_in
import pace
import _loop as loop


def run(host):
    loop.start(host)
    loop.wait_link(host.g1, 'g2')
    for channel in (False, True):
        loop.use_channel(host, channel)
        for check, wanted in CHECKS:
            way = 'by the channel' if channel else 'by the standard path'
            expect_equal(check(host), wanted, f'{check.__name__} {way}')
        expect_equal(loop.state(host.g1, 'g2') == 'up', channel, 'channel up')
    frames = loop.chan_stats(host.g1, 'g2')['tx-frames']
    expect(frames > 20, f'only {frames} frames took the channel')


def reach(host, port=5001):
    """Does a TCP connection from g1 to g2 pass, is it refused, or does it time out?"""
    host.g2.sh(f'systemd-run -q -u listen-{port} socat TCP-LISTEN:{port},fork,reuseaddr EXEC:cat 2>/dev/null || true')
    host.g2.sh(f'until ss -ltn | grep -q :{port}; do sleep 0.1; done')
    code, output = host.g1.run(f'echo hello | {socat(host, port)},connect-timeout={pace.stretched(4)}')
    if b'hello' in output:
        return 'passed'
    return 'refused' if b'refused' in output else 'dropped'


def socat(host, port):
    """To what listens in g2; its answer may come long after the end of the input."""
    patience = pace.stretched(5)
    return f'socat -T {patience} -t {patience} - TCP:{host.g2.ip}:{port}'


def with_rules(guest, rules, question):
    guest.put(rules.replace('; }', ';\n}\n').encode(), '/run/rules.nft')
    guest.sh('nft -f /run/rules.nft')
    try:
        return question()
    finally:
        guest.sh('nft flush ruleset')


def drop_in(host):
    rules = 'table inet t { chain i { type filter hook input priority 0; tcp dport 5001 drop; } }'
    return with_rules(host.g2, rules, lambda: reach(host))


def drop_out(host):
    rules = 'table inet t { chain o { type filter hook output priority 0; tcp dport 5001 reject with tcp reset; } }'
    return with_rules(host.g1, rules, lambda: reach(host))


def drop_egress(host):
    """The user's own egress chain, registered after ours, still comes first."""
    rules = 'table netdev t { chain e { type filter hook egress device eth0 priority 0; tcp dport 5001 drop; } }'
    return with_rules(host.g1, rules, lambda: reach(host))


def accept_established(host):
    rules = '''table inet t { chain i { type filter hook input priority 0; policy drop;
        iif lo accept; ct state established,related accept; icmpv6 type != echo-request accept;
        tcp dport 5001 accept; tcp dport 7000 accept; ip saddr 10.0.2.2 accept; ip saddr 10.0.2.15 accept; } }'''
    return with_rules(host.g2, rules, lambda: (reach(host), reach(host, 5002)))


def conntrack_entries(host):
    def question():
        reach(host)
        entries = host.g2.sh(f'conntrack -L -p tcp --dport 5001 -s {host.g1.ip} 2>/dev/null')
        expect_in(f'src={host.g1.ip} dst={host.g2.ip}', entries, 'conntrack entry')
        return 'ASSURED' in entries
    rules = 'table inet t { chain i { type filter hook input priority 0; ct state new counter accept; } }'
    return with_rules(host.g2, rules, question)


def drop_set(host):
    """The rules stay, and the set that they name changes."""
    def question():
        results = [reach(host)]
        for change in ('add', 'delete'):
            host.g2.sh(f"nft '{change} element inet t blocked {{ {host.g1.ip} . 5001 }}'")
            results.append(reach(host))
        return results
    rules = """table inet t { set blocked { type ipv4_addr . inet_service; }
        chain i { type filter hook input priority 0; ip saddr . tcp dport @blocked drop; } }"""
    return with_rules(host.g2, rules, question)


def masquerade(host):
    """g1 owns another address and hides it behind eth0's: does g2 see only that?"""
    def question():
        host.g1.sh('ip addr add 192.0.2.1/32 dev lo')
        try:
            host.g2.sh('systemd-run -q -u seen --collect socat TCP-LISTEN:5003,reuseaddr '
                       "SYSTEM:'echo $SOCAT_PEERADDR'")
            host.g2.sh('until ss -ltn | grep -q :5003; do sleep 0.1; done')
            return host.g1.sh(f'{socat(host, 5003)},bind=192.0.2.1 </dev/null', check=False)
        finally:
            host.g1.sh('ip addr del 192.0.2.1/32 dev lo')
    rules = 'table ip t { chain p { type nat hook postrouting priority 100; ip saddr 192.0.2.1 masquerade; } }'
    return with_rules(host.g1, rules, question) == host.g1.ip


CHECKS = (
    (drop_in, 'dropped'),
    (drop_out, 'refused'),
    (drop_egress, 'dropped'),
    (accept_established, ('passed', 'dropped')),
    (conntrack_entries, True),
    (drop_set, ['passed', 'dropped', 'passed']),
    (masquerade, True))
