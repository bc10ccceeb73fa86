// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Dom0's interfaces: rtnetlink messages made by hand, and a real dump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "tests/unit/files.h"
#include "xendiscoverd/netdevs.h"

#define BRIDGE_SYSCTL "proc/sys/net/bridge/"

static struct xenloop_netdevs table;

static struct nl_msg *new_link(int family, int index, unsigned int flags)
{
	struct ifinfomsg ifi = {
		.ifi_family = (unsigned char)family, .ifi_index = index,
		.ifi_flags = flags,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	assert_int_equal(nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO), 0);
	return msg;
}

static int parse(struct nl_msg *msg)
{
	int err = xenloop_netdevs_parse(&table, nlmsg_hdr(msg));

	nlmsg_free(msg);
	xenloop_netdevs_sort(&table);
	return err;
}

static void add_bridge(const char *name, int index, bool vlan_filtering,
		       bool nf)
{
	struct nl_msg *msg = new_link(AF_UNSPEC, index, IFF_UP);
	struct nlattr *info, *data;

	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put_u8(msg, IFLA_OPERSTATE, IF_OPER_DOWN);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "bridge");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	nla_put_u8(msg, IFLA_BR_VLAN_FILTERING, vlan_filtering);
	nla_put_u8(msg, IFLA_BR_NF_CALL_IP6TABLES, nf);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	assert_int_equal(parse(msg), 0);
}

struct port {
	unsigned int flags;
	uint8_t operstate, state, isolated, locked;
	const char *kind;
};

static void add_port(const char *name, int index, uint32_t master,
		     const struct port *p)
{
	struct nl_msg *msg = new_link(AF_UNSPEC, index, p->flags);
	struct nlattr *info, *data;

	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put_u32(msg, IFLA_MASTER, master);
	nla_put_u8(msg, IFLA_OPERSTATE, p->operstate);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_SLAVE_KIND, p->kind);
	data = nla_nest_start(msg, IFLA_INFO_SLAVE_DATA);
	nla_put_u8(msg, IFLA_BRPORT_STATE, p->state);
	nla_put_u8(msg, IFLA_BRPORT_ISOLATED, p->isolated);
	nla_put_u8(msg, IFLA_BRPORT_LOCKED, p->locked);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	assert_int_equal(parse(msg), 0);
}

static void add_vlans(int index, const struct bridge_vlan_info *vlan, int nr)
{
	struct nl_msg *msg = new_link(AF_BRIDGE, index, IFF_UP);
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);

	for (int i = 0; i < nr; i++)
		nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(vlan[i]), &vlan[i]);
	nla_nest_end(msg, spec);
	assert_int_equal(parse(msg), 0);
}

static int teardown(void **state)
{
	(void)state;
	xenloop_netdevs_clear(&table);
	return 0;
}

static void test_bridge_and_ports(void **state)
{
	const struct port good = {
		IFF_UP, IF_OPER_UP, BR_STATE_FORWARDING, 0, 0, "bridge"
	};
	const struct xenloop_netdev *dev;

	(void)state;
	add_port("vif2.0", 12, 5, &good);
	add_bridge("xenbr0", 5, false, false);
	add_bridge("xenbr1", 6, true, true);
	add_port("a", 13, 5, &good);
	assert_int_equal(table.nr, 4);
	dev = xenloop_netdevs_by_name(&table, "vif2.0");
	assert_int_equal(dev->ifindex, 12);
	assert_int_equal(dev->master, 5);
	assert_true(dev->is_port && dev->forwarding && dev->up);
	assert_false(dev->is_bridge || dev->isolated || dev->locked);
	dev = xenloop_netdevs_by_index(&table, 5);
	assert_string_equal(dev->name, "xenbr0");
	/* A bridge without a port that is up has no carrier; never mind. */
	assert_true(dev->is_bridge && dev->up);
	assert_false(dev->vlan_filtering || dev->netfilter);
	dev = xenloop_netdevs_by_name(&table, "xenbr1");
	assert_true(dev->vlan_filtering && dev->netfilter);
	assert_null(xenloop_netdevs_by_name(&table, "vif2.1"));
	assert_null(xenloop_netdevs_by_name(&table, "a-name-that-is-too-long"));
	assert_null(xenloop_netdevs_by_index(&table, 99));
}

static void test_port_flags(void **state)
{
	static const struct {
		struct port port;
		bool up, forwarding, isolated, locked, is_port;
	} cases[] = {
		{ { IFF_UP, IF_OPER_UNKNOWN, 3, 0, 0, "bridge" },
		  true, true, false, false, true },
		{ { IFF_UP, IF_OPER_DOWN, 3, 0, 0, "bridge" },
		  false, true, false, false, true },
		{ { 0, IF_OPER_UP, 3, 0, 0, "bridge" },
		  false, true, false, false, true },
		{ { IFF_UP, IF_OPER_UP, 4, 0, 0, "bridge" },
		  true, false, false, false, true },
		{ { IFF_UP, IF_OPER_UP, 1, 0, 0, "bridge" },
		  true, false, false, false, true },
		{ { IFF_UP, IF_OPER_UP, 3, 1, 0, "bridge" },
		  true, true, true, false, true },
		{ { IFF_UP, IF_OPER_UP, 3, 0, 1, "bridge" },
		  true, true, false, true, true },
		{ { IFF_UP, IF_OPER_UP, 3, 0, 0, "openvswitch" },
		  true, false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct xenloop_netdev *dev;

		add_port("p", 1, 5, &cases[i].port);
		dev = xenloop_netdevs_by_name(&table, "p");
		assert_int_equal(dev->up, cases[i].up);
		assert_int_equal(dev->forwarding, cases[i].forwarding);
		assert_int_equal(dev->isolated, cases[i].isolated);
		assert_int_equal(dev->locked, cases[i].locked);
		assert_int_equal(dev->is_port, cases[i].is_port);
		xenloop_netdevs_clear(&table);
	}
}

static void test_vlans(void **state)
{
	static const struct bridge_vlan_info trunk[] = {
		{ 0, 5 }, { BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 7 },
		{ BRIDGE_VLAN_INFO_UNTAGGED, 9 },
	};
	static const struct bridge_vlan_info tagged = {
		BRIDGE_VLAN_INFO_PVID, 8
	};
	const struct port port = { IFF_UP, IF_OPER_UP, 3, 0, 0, "bridge" };

	(void)state;
	add_port("p1", 1, 5, &port);
	add_port("p2", 2, 5, &port);
	add_port("p3", 3, 5, &port);
	add_vlans(1, trunk, 3);
	add_vlans(2, &tagged, 1);
	add_vlans(3, trunk, 1);
	add_vlans(99, trunk, 3);
	assert_int_equal(xenloop_netdevs_by_name(&table, "p1")->pvid, 7);
	assert_true(xenloop_netdevs_by_name(&table, "p1")->pvid_untagged);
	assert_int_equal(xenloop_netdevs_by_name(&table, "p2")->pvid, 8);
	assert_false(xenloop_netdevs_by_name(&table, "p2")->pvid_untagged);
	assert_int_equal(xenloop_netdevs_by_name(&table, "p3")->pvid, 0);
	assert_int_equal(table.nr, 3);
}

static void test_bad_messages(void **state)
{
	struct nl_msg *msg = new_link(AF_UNSPEC, 1, IFF_UP);

	(void)state;
	assert_int_equal(parse(msg), -EBADMSG);	/* no name */
	msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	assert_int_equal(parse(msg), -EBADMSG);	/* no header */
	msg = nlmsg_alloc_simple(RTM_DELLINK, 0);
	assert_int_equal(parse(msg), 0);
	assert_int_equal(table.nr, 0);
}

static void ignore(void *arg)
{
	(void)arg;
}

/* Whatever machine this is, it has a loopback interface. */
static void test_real_dump(void **state)
{
	struct event_base *base = event_base_new();
	struct xenloop_netdevs_watch *w;
	const struct xenloop_netdev *lo;

	(void)state;
	w = xenloop_netdevs_watch_new(base, ignore, NULL);
	assert_non_null(w);
	table.netfilter = true;
	assert_int_equal(xenloop_netdevs_read(w, &table), 0);
	lo = xenloop_netdevs_by_name(&table, "lo");
	assert_non_null(lo);
	assert_int_equal(lo->ifindex, 1);
	assert_false(lo->is_port || lo->is_bridge);
	assert_true(table.netfilter);
	xenloop_netdevs_watch_free(w);
	event_base_free(base);
}

static void test_netfilter(void **state)
{
	char root[] = "/tmp/xenloop-test-XXXXXX", command[256];

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_false(xenloop_netdevs_netfilter(root));
	snprintf(command, sizeof(command), "mkdir -p %s/proc/sys/net/bridge %s/sys/module",
		 root, root);
	assert_int_equal(system(command), 0);
	put_file(root, BRIDGE_SYSCTL "bridge-nf-call-iptables", "0\n");
	put_file(root, BRIDGE_SYSCTL "bridge-nf-call-ip6tables", "0\n");
	assert_false(xenloop_netdevs_netfilter(root));
	put_file(root, BRIDGE_SYSCTL "bridge-nf-call-iptables", "1\n");
	assert_true(xenloop_netdevs_netfilter(root));
	put_file(root, BRIDGE_SYSCTL "bridge-nf-call-iptables", "0\n");
	put_file(root, BRIDGE_SYSCTL "bridge-nf-call-ip6tables", "1\n");
	assert_true(xenloop_netdevs_netfilter(root));
	put_file(root, BRIDGE_SYSCTL "bridge-nf-call-ip6tables", "0\n");
	assert_false(xenloop_netdevs_netfilter(root));
	/* One that is there, and can't be read, may be on. */
	snprintf(command, sizeof(command),
		 "cd %s/proc/sys/net/bridge && rm bridge-nf-call-iptables && ln -s bridge-nf-call-iptables bridge-nf-call-iptables",
		 root);
	assert_int_equal(system(command), 0);
	assert_true(xenloop_netdevs_netfilter(root));
	snprintf(command, sizeof(command),
		 "rm %s/proc/sys/net/bridge/bridge-nf-call-iptables", root);
	assert_int_equal(system(command), 0);
	assert_false(xenloop_netdevs_netfilter(root));
	snprintf(command, sizeof(command), "mkdir %s/sys/module/nf_conntrack_bridge",
		 root);
	assert_int_equal(system(command), 0);
	assert_true(xenloop_netdevs_netfilter(root));
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

#define T(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bridge_and_ports), T(test_port_flags), T(test_vlans),
		T(test_bad_messages), T(test_real_dump), T(test_netfilter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
