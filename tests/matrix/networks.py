# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What lies between two guests in Dom0: a bridge, its routing table, or Open vSwitch.

The lab itself reaches the guests through the bridge xenbr0, so the other two hang on that.
"""
import guests


class Network:
    """The usual one: both vifs are ports of xenbr0."""
    name = 'bridge'
    state = None    # of a vif that may not loop, as xendiscoverd calls it
    prepare = ''    # script for Dom0 before guests start
    complete = ''   # and once they run: vif1 and vif2 are their interfaces, ip6 and other6 g1's and g2's addresses

    def vif(self, name):
        return guests.vif(name)


class Routed(Network):
    """As the toolstack's own script for it does: a route to each guest, and Dom0 answers for whoever is asked for.

    That script knows nothing of IPv6.
    """
    name = 'routed'
    state = 'routed'
    prepare = '''
        sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        sysctl -q net.ipv4.conf.xenbr0.proxy_arp=1'''
    complete = '''
        route6() { # interface, whose address, the other one's
            ip -6 route add $2/128 dev $1
            ip -6 neighbour add proxy $3 dev $1
            echo 1 >/proc/sys/net/ipv6/conf/$1/proxy_ndp
        }
        route6 $vif1 $ip6 $other6
        route6 $vif2 $other6 $ip6'''

    def vif(self, name):
        ip, _, mac = guests.addresses(name)
        return f'mac={mac},script=vif-route,gatewaydev=xenbr0,ip={ip}'


class OpenVSwitch(Network):
    """Both vifs are ports of a switch that a pair of interfaces joins to xenbr0."""
    name = 'Open vSwitch'
    state = 'no-bridge'
    prepare = '''
        systemctl start openvswitch-switch
        ovs-vsctl add-br switch0
        ip link add joint0 type veth peer name joint1
        ovs-vsctl add-port switch0 joint1
        ip link set joint0 master xenbr0
        for interface in switch0 joint0 joint1; do ip link set $interface up; done'''

    def vif(self, name):
        return f'mac={guests.addresses(name)[2]},bridge=switch0,script=vif-openvswitch'


BRIDGE, ROUTED, OPENVSWITCH = Network(), Routed(), OpenVSwitch()
