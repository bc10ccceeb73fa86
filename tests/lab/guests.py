# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Names, addresses and configuration of guests: guest gN has N in all of them, written in decimal."""
import json

MEMORY = 384  # MB, unless somebody asks for another size
DISK = 'phy:/dev/vdb,xvda,r'
# Bridge -> (IPv4 prefix, IPv6 prefix, fifth byte of the MAC).  xenbr0 is also the way in from outside.
BRIDGES = {'xenbr0': ('10.0.2', 'fd00:c0de', 0), 'xenbr1': ('10.0.3', 'fd00:c0df', 1)}
DOM0 = ('10.0.2.15', 'fd00:c0de::15', None)
OUTSIDE = ('52:55:0a:00:02:02', '52:56:00:00:00:02')  # MAC addresses of QEMU's network, for IPv4 and IPv6


def number(name):
    if not (name[:1] == 'g' and name[1:].isdigit() and 1 <= int(name[1:]) <= 70):
        raise ValueError(f'{name}: guests are called g1 to g70')
    return int(name[1:])


def addresses(name, bridge='xenbr0'):
    """(IPv4, IPv6, MAC) of a guest on a bridge."""
    host = 20 + number(name)
    prefix, prefix6, octet = BRIDGES[bridge]
    return f'{prefix}.{host}', f'{prefix6}::{host}', f'00:16:3e:00:{octet:02x}:{host}'


def vif(name, bridge='xenbr0', **more):
    """One entry of a guest's vif list; `more` adds xl's own keys."""
    words = {'mac': addresses(name, bridge)[2], 'bridge': bridge, **more}
    return ','.join(f'{key}={value}' for key, value in words.items())


def kernel_words(name, bridges):
    words = ['console=hvc0', 'loglevel=5', 'root=/dev/xvda', 'ro', 'net.ifnames=0', f'systemd.hostname={name}',
             f'lab.machine_id={number(name):032x}', 'systemd.show_status=0', 'systemd.mask=xen.service']
    for index, bridge in enumerate(bridges):
        ip, ip6, _ = addresses(name, bridge)
        words.append(f'lab.eth{index}={ip}/24,{ip6}/64')
    return ' '.join(words)


def config(name, bridges=('xenbr0',), vifs=None, disks=(DISK,), memory=MEMORY, vcpus=1, kind='pv', extra='', more='',
           kernel='/boot/vmlinuz', ramdisk='/boot/lab-initrd'):
    """The text of an xl configuration file; `vifs` overrides what `bridges` would give."""
    vifs = [vif(name, bridge) for bridge in bridges] if vifs is None else vifs
    return f'''name = "{name}"
type = "{kind}"
kernel = "{kernel}"
ramdisk = "{ramdisk}"
memory = {memory}
vcpus = {vcpus}
disk = {json.dumps(disks)}
vif = {list(vifs)}
extra = "{kernel_words(name, bridges)} {extra}"
on_crash = "destroy"
{more}
'''
