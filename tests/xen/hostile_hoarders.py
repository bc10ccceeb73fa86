# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Several neighbours keep the pages of channels that have ended, each as many as one may: there is a bound over all."""
from case import expect_equal, wait_for
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
            scene.reopened()


def hoard_all(scene, hoarders):
    """The last one is stopped by what the others have, before it has all that one may."""
    for number in range(IN_ALL):
        hoarder = hoarders[number // PER_PEER]
        with hoarder.disconnects(f'channel {number + 1} that is hoarded', 'peer-closed'):
            hoarder.up(*hostile.GOODBYE, 'hoard')
        wait_for(lambda: kept(scene) == (number + 1) * PAGES, 20, f'{number + 1} times {PAGES} pages are kept ({kept(scene)})')
    scene.idle('while pages are kept')


def kept(scene):
    return loop.kernel(scene.victim)['pages_deferred']


def no_more(scene, hoarder):
    """It has room of its own left."""
    with hoarder.refuses('the last hoarder', hostile.HOARDS):
        scene.victim.sh(f'xenloopctl connect {hoarder.offender}', check=False)
    expect_equal(kept(scene), IN_ALL * PAGES, 'pages kept')


def stranger(scene):
    """A guest without fault keeps its channel; a new one to it has to wait, and its frames take the standard path."""
    expect_equal(scene.good_channel(), scene.channel, f'the channel to {scene.good}')
    with loop.moved(scene.victim, scene.good) as m:
        scene.ping(scene.good.ip, 'the last page')
    m.expect_frames(3)
    scene.victim.sh(f'xenloopctl disconnect {scene.good}')
    wait_for(lambda: loop.state(scene.victim, scene.good.name) != 'up', 30, 'the channel closes')
    with scene.refuses('a guest without fault', hostile.HOARDS, scene.good.name):
        scene.victim.sh(f'xenloopctl connect {scene.good}', check=False)
    scene.ping(scene.good.ip, 'a channel that could not be made')
