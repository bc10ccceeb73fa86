# SPDX-License-Identifier: GPL-2.0 OR MIT
"""xenloopctl doctor names the cause in set-ups that are really broken; metrics and settings on the real thing."""
import json

from case import expect, expect_equal, expect_in, wait_for
import _loop as loop

CONF = '/etc/xenloop/xendiscoverd.conf'


def run(host):
    g1, g2, dom0 = host.g1, host.g2, host.dom0
    expect_in('daemon-stopped', causes(g1), 'g1 before anything is started')
    says(dom0, 'daemon-stopped')
    loop.started(host)
    for where, who in ((g1, ''), (g2, 'g1'), (dom0, ''), (dom0, 'g1 g2')):
        says(where, who=who)

    g1.sh('rmmod xenloop')
    says(g1, 'module-not-loaded')
    dom0.sh('systemctl stop xendiscoverd')
    g1.sh('modprobe xenloop')
    says(g1, 'no-discovery')
    says(dom0, 'daemon-stopped')
    dom0.sh('systemctl start xendiscoverd')
    loop.up(g1, g2)

    g1.sh('systemctl stop xenloopd')
    says(g1, 'daemon-stopped')
    g1.sh('systemctl start xenloopd; tc qdisc add dev eth0 root pfifo')
    says(g1, 'aside-qdisc')
    g1.sh('tc qdisc del dev eth0 root')
    says(g1)
    g1.sh('xenloopctl disconnect g2')
    says(g1, 'held')
    g1.sh('xenloopctl connect g2')
    says(g1)

    policy(host)
    other_bridge(host)
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


def policy(host):
    host.dom0.sh(f'cp {CONF} {CONF}.kept; printf "[policy]\\ndeny = g1 g2\\n" >{CONF}; systemctl reload xendiscoverd')
    says(host.dom0, 'policy-deny', who='g1 g2')
    says(host.dom0, 'no-links')
    says(host.g1, 'not-on-roster', who='g2')
    host.dom0.sh(f'mv {CONF}.kept {CONF}; systemctl reload xendiscoverd')
    says(host.g1)


def other_bridge(host):
    """g2 cannot be asked meanwhile, since it is reached by that very vif."""
    vif = f'vif{host.domid("g2")}.0'
    host.dom0.sh(f'ip link set dev {vif} master xenbr1')
    says(host.dom0, 'other-bridge', who='g1 g2')
    host.dom0.sh(f'ip link set dev {vif} master xenbr0')
    says(host.dom0, who='g1 g2')


def metrics(host):
    """The unit in its sandbox, and silent when all is well."""
    for domain, line in ((host.g1, 'xenloop_module_loaded 1'), (host.dom0, 'xenloop_allowed_links 1')):
        domain.sh('mkdir -p /var/lib/prometheus/node-exporter; systemctl start xenloop-metrics')
        text = domain.sh('cat /var/lib/prometheus/node-exporter/xenloop.prom; ls /var/lib/prometheus/node-exporter')
        expect_in(f'\n{line}\n', text, f'metrics of {domain}')
        expect_in('\nxenloop_up 1\n', text, f'metrics of {domain}')
        expect_equal(text.splitlines()[-1], 'xenloop.prom', f'{domain}: files for node_exporter')
        expect_equal(domain.sh('journalctl -q -o cat -u xenloop-metrics'), '', f'{domain}: journal of xenloop-metrics')
        expect(not domain.ok('systemctl -q is-enabled xenloop-metrics.timer'), f'{domain}: the timer is enabled')


def settings(guest):
    guest.sh('xenloopctl set idle-timeout 300; xenloopctl set stall-timeout 7000')
    expect_equal(loop.ask(guest, 'status')['settings']['idle_ms'], 300000, 'idle-timeout')
    code, output = guest.run('xenloopctl set stall-timeout 7 2>&1')
    expect_equal(code, 2, 'exit code for a value out of range')
    expect_in('not within 100 and 600000', output.decode(), 'what is said about it')
    guest.sh('systemctl reload xenloopd')
    wait_for(lambda: loop.ask(guest, 'status')['settings']['idle_ms'] == 60000, 20, 'the file has the last word')
