#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Questions and answers of one byte by UDP, on sockets with SO_BUSY_POLL.

usage: askudp.py answer PORT MICROSECONDS
       askudp.py ask ADDRESS PORT MICROSECONDS COUNT
"""
import socket
import struct
import sys

SO_BUSY_POLL = 46


def busy_socket(microseconds):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, microseconds)
    return sock


def answer(port, microseconds):
    sock = busy_socket(microseconds)
    sock.bind(('', port))
    while True:
        sock.sendto(*sock.recvfrom(1))


def ask(address, port, microseconds, count):
    sock = busy_socket(microseconds)
    # A time limit by settimeout() would have it wait in poll(), which does not heed SO_BUSY_POLL.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('=qq', 20, 0))
    sock.connect((address, port))
    for _ in range(count):
        sock.send(b'?')
        sock.recv(1)


if sys.argv[1] == 'answer':
    answer(*map(int, sys.argv[2:]))
else:
    ask(sys.argv[2], *map(int, sys.argv[3:]))
