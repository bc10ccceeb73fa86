# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A peer that is paused, crashes or is destroyed: the other side falls back, says why, frees, and comes back."""
from case import expect, expect_equal, expect_in, wait_for
import _loop as loop
from _load import Load

TIMEOUT = 1800


def run(host):
    loop.started(host)
    for name in ('g2', 'g1'):
        paused(host, name)
    crashed(host)
    destroyed(host)


def pair(host, name):
    return getattr(host, name), getattr(host, 'g1' if name == 'g2' else 'g2')


def paused(host, name):
    """Longer than the watchdog waits, under load."""
    guest, stays = pair(host, name)
    with Load(stays, guest) as load:
        host.dom0.sh(f'xl pause {name}')
        wait_for(lambda: loop.state(stays, name) != 'up', 60, f'{stays}: the watchdog notices')
        expect_in('stalled', stays.sh('journalctl -u xenloopd --no-pager'), 'the journal')
        host.dom0.sh(f'xl unpause {name}')
        load.progress(5, 180)
        loop.wait_state(stays, name, 'up', 120)
        loop.wait_state(guest, stays.name, 'up', 120)
    for one in (guest, stays):
        wait_for(lambda: loop.only_one_channel(one), 60, f'{one}: nothing left over ({loop.kernel(one)})')


def only_idle(guest):
    k = loop.kernel(guest)
    return (k['chans_created'] == k['chans_destroyed'] and k['pages_granted'] == k['pages_freed']
            and (k['pages_mapped'], k['pages_deferred'], k['ports_bound']) == (0, 0, 0))


def crashed(host):
    host.g2.sh('systemd-run -q sh -c "sleep 1; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"')
    gone(host)
    again(host)


def destroyed(host):
    host.destroy('g2')
    gone(host)
    again(host)


def gone(host):
    loop.wait_state(host.g1, 'g2', 'absent', 120)
    wait_for(lambda: only_idle(host.g1), 60, f'g1 has freed everything ({loop.kernel(host.g1)})')
    zombies = host.dom0.sh("xl list | grep -c -- '--ps-d\\|(null)' || true")
    expect_equal(zombies, '0', 'domains that can not go')
    expect('g2' not in host.dom0.sh('xl list'), 'g2 is gone')


def again(host):
    """The guest starts anew; the other side needs nobody's help."""
    host.guest('g2')
    loop.start(host, guests=[host.g2], dom0=False)
    loop.up(host.g1, host.g2)
