#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""debian/ agrees with the rest: the version, what the build needs, what is installed."""
import os
import pathlib
import re
import subprocess
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

    def test_copyright_is_what_each_file_of_the_module_says(self):
        paragraphs = re.findall(r'^Files: (.*)\nCopyright: .*\nLicense: (.*)$', (ROOT / 'debian/copyright').read_text(), re.M)
        licence = {name: text for names, text in paragraphs for name in names.split()}
        for path in (ROOT / 'kmod').glob('*.[ch]'):
            name = f'kmod/{path.name}'
            said = re.search(r'SPDX-License-Identifier: (.*?)(?: \*/)?\n', path.read_text())[1]
            wanted = {'GPL-2.0': 'GPL-2', 'GPL-2.0 OR MIT': 'GPL-2 or Expat'}[said]
            self.assertEqual(licence.get(name, licence['kmod/*']), wanted, name)

    def test_documents_come_with_what_they_link_to(self):
        listed = (ROOT / 'debian/xenloop-tools.install').read_text()
        patterns = re.findall(r'^(\S+) usr/share/doc/xenloop-tools(?:/docs)?$', listed, re.M)
        shipped = {path for pattern in patterns for path in ROOT.glob(pattern)}
        linked = {(page.parent / link).resolve() for page in shipped if page.suffix == '.md'
                  for link in re.findall(r'\]\((?!https?:)([^)#]+)', page.read_text())}
        own = {path for path in linked if path.parent == ROOT / 'docs'}
        self.assertGreater(len(own), 8)
        self.assertEqual(own - shipped, set())

    def test_man_pages_come_with_what_they_describe(self):
        """That of the module with what is in each guest, wherever its module comes from."""
        pages = {page: path.stem for path in (ROOT / 'debian').glob('*.install')
                 for page in re.findall(r'^usr/share/man/(.*)$', path.read_text(), re.M)}
        self.assertEqual(pages, {'man4': 'xenloop-tools', 'man8/xenloopctl.8': 'xenloop-tools',
                                 'man5/xenloopd.conf.5': 'xenloopd', 'man8/xenloopd.8': 'xenloopd',
                                 'man5/xendiscoverd.conf.5': 'xendiscoverd', 'man8/xendiscoverd.8': 'xendiscoverd'})


class Guide(unittest.TestCase):
    """What the operators' guide says to type and tests/xen/guide.py does not is what `make deb` runs in its own tree."""
    BLOCKS = re.findall(r'\(not tested[^)]*\):\n\n((?:    .*\n)+)', (ROOT / 'docs/operators-guide.md').read_text())

    def made(self):
        outer = {name: value for name, value in os.environ.items() if not name.startswith('MAKE')}
        return subprocess.run(['make', '-n', 'deb', 'BUILD=build'], cwd=ROOT, env=outer, check=True, capture_output=True,
                              text=True).stdout

    def test_all_blocks_are_looked_at(self):
        self.assertEqual(len(self.BLOCKS), 2)

    def test_building_for_this_release(self):
        install, build = self.BLOCKS[0].splitlines()
        needed = install.partition('apt install ')[2].split()
        tree = (ROOT / 'tests/lab/packages/tools-trixie').read_text().split()
        self.assertEqual(set(needed) - set(tree), set())
        self.assertIn(f"'{build.strip()} ", self.made())

    def test_building_a_module(self):
        """The tree has no running kernel of its own, so there it goes by what is installed."""
        line = self.BLOCKS[1].strip().replace('"$(cat VERSION)"', VERSION)
        self.assertIn("'" + line.replace('"$(uname -r)"', '$(basename /lib/modules/6.12*)') + "'", self.made())


if __name__ == '__main__':
    unittest.main()
