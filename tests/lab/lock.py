# SPDX-License-Identifier: GPL-2.0 OR MIT
"""One host at a time: two of them on one machine would measure each other."""
import fcntl
import os
import shutil
import time

from paths import CACHE, LabError


class HostLock:
    """Held as long as anyone has the file open: QEMU inherits it, so it lasts as long as QEMU does."""

    patience = 0  # seconds that every lock of this process waits for a host to end

    def __enter__(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(CACHE / 'host.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + self.patience
        while not self.try_lock():
            if time.monotonic() >= deadline:
                os.close(self.fd)
                raise LabError('another lab host is running: `lab --wait SECONDS` waits for it, `lab down` ends one '
                               'that `lab up` started')
            time.sleep(0.5)
        for leftover in CACHE.glob('run-*'):  # nobody is using them, or the lock would be taken
            shutil.rmtree(leftover, ignore_errors=True)
        return self

    def try_lock(self):
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    def __exit__(self, *_):
        os.close(self.fd)
