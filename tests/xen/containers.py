# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Containers in a guest: behind a bridge with NAT, and by ipvlan, they take the channel; with a MAC of their own, not."""
from case import expect, expect_in
import _loop as loop
from _transfer import transfer

MB = 8
BOX = '172.18.0.2'
IN_BOX = 'ip netns exec box'
# As a container engine has it: who is inside and what is published are sets that change while the rules stay.
RULES = f'''table ip engine {{
    set inside {{ type ipv4_addr; flags interval; elements = {{ 172.18.0.0/24 }}; }}
    map published {{ type inet_service : ipv4_addr . inet_service; elements = {{ 8080 : {BOX} . 6000 }}; }}
    chain from_outside {{
        type nat hook prerouting priority dstnat
        fib daddr type local dnat ip to tcp dport map @published
    }}
    chain to_outside {{
        type nat hook postrouting priority srcnat
        ip saddr @inside oifname "eth0" masquerade
    }}
}}
'''


def run(host):
    loop.started(host)
    g1, g2 = host.g1, host.g2
    add_box(g1)
    goes_out(g1, g2)
    is_published(g1, g2)
    g1.sh('ip netns del box; nft delete table ip engine')
    own_mac(g1, g2)
    same_mac(g1, g2)


def add_box(g1):
    g1.put(RULES.encode(), '/run/engine.nft')
    g1.sh(f'''set -e
        ip link add inside0 type bridge; ip addr add 172.18.0.1/24 dev inside0; ip link set inside0 up
        ip netns add box; ip link add box0 type veth peer name eth0 netns box; ip link set box0 master inside0 up
        ip -n box addr add {BOX}/24 dev eth0; ip -n box link set eth0 up
        ip -n box route add default via 172.18.0.1
        sysctl -q net.ipv4.ip_forward=1
        nft -f /run/engine.nft''')


def goes_out(g1, g2):
    """The box has g1's address outside, and its large frames stay whole on their way through g1."""
    m = stream(g1, g2, g2.ip, source_in=IN_BOX)
    expect(m.a['tx-gso-frames'] > 0, 'no large frame took the channel')
    expect_tracked(g1, f'-s {BOX} -d {g2.ip} --dport 6000', f'src={g2.ip} dst={g1.ip} sport=6000')


def is_published(g1, g2):
    stream(g2, g1, g1.ip, port=8080, sink_in=IN_BOX)
    expect_tracked(g1, f'-s {g2.ip} -d {g1.ip} --dport 8080', f'src={BOX} dst={g2.ip} sport=6000')


def expect_tracked(g1, connection, answers):
    entry = g1.sh(f'conntrack -L -p tcp {connection} 2>/dev/null')
    expect_in(answers, entry, f'conntrack {connection}')
    expect_in('[ASSURED]', entry, f'conntrack {connection}')


def stream(source, sink, address, **how):
    """It takes the channel, all of it; returns how the counters moved."""
    loop.up(source, sink)
    with loop.moved(source, sink) as m:
        transfer(source, sink, address, MB, **how)
    expect(m.a['tx-bytes'] >= MB << 20, f'to {address} {how}: only {m.a["tx-bytes"]} bytes took the channel')
    m.expect_all_through()
    return m


def own_mac(g1, g2):
    """Whether a MAC that is not the vif's may pass is for Dom0 to say; the channel goes on beside it."""
    add_link(g1, 'own', 'macvlan mode bridge', '10.0.2.121')
    loop.up(g1, g2)
    before = loop.iface_stats(g1)['pass-foreign-src']
    with loop.moved(g1, g2) as m:
        expect_in(' 0% packet loss', g2.sh('ping -n -c 5 -i 0.2 -W 10 10.0.2.121'), 'ping to the macvlan')
        transfer(g1, g2, g2.ip, MB, source_in='ip netns exec own')
    passed = loop.iface_stats(g1)['pass-foreign-src'] - before
    expect(passed >= MB << 20 >> 16, f'only {passed} frames had a foreign source MAC')
    for side in (m.a, m.b):
        expect(side['tx-bytes'] < 1 << 20, f'{side["tx-bytes"]} bytes took the channel')
    stream(g1, g2, g2.ip)
    g1.sh('ip -n own link del own0; ip netns del own')


def same_mac(g1, g2):
    add_link(g1, 'same', 'ipvlan mode l2', '10.0.2.122')
    stream(g1, g2, g2.ip, source_in='ip netns exec same')
    stream(g2, g1, '10.0.2.122', sink_in='ip netns exec same')
    stream(g1, g2, g2.ip)
    g1.sh('ip -n same link del same0; ip netns del same')


def add_link(g1, name, kind, address):
    """A namespace with an interface of its own on top of eth0."""
    g1.sh(f'''set -e
        ip netns add {name}; ip link add link eth0 name {name}0 netns {name} type {kind}
        ip -n {name} addr add {address}/24 dev {name}0; ip -n {name} link set {name}0 up''')
