#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A TCP connection with numbered blocks in both directions, each checked by its receiver.

usage: stream.py listen PORT REST FILE
       stream.py connect ADDRESS PORT REST FILE

It sleeps REST seconds after each block, runs until FILE.stop exists, then closes its half, reads what is left,
and writes to FILE what it saw: sent and received blocks, and whether each of them was right. A lost connection
is an error.
"""
import hashlib
import os
import socket
import sys
import threading
import time

BLOCK = 65536


def block(number):
    return hashlib.sha256(b'%d' % number).digest() * (BLOCK // 32)


class Stream:
    def __init__(self, sock, rest, path):
        self.sock, self.rest, self.path = sock, rest, path
        self.sent, self.received, self.error = 0, 0, ''

    def send(self):
        try:
            while not os.path.exists(self.path + '.stop'):
                self.sock.sendall(block(self.sent))
                self.sent += 1
                time.sleep(self.rest)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as e:
            self.error = 'send:%s' % e.strerror.replace(' ', '_')

    def receive(self):
        rest = b''
        while True:
            data = self.sock.recv(1 << 20)
            if not data:
                break
            rest += data
            while len(rest) >= BLOCK:
                if rest[:BLOCK] != block(self.received):
                    raise ValueError('block_%d_is_wrong' % self.received)
                self.received += 1
                rest = rest[BLOCK:]
                self.note('running')
        if rest:
            raise ValueError('%d_bytes_left_over' % len(rest))

    def note(self, state):
        with open(self.path + '.new', 'w') as f:
            f.write('state=%s sent=%d received=%d error=%s\n' % (state, self.sent, self.received, self.error))
        os.rename(self.path + '.new', self.path)

    def run(self):
        sender = threading.Thread(target=self.send)
        sender.start()
        try:
            self.receive()
        except (OSError, ValueError) as e:
            self.error += ' receive:%s' % str(e).replace(' ', '_')
        sender.join()
        self.note('done')


def connection(arguments):
    if arguments[0] == 'connect':
        return socket.create_connection((arguments[1], int(arguments[2])), 60)
    server = socket.create_server(('', int(arguments[1])), reuse_port=False)
    return server.accept()[0]


sock = connection(sys.argv[1:])
sock.settimeout(600)
Stream(sock, float(sys.argv[-2]), sys.argv[-1]).run()
