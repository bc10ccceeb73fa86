# SPDX-License-Identifier: GPL-2.0 OR MIT
"""rmmod and modprobe on either side under load; afterwards grants, ports and channels are as before."""
from case import expect_equal
import _left as left
import _loop as loop
from _load import Load

TIMEOUT = 1500


def run(host):
    loop.started(host)
    with Load(host.g1, host.g2) as load:
        for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
            guest.sh('rmmod xenloop')
            loop.wait_state(other, guest.name, 'absent')
            load.progress()
            before = standard(host)
            guest.sh('modprobe xenloop')
            loop.wait_state(other, guest.name, 'up', 120)
            loop.wait_state(guest, other.name, 'up', 120)
            load.progress()
            expect_equal(before, True, 'without the module traffic takes netfront')
    left.expect_one_channel(host, host.g1, host.g2)


def standard(host):
    """No channel anywhere."""
    return all(not loop.ask(g, 'stats')['channels'] for g in (host.g1, host.g2) if g.ok('lsmod | grep -q ^xenloop'))
