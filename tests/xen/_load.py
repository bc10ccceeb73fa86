# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A checked TCP connection between two guests, both ways, while something happens to them."""
from pathlib import Path

from case import expect, expect_equal, wait_for
import pace
import _loop as loop

PORT = 6200


class Load:
    """with Load(a, b): ...; afterwards every block has arrived, in order, by the same connection.

    Several of them need different numbers. `rest` seconds, see pace.py, pass between two blocks.
    """

    def __init__(self, server, client, address=None, number=0, rest=0):
        self.server, self.client, self.number, self.rest = server, client, number, pace.rest(rest)
        self.address = address or server.ip
        self.file = f'/run/stream{number}'

    def __enter__(self):
        port = PORT + self.number
        for guest in (self.server, self.client):
            guest.put(Path(__file__).parent / 'guest/stream.py', '/root/stream.py')
            guest.sh(f'rm -f {self.file} {self.file}.stop')
        self.start(self.server, f'listen {port}')
        self.server.sh(f'until ss -ltn | grep -q :{port}; do sleep 0.2; done')
        self.start(self.client, f'connect {self.address} {port}')
        self.progress()
        return self

    def start(self, guest, what):
        guest.sh(f'systemd-run -q -u stream{self.number} --collect '
                 f'python3 /root/stream.py {what} {self.rest} {self.file}')

    def figures(self, guest):
        words = guest.sh(f'cat {self.file} 2>/dev/null', check=False).split()
        return dict(w.split('=', 1) for w in words if '=' in w)

    def received(self):
        return [int(self.figures(g).get('received', 0)) for g in (self.server, self.client)]

    def progress(self, blocks=20, timeout=120):
        """Waits until both sides have received so many more blocks."""
        before = self.received()

        def enough():
            now = self.received()
            return all(n - b >= blocks for n, b in zip(now, before))
        wait_for(enough, timeout, f'{blocks} more blocks both ways (before: {before}, {self.figures(self.server)}, '
                 f'{self.figures(self.client)})')

    def frames(self):
        """What each side has put into its channel."""
        return [loop.chan_stats(one, other.name)['tx-frames']
                for one, other in ((self.server, self.client), (self.client, self.server))]

    def by_channel(self, blocks=20, timeout=120):
        """As progress(), and it is the channel that carries them, both ways."""
        before = self.frames()
        self.progress(blocks, timeout)
        moved = [now - then for now, then in zip(self.frames(), before)]
        expect(min(moved) >= blocks, f'{blocks} more blocks each way, and frames that took the channel: {moved}')

    def __exit__(self, kind, *_):
        if kind:
            return
        self.progress()
        for guest in (self.server, self.client):
            guest.sh(f'touch {self.file}.stop')
        for guest in (self.server, self.client):
            wait_for(lambda: self.figures(guest).get('state') == 'done', 120, f'{guest}: the stream ends')
        a, b = self.figures(self.server), self.figures(self.client)
        for one, other in ((a, b), (b, a)):
            expect_equal(one['error'], '', f'errors ({a}, {b})')
            expect_equal(one['received'], other['sent'], 'blocks received')
        expect(int(a['received']) > 40, 'the stream was short')
