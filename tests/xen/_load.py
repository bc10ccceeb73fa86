# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A checked TCP connection between two guests, both ways at full speed, while something happens to them."""
from pathlib import Path

from case import expect, expect_equal, wait_for

PORT = 6200
FILE = '/run/stream'


class Load:
    """with Load(a, b): ...; afterwards every block has arrived, in order, by the same connection."""

    def __init__(self, server, client):
        self.server, self.client = server, client

    def __enter__(self):
        for guest in (self.server, self.client):
            guest.put(Path(__file__).parent / 'guest/stream.py', '/root/stream.py')
            guest.sh(f'rm -f {FILE} {FILE}.stop')
        self.start(self.server, f'listen {PORT}')
        self.server.sh(f'until ss -ltn | grep -q :{PORT}; do sleep 0.2; done')
        self.start(self.client, f'connect {self.server.ip} {PORT}')
        self.progress(20)
        return self

    @staticmethod
    def start(guest, what):
        guest.sh(f'systemd-run -q -u stream --collect python3 /root/stream.py {what} {FILE}')

    @staticmethod
    def figures(guest):
        words = guest.sh(f'cat {FILE} 2>/dev/null', check=False).split()
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

    def __exit__(self, kind, *_):
        if kind:
            return
        self.progress()
        for guest in (self.server, self.client):
            guest.sh(f'touch {FILE}.stop')
        for guest in (self.server, self.client):
            wait_for(lambda: self.figures(guest).get('state') == 'done', 120, f'{guest}: the stream ends')
        a, b = self.figures(self.server), self.figures(self.client)
        for one, other in ((a, b), (b, a)):
            expect_equal(one['error'], '', f'errors ({a}, {b})')
            expect_equal(one['received'], other['sent'], 'blocks received')
        expect(int(a['received']) > 40, 'the stream was short')
