#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The daemons' options, as far as they go without Xen: what is said of them, what bad settings stop, and what they do not."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from man_pages import man_section

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / os.environ.get('BUILD', 'build') / 'asan/bin'
# What ends without Xen, too; here it would take channels from guests.
ON_XEN = pathlib.Path('/sys/hypervisor/type').exists()
USAGE, NO_XEN = 2, 3
REMOVAL = {'xenloopd': '--flush', 'xendiscoverd': '--clean'}
# With no leak detection, which needs to trace the process.
AS_THE_UNIT = ('env', 'ASAN_OPTIONS=detect_leaks=0', 'setpriv', '--reuid=65534', '--clear-groups',
               '--inh-caps=-all,+dac_override', '--ambient-caps=+dac_override')


def run(daemon, *arguments, by=()):
    return subprocess.run([*by, PROGRAMS / daemon, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


class Help(unittest.TestCase):
    """--help, the man page and the program know the same."""
    OPTION = re.compile(r'(?<![\w-])--?[a-zA-Z][a-z-]*')

    def shown(self, daemon):
        text = run(daemon, '--help').stdout
        return text, self.OPTION.findall(' '.join(re.findall(r'^ +(-.*?)(?:  .*)?$', text, re.M)))

    def test_options(self):
        for daemon in REMOVAL:
            _, options = self.shown(daemon)
            self.assertGreater(len(options), 8)
            self.assertEqual(self.OPTION.findall(' '.join(man_section('OPTIONS', f'{daemon}.8'))), options)
            for option in options:
                argument = ['file'] if option in ('-c', '--config') else []
                done = run(daemon, option, *argument, '--help')
                self.assertEqual((done.returncode, done.stderr), (0, ''), option)

    def test_exit_statuses(self):
        for daemon in REMOVAL:
            text, _ = self.shown(daemon)
            self.assertEqual(man_section('EXIT STATUS', f'{daemon}.8'), re.findall(r'\b\d\b', text[text.index('Exit status:'):]))


class BadSettings(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.bad = pathlib.Path(directory.name, 'bad.conf')
        self.bad.write_text('[nowhere]\nkey = 1\n')
        self.missing = pathlib.Path(directory.name, 'missing.conf')

    def test_nothing_starts_with_them(self):
        for daemon, option in REMOVAL.items():
            for arguments in ((), ('--check-config',), ('--check-config', option)):
                for path in (self.bad, self.missing):
                    with self.subTest(daemon, arguments=arguments, path=path.name):
                        done = run(daemon, *arguments, '-c', path)
                        self.assertEqual(done.returncode, USAGE, done.stderr)
                        self.assertIn(str(path), done.stderr)

    def test_a_terminal_is_for_people(self):
        """The priority in front of a line is for the journal and what else reads standard error."""
        for daemon in REMOVAL:
            self.assertTrue(run(daemon, '--check-config', '-c', self.bad).stderr.startswith(f'<3>{daemon}: conf: '))
            ours, theirs = os.openpty()
            subprocess.run([PROGRAMS / daemon, '--check-config', '-c', self.bad], stderr=theirs, timeout=60, check=False)
            os.close(theirs)
            self.assertTrue(os.read(ours, 1000).decode().startswith(f'{daemon}: conf: '))
            os.close(ours)

    @unittest.skipIf(os.getuid(), 'only root can give a capability away')
    def test_check_reads_them_as_the_daemon_does(self):
        """ExecReload= gets the unit's capability, which the daemon has given up."""
        self.bad.write_text('[policy]\ndefault = deny\n')
        os.chmod(self.bad.parent, 0o755)
        for mode, status in ((0o644, 0), (0o600, USAGE)):
            os.chmod(self.bad, mode)
            done = run('xendiscoverd', '--check-config', '-c', self.bad, by=AS_THE_UNIT)
            self.assertEqual(done.returncode, status, done.stderr)

    @unittest.skipIf(ON_XEN, 'this is a Xen guest or host')
    def test_removal_goes_on_without_them(self):
        """Whoever takes the package off is not kept from it by a mistake in a file that goes, too."""
        for daemon, option in REMOVAL.items():
            for path in (self.bad, self.missing):
                with self.subTest(daemon, path=path.name):
                    done = run(daemon, option, '-c', path)
                    self.assertEqual(done.returncode, NO_XEN, done.stderr)
                    self.assertIn(str(path), done.stderr)
                    self.assertIn('defaults', done.stderr)


if __name__ == '__main__':
    unittest.main()
