#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""debian/ agrees with the rest: the version, what the build needs, what is installed."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = (ROOT / 'VERSION').read_text().strip()


class Debian(unittest.TestCase):
    def test_version(self):
        first = (ROOT / 'debian/changelog').read_text().splitlines()[0]
        self.assertRegex(first, rf'^xenloop \({re.escape(VERSION)}\) ')
        self.assertIn(f'\n## {VERSION} ', (ROOT / 'CHANGELOG.md').read_text())

    def test_build_dependencies_are_those_of_scripts_deps(self):
        control = (ROOT / 'debian/control').read_text()
        wanted = set(re.search(r'^Build-Depends: (.*?)^\S', control, re.S | re.M).group(1).replace(',', ' ').split())
        libraries = {word for word in wanted if word.startswith('lib')}
        deps = set((ROOT / 'scripts/deps').read_text().split())
        self.assertGreater(len(libraries), 4)
        self.assertEqual(libraries - deps, set())

    def test_each_unit_and_program_is_in_a_package(self):
        listed = '\n'.join(path.read_text() for path in (ROOT / 'debian').glob('*.install'))
        units = [path.name for path in (ROOT / 'systemd').iterdir() if path.suffix in ('.service', '.timer')]
        for name in units + ['xenloopd', 'xendiscoverd', 'xenloopctl']:
            self.assertRegex(listed, rf'/{re.escape(name)}$|/{re.escape(name)}\n', name)


if __name__ == '__main__':
    unittest.main()
