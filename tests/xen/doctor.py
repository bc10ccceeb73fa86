# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl doctor names the cause in set-ups that are really broken; metrics and settings on the real thing."""
import json
import subprocess

from case import expect, expect_equal, expect_in, wait_for
from paths import CHECKOUT
import _loop as loop

CONF = '/etc/xenloop/xendiscoverd.conf'
METRICS = '/var/lib/prometheus/node-exporter/xenloop.prom'
RUN = 'systemctl start xenloopd'

# What is wrong in g1, how it is mended, and all that doctor calls a problem there.
IN_GUEST = (
    ('systemctl stop xenloopd', RUN, ['daemon-stopped']),
    ('systemctl stop xenloopd; systemctl mask xenloopd', f'systemctl unmask xenloopd; {RUN}', ['daemon-masked']),
    ('echo nonsense >>/etc/xenloop/xenloopd.conf; ! systemctl restart xenloopd',
     f'sed -i /nonsense/d /etc/xenloop/xenloopd.conf; {RUN}', ['daemon-failed']),
    ('rmmod xenloop', 'modprobe xenloop', ['module-not-loaded']),
    ('tc qdisc add dev eth0 root pfifo', 'tc qdisc del dev eth0 root', ['aside-qdisc']),
    ('xenloopctl set interfaces none0', 'xenloopctl set interfaces all', ['interface-excluded', 'peer-off']),
    ('xenloopctl disconnect g2', 'xenloopctl connect g2', ['held']),
)


def settings_of_dom0(text):
    return (f'cp {CONF} {CONF}.kept; printf "[policy]\\n{text}\\n" >{CONF}; systemctl reload xendiscoverd',
            f'mv {CONF}.kept {CONF}; systemctl reload xendiscoverd')


# The same in Dom0, of the pair and of the whole host; $vif is that of g2, which the lab reaches by it, too.
TO_XENBR1, TO_XENBR0 = 'ip link set dev $vif master xenbr1', 'ip link set dev $vif master xenbr0'
IN_DOM0 = (
    (*settings_of_dom0('deny = g1 g2'), ['policy-deny'], ['no-links']),
    (*settings_of_dom0('default = deny'), ['policy-default'], ['no-links']),
    (*settings_of_dom0('off = g2'), ['vif-policy'], ['no-links']),
    ('bridge link set dev $vif isolated on', 'bridge link set dev $vif isolated off', ['vif-isolated'], ['no-links']),
    ('ip link set dev $vif nomaster', TO_XENBR0, ['vif-no-bridge'], ['vif-no-bridge', 'no-links']),
    (TO_XENBR1, TO_XENBR0, ['other-bridge'], ['no-links']),
    (f'{TO_XENBR1}; ip link set dev xenbr1 down', f'ip link set dev xenbr1 up; {TO_XENBR0}', ['vif-down'],
     ['bridge-down', 'vif-down', 'no-links']),
    (f'{TO_XENBR1}; ip link set dev xenbr1 type bridge vlan_filtering 1; bridge vlan del dev $vif vid 1',
     f'ip link set dev xenbr1 type bridge vlan_filtering 0; {TO_XENBR0}', ['vif-vlan'], ['vif-vlan', 'no-links']),
)


def run(host):
    g1, g2, dom0 = host.g1, host.g2, host.dom0
    expect_in('daemon-stopped', causes(g1), 'g1 before anything is started')
    says(dom0, 'daemon-stopped')
    loop.started(host)
    for where, who in ((g1, ''), (g2, 'g1'), (dom0, ''), (dom0, 'g1 g2')):
        says(where, who=who)
    for broken, mended, wanted in IN_GUEST:
        g1.sh(broken)
        says(g1, *wanted)
        g1.sh(mended)
        says(g1)
    in_dom0(host)
    filtered(host)
    names(host)
    without(host)
    metrics(host)
    settings(g1)


def doctor(domain, who=''):
    """Exit code and the causes of all problems."""
    code, output = domain.run(f'xenloopctl --json doctor {who}')
    return code, [f['cause'] for f in json.loads(output)['findings'] if f['result'] == 'problem']


def causes(domain, who=''):
    return doctor(domain, who)[1]


def says(domain, *wanted, who=''):
    """Soon, and then no others; without problems the exit code is 0."""
    wait_for(lambda: doctor(domain, who) == (1 if wanted else 0, list(wanted)), 40,
             f'{domain}: doctor {who} says {wanted} (now {causes(domain, who)})')


def in_dom0(host):
    vif = f'vif={vif_of(host, "g2")};'
    for broken, mended, of_pair, of_host in IN_DOM0:
        host.dom0.sh(vif + broken)
        says(host.dom0, *of_pair, who='g1 g2')
        says(host.dom0, *of_host)
        says(host.g1, 'not-on-roster', who='g2')
        host.dom0.sh(vif + mended)
        says(host.dom0, who='g1 g2')
        says(host.g1, who='g2')


def filtered(host):
    """As it is once something has loaded br_netfilter, and what the operators' guide says to do about it."""
    host.dom0.sh('modprobe br_netfilter')
    says(host.dom0, 'vif-filtered', 'vif-filtered', who='g1 g2')
    says(host.g1, 'vif-filtered', 'no-peers')
    host.dom0.sh('sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0')
    says(host.dom0, who='g1 g2')
    says(host.g1)


def vif_of(host, name):
    return f'vif{host.domid(name)}.0'


def names(host):
    """Of guests that there are not, or that are none of each other's peers."""
    says(host.dom0, 'no-such-guest', who='g1 g9')
    says(host.dom0, 'no-such-guest', who='g9')
    says(host.dom0, 'same-guest', who='g1 g1')
    says(host.g1, 'not-on-roster', who='g9')


def without(host):
    """One side's part of it."""
    host.g2.sh('systemctl stop xenloopd && xenloopd --flush')
    says(host.dom0, 'guest-without-xenloop', who='g1 g2')
    says(host.g1, 'no-peers')
    host.g2.sh(RUN)
    says(host.g1)
    host.dom0.sh('systemctl stop xendiscoverd')
    host.g1.sh('rmmod xenloop && modprobe xenloop')
    says(host.g1, 'no-discovery')
    says(host.dom0, 'daemon-stopped')
    host.dom0.sh('systemctl start xendiscoverd')
    loop.up(host.g1, host.g2)


def metrics(host):
    """The unit in its sandbox, by hand and by its timer, and silent when all is well."""
    for domain in (host.g1, host.dom0):
        expect(not domain.ok('systemctl -q is-enabled xenloop-metrics.timer'), f'{domain}: the timer is enabled')
        domain.sh(f'mkdir -p $(dirname {METRICS}); systemctl start xenloop-metrics')
        written = when(domain)
        domain.sh('systemctl start xenloop-metrics.timer')
        wait_for(lambda: when(domain) > written, 60, f'{domain}: the timer has metrics written')
        at_once = when(domain)
        wait_for(lambda: when(domain) > at_once, 120, f'{domain}: and again')
    for domain, line in ((host.g1, 'xenloop_module_loaded 1'), (host.dom0, 'xenloop_allowed_links 1')):
        text = domain.get(METRICS).decode()
        expect_in(f'\n{line}\n', text, f'metrics of {domain}')
        expect_in('\nxenloop_up 1\n', text, f'metrics of {domain}')
        expect_equal(promtool(text), (0, ''), f'metrics of {domain}: exit code of promtool, and what it says')
        expect_equal(domain.sh(f'ls $(dirname {METRICS})'), 'xenloop.prom', f'{domain}: files for node_exporter')
        expect_equal(domain.sh('journalctl -q -o cat -u xenloop-metrics'), '', f'{domain}: journal of xenloop-metrics')


def when(domain):
    """The file's time, in nanoseconds."""
    return domain.sh(f'stat -c %.9Y {METRICS}')


def promtool(text):
    program = subprocess.run([CHECKOUT / 'scripts/promtool'], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    done = subprocess.run([program, 'check', 'metrics'], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def settings(guest):
    guest.sh('xenloopctl set idle-timeout 300; xenloopctl set stall-timeout 7000')
    expect_equal(loop.ask(guest, 'status')['settings']['idle_ms'], 300000, 'idle-timeout')
    code, output = guest.run('xenloopctl set stall-timeout 7 2>&1')
    expect_equal(code, 2, 'exit code for a value out of range')
    expect_in('not within 100 and 600000', output.decode(), 'what is said about it')
    guest.sh('systemctl reload xenloopd')
    wait_for(lambda: loop.ask(guest, 'status')['settings']['idle_ms'] == 60000, 20, 'the file has the last word')
