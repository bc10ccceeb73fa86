# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The demonstration: the same work between two guests by netfront and by XenLoop, side by side."""
import time
from functools import partial

import figures
import measure
import outputs
import quiet
import ways
from case import CaseFailed, expect
from measure import SampleError
from rows import ROWS
from session import session

SHOWN = ('PING_RTT', 'TCP_RR', 'UDP_RR', 'TCP_STREAM')
ROUNDS = 3
SECONDS = 3
WAYS = (ways.NETFRONT, ways.XENLOOP)
ATTEMPTS, PATIENCE = 2, 5  # at a sample that other programs on this machine disturb; seconds to wait for them
EVENTS = 'journalctl -b -u xenloopd XENLOOP_SUBSYS=chan -o json --no-pager'


def demo(destdir, rounds=ROUNDS, seconds=SECONDS, up=False):
    start = time.monotonic()
    say('restoring a Xen host with two guests, g1 and g2')
    with session('demo', destdir, up) as host:
        say(f'ready after {time.monotonic() - start:.0f} s')
        try:
            show(host, rounds, seconds)
        except SampleError as error:
            raise CaseFailed(f'the demonstration failed: {error}') from error
    say(f'done after {time.monotonic() - start:.0f} s')


def show(host, rounds, seconds):
    measure.prepare(host)
    say('g1 is pinned to physical CPU 0 and g2 to CPU 1: else Xen may run both on one of them, now and then')
    samples = {(way, row): [] for way in WAYS for row in SHOWN}
    frames, company = 0, []
    for number in range(1, rounds + 1):
        for way in WAYS:
            switch(host, way, first=number == 1)
            losses = one_round(host, way, seconds, samples, company)
            found = ', '.join(measure.shown(row, samples[way, row][-1]) for row in SHOWN)
            say(f'round {number} of {rounds}, by {ways.LABEL[way]}: {found}')
        frames += losses['frames']
    print_table(samples, frames, rounds)
    if max(company) > quiet.TOLERATED:
        print(f'Other programs used up to {max(company):.0%} of this machine meanwhile, which disturbs the figures.')
    print_state(host)


def switch(host, way, first):
    if way == ways.NETFRONT:
        if not first:
            say('in g1: xenloopctl disconnect g2; in both guests: systemctl stop xenloopd && modprobe -r xenloop')
        ways.netfront(host)
        return
    if first:
        say(f'in Dom0: {ways.START_DOM0}')
    say(f'in both guests: {ways.START}')
    ways.xenloop(host)
    say('pinged until the channel was up on both sides')


def one_round(host, way, seconds, samples, company):
    """Measures all rows and returns what the channel lost, which is nothing."""
    losses = {}
    for measurement in measure.for_rows(SHOWN):
        sample, others = quiet.undisturbed(
            host.qemu.pid, partial(measure.take, host, measurement, way, seconds), ATTEMPTS, say, PATIENCE)
        company.append(others)
        for row in set(measurement.rows) & set(SHOWN):
            samples[way, row].append(sample.rows[row]['value'])
        losses = sample.losses
    expect(not losses.get('lost') and not losses.get('dropped'), f'frames were lost inside the channel: {losses}')
    return losses


def print_table(samples, frames, rounds):
    print(f'\n{"":24}{"netfront":>12}{"XenLoop":>12}{"better by":>12}')
    for name in SHOWN:
        row = ROWS[name]
        standard, other = (figures.middle(samples[way, name]) for way in WAYS)
        times = figures.ratio(row.better, standard, other)
        print(f'{f"{row.title}, {row.unit}":24}{standard:>12g}{other:>12g}{times:>10.2f} x')
    print(f'\nMedians of {rounds} rounds each, in turns. The counters of the module, on both sides, prove which way the\n'
          f'frames took: {frames} went by the channel in its rounds, and none was lost there.')


def print_state(host):
    for name in ('g1', 'g2'):
        print(f'\n{name}# xenloopctl peers\n{host.domains[name].sh("xenloopctl peers")}')
    for name in ('g1', 'g2'):
        print(f'\n{name}# journalctl -u xenloopd XENLOOP_SUBSYS=chan')
        print('\n'.join(map(event_line, channel_events(host.domains[name]))), flush=True)


def channel_events(domain):
    entries = outputs.journal(domain.sh(EVENTS))
    expect(entries, f'no channel events in the journal of {domain.name}')
    return entries


def event_line(entry):
    clock = time.strftime('%H:%M:%S', time.gmtime(int(entry['__REALTIME_TIMESTAMP']) // 1_000_000))
    fields = ' '.join(f'{key}={value}' for key, value in sorted(entry.items()) if key.startswith('XENLOOP_'))
    return f'{clock} {entry["MESSAGE"]}\n         {fields}'


def say(text):
    print(f'demo: {text}', flush=True)
