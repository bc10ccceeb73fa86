#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl metrics: the format, by rules of its own and by promtool; the dashboard and the unit that go with it."""
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

from ctl_program import ROOT, Host, dom0, guest, run

SAMPLE = re.compile(r'([a-z_]+)(\{.*\})? (-?[0-9.]+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
COUNTERS = re.findall(r'X\(\w+, "([a-z-]+)"\)', (ROOT / 'kmod/stats.h').read_text())
DASHBOARD = ROOT / 'docs/grafana-xenloop.json'
UNIT = ROOT / 'systemd/xenloop-metrics.service'


def metrics(answers, name='xenloopd'):
    with Host(answers, name) as host:
        done = run('--socket', host.path, 'metrics')
    assert (done.returncode, done.stderr) == (0, ''), done
    return done.stdout


def samples(text):
    """{(name, labels): value}; labels are a frozenset of pairs."""
    found = {}
    for line in text.splitlines():
        if not line.startswith('#'):
            name, labels, value = SAMPLE.match(line).groups()
            key = name, frozenset(LABEL.findall(labels or ''))
            assert key not in found, line
            found[key] = float(value)
    return found


def value(text, name, **labels):
    return samples(text)[name, frozenset(labels.items())]


def families(text):
    """{name: type}, as the TYPE lines have it."""
    return dict(re.findall(r'^# TYPE (\S+) (\S+)$', text, re.M))


class Format(unittest.TestCase):
    TEXTS = {'guest': metrics(guest()), 'dom0': metrics(dom0(), 'xendiscoverd'),
             'no daemon': run('--socket', '/nonexistent/xenloopd', 'metrics').stdout}

    def test_rules(self):
        """HELP, TYPE, and then the samples of that family and of no other."""
        for name, text in self.TEXTS.items():
            family, seen = None, set()
            for line in text.splitlines():
                with self.subTest(name, line=line):
                    if line.startswith('# HELP '):
                        family = line.split()[2]
                        self.assertNotIn(family, seen)
                        self.assertRegex(line, r'^# HELP xenloop_[a-z_]+ [A-Z].*\.$')
                        seen.add(family)
                    elif line.startswith('# TYPE '):
                        self.assertEqual(line.split()[2], family)
                        self.assertEqual(line.split()[3], 'counter' if family.endswith('_total') else 'gauge')
                    else:
                        self.assertEqual(SAMPLE.match(line).group(1), family)
            self.assertTrue(samples(text))

    def test_promtool(self):
        promtool = subprocess.run([ROOT / 'scripts/promtool'], check=True, capture_output=True, text=True).stdout.strip()
        for name, text in self.TEXTS.items():
            with self.subTest(name):
                done = subprocess.run([promtool, 'check', 'metrics'], input=text, capture_output=True, text=True,
                                      timeout=60)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))

    def test_base_units(self):
        text = self.TEXTS['guest']
        self.assertEqual(value(text, 'xenloop_uptime_seconds'), 7380)
        self.assertEqual(value(text, 'xenloop_granted_bytes_total'), 903 * 4096)
        self.assertEqual(value(text, 'xenloop_channel_idle_seconds', peer='g2', interface='eth0',
                               mac='00:16:3e:00:00:02'), 1.25)

    def test_states(self):
        text = self.TEXTS['guest']
        self.assertEqual(value(text, 'xenloop_interface_attached', interface='eth0'), 1)
        self.assertEqual(value(text, 'xenloop_interface_aside', interface='eth1'), 1)
        self.assertEqual(value(text, 'xenloop_peer_up', peer='database-server', interface='eth1',
                               mac='00:16:3e:00:00:0b'), 0)
        self.assertEqual(value(self.TEXTS['dom0'], 'xenloop_vifs', reason='rate-limited'), 1)

    def test_every_counter_of_the_module(self):
        answers = guest()
        stats = answers['stats']['channels'][0]['stats'] | answers['stats']['interfaces'][0]['stats']
        self.assertEqual(list(stats), COUNTERS, 'golden/guest-stats.json')
        for owner in answers['stats']['channels'] + answers['stats']['interfaces']:
            owner['stats'] = {name: 1000000 + COUNTERS.index(name) for name in owner['stats']}
        values = samples(metrics(answers)).values()
        for i, name in enumerate(COUNTERS):
            self.assertIn(1000000 + i, values, name)

    def test_without_a_daemon(self):
        self.assertEqual(samples(self.TEXTS['no daemon']), {('xenloop_up', frozenset()): 0})

    def test_names_are_quoted(self):
        answers = guest()
        answers['peers']['peers'][0]['name'] = 'a"b\\c\nd'
        self.assertEqual(value(metrics(answers), 'xenloop_peer_up', peer=r'a\"b\\c\nd', interface='eth0',
                               mac='00:16:3e:00:00:02'), 1)

    def test_no_series_twice(self):
        """A channel that is closing and its successor; interfaces that have no name."""
        answers = guest()
        answers['stats']['channels'] *= 2
        for vif, peer in enumerate(answers['peers']['peers']):
            peer.update(name='g2', mac='00:16:3e:00:00:02', ifname='', vif=vif)
        text = metrics(answers)
        self.assertEqual(value(text, 'xenloop_channel_transmitted_frames_total', peer='g2', interface='eth0',
                               mac='00:16:3e:00:00:02'), 2400)

    def test_older_daemon_without_members(self):
        self.assertEqual(samples(metrics({'status': {}, 'peers': {}, 'stats': {}})),
                         {('xenloop_up', frozenset()): 1,
                          ('xenloop_build_info', frozenset({('version', ''), ('module_version', '')})): 1})


class File(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)

    def write(self, path):
        with Host(guest()) as host:
            return run('--socket', host.path, 'metrics', path)

    def test_replaced_as_a_whole(self):
        path = self.directory / 'xenloop.prom'
        path.write_text('old\n')
        inode = path.stat().st_ino
        done = self.write(path)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
        self.assertNotEqual(path.stat().st_ino, inode)
        self.assertEqual(path.read_text(), Format.TEXTS['guest'])
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o644)
        self.assertEqual(os.listdir(self.directory), ['xenloop.prom'])

    def test_failure_leaves_nothing(self):
        (self.directory / 'xenloop.prom').mkdir()
        done = self.write(self.directory / 'xenloop.prom')
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))
        self.assertEqual(os.listdir(self.directory), ['xenloop.prom'])
        self.assertEqual(self.write(self.directory / 'missing/xenloop.prom').returncode, 1)


class Dashboard(unittest.TestCase):
    def test_metrics_exist(self):
        text = DASHBOARD.read_text()
        known = {**families(Format.TEXTS['guest']), **families(Format.TEXTS['dom0'])}
        used = set(re.findall(r'xenloop_[a-z_]+', ' '.join(re.findall(r'"(?:expr|definition|query)": "(.*)"', text))))
        self.assertGreater(len(used), 10)
        self.assertEqual(used - set(known), set())
        # A counter is of use as a rate only.
        for expression in re.findall(r'"expr": "(.*)"', text):
            for name in re.findall(r'xenloop_[a-z_]+_total', expression):
                self.assertRegex(expression, rf'(rate|increase)\({name}')

    def test_panels(self):
        dashboard = json.loads(DASHBOARD.read_text())
        panels = [panel for panel in dashboard['panels'] if panel['type'] != 'row']
        self.assertEqual(len({panel['id'] for panel in dashboard['panels']}), len(dashboard['panels']))
        for panel in panels:
            with self.subTest(panel['title']):
                self.assertTrue(panel['targets'])
                self.assertTrue(panel['fieldConfig']['defaults']['unit'])
                self.assertTrue(panel['description'])
                self.assertLessEqual(panel['gridPos']['x'] + panel['gridPos']['w'], 24)


class Unit(unittest.TestCase):
    def test_exposure(self):
        done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--threshold=20', '--no-pager', UNIT],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)

    def test_command(self):
        directory = re.search(r'^Environment=DIRECTORY=(.*)$', UNIT.read_text(), re.M).group(1)
        self.assertIn(f'\nReadWritePaths=-{directory}\n', UNIT.read_text())
        self.assertIn('\nExecStart=/usr/bin/xenloopctl metrics ${DIRECTORY}/xenloop.prom\n', UNIT.read_text())


if __name__ == '__main__':
    unittest.main()
