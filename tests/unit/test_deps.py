#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""make deps and make deps-check: what they want, and what they do when something is not to be had."""
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
        for arguments in (('--tests',), ('--tests', '--check')):
            for uid in (0, 1000):
                with self.subTest(arguments, uid=uid):
                    done = self.deps(*arguments, uid=uid)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn('warning', done.stderr)
                    self.assertIn('test_promtool', done.stderr)

    def test_all_is_there(self):
        self.program('promtool', '')
        for arguments in ((), ('--check',), ('--tests',), ('--check', '--tests')):
            with self.subTest(arguments):
                done = self.deps(*arguments, apt='exit 100')
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))

    def test_without_packages(self):
        self.program('promtool', '')
        for arguments, uid in (((), 0), ((), 1000), (('--check',), 0), (('--tests',), 0), (('--tests', '--check'), 1000)):
            with self.subTest(arguments, uid=uid):
                done = self.deps(*arguments, packages='not-installed', uid=uid)
                self.assertEqual(done.returncode, 1)
                self.assertIn(' gcc ', done.stderr)
                self.assertEqual(' clang ' in done.stderr, '--tests' in arguments)

    def test_building_needs_no_test_tools(self):
        """On a host in production: nothing is installed or fetched that only tests use."""
        done = self.deps(packages='not-installed', apt='echo "$@" >>"$XDG_CACHE_HOME/asked"')
        self.assertEqual(done.returncode, 0, done.stderr)
        asked = (self.directory / 'asked').read_text().split()
        for package in ('gcc', 'make', 'pkgconf', 'libxen-dev', 'libevent-dev'):
            self.assertIn(package, asked)
        self.assertEqual({'clang', 'zsh', 'libck-dev', 'libcmocka-dev', 'libclang-rt-dev', 'prometheus', 'download'} & set(asked),
                         set())

    def test_make_asks_for_them(self):
        """A whole check installs everything by itself, check-unit says what is missing, and building has its own target."""
        makefile = (ROOT / 'Makefile').read_text()
        for rule in ('\ndeps:\n\t@scripts/deps\n', '\ndeps-check:\n\t@scripts/deps --tests\n', '\ncheck: deps-check\n',
                     '\ncheck-unit:\n\t@scripts/deps --tests --check\n'):
            self.assertIn(rule, makefile)

    def test_unknown_option(self):
        self.assertEqual(self.deps('--test').returncode, 2)


if __name__ == '__main__':
    unittest.main()
