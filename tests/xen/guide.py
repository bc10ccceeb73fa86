# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What docs/operators-guide.md says to type works, in the order in which it says it, and does what it says it does."""
import re
from contextlib import contextmanager

from case import expect, expect_equal, expect_in, wait_for
from paths import CHECKOUT
import _loop as loop
import _packages as packages
from services import lossless

TIMEOUT = 1800
LONG = True
STOCK = True

GUIDE = CHECKOUT / 'docs/operators-guide.md'
DIRECTORY = '/root/packages'


def run(host):
    each = {'dom0': host.dom0, 'web-1': host.g1, 'web-2': host.g2}
    packages.on_all(each.values(), deliver)
    found, kept = blocks(), []
    expect(len(found) > 15, f'only {len(found)} blocks in {GUIDE}')
    for names, script in found:
        promises = [promise for mark, promise in PROMISES if mark in script]
        with promises[0](host) if promises else nothing() as outputs:
            outputs += packages.on_all([each[name] for name in names], lambda domain: follow(host, domain, script))
        kept += promises
    missing = [mark for mark, promise in PROMISES if promise not in kept]
    expect_equal(missing, [], f'what no block of {GUIDE} has')


def deliver(domain):
    packages.put(domain, 'deb', DIRECTORY)
    packages.put(domain, 'deb-next', f'{DIRECTORY}/next')
    domain.sh('mkdir -p /var/lib/prometheus/node-exporter')  # as node_exporter's package does


def blocks():
    """The domains and the script of each block that follows a line <!-- DOMAIN... -->."""
    found = re.findall(r'^<!-- ([\w -]+) -->\n((?:    .*\n)+)', GUIDE.read_text(), re.M)
    return [(names.split(), re.sub('^    ', '', text, flags=re.M)) for names, text in found]


def follow(host, domain, script):
    """As a reader would, who has guests of other names; each line has to end well. Returns what it prints."""
    script = script.replace('WEB-2-ADDRESS', host.g2.ip).replace('web-1', 'g1').replace('web-2', 'g2')
    if 'ping' in script:
        loop.wait_link(host.g1, 'g2')
    if 'connect' in script:
        loop.wait_link(host.g1, 'g2', 120)
    return domain.sh(f'set -e -o pipefail; export DEBIAN_FRONTEND=noninteractive LC_ALL=C; cd {DIRECTORY}\n{script}', timeout=600)


# What the guide promises of a block: run around it, with the list of what the block printed.

@contextmanager
def nothing(_=None):
    yield []


@contextmanager
def channel_comes_up(host):
    yield []
    both_up(host)


@contextmanager
def catalog_explains(_):
    outputs = []
    yield outputs
    expect_in('Subject: Frames to g2 take shared memory', outputs[0], 'journalctl -x')


@contextmanager
def channels_go_on(host):
    loop.up(host.g1, host.g2)
    before = channels(host)
    with lossless(host.g1, host.g2):
        yield []
        both_up(host)
    expect_equal(channels(host), before, 'channels after an upgrade')


@contextmanager
def module_changes(host):
    old = loop.kernel(host.g1)['module_version']
    with lossless(host.g1, host.g2):
        yield []
        both_up(host)
    expect_equal(loop.kernel(host.g1)['module_version'], f'{old}+next', 'module')


@contextmanager
def debug_lines(host):
    yield []
    host.g1.sh('xenloopctl disconnect g2; xenloopctl connect g2')
    wait_for(lambda: host.g1.sh('journalctl -q -u xenloopd -p debug..debug'), 30, 'debug lines')


@contextmanager
def peer_is_gone(host):
    loop.up(host.g1, host.g2)
    with lossless(host.g1, host.g2):
        yield []
        loop.wait_state(host.g1, 'g2', 'absent', 120)


# What begins a block's lines, or is in them.
PROMISES = (('ping -n', channel_comes_up), ('journalctl --no-pager -x', catalog_explains), ('./next/', channels_go_on),
            ('rmmod xenloop\nsystemctl start', module_changes), ('-p debug', debug_lines),
            ('apt purge -y xenloopd', peer_is_gone))


def both_up(host):
    for guest, other in ((host.g1, 'g2'), (host.g2, 'g1')):
        loop.wait_state(guest, other, 'up', 120)


def channels(host):
    return [loop.link(guest, other)['channel'] for guest, other in ((host.g1, 'g2'), (host.g2, 'g1'))]
