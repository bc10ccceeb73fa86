# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Two vifs on two bridges: a channel each, and no frame in the wrong one. Then the second vif is unplugged."""
from case import expect, expect_equal, wait_for
import _loop as loop
import _second as second


def run(host):
    for guest in (host.g1, host.g2):
        second.plug(host, guest)
    loop.start(host)
    loop.up(host.g1, host.g2)
    loop.up(host.g1, host.g2, ifname='eth1', address=second.ADDRESS['g2'])
    only_by(host, 'eth0', host.g2.ip)
    only_by(host, 'eth1', second.ADDRESS['g2'])
    host.detach_vif('g2', 1)
    wait_for(lambda: loop.state(host.g1, 'g2', 'eth1') == 'absent', 60, 'g1 forgets the link by eth1')
    only_by(host, 'eth0', host.g2.ip, there=('eth0',))
    expect_equal(len(loop.peers(host.g2)), 1, 'links of g2')


def only_by(host, ifname, address, there=('eth0', 'eth1')):
    before = {i: loop.chan_stats(host.g1, 'g2', i)['tx-frames'] for i in there}
    host.g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {address}')
    for i in there:
        frames = loop.chan_stats(host.g1, 'g2', i)['tx-frames'] - before[i]
        if i == ifname:
            expect(frames >= 5, f'{frames} frames by {i} to {address}')
        else:
            expect(frames < 5, f'{frames} frames by {i} to {address}')
