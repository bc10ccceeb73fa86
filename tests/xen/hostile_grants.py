# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Grants that are not there, belong to somebody else, are revoked or overwritten, and mappings that never end."""
from case import expect, expect_equal, expect_in, wait_for
import _hostile as hostile
from _hostile import HOARDS, NO_FIFO, NO_GRANT, NO_PORT
import _loop as loop

SHARED = True
PAGES = 129             # of a channel's FIFO, with its control page
HOARD_MAX = 1026 + PAGES
PORT_MAX = (1 << 17) - 1


def run(host):
    with hostile.scene(host) as scene:
        for check in (for_others, malformed, revoked_before, revoked_in_use, overwritten, hoarded):
            with scene.harmless(check.__name__):
                check(scene)
    with hostile.scene(host, victim='g1', offender='g2') as scene:
        with scene.harmless('references for a listener'):
            accepted(scene)


def refused(scene, what, why, gref, port, size=524288):
    """An offer that is well-formed and can't be taken."""
    fails(scene, what, why, f'offer {{victim}} {gref} {port} {size} 35')


def fails(scene, what, why, line):
    """The victim says so to the offender, tells why, and keeps nothing."""
    scene.act('hello')  # or the victim would listen to us less and less often
    with scene.refuses(what, why):
        expect_in('"bye"', scene.act(line, timeout=60), f'the answer to {what}')
    wait_for(lambda: loop.only_one_channel(scene.victim), 20, f'{what}: nothing is left ({loop.kernel(scene.victim)})')


def for_others(scene):
    """References and ports that nobody has, or that the third guest could use; and a FIFO that is none."""
    scene.act(f'listen {scene.domid["g3"]} 524288')
    there = scene.state()
    refused(scene, 'a page that is granted to another guest', NO_GRANT, there['gref'], there['port'])
    scene.act('forget', 'listen {victim} 524288')
    there = scene.state()
    refused(scene, 'the last reference', NO_GRANT, 0xffffffff, there['port'])
    refused(scene, 'a port that does not exist', NO_PORT, there['gref'], 4000)
    refused(scene, 'the last port', NO_PORT, there['gref'], PORT_MAX)
    refused(scene, 'a port of the console', NO_PORT, there['gref'], 1)
    refused(scene, 'a FIFO of another size', NO_FIFO, there['gref'], there['port'], 131072)
    scene.act('word rx.magic 0')
    refused(scene, 'a page that is no FIFO', NO_FIFO, there['gref'], there['port'])
    scene.act('forget')


def malformed(scene):
    """What no reference and no port can be does not even get past Dom0."""
    scene.act('hello', 'listen {victim} 524288')
    there = scene.state()
    for gref, port in ((0, there['port']), (1 << 32, there['port']), (there['gref'], 0), (there['gref'], PORT_MAX + 1),
                       (there['gref'], 0xffffffff)):
        before = loop.refused(scene.host.dom0)
        expect_equal(scene.act(f'offer {{victim}} {gref} {port} 524288 1'), 'null', f'the answer to page {gref}, port {port}')
        wait_for(lambda: loop.refused(scene.host.dom0) == before + 1, 20, f'page {gref}, port {port} is refused')
    expect(loop.only_one_channel(scene.victim), f'nothing is left ({loop.kernel(scene.victim)})')
    scene.act('forget')


def accepted(scene):
    """The victim listens, has granted its FIFO, and waits for ours."""
    scene.act(f'listen {scene.domid["g3"]} 524288')
    fails(scene, 'the page of another guest', NO_GRANT, f'answer {{victim}} {scene.state()["gref"]} 35')
    scene.act('forget')
    fails(scene, 'the last reference', NO_GRANT, f'answer {{victim}} {0xffffffff} 35')
    scene.act('listen {victim} 524288', 'word rx.magic 0')
    fails(scene, 'a page that is no FIFO', NO_FIFO, f'answer {{victim}} {scene.state()["gref"]} 35')
    scene.act('forget', 'listen {victim} 524288', 'revoke 100 5')
    fails(scene, 'a FIFO with holes', NO_GRANT, f'answer {{victim}} {scene.state()["gref"]} 35')
    scene.act('forget')


def revoked_before(scene):
    """The control page is there, some of the data pages that it names are not."""
    scene.act('listen {victim} 524288', 'revoke 100 5')
    there = scene.state()
    expect_equal(there['revoked'], 5, 'pages revoked')
    refused(scene, 'a FIFO with holes', NO_GRANT, there['gref'], there['port'])
    scene.act('forget')


def revoked_in_use(scene):
    """Nothing comes of it while the pages are mapped, and the channel goes on."""
    scene.up(f'revoke 0 {PAGES}', 'run take 60000 1', scene.put(scene.ether(bytes(46))), 'wait tx.cons 80')
    expect_equal(scene.state()['revoked'], 0, 'pages that could be revoked')
    scene.victim.sh(f'ping -n -c 3 -i 0.2 -W 1 {scene.offender.ip}', check=False)
    now = scene.stats()
    expect_equal(now['rx-frames'], 1, 'frames taken')
    expect(now['tx-frames'] >= 3, f'{now["tx-frames"]} frames put')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel')


def overwritten(scene):
    """The entries of pages in use name somebody else now. The victim unmaps them all the same."""
    with scene.disconnects('grants that are overwritten', 'peer-closed'):
        scene.up(f'regrant {scene.domid["g3"]}', 'sleep 0.5', *hostile.GOODBYE)
    scene.act('forget')
    wait_for(lambda: loop.only_one_channel(scene.victim), 30, 'the victim has unmapped everything')


def hoarded(scene):
    """The offender keeps the pages of each channel that has ended. At a bound the victim makes no new one."""
    for number in range(1, HOARD_MAX // PAGES + 1):
        with scene.disconnects(f'channel {number} that is hoarded', 'peer-closed'):
            scene.up(*hostile.GOODBYE, 'hoard')
        wait_for(lambda: loop.kernel(scene.victim)['pages_deferred'] == number * PAGES, 20,
                 f'{number} times {PAGES} pages are kept ({loop.kernel(scene.victim)})')
    scene.act('listen {victim} 524288')
    there = scene.state()
    with scene.refuses('one who hoards', HOARDS):
        output = scene.act(f'offer {{victim}} {there["gref"]} {there["port"]} 524288 35', timeout=60)
        expect_in('"bye"', output, 'the answer to one who hoards')
    kept = loop.kernel(scene.victim)['pages_deferred']
    expect(kept <= HOARD_MAX, f'{kept} pages are kept')
    with loop.moved(scene.victim, scene.good) as m:
        scene.victim.sh(f'ping -n -c 3 -i 0.2 -W 10 {scene.good.ip}')
    m.expect_frames(3)
    scene.act('forget', 'release')
    wait_for(lambda: loop.only_one_channel(scene.victim), 60, f'the pages are freed ({loop.kernel(scene.victim)})')

