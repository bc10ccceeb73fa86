#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""usage: errqueue.py ADDRESS PORT COUNT - datagrams whose sender waits for its error queue; prints what came there:

completed  of those sent by MSG_ZEROCOPY, whose memory is the sender's again
copied     of these, those that were copied after all
stamped    of those that asked for a software time stamp
"""
import select
import socket
import struct
import sys
import time

SO_TIMESTAMPING, SO_ZEROCOPY, MSG_ZEROCOPY, IP_RECVERR = 37, 60, 0x4000000, 11
TX_SOFTWARE, SOFTWARE = 1 << 1, 1 << 4
FROM_TIMESTAMPING, FROM_ZEROCOPY, COPIED = 4, 5, 1


def extended_errors(sock, wanted):
    """(origin, code, info, data) of what comes, until `wanted` datagrams are done or nothing has come for some seconds."""
    poller = select.poll()
    poller.register(sock, select.POLLERR)
    done = 0
    while done < wanted and poller.poll(5000):
        for level, kind, data in sock.recvmsg(64, 1024, socket.MSG_ERRQUEUE)[1]:
            if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
                _, origin, _, code, _, info, last = struct.unpack_from('=IBBBBII', data)
                done += last - info + 1 if origin == FROM_ZEROCOPY else 1
                yield origin, code, info, last


def send(address, port, count, option, value, flags):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, option, value)
    sock.connect((address, port))
    for _ in range(count):
        try:
            sock.send(bytes(1400), flags)
        except ConnectionRefusedError:
            pass
        time.sleep(0.01)
    return sock


def main(address, port, count):
    sock = send(address, port, count, SO_ZEROCOPY, 1, MSG_ZEROCOPY)
    ranges = [(last - info + 1, code) for origin, code, info, last in extended_errors(sock, count) if origin == FROM_ZEROCOPY]
    sock = send(address, port, count, SO_TIMESTAMPING, TX_SOFTWARE | SOFTWARE, 0)
    stamped = sum(origin == FROM_TIMESTAMPING for origin, *_ in extended_errors(sock, count))
    print(f'completed={sum(n for n, _ in ranges)} copied={sum(n for n, code in ranges if code & COPIED)} stamped={stamped}')


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
