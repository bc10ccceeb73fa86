# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The table of docs/compatibility.md, from the results of the matrix.  Pure, but for publish()."""
from paths import CHECKOUT

DOCUMENT = CHECKOUT / 'docs/compatibility.md'
BEGIN, END = '<!-- made by make check-matrix -->', '<!-- end -->'
HEADS = ('cell', 'Dom0', 'g1', 'g2', 'network', 'result', 'date')


def publish(cells, results):
    head, rest = DOCUMENT.read_text().split(BEGIN)
    DOCUMENT.write_text(f'{head}{BEGIN}\n{markdown(cells, results)}\n{END}{rest.split(END)[1]}')


def markdown(cells, results):
    lines = [HEADS, ['---'] * len(HEADS), *(row(cell, results.get(cell.name)) for cell in cells)]
    parts = ['\n'.join('| ' + ' | '.join(line) + ' |' for line in lines), tally(results), failures(cells, results)]
    return '\n\n'.join(part for part in parts if part)


def row(cell, result):
    found = result['found'] if result else {}
    return (cell.name, dom0(cell, found.get('dom0')), guest(cell.a, found.get('g1')), guest(cell.b, found.get('g2')),
            cell.network.name, verdict(cell, result), result['date'] if result else '–')


def dom0(cell, found):
    return f'Xen {found["xen"]}, Linux {found["linux"]}' if found else str(cell.dom0)


def guest(wanted, found):
    linux = found['linux'] if found else wanted.platform.linux
    return f'{linux}, {wanted.kind.upper()}, {wanted.vcpus} vCPU'


def verdict(cell, result):
    if not result:
        return 'not run'
    if not result['passed']:
        return 'failed'
    return 'stays on netfront' if cell.network.state else 'channel'


def tally(results):
    runs = list(results.values())
    emulators = sorted({run['found']['qemu'] for run in runs if 'qemu' in run['found']})
    xenloop = sorted({run['found']['dom0']['xenloop'] for run in runs if 'dom0' in run['found']})
    commits = sorted({run['commit'] for run in runs if run.get('commit')})
    of = f' of commit {", ".join(commits)}' if commits else ''
    passed = sum(run['passed'] for run in runs)
    return f'{passed} passed, {len(runs) - passed} failed. XenLoop {", ".join(xenloop)}{of}, in QEMU {", ".join(emulators)}.'


def failures(cells, results):
    failed = [(cell.name, results[cell.name]['reason']) for cell in cells
              if cell.name in results and not results[cell.name]['passed']]
    return '\n'.join(f'- {name}: {" ".join(reason.split())}' for name, reason in failed)
