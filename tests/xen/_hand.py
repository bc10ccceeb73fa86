# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Channels made by hand, without the daemons: for what an honest xenloopd would never ask of the module."""
import json
from pathlib import Path

HERE = Path(__file__).parent
HEADER = HERE.parents[1] / 'include/uapi/linux/xenloop.h'
SIZE = 524288


def prepare(*guests):
    for guest in guests:
        guest.put(HERE / 'guest/xlnl.py', '/root/xlnl.py', mode=0o755)
        guest.put(HEADER, '/root/xenloop.h')
        guest.sh('modprobe xenloop')


def call(guest, operation, check=True, **attributes):
    """One netlink operation; returns its replies. Underscores in names stand for dashes."""
    words = ' '.join(f'{k.replace("_", "-")}={v}' for k, v in attributes.items())
    output = guest.sh(f'/root/xlnl.py {operation} {words} 2>&1', check=check)
    return [json.loads(line) for line in output.splitlines()] if check else output


def ifindex(guest, ifname='eth0'):
    return int(guest.sh(f'cat /sys/class/net/{ifname}/ifindex'))


def attach(guest, mac=None):
    call(guest, 'iface-attach', ifindex=ifindex(guest), vif=0, mac=mac or guest.mac)


def connect(host, listener, connector):
    """A channel between two guests whose interfaces are attached. The lower domid need not listen here."""
    ends = {}
    for end, peer in ((listener, connector), (connector, listener)):
        ends[end] = {'ifindex': ifindex(end), 'peer_mac': peer.mac}
        call(end, 'peer-add', ifindex=ifindex(end), mac=peer.mac, domid=host.domid(peer.name), vif=0)
    offer = call(listener, 'listen', size=SIZE, cookie=1, **ends[listener])[0]
    answer = call(connector, 'connect', size=SIZE, cookie=1, remote_gref=offer['local-gref'], port=offer['port'],
                  **ends[connector])[0]
    call(connector, 'activate', id=answer['id'])
    call(listener, 'accept', id=offer['id'], remote_gref=answer['local-gref'])
    call(listener, 'activate', id=offer['id'])


def stats(guest):
    return call(guest, 'chan-dump')[0]['stats']
