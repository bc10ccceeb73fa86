# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Aimed and random writes into every shared word, while frames go both ways: harmless, or the channel ends for it."""
from case import expect, expect_equal
import _hostile as hostile
import _loop as loop

SHARED = True
JUNK = (0, 1, 0x80000000, 0xfffffff0, 0xffffffff)
# Words that the victim never reads, or that only tell it when to ring.
HARMLESS = ('tx.magic', 'tx.version', 'tx.nr_pages', 'tx.marker', 'tx.room_event', 'tx.revoke_index', 'tx.cons', 'tx.claim',
            'tx.data_event', 'tx.cons_state', 'tx.gref', 'rx.magic', 'rx.version', 'rx.nr_pages', 'rx.marker', 'rx.room_event',
            'rx.revoke_state', 'rx.revoke_index', 'rx.prod_state', 'rx.claim', 'rx.data_event', 'rx.gref')
SEEDS = (1, 2, 3)


def run(host):
    with hostile.scene(host, victim='g1', offender='g2') as scene:
        scene.victim.sh(f'systemd-run -q -u traffic --collect ping -n -q -i 0.02 -s 3000 {scene.offender.ip}')
        with scene.harmless('words that mean nothing'):
            harmless(scene)
        with scene.harmless('words that break the rules'):
            fatal(scene)
        for seed in SEEDS:
            with scene.harmless(f'a storm with seed {seed}'):
                storm(scene, seed)
        scene.victim.sh('systemctl stop traffic')


def traffic(scene):
    """What the offender sends and takes meanwhile."""
    return (scene.put(scene.ether(bytes(186))), 'run flip 60000 1 200 40 0 1', 'run take 60000 1')


def harmless(scene):
    scene.up(*traffic(scene), 'sleep 1')
    before = scene.stats()
    scene.act(*(f'word {word} {value}' for word in HARMLESS for value in JUNK),
              *(f'word tx.prod_state {value}' for value in (77, 0xffffffff, 0, 1)), 'sleep 1')
    now = scene.stats()
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel')
    for counter in ('tx-frames', 'rx-frames'):
        expect(now[counter] > before[counter] + 10, f'{counter} stand still')


def fatal(scene):
    for word, value, reason in (
            ('tx.prod', 8, 'protocol'), ('tx.prod', -16, 'protocol'), ('tx.prod', 524288 + 16, 'protocol'),
            ('tx.prod', 0x80000000, 'protocol'),
            ('rx.cons', 8, 'protocol'), ('rx.cons', -16, 'protocol'), ('rx.cons', 1 << 24, 'protocol'),
            ('rx.cons', 0x80000000, 'protocol')):
        expect_end(scene, reason, f'{word} {value:+d}', word, value)
    for reason, name, lines in (
            ('protocol', 'an unknown revocation', ('word tx.revoke_state 77',)),
            ('protocol', 'a revocation that is never decided', ('word tx.revoke_state 1',)),
            ('protocol', 'a revocation of what is claimed', ('word tx.revoke_index 0x80000000', 'word tx.revoke_state 2')),
            ('peer-closed', 'a producer that is closed', ('word tx.prod_state 2', 'ring')),
            ('peer-closed', 'a consumer in no known state', ('word rx.cons_state 77', 'ring'))):
        before = scene.downs(reason)
        scene.up('run take 60000 1', 'sleep 1.2', scene.put(scene.ether(bytes(46))), 'sleep 0.2', *lines, scene.put(scene.ether(bytes(46))))
        scene.disconnected(reason, before, name)


def expect_end(scene, reason, name, word, distance):
    """The word gets the value that an honest peer would write, plus a distance."""
    before = scene.downs(reason)
    scene.up('run take 60000 1', scene.put(scene.ether(bytes(46))), 'sleep 1.2', 'stop', 'sleep 1.5')
    now = scene.state()
    right = now['put'] if word == 'tx.prod' else now['rx.cons']
    scene.act(f'word {word} {(right + distance) & 0xffffffff}', 'ring')
    scene.disconnected(reason, before, name)


def storm(scene, seed):
    """It may end the channel, for whatever reason. The pages are written on when that has happened."""
    scene.up(*traffic(scene), 'sleep 0.5')
    with hostile.sniffer(scene.victim) as seen:
        scene.act(*(f'run {act} 4000 {seed}' for act in ('data', 'wakeups')), 'sleep 2', f'run words 4000 {seed}',
                  'sleep 4.5', 'stop')
        expect_equal(seen(f'ether proto {hostile.ETHERTYPE} and (not ether src {scene.offender.mac} or '
                          f'not ether dst {scene.victim.mac})'), 0, 'forged frames that the victim saw')
    scene.act('forget')
