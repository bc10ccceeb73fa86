#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The FIFO's micro-benchmark: every way gets frames through undamaged, and samples become the right figures."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD') or 'build')
sys.path.insert(0, str(ROOT / 'tests/bench'))
sys.dont_write_bytecode = True

import bench_fifo  # noqa: E402

PROGRAM = ROOT / BUILD / 'obj/tests/bench/fifo_bench'
SIZES = [64, 256, 1514, 4096, 16384, 65536]


def sample(number, way, frame, frames):
    return {'round': number, 'way': way, 'frame': frame, 'frames': frames, 'seconds': 0.5, 'p50_ns': 100 + number,
            'p95_ns': 200 + number}


def samples():
    speed = {'fifo': [9, 8, 40], 'memcpy': [10, 10, 80], 'fifo_scattered': [5, 5, 5], 'ck_ring': [4, 4, 4], 'pipe': [1, 1, 1]}
    return [sample(number, way, size, 1000 * speed[way][number]) for number in range(3) for size in SIZES for way in speed]


class Program(unittest.TestCase):
    def test_every_way_and_size(self):
        done = subprocess.run([PROGRAM, '--rounds', '2', '--ms', '1'], capture_output=True, text=True, check=True)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({(one['round'], one['way'], one['frame']) for one in found},
                         {(number, way, size) for number in range(2) for way in bench_fifo.WAYS for size in SIZES})
        for one in found:
            self.assertGreaterEqual(one['frames'], 200)
            self.assertGreater(one['seconds'], 0)
            self.assertLess(0, one['p50_ns'])
            self.assertLessEqual(one['p50_ns'], one['p95_ns'])

    def test_usage(self):
        for options in (['--rounds', '0'], ['more'], ['--cpus', '1']):
            self.assertEqual(subprocess.run([PROGRAM, *options], capture_output=True).returncode, 2)


class Figures(unittest.TestCase):
    def test_row(self):
        row = bench_fifo.row(4096, [one for one in samples() if one['frame'] == 4096])
        self.assertEqual(row['fifo'], figures_rate(9000, 4096))
        self.assertEqual(row['memcpy'], figures_rate(10000, 4096))
        self.assertEqual(row['ratio']['memcpy'], 0.8)  # of the rounds, 0.9, 0.8 and 0.5, and not 9 / 10
        self.assertEqual(row['ratio_spread']['memcpy'], {'min': 0.5, 'max': 0.9, 'iqr': 0.2})
        self.assertEqual(row['latency_ns']['pipe'], {'p50': 101, 'p95': 201})
        self.assertEqual((row['name'], row['runs']), ('FIFO_4096', 3))

    def test_too_low(self):
        rows = bench_fifo.rows(samples())
        self.assertEqual(bench_fifo.too_low(rows), [])  # 64 KiB: just the 0.8 that it has to be
        rows[-1]['ratio']['memcpy'] = 0.79
        rows[0]['ratio']['memcpy'] = 0.1  # small frames have no target
        self.assertEqual(bench_fifo.too_low(rows), ["FIFO_65536 has 0.79 of memcpy's rate, not at least 0.8"])

    def test_what_speaks_against_publishing(self):
        document = {'testbed': {'rounds': 9, 'others': 0.01}, 'rows': bench_fifo.rows(samples())}
        self.assertEqual(bench_fifo.obstacles(document), [])
        document['testbed'] = {'rounds': 3, 'others': 0.4}
        self.assertEqual(bench_fifo.obstacles(document), ['3 of 9 rounds', 'other programs used 40% of this machine'])

    def test_written(self):
        document = {'testbed': {'cpu': 'x', 'kernel': '6', 'fifo_bytes': 1 << 19, 'rounds': 3, 'ms': 1, 'others': 0.5,
                                'date': 'today'}, 'rows': bench_fifo.rows(samples())}
        with tempfile.TemporaryDirectory() as directory:
            target = pathlib.Path(directory) / 'bench'
            bench_fifo.write(document, target)
            self.assertEqual(json.loads((target / 'fifo.json').read_text()), document)
            xml.dom.minidom.parse(str(target / 'fifo.svg'))
            self.assertIn('| 65536 | ', (target / 'fifo.md').read_text())
        self.assertEqual(len(bench_fifo.text(document['rows']).splitlines()), 1 + len(SIZES))


def figures_rate(frames, size):
    return bench_fifo.figures.significant(frames * size * 8 / 0.5 / 1e6)


if __name__ == '__main__':
    unittest.main()
