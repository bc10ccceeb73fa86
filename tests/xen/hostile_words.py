# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Aimed and random writes into every shared word, while frames go both ways: harmless, or the channel ends for it."""
from case import expect, expect_equal
import pace
import _hostile as hostile
import _loop as loop

SHARED = True
JUNK = (0, 1, 0x80000000, 0xfffffff0, 0xffffffff)
# Words that the victim never reads, or that only tell it when to ring.
HARMLESS = ('tx.magic', 'tx.version', 'tx.nr_pages', 'tx.marker', 'tx.room_event', 'tx.revoke_index', 'tx.cons', 'tx.claim',
            'tx.data_event', 'tx.cons_state', 'tx.gref', 'rx.magic', 'rx.version', 'rx.nr_pages', 'rx.marker', 'rx.room_event',
            'rx.revoke_state', 'rx.revoke_index', 'rx.prod_state', 'rx.claim', 'rx.data_event', 'rx.gref')
SEEDS = (1, 11, 21)
ROUNDS = 4          # channels for each, and the next one has the next seed
ENDS = ('protocol', 'peer-closed')
SHARE = 0.1         # of the work that gets done while the offender only keeps a CPU busy; 0.19 to 0.73 were seen


def run(host):
    with hostile.scene(host, victim='g1', offender='g2') as scene:
        # With raw sockets each ping gets the replies to all others, and may lose its own to those.
        scene.victim.sh('sysctl -qw net.ipv4.ping_group_range="0 0"\n'
                        f'systemd-run -q -u traffic --collect ping -n -q -i {0.02 * pace.factor} -s 3000 {scene.offender.ip}')
        with scene.harmless('a look at the pages'):
            nothing_to_read(scene)
        quiet = baseline(scene)
        with scene.harmless('words that mean nothing'):
            harmless(scene)
        with scene.harmless('words that break the rules'):
            fatal(scene)
        for seed in SEEDS:
            with scene.harmless(f'a storm with seed {seed}'):
                storm(scene, seed, quiet)
        scene.victim.sh('systemctl stop traffic')


def nothing_to_read(scene):
    """The victim's pages hold what the offender has put there, and nothing from before."""
    scene.up('scan')
    expect_equal(scene.state()['nonzero'], 0, 'words in new pages')
    scene.act(scene.put(scene.ether(b'\1' * 46)), 'scan')
    expect(scene.state()['nonzero'] >= 16, 'the frame is seen')


def baseline(scene):
    """What the victim's processes get done while the offender keeps a CPU busy in silence."""
    scene.up('run take 60000 1', 'run spin 60000 1')
    done = scene.work()
    scene.act('stop')
    return done


def traffic(scene):
    """What the offender sends and takes meanwhile."""
    return (scene.put(scene.ether(bytes(186))), 'run flip 60000 1 200 40 0 1', 'run take 60000 1')


def harmless(scene):
    scene.up(*traffic(scene), 'sleep 1')
    before = scene.stats()
    scene.act(*(f'word {word} {value}' for word in HARMLESS for value in JUNK),
              *(f'word tx.prod_state {value}' for value in (77, 0xffffffff, 0, 1)), 'sleep 1')
    # This one it writes itself, with each frame. Our own acts go by it, so they rest.
    scene.act('stop', *(line for value in JUNK for line in (f'word rx.prod {value}', f'unlike rx.prod {value}')),
              *traffic(scene), 'sleep 1')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel')
    moves_on(scene, before, 'while the words change')
    moves_on(scene, scene.stats(), 'after the last word')


def moves_on(scene, before, when):
    """Frames go both ways."""
    scene.act('sleep 2')
    now = scene.stats()
    for counter in ('tx-frames', 'rx-frames'):
        expect(now[counter] > before[counter] + 10, f'{counter} stand still {when}')


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
        with scene.disconnects(name, reason):
            scene.up('run take 60000 1', 'sleep 1.2', frame(scene), 'sleep 0.2', *lines, frame(scene))


def expect_end(scene, reason, name, word, distance):
    """The word gets the value that an honest peer would write, plus a distance, before nothing has moved for too long."""
    right = 'put' if word == 'tx.prod' else 'rx.cons'
    with scene.disconnects(name, reason):
        scene.up('run take 60000 1', frame(scene), 'sleep 1.2', 'stop', 'sleep 1.5', f'off {word} {right} {distance}', 'ring')


def frame(scene):
    return scene.put(scene.ether(bytes(46)))


def storm(scene, seed, quiet):
    """Each channel ends within moments, for what it happened to break, and then there is a new one."""
    before = {reason: scene.counted(reason) for reason in ENDS}
    told = sum(map(scene.told, ENDS))
    parts = []
    with hostile.sniffer(scene.victim, f'ether proto {hostile.ETHERTYPE}') as seen:
        with scene.acting('hello', *(line for n in range(ROUNDS) for line in one_round(scene, seed + n))) as going:
            while going():
                parts.append(scene.work() / quiet)
        expect(seen('greater 300') > 0, 'the victim saw no frame at all')
    ended = {reason: scene.counted(reason) - old for reason, old in before.items()}
    print(f'seed {seed}: {ended}, {", ".join(f"{part:.2f}" for part in parts)} of the work')
    expect_equal(sum(ended.values()), ROUNDS, 'channels that ended for a broken rule, or as the peer had gone')
    expect(ended['protocol'] > 0, 'no rule was broken')
    expect(sum(map(scene.told, ENDS)) > told, 'none of them is in the journal')
    expect(min(parts) >= SHARE, f'{min(parts):.2f} of the work gets done')


def one_round(scene, seed):
    """Frames flow for a moment first. The pages are written on when the channel has ended."""
    return ('? forget', 'up {victim}', scene.put(scene.ether(bytes(400))), 'unlike tx.cons 0', *traffic(scene), 'sleep 0.5',
            *(f'run {act} 60000 {seed}' for act in ('data', 'wakeups', 'words')), 'sleep 1.5', 'stop', *hostile.GOODBYE)
