#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The pure parts of `make check-matrix`: which cells there are, the disks of their hosts, the table in the docs."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
for directory in ('tests/lab', 'tests/xen', 'tests/matrix'):
    sys.path.insert(0, str(ROOT / directory))
sys.dont_write_bytecode = True

from case import CaseFailed                          # noqa: E402
import guests                                        # noqa: E402
import matrix_report                                 # noqa: E402
import trees                                         # noqa: E402
from cells import CELLS                              # noqa: E402
from kinds import STANDARD                           # noqa: E402
from networks import BRIDGE, OPENVSWITCH, ROUTED     # noqa: E402
from platforms import BACKPORTS, BOOKWORM, PLATFORMS, TRIXIE, Dom0     # noqa: E402
from qemu import machine                             # noqa: E402

DOM0 = {'xen': '4.20.2', 'linux': '6.12.1', 'xenloop': '1.0'}
PASSED = {'passed': True, 'reason': None, 'date': '2026-01-02', 'commit': '0123abcd',
          'found': {'dom0': DOM0, 'g1': {'linux': '6.12.1'}, 'g2': {'linux': '6.12.1'}, 'qemu': '10.0.2'}}
FAILED = {'passed': False, 'reason': 'boot: no agent\nwithin 5 s', 'date': '2026-01-03', 'found': {}}


class Cells(unittest.TestCase):
    def test_names(self):
        names = [cell.name for cell in CELLS]
        self.assertEqual(len(set(names)), len(names))
        for name in names:
            self.assertRegex(name, r'^[a-z0-9.-]+$')

    def test_each_combination_that_is_promised(self):
        guests_of = [(cell.dom0, guest) for cell in CELLS for guest in (cell.a, cell.b) if cell.network is BRIDGE]
        for dom0 in (BOOKWORM, TRIXIE):
            for platform in PLATFORMS:
                self.assertIn((dom0, platform), [(on, guest.platform) for on, guest in guests_of])
            for kind in ('pv', 'pvh'):
                self.assertIn((dom0, kind), [(on, guest.kind) for on, guest in guests_of])
            for network in (BRIDGE, ROUTED, OPENVSWITCH):
                self.assertIn((dom0, network), [(cell.dom0, cell.network) for cell in CELLS])
            self.assertIn((dom0, 2), [(on, guest.vcpus) for on, guest in guests_of])
            self.assertIn((dom0, True), [(cell.dom0, cell.saved) for cell in CELLS])

    def test_mixed_pairs(self):
        mixed = {frozenset((cell.a.platform, cell.b.platform)) for cell in CELLS}
        for pair in ((BOOKWORM, TRIXIE), (TRIXIE, BACKPORTS), (BOOKWORM, BACKPORTS)):
            self.assertIn(frozenset(pair), mixed)

    def test_each_kernel_in_both_roles(self):
        """g1 grants the memory and listens, g2 maps it and connects; with a peer that is not alike."""
        mixed = [cell for cell in CELLS if cell.network is BRIDGE and cell.a.platform != cell.b.platform]
        for platform in PLATFORMS:
            self.assertIn(platform, [cell.a.platform for cell in mixed])
            self.assertIn(platform, [cell.b.platform for cell in mixed])

    def test_only_pv_guests_are_saved(self):
        for cell in CELLS:
            self.assertTrue(not cell.saved or cell.b.kind == 'pv', cell.name)


class Found(unittest.TestCase):
    """A cell that ran with other systems than it stands for has failed."""
    CELL = next(cell for cell in CELLS if cell.name == 'bookworm-6.1-7.3')

    def found(self):
        guest = {'kind': 'PV', 'vcpus': '2', 'xen': '4.17.6-pre'}
        return {'dom0': {'debian': '12.11', 'linux': '6.1.0-37-amd64', 'xen': '4.17.6-pre'},
                'g1': {**guest, 'debian': '12.11', 'linux': '6.1.0-37-amd64'},
                'g2': {**guest, 'debian': '13.1', 'linux': '7.3.4+deb13-amd64'}, 'qemu': '10.0.2'}

    def test_as_wanted(self):
        self.CELL.expect(self.found())

    def test_otherwise(self):
        for name, key, value in (('dom0', 'linux', '6.12.1'), ('dom0', 'debian', '13.1'), ('dom0', 'xen', '4.20.1'),
                                 ('g1', 'linux', '6.10.1'), ('g1', 'vcpus', '1'), ('g2', 'debian', '12.11'),
                                 ('g2', 'linux', '6.12.118'), ('g2', 'kind', 'PVH')):
            found = self.found()
            found[name][key] = value
            with self.subTest(name, key=key), self.assertRaises(CaseFailed):
                self.CELL.expect(found)


class Hosts(unittest.TestCase):
    def test_each_platform_has_a_disk_of_its_own(self):
        for dom0 in PLATFORMS:
            kind = Dom0(dom0)
            drives = dict(re.findall(r'id=(vd.),file=(\S+?),', ' '.join(machine(kind.image_path(), kind.disks()))))
            found = set()
            for platform in PLATFORMS:
                disk, = kind.configuration(platform)['disks']
                found.add(drives[re.match(r'phy:/dev/(vd.),xvda,r', disk)[1]])
            self.assertEqual(len(found), len(PLATFORMS))
            own, = kind.configuration(dom0)['disks']
            self.assertEqual(own, guests.DISK)

    def test_other_hosts_have_no_such_disk(self):
        self.assertEqual(machine('image'), machine('image', STANDARD.disks()))

    def test_lists_of_packages(self):
        common = set(trees.packages('matrix'))
        for platform in PLATFORMS:
            words = trees.packages(platform.tree)
            self.assertLess(common, set(words))
            self.assertFalse([word for word in words if word.startswith('@')])


class Report(unittest.TestCase):
    def test_rows(self):
        bridge, routed = CELLS[0], next(cell for cell in CELLS if cell.network is ROUTED)
        text = matrix_report.markdown((bridge, routed), {bridge.name: PASSED, routed.name: PASSED})
        self.assertIn(f'| {bridge.name} | Xen 4.20.2, Linux 6.12.1 | 6.12.1, PV, 1 vCPU |', text)
        self.assertIn('| bridge | channel | 2026-01-02 |', text)
        self.assertIn('| routed | stays on netfront | 2026-01-02 |', text)
        self.assertIn('2 passed, 0 failed. XenLoop 1.0 of commit 0123abcd, in QEMU 10.0.2.', text)

    def test_a_failed_cell_says_why(self):
        text = matrix_report.markdown(CELLS[:1], {CELLS[0].name: FAILED})
        self.assertIn('| failed | 2026-01-03 |', text)
        self.assertIn(f'- {CELLS[0].name}: boot: no agent within 5 s', text)

    def test_a_cell_that_was_not_run(self):
        self.assertIn('| not run | – |', matrix_report.markdown(CELLS[:1], {}))

    def test_the_docs_have_all_cells(self):
        table = matrix_report.DOCUMENT.read_text().split(matrix_report.BEGIN)[1].split(matrix_report.END)[0]
        self.assertEqual(re.findall(r'^\| ([a-z0-9.-]+) \|', table, re.M)[2:], [cell.name for cell in CELLS])


unittest.main()
