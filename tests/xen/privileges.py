# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Who may do what: the daemons' users and capabilities, the control sockets, the module's netlink family, devices."""
import json
import re

from case import expect, expect_equal, expect_in, wait_for
from _hand import HEADER, HERE
import _loop as loop

GENERATED = HERE.parents[1] / 'kmod/netlink-gen.c'
SCRIPT = '/usr/local/bin/xlnl.py'

NOBODY = 'setpriv --reuid=nobody --regid=nogroup --clear-groups'
MEMBER = 'setpriv --reuid=nobody --regid=nogroup --groups=xenloop'
ROOT_WITHOUT = 'setpriv --bounding-set=-net_admin --inh-caps=-net_admin'
ROOT_OF_ITS_OWN = f'{NOBODY} unshare -Ur'   # has CAP_NET_ADMIN, in a user namespace

NONE, DAC_OVERRIDE, NET_ADMIN = '0' * 16, f'{1 << 1:016x}', f'{1 << 12:016x}'
SOCKET = '/run/xenstored/socket'


def run(host):
    loop.started(host)
    for guest in (host.g1, host.g2):
        users_of_guest(guest)
    users_of_dom0(host.dom0)
    with loop.moved(host.g1, host.g2) as m:
        output = host.g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {host.g2.ip}')
    expect_in(' 0% packet loss', output, 'ping')
    m.expect_frames(5)
    control_sockets(host)
    netlink(host.g1)
    expect(not host.g1.ok(f'{MEMBER} head -c 0 /dev/xen/xenbus'), 'group xenloop can open XenStore')
    reload(host.dom0)
    by_hand(host.dom0)
    waits(host)
    loop.up(host.g1, host.g2)


def threads(domain, unit):
    """What /proc/PID/status says of each thread, as dictionaries."""
    text = domain.sh(f'for t in /proc/{domain.main_pid(unit)}/task/*; do cat $t/status; echo; done')
    return [dict(re.findall(r'^(\w+):[ \t]*(.*)$', part, re.M)) for part in text.strip().split('\n\n')]


def expect_identity(domain, unit, user, **capabilities):
    """Each thread is the user's and has these sets of capabilities."""
    expect_equal(domain.sh(f'ps -o user:32= -p {domain.main_pid(unit)}').strip(), user, f'{unit}: user')
    uid, gid = domain.sh(f'id -u {user}; getent group xenloop | cut -d: -f3').split()
    found = threads(domain, unit)
    for thread in found:
        expect_equal(thread['Uid'].split(), [uid] * 4, f'{unit}: user ids')
        expect_equal(thread['Gid'].split(), [gid] * 4, f'{unit}: group ids')
        expect_equal(thread['NoNewPrivs'], '1', f'{unit}: NoNewPrivs')
        for name, wanted in capabilities.items():
            expect_equal(thread[name], wanted, f'{unit}: {name} of {thread["Name"]}')
    return found


def expect_socket(domain, daemon, owner):
    expect_equal(domain.sh(f'stat -c "%U %G %a" /run/{daemon}/control'), f'{owner} xenloop 660', f'{daemon}: socket')


def users_of_guest(guest):
    expect_identity(guest, 'xenloopd', 'xenloop', CapPrm=NET_ADMIN, CapEff=NET_ADMIN, CapBnd=NET_ADMIN)
    expect_socket(guest, 'xenloopd', 'xenloop')
    expect_equal(guest.sh('stat -c "%U %a" /dev/xen/xenbus'), 'xenloop 600', f'{guest}: /dev/xen/xenbus')


def users_of_dom0(dom0, unit='xendiscoverd'):
    dom0.sh('udevadm trigger --settle /dev/xen/xenbus')  # by what is known of Dom0 now
    expect_equal(dom0.sh('stat -c %U /dev/xen/xenbus'), 'root', "Dom0's /dev/xen/xenbus")
    found = expect_identity(dom0, unit, 'xendiscoverd', CapInh=NONE, CapPrm=NONE, CapEff=NONE, CapAmb=NONE)
    expect(len(found) > 1, f'{unit}: has no thread of libxenstore, which could have kept capabilities')
    expect_socket(dom0, 'xendiscoverd', 'xendiscoverd')


def refused(domain, command, reason):
    code, output = domain.run(f'{command} 2>&1')
    expect(code != 0, f'{domain}: was not refused: {command}')
    expect_in(reason, output.decode(), f'{domain}: {command}')


def control_sockets(host):
    before = loop.link(host.g1, 'g2')['channel'], loop.ask(host.g1, 'status')['settings']
    for domain in (host.g1, host.dom0):
        for verb in ('peers', 'status'):
            refused(domain, f'{NOBODY} xenloopctl {verb}', 'permission denied; be root or in group xenloop')
            expect(domain.ok(f'{MEMBER} xenloopctl {verb}'), f'{domain}: {verb} is refused to group xenloop')
    for command in ('disconnect g2', 'connect g2', 'set idle-timeout 7'):
        refused(host.g1, f'{NOBODY} xenloopctl {command}', 'permission denied; be root or in group xenloop')
        refused(host.g1, f'{MEMBER} xenloopctl {command}', f'{command.split()[0]} is for root')
    loop.wait_state(host.g1, 'g2', 'up')
    after = loop.link(host.g1, 'g2')['channel'], loop.ask(host.g1, 'status')['settings']
    expect_equal(after, before, 'channel and settings')


def netlink(guest):
    """All operations but info, and the events, ask for CAP_NET_ADMIN in the initial user namespace, before all else."""
    guest.put(HERE / 'guest/xlnl.py', SCRIPT, mode=0o755)
    guest.put(HEADER, '/usr/local/bin/xenloop.h', mode=0o644)
    names = dict.fromkeys(re.findall(r'\.cmd\s*= XENLOOP_CMD_(\w+)', GENERATED.read_text()))
    operations = [name.lower().replace('_', '-') for name in names if name != 'INFO']
    expect(len(operations) > 10, f'{GENERATED}: operations are {operations}')
    operations.append('join-events')
    wanted = [f'xlnl: {name}: Operation not permitted (errno 1)' for name in operations]
    for who in (NOBODY, ROOT_WITHOUT, ROOT_OF_ITS_OWN):
        lines = guest.sh(f'printf "%s\\n" {" ".join(operations)} | {who} {SCRIPT} -', timeout=300).splitlines()
        expect_equal(lines, wanted, f'answers to: {who}')
        expect_in('module-version', guest.sh(f'{who} {SCRIPT} info'), f'info for: {who}')
    expect_in('"id"', guest.sh(f'{SCRIPT} join-events && {SCRIPT} chan-dump'), 'the same by root')


def reload(dom0):
    dom0.sh('systemctl reload xendiscoverd')
    wait_for(lambda: dom0.ok('journalctl -b -o cat -u xendiscoverd | grep -q "xendiscoverd.conf: loaded"'), 30,
             'settings are read again')


def by_hand(dom0):
    """Root becomes the same user; others are told what is missing."""
    refused(dom0, 'xendiscoverd', 'another xendiscoverd is running')
    refused(dom0, f'{NOBODY} xendiscoverd', 'neither root nor with CAP_DAC_OVERRIDE')
    dom0.sh('systemctl stop xendiscoverd; xendiscoverd --clean; systemd-run -q -u hand xendiscoverd')
    wait_for(lambda: dom0.ok('xenloopctl status'), 60, 'xendiscoverd by hand answers')
    users_of_dom0(dom0, 'hand')
    dom0.sh('systemctl stop hand')


def waits(host):
    """Until XenStore is there it keeps what opens it, and listens to nobody."""
    dom0 = host.dom0
    dom0.sh(f'mv {SOCKET} {SOCKET}.away; systemctl start xendiscoverd')
    try:
        expect_identity(dom0, 'xendiscoverd', 'xendiscoverd', CapPrm=DAC_OVERRIDE, CapEff=DAC_OVERRIDE)
        expect(not dom0.ok('test -e /run/xendiscoverd/control'), 'it listens with a capability')
        findings = json.loads(dom0.run('xenloopctl --json doctor')[1])['findings']
        expect_equal([f['cause'] for f in findings if f['result'] == 'problem'], ['no-xenstore'], 'what doctor says')
    finally:
        dom0.sh(f'mv {SOCKET}.away {SOCKET}')
    wait_for(lambda: dom0.ok('xenloopctl status'), 60, 'xendiscoverd answers')
    users_of_dom0(dom0)
