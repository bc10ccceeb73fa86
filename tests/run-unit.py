#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Runs unit tests and fuzzers and counts test cases; the last line is "N passed, N failed".

A file is run by its name: *.py by python3 (unittest), fuzz_* as a libFuzzer target on its corpus, anything else as a
cmocka program. A crash, a timeout or a program without test cases counts as one failure. A case that skips itself, as
it needs root, or no Xen, is none that passed, and its program's line says so.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIMEOUT = 100   # seconds per program
FUZZ_RUNS = 20000
FUZZ_SECONDS = 8


def execute(command, timeout, env=None):
    """Exit status, or a word for what has none, and output."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, cwd=ROOT, env={**os.environ, **(env or {})})
    except FileNotFoundError:
        return 'missing', 'not built'
    except subprocess.TimeoutExpired as error:
        return 'timeout', (error.stdout or b'').decode(errors='replace')
    return done.returncode, done.stdout.decode(errors='replace')


def counted(status, passed, failed, skipped=0):
    """A program that failed otherwise than by a counted case, or ran none, has one failure more."""
    if (status != 0 and not failed) or (not passed and not failed):
        failed += 1
    return passed, failed, skipped


def run_cmocka(path):
    status, output = execute([path], TIMEOUT, {'CMOCKA_MESSAGE_OUTPUT': 'TAP'})
    skipped = len(re.findall(r'^(?:not )?ok \d+ # SKIP', output, re.M))
    passed = len(re.findall(r'^ok \d+(?! # SKIP)\b', output, re.M))
    failed = len(re.findall(r'^not ok \d+(?! # SKIP)\b', output, re.M))
    return *counted(status, passed, failed, skipped), output


def run_python(path):
    status, output = execute([sys.executable, '-B', path], TIMEOUT)
    ran = re.search(r'^Ran (\d+) tests?', output, re.M)
    failed = sum(int(n) for n in re.findall(r'(?:failures|errors)=(\d+)', output))
    skipped = sum(int(n) for n in re.findall(r'skipped=(\d+)', output))
    passed = int(ran.group(1)) - failed - skipped if ran else 0
    return *counted(status, passed, failed, skipped), output


def fuzz_command(path, scratch, seconds):
    corpus = ROOT / 'tests/fuzz/corpus' / pathlib.Path(path).name.removeprefix('fuzz_')
    command = [path, f'-artifact_prefix={os.path.dirname(path)}/', '-timeout=10', '-print_final_stats=1',
               f'-max_total_time={seconds or FUZZ_SECONDS}']
    if not seconds:
        command += [f'-runs={FUZZ_RUNS}', '-seed=1']
    return command + [scratch] + ([str(corpus)] if corpus.is_dir() else [])


def run_fuzz(path, seconds):
    with tempfile.TemporaryDirectory() as scratch:
        status, output = execute(fuzz_command(path, scratch, seconds), TIMEOUT + seconds)
    return *counted(status, int(status == 0), int(status != 0)), output


def run(path, seconds):
    if path.endswith('.py'):
        return run_python(path)
    if os.path.basename(path).startswith('fuzz_'):
        return run_fuzz(path, seconds)
    return run_cmocka(path)


def label(path):
    """tests/unit/test_fifo (tsan) for build/tsan/tests/unit/test_fifo."""
    match = re.search(r'([^/]+)/(tests/.*)$', path)
    return f'{match.group(2)} ({match.group(1)})' if match else path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--fuzz-time', type=int, default=0, metavar='SECONDS', help='fuzz that long, without a limit of runs')
    parser.add_argument('--unbuilt', action='store_true', help='something could not be built: one failure more')
    parser.add_argument('program', nargs='+')
    options = parser.parse_args()
    passed, failed = 0, int(options.unbuilt)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: run(path, options.fuzz_time), options.program)
        for path, (good, bad, skipped, output) in zip(options.program, results):
            more = f', {skipped} skipped' if skipped else ''
            print(f'{"FAILED" if bad else "ok":7} {label(path)}: {good} passed, {bad} failed{more}', flush=True)
            if bad:
                print(output)
            passed, failed = passed + good, failed + bad
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
