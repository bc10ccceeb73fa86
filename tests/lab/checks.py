# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What a kernel that checks itself does not say unasked: leaks, and whether its checkers are still at work."""
import re

import kernels
from case import CaseFailed

# Two scans, since what is in a register or on its way between lists during the first one is not lost.
# Objects of less than five seconds are not reported at all.
LEAKS = '''set -e
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
sleep 6
echo scan >/sys/kernel/debug/kmemleak
echo scan >/sys/kernel/debug/kmemleak
cat /sys/kernel/debug/kmemleak'''
# A frame in the module; without a name when the module is unloaded.
OURS = re.compile(r'\[xenloop\]|\] 0xffffffff')


def expect_nothing_found(host):
    """Of what the chosen kernel checks, in each guest that is still there."""
    look = {'debug': no_leak, 'races': races_are_watched}.get(kernels.chosen.name)
    for name, domain in host.domains.items():
        if look and name != 'dom0' and domain.answers():  # a case may end guests
            look(domain)


def no_leak(domain):
    report = leak(domain.sh(LEAKS, timeout=300))
    if report:
        raise CaseFailed(f'{domain.name}: its kernel found a leak: {report}')
    if 'debug_locks: 1' not in ' '.join(domain.sh('grep debug_locks /proc/lockdep_stats').split()):
        raise CaseFailed(f'{domain.name}: its kernel gave up checking locks: see its log')


def races_are_watched(domain):
    """Races themselves are in the log."""
    if 'enabled: 1' not in domain.sh('cat /sys/kernel/debug/kcsan'):
        raise CaseFailed(f'{domain.name}: its kernel does not look for data races')


def leak(text):
    """The first object in kmemleak's report that the module allocated."""
    blocks = re.split(r'^(?=unreferenced object)', text, flags=re.M)
    return next((block.strip() for block in blocks if OURS.search(block)), None)
