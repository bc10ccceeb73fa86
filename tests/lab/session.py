# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A host for one piece of work that is no case: the demonstration, the benchmark."""
import tempfile
from contextlib import contextmanager
from pathlib import Path

import background
import logs
from agent import AgentError
from case import CaseFailed, CommandFailed
from host import restore, snapshot
from kinds import STANDARD
from installed import installed_snapshot
from lock import HostLock
from paths import CACHE, LabError
from trees import remove


@contextmanager
def session(name, destdir=None, up=False):
    """A host fresh from the snapshot, or the one that `lab up` started; if the work fails, its logs are kept."""
    if up:
        with failures_explained(name, background.need_running()) as host:
            yield host
        return
    with restored(name, installed_snapshot(destdir) if destdir else snapshot()) as host:
        yield host


@contextmanager
def restored(name, saved, kind=STANDARD):
    """The same from a given snapshot."""
    with HostLock() as lock, tempfile.TemporaryDirectory(prefix='run-', dir=CACHE) as directory:
        host = restore(Path(directory), lock, saved=saved, kind=kind)
        try:
            with failures_explained(name, host):
                yield host
        finally:
            host.qemu.stop()


@contextmanager
def failures_explained(name, host):
    """Turns what went wrong into one line; a complaint of any domain's kernel is a failure."""
    try:
        yield host
        logs.expect_no_complaints(host)
    except (AgentError, CaseFailed, CommandFailed) as error:
        raise LabError(f'{error}\nlab: logs of {name}: {keep_logs(name, host)}') from error


def keep_logs(name, host):
    directory = CACHE / 'logs' / name
    remove(directory)
    directory.mkdir(parents=True)
    logs.save(host, directory)
    return directory
