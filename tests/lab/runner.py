# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Runs the cases of tests/xen, each on a host fresh from the snapshot."""
import importlib.util
import math
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import checks
import kernels
import logs
import pace
from case import CaseFailed
from host import restore, snapshot
from installed import installed_snapshot
from lock import HostLock
from paths import CACHE, CHECKOUT, LabError
from trees import remove

CASES = CHECKOUT / 'tests' / 'xen'
DEFAULT_TIMEOUT = 900


class Case:
    def __init__(self, path):
        self.name = path.stem
        specification = importlib.util.spec_from_file_location(f'case_{self.name}', path)
        self.module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self.module)
        self.timeout = getattr(self.module, 'TIMEOUT', DEFAULT_TIMEOUT)
        self.shared = self.flag('SHARED')
        self.stock = self.flag('STOCK')
        self.full = self.flag('FULL')
        self.long = self.flag('LONG')
        self.complaints_expected = self.flag('COMPLAINTS')

    def flag(self, name):
        """True or not there; anything else is a case's own constant, which would silently count as one."""
        value = getattr(self.module, name, False)
        if not isinstance(value, bool):
            raise LabError(f'{self.name}: {name} is a flag of the lab (see case.py), not a name for {value!r}')
        return value


def find(names):
    """The named cases, or all of them, sorted; a file whose name begins with _ is a helper of cases."""
    sys.path.insert(0, str(CASES))
    paths = {path.stem: path for path in sorted(CASES.glob('*.py')) if not path.name.startswith('_')}
    wanted = [Path(name).stem for name in names] or list(paths)
    unknown = [name for name in wanted if name not in paths]
    if unknown:
        raise LabError(f'no such case: {", ".join(unknown)}; there are {", ".join(paths)}')
    return [Case(paths[name]) for name in wanted]


class Runner:
    def __init__(self, lock, saved, destdir):
        self.lock = lock
        self.saved = saved
        self.destdir = destdir
        self.host = None
        self.directory = None

    def fresh_host(self, stock):
        self.drop_host()
        self.directory = Path(tempfile.mkdtemp(prefix='run-', dir=CACHE))
        self.host = restore(self.directory, self.lock, saved=snapshot() if stock else self.saved)
        self.host.destdir = None if stock else self.destdir
        return self.host

    def drop_host(self):
        if self.host:
            self.host.qemu.stop()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.host = self.directory = None

    def run(self, case):
        """True if the case passed; prints its line."""
        start = time.monotonic()
        try:
            with time_limit(pace.stretched(case.timeout)):
                host = self.host if case.shared and self.host else self.fresh_host(case.stock)
                case.module.run(host)
                if not case.complaints_expected:
                    logs.expect_no_complaints(host)
                    checks.expect_nothing_found(host)
        except Exception as error:  # a broken case must not end the others
            report_failure(case, error, time.monotonic() - start, self.host)
            self.drop_host()
            return False
        print(f'ok   {case.name} ({time.monotonic() - start:.0f} s)', flush=True)
        if not case.shared:
            self.drop_host()
        return True


def report_failure(case, error, seconds, host):
    directory = CACHE / 'logs' / case.name
    remove(directory)
    directory.mkdir(parents=True)
    (directory / 'traceback').write_text(''.join(traceback.format_exception(error)))
    if host:
        logs.save(host, directory)
    message = str(error).strip() or type(error).__name__
    print(f'FAIL {case.name} ({seconds:.0f} s): {message}\n     logs: {directory}', flush=True)
    for line in logs.complaints(host)[:3] if host else ():
        print(f'     {line}', flush=True)


@contextmanager
def time_limit(seconds):
    def expire(*_):
        raise CaseFailed(f'not done after {seconds} s')

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def without(cases, unwanted, why):
    """The cases but those that are unwanted; says which are left out."""
    left_out = [case.name for case in cases if unwanted(case)]
    if left_out:
        print(f'left out: {", ".join(left_out)} ({why})', flush=True)
    return [case for case in cases if not unwanted(case)]


def chosen_cases(names, short):
    """The named cases, as far as they can run now."""
    cases = find(names)
    if short:
        cases = without(cases, lambda case: case.long, 'long; `make check-xen` runs them')
        cases.sort(key=lambda case: case.timeout)  # if there is no time for all, then for many
    if kernels.chosen.name != 'stock':
        cases = without(cases, lambda case: case.stock, "they install packages, with a module for Debian's kernel")
        cases = without(cases, lambda case: case.full, 'they fill the host with guests, which are larger with this kernel')
    return cases


def run_some(cases, run_one, until):
    """Returns how many passed and how many failed; says which would have begun after `until`, in seconds since the epoch."""
    results = []
    for number, case in enumerate(cases):
        if time.time() > until:
            without(cases[number:], lambda _: True, 'no time left; `make check-xen` runs them')
            break
        results.append(run_one(case))
    return results.count(True), results.count(False)


def run(names, destdir=None, short=False, until=math.inf):
    """Runs cases, with the files of destdir in every domain, prints the tally, and returns how many failed."""
    cases = chosen_cases(names, short)
    saved = installed_snapshot(destdir) if destdir else snapshot()
    with HostLock() as lock:
        runner = Runner(lock, saved, destdir)
        try:
            passed, failed = run_some(cases, runner.run, until)
        finally:
            runner.drop_host()
    if not passed + failed:
        raise LabError('no case has run')
    print(f'{passed} passed, {failed} failed', flush=True)
    return failed
