#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""usage: markers.py MAC COUNT - marker frames (docs/protocol.md) to MAC by eth0, with fields at random."""
import random
import socket
import struct
import sys

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(('eth0', 0))
own = sock.getsockname()[4]
random.seed(1)
for _ in range(int(sys.argv[2])):
    number, count = (random.choice((0, 1, 2, 63, 64, 65, 0x7fff, 0xffff)) for _ in range(2))
    frame = bytes.fromhex(sys.argv[1].replace(':', '')) + own + b'\x88\xb5' + random.choice((b'XLMK', b'XLMK', b'xlmk'))
    frame += struct.pack('>HHQ', number, count, random.getrandbits(64) + 1 >> random.choice((0, 64))) + bytes(30)
    sock.send(frame[:random.choice((60, 60, 60, 59, 30, 22, 14))])
