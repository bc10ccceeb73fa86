#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Datagrams of one size, on a socket that takes several that were merged on their way (UDP_GRO) at once.

usage: mergeudp.py send ADDRESS PORT COUNT
       mergeudp.py receive PORT COUNT FILE     writes how many bytes each read got to FILE, once all have come
"""
import os
import socket
import sys

SIZE = 1000
UDP_GRO = 104


def send(address, port, count):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(count):
        sock.sendto(bytes(SIZE), (address, port))


def receive(port, count, path):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    sock.bind(('', port))
    sizes = []
    while sum(sizes) < count * SIZE:
        sizes.append(len(sock.recv(1 << 16)))
    with open(path + '.new', 'w') as file:
        print(*sizes, file=file)
    os.rename(path + '.new', path)


if sys.argv[1] == 'send':
    send(sys.argv[2], *map(int, sys.argv[3:]))
else:
    receive(*map(int, sys.argv[2:4]), sys.argv[4])
