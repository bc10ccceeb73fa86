#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""make deps: what it does when something is not to be had."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ('sh', 'cat', 'dirname', 'grep', 'mkdir', 'mktemp', 'rm')
DPKG_QUERY = 'echo {}'
APT_GET = 'echo "apt-get: cannot $1" >&2; exit 100'


class Deps(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        for tool in TOOLS:
            (self.directory / tool).symlink_to(shutil.which(tool))

    def program(self, name, body):
        path = self.directory / name
        path.write_text(f'#!/bin/sh\n{body}\n')
        path.chmod(0o755)

    def deps(self, *arguments, packages='installed', apt=APT_GET, uid=0):
        self.program('dpkg-query', DPKG_QUERY.format(packages))
        self.program('apt-get', apt)
        self.program('id', f'echo {uid}')
        return subprocess.run([ROOT / 'scripts/deps', *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, 'PATH': str(self.directory), 'XDG_CACHE_HOME': str(self.directory)})

    def test_without_promtool(self):
        for arguments in ((), ('--check',)):
            for uid in (0, 1000):
                with self.subTest(arguments, uid=uid):
                    done = self.deps(*arguments, uid=uid)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn('warning', done.stderr)
                    self.assertIn('test_promtool', done.stderr)

    def test_all_is_there(self):
        self.program('promtool', '')
        for arguments in ((), ('--check',)):
            with self.subTest(arguments):
                done = self.deps(*arguments, apt='exit 100')
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))

    def test_without_packages(self):
        self.program('promtool', '')
        for arguments, uid in (((), 0), ((), 1000), (('--check',), 0)):
            with self.subTest(arguments, uid=uid):
                done = self.deps(*arguments, packages='not-installed', uid=uid)
                self.assertEqual(done.returncode, 1)
                self.assertIn(' gcc ', done.stderr)


if __name__ == '__main__':
    unittest.main()
