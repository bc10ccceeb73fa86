# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A channel is closed while its FIFO is full and opened again, under UDP streams: no loss, no repeat, no reordering.

REOPEN_TIMES says how many times, all ways to close it together.
"""
import os

from case import expect, expect_equal
from _drops import Drops
import _left as left
import _loop as loop
from _full import deaf, do, give_steps, know_each_other, patient_queues
from _pause import paused
from _sequence import Sequence

TIMES = int(os.environ.get('REOPEN_TIMES', 200))
TIMEOUT = 600 + 10 * TIMES
SIZE, REST = 8000, 0.05      # each a handful of fragments: a few dozen of them fill the FIFO
IDLE = 60                    # longer than a receiver waits for a marker that does not come
IN_FIFO = 80                 # of those fragments, at least, in a full FIFO of 128 KiB
PATIENT, HASTY = 10000, 100  # drain-timeout: the receiver wakes in time, or not
CONFIG = 'mkdir -p /etc/xenloop && printf "[channels]\\nfifo-size = 128K\\n[kernel]\\nstall-timeout = 60000\\n" ' \
         '>/etc/xenloop/xenloopd.conf'


def run(host):
    for guest in (host.g1, host.g2):
        guest.sh(CONFIG)
        give_steps(guest)
        patient_queues(host, guest)
    know_each_other(host.g1, host.g2)
    loop.started(host)
    share = -(-TIMES // 6)
    for sender, receiver, role in ((host.g1, host.g2, 'listener'), (host.g2, host.g1, 'connector')):
        expect_equal(loop.link(sender, receiver.name)['role'], role, f'role of {sender}')
        full(host, sender, receiver, share)
    left.expect_one_channel(host, host.g1, host.g2)
    print(f'reopen_full: {6 * share} closes', flush=True)


# What is sent while the receiver sleeps and no channel is there waits in Dom0, where netback has room for 512 KiB and drops the
# rest. So the stream rests for that long, and is slow: what waited for the FIFO or was in it is less, even where seconds pass
# before anybody sees that it is full.
def full(host, sender, receiver, times):
    drops = Drops(host, sender, receiver)
    streams = [Sequence(sender, receiver, SIZE, REST, idle=IDLE), Sequence(receiver, sender, idle=IDLE)]
    before = loop.kernel(sender)['chans_created']
    for way in (drained, taken_back, closed_by_receiver):
        way(host, sender, receiver, times)
    for stream in streams:
        stream.stop()
    expect(loop.kernel(sender)['chans_created'] - before >= 3 * times, 'fewer channels than closes')
    for stream in streams:
        stream.expect_whole(drops)


def drained(host, sender, receiver, times):
    """The receiver does not run when its peer closes. It wakes in time and takes what is in the FIFO."""
    drain_timeout(sender, receiver, PATIENT)
    before = int(do(sender, receiver, 'returned'))
    for _ in range(times):
        with paused(host, receiver):
            do(sender, receiver, 'full hold close')
        do(sender, receiver, 'gone resume open')
    expect_equal(int(do(sender, receiver, 'returned')) - before, 0, f'frames that {sender} took back')


def taken_back(host, sender, receiver, times):
    """It does not wake in time, and finds nothing."""
    drain_timeout(sender, receiver, HASTY)
    with Returned(sender, receiver) as returned:
        for _ in range(times):
            with paused(host, receiver):
                returned.note(do(sender, receiver, 'full hold returned close gone'))
            do(sender, receiver, 'resume open')


def closed_by_receiver(_, sender, receiver, times):
    """It waits for a marker that does not come, so that the FIFO gets full, and closes the channel itself."""
    drain_timeout(sender, receiver, HASTY)
    with deaf(sender, receiver), Returned(sender, receiver) as returned:
        for _ in range(times):
            returned.note(do(sender, receiver, 'full returned'))
            do(receiver, sender, 'close gone open')
            do(sender, receiver, 'opened')


def drain_timeout(sender, receiver, milliseconds):
    for guest in (sender, receiver):
        guest.sh(f'xenloopctl set drain-timeout {milliseconds}')


class Returned:
    """What was taken back at each close: all that fits, or the FIFO was not full.

    A receiver that was put to sleep while it was taking frames keeps those that it has claimed.
    """

    def __init__(self, sender, receiver):
        self.sender, self.receiver, self.totals = sender, receiver, []

    def __enter__(self):
        return self

    def note(self, total):
        """Before each close."""
        self.totals.append(int(total))

    def __exit__(self, kind, *_):
        if kind:
            return
        self.note(do(self.sender, self.receiver, 'returned'))
        each = [after - before for before, after in zip(self.totals, self.totals[1:])]
        expect(sum(n >= IN_FIFO for n in each) >= 0.9 * len(each), f'frames that {self.sender} took back at each close: {each}')
