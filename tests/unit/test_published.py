#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What docs/bench keeps: no row below its least, and every report linked from docs/performance.md."""
import json
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tests/lab'), str(ROOT / 'tests/bench')]
sys.dont_write_bytecode = True

import bench_fifo  # noqa: E402
from report import RATIO  # noqa: E402
from rows import ROWS     # noqa: E402

DIRECTORY = ROOT / 'docs/bench'


def ratios(text):
    """{row: ratio} of the table of figures, the one with a column of ratios."""
    found, column = {}, None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if RATIO in cells:
            column = cells.index(RATIO)
        elif not cells:
            column = None
        elif column and cells[0] in ROWS:
            found[cells[0]] = float(cells[column])
    return found


class Published(unittest.TestCase):
    def test_rows_are_what_they_have_to_be(self):
        found = ratios((DIRECTORY / 'report.md').read_text())
        for name, row in ROWS.items():
            with self.subTest(name):
                self.assertIn(name, found)
                self.assertGreaterEqual(found[name], row.target.least if row.target else 0)

    def test_nothing_was_lost_in_the_channel(self):
        self.assertRegex((DIRECTORY / 'report.md').read_text(), r'\d+ frames in a row\'s samples, 0 lost, 0 dropped')

    def test_fifo(self):
        rows = json.loads((DIRECTORY / 'fifo.json').read_text())['rows']
        self.assertEqual(bench_fifo.too_low(rows), [])
        self.assertLessEqual(set(bench_fifo.TARGETS), {row['frame'] for row in rows})

    def test_reports_are_linked(self):
        page = (ROOT / 'docs/performance.md').read_text()
        for report in DIRECTORY.glob('*.md'):
            self.assertTrue(f'](bench/{report.name})' in page, report.name)


if __name__ == '__main__':
    unittest.main()
