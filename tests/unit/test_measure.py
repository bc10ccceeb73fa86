#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The benchmark's pure parts: what programs print, which way frames took, figures, rows, report."""
import json
import os
import pathlib
import sys
import tempfile
import unittest
import xml.dom.minidom

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lab'))
sys.dont_write_bytecode = True

import figures   # noqa: E402
import measure   # noqa: E402
import outputs   # noqa: E402
import plot      # noqa: E402
import publish   # noqa: E402
import quiet     # noqa: E402
import report    # noqa: E402
import tables    # noqa: E402
import ways      # noqa: E402
from case import CaseFailed  # noqa: E402
from rows import ROWS        # noqa: E402

PING = '''PING 10.0.2.22 (10.0.2.22) 56(84) bytes of data.

--- 10.0.2.22 ping statistics ---
300 packets transmitted, 299 received, 0.333333% packet loss, time 652ms
rtt min/avg/max/mdev = 1.204/2.108/9.288/0.621 ms, pipe 2, ipg/ewma 2.180/2.019 ms
'''
RR = '''THROUGHPUT=400.00
ELAPSED_TIME=5.00
P50_LATENCY=2391
P90_LATENCY=2900
P99_LATENCY=6100
'''
UDP = 'THROUGHPUT=120.5\nLOCAL_SEND_THROUGHPUT=240\nREMOTE_RECV_THROUGHPUT=120.5\n'
STREAM = 'THROUGHPUT=400\nELAPSED_TIME=5.00\nREMOTE_BYTES_RECVD=250000000\n'
NO_SERVER = '''establish control: are you sure there is a netserver listening on 10.0.2.22 at port 12865?
establish_control could not establish the control connection from 0.0.0.0 port 0 address family AF_UNSPEC
'''
NETPIPE = '''       1 0.003815   0.00200000
      63 0.480652   0.00100000
      64 0.488281   0.00300000
 1048576 320.000000   0.02500000
'''
XL_LIST = '''Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0   767     1     r-----     {0}
g1                                           1   384     1     -b----      {1}
(null)                                       7     0     1     --p--d       1.0
'''


def stats(channel=3, peer='g2', **counters):
    named = {name.replace('_', '-'): value for name, value in counters.items()}
    return json.dumps({'schema': 1, 'channels': [{'channel': channel, 'name': peer, 'stats': named}]}, indent=2)


def counters(eth0, lo, report='{"channels": []}'):
    return ways.counted(f'{eth0}\n{eth0}\n{lo}\n{report}\n')


class Outputs(unittest.TestCase):
    def test_ping(self):
        self.assertEqual(outputs.ping(PING), {'sent': 300, 'received': 299, 'ms': 2.108})
        with self.assertRaisesRegex(ValueError, 'unknown host'):
            outputs.ping('ping: unknown host')

    def test_netperf(self):
        self.assertEqual(outputs.netperf(RR)['THROUGHPUT'], 400)
        self.assertEqual(outputs.percentiles(outputs.netperf(RR)), {'p50': 2391, 'p90': 2900, 'p99': 6100})
        self.assertEqual(outputs.percentiles({'P50_LATENCY': -1, 'P90_LATENCY': -1, 'P99_LATENCY': -1}), {})
        with self.assertRaisesRegex(ValueError, 'could not establish'):
            outputs.netperf(NO_SERVER)
        with self.assertRaisesRegex(ValueError, 'no output'):
            outputs.netperf('')

    def test_netpipe(self):
        self.assertEqual(outputs.netpipe(NETPIPE)[-1], (1048576, 320.0, 25000.0))
        with self.assertRaisesRegex(ValueError, 'Cannot Connect'):
            outputs.netpipe('Client: Cannot Connect! errno=111\n')

    def test_cpu_seconds(self):
        self.assertEqual(outputs.cpu_seconds(XL_LIST.format(182.6, 95.1)), {'Domain-0': 182.6, 'g1': 95.1, '(null)': 1.0})
        with self.assertRaises(ValueError):
            outputs.cpu_seconds('libxl: error\n')

    def test_peers(self):
        peers = (ROOT / 'tests/unit/golden/guest-peers.json').read_text()
        self.assertTrue(outputs.is_up(peers, 'g2'))
        self.assertFalse(outputs.is_up(peers, 'database-server'))
        self.assertFalse(outputs.is_up((ROOT / 'tests/unit/golden/guest-peers-none.json').read_text(), 'g2'))

    def test_stats(self):
        golden = (ROOT / 'tests/unit/golden/guest-stats.json').read_text()
        self.assertEqual(outputs.channels(golden)['g2', 3]['rx-drop-src-mac'], 1)

    def test_journal(self):
        self.assertEqual(outputs.journal('{"MESSAGE": "x"}\n-- No entries --\n'), [{'MESSAGE': 'x'}])


class Ways(unittest.TestCase):
    def test_each_way_is_recognized(self):
        idle, busy = stats(tx_frames=10, rx_frames=10), stats(tx_frames=510, rx_frames=510)
        self.assertEqual(ways.expect_way('xenloop', counters(0, 0, idle), counters(5, 1, busy)), 1000)
        self.assertEqual(ways.expect_way('netfront', counters(0, 0), counters(500, 3)), 1000)
        self.assertEqual(ways.expect_way('loopback', counters(0, 0), counters(2, 900)), 900)

    def refuse(self, text, *arguments):
        with self.assertRaisesRegex(CaseFailed, text):
            ways.expect_way(*arguments)

    def test_the_other_way_is_refused(self):
        idle, busy = stats(tx_frames=10), stats(tx_frames=510)
        self.refuse('did not take XenLoop', 'xenloop', counters(0, 0, idle), counters(500, 0, idle))
        self.refuse('did not take XenLoop', 'xenloop', counters(0, 0, idle), counters(25, 0, busy))
        self.refuse('did not take netfront', 'netfront', counters(0, 0, idle), counters(0, 0, busy))
        self.refuse('did not take loopback', 'loopback', counters(0, 0), counters(0, 0))
        self.refuse('no channel', 'xenloop', counters(0, 0), counters(500, 0))
        self.refuse('went down', 'xenloop', counters(0, 0, idle), counters(0, 0, stats(channel=4, tx_frames=510)))

    def test_losses(self):
        mine = outputs.channels(stats(tx_frames=100, rx_frames=50, tx_returned=2))
        peers = outputs.channels(stats(peer='g1', tx_frames=50, rx_frames=96, rx_drop_vlan=1, tx_drop_nomem=1))
        self.assertEqual(ways.losses(mine, peers), {'frames': 150, 'lost': 1, 'dropped': 2})


class Measure(unittest.TestCase):
    def read(self, row, text):
        measurement = measure.for_rows([row])[0]
        return measurement.read(text)

    def test_rows_of_measurements_are_the_rows(self):
        self.assertEqual({row for measurement in measure.MEASUREMENTS for row in measurement.rows}, set(ROWS))
        self.assertEqual([measurement.rows for measurement in measure.for_rows(['CPU_PER_GB'])], [('TCP_STREAM', 'CPU_PER_GB')])

    def test_readers(self):
        self.assertEqual(self.read('PING_RTT', PING), {'PING_RTT': {'value': 2.108}})
        self.assertEqual(self.read('TCP_RR', RR)['TCP_RR']['value'], 400)
        self.assertEqual(self.read('UDP_STREAM_16K', UDP), {'UDP_STREAM_16K': {'value': 120.5, 'sent': 240}})
        self.assertEqual(self.read('NETPIPE_LAT', NETPIPE)['NETPIPE_LAT'], {'value': 1500.0})
        self.assertEqual(self.read('NETPIPE_BW', NETPIPE)['NETPIPE_BW']['value'], 320)
        with self.assertRaisesRegex(CaseFailed, '2 of 300'):
            self.read('PING_RTT', PING.replace('299 received', '2 received'))

    def test_cost(self):
        start, end = (outputs.cpu_seconds(XL_LIST.format(*times)) for times in ((10, 20), (11, 23)))
        cost = measure.cost(start, end, {'Domain-0': 0.5, 'g1': 0}, measure.gigabytes(STREAM))
        self.assertEqual(cost, {'value': 14, 'dom0': 2})
        self.assertEqual(measure.thousand_transactions(RR), 2)

    def test_script_and_split(self):
        before, output, after = measure.split(
            f'== before\n1\n2\n3\n{stats(tx_frames=1)}\n== output\nsome\noutput\n== after\n2\n4\n6\n{stats(tx_frames=9)}\n')
        self.assertEqual(output, 'some\noutput\n')
        self.assertEqual(ways.traffic(before, after), {'eth0': 3, 'lo': 3, 'channel': 8})
        self.assertIn('netperf -4 -P 0 -j -H 10.0.2.22 -t TCP_RR -l 5',
                      measure.script(measure.for_rows(['TCP_RR'])[0].command('10.0.2.22', 5)))

    def test_the_clock_is_read_only_for_percentiles(self):
        timed = {measurement.rows[0] for measurement in measure.MEASUREMENTS if ' -j ' in measurement.command('10.0.2.22', 5)}
        self.assertEqual(timed, {'TCP_RR', 'UDP_RR'})


class Figures(unittest.TestCase):
    def test_middle_and_spread(self):
        self.assertEqual(figures.middle([3, 1, 2.00004]), 2)
        self.assertIsNone(figures.middle([]))
        self.assertEqual(figures.spread([1, 2, 3, 4, 5]), {'min': 1, 'max': 5, 'iqr': 2})
        self.assertEqual(figures.spread([7]), {'min': 7, 'max': 7, 'iqr': 0})

    def test_ratio(self):
        self.assertEqual(figures.ratio('higher', 100, 250), 2.5)
        self.assertEqual(figures.ratio('lower', 2.0, 0.5), 4)
        self.assertIsNone(figures.ratio('lower', 2.0, None))

    def test_curves(self):
        curves = [[(1, 10, 5), (2, 20, 6)], [(1, 30, 7), (2, 20, 6), (3, 1, 1)], [(1, 20, 9), (2, 20, 6)]]
        self.assertEqual(figures.median_curve(curves), [[1, 20, 7], [2, 20, 6]])


class Quiet(unittest.TestCase):
    def test_times(self):
        self.assertAlmostEqual(quiet.busy_seconds('cpu  100 200 300 9999 9999 400 500 600 7 8\ncpu0 1 2\n') * quiet.TICKS, 2100)
        fields = ' '.join(map(str, range(3, 53)))
        self.assertAlmostEqual(quiet.process_seconds(f'12 (a (name) x) {fields}') * quiet.TICKS, 14 + 15)

    def take(self, shares, attempts=3):
        """undisturbed() when others use these shares, one for each attempt; the result is the attempt's number."""
        class Watch:
            def __init__(self, pid):
                pass

            def others(self):
                return shares[len(taken) - 1]

        taken, real = [], (quiet.Watch, quiet.wait)
        quiet.Watch, quiet.wait = Watch, lambda pid, patience: None
        try:
            return quiet.undisturbed(1, lambda: taken.append(1) or len(taken), attempts, lambda text: None)
        finally:
            quiet.Watch, quiet.wait = real

    def test_attempts(self):
        self.assertEqual(self.take([0.01]), (1, 0.01))
        self.assertEqual(self.take([0.4, 0.02]), (2, 0.02))
        self.assertEqual(self.take([0.4, 0.2, 0.3]), (2, 0.2))

    def test_live(self):
        self.assertGreaterEqual(quiet.Watch(os.getpid()).others(), 0)


def entry(way, name, number):
    found = {'value': 100 + number + (400 if way == 'xenloop' else 0), 'others': 0.01 * number}
    if name.startswith('CPU'):
        found['dom0'] = 3.5
    if name == 'TCP_RR':
        found['latency_us'] = {'p50': 100 + number, 'p90': 200, 'p99': 300}
    if name == 'UDP_STREAM_16K':
        found['sent'] = 700
    if name == 'NETPIPE_BW':
        found['curve'] = [(1, 0.5, 10), (1024, 90 + number, 20), (1 << 20, 300, 400)]
    if way == 'xenloop':
        found['channel'] = {'frames': 10, 'lost': 0, 'dropped': 0}
    return found


def document(errors=(), rounds=5):
    samples = {(way, row): [entry(way, row, number) for number in range(rounds)] for way in ways.WAYS for row in ROWS}
    if errors:
        samples['xenloop', 'TCP_RR'] = []
    return {'testbed': {'kernel': '6.12', 'rounds': 5}, 'rows': [tables.row(ROWS[name], samples, errors) for name in ROWS]}


class Publish(unittest.TestCase):
    def against(self, rows):
        return publish.obstacles(rows, ROWS, 5)

    def test_whole_run(self):
        self.assertEqual(self.against(document()['rows']), [])

    def test_what_speaks_against_it(self):
        self.assertEqual(self.against(document()['rows'][1:]), ['PING_RTT was not measured'])
        self.assertEqual(self.against(document(rounds=4)['rows'])[0], 'PING_RTT has 4 of 5 rounds')
        self.assertIn('it went down', self.against(document([(('TCP_RR',), 'xenloop', 'it went down')])['rows']))

    def test_company(self):
        rows = document()['rows']
        self.assertEqual(sum(len(shares) for row in rows for shares in row['others'].values()), 180)
        rows[0]['others'] = {way: [0.5] * 6 for way in ways.WAYS}
        self.assertEqual(self.against(rows), [])  # 18 of 183
        rows[1]['others']['xenloop'][0] = 0.5
        self.assertEqual(self.against(rows), ['19 of 183 samples were disturbed'])

    def test_nothing_is_written_against_reasons(self):
        said, written = [], []
        def write(*arguments):
            written.append(arguments)
        self.assertEqual(publish.publish(write, {}, ['one', 'two'], said.append), 2)
        self.assertEqual((said, written), (['not published: one', 'not published: two'], []))
        self.assertEqual(publish.publish(write, {}, [], said.append), 0)
        self.assertEqual(written, [({}, ROOT / 'docs/bench')])


class Report(unittest.TestCase):
    def row(self, name, *arguments):
        return next(row for row in document(*arguments)['rows'] if row['name'] == name)

    def test_row(self):
        row = self.row('TCP_RR')
        wanted = {'name': 'TCP_RR', 'unit': 'trans/s', 'better': 'higher', 'netfront': 102, 'xenloop': 502, 'loopback': 102,
                  'ratio': 4.92, 'runs': 5}
        self.assertEqual({key: row[key] for key in wanted}, wanted)
        self.assertEqual(row['ratios'], [5, 4.96, 4.92, 4.88, 4.85])
        self.assertEqual(row['channel'], {'frames': 50, 'lost': 0, 'dropped': 0})
        self.assertEqual(row['latency_us']['netfront'], {'p50': 102, 'p90': 200, 'p99': 300})
        self.assertEqual(self.row('PING_RTT')['ratio'], 0.203)
        self.assertEqual(self.row('CPU_PER_GB')['dom0'], {'netfront': 3.5, 'xenloop': 3.5, 'loopback': 3.5})

    def test_row_without_samples(self):
        row = self.row('TCP_RR', [(('TCP_RR',), 'xenloop', 'the channel went down')])
        self.assertEqual((row['xenloop'], row['ratio'], row['runs']), (None, None, 0))
        self.assertEqual(row['errors'], ['the channel went down'])

    def test_targets(self):
        rows = document()['rows']
        self.assertEqual(self.row('TCP_RR')['target'], {'least': 2.5, 'aim': 3.5})
        self.assertNotIn('target', self.row('CPU_PER_KTRANS'))
        low = tables.too_low(rows)  # rows that are better when lower: XenLoop's samples are larger than netfront's
        self.assertEqual([line.split()[0] for line in low], ['PING_RTT', 'NETPIPE_LAT', 'CPU_PER_GB'])
        self.assertEqual(low[0], 'PING_RTT is 0.203 times better than netfront, not at least 4')
        text = tables.text(rows).splitlines()
        self.assertIn('at least / aim', text[0])
        self.assertIn(' 4.92 2.5 / 3.5 ', ' '.join(next(line for line in text if line.startswith('TCP_RR')).split()) + ' ')
        self.assertIn('| 4.92 | 2.5 / 3.5 | 5 |', report.figures_table(rows))

    def test_a_row_at_its_least_is_not_too_low(self):
        row = {**self.row('TCP_RR'), 'ratio': 2.5}
        self.assertEqual(tables.too_low([row]), [])
        self.assertEqual(len(tables.too_low([{**row, 'ratio': 2.49}, {**row, 'ratio': None}])), 2)

    def test_written(self):
        for errors in ((), [(('TCP_RR',), 'xenloop', 'the channel\nwent down')]):
            with tempfile.TemporaryDirectory() as directory:
                target = pathlib.Path(directory) / 'bench'
                found = json.loads(json.dumps(document(errors)))
                report.write(found, target)
                text = (target / 'report.md').read_text()
                for name in (*report.PLOTS, *ROWS):
                    self.assertIn(name, text)
                for name in report.PLOTS:
                    xml.dom.minidom.parse(str(target / name))
                self.assertEqual('the channel went down' in text, bool(errors))
                self.assertIn('TCP_RR', tables.text(found['rows']))

    def test_no_figures_no_plots(self):
        samples = {(way, row): [] for way in ways.WAYS for row in ROWS}
        self.assertEqual(report.plots([tables.row(ROWS[name], samples, []) for name in ROWS]), {})

    def test_scale(self):
        self.assertEqual([plot.rounded_up(value) for value in (0.9, 1, 2.1, 4, 7, 1800)], [1, 1, 2.5, 4, 8, 2000])
        self.assertEqual(plot.Axis(1, 100, 0, 200, logarithmic=True)(10), 100)


if __name__ == '__main__':
    unittest.main()
