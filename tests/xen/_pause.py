# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest that the hypervisor does not run for a while.

Its clock goes on meanwhile. A kernel that wakes after more than twenty seconds reports its own absence as a lockup, so its
detectors are off for the pause, and for nothing else.
"""
from contextlib import contextmanager

# A kernel without a lockup detector has no kernel.watchdog.
DETECTORS = '''set -e
[ ! -e /proc/sys/kernel/watchdog ] || echo {on} >/proc/sys/kernel/watchdog
echo {off} >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress'''


@contextmanager
def paused(host, guest):
    guest.sh(DETECTORS.format(on=0, off=1))
    host.dom0.sh(f'xl pause {guest}')
    try:
        yield
    finally:
        host.dom0.sh(f'xl unpause {guest}')
    guest.sh(DETECTORS.format(on=1, off=0))
