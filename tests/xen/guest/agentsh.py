#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What ssh is to others: runs a command in another guest, by the lab's agent there.

usage: agentsh.py ADDRESS COMMAND...

Prints the command's output when it has ended, and ends with its exit code.
"""
import secrets
import socket
import sys

PORT = 7117


def main():
    nonce = secrets.token_hex(16).encode()
    script = ' '.join(sys.argv[2:]).encode()
    with socket.create_connection((sys.argv[1], PORT)) as connection:
        connection.sendall(b'%s %d 0\n' % (nonce, len(script)) + script)
        reply = connection.makefile('rb').read()
    output, _, code = reply.rpartition(nonce)
    sys.stdout.buffer.write(output)
    sys.exit(int(code or 255))


main()
