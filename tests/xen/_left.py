# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What is left of channels: by the module's own counters, by the hypervisor's grant tables, by XenStore."""
import re

from case import expect_equal, wait_for
import _loop as loop

# In the hypervisor's dump: whose table, then one line per mapped entry, which names the domain that maps it.
TABLE = re.compile(r'grant-table for remote d(\d+)')
ENTRY = re.compile(r'\[0x[0-9a-f]+\] +(\d+) ')


def expect_one_channel(host, *guests):
    """Just the one channel between two guests is there, and nothing of older ones."""
    for guest in guests:
        wait_for(lambda: loop.only_one_channel(guest), 60, f'{guest}: one channel is all ({loop.kernel(guest)})')
    pages = loop.kernel(guests[0])['pages_mapped']
    expect_equal(sorted(mapped(host).values()), [pages, pages], 'pages that a guest maps of another')


def expect_no_channel(guest):
    """What was granted is freed, what was mapped unmapped."""
    wait_for(lambda: idle(guest), 60, f'{guest}: nothing of a channel is left ({loop.kernel(guest)})')


def idle(guest):
    k = loop.kernel(guest)
    return (k['chans_created'] == k['chans_destroyed'] and k['pages_granted'] == k['pages_freed']
            and (k['pages_mapped'], k['pages_deferred'], k['ports_bound']) == (0, 0, 0))


def expect_no_grants(host):
    expect_equal(mapped(host), {}, 'pages that a guest maps of another')


def mapped(host):
    """{(granting domid, mapping domid): pages}, without Dom0's, as the hypervisor has it."""
    dump = host.dom0.sh('xl dmesg -c >/dev/null; xl debug-keys g; xl dmesg')
    expect_equal('gnttab_usage_print_all' in dump, True, 'a dump of the grant tables')
    found, table = {}, None
    for line in dump.splitlines():
        if TABLE.search(line):
            table = int(TABLE.search(line)[1])
        elif ENTRY.search(line) and ENTRY.search(line)[1] != '0':
            key = table, int(ENTRY.search(line)[1])
            found[key] = found.get(key, 0) + 1
    return found


def expect_no_trace(host):
    """No node of XenStore, no grant: as on a host where no guest uses XenLoop."""
    expect_no_grants(host)
    wait_for(lambda: not store(host), 60, f'no nodes are left in XenStore: {store(host)}')


def store(host):
    """XenLoop's nodes, but for what xendiscoverd says of itself."""
    nodes = host.dom0.sh("xenstore-ls -f | grep xenloop | cut -d' ' -f1 || true").split()
    return [node for node in nodes if not node.startswith('/local/domain/0/')]
