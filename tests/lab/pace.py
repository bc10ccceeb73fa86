# SPDX-License-Identifier: GPL-2.0 OR MIT
"""How patient the lab is: a kernel that checks itself takes several times as long as Debian's own."""

factor = 1


def stretched(seconds):
    """A time limit that was chosen for Debian's kernel, for the kernel that guests run now."""
    return int(seconds * factor)


def rest(seconds):
    """Between two pieces of a stream that is there beside something else: a slow kernel needs time for that."""
    return seconds if factor == 1 else factor * max(seconds, 0.05)


def fewer(times):
    """How often the same thing is done again, so that it takes as long as there."""
    return int(times / factor)
