# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Each measure that makes the channel fast is really at work, by the module's counters; and the settings turn it off."""
from case import expect, expect_equal
import _loop as loop


def run(host):
    loop.started(host)
    # On one CPU both guests would wait for each other's time slice, and looking in idle time would be pointless.
    host.dom0.sh('xl vcpu-pin g1 all 0; xl vcpu-pin g2 all 1')
    host.g2.sh('systemd-run -q -u netserver netserver -D; until ss -ltn | grep -q :12865; do sleep 0.2; done')
    idle_polls(host)
    busy_poll(host)
    full_frames(host)
    paced_polls(host)


def netperf(host, test, options=''):
    """How far the counters of both ends moved during one second of it."""
    with loop.moved(host.g1, host.g2) as m:
        host.g1.sh(f'netperf -4 -H {host.g2.ip} -t {test} -l 1 -- {options}')
    m.expect_all_through()
    return m


def events_per_frame(m):
    return m.a['rx-events'] / m.a['rx-frames']


def busy_read(host, microseconds):
    """For sockets that are made from now on."""
    for guest in (host.g1, host.g2):
        guest.sh(f'sysctl -q net.core.busy_read={microseconds}')


def poll_time(host, microseconds):
    for guest in (host.g1, host.g2):
        guest.sh(f'xenloopctl set poll-time {microseconds}')


def idle_polls(host):
    """Answers are found without an event; with poll-time 0 each needs one."""
    on = netperf(host, 'TCP_RR')
    expect(on.a['rx-idle-polls'] > on.a['rx-frames'] / 4, f'{on.a["rx-idle-polls"]} of {on.a["rx-frames"]} in idle time')
    poll_time(host, 0)
    off = netperf(host, 'TCP_RR')
    expect_equal(off.a['rx-idle-polls'], 0, 'idle polls while they are off')
    expect(events_per_frame(on) < events_per_frame(off) * 0.75,
           f'events per frame: {events_per_frame(on):.2f}, without idle polls {events_per_frame(off):.2f}')


def busy_poll(host):
    """net.core.busy_read works on the channel's NAPI: the reader polls, and events go away."""
    without = netperf(host, 'UDP_RR')
    busy_read(host, 3000)
    busy = netperf(host, 'UDP_RR')
    busy_read(host, 0)
    expect(events_per_frame(busy) < events_per_frame(without) * 0.75,
           f'events per frame: {events_per_frame(busy):.2f}, without busy_read {events_per_frame(without):.2f}')
    poll_time(host, 3000)


def full_frames(host):
    """Sockets pay for frames until they are taken, so TCP fills them up; and one event announces many."""
    m = netperf(host, 'TCP_STREAM', '-m 16384')
    mean = m.a['tx-bytes'] / m.a['tx-frames']
    expect(mean > 20000, f'frames have {mean:.0f} bytes on average')
    expect(m.a['tx-gso-frames'] > m.a['tx-frames'] / 2, f'{m.a["tx-gso-frames"]} of {m.a["tx-frames"]} frames are large')
    expect(m.a['tx-events'] < m.a['tx-frames'], f'{m.a["tx-events"]} events for {m.a["tx-frames"]} frames')


def paced_polls(host):
    """Under a flood of datagrams the reader gets its time: polls go to the thread."""
    m = netperf(host, 'UDP_STREAM', '-m 16384 -R 1')
    expect(m.b['rx-paced'] > 0, 'no poll went to the thread')
