# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A peer that is paused, crashes or is destroyed: the other side falls back, says why, frees, and comes back."""
from case import expect, expect_equal, wait_for
import _left as left
import _loop as loop
from _load import Load
from _sequence import Sequence

TIMEOUT = 1800
CRASH = 'systemd-run -q sh -c "sleep 1; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"'


def run(host):
    loop.started(host)
    for name in ('g2', 'g1'):
        paused(host, name)
    # Who comes back has the higher domid and connects: each blow meets each role.
    for name, blow in (('g2', crash), ('g1', destroy), ('g2', crash), ('g2', destroy)):
        blown(host, name, blow)


def pair(host, name):
    return getattr(host, name), getattr(host, 'g1' if name == 'g2' else 'g2')


def journal(guest):
    return guest.sh('journalctl -u xenloopd --no-pager -o cat')


def paused(host, name):
    """Longer than the watchdog waits, under load."""
    guest, stays = pair(host, name)
    with Load(stays, guest) as load:
        host.dom0.sh(f'xl pause {name}')
        wait_for(lambda: loop.state(stays, name) != 'up', 60, f'{stays}: the watchdog notices')
        wait_for(lambda: 'stalled' in journal(stays), 10, f'{stays}: the reason is in the journal')
        host.dom0.sh(f'xl unpause {name}')
        load.progress(5, 180)
        loop.wait_state(stays, name, 'up', 120)
        loop.wait_state(guest, stays.name, 'up', 120)
    left.expect_one_channel(host, guest, stays)


def crash(host, name):
    getattr(host, name).sh(CRASH)


def destroy(host, name):
    host.destroy(name)


def blown(host, name, blow):
    guest, stays = pair(host, name)
    streams = [Sequence(guest, stays), Sequence(stays, guest)]
    blow(host, name)
    loop.wait_state(stays, name, 'absent', 120)
    left.expect_no_channel(stays)
    left.expect_no_grants(host)
    gone(host, name)
    streams[1].stop()
    streams[0].expect_once_in_order()
    host.guest(name)
    loop.start(host, guests=[guest], dom0=False)
    loop.up(stays, guest)


def gone(host, name):
    zombies = host.dom0.sh("xl list | grep -c -- '--ps-d\\|(null)' || true")
    expect_equal(zombies, '0', 'domains that can not go')
    expect(name not in host.dom0.sh('xl list'), f'{name} is gone')
