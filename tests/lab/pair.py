# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A second Xen host on the same network as the first, as two machines on one switch."""
import socket
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

from host import restore
from kinds import FIRST_GUESTS
from paths import CACHE

# Dom0's addresses on the wire, to copy by.
ADDRESSES = ('10.0.4.1', '10.0.4.2')
PORT = 4000
# The second host was restored from the same snapshot: its bridge needs a MAC of its own, and the emulator has to learn it.
RENAME = 'ip link set xenbr0 address 52:54:00:00:00:16 && ip neighbour flush dev xenbr0 && ping -q -c 1 -W 10 10.0.2.2'
# The emulators' own gateways have the same addresses on both sides and must not see each other.
JOIN = '''set -e
ip address add {}/24 dev xenbr0
ip link set eth1 master xenbr0 up
bridge link set dev eth0 isolated on
bridge link set dev eth1 isolated on
'''


@contextmanager
def second_host(first):
    """Yields another host without guests, joined to `first` by a wire between their xenbr0; it ends with the block."""
    lock, saved = first.origin
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix='run-', dir=CACHE))
        second = restore(Path(directory), lock, saved=saved)
        stack.callback(second.qemu.stop)
        second.destdir = first.destdir
        for name in FIRST_GUESTS:  # these are the first host's
            second.destroy(name)
            del second.domains[name]
        join(first, second)
        yield second


def join(first, second):
    ends = free_ports(2)
    for host, (here, there) in ((first, ends), (second, reversed(ends))):
        host.qemu.plug_wire(here, there)
    second.dom0.sh(RENAME)
    for host, address in zip((first, second), ADDRESSES):
        host.dom0.sh(JOIN.format(address))
        host.wire_address = address
    first.dom0.sh(f'ping -q -c 1 -W 20 {second.wire_address}')


def free_ports(count):
    """UDP ports of 127.0.0.1 that nobody has."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(count)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        return [one.getsockname()[1] for one in sockets]


def send(name, first, second):
    """Moves a guest: saved on `first`, copied over the wire, restored on `second`, where it is reached from then on."""
    file = first.save(name)
    second.dom0.sh(f'systemd-run -q -u receive -p RemainAfterExit=yes sh -c "nc -l -p {PORT} >{file}"; '
                   f'until ss -ltn | grep -q :{PORT}; do sleep 0.2; done')
    first.dom0.sh(f'nc -N {second.wire_address} {PORT} <{file} && rm {file}', timeout=600)
    second.dom0.sh('while [ "$(systemctl show -P SubState receive)" = running ]; do sleep 0.2; done; systemctl stop receive')
    if name not in second.domains:
        second.add_domain(name)
    second.restore(name, file)
    second.dom0.sh(f'rm {file}')
