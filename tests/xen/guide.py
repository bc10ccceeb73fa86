# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What docs/operators-guide.md says to type works, in the order in which it says it."""
import re

from case import expect
from paths import CHECKOUT
import _loop as loop
import _packages as packages

TIMEOUT = 1800
LONG = True
STOCK = True

GUIDE = CHECKOUT / 'docs/operators-guide.md'
DIRECTORY = '/root/packages'


def run(host):
    each = {'dom0': host.dom0, 'web-1': host.g1, 'web-2': host.g2}
    packages.on_all(each.values(), deliver)
    found = blocks()
    expect(len(found) > 15, f'only {len(found)} blocks in {GUIDE}')
    for names, script in found:
        packages.on_all([each[name] for name in names], lambda domain: follow(host, domain, script))


def deliver(domain):
    packages.put(domain, 'deb', DIRECTORY)
    packages.put(domain, 'deb-next', f'{DIRECTORY}/next')
    domain.sh('mkdir -p /var/lib/prometheus/node-exporter')  # as node_exporter's package does


def blocks():
    """The domains and the script of each block that follows a line <!-- DOMAIN... -->."""
    found = re.findall(r'^<!-- ([\w -]+) -->\n((?:    .*\n)+)', GUIDE.read_text(), re.M)
    return [(names.split(), re.sub('^    ', '', text, flags=re.M)) for names, text in found]


def follow(host, domain, script):
    """As a reader would, who has guests of other names; each line has to end well."""
    script = script.replace('WEB-2-ADDRESS', host.g2.ip).replace('web-1', 'g1').replace('web-2', 'g2')
    if 'ping' in script:
        loop.wait_link(host.g1, 'g2')
    if 'connect' in script:
        loop.wait_link(host.g1, 'g2', 120)
    domain.sh(f'set -e -o pipefail; export DEBIAN_FRONTEND=noninteractive LC_ALL=C; cd {DIRECTORY}\n{script}', timeout=600)
