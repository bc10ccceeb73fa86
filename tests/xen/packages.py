# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The Debian packages: install on a stock system, upgrade under load, remove and purge; nothing is left.

The guests' image has no compiler, so they get the module as a package that scripts/deb built with DKMS from xenloop-dkms.
"""
from case import expect, expect_equal, expect_in, wait_for
import _loop as loop
import _packages as packages
from _load import Load
from services import flood, no_loss

TIMEOUT = 2400
LONG = True
STOCK = True

SERVICES = {'dom0': 'xendiscoverd', 'guest': 'xenloopd'}

# What a running system changes by itself, and dpkg's own records.
FILES = r"""find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root -o -path '/run/*' \
	-o -path /var/log -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/lib/apt -o -path /scratch \
	-o -path '/etc/*-' -o -path /etc/.pwd.lock -o -path '/var/lib/systemd/*' \) -prune -o -print; ls -d /run/xen*loop* /run/xendiscoverd"""
REST = """getent passwd; getent group; stat -c '%n %U %G %a' /dev/xen/*; systemctl list-unit-files --no-legend
	lsmod | grep xenloop; journalctl --list-catalog | grep XenLoop; dpkg-query -W -f '${Package} ${Status}\\n' '*xen*loop*' xendiscoverd
	find /var/lib/systemd | grep -e xenloop -e xendiscoverd; systemctl --failed --no-legend"""


def run(host):
    domains = (host.dom0, host.g1, host.g2)
    before, nodes = state(domains), xenstore(host)
    packages.on_all(domains, lambda d: packages.install(d, 'deb'))
    packages.on_all(domains, running)
    loop.up(host.g1, host.g2)
    explained(host)
    upgrade(host, domains)
    packages.on_all(domains, lambda d: packages.apt(d, f'purge {packages.names(d)}'))
    expect_equal(xenstore(host), nodes, 'XenStore nodes')
    for domain, was, now in zip(domains, before, state(domains)):
        expect_equal(sorted(was ^ now), [], f'{domain}: what purge left or took with it')


def upgrade(host, domains):
    """All while a connection is checked; each step leaves it alone."""
    before = channels(host)
    with Load(host.g1, host.g2) as load:
        flood(host.g1, host.g2)
        for domain in domains:
            packages.install(domain, 'deb-next')
            running(domain)
            load.progress()
        no_loss(host.g1)
        for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
            expect_in('+next', guest.sh('xenloopctl --version; xenloopd --version'), f'{guest}: version')
            loop.wait_state(guest, other.name, 'up')
        expect_equal(channels(host), before, 'channels after the upgrade')
        expect('+next' not in loop.kernel(host.g1)['module_version'], 'the running module is the old one still')
        host.g1.sh('systemctl stop xenloopd && rmmod xenloop && systemctl start xenloopd')
        loop.wait_state(host.g1, 'g2', 'up', 120)
        expect_in('+next', loop.kernel(host.g1)['module_version'], 'module version')
        load.progress()
        packages.apt(host.g2, f'remove {packages.names(host.g2)}')
        loop.wait_state(host.g1, 'g2', 'absent', 120)
        load.progress()


def channels(host):
    return [(loop.link(guest, other)['channel'], loop.ask(guest, 'status')['daemon']['epoch'])
            for guest, other in ((host.g1, 'g2'), (host.g2, 'g1'))]


def explained(host):
    text = wait_for(lambda: host.g1.sh('journalctl -x -u xenloopd XENLOOP_EVENT=up'), 20, 'journal entry of the channel')
    expect_in('Subject: Frames to g2 take shared memory', text, 'journalctl -x')


def running(domain):
    service = SERVICES[packages.kind(domain)]
    domain.sh(f'systemctl is-enabled {service} && systemctl is-active {service}')


def state(domains):
    return packages.on_all(domains, lambda d: set(d.sh(f'{FILES}; {REST}', check=False, timeout=300).splitlines()))


def xenstore(host):
    return host.dom0.sh('xenstore-ls -f /local/domain | grep xenloop', check=False)
