#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Writes the C side of proto/xenloop.yaml: the uapi header and the kernel's policies and operations.

usage: gen.py [DIRECTORY]    (default: the checkout this script is in)
"""
import pathlib
import sys
import textwrap

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = ROOT / 'proto/xenloop.yaml'
UAPI, GEN_H, GEN_C = 'include/uapi/linux/xenloop.h', 'kmod/netlink-gen.h', 'kmod/netlink-gen.c'
DO_NOT_EDIT = '/* Do not edit: made from proto/xenloop.yaml by proto/gen.py (make regen). */\n'
SCALARS = ('u8', 'u16', 'u32', 'u64')


class SpecError(Exception):
    """The spec says something that this generator can't turn into C."""


def macro(*words):
    return '_'.join(('xenloop',) + words).replace('-', '_').upper()


def c_name(name):
    return name.replace('-', '_')


def comment(lines):
    """A block comment; each item is (text, hanging indent)."""
    out = ['/*']
    for text, hang in lines:
        wrapped = textwrap.wrap(' '.join(text.split()), 76, subsequent_indent=hang, break_on_hyphens=False)
        out += [f' * {line}' for line in wrapped] or [' *']
    return '\n'.join(out + [' */']) + '\n'


def enum(name, idents):
    body = ''.join(f'\t{ident},\n' for ident in idents)
    return f'enum{" " + name if name else ""} {{\n{body}}};\n'


def numbered(idents, limit):
    """An enum that starts at 1, its largest value known as limit."""
    first, *others = idents
    body = ''.join(f'\t{ident},\n' for ident in (first + ' = 1', *others))
    return f'enum {{\n{body}\n\t__{limit},\n}};\n#define {limit} (__{limit} - 1)\n'


def entry(item):
    """Name and doc of an enum entry, which the spec format allows to be a plain name."""
    return (item, '') if isinstance(item, str) else (item['name'], item.get('doc', ''))


def definition(spec):
    entries = [entry(item) for item in spec['entries']]
    prefix = spec['name']
    lines = [(spec['doc'], '')]
    lines += [(f'{macro(prefix, name)}: {doc}', '  ') for name, doc in entries if doc]
    return comment(lines) + enum('xenloop_' + c_name(prefix), [macro(prefix, name) for name, _ in entries])


ATTRIBUTE_KEYS = {'name', 'type', 'doc', 'len', 'enum', 'nested-attributes', 'multi-attr', 'checks'}


def type_word(attribute):
    if set(attribute) - ATTRIBUTE_KEYS:
        raise SpecError(f'{attribute["name"]}: unknown key {sorted(set(attribute) - ATTRIBUTE_KEYS)[0]!r}')
    word = attribute['type']
    if word == 'nest':
        word += ' of ' + macro('a', attribute['nested-attributes']) + '_*'
    if attribute.get('enum'):
        word += ', enum xenloop_' + c_name(attribute['enum'])
    if attribute.get('len'):
        word += f', {attribute["len"]} bytes'
    return word + (', repeated' if attribute.get('multi-attr') else '')


def attribute_set(spec):
    name, attributes = spec['name'], spec['attributes']
    lines = [(spec['doc'], ''), ('', '')] if spec.get('doc') else []
    for attribute in attributes:
        text = f'{macro("a", name, attribute["name"])} ({type_word(attribute)})'
        lines.append((text + (': ' + attribute['doc'] if attribute.get('doc') else ''), '  '))
    idents = [macro('a', name, attribute['name']) for attribute in attributes]
    if any(attribute['type'] == 'u64' for attribute in attributes):
        idents.append(macro('a', name, 'pad'))
    return comment(lines) + numbered(idents, macro('a', name, 'max'))


def admin(operation):
    return 'admin-perm' in operation.get('flags', [])


def listed(operation, kind, direction):
    """Names of the attributes that a request or reply carries, or None when there is no such message."""
    message = operation.get(kind, {}).get(direction)
    return None if message is None else message.get('attributes', [])


def command_doc(operation):
    """Comment lines of one command: what it does, who may, and its attributes."""
    sentences = [operation['doc'].strip()] if operation.get('doc') else []
    sentences.append(f'Attributes: {macro("a", operation["attribute-set"])}_*.')
    if admin(operation):
        sentences.append('Needs CAP_NET_ADMIN.')
    lines = [(f'{macro("cmd", operation["name"])}: {" ".join(sentences)}', '  ')]
    for kind, direction in (('do', 'request'), ('do', 'reply'), ('dump', 'request'), ('dump', 'reply')):
        names = listed(operation, kind, direction)
        if names:
            lines.append((f'- {kind} {direction}: {" ".join(names)}', '    '))
    if 'event' in operation:
        lines.append((f'- event: {" ".join(operation["event"]["attributes"])}', '    '))
    return lines


def commands(spec):
    lines = [line for operation in spec['operations']['list'] for line in command_doc(operation)]
    idents = [macro('cmd', operation['name']) for operation in spec['operations']['list']]
    return comment(lines) + numbered(idents, macro('cmd', 'max'))


def uapi(spec):
    groups = ''.join(f'#define {macro("mcgrp", group["name"])} "{group["name"]}"\n'
                     for group in spec['mcast-groups']['list'])
    parts = ['/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */\n' + DO_NOT_EDIT
             + '#ifndef _UAPI_LINUX_XENLOOP_H\n#define _UAPI_LINUX_XENLOOP_H\n',
             comment([(spec['doc'], '')])
             + f'#define {macro("family", "name")} "{spec["name"]}"\n'
             + f'#define {macro("family", "version")} {spec.get("version", 1)}\n']
    parts += [definition(item) for item in spec['definitions']]
    parts += [attribute_set(item) for item in spec['attribute-sets']]
    parts += [commands(spec), groups, '#endif /* _UAPI_LINUX_XENLOOP_H */\n']
    return '\n'.join(parts)


def enum_limit(spec, attribute):
    entries = next(item['entries'] for item in spec['definitions'] if item['name'] == attribute['enum'])
    return macro(attribute['enum'], entry(entries[-1])[0])


def policy_entry(spec, attribute):
    """The nla_policy initializer of one attribute in a request; refuses what would be unbounded."""
    kind = attribute['type']
    checks = attribute.get('checks', {})
    if kind in SCALARS:
        if attribute.get('enum'):
            return f'NLA_POLICY_MAX(NLA_{kind.upper()}, {enum_limit(spec, attribute)})'
        return f'{{ .type = NLA_{kind.upper()}, }}'
    if kind == 'flag':
        return '{ .type = NLA_FLAG, }'
    if kind == 'binary' and attribute.get('len'):
        return f'NLA_POLICY_EXACT_LEN({attribute["len"]})'
    if kind == 'string' and checks.get('max-len'):
        return f'{{ .type = NLA_NUL_STRING, .len = {checks["max-len"]}, }}'
    raise SpecError(f'{attribute["name"]}: no bounded policy for type {kind} in a request')


class Operation:
    """One entry of xenloop_nl_ops[]: a do or a dump of one command."""

    def __init__(self, spec, operation, kind):
        self.spec, self.operation, self.kind = spec, operation, kind
        self.set = next(item for item in spec['attribute-sets'] if item['name'] == operation['attribute-set'])
        names = listed(operation, kind, 'request') or []
        by_name = {attribute['name']: attribute for attribute in self.set['attributes']}
        self.attributes = [by_name[name] for name in by_name if name in names]
        if len(self.attributes) != len(names):
            raise SpecError(f'{operation["name"]}: request names an unknown attribute')
        self.function = f'xenloop_nl_{c_name(operation["name"])}_{kind}it'
        self.policy = f'{c_name(operation["name"])}_{kind}_policy'

    def ident(self, attribute):
        return macro('a', self.set['name'], attribute['name'])

    def prototype(self):
        second = 'struct genl_info *info' if self.kind == 'do' else 'struct netlink_callback *cb'
        return f'int {self.function}(struct sk_buff *skb, {second});\n'

    def policy_table(self):
        if not self.attributes:
            return ''
        rows = ''.join(f'\t[{self.ident(attribute)}] = {policy_entry(self.spec, attribute)},\n'
                       for attribute in self.attributes)
        size = self.ident(self.attributes[-1]) + ' + 1'
        return f'static const struct nla_policy {self.policy}[{size}] = {{\n{rows}}};\n\n'

    def initializer(self):
        fields = [f'.cmd = {macro("cmd", self.operation["name"])}', f'.{self.kind}it = {self.function}']
        if self.attributes:
            fields += [f'.policy = {self.policy}', f'.maxattr = {self.ident(self.attributes[-1])}']
        if admin(self.operation):
            fields.append('.flags = GENL_ADMIN_PERM')
        return '\t{\n' + ''.join(f'\t\t{field},\n' for field in fields) + '\t},\n'


def operations(spec):
    return [Operation(spec, operation, kind) for operation in spec['operations']['list']
            for kind in ('do', 'dump') if kind in operation]


def gen_header(spec):
    groups = [macro('nlgrp', group['name']) for group in spec['mcast-groups']['list']]
    return ('/* SPDX-License-Identifier: GPL-2.0 */\n' + DO_NOT_EDIT
            + '#ifndef XENLOOP_NETLINK_GEN_H\n#define XENLOOP_NETLINK_GEN_H\n\n'
            + '#include <net/genetlink.h>\n#include <net/netlink.h>\n\n#include <linux/xenloop.h>\n\n'
            + f'#define XENLOOP_NL_OPS_COUNT {len(operations(spec))}\n'
            + f'#define XENLOOP_NL_MCGRPS_COUNT {len(groups)}\n\n'
            + '/* Indices into xenloop_nl_mcgrps[]. */\n' + enum('', groups)
            + '\nextern const struct genl_ops xenloop_nl_ops[XENLOOP_NL_OPS_COUNT];\n'
            + 'extern const struct genl_multicast_group xenloop_nl_mcgrps[XENLOOP_NL_MCGRPS_COUNT];\n\n'
            + '/* Written by hand in netlink.c. */\n'
            + ''.join(operation.prototype() for operation in operations(spec))
            + '\n#endif /* XENLOOP_NETLINK_GEN_H */\n')


def group_initializer(group):
    flags = ' .flags = GENL_MCAST_CAP_NET_ADMIN,' if admin(group) else ''
    return f'\t[{macro("nlgrp", group["name"])}] = {{ .name = {macro("mcgrp", group["name"])},{flags} }},\n'


def gen_source(spec):
    groups = ''.join(map(group_initializer, spec['mcast-groups']['list']))
    return ('// SPDX-License-Identifier: GPL-2.0\n' + DO_NOT_EDIT + '#include "compat.h"\n#include "netlink-gen.h"\n\n'
            + ''.join(operation.policy_table() for operation in operations(spec))
            + 'const struct genl_ops xenloop_nl_ops[XENLOOP_NL_OPS_COUNT] = {\n'
            + ''.join(operation.initializer() for operation in operations(spec)) + '};\n\n'
            + 'const struct genl_multicast_group xenloop_nl_mcgrps[XENLOOP_NL_MCGRPS_COUNT] = {\n' + groups + '};\n')


def generate(target):
    spec = yaml.safe_load(SPEC.read_text())
    for path, text in ((UAPI, uapi(spec)), (GEN_H, gen_header(spec)), (GEN_C, gen_source(spec))):
        file = pathlib.Path(target) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


if __name__ == '__main__':
    if len(sys.argv) > 2 or sys.argv[1:2] == ['--help']:
        sys.exit(__doc__.strip())
    try:
        generate(sys.argv[1] if sys.argv[1:] else ROOT)
    except SpecError as error:
        sys.exit(f'{SPEC}: {error}')
