# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Half a minute of random messages for the module's netlink family: it refuses, goes on, and loses count of nothing."""
import json

from case import expect, expect_in, wait_for
import _hand as hand
import _loop as loop

SEED = 20081
SECONDS = 30


def run(host):
    loop.started(host)
    hand.prepare(host.g1)
    host.g1.put(hand.HERE / 'guest/nlfuzz.py', '/root/nlfuzz.py', mode=0o755)
    before = loop.kernel(host.g1)['chans_created']
    # It would take the peers out of the module that it does not know.
    host.g1.sh('systemctl stop xenloopd')
    result = json.loads(host.g1.sh(f'/root/nlfuzz.py {SEED} {SECONDS} {hand.ifindex(host.g1)} {host.g1.mac} '
                                   f'{host.g2.mac} {host.domid("g2")}', timeout=300))
    expect(result['sent'] > 1000, f'few messages: {result}')
    for error in ('0', '22'):   # some are in order, some are not
        expect(result['answers'].get(error, 0) > 100, f'few answers {error}: {result}')
    host.g1.sh('systemctl start xenloopd')
    loop.up(host.g1, host.g2)
    made = loop.kernel(host.g1)['chans_created'] - before
    expect(made > 10, f'only {made} channels were made: {result}')
    with loop.moved(host.g1, host.g2) as m:
        output = host.g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {host.g2.ip}')
    expect_in(' 0% packet loss', output, 'ping')
    m.expect_frames(5)
    for guest in (host.g1, host.g2):
        wait_for(lambda: loop.only_one_channel(guest), 60, f'{guest}: nothing left over ({loop.kernel(guest)})')
