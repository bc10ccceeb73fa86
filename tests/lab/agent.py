# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Client of the agent that runs in Dom0 and in every guest (rootfs/usr/lib/lab/agent)."""
import re
import secrets
import socket
import time

PORT = 7117


class AgentError(Exception):
    """The agent could not be reached, or the connection ended before the script did."""


def call(port, script, data=b'', timeout=120, sink=None):
    """Runs a bash script behind 127.0.0.1:port; returns (exit code, output bytes).

    Output goes to `sink` as it comes if one is given, and is then not returned.
    """
    nonce = secrets.token_hex(16)
    if isinstance(script, str):
        script = script.encode()
    deadline = time.monotonic() + timeout
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=timeout) as connection:
            connection.sendall(f'{nonce} {len(script)} {len(data)}\n'.encode() + script + data)
            return read_reply(connection, f'{nonce} '.encode(), deadline, sink)
    except TimeoutError:
        raise AgentError(f'no end after {timeout} s of: {shorten(script)}') from None
    except OSError as error:
        raise AgentError(f'{error} during: {shorten(script)}') from None


def read_reply(connection, mark, deadline, sink):
    """The trailer is the last line: everything before it is output, in any bytes."""
    trailer = re.compile(re.escape(mark) + rb'(\d+)\n')
    longest = len(mark) + 8
    pending = b''
    kept = []
    sink = sink or kept.append
    while True:
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        chunk = connection.recv(1 << 18)
        if not chunk:
            raise AgentError(f'the connection ended early, after: {pending[-300:].decode(errors="replace")!r}')
        pending += chunk
        found = trailer.search(pending)
        if found:
            sink(pending[:found.start()])
            return int(found[1]), b''.join(kept)
        # Hold back only what may be the beginning of a trailer.
        start = pending.find(mark[:1], max(0, len(pending) - longest))
        if start < 0:
            start = len(pending)
        sink(pending[:start])
        pending = pending[start:]


def wait(port, timeout):
    """Waits until the agent answers."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if call(port, 'true', timeout=10)[0] == 0:
                return
        except AgentError as error:
            if time.monotonic() > deadline:
                raise AgentError(f'no agent within {timeout} s: {error}') from None
        time.sleep(0.3)


def shorten(script):
    line = b' '.join(script.split()).decode(errors='replace')
    return line if len(line) < 120 else line[:117] + '...'
