#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""usage: twoways.py ADDRESS ADDRESS BYTES SECONDS - datagrams to both in turn by one socket; prints how many pairs."""
import socket
import sys
import time

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
until = time.monotonic() + float(sys.argv[4])
sock.settimeout(float(sys.argv[4]))
pairs = 0
while time.monotonic() < until:
    try:
        for address in sys.argv[1:3]:
            sock.sendto(bytes(int(sys.argv[3])), (address, 6200))
    except socket.timeout:
        break
    except ConnectionRefusedError:
        pass
    pairs += 1
print(pairs)
