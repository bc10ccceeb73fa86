# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What is left of channels: by the module's own counters, by the hypervisor's grant and port tables, by XenStore."""
import re

from case import expect_equal, expect_in, wait_for
import _loop as loop

# In the hypervisor's dump: whose table, then one line per mapped entry, which names the domain that maps it.
TABLE = re.compile(r'grant-table for remote d(\d+)')
ENTRY = re.compile(r'\[0x[0-9a-f]+\] +(\d+) ')
FRAMES = re.compile(r'(\d+) frames \(\d+ max\), ')
# And of its event channels: whose, then one line per port, which names the domain at the other end.
PORTS = re.compile(r'Event channel information for domain (\d+)')
PORT = re.compile(r'\]: s=[23] .* d=(\d+)')


def expect_one_channel(host, *guests):
    """Just the one channel between two guests is there, and nothing of older ones."""
    for guest in guests:
        wait_for(lambda: loop.only_one_channel(guest), 60, f'{guest}: one channel is all ({loop.kernel(guest)})')
    pages = loop.kernel(guests[0])['pages_mapped']
    expect_equal(sorted(mapped(host).values()), [pages, pages], 'pages that a guest maps of another')
    expect_equal(sorted(ports(host).values()), [1, 1], 'event channels from guest to guest')


def expect_no_channel(guest):
    """What was granted is freed, what was mapped unmapped."""
    wait_for(lambda: idle(guest), 60, f'{guest}: nothing of a channel is left ({loop.kernel(guest)})')


def idle(guest):
    k = loop.kernel(guest)
    return (k['chans_created'] == k['chans_destroyed'] and k['pages_granted'] == k['pages_freed']
            and (k['pages_mapped'], k['pages_deferred'], k['ports_bound']) == (0, 0, 0))


def expect_no_grants(host):
    """The hypervisor knows of none, nor of an event channel that some guest has for another."""
    expect_equal(mapped(host), {}, 'pages that a guest maps of another')
    expect_equal(ports(host), {}, 'event channels from guest to guest')


def mapped(host):
    """{(granting domid, mapping domid): pages}, without Dom0's, as the hypervisor has it."""
    return counted(dump(host, 'g', 'gnttab_usage_print_all'), TABLE, ENTRY)


def ports(host):
    """{(domid, domid at the other end): ports}, without Dom0's; also such that nobody has bound."""
    return counted(dump(host, 'e', 'Event channel information'), PORTS, PORT)


def dump(host, key, beginning):
    lines = host.dom0.sh(f'xl dmesg -c >/dev/null; xl debug-keys {key}; xl dmesg')
    expect_in(beginning, lines, f'the dump of debug key {key}')
    return lines.splitlines()


def counted(lines, table, entry):
    found, owner = {}, '0'
    for line in lines:
        if table.search(line):
            owner = table.search(line)[1]
        elif entry.search(line) and '0' not in (owner, entry.search(line)[1]):
            key = int(owner), int(entry.search(line)[1])
            found[key] = found.get(key, 0) + 1
    return found


def grant_frames(host, guest):
    """The size of a guest's grant table: it grows with the grants that it has at a time, and stays."""
    lines = iter(dump(host, 'g', 'gnttab_usage_print_all'))
    domid = str(host.domid(guest.name))
    next(line for line in lines if TABLE.search(line) and TABLE.search(line)[1] == domid)
    return int(FRAMES.search(next(lines))[1])


def expect_no_trace(host):
    """No node of XenStore, no grant: as on a host where no guest uses XenLoop."""
    expect_no_grants(host)
    wait_for(lambda: not store(host), 60, f'no nodes are left in XenStore: {store(host)}')


def expect_no_node_about(host, domid, mac=''):
    """A domain has left: nothing that XenLoop keeps in XenStore is its own, for it, or names it. With `mac`, its guest has."""
    about = re.compile(rf'/local/domain/{domid}/|/(to|from)/{domid}-|/roster/{domid} ' + (f'|{mac}' if mac else ''))

    def found():
        return [line for line in host.dom0.sh('xenstore-ls -f | grep xenloop || true').splitlines() if about.search(line)]
    wait_for(lambda: not found(), 60, f'no node is left about domain {domid} {mac}: {found()}')


def store(host):
    """XenLoop's nodes, but for what xendiscoverd says of itself."""
    nodes = host.dom0.sh("xenstore-ls -f | grep xenloop | cut -d' ' -f1 || true").split()
    return [node for node in nodes if not node.startswith('/local/domain/0/')]
