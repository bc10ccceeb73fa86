# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A host with six guests, for what depends on their number: booted once into a snapshot of its own, like host.py's."""
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import guests
import ways
from host import restore, snapshot, snapshot_path
from install import install
from kinds import FIRST_GUESTS
from lock import HostLock
from paths import CACHE, digest, need_room
from qemu import SNAPSHOT
from session import restored
from trees import building

NAMES = [f'g{number}' for number in range(1, 7)]
LATE = [name for name in NAMES if name not in FIRST_GUESTS]
CONFIGURATION = {'memory': 256}  # of the late ones
AT_ONCE = 2  # as many boot at a time as there are CPUs, or they only make each other late
START = f'{ways.START} && xenloopctl set idle-timeout 0'  # channels stay while others are measured


def path():
    texts = [guests.config(name, **CONFIGURATION) for name in LATE]
    return CACHE / f'crowd-{digest(snapshot_path().name, *texts)}'


def booted():
    """The directory with the disk that holds the six, made now if it is not in the cache."""
    first = snapshot()
    target = path()
    with HostLock() as lock, building(target) as temporary:
        if temporary:
            need_room(CACHE, 6)
            print(f'lab: booting {len(LATE)} more guests once, to restore them from now on (some minutes)', file=sys.stderr)
            boot_and_save(restore(temporary, lock, saved=first))
    return target


def boot_and_save(host):
    try:
        boot(host, LATE)
        host.qemu.save(SNAPSHOT)
    finally:
        host.qemu.stop()


def boot(host, names):
    """Starts guests like the late ones, and waits until they are up."""
    for index in range(0, len(names), AT_ONCE):
        couple = [host.create(name, **CONFIGURATION) for name in names[index:index + AT_ONCE]]
        for guest in couple:
            guest.wait(900)
            guest.sh('systemctl is-system-running --wait || true', timeout=600)


@contextmanager
def crowd(name, destdir):
    """A host with all of them, XenLoop installed in each domain, odd and even ones on a physical CPU each."""
    with restored(name, booted()) as host:
        for late in LATE:
            host.add_domain(late)
        for domain in host.domains.values():
            domain.wait(120)
            domain.set_clock()
        install(destdir, list(host.domains.values()))
        host.dom0.sh('\n'.join(f'xl vcpu-pin {guest} 0 {index % 2}' for index, guest in enumerate(NAMES)))
        yield host


def start(domain):
    domain.sh(START, timeout=300)


def each(host, function, names=NAMES):
    """Calls function(domain) for these guests at the same time; a list of what it returns."""
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: function(host.domains[name]), names))
