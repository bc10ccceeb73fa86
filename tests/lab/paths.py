# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where the lab keeps things: all of it outside the checkout."""
import hashlib
import os
from pathlib import Path

LAB = Path(__file__).resolve().parent
CHECKOUT = LAB.parent.parent
CACHE = (Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'xenloop').resolve()


class LabError(Exception):
    """Something the user can act on: printed as one line, without a traceback."""


def digest(*parts):
    """A short key for a cache entry made from these strings, bytes and files."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        if isinstance(part, str):
            part = part.encode()
        state.update(len(part).to_bytes(8, 'little') + part)
    return state.hexdigest()[:16]


def files_below(directory):
    return sorted(path for path in directory.rglob('*') if path.is_file())


def tree_digest(directory):
    """The key of a directory's names, modes and contents."""
    parts = []
    for path in files_below(directory):
        parts += [str(path.relative_to(directory)), oct(path.stat().st_mode), path]
    return digest(*parts)


def need_root():
    if os.geteuid() != 0:
        raise LabError('the lab needs root (chroot and mount namespaces): run it with sudo')


def need_room(directory, gigabytes):
    directory.mkdir(parents=True, exist_ok=True)
    stat = os.statvfs(directory)
    free = stat.f_bavail * stat.f_frsize / 1e9
    if free < gigabytes:
        raise LabError(f'{directory}: {free:.1f} GB free, {gigabytes} GB needed')
