# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Storms of events, wake-ups, handshakes and marker frames: the victim's processes get their share of its CPU."""
import time

from case import expect, expect_equal, wait_for
import _hostile as hostile
import _loop as loop

SHARED = True
SHARE = 0.25        # of what the loop gets while the offender keeps a CPU busy in silence
FLOOD_SHARE = 0.2   # the same under a flood of valid frames, as from any fast neighbour
UPS = 60            # channels that come and go, as fast as the victim's daemon lets them
BURST, REFILL = 50, 10  # lines in the journal about one guest: so many at once, and then one in so many seconds
INTERRUPTS = 500    # a second: late EOI lets two through in a tick of 4 ms when they bring no work
MARKERS = 3000      # two in three of them are such by their first bytes


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
    begin(scene, *lines)
    return scene.work()


def begin(scene, *lines):
    """What the offender does with a new channel, besides taking what comes."""
    scene.up('run take 300000 1', 'sleep 1', *lines, 'sleep 0.2')


def busy(scene, quiet, what, share):
    """What the loop gets while it goes on, and that the victim answers others in time."""
    part = scene.work() / quiet
    output = scene.good.sh(f'ping -n -q -c 10 -i 0.2 -W 2 {scene.victim.ip}', check=False)
    still = scene.state()['running']
    print(f'{what}: {part:.2f} of the work; {output.splitlines()[-1]}')
    expect_equal(still, 2, f'{what}: acts that still run')
    expect(part >= share, f'{what}: {part:.2f} of the work gets done')
    expect(' 0% packet loss' in output, f'{what}: {output}')


def events(scene, quiet):
    """The event channel's late EOI slows the offender down, since its events bring no work."""
    begin(scene, 'run ring 30000 1')
    since, before = time.monotonic(), scene.stats()['rx-events']
    busy(scene, quiet, 'events', SHARE)
    rate = (scene.stats()['rx-events'] - before) / (time.monotonic() - since)
    print(f'{rate:.0f} interrupts a second')
    expect(10 < rate <= INTERRUPTS, f'{rate:.0f} interrupts a second')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel')


def wakeups(scene, quiet):
    begin(scene, 'run wakeups 30000 1')
    busy(scene, quiet, 'wake-ups', SHARE)


def flood(scene, quiet):
    begin(scene, scene.put(scene.ether(bytes(46))), 'run flip 60000 1 60 40 0 1', 'sleep 1.5')
    busy(scene, quiet, 'frames', FLOOD_SHARE)
    expect(scene.stats()['rx-frames'] > 1000, 'no flood')


def handshakes(scene):
    """Each is told as it comes up and as it ends, until there are too many lines."""
    before, lines, since = loop.kernel(scene.victim)['chans_created'], told(scene), time.monotonic()
    with scene.disconnects('a goodbye after the handshake', 'peer-closed'):
        scene.act('? forget', f'storm {UPS} {{victim}}', timeout=600)
    ups, lines = loop.kernel(scene.victim)['chans_created'] - before, told(scene) - lines
    most = BURST + (time.monotonic() - since) / REFILL + 1
    print(f'{ups} channels, {lines} lines, at most {most:.0f}')
    expect(ups >= UPS, f'only {ups} channels')
    expect(most < 2 * UPS, f'the storm was too slow to pass {most:.0f} lines')
    expect(lines <= most, f'{lines} lines in the journal')


def told(scene):
    """Lines about the offender in the victim's journal."""
    return int(scene.victim.sh(f'journalctl -u xenloopd -o cat --no-pager | grep -c "channel to {scene.offender}"'))


def markers(scene):
    """By the standard path: numbers, counts and cookies that make no sense."""
    scene.offender.put(hostile.GUEST / 'markers.py', '/root/markers.py')
    before = unknown(scene)
    scene.up('run take 60000 1')
    lie(scene)
    scene.act(scene.put(scene.ether(bytes(46))), 'wait tx.cons 80')
    now = scene.stats()
    expect_equal((now['rx-markers'], now['rx-frames']), (0, 1), 'markers counted, frames taken')
    expect_equal(unknown(scene), before, 'markers that no channel waits for, while there is one')
    scene.act(*hostile.GOODBYE, 'forget')
    wait_for(lambda: loop.only_one_channel(scene.victim), 30, 'the channel is gone')
    lie(scene)
    expect(unknown(scene) > before + MARKERS // 6, f'only {unknown(scene) - before} markers without a channel')


def lie(scene):
    scene.offender.sh(f'python3 /root/markers.py {scene.victim.mac} {MARKERS}')


def unknown(scene):
    return loop.iface_stats(scene.victim)['markers-unknown']
