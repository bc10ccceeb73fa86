// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Dom0's interfaces: the table, and how it is filled; see netdevs.h. */
#include <errno.h>
#include <net/if.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xendiscoverd/netdevs.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct xenloop_netdev *)a)->name,
		      ((const struct xenloop_netdev *)b)->name);
}

const struct xenloop_netdev *
xenloop_netdevs_by_name(const struct xenloop_netdevs *t, const char *name)
{
	struct xenloop_netdev key;

	if (!t->nr || strlen(name) >= sizeof(key.name))
		return NULL;
	strcpy(key.name, name);
	return bsearch(&key, t->dev, t->nr, sizeof(key), compare_names);
}

static int compare_indices(const void *a, const void *b)
{
	uint32_t x = (*(struct xenloop_netdev *const *)a)->ifindex;
	uint32_t y = (*(struct xenloop_netdev *const *)b)->ifindex;

	return x < y ? -1 : x > y;
}

static const struct xenloop_netdev *
search_index(const struct xenloop_netdevs *t, uint32_t ifindex)
{
	const struct xenloop_netdev key = { .ifindex = ifindex }, *wanted = &key;
	struct xenloop_netdev **found;

	found = bsearch(&wanted, t->by_index, t->nr, sizeof(*t->by_index),
			compare_indices);
	return found ? *found : NULL;
}

const struct xenloop_netdev *
xenloop_netdevs_by_index(const struct xenloop_netdevs *t, uint32_t ifindex)
{
	if (t->by_index)
		return search_index(t, ifindex);
	for (size_t i = 0; i < t->nr; i++)
		if (t->dev[i].ifindex == ifindex)
			return &t->dev[i];
	return NULL;
}

void xenloop_netdevs_clear(struct xenloop_netdevs *t)
{
	free(t->by_index);
	free(t->dev);
	memset(t, 0, sizeof(*t));
}

int xenloop_netdevs_sort(struct xenloop_netdevs *t)
{
	struct xenloop_netdev **by_index;

	if (!t->nr)
		return 0;
	by_index = reallocarray(t->by_index, t->nr, sizeof(*by_index));
	if (!by_index)
		return -ENOMEM;
	qsort(t->dev, t->nr, sizeof(t->dev[0]), compare_names);
	for (size_t i = 0; i < t->nr; i++)
		by_index[i] = &t->dev[i];
	qsort(by_index, t->nr, sizeof(*by_index), compare_indices);
	t->by_index = by_index;
	return 0;
}

static struct xenloop_netdev *add(struct xenloop_netdevs *t)
{
	size_t room = t->room ? 2 * t->room : 32;
	struct xenloop_netdev *dev;

	if (t->nr == t->room) {
		dev = reallocarray(t->dev, room, sizeof(*dev));
		if (!dev)
			return NULL;
		t->dev = dev;
		t->room = room;
	}
	free(t->by_index);
	t->by_index = NULL;
	dev = &t->dev[t->nr++];
	memset(dev, 0, sizeof(*dev));
	return dev;
}

static bool flag(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 1 && nla_get_u8(attr);
}

static int parse_bridge(struct xenloop_netdev *dev, struct nlattr *data)
{
	struct nlattr *tb[IFLA_BR_MAX + 1];

	if (nla_parse_nested(tb, IFLA_BR_MAX, data, NULL))
		return -EBADMSG;
	dev->vlan_filtering = flag(tb[IFLA_BR_VLAN_FILTERING]);
	dev->netfilter = flag(tb[IFLA_BR_NF_CALL_IPTABLES]) ||
			 flag(tb[IFLA_BR_NF_CALL_IP6TABLES]);
	return 0;
}

static int parse_port(struct xenloop_netdev *dev, struct nlattr *data)
{
	struct nlattr *tb[IFLA_BRPORT_MAX + 1];
	struct nlattr *state;

	if (nla_parse_nested(tb, IFLA_BRPORT_MAX, data, NULL))
		return -EBADMSG;
	state = tb[IFLA_BRPORT_STATE];
	dev->forwarding = state && nla_get_u8(state) == BR_STATE_FORWARDING;
	dev->isolated = flag(tb[IFLA_BRPORT_ISOLATED]);
	dev->locked = flag(tb[IFLA_BRPORT_LOCKED]);
	return 0;
}

static bool is_kind(struct nlattr *attr, const char *kind)
{
	return attr && !nla_strcmp(attr, kind);
}

static int parse_linkinfo(struct xenloop_netdev *dev, struct nlattr *attr)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1];
	int err = 0;

	if (nla_parse_nested(tb, IFLA_INFO_MAX, attr, NULL))
		return -EBADMSG;
	dev->is_bridge = is_kind(tb[IFLA_INFO_KIND], "bridge");
	dev->is_port = is_kind(tb[IFLA_INFO_SLAVE_KIND], "bridge");
	if (dev->is_bridge && tb[IFLA_INFO_DATA])
		err = parse_bridge(dev, tb[IFLA_INFO_DATA]);
	if (!err && dev->is_port && tb[IFLA_INFO_SLAVE_DATA])
		err = parse_port(dev, tb[IFLA_INFO_SLAVE_DATA]);
	return err;
}

static bool has_carrier(struct nlattr *operstate)
{
	uint8_t state = operstate ? nla_get_u8(operstate) : IF_OPER_UNKNOWN;

	return state == IF_OPER_UP || state == IF_OPER_UNKNOWN;
}

static int parse_link(struct xenloop_netdevs *t, const struct ifinfomsg *ifi,
		      struct nlattr *tb[])
{
	struct xenloop_netdev *dev;
	int err = 0;

	if (!tb[IFLA_IFNAME])
		return -EBADMSG;
	dev = add(t);
	if (!dev)
		return -ENOMEM;
	dev->ifindex = (uint32_t)ifi->ifi_index;
	nla_strlcpy(dev->name, tb[IFLA_IFNAME], sizeof(dev->name));
	if (tb[IFLA_MASTER])
		dev->master = nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_LINKINFO])
		err = parse_linkinfo(dev, tb[IFLA_LINKINFO]);
	dev->up = (ifi->ifi_flags & IFF_UP) &&
		  (dev->is_bridge || has_carrier(tb[IFLA_OPERSTATE]));
	return err;
}

static void parse_vlan(struct xenloop_netdev *dev, struct nlattr *attr)
{
	struct bridge_vlan_info vlan;

	if (nla_len(attr) < (int)sizeof(vlan))
		return;
	memcpy(&vlan, nla_data(attr), sizeof(vlan));
	if (!(vlan.flags & BRIDGE_VLAN_INFO_PVID))
		return;
	dev->pvid = vlan.vid;
	dev->pvid_untagged = vlan.flags & BRIDGE_VLAN_INFO_UNTAGGED;
}

static int parse_vlans(struct xenloop_netdevs *t, const struct ifinfomsg *ifi,
		       struct nlattr *tb[])
{
	struct xenloop_netdev *dev = (struct xenloop_netdev *)
		xenloop_netdevs_by_index(t, (uint32_t)ifi->ifi_index);
	struct nlattr *attr;
	int rest;

	if (!dev || !tb[IFLA_AF_SPEC])
		return 0;
	nla_for_each_nested(attr, tb[IFLA_AF_SPEC], rest)
		if (nla_type(attr) == IFLA_BRIDGE_VLAN_INFO)
			parse_vlan(dev, attr);
	return 0;
}

int xenloop_netdevs_parse(struct xenloop_netdevs *t, struct nlmsghdr *nlh)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
		[IFLA_MASTER] = { .type = NLA_U32 },
		[IFLA_OPERSTATE] = { .type = NLA_U8 },
		[IFLA_LINKINFO] = { .type = NLA_NESTED },
	};
	struct nlattr *tb[IFLA_MAX + 1];
	struct ifinfomsg *ifi;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (nlmsg_parse(nlh, sizeof(*ifi), tb, IFLA_MAX,
			(struct nla_policy *)policy))
		return -EBADMSG;
	ifi = nlmsg_data(nlh);
	if (ifi->ifi_family == AF_BRIDGE)
		return parse_vlans(t, ifi, tb);
	return parse_link(t, ifi, tb);
}

/* Is there such a switch, and not off? One that can't be read may be on. */
static bool may_be_on(const char *root, const char *file)
{
	char path[256];
	bool on;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, file);
	f = fopen(path, "re");
	if (!f)
		return errno != ENOENT;
	on = fgetc(f) != '0';
	fclose(f);
	return on;
}

bool xenloop_netdevs_netfilter(const char *root)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/sys/module/nf_conntrack_bridge", root);
	return !access(path, F_OK) ||
	       may_be_on(root, "/proc/sys/net/bridge/bridge-nf-call-iptables") ||
	       may_be_on(root, "/proc/sys/net/bridge/bridge-nf-call-ip6tables");
}
