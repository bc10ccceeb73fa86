#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""How long what a TCP connection has sent stays charged to its socket.

usage: held.py ADDRESS PORT BYTES FILE

Connects, waits until FILE.go exists, sends BYTES and writes to FILE how many bytes the device, from there on, held of
the socket's send buffer right afterwards, and after how many seconds it held none.
"""
import os
import socket
import struct
import sys
import time

SO_MEMINFO = 55
WMEM_ALLOC = 2
LIMIT = 30


def held(sock):
    """Bytes of memory, not of data: what was given to the device, or to a queue before it, and is not freed yet."""
    return struct.unpack('=9I', sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))[WMEM_ALLOC]


def main(address, port, size, path):
    sock = socket.create_connection((address, int(port)))
    while not os.path.exists(path + '.go'):
        time.sleep(0.05)
    sock.sendall(bytes(int(size)))
    start, first = time.monotonic(), held(sock)
    while held(sock) and time.monotonic() - start < LIMIT:
        time.sleep(0.01)
    with open(path + '.new', 'w') as file:
        file.write('%d %.3f\n' % (first, time.monotonic() - start))
    os.rename(path + '.new', path)


main(*sys.argv[1:])
