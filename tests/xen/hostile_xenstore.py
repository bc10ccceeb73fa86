# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest that uses its part of XenStore for harm: others hear nothing of it, and Dom0 has time for them."""
import re

from case import expect, expect_equal, expect_in, wait_for
import pace
import _hostile as hostile
import _loop as loop

SHARED = True
SECONDS = 10
DAEMON_GROWTH = 4096    # KiB of either daemon
OTHERS = 10             # messages in others' names: see xsattack.py
WRITES = 250            # in SECONDS, at the least: more than xendiscoverd's message-burst lets pass at once
LINES = 150             # in the journal of Dom0 and victim, in SECONDS


def run(host):
    with hostile.scene(host) as scene:
        scene.offender.put(hostile.GUEST / 'xsattack.py', '/root/xsattack.py')
        for check in (forbidden, others, rewritten, unlistable, full):
            with scene.harmless(check.__name__), bounded(scene, check.__name__):
                check(scene)
            new_channel(scene, check.__name__)
        start_anew(scene)
        with scene.harmless('started_anew'), bounded(scene, 'started_anew'):
            unlistable(scene)


def attack(scene, what, *words, timeout=120):
    return scene.offender.sh(f'cd /root; python3 xsattack.py {what} ' + ' '.join(map(str, words)), timeout=timeout)


def ids(scene):
    return scene.domid[scene.victim.name], scene.domid[scene.good.name]


class bounded:
    """Memory of xendiscoverd and of the victim's xenloopd, and what they write to the journal."""

    def __init__(self, scene, what):
        self.what = what
        self.daemons = {scene.host.dom0: 'xendiscoverd', scene.victim: 'xenloopd'}

    def look(self):
        """The peak of the memory is that since the last look."""
        found = {}
        for domain, name in self.daemons.items():
            pid = domain.main_pid(name)
            words = domain.sh(f'awk \'/^VmHWM/ {{ print $2 }}\' /proc/{pid}/status; echo 5 >/proc/{pid}/clear_refs; '
                              f'journalctl -u {name} --no-pager | wc -l').split()
            found[name] = dict(zip(('peak', 'lines'), map(int, words)))
        return found

    def __enter__(self):
        self.look()
        self.before = self.look()

    def __exit__(self, kind, *_):
        if kind:
            return
        now = self.look()
        for name, old in self.before.items():
            new = {k: now[name][k] - old[k] for k in old}
            print(f'{self.what}: {name} {new}')
            expect(new['peak'] < DAEMON_GROWTH, f'{self.what}: {name} has grown by {new["peak"]} KiB at most')
            expect(new['lines'] < pace.stretched(LINES), f'{self.what}: {name} wrote {new["lines"]} lines')


def new_channel(scene, after):
    """The victim and the third guest can still find each other."""
    scene.victim.sh(f'xenloopctl disconnect {scene.good.name} >/dev/null; xenloopctl connect {scene.good.name} >/dev/null')
    wait_for(lambda: loop.state(scene.victim, scene.good.name) == 'up', 60, f'a new channel after {after}')
    scene.reopened()


def inbox(scene, guest):
    return scene.host.dom0.sh(f'xenstore-ls -f /local/domain/{scene.domid[guest.name]}/xenloop/from', check=False)


def forbidden(scene):
    """XenStore itself refuses most of it; the MAC address that the guest gives itself counts for nothing."""
    expect_equal(attack(scene, 'forbidden', *ids(scene)), '', 'nodes that it could write')
    expect_equal(attack(scene, 'curious', *secrets(scene)), '', 'nodes that it could read')
    scene.act('hello')
    wait_for(lambda: scene.offender.sh('cat /run/offender-epoch') in roster(scene), 60, 'the new epoch is on the roster')
    expect_in(f'link 0 0 {scene.offender.mac}', roster(scene), 'the roster')
    expect_equal(loop.link(scene.victim, scene.offender.name)['mac'], scene.offender.mac, 'the MAC address of the link')
    scene.offender.sh(f'xenstore-write device/vif/0/mac {scene.offender.mac}')


def roster(scene):
    """What the victim is told of the offender."""
    victim, offender = (scene.domid[guest.name] for guest in (scene.victim, scene.offender))
    return scene.host.dom0.sh(f'xenstore-read /local/domain/{victim}/xenloop/roster/{offender}', check=False)


def secrets(scene):
    """What the victim and Dom0 keep for each other, all of it there: a message from us waits, and one to us."""
    victim, own = (scene.domid[guest.name] for guest in (scene.victim, scene.offender))
    scene.act('say {victim} request attempt={n} from={me} to={it}')
    scene.victim.sh(f'xenloopctl connect {scene.offender.name} >/dev/null')
    paths = [f'/local/domain/{victim}/{node}' for node in (
        'xenloop', 'xenloop/self', 'xenloop/roster', f'xenloop/roster/{own}', 'xenloop/from', f'xenloop/from/{own}-0-0',
        'data/xenloop', 'data/xenloop/hello', 'data/xenloop/to', f'data/xenloop/to/{own}-0-0')]
    wait_for(lambda: all(scene.host.dom0.ok(f'xenstore-exists {path}') for path in paths), 20, f'{paths} are there')
    return paths


def others(scene):
    """Each of them is refused and counted."""
    for number in range(OTHERS):
        before = loop.refused(scene.host.dom0)
        attack(scene, 'others', *ids(scene), number)
        wait_for(lambda: loop.refused(scene.host.dom0) == before + 1, 30, f'message {number} is refused')
    expect_in('refused', scene.host.dom0.sh('journalctl -u xendiscoverd --no-pager -n 50'), 'the journal in Dom0')
    for guest in (scene.victim, scene.good):
        expect('offer' not in inbox(scene, guest), f'{guest} has an offer: {inbox(scene, guest)}')
    attack(scene, 'clean')
    scene.act('hello')


def rewritten(scene):
    """Meanwhile the others close and open a channel."""
    before = loop.refused(scene.host.dom0)
    scene.offender.sh(f'systemd-run -q -u attack python3 /root/xsattack.py rewrite {SECONDS} {ids(scene)[0]}')
    wait_for(lambda: scene.offender.ok('systemctl -q is-active attack'), 20, 'the attack')
    new_channel(scene, 'a storm that goes on')
    expect(scene.offender.ok('systemctl -q is-active attack'), 'the attack was over before')
    scene.offender.sh('touch /run/rewrite.stop; while systemctl -q is-active attack; do sleep 0.3; done', timeout=60)
    expect(loop.refused(scene.host.dom0) > before, 'nothing of it was refused')
    writes = max(map(int, re.findall(r'^\d+$', scene.offender.sh('journalctl -u attack -o cat --no-pager'), re.M)))
    print(f'{writes} writes')
    expect(writes >= WRITES, f'only {writes} writes')
    scene.act('hello')
    loop.wait_link(scene.victim, scene.offender.name)
    with scene.disconnects('the channel after the storm', 'peer-closed'):
        scene.up(*hostile.GOODBYE, 'forget')


def unlistable(scene):
    """xenstored would answer with more than libxenstore takes."""
    attack(scene, 'unlistable')
    new_channel(scene, 'names that can not be listed')
    attack(scene, 'clean')
    scene.act('hello')


def start_anew(scene):
    """Nor is a start with such names the end of xendiscoverd."""
    attack(scene, 'unlistable')
    scene.host.dom0.sh('systemctl restart xendiscoverd')


def full(scene):
    """As many nodes as XenStore lets it have. That it can say nothing sensible any more is its own loss."""
    before = loop.refused(scene.host.dom0)
    made = int(attack(scene, 'fill').splitlines()[-1])
    expect(made > 500, f'only {made} nodes')
    wait_for(lambda: loop.refused(scene.host.dom0) > before + 100, 60, 'refusals are counted')
    new_channel(scene, 'a full outbox')
    attack(scene, 'clean')
    scene.act('hello')
