# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The cells of the matrix: which Dom0, which two guests, which network between them.  g1 is `a` and so listens."""
from typing import NamedTuple

import networks
from case import expect_equal
from networks import BRIDGE, OPENVSWITCH, ROUTED
from platforms import BACKPORTS, BOOKWORM, TRIXIE, Platform


class Guest(NamedTuple):
    platform: Platform
    kind: str = 'pv'
    vcpus: int = 1

    def __str__(self):
        return f'{self.platform} {self.kind.upper()} with {self.vcpus} vCPU{"s" if self.vcpus > 1 else ""}'


class Cell(NamedTuple):
    name: str
    dom0: Platform
    a: Guest
    b: Guest
    network: networks.Network = BRIDGE
    saved: bool = False  # b is saved and restored, too

    @property
    def guests(self):
        return {'g1': self.a, 'g2': self.b}

    @property
    def platforms(self):
        return {'dom0': self.dom0, **{name: guest.platform for name, guest in self.guests.items()}}

    def expect(self, found):
        """That the domains are those of the cell, by what they say of themselves: `found` has that by their names."""
        for name, platform in self.platforms.items():
            said = found[name]
            expect_equal((f'Debian {said["debian"].split(".")[0]}', series(said['linux']), series(said['xen'])),
                         (platform.debian, platform.linux, self.dom0.xen), f'{name}: release, Linux and Xen')
        for name, guest in self.guests.items():
            said = found[name]
            expect_equal((said['kind'], said['vcpus']), (guest.kind.upper(), str(guest.vcpus)), f'{name}: type and vCPUs')


def series(version):
    """6.12 of 6.12.118+deb13-amd64."""
    return '.'.join(version.split('.')[:2])


def pv(platform, vcpus=1):
    return Guest(platform, 'pv', vcpus)


def pvh(platform, vcpus=1):
    return Guest(platform, 'pvh', vcpus)


CELLS = (
    Cell('trixie-pv', TRIXIE, pv(TRIXIE), pv(TRIXIE), saved=True),
    Cell('trixie-pv-smp', TRIXIE, pv(TRIXIE, 2), pv(TRIXIE, 2)),
    Cell('trixie-pvh', TRIXIE, pvh(TRIXIE), pvh(TRIXIE)),
    Cell('trixie-pv-pvh-smp', TRIXIE, pv(TRIXIE, 2), pvh(TRIXIE, 2)),
    Cell('trixie-routed', TRIXIE, pv(TRIXIE), pv(TRIXIE), ROUTED),
    Cell('trixie-openvswitch', TRIXIE, pv(TRIXIE), pv(TRIXIE), OPENVSWITCH),
    Cell('trixie-7.3-pv', TRIXIE, pv(BACKPORTS), pv(BACKPORTS), saved=True),
    Cell('trixie-7.3-pv-smp', TRIXIE, pv(BACKPORTS, 2), pv(BACKPORTS, 2)),
    Cell('trixie-7.3-pvh', TRIXIE, pvh(BACKPORTS), pvh(BACKPORTS)),
    Cell('trixie-6.1-6.12', TRIXIE, pv(BOOKWORM), pv(TRIXIE)),
    Cell('trixie-6.12-7.3', TRIXIE, pv(TRIXIE, 2), pv(BACKPORTS)),
    Cell('trixie-7.3-6.1', TRIXIE, pv(BACKPORTS), pvh(BOOKWORM)),
    Cell('bookworm-pv', BOOKWORM, pv(BOOKWORM), pv(BOOKWORM), saved=True),
    Cell('bookworm-pv-smp', BOOKWORM, pv(BOOKWORM, 2), pv(BOOKWORM, 2)),
    Cell('bookworm-pvh', BOOKWORM, pvh(BOOKWORM), pvh(BOOKWORM)),
    Cell('bookworm-routed', BOOKWORM, pv(BOOKWORM), pv(BOOKWORM), ROUTED),
    Cell('bookworm-openvswitch', BOOKWORM, pv(BOOKWORM), pv(BOOKWORM), OPENVSWITCH),
    Cell('bookworm-6.12-6.1', BOOKWORM, pv(TRIXIE), pv(BOOKWORM)),
    Cell('bookworm-6.1-7.3', BOOKWORM, pv(BOOKWORM, 2), pv(BACKPORTS, 2)),
)
