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


class Sysconfdir(Scratch):
    """Where the settings are installed is where the daemons read them."""

    def install(self, built_for, **environment):
        build, destdir = self.scratch / 'build', self.scratch / 'root'
        build.mkdir(exist_ok=True)
        for name in ('xenloopd', 'xendiscoverd', 'xenloopctl'):
            (build / name).write_bytes(b'\x7fELF\0' + f'{built_for}/xenloop/{name}.conf'.encode() + b'\0')
        done = self.run_script('scripts/install', 'install', BUILD=str(build), DESTDIR=str(destdir), VERSION='1', **environment)
        return done, [path for path in destdir.rglob('*.conf') if path.parent.name == 'xenloop']

    def test_installed_where_they_are_read(self):
        for built_for, environment in (('/etc', {}), ('/opt/etc', {'SYSCONFDIR': '/opt/etc'})):
            done, found = self.install(built_for, **environment)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(self.scratch / f'root{built_for}/xenloop/xenloopd.conf', found)

    def test_refused_elsewhere(self):
        for built_for, environment in (('/etc', {'SYSCONFDIR': '/opt/etc'}), ('/opt/etc', {}), ('/opt/etc', {'SYSCONFDIR': '/etc'})):
            with self.subTest(built_for, **environment):
                done, found = self.install(built_for, **environment)
                self.assertEqual(done.returncode, 1)
                self.assertIn('make SYSCONFDIR=' + environment.get('SYSCONFDIR', '/etc'), done.stderr)
                self.assertEqual(list((self.scratch / 'root').rglob('*')), [])

    def test_another_one_builds_anew(self):
        target = self.scratch / 'obj/xenloopd/main.o'
        for directory in ('/etc', '/opt/etc', '/etc'):
            given = [] if directory == '/etc' else [f'SYSCONFDIR={directory}']
            done = self.run_script('make', f'BUILD={self.scratch}', *given, str(target))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(f'default {directory}/xenloop/xenloopd.conf'.encode() in target.read_bytes(), directory)
        self.assertEqual(self.run_script('make', f'BUILD={self.scratch}', str(target)).stdout, '', 'nothing has changed')


class Uninstall(Scratch):
    def test_index_of_modules(self):
        """modprobe does not look for what is gone; of other kernels nothing is touched."""
        self.program('depmod', f'echo "$@" >>{self.scratch}/depmod')
        modules = self.scratch / 'root/lib/modules'
        for release, module, index in (('6.1', True, True), ('6.12', True, False), ('7.3', False, True)):
            (modules / release / 'updates').mkdir(parents=True)
            if index:
                (modules / release / 'modules.dep').touch()
            if module:
                (modules / release / 'updates/xenloop.ko').touch()
        (modules / '6.1/updates/other.ko').touch()
        done = self.run_script('make', '-s', 'uninstall', f'DESTDIR={self.scratch}/root', f'BUILD={self.scratch}/build')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([path.name for path in modules.rglob('*.ko')], ['other.ko'])
        self.assertEqual((self.scratch / 'depmod').read_text().split(), ['-b', f'{self.scratch}/root', '6.1'])


if __name__ == '__main__':
    unittest.main()
