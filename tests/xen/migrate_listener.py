# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Live migration of a PVH guest on one host, under load: this one listens."""
from migrate import LONG, TIMEOUT, migrated  # noqa: F401


def run(host):
    migrated(host, 'listener')
