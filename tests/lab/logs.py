# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the host has to say after a failure."""
import re
import shutil

from agent import AgentError
from case import CaseFailed

COMPLAINT = re.compile(r'WARNING:|BUG:|Oops|general protection fault|Kernel panic|INFO: task .* blocked|'
                       r'rcu:? INFO|possible recursive locking|KASAN|unreferenced object|Call Trace')
# In the console of a guest that may be gone by now. That a case crashes a guest is no fault of the kernel's.
LAST_WORDS = re.compile(r'WARNING:|BUG:|ODEBUG:|general protection fault|Kernel panic(?!.*sysrq triggered)')
# Races outside the module are not ours; the kernel has plenty that it knows of.
FOREIGN_RACE = re.compile(r'KCSAN: (?!.*\[xenloop\])')
# Linux 7.3's own: at a restore netfront takes a reference to each page that it had granted, and frames whose head was
# allocated by kmalloc() have none to give. It comes without XenLoop, too; get_page() and put_page() both leave such pages alone.
FOREIGN_WARNING = re.compile(r'[^\n]*WARNING: include/linux/mm\.h:\d+ at xennet_disconnect_backend'
                             r'(?:(?!cut here).)*?---\[ end trace[^\n]*\n', re.S)
EVERYWHERE = {'dmesg': 'dmesg', 'journal': 'journalctl -b --no-pager -o short-monotonic',
              'network': 'date +%s.%N; ip -s link; ip -s neigh; tc -s qdisc; nstat -asz; xenloopctl stats 2>&1'}
IN_DOM0 = {'xl-dmesg': 'xl dmesg', 'xl-list': 'xl list -v', 'xenstore': 'xenstore-ls -fp',
           'consoles': 'tail -n +1 /var/log/xen/console/* /var/log/xen/*.log'}


# A guest at the hypervisor's address, with its code segment: QEMU has mixed up the two states.
MIXED_UP = re.compile(r'd(\d+)v\d+ Triple fault(?:(?!Triple fault).)*?RIP: +e008:\[<ffff82d', re.S)


def fault_of_emulator(host):
    """What the emulator, and nothing else, did to a PVH guest; '' if nothing."""
    found = MIXED_UP.search((host.directory / 'console.log').read_text(errors='replace'))
    return f"(domain {found[1]} was resumed with the hypervisor's registers: the emulator's doing)" if found else ''


def save(host, directory):
    """Collects what can still be had; a guest that is gone must not hide the others' logs."""
    shutil.copyfile(host.directory / 'console.log', directory / 'host-console')
    for name, domain in host.domains.items():
        commands = {**EVERYWHERE, **IN_DOM0} if name == 'dom0' else EVERYWHERE
        for what, command in commands.items() if domain.answers() else ():
            try:
                (directory / f'{name}-{what}').write_bytes(domain.run(command, timeout=60)[1])
            except AgentError as error:
                (directory / f'{name}-unreachable').write_text(f'{error}\n')
                break


def complaints(host):
    """Lines, with the domain's name, in which kernels report a fault of their own."""
    found = []
    for name, domain in host.domains.items():
        if not domain.answers():
            continue  # a case may end guests; if it should not have, it says so itself
        try:
            found += matching(COMPLAINT, name, domain.sh('dmesg'))
            if name == 'dom0':
                found += last_words(domain)
        except AgentError as error:
            found.append(f'{name}: {error}')
    return found


def last_words(dom0):
    found = []
    for path in dom0.sh('ls /var/log/xen/console/guest-*.log 2>/dev/null', check=False).split():
        name = re.search(r'guest-(.*)\.log', path)[1]
        found += matching(LAST_WORDS, name, dom0.get(path).decode(errors='replace'))
    return found


def matching(pattern, name, text):
    text = FOREIGN_WARNING.sub('', text)
    return [f'{name}: {line}' for line in text.splitlines() if pattern.search(line) and not FOREIGN_RACE.search(line)]


def expect_no_complaints(host):
    lines = complaints(host)
    if lines:
        raise CaseFailed(f'a kernel complains: {lines[0]}')
