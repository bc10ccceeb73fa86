# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Whether the machine below was left to the emulator: two emulated CPUs that wait for each other can't bear company.

With a compiler at work beside it, a round trip that goes through several domains takes ten times as long.
"""
import os
import time
from pathlib import Path

TICKS = os.sysconf('SC_CLK_TCK')
CPUS = os.cpu_count()
TOLERATED = 0.08   # of all CPUs' time
PATIENCE = 30      # seconds to wait for others to end
BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal; idle and iowait are 3 and 4


def busy_seconds(stat):
    """CPU seconds of the whole machine, also those that its own hypervisor took, from /proc/stat."""
    columns = list(map(int, stat.splitlines()[0].split()[1:]))
    return sum(columns[index] for index in BUSY) / TICKS


def process_seconds(stat):
    """CPU seconds of a process, from /proc/PID/stat; its name may have blanks and brackets."""
    columns = stat.rpartition(')')[2].split()
    return (int(columns[11]) + int(columns[12])) / TICKS


class Watch:
    """Counts from its creation on."""

    def __init__(self, pid):
        self.pid = pid
        self.start = self.read()

    def read(self):
        return (time.monotonic(), busy_seconds(Path('/proc/stat').read_text()),
                process_seconds(Path(f'/proc/{self.pid}/stat').read_text()))

    def others(self):
        """Which part of all CPUs' time went to others than this process."""
        wall, busy, own = (now - then for now, then in zip(self.read(), self.start))
        return max(0, (busy - own) / (wall * CPUS)) if wall else 0


def wait(pid, patience=PATIENCE):
    """Waits for a quiet second, but not for ever."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        watch = Watch(pid)
        time.sleep(1)
        if watch.others() <= TOLERATED:
            return


def undisturbed(pid, take, attempts, complain, patience=PATIENCE):
    """take() until others kept out; (result, their share) of the quietest attempt."""
    results = []
    while True:
        watch = Watch(pid)
        result = take()
        results.append((result, watch.others()))
        if results[-1][1] <= TOLERATED or len(results) == attempts:
            return min(results, key=lambda pair: pair[1])
        complain(f'other programs used {results[-1][1]:.0%} of this machine: once more')
        wait(pid, patience)
