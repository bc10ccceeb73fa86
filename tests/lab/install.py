# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Puts what `make install DESTDIR=...` made into domains, the way a package would."""
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import kernels
from paths import LabError, files_below
from tools import program
from trees import remove

# Marker below DESTDIR -> what a package's scripts would run for it.
AFTER = (('sysusers.d', 'systemd-sysusers'),
         ('tmpfiles.d', 'systemd-tmpfiles --create 2>&1 | grep -i xenloop || true'),
         ('udev/rules.d', 'touch /usr/lib/udev/rules.d/xenloop.udev.rules /usr/lib/udev/rules.d && udevadm control --reload && '
                          'udevadm trigger --subsystem-match=misc --subsystem-match=xen'),
         ('systemd/system', 'systemctl daemon-reload'))


def pack(destdir, modules):
    """A tar of the kernel's files, those below destdir, and the module indexes that they make necessary, owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.GNU_FORMAT) as archive:
        for root in (*kernels.chosen.files(), destdir):
            add_files(archive, root)
        with tempfile.TemporaryDirectory() as directory:
            index_modules(destdir, modules, Path(directory))
            add_files(archive, directory)
    return buffer.getvalue()


def add_files(archive, root):
    """Directories are left out: in the image /lib and /bin are links into /usr, which a tar's directory would replace."""
    for path in sorted(Path(root).rglob('*')):
        if path.is_symlink() or path.is_file():
            archive.add(path, str(path.relative_to(root)), filter=owned_by_root)


def index_modules(destdir, modules, directory):
    """Runs depmod over a kernel's own modules and those in destdir, leaving only its indexes below `directory`."""
    for own in modules:
        added = [path for path in Path(destdir).glob('[lu]*/**/modules/*') if path.name == own.name]
        if added:
            index(own, added[0], directory)


def index(own, added, directory):
    target = directory / 'lib/modules' / own.name
    shutil.copytree(added, target)
    for path in own.iterdir():
        if path.name == 'kernel':
            (target / 'kernel').symlink_to(path)
        else:
            shutil.copy(path, target)
    subprocess.run([*program('kmod', 'depmod'), '-b', str(directory), own.name], check=True)
    for path in target.iterdir():
        if not path.name.startswith('modules.'):
            remove(path)


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


def install(destdir, domains, modules=None):
    """`modules` is what kernels.py says of the kernels that these domains have, if not the usual ones."""
    if not Path(destdir).is_dir():
        raise LabError(f'{destdir}: no such directory; make one with `make install DESTDIR={destdir}`')
    data, commands = pack(destdir, modules or kernels.chosen.modules()), script(destdir)
    for domain in domains:
        domain.sh(commands, data=data, timeout=600)
        if domain.name != 'dom0' and kernels.chosen.switch_on:
            domain.sh(kernels.chosen.switch_on)
