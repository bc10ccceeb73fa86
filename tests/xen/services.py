# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Restart, kill and reinstall of the daemons under load: the same channel goes on, and nothing is lost."""
import re
from contextlib import contextmanager

from case import expect, expect_equal, wait_for
import _left as left
import _loop as loop
from _load import Load
from _sequence import Sequence

TIMEOUT = 1500
INTERVAL = 0.05  # seconds between two pings


def run(host):
    loop.started(host)
    before = identity(host)
    with Load(host.g1, host.g2) as load:
        flood(host.g1, host.g2)
        streams = [Sequence(host.g1, host.g2), Sequence(host.g2, host.g1)]
        for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
            for blow in blows('xenloopd'):
                in_guest(guest, other, blow)
                load.progress()
        for blow in blows('xendiscoverd'):
            host.dom0.sh(blow)
            wait_for(lambda: host.dom0.ok('systemctl -q is-active xendiscoverd && xenloopctl peers'), 60, f'Dom0: {blow}')
            load.progress()
        host.dom0.sh('systemctl stop xendiscoverd')
        load.progress()
        for stream in streams:
            stream.stop()
        for stream in streams:
            stream.expect_whole()
        no_loss(host.g1)
    for guest, other in ((host.g1, 'g2'), (host.g2, 'g1')):
        loop.wait_state(guest, other, 'up')
    expect_equal(identity(host), before, 'channels and epochs')
    host.dom0.sh('systemctl start xendiscoverd')
    left.expect_one_channel(host, host.g1, host.g2)


def in_guest(guest, other, blow):
    """A new daemon, which says that it goes on with the channel, and of no other end or beginning."""
    journal = loop.Journal(guest)
    guest.sh(blow)
    wait_for(lambda: guest.ok('systemctl -q is-active xenloopd && xenloopctl peers'), 60, f'{guest}: {blow}')
    journal.expect('adopted', name=other.name)
    expect_equal([e for e in journal.events() if e['event'] in ('up', 'down', 'failed')], [], f'{guest}: events of {blow}')


def blows(daemon):
    """Restart, crash, upgrade."""
    return f'systemctl restart {daemon}', f'systemctl kill -s KILL {daemon}', upgrade(daemon)


def upgrade(daemon):
    """A new file in the place of the old one."""
    binary = f'/usr/sbin/{daemon}'
    return f'cp {binary} {binary}.new && mv {binary}.new {binary} && systemctl restart {daemon}'


def identity(host):
    return [(loop.link(guest, other)['channel'], loop.ask(guest, 'status')['daemon']['epoch'])
            for guest, other in ((host.g1, 'g2'), (host.g2, 'g1'))]


def flood(source, target):
    source.sh(f'systemd-run -q -u flood sh -c "ping -n -i {INTERVAL} -W 20 {target.ip} >/run/flood 2>&1"')


@contextmanager
def lossless(source, target):
    """Each request meanwhile is answered; TCP would hide a loss."""
    flood(source, target)
    yield
    no_loss(source)


def no_loss(source):
    source.sh('systemctl kill -s INT flood; while systemctl -q is-active flood; do sleep 0.2; done')
    output = source.sh('cat /run/flood')
    expect_no_loss(output)
    expect('DUP' not in output, 'an answer came twice')


def expect_no_loss(output):
    """Each request was answered, but for those under way when ping was interrupted: no older than the slowest answer."""
    sent = int(re.search(r'(\d+) packets transmitted', output)[1])
    slowest = float(re.search(r'= [\d.]+/[\d.]+/([\d.]+)/', output)[1]) / 1000
    answered = {int(seq) for seq in re.findall(r'icmp_seq=(\d+) ttl=', output)}
    under_way = 1 + int(slowest / INTERVAL)
    missing = [seq for seq in range(1, sent + 1 - under_way) if seq not in answered]
    expect_equal(missing, [], f'requests without an answer, of {sent}')
