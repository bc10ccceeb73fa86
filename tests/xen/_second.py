# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A second vif, by which guests talk while things happen to it: the agents are reached by the first one."""
from case import wait_for
import _loop as loop

ADDRESS = {'g1': '10.0.3.21', 'g2': '10.0.3.22'}
IFNAME = 'eth1'


def plug(host, guest):
    host.attach_vif(guest.name, 'xenbr1')
    wait_for(lambda: guest.ok(f'test -e /sys/class/net/{IFNAME}'), 60, f'{IFNAME} in {guest}')
    address(guest)


def address(guest):
    guest.sh(f'ip link set {IFNAME} up; ip addr replace {ADDRESS[guest.name]}/24 dev {IFNAME}')


def up(host):
    """Traffic brings the channel up."""
    loop.wait_link(host.g1, 'g2', ifname=IFNAME)
    loop.wait_link(host.g2, 'g1', ifname=IFNAME)
    wait_for(lambda: reach(host) and loop.state(host.g1, 'g2', IFNAME) == 'up' and
             loop.state(host.g2, 'g1', IFNAME) == 'up', 90, f'channel by {IFNAME}', interval=1)


def reach(host):
    """Does g2 answer g1, by whatever way?"""
    return host.g1.ok(f'ping -n -c 1 -W 5 {ADDRESS["g2"]}')


def device(host, guest):
    """Its end in Dom0."""
    return f'vif{host.domid(guest.name)}.{max(host.vifs(guest.name))}'
