# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What has to work in each cell of the matrix: by the channel, or as well without one.

A duty is a function of the host, of which g1 and g2 are the guests, and of the cell; its first words say what failed.
"""
import json
from contextlib import contextmanager

from case import expect, expect_equal, expect_in, wait_for
import _left as left
import _loop as loop
import save_restore
from _load import Load
from _sequence import Sequence
from _transfer import transfer

MB = 8
REST = 0.005  # seconds between two datagrams: what the standard path takes without a loss, even here


def first_traffic_brings_the_channel_up(host, _):
    loop.start(host)
    for guest, other in both_ways(host):
        loop.wait_link(guest, other.name)
        expect_equal(loop.kernel(guest)['chans_created'], 0, f'{guest}: channels before any traffic')
    loop.up(host.g1, host.g2)


def ping(host, _):
    for address in (host.g2.ip, host.g2.ip6):
        with loop.moved(host.g1, host.g2) as m:
            pings(host.g1, address)
        m.expect_frames(10)


def tcp(host, _):
    """By IPv4 and IPv6, both ways, with checksums, as GSO frames."""
    for source, sink in both_ways(host):
        for address in (sink.ip, sink.ip6):
            with loop.moved(source, sink) as m:
                transfer(source, sink, address, MB)
            m.expect_frames(100)
            expect(m.a['tx-gso-frames'] > 0, f'{source} to {address}: no GSO frame took the channel')


def udp_while_the_channel_goes_and_comes(host, _):
    """Nothing is lost, repeated or reordered, in the channel, beside it, and where it changes."""
    with streams(host):
        for guest, other in both_ways(host):
            some_frames(host)
            guest.sh(f'xenloopctl disconnect {other}')
            for one, peer in both_ways(host):
                wait_for(lambda: loop.state(one, peer.name) != 'up', 60, f'{one}: the channel closes')
            pings(host.g1, host.g2.ip)
            guest.sh(f'xenloopctl connect {other}')
            loop.up(host.g1, host.g2)
        some_frames(host)


def save_and_restore(host, cell):
    if not cell.saved:
        return
    with Load(host.g1, host.g2) as load:
        save_restore.away_and_back(host, load, 'g2', 'g1')


def one_channel_is_all(host, _):
    left.expect_one_channel(host, host.g1, host.g2)


def is_refused_with_the_reason(host, cell):
    """xendiscoverd, doctor and the guests' xenloopd say why these two have no channel; the guests have no peer."""
    loop.start(host)
    for name in cell.guests:
        wait_for(lambda: shown(host, name) == [cell.network.state], 60,
                 f'xendiscoverd calls the vif of {name} {cell.network.state!r}, not {shown(host, name)}')
        expect_equal(known(host, name), True, f'{name} has said hello')
    findings = json.loads(host.dom0.sh('xenloopctl --json doctor g1 g2', check=False))['findings']
    expect_in(f'vif-{cell.network.state}', [finding['cause'] for finding in findings], 'doctor in Dom0')
    for guest, _ in both_ways(host):
        wait_for(lambda: interface(guest) == ('detached', f'Dom0: {cell.network.state}'), 60,
                 f'{guest} leaves eth0 alone and says why ({interface(guest)})')
        expect_equal(loop.peers(guest), [], f'peers of {guest}')


def shown(host, name):
    return [vif['state'] for guest in loop.ask(host.dom0, 'status')['guests'] if guest['name'] == name
            for vif in guest['vifs']]


def known(host, name):
    return any(guest['name'] == name and guest['hello'] == 'ok' for guest in loop.ask(host.dom0, 'status')['guests'])


def interface(guest):
    return next((i['state'], i['reason']) for i in loop.ask(guest, 'status')['interfaces'] if i['ifname'] == 'eth0')


def traffic_works_by_netfront(host, _):
    before = {guest: netfront_frames(guest) for guest, _ in both_ways(host)}
    with streams(host):
        for source, sink in both_ways(host):
            for address in (sink.ip, sink.ip6):
                pings(source, address)
                transfer(source, sink, address, MB)
    for guest, frames in before.items():
        expect(netfront_frames(guest) - frames > 1000, f'{guest}: too few frames by netfront')
        expect_equal(loop.kernel(guest)['chans_created'], 0, f'{guest}: channels')


def netfront_frames(guest):
    return int(guest.sh('cat /sys/class/net/eth0/statistics/tx_packets'))


def unloading_leaves_nothing(host, _):
    for guest, _ in both_ways(host):
        guest.sh('systemctl stop xenloopd && xenloopd --flush && rmmod xenloop')
    host.dom0.sh('systemctl stop xendiscoverd && xendiscoverd --clean')
    left.expect_no_trace(host)
    for address in (host.g2.ip, host.g2.ip6):
        pings(host.g1, address)


CHANNEL = (first_traffic_brings_the_channel_up, ping, tcp, udp_while_the_channel_goes_and_comes, save_and_restore,
           one_channel_is_all, unloading_leaves_nothing)
NETFRONT = (is_refused_with_the_reason, traffic_works_by_netfront, unloading_leaves_nothing)


def of(cell):
    return NETFRONT if cell.network.state else CHANNEL


def both_ways(host):
    return (host.g1, host.g2), (host.g2, host.g1)


def pings(guest, address):
    expect_in(' 0% packet loss', guest.sh(f'ping -n -c 10 -i 0.2 -W 20 {address}'), f'ping from {guest} to {address}')


@contextmanager
def streams(host):
    """Numbered datagrams both ways meanwhile, all of which arrive, once and in order."""
    running = [Sequence(sender, receiver, rest=REST) for sender, receiver in both_ways(host)]
    yield
    for stream in running:
        stream.stop()
    for stream in running:
        stream.expect_whole()


def some_frames(host, number=200):
    """Waits until the channel has carried so many more frames both ways."""
    def carried():
        return [loop.chan_stats(guest, other.name)['tx-frames'] for guest, other in both_ways(host)]
    before = carried()
    wait_for(lambda: all(now - b >= number for now, b in zip(carried(), before)), 120, f'{number} frames both ways')
