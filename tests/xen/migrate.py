# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Live migration of a PVH guest on one host, under load and in both roles: the TCP connection survives."""
import logs
from case import CaseFailed, expect
import _left as left
import _loop as loop
from _load import Load

LONG = True
TIMEOUT = 2400
NAME = 'g3'
REST = 0.3  # seconds between two blocks: the emulator's nested paging makes this guest slow


def run(host):
    try:
        both_roles(host)
    except Exception as error:
        raise CaseFailed(f'{error}\n{logs.fault_of_emulator(host)}'.strip()) from error


def both_roles(host):
    host.destroy('g2')
    guest = host.guest(NAME, kind='pvh', memory=512)
    loop.start(host, guests=[host.g1, guest])
    loop.up(host.g1, guest)
    with Load(host.g1, guest, rest=REST) as load:
        migrate(host, guest, load)      # the connector
        host.save('g1')                 # back with a higher domid, g1 connects, and the other one listens
        host.restore('g1')
        together(host, guest)
        migrate(host, guest, load)


def together(host, guest):
    for one, other in ((host.g1, guest), (guest, host.g1)):
        loop.wait_state(one, other.name, 'up', 240)


def migrate(host, guest, load):
    before, domid = epoch(guest), host.domid(NAME)
    load.by_channel(2, 300)
    host.dom0.sh(f'xl migrate -s "" {NAME} "xl migrate-receive"', timeout=600)
    guest.wait(300)
    expect(host.domid(NAME) != domid, 'a new domid')
    load.progress(2, 300)
    together(host, guest)
    expect(epoch(guest) != before, 'a new epoch')
    load.by_channel(2, 300)
    left.expect_one_channel(host, host.g1, guest)
    left.expect_no_node_about(host, domid, guest.mac)


def epoch(guest):
    return loop.ask(guest, 'status')['daemon']['epoch']
