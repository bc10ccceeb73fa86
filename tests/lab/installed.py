# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The booted host with a DESTDIR tree installed in every domain, as a snapshot of its own."""
import sys
from pathlib import Path

import kernels
from host import restore, snapshot
from install import install
from lock import HostLock
from paths import CACHE, LabError, digest, tree_digest
from qemu import SNAPSHOT
from trees import building, remove

KEPT = 8


def installed_snapshot(destdir):
    """Makes it if this very content is not in the cache, where only the newest ones stay."""
    if not Path(destdir).is_dir():
        raise LabError(f'{destdir}: no such directory; make one with `make install DESTDIR={destdir}`')
    booted = snapshot()
    target = CACHE / f'installed-{digest(booted.name, tree_digest(Path(destdir)), kernels.chosen.switch_on)}'
    with HostLock() as lock, building(target) as temporary:
        if temporary:
            print(f'lab: installing {destdir} in Dom0 and guests', file=sys.stderr)
            drop_oldest()
            host = restore(temporary, lock, saved=booted)
            try:
                install(destdir, list(host.domains.values()))
                host.qemu.save(SNAPSHOT)
            finally:
                host.qemu.stop()
    return target


def drop_oldest():
    """Checkouts that take turns on one machine each keep theirs."""
    snapshots = sorted((path for path in CACHE.glob('installed-*') if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in snapshots[:-KEPT]:
        for file in CACHE.glob(f'{path.name}*'):
            remove(file)
