# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest that uses its part of XenStore for harm: others hear nothing of it, and Dom0 has time for them."""
from case import expect, expect_equal, expect_in, wait_for
import _hostile as hostile
import _loop as loop

SHARED = True
SECONDS = 10
DOM0_SHARE = 0.5        # of a CPU that one guest may cost xendiscoverd
DAEMON_GROWTH = 4096    # KiB of either daemon
LINES = 150             # in the journal of Dom0 and victim, in SECONDS


def run(host):
    with hostile.scene(host) as scene:
        scene.offender.put(hostile.GUEST / 'xsattack.py', '/root/xsattack.py')
        for check in (forbidden, others, rewritten, full):
            with scene.harmless(check.__name__), bounded(scene, check.__name__):
                check(scene)
            new_channel(scene, check.__name__)


def attack(scene, what, *words, timeout=120):
    return scene.offender.sh(f'cd /root; python3 xsattack.py {what} ' + ' '.join(map(str, words)), timeout=timeout)


def ids(scene):
    return scene.domid[scene.victim.name], scene.domid[scene.good.name]


class bounded:
    """Memory and CPU time of xendiscoverd and of the victim's xenloopd, and what they write to the journal."""

    def __init__(self, scene, what):
        self.what = what
        self.daemons = {scene.host.dom0: 'xendiscoverd', scene.victim: 'xenloopd'}

    def look(self):
        found = {}
        for domain, name in self.daemons.items():
            words = domain.sh(f'pid=$(systemctl show -P MainPID {name}); awk \'/^VmRSS/ {{ print $2 }}\' /proc/$pid/status; '
                              'cut -d" " -f14,15 /proc/$pid/stat; cut -d. -f1 /proc/uptime; '
                              f'journalctl -u {name} --no-pager | wc -l').split()
            found[name] = dict(zip(('rss', 'user', 'system', 'uptime', 'lines'), map(int, words)))
        return found

    def __enter__(self):
        self.before = self.look()

    def __exit__(self, kind, *_):
        if kind:
            return
        now = self.look()
        for name, old in self.before.items():
            new = {k: now[name][k] - old[k] for k in old}
            print(f'{self.what}: {name} {new}')
            expect(new['rss'] < DAEMON_GROWTH, f'{self.what}: {name} has grown by {new["rss"]} KiB')
            expect(new['lines'] < LINES, f'{self.what}: {name} wrote {new["lines"]} lines')
            share = (new['user'] + new['system']) / 100 / max(new['uptime'], 1)
            expect(share < DOM0_SHARE, f'{self.what}: {name} used {share:.2f} of a CPU')


def new_channel(scene, after):
    """The victim and the third guest can still find each other."""
    scene.victim.sh(f'xenloopctl disconnect {scene.good.name} >/dev/null; xenloopctl connect {scene.good.name} >/dev/null')
    wait_for(lambda: loop.state(scene.victim, scene.good.name) == 'up', 60, f'a new channel after {after}')


def inbox(scene, guest):
    return scene.host.dom0.sh(f'xenstore-ls -f /local/domain/{scene.domid[guest.name]}/xenloop/from', check=False)


def forbidden(scene):
    """XenStore itself refuses most of it; the MAC address that the guest gives itself counts for nothing."""
    expect_equal(attack(scene, 'forbidden', *ids(scene)), '', 'nodes that it could write')
    scene.act('hello')
    loop.wait_link(scene.victim, scene.offender.name)
    expect_equal(loop.link(scene.victim, scene.offender.name)['mac'], scene.offender.mac, 'the MAC address on the roster')


def others(scene):
    before = loop.ask(scene.host.dom0, 'status')['counters']['messages_refused']
    attack(scene, 'others', *ids(scene))
    wait_for(lambda: loop.ask(scene.host.dom0, 'status')['counters']['messages_refused'] >= before + 6, 30,
             'all are refused and counted')
    expect_in('refused', scene.host.dom0.sh('journalctl -u xendiscoverd --no-pager -n 50'), 'the journal in Dom0')
    for guest in (scene.victim, scene.good):
        expect('offer' not in inbox(scene, guest), f'{guest} has an offer: {inbox(scene, guest)}')
    attack(scene, 'clean')
    scene.act('hello')


def rewritten(scene):
    """Meanwhile the others close and open a channel."""
    scene.offender.sh(f'systemd-run -q -u attack python3 /root/xsattack.py rewrite {SECONDS} {ids(scene)[0]}')
    wait_for(lambda: scene.offender.ok('systemctl -q is-active attack'), 20, 'the attack')
    new_channel(scene, 'a storm that goes on')
    expect(scene.offender.ok('systemctl -q is-active attack'), 'the attack was over before')
    scene.offender.sh('while systemctl -q is-active attack; do sleep 0.3; done', timeout=60)
    print(scene.offender.sh('journalctl -u attack -o cat --no-pager'))
    scene.act('hello')
    loop.wait_link(scene.victim, scene.offender.name)
    before = scene.downs('peer-closed')
    scene.up(*hostile.GOODBYE, 'forget')
    scene.disconnected('peer-closed', before, 'the channel after the storm')


def full(scene):
    """As many nodes as XenStore lets it have. That it can say nothing sensible any more is its own loss."""
    before = loop.ask(scene.host.dom0, 'status')['counters']['messages_refused']
    made = int(attack(scene, 'fill').splitlines()[-1])
    expect(made > 500, f'only {made} nodes')
    wait_for(lambda: loop.ask(scene.host.dom0, 'status')['counters']['messages_refused'] > before + 100, 60, 'refusals are counted')
    new_channel(scene, 'a full outbox')
    attack(scene, 'clean')
    scene.act('hello')
