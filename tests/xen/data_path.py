# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Each measure that makes the channel fast is really at work, by the module's counters; and the settings turn it off."""
from case import expect, expect_equal, wait_for
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


def busy_read(host, microseconds):
    """For sockets that are made from now on."""
    for guest in (host.g1, host.g2):
        guest.sh(f'sysctl -q net.core.busy_read={microseconds}')


def poll_time(host, microseconds):
    for guest in (host.g1, host.g2):
        guest.sh(f'xenloopctl set poll-time {microseconds}')


def idle_polls(host):
    """Answers are found without an event, once it has paid to look for them; with poll-time 0 none is."""
    poll_time(host, 10000)
    wait_for(lambda: netperf(host, 'TCP_RR').a['rx-idle-polls'], 120, 'frames found in idle time')
    poll_time(host, 0)
    off = netperf(host, 'TCP_RR')
    expect_equal(off.a['rx-idle-polls'], 0, 'idle polls while they are off')


def busy_poll(host):
    """net.core.busy_read works on the channel's NAPI: readers poll, again and again, without an event."""
    without = polls_per_event(netperf(host, 'UDP_RR'))
    busy_read(host, 3000)
    busy = polls_per_event(netperf(host, 'UDP_RR'))
    busy_read(host, 0)
    expect(busy > 2 * without, f'polls per event: {busy:.1f}, without busy_read {without:.1f}')
    poll_time(host, 3000)


def polls_per_event(m):
    return m.a['rx-polls'] / max(1, m.a['rx-events'])


def full_frames(host):
    """Large frames stay whole, and an event announces more than one."""
    m = netperf(host, 'TCP_STREAM', '-m 16384')
    expect(m.a['tx-gso-frames'] > 0, 'no large frame took the channel')
    expect(m.a['tx-events'] < m.a['tx-frames'], f'{m.a["tx-events"]} events for {m.a["tx-frames"]} frames')


def paced_polls(host):
    """Under a flood of datagrams the reader gets its time: polls go to the thread."""
    wait_for(lambda: netperf(host, 'UDP_STREAM', '-m 16384 -R 1').b['rx-paced'], 120, 'polls that went to the thread')
