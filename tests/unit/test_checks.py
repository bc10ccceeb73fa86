#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What counts as a kernel's complaint, and which cases do not run on a kernel that checks itself."""
import contextlib
import io
import pathlib
import sys
import tempfile
import time
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lab'))
sys.dont_write_bytecode = True

import checks   # noqa: E402
import kernels  # noqa: E402
import logs     # noqa: E402
import pace     # noqa: E402
import runner   # noqa: E402
from paths import LabError  # noqa: E402

OBJECT = '''unreferenced object 0xffff88800d3e4000 (size 4096):
  comm "xenloopd", pid 310, jiffies 4294912345
  backtrace (crc 41bc3c5a):
    [<000000002a6fc8b5>] __kmalloc_node_noprof+0x2a1/0x3c0
    [<00000000f61f3aab>] {}
'''
OURS = 'xenloop_chan_accept+0xe5/0x4a0 [xenloop]'
UNLOADED = '0xffffffffa0004b25'
THEIRS = 'ext4_fill_super+0x1f0/0x2c0'


class Leaks(unittest.TestCase):
    def test_only_ours_counts(self):
        self.assertIsNone(checks.leak(''))
        self.assertIsNone(checks.leak(OBJECT.format(THEIRS)))
        found = checks.leak(OBJECT.format(THEIRS) + OBJECT.format(OURS) + OBJECT.format(THEIRS))
        self.assertEqual(found, OBJECT.format(OURS).strip())

    def test_an_unloaded_module_has_no_names(self):
        self.assertTrue(checks.leak(OBJECT.format(UNLOADED)))


class Races(unittest.TestCase):
    """KCSAN is off until somebody switches it on, and then finds nothing."""

    def look(self, said):
        checks.races_are_watched(mock.Mock(sh=lambda _: said))

    def test_watched(self):
        self.look('enabled: 1\nused_watchpoints: 0\n')

    def test_not_watched(self):
        with self.assertRaises(checks.CaseFailed):
            self.look('enabled: 0\nused_watchpoints: 0\n')


class Complaints(unittest.TestCase):
    def complains(self, line):
        return logs.matching(logs.COMPLAINT, 'g1', line) == [f'g1: {line}']

    def last_words(self, line):
        return logs.matching(logs.LAST_WORDS, 'g1', line) == [f'g1: {line}']

    def test_each_checker_is_heard(self):
        for line in ('BUG: KASAN: slab-use-after-free in xenloop_tx+0x1f0/0x2c0 [xenloop]',
                     'WARNING: possible circular locking dependency detected', 'WARNING: suspicious RCU usage',
                     'BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585'):
            self.assertTrue(self.complains(line) and self.last_words(line), line)

    def test_a_crash_on_purpose_is_no_complaint(self):
        self.assertFalse(self.last_words('Kernel panic - not syncing: sysrq triggered crash'))
        self.assertTrue(self.last_words('Kernel panic - not syncing: kernel: panic_on_warn set ...'))

    def test_races_of_others_are_no_complaint(self):
        self.assertFalse(self.complains('BUG: KCSAN: data-race in tcp_poll / tcp_recvmsg_locked'))
        self.assertTrue(self.complains('BUG: KCSAN: data-race in held [xenloop] / count_marker [xenloop]'))

    def test_a_warning_of_netfront_is_no_complaint(self):
        warning = ('[ 1.0] WARNING: include/linux/mm.h:2128 at {0}+0x1c7/0x520 [xen_netfront], CPU#0: xenwatch/29\n'
                   '[ 1.0] Call Trace:\n[ 1.0] ---[ end trace 0000000000000000 ]---\n')
        bug = '[ 2.0] BUG: soft lockup - CPU#0 stuck for 34s!'
        text = warning.format('xennet_disconnect_backend') + bug + '\n'
        self.assertEqual(logs.matching(logs.COMPLAINT, 'g1', text), [f'g1: {bug}'])
        self.assertTrue(logs.matching(logs.COMPLAINT, 'g1', warning.format('xenloop_tx')))

    def test_it_hides_no_other_one(self):
        unended = '[ 1.0] WARNING: include/linux/mm.h:2128 at xennet_disconnect_backend+0x1c7/0x520 [xen_netfront]'
        other = '[ 2.0] WARNING: kmod/tx.c:1 at xenloop_tx+0x1/0x2 [xenloop]'
        text = f'{unended}\n[ 2.0] ---[ cut here ]---\n{other}\n[ 2.0] ---[ end trace 0000000000000000 ]---\n'
        self.assertIn(f'g1: {other}', logs.matching(logs.COMPLAINT, 'g1', text))


class Flags(unittest.TestCase):
    def case(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, 'some.py')
            path.write_text(text)
            return runner.Case(path)

    def test_true_or_not_there(self):
        self.assertTrue(self.case('FULL = True').full)
        self.assertFalse(self.case('').full)

    def test_a_constant_of_that_name(self):
        with self.assertRaisesRegex(LabError, '^some: FULL is a flag .* 300$'):
            self.case('FULL = 300')


class LeftOut(unittest.TestCase):
    NAMES = ['packages', 'many_guests', 'traffic']

    def chosen(self, kernel, short=False):
        self.addCleanup(setattr, pace, 'factor', pace.factor)
        self.addCleanup(setattr, kernels, 'chosen', kernels.chosen)
        kernels.choose(kernel)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            cases = runner.chosen_cases(self.NAMES, short)
        return [case.name for case in cases], said.getvalue()

    def test_nothing_on_debians_kernel(self):
        self.assertEqual(self.chosen('stock'), (self.NAMES, ''))

    def test_said_on_another(self):
        for kernel in ('debug', 'races'):
            names, said = self.chosen(kernel)
            self.assertEqual(names, ['traffic'])
            self.assertRegex(said, r'(?m)^left out: packages \(')
            self.assertRegex(said, r'(?m)^left out: many_guests \(')

    def test_long_ones(self):
        names, said = self.chosen('stock', short=True)
        self.assertEqual(names, ['traffic'])
        self.assertRegex(said, r'^left out: packages, many_guests \(long')

    def test_quick_ones_first(self):
        self.NAMES = ['revoked', 'traffic', 'reopen']
        names, _ = self.chosen('stock', short=True)
        self.assertEqual(names, ['traffic', 'reopen', 'revoked'])

    def run_some(self, seconds_left):
        cases = runner.find(['traffic', 'tcpdump', 'udp_sequence'])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            counts = runner.run_some(cases, lambda case: case.name != 'tcpdump', time.time() + seconds_left)
        return counts, said.getvalue()

    def test_all_in_time(self):
        self.assertEqual(self.run_some(60), ((2, 1), ''))

    def test_too_late(self):
        counts, said = self.run_some(-1)
        self.assertEqual(counts, (0, 0))
        self.assertRegex(said, r'^left out: traffic, tcpdump, udp_sequence \(no time')


if __name__ == '__main__':
    unittest.main()
