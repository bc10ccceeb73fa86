# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Debian trees made by mmdebstrap, cached by what goes in."""
import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

from paths import CACHE, CHECKOUT, LAB, LabError, digest, need_room, need_root

SUITES = {'tools-trixie': 'trixie', 'tools-bookworm': 'bookworm', 'image-trixie': 'trixie', 'kernel-trixie': 'trixie',
          'matrix-trixie': 'trixie', 'matrix-backports': 'trixie', 'matrix-bookworm': 'bookworm'}

# What no test reads. Mesa comes in through stress-ng's EGL stressor, AMD's GPU libraries through Open MPI's UCX; without
# the large ones of both the image is half as big.
IMAGE_EXCLUDES = ('/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*',
                  '/usr/lib/*/libLLVM*', '/usr/lib/*/libgallium*', '/usr/lib/*/libamd*')


def packages(name):
    """The words of a list in packages/; @OTHER stands for those of another list."""
    lines = (LAB / 'packages' / name).read_text().splitlines()
    words = [word for line in lines if not line.startswith('#') for word in line.split()]
    return [part for word in words for part in (packages(word[1:]) if word.startswith('@') else [word])]


def hook(name):
    """The script, if there is one, that finishes a tree from inside."""
    path = LAB / 'packages' / f'{name}.hook'
    return path if path.exists() else None


def key(name):
    parts = [SUITES[name], ' '.join(packages(name)), ' '.join(excludes(name))]
    if hook(name):
        parts.append(hook(name))
    return digest(*parts)


def excludes(name):
    return IMAGE_EXCLUDES if name.startswith(('image', 'matrix')) else ()


def path_of(name):
    if name not in SUITES:
        raise LabError(f'{name}: no such tree; there are {", ".join(SUITES)}')
    return CACHE / f'tree-{name}-{key(name)}'


def install_on_host(command, package):
    """Installs a Debian package on this machine unless its command is there."""
    if shutil.which(command):
        return
    need_root()
    if not shutil.which('apt-get'):
        raise LabError(f'{command} is missing and there is no apt-get to install {package} with')
    print(f'lab: installing {package}', file=sys.stderr)
    env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    for arguments in (['update', '-qq'], ['install', '-y', '-qq', '--no-install-recommends', package]):
        done = subprocess.run(['apt-get', *arguments], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode or not shutil.which(command):
        raise LabError(f'apt-get could not install {package}: {done.stderr.strip().splitlines()[-1:]}')


@contextmanager
def building(target):
    """Locks one cache entry and yields a temporary path that becomes it on success."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f'{target.name}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            yield None
            return
        temporary = target.with_name(target.name + '.tmp')
        remove(temporary)
        try:
            yield temporary
            temporary.rename(target)
        finally:
            remove(temporary)


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def bootstrap(name, directory):
    command = ['mmdebstrap', '--mode=root', '--variant=apt', '--components=main',
               '--include=' + ','.join(packages(name)),
               '--setup-hook=mkdir -p "$1/src" "$1/etc"; printf "do_initrd = no\\n" >"$1/etc/kernel-img.conf"']
    command += [f'--dpkgopt=path-exclude={pattern}' for pattern in excludes(name)]
    if hook(name):
        command.append(f'--customize-hook=cp "{hook(name)}" "$1/hook" && chroot "$1" sh /hook && rm "$1/hook"')
    command += [SUITES[name], str(directory)]
    env = dict(os.environ, DEBIAN_FRONTEND='noninteractive', INITRD='No')
    log = directory.with_suffix('.log')
    with open(log, 'wb') as output:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    if done.returncode:
        raise LabError(f'mmdebstrap failed for {name}: see {log}')


def tree(name):
    """The path of a tree, built now if it is not in the cache."""
    target = path_of(name)
    if target.exists():
        return target
    need_root()
    need_room(CACHE, 6)
    install_on_host('mmdebstrap', 'mmdebstrap')
    with building(target) as temporary:
        if temporary:
            print(f'lab: building {target.name}', file=sys.stderr)
            bootstrap(name, temporary)
    return target


ENTER = '''
set -e
tree=$1 src=$2 dir=$3 extra=$4; shift 4
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/tmp"
mount --bind "$src" "$tree/src"
[ -z "$extra" ] || mount --bind "$extra" "$tree/mnt"
exec chroot "$tree" /bin/sh -c 'cd "$0" && exec "$@"' "$dir" "$@"
'''


def inside(name, command, directory='/src', source=CHECKOUT, env=None, extra=None):
    """The command line that runs a command in a tree, with `source` at /src and `extra`, if there is one, at /mnt.

    The mounts live in a mount namespace of the command's own and vanish with it.
    """
    need_root()
    variables = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
                 'TERM': os.environ.get('TERM', 'dumb'), **(env or {})}
    return ['unshare', '--mount', '--propagation', 'private', 'env', '-i',
            *(f'{name}={value}' for name, value in variables.items()),
            '/bin/sh', '-c', ENTER, 'lab-in', str(tree(name)), str(source), directory, str(extra or ''), *command]
