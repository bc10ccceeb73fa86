# SPDX-License-Identifier: GPL-2.0 OR MIT
"""NFSv4.2 between guests: a file arrives as it was, written and read, and takes the channel."""
from case import expect, expect_equal, expect_in
import _loop as loop

MB = 32


def run(host):
    loop.started(host)
    server, client = host.g1, host.g2
    export(server, client)
    mount(server, client)
    file = client.sh(f'head -c {MB}M /dev/urandom >/run/file; sha256sum </run/file')
    write(server, client, file)
    read(server, client, file)
    client.sh('umount /mnt')
    server.sh('systemctl stop nfs-server; umount /srv')


def export(server, client):
    """A file system in memory has no UUID that could name it, hence fsid; 0 is the root of all exports."""
    server.sh(f'''set -e
        mount -t tmpfs -o size={2 * MB}m tmpfs /srv
        echo '/srv {client.ip}(rw,sync,no_subtree_check,no_root_squash,fsid=0)' >/etc/exports
        systemctl start nfs-server''', timeout=300)


def mount(server, client):
    # The first file that is opened waits until the server takes clients.
    client.sh(f'mount -t nfs4 -o vers=4.2,proto=tcp {server.ip}:/ /mnt && touch /mnt/file', timeout=300)
    expect_in('vers=4.2', client.sh('findmnt -n -o OPTIONS /mnt'), 'how it is mounted')


def write(server, client, file):
    loop.up(client, server)
    with loop.moved(client, server) as m:
        client.sh('cp /run/file /mnt/file; sync -f /mnt', timeout=300)
    expect_carried(m, 'written')
    expect_equal(server.sh('sha256sum </srv/file'), file, 'the file in the server')


def read(server, client, file):
    """Past the client's page cache, which has it all."""
    loop.up(client, server)
    with loop.moved(server, client) as m:
        seen = client.sh('dd if=/mnt/file bs=1M iflag=direct status=none | sha256sum', timeout=300)
    expect_carried(m, 'read')
    expect_equal(seen, file, 'the file that the client read')


def expect_carried(m, what):
    expect(m.a['tx-bytes'] >= MB << 20, f'{what}: only {m.a["tx-bytes"]} bytes took the channel')
    m.expect_all_through()
