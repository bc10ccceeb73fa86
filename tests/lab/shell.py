# SPDX-License-Identifier: GPL-2.0 OR MIT
"""An interactive shell in a domain, through the lab-shell socket."""
import os
import select
import socket
import sys
import termios
import tty
from contextlib import contextmanager

PORT = 7118


def interact(port):
    """Joins this terminal, or plain stdin and stdout, to the shell behind 127.0.0.1:port until it ends."""
    with socket.create_connection(('127.0.0.1', port)) as connection, raw_terminal() as size:
        if size:
            connection.sendall(f' stty rows {size.lines} columns {size.columns}; clear\n'.encode())
        pump(connection)


@contextmanager
def raw_terminal():
    if not sys.stdin.isatty():
        yield None
        return
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield os.get_terminal_size()
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)


def pump(connection):
    sources = [0, connection]
    while True:
        for source in select.select(sources, [], [])[0]:
            if source is connection:
                data = connection.recv(1 << 16)
                if not data:
                    return
                os.write(1, data)
                continue
            data = os.read(0, 1 << 16)
            if not data:
                sources.remove(0)
            connection.sendall(data or b'\nexit\n')
