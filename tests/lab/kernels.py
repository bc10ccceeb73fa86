# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The kernels that guests may run: Debian's own, or one built from its sources that checks itself.

Dom0 always runs Debian's.  A kernel is chosen once, by the command line, before a host starts.
"""
import os
import shutil
import subprocess
import sys

import guests
import pace
import trees
from image import image
from paths import CACHE, CHECKOUT, LabError, digest, need_room, need_root

TREE = 'kernel-trixie'
SOURCES = CHECKOUT / 'tests' / 'debug'
SCRIPT = SOURCES / 'build-kernel'
PATCHES = sorted((SOURCES / 'kernel').glob('*.patch'))
# Where Dom0 has it.
REMOTE = '/scratch/kernel'


class Stock:
    """Debian's, from the image."""
    name = 'stock'
    slowness = 1
    quiet = True    # warns of nothing but faults
    switch_on = ''  # what guests do when XenLoop has been installed

    def inputs(self):
        """What a snapshot with such guests depends on, beyond their configuration."""
        return []

    def modules(self):
        """Directories named after a kernel release, with that kernel's modules and their lists."""
        return list((image() / 'modules').iterdir())

    def files(self):
        """Directories with what guests need of this kernel and the image does not have."""
        return []

    def keeps(self, seconds):
        """KiB that this kernel keeps for itself in so much time, beyond what Debian's does."""
        return 0

    def configuration(self, wanted):
        """What guests.config() is asked for, given what the caller wants."""
        return wanted

    def directory(self):
        """What `lab in` shows as /mnt: for a kernel that no package has headers for, where modules are built against it."""
        return None

    def put(self, dom0):
        """Copies into Dom0 what it starts guests with."""


class Built(Stock):
    """Built from Debian's sources with tests/debug/guest.config and `fragment`."""

    def __init__(self, name, fragment, words, slowness, memory, vcpus=1, quiet=True, switch_on=''):
        self.name, self.slowness, self.vcpus, self.quiet, self.switch_on = name, slowness, vcpus, quiet, switch_on
        self.configs = [SOURCES / 'guest.config', SOURCES / fragment]
        self.words, self.memory = words, memory

    def inputs(self):
        return [self.path().name]

    def path(self):
        return CACHE / f'kernel-{digest(trees.path_of(TREE).name, SCRIPT, *self.configs, *PATCHES)}'

    def modules(self):
        return super().modules() + list((self.built() / 'modules/lib/modules').iterdir())

    def files(self):
        return [self.built() / 'modules']

    def keeps(self, seconds):
        """KASAN keeps back 1/32 of the memory, and stack traces beside that.

        These grow all the time, with processes that start and end, and nothing of XenLoop loaded: by 3 to 4 MiB a minute.
        """
        return int(self.memory * (guests.MEMORY << 10) // 16 + seconds * (5 << 10) // 60)

    def configuration(self, wanted):
        memory = wanted.get('memory', guests.MEMORY) * self.memory
        extra = f'{wanted.get("extra", "")} {self.words}'
        return {'vcpus': self.vcpus, **wanted, 'memory': memory, 'extra': extra, 'kernel': f'{REMOTE}/vmlinuz', 'ramdisk': f'{REMOTE}/initrd'}

    def directory(self):
        return self.built()

    def put(self, dom0):
        dom0.put(self.built() / 'vmlinuz', f'{REMOTE}/vmlinuz')
        # Of two archives the kernel takes the later one's files: here an empty list of modules to load.
        initrd = (image() / 'initrd').read_bytes() + (self.built() / 'no-modules.cpio').read_bytes()
        dom0.put(initrd, f'{REMOTE}/initrd')

    def built(self):
        """The directory with vmlinuz, modules/ and build/, what modules are built against; built now if not cached."""
        target = self.path()
        if target.exists():
            return target
        need_root()
        need_room(CACHE, 6)
        with trees.building(target) as temporary:
            if temporary:
                print(f'lab: building {target.name} (half an hour or so)', file=sys.stderr)
                self.build(temporary)
        return target

    def build(self, directory):
        (directory / 'in').mkdir(parents=True)
        for path in (SCRIPT, *PATCHES):
            shutil.copy(path, directory / 'in')
        (directory / 'in/config').write_text(''.join(path.read_text() for path in self.configs))
        log = directory.with_suffix('.log')
        with open(log, 'wb') as output:
            done = subprocess.run(trees.inside(TREE, ['nice', 'sh', 'in/build-kernel', str(os.cpu_count())], source=directory),
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        if done.returncode:
            raise LabError(f'building the kernel failed: see {log}')


# KCSAN makes each access that it watches wait for another one. Its own 80 us are too short where two vCPUs seldom run at once,
# and longer ones too long for a boot. Most races need two vCPUs.
WATCH_RACES = '''set -e
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
cd /sys/module/kcsan/parameters
echo 2000 >skip_watch
echo 1000 >udelay_task
echo 300 >udelay_interrupt
echo on >/sys/kernel/debug/kcsan'''

KERNELS = {kernel.name: kernel for kernel in (
    Stock(),
    Built('debug', 'checks.config', 'panic_on_warn=1 panic=3 dummy.numdummies=0', slowness=4, memory=2),
    # Linux has races of its own, and KCSAN reports those, too.
    Built('races', 'races.config', 'dummy.numdummies=0', slowness=4, memory=2, vcpus=2, quiet=False, switch_on=WATCH_RACES))}
chosen = KERNELS['stock']


def choose(name):
    global chosen
    chosen = KERNELS[name]
    pace.factor = chosen.slowness
