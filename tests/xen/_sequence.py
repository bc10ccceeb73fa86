# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Numbered datagrams from one guest to another, while something happens to them."""
from pathlib import Path

from case import expect, expect_equal
import pace

PORT = 6100
GUEST = Path(__file__).parent / 'guest'


class Sequence:
    """`size` bytes every `rest` seconds, of Debian's kernel, until stop(), the end of a guest, or `count`; one in each direction
    at most.

    The receiver ends when none has come for `idle` seconds, to be longer than anything that happens meanwhile; or for five,
    once the sender has ended.
    """

    def __init__(self, sender, receiver, size=1000, rest=0.003, idle=10, count=10 ** 7):
        self.sender, self.receiver = sender, receiver
        for guest in (sender, receiver):
            guest.put(GUEST / 'udpseq.py', '/root/udpseq.py')
        sender.sh('rm -f /run/stop')
        receiver.sh(f'systemd-run -q -u seq --collect bash -c "python3 /root/udpseq.py receive {PORT} {idle} >/run/seq 2>&1"; '
                    f'until ss -lun | grep -q :{PORT}; do sleep 0.2; done')
        sender.sh('systemd-run -q -u send --collect bash -c '
                  f'"python3 /root/udpseq.py send {receiver.ip} {PORT} {count} {size} {rest * pace.factor} >/run/seq-sent 2>&1"')

    def stop(self):
        self.sender.sh('touch /run/stop')

    def sent(self):
        self.sender.sh('while systemctl -q is-active send; do sleep 0.5; done')
        return int(self.sender.sh('cat /run/seq-sent').removeprefix('sent='))

    def seen(self):
        """What the receiver says, when it has ended."""
        self.receiver.sh('while systemctl -q is-active seq; do sleep 0.5; done')
        return {key: int(value) for key, value in (pair.split('=') for pair in self.receiver.sh('cat /run/seq').split())}

    def expect_whole(self, drops=None):
        """`drops` says where the others went: see _drops.py."""
        sent = self.sent()
        wanted = {'received': sent, 'last': sent - 1, 'duplicates': 0, 'reordered': 0}
        seen = self.seen()
        gaps = self.receiver.sh('head -c 500 /run/seq-gaps').split()
        expect(seen == wanted, f'{self.receiver} saw {seen} of {sent} datagrams; missing: {gaps}; dropped: {drops}')

    def expect_once_in_order(self, at_least=1):
        """The sender is gone; what it sent last may be, too."""
        seen = self.expect_once(at_least)
        expect_equal(seen['reordered'], 0, f'what {self.receiver} saw: {seen}')

    def expect_once(self, at_least=1):
        """Some may be lost or late, but none comes twice; returns what was seen."""
        seen = self.seen()
        expect(seen['received'] >= at_least, f'{self.receiver} was to see {at_least} datagrams or more: {seen}')
        expect_equal(seen['duplicates'], 0, f'what {self.receiver} saw: {seen}')
        return seen
