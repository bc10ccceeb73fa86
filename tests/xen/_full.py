# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A FIFO that is full, and the steps by which its channel is closed and opened again."""
from contextlib import contextmanager
from pathlib import Path

STEPS = Path(__file__).parent / 'guest/reopen.sh'
MARKERS = '0x88b5'  # their Ethernet protocol

# CoDel, the kernel's default, drops some of what comes all at once, or waits for a guest that is paused.
IN_GUEST = 'sysctl -q net.core.default_qdisc=pfifo_fast; tc qdisc add dev eth0 root pfifo; tc qdisc del dev eth0 root'
IN_DOM0 = 'tc qdisc replace dev vif{}.0 root pfifo limit 10000'


def patient_queues(host, guest):
    """The standard path keeps what it is given, both ways. Before XenLoop is started, which stands aside for a moment."""
    guest.sh(IN_GUEST)
    patient_vif(host, guest)


def patient_vif(host, guest):
    host.dom0.sh(IN_DOM0.format(host.domid(guest.name)))


def know_each_other(first, second):
    """Neither asks for the other's address again: one that is asleep or deaf for seconds does not answer, or its peer's answers
    wait in the FIFO, and then the kernel drops what is for it."""
    for guest, other in ((first, second), (second, first)):
        guest.sh(f'ip neigh replace {other.ip} lladdr {other.mac} dev eth0 nud permanent')


def give_steps(guest):
    guest.put(STEPS, '/root/reopen.sh')


def do(guest, peer, steps):
    """Steps of guest/reopen.sh, separated by blanks; returns what they print."""
    return guest.sh(f'/root/reopen.sh {peer} {steps}')


@contextmanager
def deaf(sender, receiver):
    """No marker arrives: from each new channel the receiver takes nothing for ten seconds.

    Needs a stall-timeout of more than twice as much.
    """
    receiver.sh(f'xenloopctl set hold-timeout 10000; tc qdisc add dev eth0 clsact; '
                f'tc filter add dev eth0 ingress protocol {MARKERS} flower action drop')
    do(sender, receiver, 'close gone open')
    yield
    receiver.sh('tc qdisc del dev eth0 clsact; xenloopctl set hold-timeout 1000')
    do(sender, receiver, 'close gone open')
