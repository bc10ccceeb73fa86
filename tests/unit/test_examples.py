#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The examples build by the commands in docs/reuse.md, and the FIFO's copies what it is given."""
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ['-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', '-g', '-fsanitize=address,undefined']


def commands():
    """The compiler's command lines for a checkout, by the example's name."""
    text = (ROOT / 'docs/reuse.md').read_text().replace('\\\n', ' ')
    lines = re.findall(r'^    (cc .*docs/examples/(\w+)\.c.*)$', text, re.M)
    return {name: shlex.split(line) for line, name in lines}


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        for command in commands().values():
            target = command.index('-o') + 1
            command[target] = f'{cls.directory.name}/{command[target]}'
            subprocess.run([*command, *FLAGS], cwd=ROOT, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_all_are_built(self):
        sources = {path.stem for path in (ROOT / 'docs/examples').glob('*.c')}
        self.assertEqual({path.name for path in pathlib.Path(self.directory.name).iterdir()}, sources)

    def test_fifo_copies(self):
        for size in (0, 1, 7999, 8001, 3_000_000):
            data = os.urandom(size)
            with self.subTest(size):
                done = subprocess.run([f'{self.directory.name}/fifo'], input=data, stdout=subprocess.PIPE, timeout=60,
                                      check=True)
                self.assertTrue(done.stdout == data, f'{len(done.stdout)} bytes, not the same')


if __name__ == '__main__':
    unittest.main()
