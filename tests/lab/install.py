# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Puts what `make install DESTDIR=...` made into domains, the way a package would."""
import io
import tarfile
from pathlib import Path

from paths import LabError, files_below

# Marker below DESTDIR -> what a package's scripts would run for it.
AFTER = (('lib/modules', 'depmod -a'),
         ('sysusers.d', 'systemd-sysusers'),
         ('tmpfiles.d', 'systemd-tmpfiles --create 2>&1 | grep -i xenloop || true'),
         ('udev/rules.d', 'udevadm control --reload && udevadm trigger --subsystem-match=misc --subsystem-match=xen'),
         ('systemd/system', 'systemctl daemon-reload'))


def pack(destdir):
    """A tar of the files below destdir, owned by root.

    Directories are left out: in the image /lib and /bin are links into /usr, which a tar's directory would replace.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(Path(destdir).rglob('*')):
            if path.is_symlink() or path.is_file():
                archive.add(path, str(path.relative_to(destdir)), filter=owned_by_root)
    return buffer.getvalue()


def owned_by_root(member):
    member.uid = member.gid = 0
    member.uname = member.gname = 'root'
    return member


def script(destdir):
    names = [str(path.relative_to(destdir)) for path in files_below(Path(destdir))]
    commands = [command for marker, command in AFTER if any(marker in name for name in names)]
    if any('.so' in name for name in names):
        commands.append('ldconfig')
    return '\n'.join(['set -e', 'tar -x -C /', *commands])


def install(destdir, domains):
    if not Path(destdir).is_dir():
        raise LabError(f'{destdir}: no such directory; make one with `make install DESTDIR={destdir}`')
    data, commands = pack(destdir), script(destdir)
    for domain in domains:
        domain.sh(commands, data=data, timeout=600)
