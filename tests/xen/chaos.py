# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Four guests under load, and ten minutes of random events: every stream is right, the counters balance.

CHAOS_SEED and CHAOS_SECONDS repeat a run, or make another one. Each kind of event comes at least once, however slow
the machine. Left out: live migration, since PV guests can't here (migrate.py does it with one that can), another host
(two_hosts.py), and what Dom0's administrator changes (revoked.py).
"""
import os
import random
import time

from case import CaseFailed, expect_equal, wait_for
import _left as left
import _loop as loop
from _load import Load
from peer_gone import CRASH
from services import upgrade

SEED = int(os.environ.get('CHAOS_SEED', 2008))
SECONDS = int(os.environ.get('CHAOS_SECONDS', 600))
LONG = True
TIMEOUT = SECONDS + 2400
NAMES = ('g1', 'g2', 'g3', 'g4')
PAIRS = (('g1', 'g2'), ('g3', 'g4'), ('g1', 'g4'), ('g2', 'g3'))
REST = 1.5  # seconds between two blocks of a stream: four guests and Dom0 share two emulated CPUs
ROUND = 6  # events, then everything has to be well again


def run(host):
    chaos = Chaos(host)
    try:
        chaos.run()
    except Exception as error:
        raise CaseFailed(f'seed {SEED}, {chaos.done[-ROUND:]}: {error}') from error


class Chaos:
    def __init__(self, host):
        self.host, self.random, self.done, self.streams = host, random.Random(SEED), [], {}
        self.deck = []  # so that each kind of event comes before one comes again
        self.unseen = set(EVENTS)

    def run(self):
        for name in NAMES[2:]:
            self.host.guest(name, memory=256)
        loop.start(self.host, guests=[self.guest(name) for name in NAMES])
        for pair in PAIRS:
            self.begin(pair)
        self.all_well()
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline or self.unseen:
            for _ in range(ROUND):
                self.event()
            self.all_well()
        for stream in self.streams.values():
            stream.__exit__(None, None, None)
        self.nothing_left()
        print(f'chaos: seed {SEED}: {len(self.done)} events', flush=True)

    def guest(self, name):
        return self.host.domains[name]

    def begin(self, pair):
        server, client = map(self.guest, pair)
        self.streams[pair] = Load(server, client, number=PAIRS.index(pair), rest=REST).__enter__()

    def event(self):
        """One event to one guest; the next one does not wait until the guests have recovered."""
        if not self.deck:
            self.deck = self.random.sample(EVENTS, len(EVENTS))
        start = time.monotonic()
        what = self.deck.pop()
        self.happen(what, self.random.choice(NAMES))
        self.unseen.discard(what)
        print(f'chaos: {self.done[-1]}: {time.monotonic() - start:.0f} s', flush=True)
        time.sleep(self.random.uniform(0, 2))

    def happen(self, what, name, when=''):
        self.done.append(f'{what.__name__} {name}{when}')
        what(self, name)

    def all_well(self):
        for name in NAMES:
            wait_for(lambda: self.guest(name).ok('systemctl -q is-active xenloopd'), 120, f'{name}: xenloopd runs')
        for one, other in PAIRS:
            loop.wait_state(self.guest(one), other, 'up', 240)
            loop.wait_state(self.guest(other), one, 'up', 240)
        for stream in self.streams.values():
            stream.progress(3, 240)

    def nothing_left(self):
        """Without channels what was created is destroyed, what was granted freed, and the hypervisor agrees."""
        for name in NAMES:
            for peer in loop.peers(self.guest(name)):
                self.guest(name).sh(f'xenloopctl disconnect {peer["name"]}')
        for name in NAMES:
            left.expect_no_channel(self.guest(name))
        left.expect_no_grants(self.host)


def save_and_restore(chaos, name):
    chaos.host.save(name)
    chaos.host.restore(name)


def checkpoint(chaos, name):
    chaos.host.checkpoint(name)


def pause(chaos, name):
    """Sometimes for longer than the watchdog waits."""
    chaos.host.dom0.sh(f'xl pause {name}; sleep {chaos.random.uniform(0, 8):.1f}; xl unpause {name}')


def restart(chaos, name):
    chaos.guest(name).sh('systemctl restart xenloopd')


def kill(chaos, name):
    chaos.guest(name).sh('systemctl kill -s KILL xenloopd')


def upgrade_daemon(chaos, name):
    chaos.guest(name).sh(upgrade('xenloopd'))


def reload_module(chaos, name):
    chaos.guest(name).sh('rmmod xenloop; modprobe xenloop')


def down_and_up(chaos, name):
    """From a unit of its own, since this very interface brings the command."""
    chaos.guest(name).sh('systemd-run -q --wait sh -c "ip link set eth0 down; sleep 1; ip link set eth0 up; '
                         'ip -6 address replace $(sed -n \'s/.*lab.eth0=[^,]*,\\([^ ]*\\).*/\\1/p\' /proc/cmdline) dev eth0"')


def rename(chaos, name):
    """For a while; its channels go on."""
    chaos.guest(name).sh('ip link set eth0 name inside0; '
                         f'sleep {chaos.random.uniform(0, 6):.1f}; ip link set inside0 name eth0')


def disconnect(chaos, name):
    """From a peer that may be away just now; then the daemon says so."""
    peer = chaos.random.choice([other for pair in PAIRS if name in pair for other in pair if other != name])
    chaos.guest(name).sh(f'xenloopctl disconnect {peer}; sleep 0.5; xenloopctl connect {peer}', check=False)


def restart_discovery(chaos, _):
    chaos.host.dom0.sh('systemctl restart xendiscoverd')


def kill_discovery(chaos, _):
    chaos.host.dom0.sh('systemctl kill -s KILL xendiscoverd')


def upgrade_discovery(chaos, _):
    chaos.host.dom0.sh(upgrade('xendiscoverd'))


def without_discovery(chaos, name):
    """Something else happens while xendiscoverd is away."""
    chaos.host.dom0.sh('systemctl stop xendiscoverd')
    chaos.happen(chaos.random.choice(IN_GUESTS), name, ' without xendiscoverd')
    chaos.host.dom0.sh('systemctl start xendiscoverd')


def replug(chaos, name):
    """The interface is unplugged and another one with the same address plugged in; udev gives it its addresses."""
    number = min(chaos.host.vifs(name))
    chaos.host.detach_vif(name, number)
    chaos.host.attach_vif(name, 'xenbr0')
    chaos.guest(name).wait(120)


def replace(chaos, name):
    renew(chaos, name, lambda: chaos.host.destroy(name))


def crash(chaos, name):
    chaos.guest(name).sh(CRASH)
    renew(chaos, name, lambda: wait_for(lambda: not chaos.host.dom0.ok(f'xl domid {name}'), 60, f'{name} has crashed'))


def renew(chaos, name, end):
    """Ended, and started anew; its streams were right so far, end with it, and others begin."""
    mine = {pair: stream for pair, stream in chaos.streams.items() if name in pair}
    end()
    for stream in mine.values():
        other = stream.client if stream.server is chaos.guest(name) else stream.server
        seen = stream.figures(other)
        expect_equal((seen['state'], seen['error']), ('running', ''), f'the stream with {name} so far')
        other.sh(f'systemctl stop stream{stream.number}')
    chaos.host.guest(name, memory=256)
    loop.start(chaos.host, guests=[chaos.guest(name)], dom0=False)
    for pair in mine:
        chaos.begin(pair)


IN_GUESTS = (save_and_restore, checkpoint, pause, restart, kill, upgrade_daemon, reload_module, down_and_up, rename,
             disconnect, replug, replace, crash)
IN_DOM0 = (restart_discovery, kill_discovery, upgrade_discovery, without_discovery, without_discovery)
EVENTS = IN_GUESTS + IN_DOM0
