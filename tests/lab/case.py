# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What a case in tests/xen/ imports.

A case is a Python file with a function run(host).  host.dom0, host.g1 and host.g2 are Domain objects (domain.py);
host (host.py) creates further guests.  The file may set

    TIMEOUT = 900        seconds for the whole case, the default; emulated CPUs are slow, never be tight
    LONG = True          takes many minutes: `make check` leaves it out, and says so
    SHARED = True        does not mind a host that other shared cases have used, and leaves it as it was
    STOCK = True         starts without XenLoop in any domain
    FULL = True          fills the host's memory: not for a kernel that checks itself
    COMPLAINTS = True    kernel warnings and oopses are part of the case; else one of them fails it
"""
import time

import pace
from agent import AgentError
from domain import CommandFailed  # noqa: F401  (for cases)


class CaseFailed(AssertionError):
    pass


def expect(condition, message):
    if not condition:
        raise CaseFailed(message)


def expect_equal(got, wanted, what):
    expect(got == wanted, f'{what}: got {got!r}, wanted {wanted!r}')


def expect_in(part, whole, what):
    expect(part in whole, f'{what}: no {part!r} in {whole!r}')


def wait_for(predicate, timeout, what, interval=0.5):
    """Waits until predicate() is true and returns its value; an agent out of reach counts as false."""
    timeout = pace.stretched(timeout)
    deadline = time.monotonic() + timeout
    complaint = ''
    while True:
        try:
            value = predicate()
            if value:
                return value
        except AgentError as error:
            complaint = f' ({error})'
        if time.monotonic() > deadline:
            raise CaseFailed(f'waited {timeout} s in vain: {what}{complaint}')
        time.sleep(interval)
