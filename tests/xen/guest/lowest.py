#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""usage: lowest.py FILE - looks at MemAvailable five times a second; the least so far, in KiB, is in FILE."""
import os
import sys
import time


def available():
    with open('/proc/meminfo') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('MemAvailable:'))


lowest = None
while True:
    now = available()
    if lowest is None or now < lowest:
        lowest = now
        with open(sys.argv[1] + '.new', 'w') as file:
            print(lowest, file=file)
        os.rename(sys.argv[1] + '.new', sys.argv[1])
    time.sleep(0.2)
