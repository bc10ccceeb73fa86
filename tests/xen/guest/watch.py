#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""usage: watch.py FILE PID - looks five times a second at this machine and at a process; FILE has the worst so far, as JSON:

available  the least MemAvailable, in KiB
share      of a CPU that the process took, the most in WINDOW seconds
late       seconds, the longest that this program came too late, which does next to nothing itself
"""
import json
import os
import sys
import time

INTERVAL = 0.2
WINDOW = 5
TICKS = os.sysconf('SC_CLK_TCK')


def available():
    with open('/proc/meminfo') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('MemAvailable:'))


def used(pid):
    """Seconds of a CPU."""
    with open(f'/proc/{pid}/stat') as file:
        return sum(map(int, file.read().rpartition(')')[2].split()[11:13])) / TICKS


def save(path, worst):
    with open(path + '.new', 'w') as file:
        json.dump(worst, file)
    os.rename(path + '.new', path)


def main(path, pid):
    looks = [(time.monotonic(), used(pid))]
    worst = {'available': available(), 'share': 0, 'late': 0}
    save(path, worst)
    while True:
        time.sleep(INTERVAL)
        looks.append((time.monotonic(), used(pid)))
        (now, spent), before = looks[-1], looks[-2][0]
        while looks[1][0] <= now - WINDOW:
            looks.pop(0)
        share = (spent - looks[0][1]) / max(now - looks[0][0], WINDOW)
        found = {'available': min(worst['available'], available()), 'share': max(worst['share'], share),
                 'late': max(worst['late'], now - before - INTERVAL)}
        if found != worst:
            worst = found
            save(path, worst)


if __name__ == '__main__':
    main(*sys.argv[1:])
