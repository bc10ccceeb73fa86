# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A peer that is paused, crashes or is destroyed: the other side falls back, says why, frees, and comes back."""
from case import expect, expect_equal, wait_for
import _left as left
import _loop as loop
from _load import Load
from _pause import paused
from _sequence import Sequence

TIMEOUT = 1800
ENOUGH = 500  # datagrams of a stream that show that it went on
CRASH = 'systemd-run -q sh -c "sleep 1; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"'


def run(host):
    loop.started(host)
    for name in ('g2', 'g1'):
        stopped(host, name)
    # Who comes back has the higher domid and connects: each blow meets each role.
    for name, blow in (('g2', crash), ('g1', destroy), ('g2', crash), ('g2', destroy)):
        blown(host, name, blow)


def pair(host, name):
    return getattr(host, name), getattr(host, 'g1' if name == 'g2' else 'g2')


def stopped(host, name):
    """Longer than the watchdog waits, under load."""
    guest, stays = pair(host, name)
    returned = loop.iface_stats(stays)['returned']
    streams = [Sequence(guest, stays, idle=30), Sequence(stays, guest, idle=30)]
    with Load(stays, guest) as load, loop.told(stays) as (told,):
        with paused(host, guest):
            told.expect('down', 'stalled', name=name, timeout=60)
            expect(loop.iface_stats(stays)['returned'] > returned, f'{stays}: frames were taken back')
            wait_for(lambda: loop.kernel(stays)['pages_deferred'] > 0, 10, f'{stays}: pages that the peer maps wait for it')
        load.progress(5, 180)
        loop.wait_state(stays, name, 'up', 120)
        loop.wait_state(guest, stays.name, 'up', 120)
        told.up(guest)
        load.by_channel()
        for stream in streams:
            stream.stop()
    for stream in streams:
        stream.expect_once(ENOUGH)
    left.expect_one_channel(host, guest, stays)


def crash(host, name):
    getattr(host, name).sh(CRASH)


def destroy(host, name):
    host.destroy(name)


def blown(host, name, blow):
    guest, stays = pair(host, name)
    streams = [Sequence(guest, stays), Sequence(stays, guest)]
    flowing(stays, name)
    with loop.told(stays) as (told,):
        blow(host, name)
        told.expect('down', 'peer-gone', name=name, timeout=120)
    loop.wait_state(stays, name, 'absent', 120)
    left.expect_no_channel(stays)
    left.expect_no_grants(host)
    gone(host, name)
    streams[1].stop()
    streams[0].expect_once_in_order(ENOUGH)
    host.guest(name)
    loop.start(host, guests=[guest], dom0=False)
    loop.up(stays, guest)


def flowing(guest, name):
    """Both streams take the channel."""
    before = loop.chan_stats(guest, name)

    def enough():
        now = loop.chan_stats(guest, name)
        return min(now[key] - before[key] for key in ('tx-frames', 'rx-frames')) >= ENOUGH
    wait_for(enough, 120, f'{guest}: {ENOUGH} frames each way')


def gone(host, name):
    zombies = host.dom0.sh("xl list | grep -c -- '--ps-d\\|(null)' || true")
    expect_equal(zombies, '0', 'domains that can not go')
    expect(name not in host.dom0.sh('xl list'), f'{name} is gone')
