# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Programs of the tools tree, run on the bare host."""
from trees import tree

TREE = 'tools-trixie'


def program(path, name=None):
    """The command line of a program of the tools tree, run with that tree's own loader and libraries.

    Needs no chroot, so that the process is the program itself and its pid the one to end.
    """
    root = tree(TREE)
    return [f'{root}/usr/lib64/ld-linux-x86-64.so.2', '--argv0', name or path,
            '--library-path', f'{root}/usr/lib/x86_64-linux-gnu', f'{root}/usr/bin/{path}']
