#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The bugs that `make check-debug-red` puts into the module: each can be put in, and names what it takes to find it."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBUG = ROOT / 'tests/debug'
PATCHES = sorted(DEBUG.glob('*.patch'))


def field(patch, name):
    return re.findall(rf'^{name}: (.*)$', patch.read_text(), re.M)


class Patches(unittest.TestCase):
    def test_those_that_red_puts_in(self):
        named = re.search(r'set -- (.*)$', (DEBUG / 'red').read_text(), re.M).group(1).split()
        self.assertEqual(sorted(named), [patch.stem for patch in PATCHES])

    def test_apply_to_the_module(self):
        for patch in PATCHES:
            with self.subTest(patch.name):
                done = subprocess.run(['patch', '--dry-run', '--batch', '-p1', '-i', patch], cwd=ROOT, timeout=60,
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_name_a_case(self):
        for patch in PATCHES:
            with self.subTest(patch.name):
                cases = field(patch, 'Case')
                self.assertEqual(len(cases), 1)
                self.assertTrue((ROOT / 'tests/xen' / f'{cases[0]}.py').exists(), cases[0])

    def test_name_a_report(self):
        """An expression for grep -E, which is not to match what any failed run prints."""
        for patch in PATCHES:
            with self.subTest(patch.name):
                reports = field(patch, 'Report')
                self.assertEqual(len(reports), 1)
                self.assertRegex(reports[0], r'BUG: |WARNING: |leak')


if __name__ == '__main__':
    unittest.main()
