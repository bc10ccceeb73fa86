# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The ways that frames can take, netfront, xenloop and loopback: switching between them, and proof of the one taken."""
import json
from concurrent.futures import ThreadPoolExecutor

import outputs
from case import expect, wait_for

NETFRONT, XENLOOP, LOOPBACK = WAYS = ('netfront', 'xenloop', 'loopback')
LABEL = {NETFRONT: 'netfront', XENLOOP: 'XenLoop', LOOPBACK: 'loopback'}
COUNTER_OF = {NETFRONT: 'eth0', XENLOOP: 'channel', LOOPBACK: 'lo'}
# Of all frames seen during a sample, so few may have taken another way than the one measured: those of the lab itself.
STRAY_SHARE, STRAY_FRAMES = 0.05, 40

# Without the daemon and the module nothing of XenLoop is left in the guest: the standard path as it is for others.
STOP = 'systemctl stop xenloopd && { [ ! -d /sys/module/xenloop ] || modprobe -r xenloop; }'
START = 'systemctl start xenloopd'
DISCONNECT = 'systemctl -q is-active xenloopd && xenloopctl disconnect g2'
START_DOM0 = 'systemctl start xendiscoverd'
PEERS = 'xenloopctl --json peers'
STATS = "if [ -d /sys/module/xenloop ]; then xenloopctl --json stats; else echo '{\"channels\": []}'; fi"
COUNTERS = f'''(cd /sys/class/net; cat eth0/statistics/tx_packets eth0/statistics/rx_packets lo/statistics/tx_packets)
{STATS}'''


def pin(host):
    """Each guest gets a physical CPU: else Xen's scheduler may put both on one, now and then."""
    host.dom0.sh('xl vcpu-pin g1 0 0 && xl vcpu-pin g2 0 1')


def both(function):
    """Calls a function for both guests at the same time, with the guest's name."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, ('g1', 'g2')))


def in_both(host, script, timeout=120):
    return both(lambda name: host.domains[name].sh(script, timeout=timeout))


def netfront(host):
    """Closes the channel if there is one, and takes XenLoop out of both guests."""
    if host.g1.ok(DISCONNECT):
        wait_for(lambda: not any(states(host)), 30, 'the channel to close in both guests', interval=0.1)
    in_both(host, STOP)
    host.g1.sh(f'ping -n -q -c 3 -i 0.2 -W 10 {host.g2.ip}')


def xenloop(host):
    """Starts the services and sends something until the channel is up on both sides."""
    host.dom0.sh(START_DOM0)
    in_both(host, START)
    wait_for_channel(host)


def wait_for_channel(host, timeout=60):
    def up():
        host.g1.sh(f'ping -n -q -c 1 -W 2 {host.g2.ip}', check=False)
        return all(states(host))

    wait_for(up, timeout, 'state "up" in xenloopctl peers of both guests', interval=0.2)


def states(host):
    """Whether each guest says that its channel to the other is up."""
    return both(lambda name: outputs.is_up(host.domains[name].sh(PEERS), other(name)))


def other(name):
    return {'g1': 'g2', 'g2': 'g1'}[name]


def counted(text):
    """What COUNTERS printed."""
    sent, received, loopback, report = text.split('\n', 3)
    return {'eth0': int(sent) + int(received), 'lo': int(loopback), 'channels': outputs.channels(report)}


def traffic(before, after):
    """Frames that took each way between two calls of counted()."""
    frames = sum(frames_of(after['channels'].get(key, {})) - frames_of(stats) for key, stats in before['channels'].items())
    return {'eth0': after['eth0'] - before['eth0'], 'lo': after['lo'] - before['lo'], 'channel': frames}


def frames_of(stats):
    return stats.get('tx-frames', 0) + stats.get('rx-frames', 0)


def expect_way(way, before, after):
    """Fails unless the traffic took this way; returns how many frames did."""
    if way == XENLOOP:
        expect(before['channels'], 'there was no channel')
        expect(set(before['channels']) == set(after['channels']), 'the channel went down')
    frames = traffic(before, after)
    taken = frames[COUNTER_OF[way]]
    strays = sum(frames.values()) - taken
    expect(strays < taken and strays <= max(STRAY_FRAMES, STRAY_SHARE * taken),
           f'the traffic did not take {LABEL[way]}: {json.dumps(frames)}')
    return taken


def losses(mine, peers):
    """{'frames', 'lost', 'dropped'} of the channels between two guests, from the counters of both sides."""
    sides = list(mine.values()) + list(peers.values())
    sent, refused = total(sides, 'tx-frames'), drops(sides, 'rx-drop')
    return {'frames': sent,
            'lost': sent - total(sides, 'tx-returned') - total(sides, 'rx-frames') - refused,
            'dropped': refused + drops(sides, 'tx-drop')}


def total(sides, name):
    return sum(stats.get(name, 0) for stats in sides)


def drops(sides, prefix):
    return sum(value for stats in sides for name, value in stats.items() if name.startswith(prefix))


def settled_losses(host, attempts=5):
    """losses() now; the two sides are not read at the same moment, so frames under way get another chance."""
    for _ in range(attempts):
        found = losses(*(outputs.channels(text) for text in in_both(host, STATS)))
        if not found['lost']:
            break
    return found
