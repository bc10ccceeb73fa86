# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A receiver that never takes, takes and keeps, takes slowly, or leaves without a word: only its own traffic suffers."""
from contextlib import contextmanager

from case import expect, expect_equal, wait_for
import pace
import _hostile as hostile
from _load import Load

SHARED = True
TINY = 8                     # bytes: the smallest segments that are sound at all
COUNT = 500
FEW = 100                    # of them; all find room
MANY = 3000                  # more than may wait
IN_FIFO = 524288 // 1456     # datagrams that a FIFO holds
OTHERS = 20                  # frames beside them, of ARP and the like


def run(host):
    with hostile.scene(host, victim='g1', offender='g2') as scene:
        for guest in (scene.victim, scene.offender):
            guest.put(hostile.GUEST / 'udpseq.py', '/root/udpseq.py')
        for name in ('twoways.py', 'errqueue.py'):
            scene.victim.put(hostile.GUEST / name, f'/root/{name}')
        for check in (never, claims_only, slowly, forwarded, zero_copy, goodbye, endless_goodbye, undecided, redirected, resized, cut_small):
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
    with all_returned(scene), scene.disconnects('a peer that takes nothing', 'stalled'):
        scene.up()
        send(scene)
    came_back(scene, COUNT)


@contextmanager
def all_returned(scene):
    """Each frame that was put comes back."""
    names = ('tx-frames', 'tx-returned', 'tx-drop-return')
    before = [scene.total(name) for name in names]
    yield
    put, returned, dropped = (scene.total(name) - old for name, old in zip(names, before))
    expect(put >= FEW, f'only {put} frames were put')
    expect_equal((returned, dropped), (put, 0), f'of {put} frames: returned, dropped')


def came_back(scene, wanted):
    """The standard path may lose some of a burst, but it repeats and reorders none. Returns how many came."""
    got = received(scene)
    expect(got['received'] >= wanted * 0.8, f'too much is lost of {wanted}: {got}')
    expect_equal((got['duplicates'], got['reordered']), (0, 0), f'{got}')
    return got['received']


def claims_only(scene):
    """What it claims is its own; more than a FIFO it can't claim."""
    put, returned = scene.total('tx-frames'), scene.total('tx-returned')
    with scene.disconnects('a peer that frees nothing', 'stalled'):
        scene.up('run claim 60000 1')
        send(scene)
    claimed = scene.total('tx-frames') - put - (scene.total('tx-returned') - returned)
    expect(FEW <= claimed <= IN_FIFO * 1.1, f'{claimed} frames were claimed')
    got = came_back(scene, COUNT - claimed)
    expect(got <= COUNT - claimed + OTHERS, f'{got} datagrams came, though {claimed} frames were claimed')


def slowly(scene):
    """One socket with two peers: the slow one must not keep the other one's datagrams. Large frames stay charged."""
    with scene.disconnects('a peer for whom a frame waits too long', 'stalled'):
        scene.up('run trickle 60000 1 1000')
        two_ways(scene, 12, 50)


def two_ways(scene, seconds, wanted):
    seconds = pace.stretched(seconds)
    scene.victim.sh('ip link set eth0 mtu 9000')
    output = scene.victim.sh(f'python3 /root/twoways.py {scene.offender.ip} {scene.good.ip} 8000 {seconds}')
    scene.victim.sh('ip link set eth0 mtu 1500')
    expect(int(output) >= wanted, f'the socket sent {output} datagrams each way in {seconds} s')


@contextmanager
def full(scene, what):
    """A channel whose peer takes nothing, for longer than it usually lasts."""
    scene.victim.sh('xenloopctl set stall-timeout 60000')
    with scene.disconnects(what, 'peer-closed'):
        scene.up()
        yield
        scene.act(*hostile.GOODBYE)
    scene.victim.sh('xenloopctl set stall-timeout 5000')


def forwarded(scene):
    """Nobody can slow a container down: what it sends fills half of the room only, and this guest's own frames find some."""
    scene.victim.sh("""set -e
        ip netns add box; ip link add box0 type veth peer name eth0 netns box; ip addr add 172.18.0.1/24 dev box0
        ip link set box0 up; ip -n box addr add 172.18.0.2/24 dev eth0; ip -n box link set eth0 up
        ip -n box route add default via 172.18.0.1; sysctl -q net.ipv4.ip_forward=1""")
    names = ('tx-drop-forwarded', 'tx-drop-backlog', 'tx-backlogged')
    with full(scene, 'a peer that many frames wait for'):
        before = [scene.total(name) for name in names]
        scene.victim.sh(f'ip netns exec box python3 /root/udpseq.py send {scene.offender.ip} 6200 {MANY} 1400 0')
        dropped, own, waiting = (scene.total(name) - old for name, old in zip(names, before))
        expect(dropped > 0 and own == 0, f'of {MANY} forwarded frames {dropped} were dropped, of this guest\'s own {own}')
        scene.victim.sh(f'python3 /root/udpseq.py send {scene.offender.ip} 6200 {FEW} 1400')
        _, own, now = (scene.total(name) - old for name, old in zip(names, before))
        expect(own == 0 and now - waiting >= FEW, f'of {FEW} frames of this guest\'s own {now - waiting} wait, {own} were dropped')
    scene.victim.sh('ip netns del box; sysctl -q net.ipv4.ip_forward=0')


def zero_copy(scene):
    """Who lends memory gets it back, also for datagrams that wait behind a full FIFO: the socket may have other peers."""
    with full(scene, 'a peer that takes no zero-copy frames'):
        said = scene.victim.sh(f'python3 /root/errqueue.py {scene.offender.ip} 6200 {COUNT}')
        expect(said.startswith(f'completed={COUNT} copied={COUNT} '), f'of {COUNT} datagrams: {said}')


def goodbye(scene):
    """Gone without draining: what it has not claimed comes back."""
    with all_returned(scene), full(scene, 'a peer that is gone'):
        send(scene)
        wait_for(lambda: scene.stats()['tx-frames'] >= FEW, 60, f'{FEW} frames are put')
    came_back(scene, COUNT)


def endless_goodbye(scene):
    """It closes, and takes nothing of what is there: a socket with two peers does not wait for the end of that."""
    scene.victim.sh('xenloopctl set drain-timeout 10000')
    with scene.disconnects('a close that takes too long', 'peer-closed'):
        scene.up('word rx.cons_state 1', 'ring')
        two_ways(scene, 8, 100)
    scene.act('? forget')
    scene.victim.sh('xenloopctl set drain-timeout 2000')


def undecided(scene):
    """It says that it takes frames back, never which, and closes: the victim looks now and then, and not all the time."""
    before = scene.total('rx-polls')
    with scene.disconnects('a peer that never decides', 'peer-closed', 'protocol', timeout=60):
        scene.up(scene.put(scene.ether(bytes(46))), 'word tx.revoke_state 1', 'word tx.prod_state 2', 'ring')
    polls = scene.total('rx-polls') - before
    expect(polls < 1000, f'{polls} polls for a frame that nobody may take')


def redirected(scene):
    """What comes back has other addresses now, or a tag: it goes to the peer under the right ones, or nowhere."""
    third = scene.good.mac.replace(':', '')
    with hostile.sniffer(scene.good) as seen:
        for offset, other, counter in ((0, third, 'tx-returned'), (6, third, 'tx-returned'), (12, '8100', 'tx-drop-return')):
            redirect(scene, f'overwrite {offset} {other}', counter)
        expect_equal(seen(f'ether src {scene.victim.mac} and udp port 6100'), 0, 'of that in the third guest')
        scene.victim.sh(f'python3 /root/udpseq.py send {scene.good.ip} 6100 10 100 0.1', check=False)
        wait_for(lambda: seen(f'ether src {scene.victim.mac} and udp port 6100') > 0, 30, 'the third guest sees what is its own')


def resized(scene):
    """Where they were, there are thousands of tiny frames now, or a few that netfront can't take: they go nowhere."""
    redirect(scene, 'resize 14', 'tx-drop-return', 20 * FEW)
    redirect(scene, 'resize 65600', 'tx-drop-return', 1)


def redirect(scene, line, counter, least=FEW):
    """All of the frames lie in the FIFO when the offender overwrites them. Theirs is the counter, and no other."""
    before = {name: scene.total(name) for name in ('tx-returned', 'tx-drop-return')}
    from_victim = f'udp port 6100 and ether src {scene.victim.mac}'
    with hostile.sniffer(scene.offender) as seen:
        with full(scene, line):
            scene.victim.sh(f'python3 /root/udpseq.py send {scene.offender.ip} 6100 {FEW} 1400')
            scene.act(line)
            changed = scene.state()['changed']
        delta = {name: scene.total(name) - value for name, value in before.items()}
        print(f'{line}: {changed} frames, {delta}')
        expect(changed >= least, f'{line}: only {changed} frames were overwritten')
        expect(delta[counter] >= changed, f'{line}: {delta} for {changed} frames')
        if counter == 'tx-returned':
            expect_equal(delta['tx-drop-return'], 0, f'{line}: frames dropped')
            wait_for(lambda: seen(from_victim) >= FEW * 0.8, 20, f'{line}: the peer gets them')
        else:
            expect_equal(seen(from_victim), 0, f'{line}: frames that arrive')
            expect(delta['tx-returned'] <= OTHERS, f'{line}: {delta["tx-returned"]} frames were sent')
        expect_equal(seen(f'(udp port 6100 and not ether src {scene.victim.mac}) or vlan'), 0, f'{line}: under false names')


def cut_small(scene):
    """Of what comes back, GSO frames ask for tiny segments now: they go nowhere, and TCP sends the bytes again."""
    with Load(scene.offender, scene.victim, number=3, rest=0.2):    # by the standard path, with time for others
        dropped = scene.total('tx-drop-return')
        with full(scene, 'a peer that is gone'):
            scene.act('wait rx.prod_state 1', 'sleep 1', f'shrink {TINY}')
            changed = scene.state()['changed']
        expect(changed > 0, 'no GSO frame was there')
        expect_equal(scene.total('tx-drop-return') - dropped, changed, 'GSO frames that were dropped instead of being sent')
