# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Tiny guests, for a host full of them: Dom0's kernel, busybox and XenLoop in an initramfs.

They have neither disk nor systemd nor Python, one network interface with an IPv4 address, and a quarter of the usual
memory.  Their scripts are for busybox's sh and get no data, so there is no put().  What xenloopd logs goes to their
console, which Dom0 keeps.
"""
from paths import LAB

DIRECTORY = '/scratch/tiny'
CONFIGURATION = {'memory': 100, 'disks': (), 'ramdisk': f'{DIRECTORY}/initrd'}
AT_ONCE = 2  # as many boot at a time as there are CPUs, or they only make each other late

BUILD = f'''set -eo pipefail
cd {DIRECTORY}
mkdir -p root/bin root/modules
cp init agent root/
cp /bin/busybox root/bin/
for program in xenloopd xenloopctl; do
    command -v $program
    ldd $(command -v $program) | grep -o '/[^ ]*'
done | sort -u | cpio --quiet -pdL root
for module in xen-netfront xenloop; do modprobe --show-depends $module; done |
    awk '$1 == "insmod" && !seen[$2]++ {{ print $2 }}' | while read -r path; do
        cp $path root/modules/
        basename $path >>root/modules/order
    done
(cd root && find . | cpio --quiet -o -H newc) >initrd
rm -r root'''

START = '''xenloopd </dev/null >/dev/console 2>&1 &
until xenloopctl status >/dev/null 2>&1; do usleep 200000; done'''


def build(host):
    """Makes the initramfs, in Dom0."""
    for name in ('init', 'agent'):
        host.dom0.put(LAB / f'tiny-{name}', f'{DIRECTORY}/{name}', 0o755)
    host.dom0.sh(BUILD)


def boot(host, names, more=None):
    """Starts tiny guests and waits for them; `more` is extra lines of some guests' configuration, by name."""
    more = more or {}
    for index in range(0, len(names), AT_ONCE):
        couple = [host.create(name, more=more.get(name, ''), **CONFIGURATION) for name in names[index:index + AT_ONCE]]
        for guest in couple:
            guest.wait(300)


def console(host, guest):
    """What a guest has printed so far, xenloopd's log included."""
    return host.dom0.sh(f'cat /var/log/xen/console/guest-{guest}.log')
