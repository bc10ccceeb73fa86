# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The Xen host: booted once into a snapshot, then restored from it within seconds."""
import shutil
import subprocess
import sys
import time

import agent
import guests
import kernels
from domain import Domain
from install import install
from kinds import STANDARD
from lock import HostLock
from paths import CACHE, LabError, digest, need_room, need_root
from qemu import SNAPSHOT, Qemu, create_disk, key as machine_key
from trees import building

SCRATCH_SIZE = '12G'


class Host:
    """A running Xen host; `domains` maps names to Domain objects, `destdir` is what new guests get installed."""

    def __init__(self, qemu):
        self.qemu = qemu
        self.destdir = None
        self.origin = None  # the lock and the snapshot that it was restored with
        self.directory = qemu.directory
        self.domains = {}

    def __getattr__(self, name):
        try:
            return self.__dict__['domains'][name]
        except KeyError:
            raise AttributeError(name) from None

    def add_domain(self, name):
        """Makes a domain reachable from here; the domain itself need not exist yet."""
        ip, ip6, mac = guests.DOM0 if name == 'dom0' else guests.addresses(name)
        self.domains[name] = Domain(name, self.qemu.forward(ip, agent.PORT), ip, ip6, mac)
        return self.domains[name]

    def create(self, name, **configuration):
        """Starts a guest without waiting for it."""
        configuration = kernels.chosen.configuration(configuration)
        self.dom0.put(guests.config(name, **configuration).encode(), f'/scratch/{name}.cfg')
        self.dom0.sh(f'xl create -q /scratch/{name}.cfg', timeout=300)
        return self.domains.get(name) or self.add_domain(name)

    def guest(self, name, timeout=900, **configuration):
        """Starts a guest and waits until its agent answers."""
        guest = self.create(name, **configuration)
        guest.wait(timeout)
        if self.destdir:
            install(self.destdir, [guest])
        return guest

    def save(self, name, file=None):
        """Suspends a guest into a file on Dom0's scratch disk; the guest is gone then."""
        file = file or f'/scratch/{name}.save'
        self.dom0.sh(f'xl save {name} {file}', timeout=600)
        return file

    def restore(self, name, file=None, timeout=300):
        """Resumes a saved guest, under a new domid, and waits until its agent answers."""
        self.dom0.sh(f'xl restore {file or f"/scratch/{name}.save"}', timeout=600)
        self.domains[name].wait(timeout)
        self.domains[name].set_clock()

    def checkpoint(self, name):
        """Suspends a guest into a file, which nobody needs, and lets it go on where it was."""
        file = f'/scratch/{name}.checkpoint'
        self.dom0.sh(f'xl save -c {name} {file} 2>&1 && rm {file}', timeout=600)

    def destroy(self, name):
        self.dom0.sh(f'xl destroy {name}')

    def attach_vif(self, name, bridge='xenbr1', **more):
        """Adds an interface, without addresses, and returns its number N, by which detach_vif and vifDOMID.N go."""
        words = guests.vif(name, bridge, **more).replace(',', ' ')
        before = self.vifs(name)
        self.dom0.sh(f'xl network-attach {name} {words}')
        return (self.vifs(name) - before).pop()

    def detach_vif(self, name, number):
        self.dom0.sh(f'xl network-detach {name} {number}')

    def vifs(self, name):
        """The numbers of a guest's interfaces."""
        return {int(line.split()[0]) for line in self.dom0.sh(f'xl network-list {name}').splitlines()[1:]}

    def domid(self, name):
        return int(self.dom0.sh(f'xl domid {name}'))

    def wait_for_dom0(self, timeout=600):
        deadline = time.monotonic() + timeout
        while True:
            self.check_alive()
            try:
                if self.dom0.ok('systemctl -q is-active xen.service && xl list && mountpoint -q /scratch', timeout=20):
                    return
            except agent.AgentError:
                pass
            if time.monotonic() > deadline:
                raise LabError(f'Dom0 did not come up within {timeout} s: see {self.directory}/console.log')
            time.sleep(1)

    def check_alive(self):
        if not self.qemu.alive():
            raise LabError(f'QEMU ended: {self.qemu.last_words()}')
        console = (self.directory / 'console.log').read_text(errors='replace')
        for words in ('Panic on CPU', 'Kernel panic'):
            if words in console:
                raise LabError(f'{words}: see {self.directory}/console.log')

    def set_clocks(self):
        for domain in self.domains.values():
            domain.set_clock()


def snapshot_path(kind=STANDARD):
    return CACHE / f'snapshot-{digest(machine_key(kind.image_path(), kind.disks()), *kind.inputs())}'


def snapshot(kind=STANDARD):
    """The directory with the disk that holds the booted host, made now if it is not in the cache."""
    target = snapshot_path(kind)
    if target.exists():
        return target
    need_root()
    need_room(CACHE, 6)
    kind.build()
    with building(target) as temporary:
        if temporary:
            print('lab: booting the Xen host once, to restore it from now on (a few minutes)', file=sys.stderr)
            temporary.mkdir()
            with HostLock() as lock:
                boot_and_save(temporary, lock, kind)
    return target


def boot_and_save(directory, lock, kind):
    create_disk(directory / 'scratch.qcow2', SCRATCH_SIZE)
    qemu = Qemu(directory)
    try:
        qemu.start(kind.image_path(), lock_fd=lock.fd, disks=kind.disks())
        host = Host(qemu)
        host.add_domain('dom0')
        report_time('Dom0', host.wait_for_dom0)
        kind.prepare(host.dom0)
        for name in kind.first:
            host.create(name)
        for name in kind.first:
            report_time(name, host.domains[name].wait, 900)
            host.domains[name].sh('systemctl is-system-running --wait || true', timeout=600)
        host.dom0.sh('systemctl is-system-running --wait || true; sync', timeout=600)
        report_time('snapshot', qemu.save, SNAPSHOT)
    except BaseException:
        keep_console(directory)
        raise
    finally:
        qemu.stop()


def keep_console(directory):
    if (directory / 'console.log').exists():
        shutil.copyfile(directory / 'console.log', CACHE / 'failed-boot.log')
        print(f'lab: the console of the failed boot is in {CACHE}/failed-boot.log', file=sys.stderr)


def report_time(what, function, *arguments):
    start = time.monotonic()
    function(*arguments)
    print(f'lab: {what} after {time.monotonic() - start:.0f} s', file=sys.stderr)


def restore(directory, lock, stay=False, saved=None, kind=STANDARD):
    """Starts a host from a snapshot, the booted one by default, with a disk of its own in `directory`."""
    saved = saved or snapshot(kind)
    kind.build()
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(['cp', '--reflink=auto', '--sparse=always', str(saved / 'scratch.qcow2'), str(directory)], check=True)
    qemu = Qemu(directory)
    try:
        qemu.start(kind.image_path(), SNAPSHOT, lock.fd, stay, kind.disks())
        host = Host(qemu)
        host.origin = lock, saved
        for name in ('dom0', *kind.first):
            host.add_domain(name)
        for domain in host.domains.values():
            domain.wait(120)
        host.set_clocks()
        return host
    except BaseException:
        qemu.stop()
        raise
