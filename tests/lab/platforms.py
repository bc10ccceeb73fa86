# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The systems that `make check-matrix` combines: a Debian release with one of its kernels, for Dom0 or guests."""
from typing import NamedTuple

import image
from kinds import Kind
from paths import LabError

# Service units of Open vSwitch: it is installed, and runs only where a cell asks for it.
SWITCH = ('openvswitch-switch', 'ovsdb-server', 'ovs-vswitchd')
WITHOUT_SWITCH = ' '.join(f'systemd.mask={unit}.service' for unit in SWITCH)
PREPARE = 'systemctl -q disable --now openvswitch-switch 2>&1; ! lsmod | grep -q ^openvswitch || modprobe -r openvswitch'


class Platform(NamedTuple):
    name: str
    debian: str
    linux: str
    xen: str    # as Dom0

    def __str__(self):
        return f'{self.debian}, Linux {self.linux}'

    @property
    def tree(self):
        return f'matrix-{self.name}'

    def image(self):
        return image.image(self.tree)

    def modules(self):
        """What install() asks for: the directories of its kernels' modules; there is one."""
        return list((self.image() / 'modules').iterdir())

    def kernel(self):
        return self.modules()[0].name

    def root(self, roots):
        """What `make install` made for it, below `roots`; it has to have a module for this very kernel."""
        root = roots / f'{self.name}-root'
        if not list(root.glob(f'lib/modules/{self.kernel()}/updates/xenloop.ko')):
            raise LabError(f'{root} has no module for {self.kernel()}: are the headers in the tools tree of another version?')
        return root


BOOKWORM = Platform('bookworm', 'Debian 12', '6.1', '4.17')
TRIXIE = Platform('trixie', 'Debian 13', '6.12', '4.20')
BACKPORTS = Platform('backports', 'Debian 13', '7.3', '4.20')
PLATFORMS = (BOOKWORM, TRIXIE, BACKPORTS)


class Dom0(Kind):
    """A host whose Dom0 is of one platform, and whose guests may be of any."""

    def __init__(self, platform):
        self.platform = platform
        self.tree = platform.tree
        self.others = [other for other in PLATFORMS if other != platform]
        self.more = [other.tree for other in self.others]

    def inputs(self):
        return [PREPARE]

    def prepare(self, dom0):
        dom0.sh(PREPARE)
        for platform in PLATFORMS:
            for name in ('vmlinuz', 'initrd'):
                dom0.put(platform.image() / name, f'/scratch/{platform.name}/{name}')

    def configuration(self, platform):
        """What guests.config() is asked for, to boot a guest of a platform."""
        disk = 'b' if platform == self.platform else 'defgh'[self.others.index(platform)]
        return {'disks': [f'phy:/dev/vd{disk},xvda,r'], 'kernel': f'/scratch/{platform.name}/vmlinuz',
                'ramdisk': f'/scratch/{platform.name}/initrd', 'extra': WITHOUT_SWITCH}
