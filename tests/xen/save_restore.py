# SPDX-License-Identifier: GPL-2.0 OR MIT
"""`xl save` and `xl restore`, and a checkpoint, of either guest under load: the TCP connection survives."""
from case import expect, expect_equal, wait_for
import _hand as hand
import _left as left
import _loop as loop
from _load import Load

TIMEOUT = 1800


def run(host):
    loop.started(host)
    with Load(host.g1, host.g2) as load:
        away_and_back(host, load, 'g2', 'g1')   # the connector
        away_and_back(host, load, 'g1', 'g2')   # the listener, which becomes the connector by its new domid
        checkpoint(host, load, 'g1')            # the connector, as its domid shows
        checkpoint(host, load, 'g2')            # the listener
    left.expect_one_channel(host, host.g1, host.g2)
    forgets(host)


def epoch(guest):
    return loop.ask(guest, 'status')['daemon']['epoch']


def away_and_back(host, load, name, other):
    guest, stays = getattr(host, name), getattr(host, other)
    before, domid = epoch(guest), host.domid(name)
    host.save(name)
    loop.wait_state(stays, name, 'absent', 60)
    host.restore(name)
    expect(host.domid(name) != domid, f'{name} has a new domid')
    load.progress(5, 180)
    again(host, load)
    expect(epoch(guest) != before, f'{name} has a new epoch')


def again(host, load):
    for one, other in ((host.g1, 'g2'), (host.g2, 'g1')):
        loop.wait_state(one, other, 'up', 120)
    load.by_channel()
    left.expect_one_channel(host, host.g1, host.g2)


def checkpoint(host, load, name):
    """The guest goes on where it was, in the same domain."""
    guest, domid = getattr(host, name), host.domid(name)
    before = epoch(guest)
    host.checkpoint(name)
    expect_equal(host.domid(name), domid, 'domid after a checkpoint')
    wait_for(lambda: epoch(guest) != before, 120, f'{name} has a new epoch')
    again(host, load)


def forgets(host):
    """A peer is known by its domid, which may be another guest's afterwards: so the module has none until it is told anew."""
    hand.prepare(host.g1)
    host.g1.sh('systemctl stop xenloopd')
    expect_equal([peer['domid'] for peer in hand.call(host.g1, 'peer-dump')], [host.domid('g2')], 'peers before')
    host.checkpoint('g1')
    expect_equal(hand.call(host.g1, 'peer-dump'), [], 'peers after the suspend')
    host.g1.sh('systemctl start xenloopd')
    loop.up(host.g1, host.g2)
    left.expect_one_channel(host, host.g1, host.g2)
