# SPDX-License-Identifier: GPL-2.0 OR MIT
"""24 guests on one host: what each that joins costs, what memory follows, and what happens at each limit.

g1 and g2 are the usual guests, the others tiny ones.  The last one has so few grants that it can't have many channels.
"""
import re

import guests
import tiny
from case import expect, expect_equal, expect_in, wait_for
from crowd import each
import _left as left
import _loop as loop

LONG = True
FULL = True
TIMEOUT = 2400
NAMES = [f'g{number}' for number in range(1, 25)]
PAIRS = list(zip(NAMES[::2], NAMES[1::2]))
POOR = NAMES[-1]
FEW = 8  # channels that g1 may have for a while
DAEMON_KIB = 4096  # memory of its own that a daemon may take, with 24 guests
# Of a handshake: request, offer, accept.
MESSAGES = 3
# Takes what is left of the guest's share of XenStore's nodes.
FILL = '''n=0
for step in 100 10 1; do
    while xenstore-write $(seq -f 'data/full/%.0f x' $((n + 1)) $((n + step))) 2>/dev/null; do n=$((n + step)); done
done
echo $n'''


def run(host):
    boot(host)
    joining(host)
    talking_pairs(host)
    one_to_all(host)
    few_grants(host)
    full_quota(host)
    nothing_left(host)


def boot(host):
    """Two frames of grant table are 1,024 grants, and netfront takes half of them."""
    tiny.build(host)
    tiny.boot(host, NAMES[2:], {POOR: 'max_grant_frames = 2'})


def joining(host):
    """Each that joins is told to the others once, and they to it."""
    host.dom0.sh('systemctl start xendiscoverd; '
                 'systemd-run -q -u events sh -c "exec stdbuf -oL xenstore-watch /local/domain >/run/events"')
    wait_for(lambda: host.dom0.ok('test -s /run/events'), 20, 'the watch is there')
    seen, kib = work(host), footprint(host.dom0, 'xendiscoverd')
    for number, name in enumerate(NAMES, 1):
        guest = host.domains[name]
        start(guest)
        wait_for(lambda: joined(host, guest, number), 60, f'{name} joins')
        before, seen = seen, work(host)
        updates, events = (now - then for now, then in zip(seen, before))
        print(f'many_guests: {name} joins: {updates} guests told, {events} events', flush=True)
        expect(updates <= number + 3, f'{name} joins {number - 1} others, and guests are told {updates} times')
        expect(events <= 5 * number + 20, f'{name} joins {number - 1} others: {events} events of XenStore')
    host.dom0.sh('systemctl stop events')
    expect(footprint(host.dom0, 'xendiscoverd') <= DAEMON_KIB, 'xendiscoverd is small')
    print(f'many_guests: xendiscoverd: {kib}, then {footprint(host.dom0, "xendiscoverd")} KiB', flush=True)
    expect_equal(len(nodes(host, 'roster')), len(NAMES) * (len(NAMES) - 1), 'entries of all rosters')
    each(host, is_quiet, NAMES)


def is_quiet(guest):
    """It knows all others, and nothing is there for those that do not talk."""
    others = [name for name in NAMES if name != guest.name]
    wait_for(lambda: sorted(peer['name'] for peer in loop.peers(guest)) == sorted(others), 120, f'{guest} knows all others')
    left.expect_no_channel(guest)
    kib = footprint(guest, 'xenloopd')
    expect(kib <= DAEMON_KIB, f'{guest}: xenloopd has {kib} KiB')


def talking_pairs(host):
    before = relayed(host)
    each(host, lambda guest: ping(guest, [dict(PAIRS)[guest.name]]), [one for one, _ in PAIRS])
    for one, other in PAIRS:
        for guest, peer in ((one, other), (other, one)):
            expect_channels(host.domains[guest], [peer])
    messages = relayed(host) - before
    print(f'many_guests: {len(PAIRS)} pairs: {messages} messages', flush=True)
    expect(messages <= MESSAGES * len(PAIRS), f'{messages} messages for {len(PAIRS)} channels')


def one_to_all(host):
    """g1 talks to all others: first to some of them by a channel, as max-channels says, then to all."""
    others = NAMES[1:]
    host.g1.sh(f'xenloopctl set max-channels {FEW}')
    ping(host.g1, others)
    wait_for(lambda: len(up(host.g1)) == FEW, 60, f'g1 has {FEW} channels')
    ping(host.g1, others)
    for peer in loop.peers(host.g1):
        if peer['state'] != 'up':
            expect_equal(peer['reason'], 'max-channels reached', f'why there is no channel to {peer["name"]}')
    expect_equal(len(up(host.g1)), FEW, 'channels of g1')
    host.g1.sh('xenloopctl set max-channels 256')
    wait_for(lambda: ping(host.g1, others) or len(up(host.g1)) == len(others), 120, 'g1 has channels to all others')
    expect_channels(host.g1, others)
    kib = footprint(host.g1, 'xenloopd')
    print(f'many_guests: g1 with {len(others)} channels: xenloopd has {kib} KiB', flush=True)
    expect(kib <= DAEMON_KIB, f'g1: xenloopd has {kib} KiB')


def few_grants(host):
    """What has no room in the grant table takes the standard path, and says why."""
    poor = host.domains[POOR]
    ping(poor, NAMES[2:10])
    failing = wait_for(lambda: refused(poor, 'out of grants'), 60, f'{POOR} says that it is out of grants')
    expect(up(poor), f'{POOR} has those channels that it has grants for')
    wait_for(lambda: has_memory_of(poor, len(up(poor))), 60, f'{POOR}: grants of refused channels are given back')
    ping(poor, failing)
    expect_in('out of grants', tiny.console(host, poor), f'the log of {POOR}')
    print(f'many_guests: {POOR}: {len(up(poor))} channels, then it is out of grants', flush=True)


def full_quota(host):
    """A guest without a node left for messages: the same."""
    host.g2.sh(FILL, timeout=300)
    ping(host.g2, ['g5'])
    wait_for(lambda: refused(host.g2, 'quota'), 60, 'g2 says that XenStore refuses')
    ping(host.g2, ['g5'])
    host.g2.sh('journalctl -o cat -u xenloopd | grep quota')
    host.g2.sh('xenstore-rm data/full')
    wait_for(lambda: ping(host.g2, ['g5']) or 'g5' in up(host.g2), 120, 'g2 has a channel to g5')


def nothing_left(host):
    each(host, lambda guest: guest.sh('xenloopctl set idle-timeout 1'), NAMES)
    each(host, left.expect_no_channel, NAMES)
    left.expect_no_grants(host)
    wait_for(lambda: not nodes(host, 'to', 'from'), 60, 'no message is left in XenStore')


def start(guest):
    guest.sh(f'{"systemctl start xenloopd" if guest.name in ("g1", "g2") else tiny.START}; xenloopctl set idle-timeout 0')


def work(host):
    """What xendiscoverd has done so far: how often it wrote to a guest, events of XenStore about XenLoop's nodes."""
    return (loop.ask(host.dom0, 'status')['counters']['guest_updates'],
            int(host.dom0.sh('grep -c /xenloop /run/events || true')))


def joined(host, guest, number):
    """All `number` guests that take part so far have links to each other, and the last one knows of them."""
    status = loop.ask(host.dom0, 'status')
    return (status['peers'], status['allowed_links'], len(loop.peers(guest))) == (
        number, number * (number - 1) // 2, number - 1)


def relayed(host):
    return loop.ask(host.dom0, 'status')['counters']['messages_relayed']


def nodes(host, *directories):
    """XenLoop's nodes of this kind, of all guests."""
    pattern = '|'.join(directories)
    return host.dom0.sh(f"xenstore-ls -f /local/domain | grep -E '/xenloop/({pattern})/' || true", timeout=300).splitlines()


def footprint(domain, daemon):
    """Memory of its own that a daemon has, in KiB."""
    return int(re.search(r'RssAnon:\s*(\d+)', domain.sh(f'cat /proc/$(pidof {daemon})/status'))[1])


def ping(guest, names):
    """Pings all these at the same time; nothing is lost."""
    addresses = ' '.join(guests.addresses(name)[0] for name in names)
    said = guest.sh(f'for address in {addresses}; do ping -q -c 3 -W 20 $address & done; wait')
    lost = re.findall(r'(\d+)% packet loss', said)
    expect_equal(lost, ['0'] * len(names), f'{guest}: losses in percent to {names}')


def up(guest):
    return [peer['name'] for peer in loop.peers(guest) if peer['state'] == 'up']


def refused(guest, why):
    """Peers without a channel for this reason."""
    return [peer['name'] for peer in loop.peers(guest) if why in peer['reason']]


def has_memory_of(guest, channels):
    """It has granted, and mapped, just what so many channels take."""
    status = loop.ask(guest, 'status')
    kernel, pages = status['kernel'], channels * (1 + status['settings']['fifo_size'] // 4096)
    return (kernel['pages_granted'] - kernel['pages_freed'], kernel['pages_mapped']) == (pages, pages)


def expect_channels(guest, names):
    """Exactly these are there, with their memory, and no more."""
    wait_for(lambda: sorted(up(guest)) == sorted(names), 60, f'{guest}: channels to {names}')
    wait_for(lambda: has_memory_of(guest, len(names)), 60, f'{guest}: memory of {len(names)} channels')
