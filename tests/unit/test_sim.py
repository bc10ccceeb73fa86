#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The simulation on a small host. It checks by itself that channels come and go as they should; here: what it costs."""
import json
import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get('BUILD', 'build') / 'asan/tests/sim/sim'
GUESTS = 60


def simulate(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=90)
    if done.returncode:
        raise AssertionError(f'sim {arguments}: {done.stdout}')
    return json.loads(done.stdout)


class Scale(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.few, cls.many = simulate(GUESTS // 3), simulate(GUESTS)

    def both(self, value):
        return value(self.few), value(self.many)

    def test_three_messages_make_a_channel(self):
        for run in (self.few, self.many):
            self.assertLessEqual(run['talk']['relayed'], 3 * run['talk']['channels_up'])

    def test_a_quiet_host_is_quiet(self):
        for who in ('dom0', 'guests'):
            self.assertEqual(self.many['steady'][who], {'ops': 0, 'writes': 0, 'events': 0})

    def test_one_write_per_roster_entry(self):
        entries = GUESTS * (GUESTS - 1)
        self.assertLessEqual(self.many['start']['dom0']['writes'], entries + 2 * GUESTS)

    def test_requests_per_guest_grow_with_the_guests_and_no_faster(self):
        few, many = self.both(lambda run: (run['start']['dom0']['ops'] + run['start']['guests']['ops']) / run['guests'])
        self.assertLess(many, 3 * few)

    def test_requests_per_channel_do_not_grow(self):
        few, many = self.both(lambda run: (run['talk']['dom0']['ops'] + run['talk']['guests']['ops'])
                              / run['talk']['channels_up'])
        self.assertLess(many, 1.2 * few)

    def test_a_guest_needs_one_watch_and_few_nodes(self):
        self.assertEqual(self.many['max_guest_watches'], 1)
        self.assertLess(self.many['max_guest_nodes'], 32)
        self.assertLess(self.many['max_value'], 1024)

    def test_everybody_talks_to_everybody(self):
        run = simulate(12, 11, 7)
        self.assertEqual(run['channels'], 12 * 11 // 2)


if __name__ == '__main__':
    unittest.main()
