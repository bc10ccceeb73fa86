# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Live migration of a PVH guest on one host, under load: the TCP connection survives. Here it connects, in
migrate_listener.py it listens; each on a host of its own, since the emulator does not survive many migrations.
"""
import logs
from case import CaseFailed, expect, expect_equal
import _left as left
import _loop as loop
from _load import Load

LONG = True
TIMEOUT = 2400
NAME = 'g3'
REST = 0.3  # seconds between two blocks: the emulator's nested paging makes this guest slow


def run(host):
    migrated(host, 'connector')


def migrated(host, role):
    try:
        under_load(host, role)
    except Exception as error:
        raise CaseFailed(f'{error}\n{logs.fault_of_emulator(host)}'.strip()) from error


def under_load(host, role):
    host.destroy('g2')
    guest = host.guest(NAME, kind='pvh', memory=512)
    if role == 'listener':  # g1 comes back with a higher domid, and connects
        host.save('g1')
        host.restore('g1')
    loop.start(host, guests=[host.g1, guest])
    loop.up(host.g1, guest)
    expect_equal(loop.link(guest, 'g1')['role'], role, f'role of {guest}')
    with Load(host.g1, guest, rest=REST) as load:
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
    left.expect_no_node_about(host, domid)


def epoch(guest):
    return loop.ask(guest, 'status')['daemon']['epoch']
