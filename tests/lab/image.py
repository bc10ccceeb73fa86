# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The read-only disk of Dom0 and guests, with the kernel, initramfs and hypervisor that boot from it.

An image is made of a tree (trees.py), whose name it goes by.
"""
import gzip
import shutil
import subprocess
import sys

from paths import CACHE, LAB, LabError, digest, files_below, need_room, need_root, tree_digest
from trees import building, install_on_host, key as tree_key, tree

TREE = 'image-trixie'
LAYOUT = '2'  # to be raised when build() changes


def key(name=TREE):
    return digest(LAYOUT, tree_key(name), tree_digest(LAB / 'rootfs'), LAB / 'initramfs-init', LAB / 'image-setup')


def path_of(name=TREE):
    return CACHE / f'image-{key(name)}'


def image(name=TREE):
    """The directory with root.ext4, vmlinuz, initrd, xen and modules/, built now if it is not in the cache."""
    target = path_of(name)
    if target.exists():
        return target
    need_root()
    need_room(CACHE, 6)
    install_on_host('mke2fs', 'e2fsprogs')
    source = tree(name)
    with building(target) as temporary:
        if temporary:
            print(f'lab: building {target.name}', file=sys.stderr)
            temporary.mkdir()
            build(source, temporary)
    return target


def build(source, directory):
    root = directory / 'root'
    run('cp', '-a', '--reflink=auto', str(source), str(root))
    add_files(root)
    run('chroot', str(root), '/bin/sh', '/image-setup')
    extract_boot_files(root, directory)
    make_disk(root, directory / 'root.ext4')
    # For depmod, which install.py runs here: it takes half a minute in a guest.
    (root / 'usr/lib/modules').rename(directory / 'modules')
    shutil.rmtree(root)


def add_files(root):
    """Copies rootfs/ in, whatever owner and umask the checkout has."""
    for path in files_below(LAB / 'rootfs'):
        install(path, root / path.relative_to(LAB / 'rootfs'))
    for name in ('initramfs-init', 'image-setup'):
        install(LAB / name, root / name)


def install(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def extract_boot_files(root, directory):
    shutil.copyfile(root / 'boot/vmlinuz', directory / 'vmlinuz')
    shutil.copyfile(root / 'boot/lab-initrd', directory / 'initrd')
    hypervisor = [path for path in (root / 'boot').glob('xen-*.gz') if not path.is_symlink()]
    if len(hypervisor) != 1:
        raise LabError(f'{root}: {len(hypervisor)} hypervisors in /boot, not one')
    with gzip.open(hypervisor[0]) as packed, open(directory / 'xen', 'wb') as plain:
        shutil.copyfileobj(packed, plain)


def make_disk(root, disk):
    used = int(run('du', '-s', '--block-size=1M', str(root)).split()[0])
    run('mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-d', str(root), str(disk),
        f'{used * 5 // 4 + 64}M')


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors='replace')
    if done.returncode:
        raise LabError(f'{" ".join(command[:3])} failed: {done.stdout.strip()[-600:]}')
    return done.stdout
