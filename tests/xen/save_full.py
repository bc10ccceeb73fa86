# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest is saved while its FIFO is full and frames wait behind it: all of them arrive after its restore, once."""
from case import expect, expect_equal
import _left as left
import _loop as loop
from _full import asleep, deaf, give_steps
from _sequence import Sequence

TIMEOUT = 900
COUNT = 128     # datagrams of six fragments each: twice as much as is in a FIFO of 512 KiB
IN_FIFO = 360   # of those fragments
STALL = 60000   # stall-timeout: longer than a receiver waits for a marker that does not come


def run(host):
    for guest in (host.g1, host.g2):
        give_steps(guest)
    loop.started(host)
    for guest in (host.g1, host.g2):
        guest.sh(f'xenloopctl set stall-timeout {STALL}')
    # Who comes back has the higher domid, and connects.
    for sender, receiver, role in ((host.g2, host.g1, 'connector'), (host.g1, host.g2, 'listener')):
        expect_equal(loop.link(sender, receiver.name)['role'], role, f'role of {sender}')
        kept(host, sender, receiver)
    left.expect_one_channel(host, host.g1, host.g2)


def kept(host, sender, receiver):
    """No frame is claimed, and what the sender does after its restore is not part of it."""
    with deaf(sender, receiver):
        before = loop.chan_stats(sender, receiver.name)['tx-frames']
        stream = Sequence(sender, receiver, size=8000, rest=0.01, idle=300, count=COUNT)
        expect_equal(stream.sent(), COUNT, f'datagrams that {sender} sent')
        with asleep(host, receiver):  # a save takes longer than a receiver waits for markers
            put = loop.chan_stats(sender, receiver.name)['tx-frames'] - before
            expect(IN_FIFO / 2 < put <= IN_FIFO, f'{sender}: the FIFO is full, others wait: {put} frames were put into it')
            host.save(sender.name)
        host.restore(sender.name)
        for one, peer in ((sender, receiver), (receiver, sender)):
            loop.wait_state(one, peer.name, 'up', 120)
    seen = stream.expect_once(COUNT)
    expect_equal(seen['received'], COUNT, f'datagrams that {receiver} got: {seen}')
