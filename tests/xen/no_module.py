# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest without XenLoop is simply not a peer: traffic works, nobody waits, nothing is said about it."""
from case import expect_equal, expect_in
import _loop as loop


def run(host):
    loop.start(host, guests=[host.g1])
    expect_in('0% packet loss', host.g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {host.g2.ip}'), 'ping')
    expect_equal(loop.peers(host.g1), [], 'peers of g1')
    expect_equal(loop.kernel(host.g1)['chans_created'], 0, 'channels')
    guests = {g['name']: g for g in loop.ask(host.dom0, 'status')['guests']}
    expect_equal('g2' in guests and guests['g2']['peer'], False, 'g2 counts as a peer')
    g1 = host.domid('g1')
    expect_equal(host.dom0.sh(f'xenstore-list /local/domain/{g1}/xenloop/roster', check=False), '', 'roster of g1')
    absent = host.g2.sh('xenloopctl peers 2>&1; echo code $?')
    expect_in('xenloopd is not running', absent, 'xenloopctl without a daemon')
    expect_in('code 3', absent, 'xenloopctl without a daemon')
