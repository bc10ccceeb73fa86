# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Whatever starts first, in every order, the guests find each other and a channel comes up on first traffic."""
from itertools import permutations

from case import expect_equal
import _loop as loop

TIMEOUT = 1500


def run(host):
    parts = {'dom0': lambda: loop.start(host, guests=[]),
             'g1': lambda: loop.start(host, guests=[host.g1], dom0=False),
             'g2': lambda: loop.start(host, guests=[host.g2], dom0=False)}
    for order in permutations(parts):
        for part in order:
            parts[part]()
        loop.wait_link(host.g1, 'g2')
        loop.wait_link(host.g2, 'g1')
        expect_equal(loop.kernel(host.g1)['chans_created'], 0, f'{order}: channels before any traffic')
        loop.up(host.g1, host.g2)
        with loop.moved(host.g1, host.g2) as m:
            host.g1.sh(f'ping -n -c 3 -i 0.2 -W 10 {host.g2.ip}')
        m.expect_frames(3)
        stop_all(host)


def stop_all(host):
    """Back to nothing: no services, no module, no nodes in XenStore."""
    for guest in (host.g1, host.g2):
        guest.sh('systemctl stop xenloopd && xenloopd --flush && rmmod xenloop')
    host.dom0.sh('systemctl stop xendiscoverd && xendiscoverd --clean')
    for guest in (host.g1, host.g2):
        for node in ('xenloop', 'data/xenloop'):
            listing = host.dom0.sh(f'xenstore-ls /local/domain/{host.domid(guest.name)}/{node} 2>&1', check=False)
            expect_equal('No such file' in listing or not listing, True, f'{guest}: {node} left behind: {listing}')
