# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Each measure that makes the channel fast is really at work, by the module's counters; and the settings turn it off."""
from pathlib import Path

import measure
import outputs
from case import expect, expect_equal, wait_for
import _loop as loop
from _held import sent
from _pause import paused

GUEST = Path(__file__).parent / 'guest'
ORDER = 7         # 128 pages: all of a FIFO but its control page
BUSY_POLL = 3000  # microseconds
QUESTIONS = 500
SPARSE = 40
DATAGRAMS = 40
TRACING = '/sys/kernel/tracing'


def run(host):
    pages_in_a_row(host)
    # On one CPU both guests would wait for each other's time slice, and looking in idle time would be pointless.
    host.dom0.sh('xl vcpu-pin g1 all 0; xl vcpu-pin g2 all 1')
    host.g2.sh('systemd-run -q -u netserver netserver -D; until ss -ltn | grep -q :12865; do sleep 0.2; done')
    idle_polls(host)
    busy_read(host)
    busy_poll(host)
    few_events(host)
    full_frames(host)
    charged_frames(host)
    merged_frames(host)
    paced_polls(host)
    sparse_polls(host)
    late_acks(host)
    error_queue(host)


def netperf(host, test, options='', seconds=1, flags=''):
    """How far the counters of both ends moved during so many seconds of it, and what it printed as m.values."""
    with loop.moved(host.g1, host.g2) as m:
        text = host.g1.sh(f'netperf -4 -P 0 {flags} -H {host.g2.ip} -t {test} -l {seconds} -- '
                          f'{options} -k {measure.UDP_KEYS}')
    m.values = outputs.netperf(text)
    m.expect_all_through()
    return m


def poll_time(host, microseconds):
    for guest in (host.g1, host.g2):
        guest.sh(f'xenloopctl set poll-time {microseconds}')


def pages_in_a_row(host):
    """A FIFO's pages are allocated at once, so that copies run on from one to the next."""
    events = f'{TRACING}/events/kmem/mm_page_alloc'
    for guest in (host.g1, host.g2):
        guest.sh(f"mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}; "
                 f"echo 'order == {ORDER}' >{events}/filter; echo 1 >{events}/enable")
    loop.started(host)
    for guest in (host.g1, host.g2):
        rows = guest.sh(f'echo 0 >{events}/enable; grep -c "pfn=0x[1-9a-f].* order={ORDER} " {TRACING}/trace', check=False)
        expect_equal(int(rows), 1, f'{guest}: allocations of {1 << ORDER} pages for a channel')


def idle_polls(host):
    """Answers are found without an event, once it has paid to look for them; with poll-time 0 none is."""
    poll_time(host, 10000)
    wait_for(lambda: netperf(host, 'TCP_RR').a['rx-idle-polls'], 120, 'frames found in idle time')
    poll_time(host, 0)
    off = netperf(host, 'TCP_RR')
    expect_equal(off.a['rx-idle-polls'], 0, 'idle polls while they are off')


def busy_read(host):
    """net.core.busy_read works on the channel's NAPI: readers poll, again and again, without an event."""
    without = polls_per_event(netperf(host, 'UDP_RR'))
    sysctl_busy_read(host, BUSY_POLL)
    busy = polls_per_event(netperf(host, 'UDP_RR'))
    sysctl_busy_read(host, 0)
    expect_busier(busy, without, 'busy_read')


def sysctl_busy_read(host, microseconds):
    """For sockets that are made from now on."""
    for guest in (host.g1, host.g2):
        guest.sh(f'sysctl -q net.core.busy_read={microseconds}')


def busy_poll(host):
    """The same by SO_BUSY_POLL, of single sockets."""
    for guest in (host.g1, host.g2):
        guest.put(GUEST / 'askudp.py', '/root/askudp.py')
    without, busy = (polls_per_event(questions(host, microseconds)) for microseconds in (0, BUSY_POLL))
    expect_busier(busy, without, 'SO_BUSY_POLL')


def questions(host, microseconds):
    host.g2.sh(f'systemd-run -q -u answer --collect python3 /root/askudp.py answer 6200 {microseconds}\n'
               "until ss -Hlun 'sport = :6200' | grep -q .; do sleep 0.1; done")
    with loop.moved(host.g1, host.g2) as m:
        host.g1.sh(f'python3 /root/askudp.py ask {host.g2.ip} 6200 {microseconds} {QUESTIONS}')
    host.g2.sh('systemctl stop answer')
    m.expect_frames(QUESTIONS)
    return m


def polls_per_event(m):
    return m.a['rx-polls'] / max(1, m.a['rx-events'])


def expect_busier(busy, without, what):
    expect(busy > 2 * without, f'polls per event: {busy:.1f}, without {what} {without:.1f}')


def few_events(host):
    """While frames keep coming nobody sleeps, so nobody has to be woken up.

    With -j the sender asks for the time between two datagrams: the reader is always done before the next one comes.
    """
    def events():
        m = netperf(host, 'UDP_STREAM', '-m 1472 -R 1', flags='-j')
        return (m.a['tx-events'] + m.b['tx-events']) / m.a['tx-frames']

    poll_time(host, 3000)
    wait_for(lambda: events() < 0.1, 120, 'less than an event for ten frames')


def full_frames(host):
    """Large frames stay whole, and an event announces more than one."""
    m = netperf(host, 'TCP_STREAM', '-m 16384')
    expect(m.a['tx-gso-frames'] > 0, 'no large frame took the channel')
    expect(m.a['tx-events'] < m.a['tx-frames'], f'{m.a["tx-events"]} events for {m.a["tx-frames"]} frames')


def charged_frames(host):
    """Until the peer takes a frame its socket feels it, as with a network card; but not for long."""
    held, seconds = sent(host, host.g2.ip, pause=True)
    expect(held > 0, 'a frame that the peer has not taken is not charged to its socket')
    expect(seconds < 5, f'frames stayed charged to their socket for {seconds} s')


def merged_frames(host):
    """Frames of one flow that wait together are one large frame for the stack (GRO)."""
    for guest in (host.g1, host.g2):
        guest.put(GUEST / 'mergeudp.py', '/root/mergeudp.py')
    host.g2.sh(f'systemd-run -q -u merged --collect python3 /root/mergeudp.py receive 6400 {DATAGRAMS} /run/merged\n'
               "until ss -Hlun 'sport = :6400' | grep -q .; do sleep 0.1; done")
    with loop.moved(host.g1, host.g2) as m:
        with paused(host, host.g2):
            host.g1.sh(f'python3 /root/mergeudp.py send {host.g2.ip} 6400 {DATAGRAMS}')
        sizes = host.g2.sh('until [ -e /run/merged ]; do sleep 0.1; done; cat /run/merged').split()
    expect(m.b['rx-frames'] >= DATAGRAMS, f'{m.b["rx-frames"]} frames for {DATAGRAMS} datagrams: large ones were sent')
    expect(len(sizes) < DATAGRAMS / 4, f'{DATAGRAMS} datagrams were read as {" ".join(sizes)} bytes')


def paced_polls(host):
    """Under a flood of datagrams the reader gets its time: polls go to the thread, and most of what is sent is received."""
    flood = '-m 16384 -R 1'
    wait_for(lambda: netperf(host, 'UDP_STREAM', flood).b['rx-paced'], 120, 'polls that went to the thread')
    values = netperf(host, 'UDP_STREAM', flood, seconds=3).values
    sent, received = values['LOCAL_SEND_THROUGHPUT'], values['REMOTE_RECV_THROUGHPUT']
    expect(received >= 0.75 * sent, f'{received} of {sent} Mbit/s were received')


def sparse_polls(host):
    """A frame after a pause is received at once, also while a process that has nothing to do with it computes."""
    host.g2.sh('systemd-run -q -u busy sh -c "while :; do :; done"')
    with loop.moved(host.g1, host.g2) as m:
        host.g1.sh(f'ping -n -q -c {SPARSE} -i 0.1 {host.g2.ip}')
    host.g2.sh('systemctl stop busy')
    m.expect_frames(SPARSE)
    expect(m.b['rx-paced'] < SPARSE / 4, f'{m.b["rx-paced"]} polls for {SPARSE} frames were left to the thread')


def late_acks(host):
    """Behind a router, or one that changes addresses, acks take long: what it has taken holds up its socket no longer."""
    host.g2.sh('''set -e
        ip netns add far
        ip link add near type veth peer name eth0 netns far
        ip addr add 10.9.9.1/24 dev near
        ip link set near up
        ip -n far addr add 10.9.9.2/24 dev eth0
        ip -n far link set eth0 up
        ip -n far route add default via 10.9.9.1
        ip netns exec far tc qdisc add dev eth0 root netem delay 2s
        sysctl -qw net.ipv4.ip_forward=1
        nft "table ip far { chain pre { type nat hook prerouting priority dstnat; tcp dport 6300 dnat to 10.9.9.2; }; }"''')
    host.g1.sh(f'ip route add 10.9.9.0/24 via {host.g2.ip}')
    for address in ('10.9.9.2', host.g2.ip):
        held, seconds = sent(host, address, 'ip netns exec far')
        expect(seconds < 0.2, f'{address}: {held} bytes stayed charged to their socket for {seconds} s')
    host.g1.sh('ip route del 10.9.9.0/24')
    host.g2.sh('nft delete table ip far; sysctl -qw net.ipv4.ip_forward=0; ip netns del far')


def error_queue(host):
    """Who waits for it gets its memory back, and is told that it was copied; and its time stamps."""
    host.g1.put(GUEST / 'errqueue.py', '/root/errqueue.py')
    host.g2.sh('systemd-run -q -u sink --collect socat -u UDP-RECV:6300 OPEN:/dev/null; until ss -lun | grep -q :6300; do sleep 0.2; done')
    with loop.moved(host.g1, host.g2) as m:
        output = host.g1.sh(f'python3 /root/errqueue.py {host.g2.ip} 6300 {QUESTIONS // 10}')
    m.expect_frames(QUESTIONS // 5)
    expect_equal(output, 'completed={0} copied={0} stamped={0}'.format(QUESTIONS // 10), 'what came to the error queue')
    host.g2.sh('systemctl stop sink')
