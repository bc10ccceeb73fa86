# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest leaves for another Xen host and comes back, under load: netfront while apart, a channel when together."""
from case import expect_equal
from pair import second_host, send
import _left as left
import _loop as loop
from _load import Load

LONG = True
TIMEOUT = 2400


def run(host):
    loop.started(host)
    with second_host(host) as far:
        far.dom0.sh('systemctl start xendiscoverd')
        for name in ('g2', 'g1'):  # the connector, then the listener
            there_and_back(host, far, name)


def there_and_back(host, far, name):
    guest, stays = getattr(host, name), host.g1 if name == 'g2' else host.g2
    with Load(stays, guest) as load:
        load.by_channel()
        domid = host.domid(name)
        send(name, host, far)
        load.client = far.domains[name]
        apart(host, far, load)
        left.expect_no_node_about(host, domid, guest.mac)
        domid = far.domid(name)
        send(name, far, host)
        load.client = guest
        for one, other in ((stays, guest), (guest, stays)):
            loop.wait_state(one, other.name, 'up', 120)
        load.by_channel()
        left.expect_no_node_about(far, domid, guest.mac)
    left.expect_one_channel(host, stays, guest)
    left.expect_no_trace(far)


def apart(host, far, load):
    """TCP goes on over the wire, and neither host has anything of the channel."""
    stays, guest = load.server, load.client
    loop.wait_state(stays, guest.name, 'absent')
    load.progress(5, 300)
    expect_equal(loop.peers(guest), [], f'peers of {guest} on a host of its own')
    for one in (stays, guest):
        left.expect_no_channel(one)
    for one in (host, far):
        left.expect_no_grants(one)
