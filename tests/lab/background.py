# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A host that stays: `lab up` starts it, later commands find it by the state file."""
import json
import os
import shutil

import guests
from domain import Domain
from host import Host, restore, snapshot
from installed import installed_snapshot
from lock import HostLock
from paths import CACHE, LabError
from qemu import Qemu
from trees import remove

STATE = CACHE / 'up.json'
DIRECTORY = CACHE / 'run-up'


def up(destdir=None):
    if running():
        raise LabError('the host is up already; `lab down` ends it')
    saved = installed_snapshot(destdir) if destdir else snapshot()
    with HostLock() as lock:
        remove(DIRECTORY)
        host = restore(DIRECTORY, lock, stay=True, saved=saved)
        save(host)
    return host


def running():
    """The host that `lab up` started, or None."""
    if not STATE.exists():
        return None
    state = json.loads(STATE.read_text())
    qemu = Qemu(DIRECTORY, state['pid'])
    if not qemu.alive():
        return None
    host = Host(qemu)
    for name, port in state['ports'].items():
        ip, ip6, mac = guests.DOM0 if name == 'dom0' else guests.addresses(name)
        host.domains[name] = Domain(name, port, ip, ip6, mac)
    return host


def need_running():
    host = running()
    if not host:
        raise LabError('no host is up: `lab up` starts one')
    return host


def save(host):
    """Remembers the pid and how to reach each domain."""
    state = {'pid': host.qemu.pid, 'ports': {name: domain.port for name, domain in host.domains.items()}}
    temporary = STATE.with_suffix('.tmp')
    temporary.write_text(json.dumps(state))
    os.replace(temporary, STATE)


def down():
    host = running()
    if host:
        host.qemu.stop()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    STATE.unlink(missing_ok=True)
    return bool(host)
