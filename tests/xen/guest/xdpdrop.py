#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""An XDP program that drops ICMP over IPv4 and passes the rest, on one interface for as long as this runs.

usage: xdpdrop.py IFNAME
"""
import ctypes
import os
import signal
import socket
import struct
import sys

SYS_BPF = 321  # x86-64
PROG_LOAD, LINK_CREATE = 5, 28
PROG_TYPE_XDP, ATTACH_XDP = 6, 37
XDP_DROP, XDP_PASS = 1, 2
ETH_P_IP = socket.htons(0x0800)


def instruction(code, to=0, source=0, offset=0, value=0):
    return struct.pack('=BBhi', code, source << 4 | to, offset, value)


PROGRAM = b''.join((
    instruction(0x61, to=2, source=1, offset=0),      # r2 = where the frame begins
    instruction(0x61, to=3, source=1, offset=4),      # r3 = where it ends
    instruction(0xbf, to=4, source=2),
    instruction(0x07, to=4, value=34),
    instruction(0x2d, to=4, source=3, offset=5),      # shorter than its headers: pass
    instruction(0xb7, to=0, value=XDP_DROP),
    instruction(0x69, to=4, source=2, offset=12),
    instruction(0x55, to=4, offset=2, value=ETH_P_IP),  # not IPv4: pass
    instruction(0x71, to=4, source=2, offset=23),
    instruction(0x15, to=4, offset=1, value=socket.IPPROTO_ICMP),
    instruction(0xb7, to=0, value=XDP_PASS),
    instruction(0x95),
))


def bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(SYS_BPF, command, attributes, len(attributes))
    if descriptor < 0:
        sys.exit('xdpdrop: command %d: %s' % (command, os.strerror(ctypes.get_errno())))
    return descriptor


def main():
    program, licence = ctypes.create_string_buffer(PROGRAM), ctypes.create_string_buffer(b'GPL')
    loaded = bpf(PROG_LOAD, struct.pack('=IIQQ', PROG_TYPE_XDP, len(PROGRAM) // 8, ctypes.addressof(program),
                                        ctypes.addressof(licence)))
    bpf(LINK_CREATE, struct.pack('=IIII', loaded, socket.if_nametoindex(sys.argv[1]), ATTACH_XDP, 0))
    signal.pause()


main()
