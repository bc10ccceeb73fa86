# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Storms of events, wake-ups, handshakes and marker frames: the victim's processes get their share of its CPU."""
from case import expect, expect_equal
import _hostile as hostile
import _loop as loop

SHARED = True
# Rounds of a loop in so many seconds; other guests and the emulation take some of them in any case.
WORK = '''python3 -c "
import time
until, n = time.monotonic() + 4, 0
while time.monotonic() < until:
    sum(range(500)); n += 1
print(n)"'''
SHARE = 0.4         # of what the loop gets while the offender keeps a CPU busy in silence
FLOOD_SHARE = 0.2   # the same under a flood of valid frames, as from any fast neighbour
UPS = 100           # channels that one neighbour can make come up within ten seconds
LINES = 200         # and lines in the journal from that


def run(host):
    with hostile.scene(host) as scene:
        quiet = share_of(scene, 'run spin 30000 1')
        with scene.harmless('an event storm'):
            events(scene, quiet)
        with scene.harmless('wake-up flags that toggle'):
            wakeups(scene, quiet)
        with scene.harmless('a flood of frames'):
            flood(scene, quiet)
        with scene.harmless('a handshake storm'):
            handshakes(scene)
        with scene.harmless('marker frames that lie'):
            markers(scene)


def share_of(scene, *lines):
    scene.up('run take 300000 1', 'sleep 1', *lines, 'sleep 0.2')
    return work(scene)


def again(scene, line):
    """What the offender does now, besides taking what comes."""
    scene.act('stop', 'run take 300000 1', line)


def work(scene):
    return int(scene.victim.sh(WORK))


def busy(scene, quiet, what, share):
    """What the loop gets while it goes on, and that the victim answers others in time."""
    part = work(scene) / quiet
    output = scene.good.sh(f'ping -n -q -c 10 -i 0.2 -W 2 {scene.victim.ip}', check=False)
    still = scene.state()['running']
    print(f'{what}: {part:.2f} of the work; {output.splitlines()[-1]}')
    expect_equal(still, 2, f'{what}: acts that still run')
    expect(part >= share, f'{what}: {part:.2f} of the work gets done')
    expect(' 0% packet loss' in output, f'{what}: {output}')


def events(scene, quiet):
    """The event channel's late EOI slows the offender down, since its events bring no work."""
    before = scene.stats()['rx-events']
    again(scene, 'run ring 30000 1')
    busy(scene, quiet, 'events', SHARE)
    taken = scene.stats()['rx-events'] - before
    print(f'{taken} interrupts')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel')


def wakeups(scene, quiet):
    again(scene, 'run wakeups 30000 1')
    busy(scene, quiet, 'wake-ups', SHARE)


def flood(scene, quiet):
    scene.act('stop', 'run take 300000 1', scene.put(scene.ether(bytes(46))), 'run flip 60000 1 60 40 0 1', 'sleep 1.5')
    busy(scene, quiet, 'frames', FLOOD_SHARE)
    expect(scene.stats()['rx-frames'] > 1000, 'no flood')


def handshakes(scene):
    """Up and down again, as fast as the victim's daemon lets it."""
    before = loop.kernel(scene.victim)['chans_created']
    lines = int(scene.victim.sh('journalctl -u xenloopd | wc -l'))
    scene.act('? forget', 'storm 10 {victim}')
    ups = loop.kernel(scene.victim)['chans_created'] - before
    lines = int(scene.victim.sh('journalctl -u xenloopd | wc -l')) - lines
    print(f'{ups} channels, {lines} lines')
    expect(3 <= ups <= UPS, f'{ups} channels in ten seconds')
    expect(lines <= LINES, f'{lines} lines in the journal')


def markers(scene):
    """By the standard path: numbers, counts and cookies that make no sense."""
    scene.offender.put(hostile.GUEST / 'markers.py', '/root/markers.py')
    scene.up('run take 60000 1')
    scene.offender.sh(f'python3 /root/markers.py {scene.victim.mac} 3000')
    scene.act(scene.put(scene.ether(bytes(46))), 'wait tx.cons 80')
    now = scene.stats()
    expect_equal((now['rx-markers'], now['rx-frames']), (0, 1), 'markers counted, frames taken')
