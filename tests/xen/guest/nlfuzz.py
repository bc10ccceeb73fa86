#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Random messages for the module's netlink family, most of them nearly right; the seed gives the same ones again.

usage: nlfuzz.py SEED SECONDS IFINDEX OWN-MAC PEER-MAC DOMID      an attached interface, and a peer's domid

Says at the end, as JSON, how many messages there were, and how the module answered: {"0": done, "22": EINVAL, ...}.
"""
import collections
import json
import random
import socket
import struct
import sys
import time

from xlnl import (NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_ERROR, SETS, Family, attribute, attributes, numbers)

FLAGS = {'drain', 'listener', 'peer-active'}
LONG = {'cookie'}
SIZES = [0, 1, 4096, 131072, 131072 + 4096, 262144, 524288, 1 << 20, 2 << 20, 4 << 20, 0xffffffff]


class Fuzzer:
    def __init__(self, seed, ifindex, own_mac, mac, domid):
        self.rng = random.Random(seed)
        self.family = Family()
        self.commands = numbers('XENLOOP_CMD_')
        self.tables = {name: numbers(f'XENLOOP_A_{name.upper()}_') for name in ('info', 'iface', 'peer', 'chan')}
        self.ifindex, self.domid = ifindex, domid
        self.macs = [bytes.fromhex(mac.replace(':', ''))] + [bytes([0, 0x16, 0x3e, 0x66, 0, n]) for n in range(12)]
        self.macs += [bytes(6), b'\xff' * 6, b'\x01' + bytes(5)]
        self.own_mac = bytes.fromhex(own_mac.replace(':', ''))
        self.ids = [1]
        self.answers = collections.Counter()
        self.sent = 0

    def number(self, name):
        """A value that may well be meant."""
        rng = self.rng
        likely = {'ifindex': [self.ifindex] * 6 + [0, 1, 99], 'domid': [self.domid] * 4 + [0, 1, 0x7fef, 0x7ff0, 0xffff],
                  'vif': [0] * 5 + [1, 2, 3], 'size': SIZES, 'id': self.ids[-8:] + [0, 7], 'remote-gref': range(8, 600),
                  'port': range(1, 80)}.get(name)
        if likely and rng.random() < 0.95:
            return rng.choice(likely)
        return rng.choice([0, 1, rng.getrandbits(8), rng.getrandbits(16), rng.getrandbits(32), 0xffffffff])

    def payload(self, operation, name):
        if 'mac' in name:
            own = operation == 'iface-attach' and self.rng.random() < 0.9
            return self.own_mac if own else self.rng.choice(self.macs)
        if name in FLAGS:
            return b''
        if name in LONG:
            return struct.pack('=Q', self.rng.getrandbits(64))
        return struct.pack('=I', self.number(name))

    def spoiled(self, number, data):
        """The attribute with a wrong length, type or header, or something else altogether."""
        rng = self.rng
        what = rng.randrange(5)
        if what == 0:
            return attribute(number, data[:rng.randrange(len(data) + 1)])
        if what == 1:
            return attribute(number, data + rng.randbytes(rng.randrange(64)))
        if what == 2:
            return attribute(rng.getrandbits(16), data)
        if what == 3:
            return attribute(number | 0x8000, attribute(rng.randrange(40), rng.randbytes(rng.randrange(40))))
        return struct.pack('=HH', rng.getrandbits(16), number) + data

    def body(self, operation):
        rng = self.rng
        table = self.tables[SETS.get(operation.split('-')[0], 'chan')]
        parts = []
        for name, number in table.items():
            # All that an operation takes is needed; what it does not take is ignored or refused.
            if rng.random() < 0.07 or name in ('stat', 'pad'):
                continue
            data = self.payload(operation, name)
            parts.append(self.spoiled(number, data) if rng.random() < 0.03 else attribute(number, data))
            if rng.random() < 0.02:
                parts.append(parts[-1])
        if rng.random() < 0.1:
            rng.shuffle(parts)
        return b''.join(parts)

    def wanted(self, operation):
        """Only the attributes that the operation takes: the module refuses others."""
        takes = {'set': ('stall-timeout', 'drain-timeout', 'hold-timeout', 'backlog-bytes'),
                 'iface-attach': ('ifindex', 'vif', 'mac'), 'iface-detach': ('ifindex',),
                 'peer-add': ('ifindex', 'mac', 'domid', 'vif'), 'peer-del': ('ifindex', 'mac'),
                 'listen': ('ifindex', 'peer-mac', 'size', 'cookie'),
                 'connect': ('ifindex', 'peer-mac', 'size', 'cookie', 'remote-gref', 'port'),
                 'accept': ('id', 'remote-gref'), 'activate': ('id',), 'close': ('id', 'drain')}.get(operation, ())
        table = self.tables[SETS.get(operation.split('-')[0], 'chan')]
        return b''.join(attribute(table[name], self.payload(operation, name)) for name in takes)

    def message(self):
        rng = self.rng
        # What makes channels possible comes more often: without it everything ends early.
        operation = rng.choice(list(self.commands) + ['iface-attach', 'peer-add', 'listen'] * 3)
        command = self.commands[operation] if rng.random() < 0.98 else rng.getrandbits(8)
        flags = NLM_F_REQUEST | NLM_F_ACK
        if operation.endswith('-dump') != (rng.random() < 0.05):
            flags = NLM_F_REQUEST | NLM_F_DUMP
        body = self.wanted(operation) if rng.random() < 0.6 else self.body(operation)
        if rng.random() < 0.02:
            body = body[:rng.randrange(len(body) + 1)] + rng.randbytes(rng.randrange(8))
        length = 20 + len(body)
        if rng.random() < 0.01:
            length = rng.randrange(0, 2 * length)
        version = 1 if rng.random() < 0.99 else rng.getrandbits(8)
        return struct.pack('=IHHIIBBH', length, self.family.id, flags, self.sent, 0, command, version, 0) + body

    def read(self):
        """Everything that the module has to say about it: it answers before send() returns."""
        while True:
            try:
                data = self.family.sock.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            while len(data) >= 16:
                length, kind = struct.unpack_from('=IH', data)
                if kind == NLMSG_ERROR:
                    self.answers[-struct.unpack_from('=i', data, 16)[0]] += 1
                elif kind == self.family.id and length >= 28:
                    self.learn(data[20:length])
                data = data[(length + 3) & ~3:]

    def learn(self, body):
        number = dict(attributes(body)).get(self.tables['chan']['id'], b'')
        if len(number) == 4:
            self.ids.append(struct.unpack('=I', number)[0])

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.family.sock.send(self.message())
            except OSError as error:
                self.answers[error.errno] += 1
            self.sent += 1
            self.read()


def main():
    seed, seconds, ifindex, own_mac, mac, domid = sys.argv[1:]
    fuzzer = Fuzzer(int(seed), int(ifindex), own_mac, mac, int(domid))
    fuzzer.run(float(seconds))
    print(json.dumps({'sent': fuzzer.sent, 'answers': fuzzer.answers}))


main()
