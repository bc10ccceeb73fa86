# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Channels that come and go by hand and for want of traffic: monitor and journal say so, with the reason; no ping is lost."""
from case import expect, expect_equal, expect_in, wait_for
import _left as left
import _loop as loop

IDLE = 5  # seconds, looked at as often
# Between the first ones the channel may be idle for just long enough, and about to close; between the others it surely closes.
PINGS = [f'ping -n -c 4 -i {1.5 * IDLE} -W 10', f'ping -n -c 3 -i {2.5 * IDLE} -W 10']


def run(host):
    loop.started(host)
    for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
        by_hand(guest, other)
        idle(guest, other)
    loop.up(host.g1, host.g2)
    left.expect_one_channel(host, host.g1, host.g2)


def by_hand(guest, other):
    with loop.told(guest, other) as (own, others):
        guest.sh(f'xenloopctl disconnect {other}')
        own.down(other, 'disconnected')
        others.down(guest, 'peer-closed')
        expect_in('draining', [e['event'] for e in own.monitor.events()], f'{guest}: events')
        loop.wait_state(guest, other.name, 'held')
        other.sh(f'ping -n -c 1 -W 10 {guest.ip}')
        expect_equal(loop.state(guest, other.name), 'held', f'{guest}: traffic does not bring it back')
        wait_for(lambda: loop.link(other, guest.name)['reason'] == 'the peer gave up: held', 20, f'{other} knows who holds the link')
        for one in (guest, other):
            left.expect_no_channel(one)
    with loop.told(guest, other) as (own, others):
        guest.sh(f'xenloopctl connect {other}')
        own.up(other)
        others.up(guest)


def idle(guest, other):
    with loop.told(guest, other) as (own, others):
        guest.sh(f'xenloopctl set idle-timeout {IDLE}')
        own.down(other, 'idle')
        others.down(guest, 'peer-closed')
    loop.up(guest, other)
    before = loop.kernel(guest)['chans_created']
    for ping in PINGS:
        output = guest.sh(f'{ping} {other.ip}')
        expect_in(' 0% packet loss', output, f'{guest}: {ping} while channels come and go')
        expect('DUP' not in output, f'{guest}: an answer came twice')
    expect(loop.kernel(guest)['chans_created'] > before, f'{guest}: no channel went meanwhile')
    guest.sh('xenloopctl set idle-timeout 60')
