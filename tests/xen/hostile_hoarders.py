# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Several neighbours keep the pages of channels that have ended, each as many as one may: there is a bound over all."""
from case import expect_equal, expect_in, wait_for
from crowd import boot
from install import install
import _hostile as hostile
import _loop as loop

FULL = True             # eight guests
TIMEOUT = 1800
SIZE = 2 << 20          # the largest FIFO; the victim has the lowest domid and decides
PAGES = 513             # of its FIFO, with the control page
PER_PEER = 3            # channels until DEFERRED_MAX_PER_PEER of kmod/chan.c is passed
IN_ALL = 17             # until DEFERRED_MAX is
OTHERS = ['g4', 'g5', 'g6', 'g7', 'g8']
MEMORY = (IN_ALL * PAGES * 4) + (16 << 10)
WHY = 'too many pages of old channels are still mapped'


def run(host):
    boot(host, OTHERS)
    install(host.destdir, [host.domains[name] for name in OTHERS])
    with hostile.scene(host, victim='g1', offender='g2') as scene:
        hoarders = [scene] + [scene.beside(name) for name in OTHERS]
        scene.victim.sh(f'xenloopctl set fifo-size {SIZE}')
        with scene.harmless('pages kept by all', memory=MEMORY):
            hoard_all(scene, hoarders)
            no_more(scene, hoarders[-1])
            stranger(scene)
            for hoarder in hoarders:
                hoarder.act('? forget', 'release')
            wait_for(lambda: loop.kernel(scene.victim)['pages_deferred'] == 0, 60, 'all pages are freed')
            scene.victim.sh(f'xenloopctl connect {scene.good}')


def hoard_all(scene, hoarders):
    """The last one is stopped by what the others have, before it has all that one may."""
    busy = scene.busy()
    for number in range(IN_ALL):
        hoarder = hoarders[number // PER_PEER]
        with hoarder.disconnects(f'channel {number + 1} that is hoarded', 'peer-closed'):
            hoarder.up(*hostile.GOODBYE, 'hoard')
        wait_for(lambda: kept(scene) == (number + 1) * PAGES, 20, f'{number + 1} times {PAGES} pages are kept ({kept(scene)})')
    scene.idle('while pages are kept', busy)


def kept(scene):
    return loop.kernel(scene.victim)['pages_deferred']


def no_more(scene, hoarder):
    """It has room of its own left."""
    scene.victim.sh(f'xenloopctl connect {hoarder.offender}', check=False)
    wait_for(lambda: WHY in str(loop.link(scene.victim, hoarder.offender.name)), 60, f'{hoarder.offender} is refused')
    expect_equal(kept(scene), IN_ALL * PAGES, 'pages kept')


def stranger(scene):
    """A guest without fault keeps its channel; a new one to it has to wait, and its frames take the standard path."""
    loop.up(scene.victim, scene.good)
    with loop.moved(scene.victim, scene.good) as m:
        scene.ping(scene.good.ip, 'the last page')
    m.expect_frames(3)
    scene.victim.sh(f'xenloopctl disconnect {scene.good}')
    wait_for(lambda: loop.state(scene.victim, scene.good.name) != 'up', 30, 'the channel closes')
    said = scene.victim.sh(f'xenloopctl connect {scene.good} 2>&1', check=False)
    wait_for(lambda: WHY in str(loop.link(scene.victim, scene.good.name)), 60, f'the reason is shown ({said})')
    scene.ping(scene.good.ip, 'a channel that could not be made')
    expect_in(WHY, scene.victim.sh('journalctl -u xenloopd --no-pager -o cat'), 'the journal')
