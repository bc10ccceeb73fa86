# SPDX-License-Identifier: GPL-2.0 OR MIT
"""rmmod and modprobe on either side under load; the old instance leaves no grant, port or memory behind, and loses nothing."""
import time

import kernels
import pace
from case import expect, expect_equal, wait_for
import _left as left
import _loop as loop
from _load import Load
from _sequence import Sequence

TIMEOUT = 2400
TIMES = 20
# In KiB, and in pages of grant entries. Each channel has half a MiB of pages, and a quarter of a page of entries.
MEMORY = 6 << 10
FRAMES = 1


def run(host):
    loop.started(host)
    with Load(host.g1, host.g2) as load:
        for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
            away_and_back(host, load, guest, other)
    left.expect_one_channel(host, host.g1, host.g2)
    for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
        many_times(host, guest, other)
    left.expect_one_channel(host, host.g1, host.g2)


def away_and_back(host, load, guest, other):
    """The counters begin anew with the module; the peer's and the hypervisor's know what the old one had."""
    with loop.told(guest, other) as (own, others):
        guest.sh('rmmod xenloop')
        own.down(other, 'unload')
        others.down(guest, 'peer-closed')
        loop.wait_state(other, guest.name, 'absent')
        left.expect_no_channel(other)
        left.expect_no_grants(host)
        load.progress()
        expect_equal(loop.ask(other, 'stats')['channels'], [], 'channels while one guest has no module')
        guest.sh('modprobe xenloop')
        own.up(other)
        others.up(guest)
        load.progress()


def many_times(host, guest, other):
    """Under streams of datagrams, which notice a loss, and long enough for a leak to show."""
    before = {one: used(host, one) for one in (guest, other)}
    since = time.monotonic()
    streams = [Sequence(guest, other), Sequence(other, guest)]
    times = pace.fewer(TIMES)
    for _ in range(times):
        reload(guest, other)
    for stream in streams:
        stream.stop()
    for stream in streams:
        stream.expect_whole()
    loop.up(guest, other)
    most = MEMORY + kernels.chosen.keeps(time.monotonic() - since)
    for one, (memory, frames) in before.items():
        now = used(host, one)
        expect(now[0] - memory < most, f'{one} uses {now[0] - memory} KiB more after {times} unloads in {guest}')
        expect(now[1] - frames <= FRAMES, f'{one}: the grant table grew by {now[1] - frames} after {times} unloads in {guest}')


def reload(guest, other):
    before = loop.link(other, guest.name)['channel']
    # A question of the daemon's to the module, which this may interrupt, keeps it in use.
    guest.sh('modprobe -r --wait=20000 xenloop && modprobe xenloop')

    def again():
        link = loop.link(other, guest.name)
        return link and link['state'] == 'up' and link['channel'] != before
    wait_for(again, 120, f'{other}: a new channel to {guest}')
    loop.wait_state(guest, other.name, 'up')


def used(host, guest):
    """Memory in KiB, but for caches and files in memory; size of the grant table."""
    values = guest.sh('sync; echo 3 >/proc/sys/vm/drop_caches; '
                      "awk '/^(MemTotal|MemAvailable|Shmem):/ { print $2 }' /proc/meminfo").split()
    total, available, files = map(int, values)
    return total - available - files, left.grant_frames(host, guest)
