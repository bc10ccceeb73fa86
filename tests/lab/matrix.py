# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The matrix on Xen: for each cell of tests/matrix a host with just these systems, and what has to work there."""
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import logs
import matrix_report
import session
from host import restore, snapshot
from install import install
from lock import HostLock
from paths import CACHE, CHECKOUT, LabError
from platforms import Dom0
from runner import CASES, time_limit

sys.path += [str(CASES), str(CHECKOUT / 'tests/matrix')]
import duties               # noqa: E402
from cells import CELLS     # noqa: E402

OUTPUT = CHECKOUT / 'build/matrix-xen'
TIMEOUT = 2400      # seconds for a cell, once its host is there
MEMORY = 448        # MB of each guest
ATTEMPTS = 3        # at a cell that fails by the emulator's fault
BOOT = 900          # seconds that guests may take to boot
# Else Xen intercepts each reading of the clock, since it can't tell whether this processor's is reliable: that is slow, and
# of its exits from such guests the emulator gets one in many wrong.
PVH_CLOCK = 'tsc_mode = "native"'

VERSIONS = '''
. /etc/os-release
echo debian=$(cat /etc/debian_version)
echo linux=$(uname -r)
echo vcpus=$(nproc)
echo kind=$(cat /sys/hypervisor/guest_type)
echo xen=$(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)$(cat /sys/hypervisor/version/extra)
echo xenloop=$(xenloopctl --version | grep -o '[0-9].*')'''


class Run:
    """One cell on its way.

    `step` is what it is doing, `found` what the running domains say of themselves, `fault` what the emulator did wrong.
    """

    def __init__(self, cell, roots):
        self.cell, self.roots = cell, roots
        self.step = 'boot'
        self.found = {}
        self.fault = ''

    def go(self):
        with self.host() as host, time_limit(TIMEOUT):
            self.start_guests(host)
            self.install(host)
            self.read_versions(host)
            for duty in duties.of(self.cell):
                self.step = duty.__name__.replace('_', ' ')
                duty(host, self.cell)
            self.step = 'kernel logs'
            logs.expect_no_complaints(host)

    @contextmanager
    def host(self):
        kind = Dom0(self.cell.dom0)
        saved = snapshot(kind)
        with HostLock() as lock, tempfile.TemporaryDirectory(prefix='run-', dir=CACHE) as directory:
            host = restore(Path(directory), lock, saved=saved, kind=kind)
            try:
                yield host
            except Exception:
                self.fault = logs.fault_of_emulator(host)
                session.keep_logs(f'matrix-{self.cell.name}', host)
                raise
            finally:
                host.qemu.stop()

    def start_guests(self, host):
        network, kind = self.cell.network, Dom0(self.cell.dom0)
        host.dom0.sh(f'set -e; {network.prepare}')
        for name, guest in self.cell.guests.items():
            host.create(name, vifs=[network.vif(name)], kind=guest.kind, vcpus=guest.vcpus, memory=MEMORY,
                        more=PVH_CLOCK if guest.kind == 'pvh' else '', **kind.configuration(guest.platform))
        variables = f'vif1=vif{host.domid("g1")}.0 vif2=vif{host.domid("g2")}.0 ip6={host.g1.ip6} other6={host.g2.ip6}'
        host.dom0.sh(f'set -e; {variables}; {network.complete}')
        for name in self.cell.guests:
            host.domains[name].wait(BOOT)
        host.set_clocks()

    def install(self, host):
        self.step = 'install'
        for name, platform in self.cell.platforms.items():
            install(platform.root(self.roots), [host.domains[name]], platform.modules())

    def read_versions(self, host):
        for name, domain in host.domains.items():
            self.found[name] = dict(line.split('=', 1) for line in domain.sh(VERSIONS).splitlines())
        qemu = host.qemu.command('query-version', {})['qemu']
        self.found['qemu'] = '.'.join(str(qemu[part]) for part in ('major', 'minor', 'micro'))
        self.cell.expect(self.found)


def attempt(cell, roots):
    """A run of the cell, and why it failed, or None."""
    run = Run(cell, roots)
    try:
        run.go()
    except Exception as error:  # a broken cell must not end the others
        return run, f'{run.step}: {str(error).strip() or type(error).__name__} {run.fault}'.strip()
    return run, None


def conduct(cell, roots):
    """Runs a cell, again if it failed by the emulator's fault, prints its line and returns its result."""
    start = time.monotonic()
    for _ in range(ATTEMPTS):
        run, reason = attempt(cell, roots)
        if not run.fault:
            break
        print(f'     {cell.name}: {reason}', flush=True)
    seconds = round(time.monotonic() - start)
    print(f'{"FAIL" if reason else "ok  "} {cell.name} ({seconds} s){": " + reason if reason else ""}', flush=True)
    if reason:
        print(f'     logs: {CACHE}/logs/matrix-{cell.name}', flush=True)
    return {'name': cell.name, 'date': time.strftime('%Y-%m-%d', time.gmtime()), 'passed': not reason, 'reason': reason,
            'seconds': seconds, 'network': cell.network.name, 'commit': commit(), 'found': run.found}


def commit():
    """Of this checkout; "-dirty" if it has changes besides. Empty if it is none of git's."""
    done = subprocess.run(['git', 'describe', '--always', '--dirty', '--abbrev=12'], cwd=CHECKOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def matrix(names, roots, publish=False):
    """Runs cells, all by default, and returns how many failed; the results of the others stay what they were."""
    results = read_results()
    failed = 0
    wanted = chosen(names)
    for cell in wanted:
        results[cell.name] = conduct(cell, Path(roots))
        failed += not results[cell.name]['passed']
        write_results(results)
    if publish:
        matrix_report.publish(CELLS, results)
    print(f'{len(wanted) - failed} passed, {failed} failed', flush=True)
    return failed


def chosen(names):
    unknown = set(names) - {cell.name for cell in CELLS}
    if unknown:
        raise LabError(f'no such cell: {", ".join(sorted(unknown))}; there are {", ".join(cell.name for cell in CELLS)}')
    return [cell for cell in CELLS if not names or cell.name in names]


def read_results():
    path = OUTPUT / 'result.json'
    if not path.exists():
        return {}
    return {result['name']: result for result in json.loads(path.read_text())['cells']}


def write_results(results):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    known = [results[cell.name] for cell in CELLS if cell.name in results]
    (OUTPUT / 'result.json').write_text(json.dumps({'cells': known}, indent=1) + '\n')
