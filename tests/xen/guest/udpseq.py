#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Numbered datagrams.

usage: udpseq.py send ADDRESS PORT COUNT BYTES [PAUSE]
       udpseq.py receive PORT [IDLE]

The sender pauses for PAUSE seconds (default 0) after each, sends none while /run/hold exists, and ends early when /run/stop does.
The receiver ends IDLE seconds (default 5) after the last datagram, or five once the sender has said that it has ended, and
prints what it saw; what is missing is in /run/seq-gaps.
"""
import os
import socket
import struct
import sys
import time

END = 2 ** 64 - 1  # instead of a number
ENOUGH = 5  # seconds


def send(address, port, count, size, pause):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    tail = bytes(size - 8)
    for number in range(count):
        if number % 64 == 0 and os.path.exists('/run/stop'):
            count = number
            break
        while os.path.exists('/run/hold'):
            time.sleep(0.01)
        sock.send(struct.pack('=Q', number) + tail)
        if pause:
            time.sleep(pause)
    for _ in range(3):
        sock.send(struct.pack('=Q', END))
    print('sent=%d' % count)


def receive(port, idle):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    sock.bind(('', port))
    seen, received, last, duplicates, reordered = set(), 0, -1, 0, 0
    while True:
        sock.settimeout(idle if received else 120)
        try:
            number = struct.unpack_from('=Q', sock.recv(65536))[0]
        except socket.timeout:
            break
        if number == END:
            idle = min(idle, ENOUGH)
            continue
        received += 1
        duplicates += number in seen
        reordered += number < last and number not in seen
        seen.add(number)
        last = max(last, number)
    write_gaps(seen, last)
    print('received=%d last=%d duplicates=%d reordered=%d' % (received, last, duplicates, reordered))


def write_gaps(seen, last):
    """FIRST-LAST of those that are missing, in /run/seq-gaps."""
    with open('/run/seq-gaps', 'w') as gaps:
        start = None
        for number in range(last + 2):
            if number not in seen and start is None:
                start = number
            elif number in seen and start is not None:
                print('%d-%d' % (start, number - 1), file=gaps)
                start = None


if sys.argv[1] == 'send':
    send(sys.argv[2], *map(int, sys.argv[3:6]), float(sys.argv[6]) if len(sys.argv) > 6 else 0)
else:
    receive(int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 5.0)
