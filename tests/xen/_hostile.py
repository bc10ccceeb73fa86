# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A victim with the real daemon and module, a well-behaved third guest, and an offender who has taken a peer's place.

The offender has neither xenloopd nor xenloop.ko. guest/offender.py speaks for it in XenStore, tests/hostile/ is its
module. What happens inside `with scene.harmless(...)` must leave the victim as it was.
"""
import copy
import json
import time
from contextlib import contextmanager
from pathlib import Path

import guests
import kernels
import pace
from case import expect, expect_equal, expect_in, wait_for
import _loop as loop

GUEST = Path(__file__).parent / 'guest'
MODULE = '/usr/lib/xenloop-tests/xenloop_hostile.ko'
ETHERTYPE = 0x88b6  # of frames that are not IP: nobody else's

# What the victim may use in addition while it is attacked, in KiB, and what may be left over once that has ended.
MEMORY_DURING = 32 << 10
MEMORY_AFTER = 8 << 10
IDLE = 0.25             # of its CPU that the victim may use in addition when nobody attacks it any more
SHARE = 0.5             # of a CPU that its daemon, or Dom0's, may use while it is attacked
LATE = 2                # seconds that a process of its may have to wait then

GOODBYE = ('word tx.prod_state 2', 'word rx.cons_state 2', 'ring')

# What kernels say of the emulated machine's clocks is none of our doing.
LOOK = r'''
awk '/^MemAvailable:/ { print $1, $2 }' /proc/meminfo
echo "warnings: $(dmesg --level=emerg,alert,crit,err,warn | grep -vcE "hrtimer: interrupt took|\] (clocksource|tsc): ")"
'''
# All that is not idle, interrupts included, as a share of what the hypervisor gave to this guest.
BUSY = '''
{ head -n 1 /proc/stat; sleep 2; head -n 1 /proc/stat; } | awk '
    { busy = $2 + $3 + $4 + $7 + $8; all = busy + $5 + $6 }
    NR == 1 { b = busy; a = all }
    END { printf "%.2f", (busy - b) / (all - a) }'
'''
# Rounds of a loop in so many seconds; other guests and the emulation take some of them in any case.
WORK = '''python3 -c "
import time
until, n = time.monotonic() + 4, 0
while time.monotonic() < until:
    sum(range(500)); n += 1
print(n)"'''


# Why the victim makes no channel of what the offender gives it, and which of its counters says so.
NO_GRANT = "the peer's grant references are not valid"
NO_FIFO = "the peer's page is not a FIFO of this size"
NO_PORT = "the peer's port is not for us"
HOARDS = 'too many pages of old channels are still mapped'
REFUSALS = {NO_GRANT: 'refused-grant', NO_FIFO: 'refused-fifo', NO_PORT: 'refused-port', HOARDS: 'refused-pages'}

FALSE_SOURCE = '00:16:3e:f0:f0:f0'  # of the frame that shows that a sniffer works
RAW_FRAME = '''python3 -c "
import socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(('eth0', 0))
sock.send(bytes.fromhex('%s'))"'''


class Scene:
    """The victim is g1 or g2, and so connects or listens: the lower domid listens. The third guest is g3."""

    def __init__(self, host, victim, offender):
        self.host = host
        self.victim, self.offender = getattr(host, victim), getattr(host, offender)
        self.good = host.domains.get('g3') or host.guest('g3')
        self.prepare_offender()
        for domain in (self.victim, host.dom0):
            domain.put(GUEST / 'watch.py', '/root/watch.py')
        for guest in (self.victim, self.good):  # on a slow machine a minute is soon over
            guest.sh("sed -i.before 's/^#idle-timeout = .*/idle-timeout = 0/' /etc/xenloop/xenloopd.conf")
        loop.start(host, guests=(self.victim, self.good))
        self.domid = {g.name: host.domid(g.name) for g in (self.victim, self.offender, self.good)}
        wait_for(lambda: self.victim.ok(f'ping -n -q -c 1 -W 5 {self.good.ip}'), 120, 'the network')
        self.usual = None   # share of its CPU that the victim uses in peace
        self.reopened()
        self.act('hello')
        loop.wait_link(self.victim, offender)

    def prepare_offender(self):
        for name in ('xenstore.py', 'offender.py'):
            self.offender.put(GUEST / name, f'/root/{name}', mode=0o755)
        self.offender.sh(f'mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug; insmod {MODULE}')

    def reopened(self):
        """The channel to the third guest is a new one, by our own doing: from now on it has to stay."""
        loop.up(self.victim, self.good)
        self.channel = self.good_channel()

    def good_channel(self):
        there = loop.link(self.victim, self.good.name)
        return there and (there['state'], there['channel'])

    def beside(self, name):
        """The same scene with another offender, a further guest."""
        other = copy.copy(self)
        other.offender = self.host.domains[name]
        other.prepare_offender()
        other.act('hello')
        loop.wait_link(self.victim, name)
        return other

    def act(self, *lines, timeout=120):
        """Lines for offender.py, where {victim} is the victim's domid; returns what they print."""
        return self.offender.sh('python3 /root/offender.py 2>&1', data=self.script(lines), timeout=timeout)

    def script(self, lines):
        return '\n'.join(line.replace('{victim}', str(self.domid[self.victim.name])) for line in lines).encode()

    @contextmanager
    def acting(self, *lines):
        """The same in the background; yields a function that tells whether it goes on. All of it has to succeed."""
        self.offender.put(self.script(lines), '/run/lines')
        self.offender.sh('rm -f /run/said; systemd-run -q -u lines --collect '
                         'sh -c "python3 /root/offender.py </run/lines >/run/said 2>&1 || echo failed >>/run/said"')
        going = lambda: self.offender.ok('systemctl -q is-active lines')  # noqa: E731
        yield going
        wait_for(lambda: not going(), 300, 'the offender has done it all')
        expect_equal(self.offender.sh('cat /run/said'), '', 'what the offender says')

    def up(self, *lines):
        """A channel to the offender, who then does the rest."""
        self.act('? forget', 'up {victim}', *lines)

    def state(self):
        return json.loads(self.act('state'))

    def stats(self):
        """The victim's counters of the channel to the offender."""
        return loop.chan_stats(self.victim, self.offender.name)

    def put(self, frame, zeros=0, length=None, flags=0, gso=0, hdr=0, mss=0, start=0, offset=0):
        """The line for the offender that puts a frame."""
        length = len(frame) + zeros if length is None else length
        return f'put {length} {flags} {gso} {hdr} {mss} {start} {offset} {zeros} {frame.hex()}'

    def ether(self, payload=b'', source=None, destination=None, kind=ETHERTYPE):
        """An Ethernet frame from the offender to the victim, unless told otherwise."""
        addresses = (destination or self.victim.mac) + ':' + (source or self.offender.mac)
        return bytes.fromhex(addresses.replace(':', '')) + kind.to_bytes(2, 'big') + payload

    def told(self, reason, event='down', name=None):
        """How often the victim's journal has this event, for this reason, of the channel to the offender, or to `name`."""
        line = f'channel to {name or self.offender.name} .* {event} on eth0: {reason}\\( (.* more about .*\\)\\?$'
        return int(self.victim.sh(f'journalctl -u xenloopd --no-pager -o cat | grep -c "{line}" || true'))

    def counted(self, reason):
        """How many of the victim's channels ended for it."""
        return loop.iface_stats(self.victim)[f'ended-{reason}']

    @contextmanager
    def refuses(self, what, why, name=None):
        """The victim makes no channel, and why is in a counter, its journal, and what it shows of the link."""
        name = name or self.offender.name
        looks = (lambda: loop.iface_stats(self.victim)[REFUSALS[why]], lambda: self.told(why, 'failed', name))
        before = [look() for look in looks]
        yield
        wait_for(lambda: why in str(loop.link(self.victim, name)), 60, f'{what}: {why}, says the link to {name}')
        for where, look, old in zip(('counter', 'journal'), looks, before):
            wait_for(lambda: look() > old, 20, f'{what}: {why} is in the {where}')

    @contextmanager
    def disconnects(self, what, *reasons, timeout=30):
        """The offender loses its channel for one of these reasons: the module counts it, and the journal names it."""
        looks = [(look, reason, look(reason)) for reason in reasons for look in (self.counted, self.told)]
        yield
        for look in (self.counted, self.told):
            wait_for(lambda: any(f(reason) > before for f, reason, before in looks if f == look), timeout,
                     f'{what}: {" or ".join(reasons)} is {look.__name__}')

    def total(self, counter):
        """Over all channels that the victim has had."""
        return sum(iface['channels'][counter] for iface in loop.ask(self.victim, 'stats')['interfaces'])

    def work(self):
        """How far a process of the victim's gets in some seconds."""
        return int(self.victim.sh(WORK))

    def look(self):
        output = self.victim.sh(LOOK).split()
        return {'time': time.monotonic(), **{name.rstrip(':'): int(value) for name, value in zip(output[::2], output[1::2])}}

    @contextmanager
    def harmless(self, what, memory=MEMORY_DURING):
        """What happens meanwhile costs the victim little, and leaves it and its other channel as they were.

        Nothing reaches its stack that the offender is not entitled to send.
        """
        if self.usual is None:
            self.usual = self.busy()
        daemons = self.daemons()
        with nothing_forged(self, what), self.watched() as worst:
            before = self.look()
            yield
            self.bounded(what, before, worst(), memory)
        self.still_well(what, before)
        expect_equal(self.daemons(), daemons, f'{what}: processes of the daemons')
        self.act('? stop')
        self.idle(what)

    @contextmanager
    def watched(self):
        """Yields a function that tells the worst of the victim and of Dom0 since the beginning."""
        with watched(self.victim, 'xenloopd') as here, watched(self.host.dom0, 'xendiscoverd') as there:
            yield lambda: {self.victim: here(), self.host.dom0: there()}

    def bounded(self, what, before, worst, memory):
        print(f'{what}: {worst}')
        self.memory_bounded(what, before, worst[self.victim]['available'], memory)
        for domain, found in worst.items():
            expect(found['share'] < SHARE, f'{what}: the daemon in {domain} used {found["share"]:.2f} of a CPU')
        late = worst[self.victim]['late']
        expect(late < pace.stretched(LATE), f'{what}: a process of the victim\'s had to wait {late:.1f} s')

    def memory_bounded(self, what, before, available, most):
        """That much memory, and no more, has gone since the look `before`."""
        used = before['MemAvailable'] - available
        most += kernels.chosen.keeps(time.monotonic() - before['time'])
        print(f'{what}: {used} KiB of memory')
        expect(used < most, f'{what}: the victim uses {used} KiB more than before')

    def daemons(self):
        return [domain.main_pid(name) for domain, name in ((self.victim, 'xenloopd'), (self.host.dom0, 'xendiscoverd'))]

    def busy(self):
        return float(self.victim.sh(BUSY))

    def idle(self, what):
        """Nothing goes on in the victim on behalf of an attack that is over."""
        def look():
            now = self.busy()
            print(f'{what}: the victim uses {now} of its CPU afterwards, {self.usual} in peace')
            return now < self.usual + IDLE
        wait_for(look, 30, f'{what}: the victim is idle again')

    def still_well(self, what, before):
        now = self.look()
        if kernels.chosen.quiet:  # else the runner goes by the names in the reports
            expect_equal(now['warnings'], before['warnings'], f'{what}: warnings in the victim\'s kernel log')
        expect_equal(self.good_channel(), self.channel, f'{what}: the channel to {self.good}')
        with loop.moved(self.victim, self.good) as m:
            self.ping(self.good.ip, what)
        m.expect_frames(3)
        self.ping(self.host.dom0.ip, what)

    def ping(self, address, what):
        output = self.victim.sh(f'ping -n -c 3 -i 0.2 -W 10 {address}', check=False)
        expect_in(' 0% packet loss', output, f'ping from the victim after {what}')

    def gone(self, before):
        """The offender has let go: nothing of its channels is left in the victim."""
        self.act(*(f'? {line}' for line in GOODBYE), '? forget', 'release')
        wait_for(lambda: loop.only_one_channel(self.victim), 60,
                 f'only the channel to {self.good} is left ({loop.kernel(self.victim)})')
        self.still_well('the end', before)
        self.memory_bounded('the end', before, self.look()['MemAvailable'], MEMORY_AFTER)

    def close(self):
        """For the next case on this host."""
        self.offender.sh('rmmod xenloop_hostile; xenstore-rm data/xenloop')
        for guest in (self.victim, self.good):
            guest.sh('systemctl stop xenloopd; rmmod xenloop; mv /etc/xenloop/xenloopd.conf.before /etc/xenloop/xenloopd.conf')
        self.host.dom0.sh('systemctl stop xendiscoverd')


@contextmanager
def scene(host, victim='g2', offender='g1'):
    """The whole of a case: afterwards everything is as before."""
    s = Scene(host, victim, offender)
    before = s.look()
    yield s
    s.gone(before)
    s.close()


@contextmanager
def watched(domain, unit):
    """Yields a function that tells the worst since the beginning: see guest/watch.py, which has to be there."""
    domain.sh(f'rm -f /run/watch; systemd-run -q -u watch --collect python3 /root/watch.py /run/watch {domain.main_pid(unit)}; '
              'until [ -e /run/watch ]; do sleep 0.1; done')
    yield lambda: json.loads(domain.sh('systemctl -q is-active watch && cat /run/watch'))
    domain.sh('systemctl stop watch')


@contextmanager
def sniffer(guest, expression='inbound', name='seen'):
    """What the guest's stack gets on eth0, its headers; yields a function that counts frames by a filter."""
    file = f'/run/{name}.pcap'
    guest.sh(f'rm -f {file}; systemd-run -q -u sniffer-{name} --collect '
             f"tcpdump -n -i eth0 --immediate-mode -Q in -s 64 -B 8192 -U -w {file} '{expression}'")
    wait_for(lambda: guest.ok(f'test -s {file}'), 60, 'tcpdump runs')

    def count(what):
        # Its last frame may be half written. One line begins with its time for each; bytes of unknown ones follow, indented.
        return int(guest.sh(f"tcpdump -n -r {file} '{what}' >{file}.text 2>{file}.errors || "
                            f'grep -q "truncated dump file" {file}.errors || {{ cat {file}.errors; exit 1; }}; '
                            f"grep -c '^[0-9]' {file}.text || true"))
    yield count
    guest.sh(f'systemctl stop sniffer-{name}; rm {file}*')  # in memory, of several MB


@contextmanager
def nothing_forged(scene, what):
    """The victim gets no frame in another's name, for another, or with a tag: none but one that we send past the channel."""
    known = ' or '.join(f'ether src {mac}' for mac in addresses(scene.host))
    stray = f'not ether dst {scene.victim.mac}'
    forged = (f'not ({known}) or (ether proto {ETHERTYPE} and (ether src {scene.good.mac} or {stray})) '
              f'or (ether src {scene.offender.mac} and {stray} and not ether multicast) or vlan')
    with sniffer(scene.victim, forged, 'forged') as seen:
        yield
        scene.offender.sh(RAW_FRAME % scene.ether(bytes(46), source=FALSE_SOURCE).hex())
        wait_for(lambda: seen(f'ether src {FALSE_SOURCE}') == 1, 20, f'{what}: the sniffer works')
        expect_equal(seen(f'not ether src {FALSE_SOURCE}'), 0, f'{what}: forged frames that the victim got')


def addresses(host):
    """Of all who may speak for themselves on the network."""
    bridge = host.dom0.sh('cat /sys/class/net/xenbr0/address').strip()
    return [bridge, *guests.OUTSIDE] + [domain.mac for domain in host.domains.values() if domain.mac]
