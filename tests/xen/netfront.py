# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The testbed itself: two guests talk by netfront, and Dom0 sees them in XenStore."""
from case import expect, expect_in

SHARED = True


def run(host):
    ping_works(host.g1, host.g2)
    requests_are_answered(host.g1, host.g2)
    xenstore_shows_both(host)


def ping_works(g1, g2):
    for address in (g2.ip, g2.ip6):
        output = g1.sh(f'ping -n -c 5 -i 0.2 -W 10 {address}')
        expect_in(' 0% packet loss', output, f'ping {address}')


def requests_are_answered(g1, g2):
    g2.sh('systemd-run -q -u netserver netserver -D')
    g1.sh(f'until nc -z {g2.ip} 12865; do sleep 0.2; done')
    for address, family in ((g2.ip, '-4'), (g2.ip6, '-6')):
        output = g1.sh(f'netperf {family} -P 0 -H {address} -t TCP_RR -l 3')
        rate = float(output.split()[5])
        expect(rate > 1, f'TCP_RR to {address}: {rate} transactions/s')
    g2.sh('systemctl stop netserver')


def xenstore_shows_both(host):
    names = host.dom0.sh('for id in $(xenstore-list /local/domain); do xenstore-read /local/domain/$id/name; done')
    expect_in('g1\ng2', names, 'names in XenStore')
    listing = host.dom0.sh(f'xenstore-ls /local/domain/0/backend/vif/{host.domid("g1")}/0')
    expect_in(f'mac = "{host.g1.mac}"', listing, 'backend of g1')
