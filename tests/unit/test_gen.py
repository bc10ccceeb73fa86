#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The committed uapi header and netlink policies are what proto/xenloop.yaml says."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ('include/uapi/linux/xenloop.h', 'kmod/netlink-gen.h', 'kmod/netlink-gen.c')
SPEC = yaml.safe_load((ROOT / 'proto/xenloop.yaml').read_text())


def macro(*words):
    return '_'.join(('xenloop',) + words).replace('-', '_').upper()


def names(items):
    return [item if isinstance(item, str) else item['name'] for item in items]


def expected():
    """Every constant of the header and its value, worked out from the spec alone."""
    values = {}
    for item in SPEC['definitions']:
        values.update({macro(item['name'], name): number for number, name in enumerate(names(item['entries']))})
    for item in SPEC['attribute-sets']:
        attributes = names(item['attributes'])
        values.update({macro('a', item['name'], name): number for number, name in enumerate(attributes, 1)})
    commands = names(SPEC['operations']['list'])
    values.update({macro('cmd', name): number for number, name in enumerate(commands, 1)})
    values[macro('cmd', 'max')] = len(commands)
    return values


def compiled(identifiers):
    """The values that a C compiler sees in the header."""
    lines = ''.join(f'printf("%d\\n", (int){ident});' for ident in identifiers)
    source = f'#include <stdio.h>\n#include <linux/xenloop.h>\nint main(void) {{ {lines} return 0; }}'
    with tempfile.TemporaryDirectory() as directory:
        program = f'{directory}/values'
        subprocess.run(['cc', '-Wall', '-Werror', f'-I{ROOT}/include/uapi', '-x', 'c', '-', '-o', program],
                       input=source, text=True, check=True)
        output = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(zip(identifiers, map(int, output.split())))


class Generated(unittest.TestCase):
    def test_committed_files_are_current(self):
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([sys.executable, '-B', ROOT / 'proto/gen.py', directory], check=True)
            for path in FILES:
                with self.subTest(path):
                    self.assertEqual((ROOT / path).read_text(), (pathlib.Path(directory) / path).read_text(),
                                     'out of date: make regen')

    def test_header_has_the_values_of_the_spec(self):
        values = expected()
        self.assertEqual(compiled(list(values)), values)

    def test_u64_sets_have_padding(self):
        for item in SPEC['attribute-sets']:
            has_u64 = any(attribute['type'] == 'u64' for attribute in item['attributes'])
            pad = macro('a', item['name'], 'pad') in (ROOT / FILES[0]).read_text()
            self.assertEqual(has_u64, pad, item['name'])


class Policies(unittest.TestCase):
    def setUp(self):
        self.source = (ROOT / 'kmod/netlink-gen.c').read_text()

    def test_each_request_has_its_attributes_and_no_others(self):
        for operation in SPEC['operations']['list']:
            request = operation.get('do', {}).get('request', {}).get('attributes', [])
            head = f'{operation["name"].replace("-", "_")}_do_policy['
            body = self.source.partition(f'nla_policy {head}')[2].partition('};')[0]
            wanted = {macro('a', operation['attribute-set'], name) for name in request}
            found = {line.split(']')[0].strip('\t[') for line in body.splitlines() if line.startswith('\t[')}
            self.assertEqual(found, wanted, operation['name'])

    def test_all_but_info_need_admin(self):
        entries = self.source.partition('genl_ops xenloop_nl_ops')[2].split('\t},')
        for entry in entries[:-1]:
            self.assertEqual('GENL_ADMIN_PERM' in entry, 'XENLOOP_CMD_INFO,' not in entry, entry)

    def test_events_need_admin(self):
        groups = self.source.partition('genl_multicast_group xenloop_nl_mcgrps')[2].partition('};')[0]
        self.assertEqual(groups.count('.name = '), len(SPEC['mcast-groups']['list']))
        self.assertEqual(groups.count('.flags = GENL_MCAST_CAP_NET_ADMIN'), groups.count('.name = '))


if __name__ == '__main__':
    unittest.main()
