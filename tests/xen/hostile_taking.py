# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A receiver that never takes, takes and keeps, takes slowly, or leaves without a word: only its own traffic suffers."""
from case import expect, expect_equal, wait_for
import _hostile as hostile
import _loop as loop
from _load import PORT, Load

SHARED = True
TINY = 8                     # bytes: the smallest segments that are sound at all
COUNT = 500
IN_FIFO = 524288 // 1456     # datagrams that a FIFO holds


def run(host):
    with hostile.scene(host, victim='g1', offender='g2') as scene:
        for guest in (scene.victim, scene.offender):
            guest.put(hostile.GUEST / 'udpseq.py', '/root/udpseq.py')
        scene.victim.put(hostile.GUEST / 'twoways.py', '/root/twoways.py')
        for check in (never, claims_only, slowly, goodbye, endless_goodbye, undecided, damaged, cut_small):
            with scene.harmless(check.__name__):
                check(scene)


def send(scene, size=1400, pause='0.002'):
    """Numbered datagrams into the offender's channel; they are all in the FIFO or waiting then."""
    scene.offender.sh('rm -f /run/stop; systemd-run -q -u seq --collect bash -c '
                      '"python3 /root/udpseq.py receive 6100 8 >/run/seq 2>&1"')
    scene.offender.sh('until ss -lun | grep -q :6100; do sleep 0.2; done')
    scene.victim.sh(f'systemd-run -q -u send --collect python3 /root/udpseq.py send {scene.offender.ip} 6100 {COUNT} '
                    f'{size} {pause}')


def received(scene):
    scene.offender.sh('while systemctl -q is-active seq; do sleep 0.5; done', timeout=180)
    return {k: int(v) for k, v in (p.split('=') for p in scene.offender.sh('cat /run/seq').split())}


def never(scene):
    """Nothing is lost: all of it comes back and goes out by the standard path."""
    before = scene.downs('stalled')
    scene.up()
    send(scene)
    scene.disconnected('stalled', before, 'a peer that takes nothing')
    came_back(scene, COUNT)


def came_back(scene, wanted):
    """The standard path may lose some of a burst, but it repeats and reorders none."""
    got = received(scene)
    expect(got['received'] >= wanted * 0.8, f'too much is lost of {wanted}: {got}')
    expect_equal((got['duplicates'], got['reordered']), (0, 0), f'{got}')


def claims_only(scene):
    """What it claims is its own; more than a FIFO it can't claim."""
    before = scene.downs('stalled')
    scene.up('run claim 60000 1')
    send(scene)
    scene.disconnected('stalled', before, 'a peer that frees nothing')
    came_back(scene, COUNT - IN_FIFO)


def slowly(scene):
    """One socket with two peers: the slow one must not keep the other one's datagrams. Large frames stay charged."""
    scene.up('run trickle 60000 1 1000')
    scene.victim.sh('ip link set eth0 mtu 9000')
    output = scene.victim.sh(f'python3 /root/twoways.py {scene.offender.ip} {scene.good.ip} 8000 12')
    scene.victim.sh('ip link set eth0 mtu 1500')
    expect(int(output) >= 50, f'the socket sent {output} datagrams each way in 12 s')


def goodbye(scene):
    """Gone without draining: what it has not claimed comes back."""
    before = scene.downs('peer-closed')
    scene.up()
    send(scene)
    scene.act('wait rx.prod_state 1', 'sleep 0.5', *hostile.GOODBYE)
    scene.disconnected('peer-closed', before, 'a peer that is gone')
    came_back(scene, COUNT)


def endless_goodbye(scene):
    """It closes, and takes nothing of what is there: a socket with two peers does not wait for the end of that."""
    scene.victim.sh('xenloopctl set drain-timeout 10000')
    scene.up('word rx.cons_state 1', 'ring')
    scene.victim.sh('ip link set eth0 mtu 9000')
    output = scene.victim.sh(f'python3 /root/twoways.py {scene.offender.ip} {scene.good.ip} 8000 8')
    scene.victim.sh('ip link set eth0 mtu 1500')
    expect(int(output) >= 100, f'the socket sent {output} datagrams each way in 8 s')
    scene.act('? forget')
    scene.victim.sh('xenloopctl set drain-timeout 2000')


def undecided(scene):
    """It says that it takes frames back, never which, and closes: the victim looks now and then, and not all the time."""
    before, ended = polls(scene), scene.downs('peer-closed') + scene.downs('protocol')
    scene.up(scene.put(scene.ether(bytes(46))), 'word tx.revoke_state 1', 'word tx.prod_state 2', 'ring')
    wait_for(lambda: scene.downs('peer-closed') + scene.downs('protocol') > ended, 60, 'the channel is down')
    expect(polls(scene) - before < 1000, f'{polls(scene) - before} polls for a frame that nobody may take')


def polls(scene):
    return totals(scene, 'rx-polls')


def damaged(scene):
    """What comes back has been changed meanwhile: it goes to nobody else, or nowhere."""
    before = scene.downs('peer-closed')
    scene.up()
    with hostile.sniffer(scene.good) as seen:
        send(scene)
        scene.act('sleep 0.5', 'run data 3000 1', 'sleep 1', *hostile.GOODBYE,
                  'wait running 0')
        scene.disconnected('peer-closed', before, 'a peer that is gone')
        expect_equal(seen(f'ether src {scene.victim.mac} and udp port 6100'), 0, 'of that in the third guest')
    scene.offender.sh('systemctl stop seq')


def cut_small(scene):
    """Of what comes back, GSO frames ask for tiny segments now: they go nowhere, and TCP sends the bytes again."""
    before = scene.downs('peer-closed')
    with Load(scene.offender, scene.victim, number=3):      # by the standard path
        dropped = returned(scene)
        with hostile.sniffer(scene.offender, f'src {scene.victim.ip} and tcp dst port {PORT + 3}') as seen:
            scene.up()
            scene.act('wait rx.prod_state 1', 'sleep 1', f'shrink {TINY}', *hostile.GOODBYE)
            scene.disconnected('peer-closed', before, 'a peer that is gone')
        expect_equal(seen(f'ip[2:2] = {40 + TINY} or ip[2:2] = {52 + TINY}'), 0, 'tiny segments')
        expect(returned(scene) > dropped, 'GSO frames were dropped instead of being sent')


def returned(scene):
    """Frames that came back, and were not such as this guest has sent."""
    return totals(scene, 'tx-drop-return')


def totals(scene, counter):
    """Over all channels that the victim has had."""
    return sum(iface['channels'][counter] for iface in loop.ask(scene.victim, 'stats')['interfaces'])
