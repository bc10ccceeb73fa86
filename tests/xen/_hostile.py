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
from case import expect, expect_equal, expect_in, wait_for
import _loop as loop

GUEST = Path(__file__).parent / 'guest'
MODULE = '/usr/lib/xenloop-tests/xenloop_hostile.ko'
ETHERTYPE = 0x88b6  # of frames that are not IP: nobody else's

# What the victim may use in addition while it is attacked, in KiB, and what may be left over once that has ended.
MEMORY_DURING = 32 << 10
MEMORY_AFTER = 8 << 10
IDLE = 0.25             # of its CPU that the victim's kernel may use in addition when nobody attacks it any more

GOODBYE = ('word tx.prod_state 2', 'word rx.cons_state 2', 'ring')

LOOK = '''
awk '/^MemAvailable:/ { print $1, $2 }' /proc/meminfo
echo "warnings: $(dmesg --level=emerg,alert,crit,err,warn | grep -vc "hrtimer: interrupt took")"
'''
# All of the kernel's time, interrupts included, as a share of what the hypervisor gave to this guest.
BUSY = '''
{ head -n 1 /proc/stat; sleep 2; head -n 1 /proc/stat; } | awk '
    { kernel = $4 + $7 + $8; all = $2 + $3 + $4 + $5 + $6 + $7 + $8 }
    NR == 1 { k = kernel; a = all }
    END { printf "%.2f", (kernel - k) / (all - a) }'
'''
# Rounds of a loop in so many seconds; other guests and the emulation take some of them in any case.
WORK = '''python3 -c "
import time
until, n = time.monotonic() + 4, 0
while time.monotonic() < until:
    sum(range(500)); n += 1
print(n)"'''


def slack(seconds):
    """KiB on top, where the kernel checks itself: KASAN keeps back 1/32 of the memory, and stack traces beside that.

    These grow all the time, with processes that start and end, and nothing of XenLoop loaded: by 3 to 4 MiB a minute.
    """
    if kernels.chosen.name == 'stock':
        return 0
    return kernels.chosen.memory * (guests.MEMORY << 10) // 16 + seconds * (5 << 10) // 60


class Scene:
    """The victim is g1 or g2, and so connects or listens: the lower domid listens. The third guest is g3."""

    def __init__(self, host, victim, offender):
        self.host = host
        self.victim, self.offender = getattr(host, victim), getattr(host, offender)
        self.good = host.domains.get('g3') or host.guest('g3')
        self.prepare_offender()
        self.victim.put(GUEST / 'lowest.py', '/root/lowest.py')
        for guest in (self.victim, self.good):  # on a slow machine a minute is soon over
            guest.sh("sed -i.before 's/^#idle-timeout = .*/idle-timeout = 0/' /etc/xenloop/xenloopd.conf")
        loop.start(host, guests=(self.victim, self.good))
        self.domid = {g.name: host.domid(g.name) for g in (self.victim, self.offender, self.good)}
        wait_for(lambda: self.victim.ok(f'ping -n -q -c 1 -W 5 {self.good.ip}'), 120, 'the network')
        loop.up(self.victim, self.good)
        self.act('hello')
        loop.wait_link(self.victim, offender)

    def prepare_offender(self):
        for name in ('xenstore.py', 'offender.py'):
            self.offender.put(GUEST / name, f'/root/{name}', mode=0o755)
        self.offender.sh(f'mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug; insmod {MODULE}')

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
        text = '\n'.join(line.replace('{victim}', str(self.domid[self.victim.name])) for line in lines)
        return self.offender.sh('python3 /root/offender.py 2>&1', data=text.encode(), timeout=timeout)

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

    def told(self, reason):
        """How often the victim's journal says that the channel to the offender went down for this reason."""
        return int(self.victim.sh('journalctl -u xenloopd --no-pager -o cat | '
                                  f'grep -c "channel to {self.offender.name} .* down on eth0: {reason}$" || true'))

    def counted(self, reason):
        """How many of the victim's channels ended for it."""
        return loop.iface_stats(self.victim)[f'ended-{reason}']

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
        """The victim's kernel has nothing to say, its memory is bounded all the time, and it talks to everybody else."""
        busy = self.busy()
        with self.lowest() as lowest:
            before = self.look()
            yield
            self.bounded(what, before, lowest(), memory)
        self.still_well(what, before)
        self.act('? stop')
        self.idle(what, busy)

    @contextmanager
    def lowest(self):
        """Yields a function that tells the victim's least available memory since the beginning, in KiB."""
        self.victim.sh('rm -f /run/lowest; systemd-run -q -u lowest --collect python3 /root/lowest.py /run/lowest; '
                       'until [ -e /run/lowest ]; do sleep 0.1; done')
        yield lambda: int(self.victim.sh('cat /run/lowest'))
        self.victim.sh('systemctl stop lowest')

    def bounded(self, what, before, available, most):
        """That much memory, and no more, has gone since the look `before`."""
        used = before['MemAvailable'] - available
        most += slack(time.monotonic() - before['time'])
        print(f'{what}: {used} KiB of memory')
        expect(used < most, f'{what}: the victim uses {used} KiB more than before')

    def busy(self):
        return float(self.victim.sh(BUSY))

    def idle(self, what, before):
        """Nothing goes on in the victim's kernel on behalf of an attack that is over."""
        def look():
            now = self.busy()
            print(f'{what}: the kernel has {now} of the CPU afterwards, {before} before')
            return now < before + IDLE
        wait_for(look, 30, f'{what}: the victim\'s kernel is idle again')

    def still_well(self, what, before):
        now = self.look()
        expect_equal(now['warnings'], before['warnings'], f'{what}: warnings in the victim\'s kernel log')
        loop.up(self.victim, self.good)
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
        loop.up(self.victim, self.good)
        wait_for(lambda: loop.only_one_channel(self.victim), 60,
                 f'only the channel to {self.good} is left ({loop.kernel(self.victim)})')
        self.still_well('the end', before)
        self.bounded('the end', before, self.look()['MemAvailable'], MEMORY_AFTER)

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
def sniffer(guest, expression='inbound'):
    """What the guest's stack gets on eth0, its headers; yields a function that counts frames by a filter."""
    guest.sh('rm -f /run/seen.pcap; systemd-run -q -u sniffer --collect '
             f"tcpdump -n -i eth0 --immediate-mode -Q in -s 64 -B 8192 -U -w /run/seen.pcap '{expression}'")
    wait_for(lambda: guest.ok('test -s /run/seen.pcap'), 60, 'tcpdump runs')
    # One line begins with its time for each frame; bytes of unknown ones follow, indented.
    yield lambda what: int(guest.sh(f"tcpdump -n -r /run/seen.pcap '{what}' 2>/dev/null | grep -c '^[0-9]' || true"))
    guest.sh('systemctl stop sniffer; rm /run/seen.pcap')  # a file in memory, of several MB
