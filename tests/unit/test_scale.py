#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The pure parts of `make bench-scale`: streams at the same time, memory per channel and peer, the report."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import xml.dom.minidom
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lab'))
sys.dont_write_bytecode = True

import crowd         # noqa: E402
import memory        # noqa: E402
import outputs       # noqa: E402
import pairs         # noqa: E402
import publish       # noqa: E402
import scale         # noqa: E402
import scale_report  # noqa: E402
import tables        # noqa: E402
import ways          # noqa: E402
from case import CaseFailed                      # noqa: E402
from rows import MESSAGE_ROWS, PAIR_ROWS, PAIRS  # noqa: E402


class Streams(unittest.TestCase):
    def test_pairs_are_of_the_crowd(self):
        self.assertEqual(len({frozenset(stream) for stream in pairs.STREAMS}), max(PAIRS))
        for sender, receiver in pairs.STREAMS:
            self.assertLess({sender, receiver}, set(crowd.NAMES))
            self.assertEqual((int(sender[1:]) + int(receiver[1:])) % 2, 1)  # one on either physical CPU
        self.assertEqual([row for measurement in pairs.MEASUREMENTS for row in measurement.rows], list(PAIR_ROWS))

    def test_they_begin_at_the_same_time(self):
        begin = time.time() + 0.5
        script = pairs.timed(begin, 'echo THROUGHPUT=5')
        values = outputs.netperf(subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True).stdout)
        self.assertAlmostEqual(values['BEGIN'], begin, delta=0.4)
        self.assertGreaterEqual(values['BEGIN'], begin - 0.01)
        self.assertGreaterEqual(values['END'], values['BEGIN'])

    def test_late_ones_begin_at_once(self):
        start = time.time()
        subprocess.run(['bash', '-c', pairs.timed(start - 10, 'true')], capture_output=True, check=True)
        self.assertLess(time.time() - start, 5)

    def test_overlap(self):
        pairs.expect_overlap([{'BEGIN': 10, 'END': 15}, {'BEGIN': 10.5, 'END': 15.5}])
        with self.assertRaisesRegex(CaseFailed, '60%'):
            pairs.expect_overlap([{'BEGIN': 10, 'END': 15}, {'BEGIN': 12, 'END': 17}])

    def test_message_size_in_the_command(self):
        measurement = scale.MESSAGE_STREAMS[0]
        self.assertIn(' -m 64 ', measurement.command('10.0.2.22', 5))
        self.assertEqual(measurement.read('THROUGHPUT=7\n'), {'TCP_STREAM_64': {'value': 7}})
        self.assertEqual([stream.rows[0] for stream in scale.MESSAGE_STREAMS], list(MESSAGE_ROWS))


class Memory(unittest.TestCase):
    def test_slopes(self):
        low = {'channels': 0, 'free_kb': 9000, 'granted_kb': 0, 'ports': 1}
        high = {'channels': 4, 'free_kb': 6600, 'granted_kb': 2064, 'ports': 5}
        self.assertEqual(memory.slopes(low, high, 'channels'), {'free': 600, 'granted': 516, 'ports': 1})


def samples(names, by):
    found = {(way, name): [] for way in by for name in names}
    for index, (way, name) in enumerate(found):
        for number in range(3):
            found[way, name].append({'value': 100 + 10 * index + number, 'others': 0.01, 'least': 40, 'most': 60})
    return found


def document():
    readings = [{'channels': count, 'free_kb': 9000 - 600 * count, 'granted_kb': 516 * count, 'mapped_kb': 516 * count,
                 'ports': count} for count in (0, 1, 15)]
    channels = {'readings': readings, 'per_channel_kb': memory.slopes(readings[0], readings[-1], 'channels')}
    peers = [{'peers': count, 'free_kb': 9000 - count, 'xenloopd_kb': 4000 + count, 'xendiscoverd_kb': 5000 + 2 * count}
             for count in (1, 15)]
    return {'testbed': {'guests': 16},
            'messages': [tables.row(row, samples(MESSAGE_ROWS, ways.WAYS), []) for row in MESSAGE_ROWS.values()],
            'pairs': [tables.row(row, samples(PAIR_ROWS, scale.BY), [], scale.BY) for row in PAIR_ROWS.values()],
            'memory': {'without_free_kb': 9500, 'idle_peers': peers, 'per_idle_peer_kb': memory.slopes(*peers, 'peers'),
                       'listener': channels, 'connector': channels}}


class Run(unittest.TestCase):
    """scale.scale() with a measured document in the place of a host."""

    def run_with(self, found, keep):
        """(what it returns, the names of files that it published)"""
        with tempfile.TemporaryDirectory() as directory:
            target = pathlib.Path(directory)
            with mock.patch.object(scale.Scale, 'run', lambda run, parts: run.document.update(found)), \
                    mock.patch.object(publish, 'DIRECTORY', target / 'docs'), \
                    mock.patch.object(publish, 'CHECKOUT', target), mock.patch('builtins.print'):
                failed = scale.scale(None, output=target / 'build', keep=keep)
            return failed, {path.name for path in target.glob('docs/*')}

    def test_published(self):
        self.assertEqual(self.run_with(document(), True), (0, {'scale.md', 'pairs.svg', 'messages.svg'}))

    def test_not_published(self):
        self.assertEqual(self.run_with(document(), False), (0, set()))
        part = {'pairs': document()['pairs']}
        self.assertEqual(self.run_with(part, False), (0, set()))
        failed, files = self.run_with(part, True)
        self.assertEqual(files, set())
        self.assertEqual(failed, 1 + len(MESSAGE_ROWS))


class Report(unittest.TestCase):
    def written(self, found):
        with tempfile.TemporaryDirectory() as directory:
            target = pathlib.Path(directory)
            scale_report.write(found, target)
            for path in target.glob('*.svg'):
                xml.dom.minidom.parse(str(path))
            return (target / 'scale.md').read_text(), {path.name for path in target.glob('*.svg')}

    def test_whole(self):
        text, plots = self.written(json.loads(json.dumps(document())))
        self.assertEqual(plots, set(scale_report.PLOTS))
        for name in (*MESSAGE_ROWS, *PAIR_ROWS, *plots):
            self.assertIn(name, text)
        self.assertIn('| PAIRS_8 | 40 – 60 | 40 – 60 |', text)
        self.assertIn('| each | 600 | 516 | 516 | 1 |', text)
        self.assertIn('| xendiscoverd in Dom0, resident | 5002 | 5030 | 2 |', text)

    def test_parts(self):
        for part, heading in (('messages', '## Message sizes'), ('pairs', '## Pairs'), ('memory', '## Memory')):
            text, _ = self.written({'testbed': {}, part: document()[part]})
            self.assertEqual(text.count('\n## '), 1)
            self.assertIn(heading, text)

    def test_published_whole_or_not(self):
        self.assertEqual(scale.obstacles(document()), [])
        for part in scale.PARTS:
            less = document()
            del less[part]
            self.assertTrue(scale.obstacles(less), part)

    def test_nothing_measured(self):
        empty = [tables.row(row, {(way, row.name): [] for way in scale.BY}, [], scale.BY) for row in PAIR_ROWS.values()]
        text, plots = self.written({'testbed': {}, 'pairs': empty})
        self.assertEqual(plots, set())


if __name__ == '__main__':
    unittest.main()
