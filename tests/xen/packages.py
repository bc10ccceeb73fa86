# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The Debian packages: install on a stock system, upgrade under load, remove and purge; nothing is left.

The guests' image has no compiler, so they get the module as a package that scripts/deb built with DKMS from xenloop-dkms;
`make check-dkms` installs that one.
"""
import json
from contextlib import contextmanager

from case import expect, expect_equal, expect_in, wait_for
import _loop as loop
import _packages as packages
from _load import Load
from services import lossless

TIMEOUT = 2400
LONG = True
STOCK = True

SERVICES = {'dom0': 'xendiscoverd', 'guest': 'xenloopd'}
CHANGE = '# a line of the administrator'
COLLECTOR = '/var/lib/prometheus/node-exporter'  # a directory of node_exporter's package

# What a running system changes by itself, and dpkg's own records. (It removes others' *.wants, too, when they are empty.)
FILES = r"""find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root -o -path '/run/*' \
	-o -path /var/log -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/lib/apt -o -path /scratch \
	-o -path '/etc/*-' -o -path /etc/.pwd.lock -o -path '/var/lib/systemd/*' -o -path '/etc/systemd/system/*.wants' -empty \) -prune -o -print
	ls -d /run/xen*loop* /run/xendiscoverd"""
REST = """getent passwd; getent group; stat -c '%n %U %G %a' /dev/xen/*
	SYSTEMD_BUS_TIMEOUT=300s systemctl list-unit-files --no-legend  # by default 25 s: little for a Dom0 that removes packages
	lsmod | grep xenloop; journalctl --list-catalog | grep XenLoop
	dpkg-query -W -f '${Package} ${Status}\\n' '*xen*loop*' xendiscoverd
	find /var/lib/systemd | grep -e xenloop -e xendiscoverd; systemctl --failed --no-legend"""


def run(host):
    domains = (host.dom0, host.g1, host.g2)
    packages.on_all(domains, lambda d: d.sh(f'mkdir -p {COLLECTOR}'))
    before, nodes = state(domains), xenstore(host)
    packages.on_all(domains, first_install)
    packages.on_all(domains, running)
    loop.up(host.g1, host.g2)
    explained(host)
    packages.on_all(domains, used)
    with Load(host.g1, host.g2) as load:
        upgrade(host, domains, load)
        change_module(host, load)
        remove(host, load)
    with lossless(host.g1, host.g2), metrics_at_work(host.dom0):
        packages.on_all(domains, lambda d: packages.apt(d, f'purge {packages.names(d)}'))
    expect_equal(xenstore(host), nodes, 'XenStore nodes')
    changed = {domain.name: sorted(was ^ now) for domain, was, now in zip(domains, before, state(domains))}
    expect_equal(changed, {domain.name: [] for domain in domains}, 'what purge left or took with it')


def first_install(domain):
    """In guests the module comes last, as apt orders it where DKMS has to build it: xenloopd is there before, and waits."""
    packages.put(domain, 'deb', '/root/deb')
    if packages.kind(domain) == 'guest':
        packages.apt(domain, 'install /root/deb/xenloop-tools_*.deb /root/deb/xenloopd_*.deb')
        wait_for(lambda: 'waiting: module xenloop is not loaded' in domain.sh('systemctl status xenloopd', check=False), 20,
                 f'{domain}: xenloopd waits')
    packages.apt(domain, 'install /root/deb/*.deb')
    if packages.kind(domain) == 'guest':
        expect(domain.ok('test -e /sys/module/xenloop'), f'{domain}: the package of the module loads it')


def used(domain):
    """As an administrator has it: other settings, and metrics."""
    domain.sh(f'''set -e
        for file in /etc/xenloop/*.conf; do echo '{CHANGE}' >>$file; done
        systemctl enable --now xenloop-metrics.timer''')
    wait_for(lambda: domain.ok(f'test -e {COLLECTOR}/xenloop.prom'), 60, f'{domain}: metrics')


@contextmanager
def metrics_at_work(domain):
    """At the moment when the service that writes them is stopped."""
    drop_in = '/run/systemd/system/xenloop-metrics.service.d'
    domain.sh(f'''set -e; mkdir -p {drop_in}
        printf '[Service]\\nTimeoutStartSec=infinity\\nExecStart=\\nExecStart=sleep infinity\\n' >{drop_in}/slow.conf
        systemctl daemon-reload; systemctl stop xenloop-metrics; systemctl start --no-block xenloop-metrics
        until [ "$(systemctl is-active xenloop-metrics)" = activating ]; do sleep 0.2; done''')
    yield
    domain.sh(f'rm -r {drop_in}; systemctl daemon-reload')


def upgrade(host, domains, load):
    """The daemons change, under the channels that there are."""
    before = channels(host)
    with lossless(host.g1, host.g2):
        for domain in domains:
            packages.install(domain, 'deb-next')
            running(domain)
            load.progress()
    for guest, other in ((host.g1, host.g2), (host.g2, host.g1)):
        expect_in('+next', guest.sh('xenloopctl --version; xenloopd --version'), f'{guest}: version')
        loop.wait_state(guest, other.name, 'up')
        expect_equal(doctor(guest), (0, ['module-version']), f'{guest}: doctor, exit code and notes')
    expect_equal(channels(host), before, 'channels after the upgrade')
    packages.on_all(domains, lambda d: d.sh(f"grep -x '{CHANGE}' /etc/xenloop/*.conf"))


def doctor(guest):
    code, output = guest.run('xenloopctl --json doctor')
    return code, [f['cause'] for f in json.loads(output)['findings'] if f['result'] == 'note']


def change_module(host, load):
    expect('+next' not in loop.kernel(host.g1)['module_version'], 'the running module is the old one still')
    with lossless(host.g1, host.g2):
        host.g1.sh('systemctl stop xenloopd && rmmod xenloop && systemctl start xenloopd')
        loop.wait_state(host.g1, 'g2', 'up', 120)
        load.progress()
    expect_in('+next', loop.kernel(host.g1)['module_version'], 'module version')
    expect_equal(doctor(host.g1), (0, []), 'doctor after the change')


def remove(host, load):
    with lossless(host.g1, host.g2):
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
