# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest is saved while its FIFO is full and frames wait behind it: all of them go out after its restore, once, in order."""
from case import expect, expect_equal
import _left as left
import _loop as loop
from _full import deaf, give_steps, patient_queues, patient_vif
from _pause import paused
from _sequence import Sequence

TIMEOUT = 900
SIZE = 1472     # one frame each
COUNT = 400     # some more of them than fit into a FIFO of 512 KiB
FIT = 300       # so many do, at least
STALL = 60000   # stall-timeout: longer than a receiver waits for a marker that does not come


def run(host):
    for guest in (host.g1, host.g2):
        give_steps(guest)
        patient_queues(host, guest)
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
        before = loop.chan_stats(sender, receiver.name)
        stream = Sequence(sender, receiver, SIZE, idle=300, count=COUNT)
        expect_equal(stream.sent(), COUNT, f'datagrams that {sender} sent')
        with paused(host, receiver):  # a save takes longer than a receiver waits for markers
            now = loop.chan_stats(sender, receiver.name)
            put, waited = (now[name] - before[name] for name in ('tx-frames', 'tx-backlogged'))
            expect(put >= FIT and put + waited >= COUNT, f'{sender}: the FIFO is full, others wait: {put}, {waited}')
            host.save(sender.name)
        host.restore(sender.name)
        for one, peer in ((sender, receiver), (receiver, sender)):
            loop.wait_link(one, peer.name, 120)
    patient_vif(host, sender)  # it is new
    stream.expect_whole()
