# SPDX-License-Identifier: GPL-2.0 OR MIT
"""One host at a time: two of them on one machine would measure each other."""
import fcntl
import os
import shutil

from paths import CACHE, LabError


class HostLock:
    """Held as long as anyone has the file open: QEMU inherits it, so it lasts as long as QEMU does."""

    def __enter__(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(CACHE / 'host.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.fd)
            raise LabError('another lab host is running: wait for it, or end it with `lab down`') from None
        for leftover in CACHE.glob('run-*'):  # nobody is using them, or the lock would be taken
            shutil.rmtree(leftover, ignore_errors=True)
        return self

    def __exit__(self, *_):
        os.close(self.fd)
