# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Frames that the peer is not entitled to send, or whose headers lie: refused, counted, and nobody sees them."""
import struct

from case import expect, expect_equal, wait_for
import _hostile as hostile
import _loop as loop

SHARED = True
STRANGER = '00:16:3e:aa:bb:cc'
NEEDS_CSUM, DATA_VALID = 1, 2
TCPV4, UDP, TCPV6, UDP_L4, ECN = 1, 3, 4, 5, 0x80
REFUSED_MAX = 64        # kmod/rx.c


def run(host):
    with hostile.scene(host) as scene:
        with scene.harmless('frames that are refused'), hostile.sniffer(scene.victim) as seen:
            refused(scene, seen)
        with scene.harmless('frames whose checksum is wrong'):
            checksums(scene)
        with scene.harmless('too many frames that are refused'):
            too_many(scene)
        with scene.harmless('frames that change while they are read'):
            changing(scene)
        with scene.harmless('lengths that change while they are read'):
            growing(scene)
        with scene.harmless('frames with lengths that lie'):
            lengths(scene)


def tcp4(scene, payload):
    """Ethernet, IPv4, TCP to a port where nobody listens; TCP's checksum need not be right."""
    return scene.ether(ip4(scene, 6, 20 + payload) + struct.pack('>HHIIBBHHH', 1, 9, 1, 1, 0x50, 0x10, 1024, 0, 0), kind=0x800)


def ip4(scene, protocol, length):
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + length, 1, 0, 64, protocol, 0) + addresses(scene)
    return ip[:10] + struct.pack('>H', checksum(ip)) + ip[12:]


def addresses(scene):
    return b''.join(bytes(map(int, guest.ip.split('.'))) for guest in (scene.offender, scene.victim))


def checksum(data):
    return ~(sum(struct.unpack(f'>{len(data) // 2}H', data)) % 0xffff) & 0xffff


def udp4(scene, port, payload, error=0):
    """A datagram whose checksum is right but for an error; of an even number of bytes."""
    length = 8 + len(payload)
    udp = struct.pack('>HHHH', 1, port, length, 0) + payload
    right = checksum(addresses(scene) + struct.pack('>HH', 17, length) + udp)
    return scene.ether(ip4(scene, 17, length) + udp[:6] + struct.pack('>H', right ^ error) + payload, kind=0x800)


def refused(scene, seen):
    good = scene.ether(bytes(46))
    tcp = tcp4(scene, 4000)
    csum = {'flags': NEEDS_CSUM, 'start': 34, 'offset': 16}
    gso = {'gso': TCPV4, 'mss': 1000, 'hdr': 54, **csum}
    wrong = {
        'rx-drop-src-mac': [scene.put(scene.ether(bytes(46), source=a))
                            for a in (STRANGER, scene.good.mac, scene.victim.mac, 'ff:ff:ff:ff:ff:ff',
                                      '00:00:00:00:00:00')],
        'rx-drop-dst-mac': [scene.put(scene.ether(bytes(46), destination=a))
                            for a in (STRANGER, scene.good.mac, scene.offender.mac, 'ff:ff:ff:ff:ff:ff',
                                      '33:33:00:00:00:01', '01:00:5e:00:00:01')],
        'rx-drop-vlan': [scene.put(scene.ether(b'\0\1\x88\xb6' + bytes(46), kind=k)) for k in (0x8100, 0x88a8)],
        'rx-drop-meta': [scene.put(good, flags=DATA_VALID),
                         scene.put(good, flags=0x80),
                         scene.put(good, gso=ECN),
                         scene.put(good, flags=NEEDS_CSUM, start=0xffff, offset=0xffff),
                         scene.put(good, flags=NEEDS_CSUM, start=59, offset=2),
                         scene.put(scene.ether(), 65586, flags=NEEDS_CSUM, start=65535, offset=16),
                         scene.put(good, mss=1000, hdr=54, gso=TCPV4, **csum),
                         scene.put(tcp, 4000, **{**gso, 'flags': 0}),
                         scene.put(tcp, 4000, **{**gso, 'gso': TCPV6}),
                         scene.put(tcp, 4000, **{**gso, 'gso': UDP}),
                         scene.put(tcp, 4000, **{**gso, 'gso': UDP_L4}),
                         scene.put(tcp, 4000, **{**gso, 'gso': 0x7f}),
                         scene.put(tcp, 4000, **{**gso, 'offset': 6}),
                         scene.put(tcp, 4000, **{**gso, 'start': 4040}),
                         scene.put(tcp, 4000, **{**gso, 'mss': 0xffff})]}
    # Odd, but no lie that harms: taken or not, as the kernel's own checks say.
    odd = [scene.put(tcp, 4000, **{**gso, 'mss': size, 'hdr': hdr}) for size in (0, 1, 3999, 4001) for hdr in (0, 54, 0xffff)]
    odd += [scene.put(tcp[:size], **csum) for size in (14, 15, 33, 34, 53)]
    odd += [scene.put(scene.ether(bytes(size))) for size in (0, 1, 65586)]
    # The first one waits for markers, which never come, until hold-timeout.
    scene.up('run take 200000 1', scene.put(good), 'wait tx.cons 80', scene.put(good), 'wait tx.cons 160')
    before = scene.stats()
    expect_equal(before['rx-frames'], 2, 'good frames taken')
    taken = 0
    for counter, lines in wrong.items():
        lines.append(scene.put(good))
        scene.act(*lines, 'wait tx.cons %d' % (scene.state()['put'] + span(lines)))
        now = scene.stats()
        taken += 1
        expect_equal(now[counter] - before[counter], len(lines) - 1, counter)
        expect_equal(now['rx-frames'] - before['rx-frames'], taken, f'frames taken among those of {counter}')
    scene.act(*odd, scene.put(good), f'wait tx.cons {scene.state()["put"] + span([*odd, scene.put(good)])}')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel after all this')
    wait_for(lambda: seen(f'ether proto {hostile.ETHERTYPE} and greater {len(good)}') >= taken + 3, 20, 'good frames are seen')


def checksums(scene):
    """A frame that says nothing of its checksum is not believed: the victim's stack looks at it."""
    scene.victim.sh('systemd-run -q -u sink --collect socat -u UDP-RECV:6300 OPEN:/run/sink,creat,trunc; '
                    'until ss -lun | grep -q :6300; do sleep 0.2; done')
    before = checksum_errors(scene.victim)
    scene.up('run take 200000 1', scene.put(udp4(scene, 6300, b'wrong!', error=1)), scene.put(udp4(scene, 6300, b'right!')))
    wait_for(lambda: 'right' in scene.victim.sh('cat /run/sink'), 30, 'the datagram whose checksum is right arrives')
    expect_equal(scene.victim.sh('cat /run/sink'), 'right!', 'what arrived')
    expect_equal(checksum_errors(scene.victim) - before, 1, 'checksum errors')
    scene.victim.sh('systemctl stop sink')


def checksum_errors(guest):
    names, values = (line.split() for line in guest.sh('grep ^Udp: /proc/net/snmp').splitlines())
    return int(values[names.index('InCsumErrors')])


def span(lines):
    """Bytes that these frames take in the FIFO."""
    total = 0
    for line in lines:
        words = line.split()
        total += (16 + int(words[8]) + len(words[9]) // 2 + 15) & ~15
    return total


def too_many(scene):
    """So many frames that are not the offender's to send end its channel, and one less does not."""
    spoofed = scene.put(scene.ether(bytes(46), source=STRANGER))
    scene.up('run take 200000 1', *[spoofed] * (REFUSED_MAX - 1), scene.put(scene.ether(bytes(46))),
             f'wait tx.cons {80 * REFUSED_MAX}')
    now = scene.stats()
    expect_equal((now['rx-drop-src-mac'], now['rx-frames']), (REFUSED_MAX - 1, 1), 'frames refused, frames taken')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel with one spoofed frame less')
    with scene.disconnects('the last spoofed frame', 'protocol'):
        scene.act(spoofed)


def changing(scene):
    """Source address, EtherType and offload fields flip between two values while the victim reads: it copies one or the other."""
    own = bytes.fromhex(scene.offender.mac.replace(':', ''))
    # Words are counted from the header of 16 bytes: flags and GSO type are in the one at 4, 24 is the end of the source address.
    own_end, forged = (int.from_bytes(b, 'little') for b in (own[2:], own[2:4] + b'\xbb\xcc'))
    for counter, offset, one, other in (('rx-drop-src-mac', 24, own_end, forged), ('rx-drop-vlan', 28, 0xb688, 0x0081),
                                        ('rx-drop-meta', 4, 0, 0x01010000)):
        before, taken = scene.total(counter), scene.total('rx-frames')
        with scene.disconnects(f'{counter} by frames that change', 'protocol'):
            flip(scene, offset, one, other)
        expect_equal(scene.total(counter) - before, REFUSED_MAX, counter)
        expect(scene.total('rx-frames') > taken, f'no frame was taken before {counter}')


def flip(scene, offset, one, other, ms=20000):
    scene.up('run take 200000 1', scene.put(scene.ether(bytes(86))), 'wait tx.cons 128',
             f'run flip {ms} 1 100 {offset} {one} {other}')


def growing(scene):
    """The length flips between two values that both fit."""
    flip(scene, 0, 100, 109, ms=3000)
    scene.act('sleep 3.5')
    expect(scene.stats()['rx-frames'] > 100, f'only {scene.stats()["rx-frames"]} frames taken')
    expect_equal(loop.state(scene.victim, scene.offender.name), 'up', 'the channel')


def lengths(scene):
    """These break the FIFO's rules: the offender is disconnected, and the reason is in the journal."""
    good = scene.ether(bytes(46))
    for length in (0, 13, 61 + 16, 65601, 0x7fffffff, 0xffffffff):
        with scene.disconnects(f'a frame of {length} bytes', 'protocol'):
            scene.up(scene.put(good, length=length))
