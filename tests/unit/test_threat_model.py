#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Each proof that docs/threat-model.md names exists."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / 'docs/threat-model.md'


def rows():
    """(promise, proofs) of each line of a table."""
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('| ') and len(cells) == 2 and cells != ['promise', 'proof']:
            yield cells


def place(name):
    for directory, pattern in (('unit', r'test_\w+\.(c|py)'), ('fuzz', r'fuzz_\w+\.c'), ('xen', r'\w+\.py')):
        if re.fullmatch(pattern, name):
            return ROOT / 'tests' / directory / name
    raise AssertionError(f'{name} is no test')


class Proofs(unittest.TestCase):
    def test_each_exists(self):
        found = 0
        for promise, proofs in rows():
            if proofs == '**none**':
                continue
            for proof in proofs.split(';'):
                name, cases, more = re.fullmatch(r'\s*`([\w.]+)`([^(]*)(?:\((.*)\))?\s*', proof).groups()
                self.assertTrue(place(name).exists(), f'{promise}: {name}')
                text = place(name).read_text()
                # In brackets: words, or the functions of a case on Xen.
                if name.endswith('.py') and place(name).parent.name == 'xen' and re.fullmatch(r'[\w, ]+', more or ' '):
                    cases += f' {more or ""}'
                for case in filter(None, re.split(r'[,\s]+', cases)):
                    self.assertRegex(text, rf'\b{case}\b', f'{promise}: {name}')
                found += 1
        self.assertGreater(found, 40)


if __name__ == '__main__':
    unittest.main()
