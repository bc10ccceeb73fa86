#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""scripts/: what they do not do to somebody else's files."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Scratch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.programs = self.scratch / 'programs'
        self.programs.mkdir()

    def program(self, name, body):
        """Found before the system's of that name."""
        path = self.programs / name
        path.write_text(f'#!/bin/sh\n{body}\n')
        path.chmod(0o755)

    def run_script(self, *command, **environment):
        path = f'{self.programs}:{os.environ["PATH"]}'
        # Not as part of the make that runs the tests.
        outer = {name: value for name, value in os.environ.items() if not name.startswith('MAKE')}
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**outer, 'PATH': path, **environment})


class Deb(Scratch):
    def setUp(self):
        super().setUp()
        self.into = self.scratch / 'into'
        self.into.mkdir()
        self.program('tar', 'cat >/dev/null')
        self.program('dpkg-buildpackage', 'echo begun; exit 7')

    def build(self, directory):
        return self.run_script('scripts/deb', directory)

    def test_keeps_what_is_not_its_own(self):
        for name in ('notes.txt', 'other_1_all.deb', '.hidden', 'source/mine.c'):
            path = self.into / name
            path.parent.mkdir(exist_ok=True)
            path.write_text('precious')
            with self.subTest(name):
                done = self.build(self.into)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(str(self.into / name.split('/')[0]), done.stderr)
                self.assertNotIn('begun', done.stdout)
                self.assertEqual(path.read_text(), 'precious')
            path.unlink()
        self.assertEqual(self.build(self.into / 'source').returncode, 1, 'an empty one is fine')

    def test_replaces_what_it_made(self):
        (self.into / 'source/debian').mkdir(parents=True)
        (self.into / 'source/debian/control').write_text((ROOT / 'debian/control').read_text())
        for name in ('xenloopd_0.0.1_amd64.deb', 'xenloop-modules-6.12_0.0.1_amd64.deb', 'xendiscoverd-dbgsym_0.0.1_amd64.deb',
                     'xenloop_0.0.1_amd64.changes', 'xenloop_0.0.1_amd64.buildinfo', 'log'):
            (self.into / name).write_text('old')
        done = self.build(self.into)
        self.assertIn('begun', done.stdout, done.stderr)
        self.assertEqual(sorted(path.name for path in self.into.iterdir()), ['log', 'source'])
        self.assertEqual(list((self.into / 'source').iterdir()), [])

    def test_makes_the_directory(self):
        self.assertIn('begun', self.build(self.scratch / 'not/yet').stdout)


if __name__ == '__main__':
    unittest.main()
