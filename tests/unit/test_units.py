#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The services run as little as they can: users, capabilities, and what systemd-analyze says to their sandbox."""
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = sorted((ROOT / 'systemd').glob('*.service'))
THRESHOLD = 20      # tenths
# All that the daemons ever have. xendiscoverd gives its own up at the start (test_privileges.c).
CAPABILITIES = {'xenloopd': 'CAP_NET_ADMIN', 'xendiscoverd': 'CAP_DAC_OVERRIDE', 'xenloop-metrics': ''}
USERS = {'xenloopd': 'xenloop', 'xendiscoverd': 'xendiscoverd'}


def settings(path, key):
    return re.findall(rf'^{key}=(.*)$', path.read_text(), re.M)


def analyze(path):
    """Exit status, which says whether the exposure is within the threshold, and output."""
    command = ['systemd-analyze', 'security', '--offline=true', f'--threshold={THRESHOLD}', '--no-pager', path]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class Units(unittest.TestCase):
    def test_exposure(self):
        self.assertEqual([path.stem for path in SERVICES], sorted(CAPABILITIES))
        for path in SERVICES:
            with self.subTest(path.name):
                status, output = analyze(path)
                self.assertIn('Overall exposure level', output)
                self.assertEqual(status, 0, output)

    def test_exposure_notices(self):
        """A service without its sandbox is over the threshold."""
        with tempfile.TemporaryDirectory() as directory:
            bare = pathlib.Path(directory, 'bare.service')
            bare.write_text('[Service]\nExecStart=/bin/true\n')
            status, output = analyze(bare)
        self.assertIn('Overall exposure level', output)
        self.assertNotEqual(status, 0)

    def test_capabilities(self):
        for path in SERVICES:
            with self.subTest(path.name):
                self.assertEqual(settings(path, 'CapabilityBoundingSet'), [CAPABILITIES[path.stem]])
                self.assertEqual(settings(path, 'NoNewPrivileges'), ['yes'])

    def test_daemons_are_not_root(self):
        made = re.findall(r'^u (\S+) (\S+) ', (ROOT / 'systemd/xenloop.sysusers').read_text(), re.M)
        for daemon, user in USERS.items():
            path = ROOT / f'systemd/{daemon}.service'
            with self.subTest(daemon):
                self.assertEqual(settings(path, 'User'), [user])
                self.assertEqual(settings(path, 'Group'), ['xenloop'])
                self.assertEqual(settings(path, 'AmbientCapabilities'), [CAPABILITIES[daemon]])
                self.assertIn((user, '-' if user == 'xenloop' else '-:xenloop'), made)

    def test_reload_fails_for_bad_settings(self):
        """SIGHUP has no answer: who adds a rule and misspells it must not be told that it is in force."""
        for daemon in USERS:
            self.assertEqual(settings(ROOT / f'systemd/{daemon}.service', 'ExecReload'),
                             [f'/usr/sbin/{daemon} --check-config', '/bin/kill -HUP $MAINPID'])

    def test_users_are_made(self):
        """By systemd-sysusers, into an empty system."""
        with tempfile.TemporaryDirectory() as root:
            directory = pathlib.Path(root, 'usr/lib/sysusers.d')
            directory.mkdir(parents=True)
            (directory / 'xenloop.conf').write_text((ROOT / 'systemd/xenloop.sysusers').read_text())
            pathlib.Path(root, 'etc').mkdir()
            subprocess.run(['systemd-sysusers', f'--root={root}'], check=True, capture_output=True)
            made = [line.split(':') for line in pathlib.Path(root, 'etc/passwd').read_text().splitlines()]
        names, _, users, groups = zip(*(entry[:4] for entry in made))
        self.assertEqual(sorted(names), sorted(USERS.values()))
        self.assertEqual(len(set(users)), 2, 'a user each')
        self.assertEqual(len(set(groups)), 1, 'one group')


if __name__ == '__main__':
    unittest.main()
