#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Numbered datagrams.

usage: udpseq.py send ADDRESS PORT COUNT BYTES
       udpseq.py receive PORT [IDLE]

The receiver ends IDLE seconds (default 5) after the last datagram and prints what it saw.
"""
import socket
import struct
import sys


def send(address, port, count, size):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    tail = bytes(size - 8)
    for number in range(count):
        try:
            sock.send(struct.pack('=Q', number) + tail)
        except ConnectionRefusedError:
            pass
    print('sent=%d' % count)


def receive(port, idle):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    sock.bind(('', port))
    seen, last, duplicates, reordered = set(), -1, 0, 0
    while True:
        sock.settimeout(idle if seen else 120)
        try:
            number = struct.unpack_from('=Q', sock.recv(65536))[0]
        except socket.timeout:
            break
        if number in seen:
            duplicates += 1
        elif number < last:
            reordered += 1
        seen.add(number)
        last = max(last, number)
    print('received=%d last=%d duplicates=%d reordered=%d' % (len(seen), last, duplicates, reordered))


if sys.argv[1] == 'send':
    send(sys.argv[2], *map(int, sys.argv[3:6]))
else:
    receive(int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 5.0)
