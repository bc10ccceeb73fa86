# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A peer is destroyed while xendiscoverd is away: the stall watchdog ends the channel, and nothing is left."""
from case import expect_in, wait_for
import _left as left
import _loop as loop
from _sequence import Sequence
from peer_gone import gone

TIMEOUT = 1500


def run(host):
    loop.started(host)
    for stays, peer in ((host.g1, host.g2), (host.g2, host.g1)):  # the listener, the connector
        destroyed(host, stays, peer)


def destroyed(host, stays, peer):
    stream = Sequence(stays, peer)
    host.dom0.sh('systemctl stop xendiscoverd')
    with loop.told(stays) as (told,):
        host.destroy(peer.name)
        told.down(peer, 'stalled')
    expect_in(peer.name, [p['name'] for p in loop.peers(stays)], 'peers, as nobody has said that it is gone')
    stream.stop()
    left.expect_no_channel(stays)
    left.expect_no_grants(host)
    gone(host, peer.name)
    host.dom0.sh('systemctl start xendiscoverd')
    loop.wait_state(stays, peer.name, 'absent')
    wait_for(lambda: left.idle(stays), 30, f'{stays}: nothing of a channel is left')
    host.guest(peer.name)
    loop.start(host, guests=[peer], dom0=False)
    loop.up(stays, peer)
    left.expect_one_channel(host, stays, peer)
