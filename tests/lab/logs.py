# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the host has to say after a failure."""
import re
import shutil

from agent import AgentError
from case import CaseFailed

COMPLAINT = re.compile(r'WARNING:|BUG:|Oops|general protection fault|Kernel panic|INFO: task .* blocked|'
                       r'rcu:? INFO|possible recursive locking|KASAN|unreferenced object|Call Trace')
EVERYWHERE = {'dmesg': 'dmesg', 'journal': 'journalctl -b --no-pager -o short-monotonic'}
IN_DOM0 = {'xl-dmesg': 'xl dmesg', 'xl-list': 'xl list -v', 'xenstore': 'xenstore-ls -fp',
           'consoles': 'tail -n +1 /var/log/xen/console/* /var/log/xen/*.log'}


def save(host, directory):
    """Collects what can still be had; a guest that is gone must not hide the others' logs."""
    shutil.copyfile(host.directory / 'console.log', directory / 'host-console')
    for name, domain in host.domains.items():
        commands = {**EVERYWHERE, **IN_DOM0} if name == 'dom0' else EVERYWHERE
        for what, command in commands.items():
            try:
                output = domain.run(command, timeout=60)[1]
            except AgentError as error:
                (directory / f'{name}-unreachable').write_text(f'{error}\n')
                break
            (directory / f'{name}-{what}').write_bytes(output)


def complaints(domain):
    """Lines in which a domain's kernel reports a fault of its own."""
    return [line for line in domain.sh('dmesg').splitlines() if COMPLAINT.search(line)]


def expect_no_complaints(host):
    for name, domain in host.domains.items():
        try:
            lines = complaints(domain)
        except AgentError:
            continue  # a case may end guests; if it should not have, it says so itself
        if lines:
            raise CaseFailed(f'{name}: its kernel complains: {lines[0]}')
