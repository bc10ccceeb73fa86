# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The testbed itself: interfaces come and go, a guest is saved, restored and destroyed, another one is started."""
from case import expect, expect_equal, wait_for

TIMEOUT = 1500


def run(host):
    second_interface(host)
    saved_and_restored(host)
    third_guest(host)


def second_interface(host):
    number = host.attach_vif('g1', 'xenbr1')
    wait_for(lambda: host.g1.ok('test -e /sys/class/net/eth1'), 60, 'eth1 in g1')
    host.detach_vif('g1', number)
    wait_for(lambda: host.g1.ok('test ! -e /sys/class/net/eth1'), 60, 'no eth1 in g1')


def saved_and_restored(host):
    domid = host.domid('g2')
    boot = host.g2.sh('cat /proc/sys/kernel/random/boot_id')
    host.save('g2')
    host.restore('g2')
    expect(host.domid('g2') != domid, 'g2 has a new domid')
    expect_equal(host.g2.sh('cat /proc/sys/kernel/random/boot_id'), boot, 'boot id of g2')
    host.g1.sh(f'ping -n -c 3 -W 10 {host.g2.ip}')


def third_guest(host):
    g3 = host.guest('g3', bridges=['xenbr0', 'xenbr1'], memory=256)
    g3.sh(f'ping -n -c 3 -W 10 {host.g1.ip6}')
    host.destroy('g3')
    expect('g3' not in host.dom0.sh('xl list'), 'g3 is gone')
