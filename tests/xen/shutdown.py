# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest that powers off or reboots closes its channels itself, and gets its pages back, before its kernel ends.

With kexec the domain and its memory stay: what a peer had still mapped then would be the next kernel's.
"""
from case import expect_equal, wait_for
from install import install
import _left as left
import _loop as loop


def run(host):
    loop.started(host)
    ends(host, 'xl shutdown -w g1')
    wait_for(lambda: loop.state(host.g2, 'g1') == 'absent', 60, 'g1 is off the roster')
    left.expect_no_channel(host.g2)
    wait_for(lambda: not host.dom0.ok('xl domid g1 2>/dev/null'), 60, 'the domain is gone')
    host.guest('g1')  # now with the higher domid: the other role
    loop.start(host)
    loop.up(host.g1, host.g2)
    ends(host, 'xl reboot g1')
    host.g1.wait()
    install(host.destdir, [host.g1])  # its root is in memory
    loop.start(host)
    loop.up(host.g1, host.g2)
    left.expect_one_channel(host, host.g1, host.g2)


def ends(host, command):
    """g2 hears from g1 that it closes, not from Dom0 that it is gone."""
    before = downs(host.g2)
    host.dom0.sh(command, timeout=300)
    wait_for(lambda: len(downs(host.g2)) > len(before), 120, f'{command}: the channel is down')
    expect_equal(downs(host.g2)[len(before):], ['peer-closed'], f'{command}: why the channel is down')


def downs(guest):
    """The reasons of all its channels' ends so far."""
    return guest.sh('journalctl -u xenloopd --no-pager -o cat | sed -n "s/^channel to .* down on eth0: //p"').splitlines()
