// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Attributes of the family "xenloop" to structures; see nl_codec.h. */
#include <errno.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "proto/nl_codec.h"

#define U32	{ .type = NLA_U32 }
#define U64	{ .type = NLA_U64 }
#define TEXT	{ .type = NLA_STRING }
#define MAC	{ .minlen = XENLOOP_NL_MAC_LEN, .maxlen = XENLOOP_NL_MAC_LEN }

static struct nla_policy info_policy[XENLOOP_A_INFO_MAX + 1] = {
	[XENLOOP_A_INFO_MODULE_VERSION] = TEXT,
	[XENLOOP_A_INFO_ABI_VERSION] = U32,
	[XENLOOP_A_INFO_FEATURES] = U32,
	[XENLOOP_A_INFO_EPOCH] = U64,
	[XENLOOP_A_INFO_FIFO_SIZE_MIN] = U32,
	[XENLOOP_A_INFO_FIFO_SIZE_MAX] = U32,
	[XENLOOP_A_INFO_CHANS_CREATED] = U64,
	[XENLOOP_A_INFO_CHANS_DESTROYED] = U64,
	[XENLOOP_A_INFO_PAGES_GRANTED] = U64,
	[XENLOOP_A_INFO_PAGES_FREED] = U64,
	[XENLOOP_A_INFO_PAGES_DEFERRED] = U32,
	[XENLOOP_A_INFO_PAGES_MAPPED] = U32,
	[XENLOOP_A_INFO_PORTS_BOUND] = U32,
	[XENLOOP_A_INFO_STALL_TIMEOUT] = U32,
	[XENLOOP_A_INFO_DRAIN_TIMEOUT] = U32,
	[XENLOOP_A_INFO_HOLD_TIMEOUT] = U32,
	[XENLOOP_A_INFO_BACKLOG_BYTES] = U32,
	[XENLOOP_A_INFO_POLL_TIME] = U32,
};

static struct nla_policy iface_policy[XENLOOP_A_IFACE_MAX + 1] = {
	[XENLOOP_A_IFACE_IFINDEX] = U32,
	[XENLOOP_A_IFACE_VIF] = U32,
	[XENLOOP_A_IFACE_MAC] = MAC,
	[XENLOOP_A_IFACE_IFNAME] = TEXT,
	[XENLOOP_A_IFACE_ASIDE] = TEXT,
};

static struct nla_policy peer_policy[XENLOOP_A_PEER_MAX + 1] = {
	[XENLOOP_A_PEER_IFINDEX] = U32,
	[XENLOOP_A_PEER_MAC] = MAC,
	[XENLOOP_A_PEER_DOMID] = U32,
	[XENLOOP_A_PEER_VIF] = U32,
};

static struct nla_policy chan_policy[XENLOOP_A_CHAN_MAX + 1] = {
	[XENLOOP_A_CHAN_ID] = U32,
	[XENLOOP_A_CHAN_IFINDEX] = U32,
	[XENLOOP_A_CHAN_PEER_MAC] = MAC,
	[XENLOOP_A_CHAN_DOMID] = U32,
	[XENLOOP_A_CHAN_VIF] = U32,
	[XENLOOP_A_CHAN_COOKIE] = U64,
	[XENLOOP_A_CHAN_SIZE] = U32,
	[XENLOOP_A_CHAN_LOCAL_GREF] = U32,
	[XENLOOP_A_CHAN_REMOTE_GREF] = U32,
	[XENLOOP_A_CHAN_PORT] = U32,
	[XENLOOP_A_CHAN_STATE] = U32,
	[XENLOOP_A_CHAN_REASON] = U32,
	[XENLOOP_A_CHAN_EVENT] = U32,
	[XENLOOP_A_CHAN_IDLE_MS] = U64,
	[XENLOOP_A_CHAN_AGE_MS] = U64,
	[XENLOOP_A_CHAN_LISTENER] = { .type = NLA_FLAG },
	[XENLOOP_A_CHAN_PEER_ACTIVE] = { .type = NLA_FLAG },
};

static struct nla_policy stat_policy[XENLOOP_A_STAT_MAX + 1] = {
	[XENLOOP_A_STAT_NAME] = TEXT,
	[XENLOOP_A_STAT_VALUE] = U64,
};

static uint32_t get_u32(struct nlattr *a)
{
	return a ? nla_get_u32(a) : 0;
}

static uint64_t get_u64(struct nlattr *a)
{
	return a ? nla_get_u64(a) : 0;
}

static void get_text(char *out, size_t size, struct nlattr *a)
{
	out[0] = '\0';
	if (a)
		nla_strlcpy(out, a, size);
}

static void get_mac(uint8_t *out, struct nlattr *a)
{
	if (a)
		memcpy(out, nla_data(a), XENLOOP_NL_MAC_LEN);
}

static int parse(struct nlmsghdr *nlh, struct nlattr **tb, int max,
		 struct nla_policy *policy)
{
	return genlmsg_parse(nlh, 0, tb, max, policy) < 0 ? -EPROTO : 0;
}

static void parse_stat(struct nlattr *a, struct xenloop_nl_stats *stats)
{
	struct nlattr *tb[XENLOOP_A_STAT_MAX + 1];
	struct xenloop_nl_stat *s = &stats->stat[stats->nr];

	if (stats->nr == XENLOOP_NL_STATS ||
	    nla_parse_nested(tb, XENLOOP_A_STAT_MAX, a, stat_policy) < 0 ||
	    !tb[XENLOOP_A_STAT_NAME] || !tb[XENLOOP_A_STAT_VALUE])
		return;
	get_text(s->name, sizeof(s->name), tb[XENLOOP_A_STAT_NAME]);
	s->value = nla_get_u64(tb[XENLOOP_A_STAT_VALUE]);
	stats->nr++;
}

/* The counters: an attribute that comes more than once. */
static void parse_stats(struct nlmsghdr *nlh, int type,
			struct xenloop_nl_stats *stats)
{
	struct genlmsghdr *ghdr = genlmsg_hdr(nlh);
	struct nlattr *a;
	int rem;

	nla_for_each_attr(a, genlmsg_attrdata(ghdr, 0),
			  genlmsg_attrlen(ghdr, 0), rem)
		if (nla_type(a) == type)
			parse_stat(a, stats);
}

int xenloop_nl_parse_info(struct nlmsghdr *nlh, struct xenloop_nl_info *out)
{
	struct nlattr *tb[XENLOOP_A_INFO_MAX + 1];

	memset(out, 0, sizeof(*out));
	if (parse(nlh, tb, XENLOOP_A_INFO_MAX, info_policy) ||
	    !tb[XENLOOP_A_INFO_EPOCH] || !tb[XENLOOP_A_INFO_ABI_VERSION])
		return -EPROTO;
	get_text(out->module_version, sizeof(out->module_version),
		 tb[XENLOOP_A_INFO_MODULE_VERSION]);
	out->abi_version = get_u32(tb[XENLOOP_A_INFO_ABI_VERSION]);
	out->features = get_u32(tb[XENLOOP_A_INFO_FEATURES]);
	out->epoch = get_u64(tb[XENLOOP_A_INFO_EPOCH]);
	out->fifo_size_min = get_u32(tb[XENLOOP_A_INFO_FIFO_SIZE_MIN]);
	out->fifo_size_max = get_u32(tb[XENLOOP_A_INFO_FIFO_SIZE_MAX]);
	out->chans_created = get_u64(tb[XENLOOP_A_INFO_CHANS_CREATED]);
	out->chans_destroyed = get_u64(tb[XENLOOP_A_INFO_CHANS_DESTROYED]);
	out->pages_granted = get_u64(tb[XENLOOP_A_INFO_PAGES_GRANTED]);
	out->pages_freed = get_u64(tb[XENLOOP_A_INFO_PAGES_FREED]);
	out->pages_deferred = get_u32(tb[XENLOOP_A_INFO_PAGES_DEFERRED]);
	out->pages_mapped = get_u32(tb[XENLOOP_A_INFO_PAGES_MAPPED]);
	out->ports_bound = get_u32(tb[XENLOOP_A_INFO_PORTS_BOUND]);
	out->tun.stall_timeout = get_u32(tb[XENLOOP_A_INFO_STALL_TIMEOUT]);
	out->tun.drain_timeout = get_u32(tb[XENLOOP_A_INFO_DRAIN_TIMEOUT]);
	out->tun.hold_timeout = get_u32(tb[XENLOOP_A_INFO_HOLD_TIMEOUT]);
	out->tun.backlog_bytes = get_u32(tb[XENLOOP_A_INFO_BACKLOG_BYTES]);
	out->tun.poll_time = get_u32(tb[XENLOOP_A_INFO_POLL_TIME]);
	return 0;
}

int xenloop_nl_parse_iface(struct nlmsghdr *nlh, struct xenloop_nl_iface *out)
{
	struct nlattr *tb[XENLOOP_A_IFACE_MAX + 1];

	memset(out, 0, sizeof(*out));
	if (parse(nlh, tb, XENLOOP_A_IFACE_MAX, iface_policy) ||
	    !tb[XENLOOP_A_IFACE_IFINDEX] || !tb[XENLOOP_A_IFACE_VIF] ||
	    !tb[XENLOOP_A_IFACE_MAC])
		return -EPROTO;
	out->ifindex = get_u32(tb[XENLOOP_A_IFACE_IFINDEX]);
	out->vif = get_u32(tb[XENLOOP_A_IFACE_VIF]);
	get_mac(out->mac, tb[XENLOOP_A_IFACE_MAC]);
	get_text(out->ifname, sizeof(out->ifname), tb[XENLOOP_A_IFACE_IFNAME]);
	get_text(out->aside, sizeof(out->aside), tb[XENLOOP_A_IFACE_ASIDE]);
	parse_stats(nlh, XENLOOP_A_IFACE_STAT, &out->stats);
	parse_stats(nlh, XENLOOP_A_IFACE_CHAN_STAT, &out->chans);
	return 0;
}

int xenloop_nl_parse_peer(struct nlmsghdr *nlh, struct xenloop_nl_peer *out)
{
	struct nlattr *tb[XENLOOP_A_PEER_MAX + 1];

	memset(out, 0, sizeof(*out));
	if (parse(nlh, tb, XENLOOP_A_PEER_MAX, peer_policy) ||
	    !tb[XENLOOP_A_PEER_IFINDEX] || !tb[XENLOOP_A_PEER_MAC] ||
	    !tb[XENLOOP_A_PEER_DOMID] || !tb[XENLOOP_A_PEER_VIF])
		return -EPROTO;
	out->ifindex = get_u32(tb[XENLOOP_A_PEER_IFINDEX]);
	get_mac(out->mac, tb[XENLOOP_A_PEER_MAC]);
	out->domid = get_u32(tb[XENLOOP_A_PEER_DOMID]);
	out->vif = get_u32(tb[XENLOOP_A_PEER_VIF]);
	return 0;
}

static void fill_chan(struct nlattr **tb, struct xenloop_nl_chan *out)
{
	out->id = get_u32(tb[XENLOOP_A_CHAN_ID]);
	out->ifindex = get_u32(tb[XENLOOP_A_CHAN_IFINDEX]);
	get_mac(out->peer_mac, tb[XENLOOP_A_CHAN_PEER_MAC]);
	out->domid = get_u32(tb[XENLOOP_A_CHAN_DOMID]);
	out->vif = get_u32(tb[XENLOOP_A_CHAN_VIF]);
	out->cookie = get_u64(tb[XENLOOP_A_CHAN_COOKIE]);
	out->size = get_u32(tb[XENLOOP_A_CHAN_SIZE]);
	out->local_gref = get_u32(tb[XENLOOP_A_CHAN_LOCAL_GREF]);
	out->remote_gref = get_u32(tb[XENLOOP_A_CHAN_REMOTE_GREF]);
	out->port = get_u32(tb[XENLOOP_A_CHAN_PORT]);
	out->state = get_u32(tb[XENLOOP_A_CHAN_STATE]);
	out->reason = get_u32(tb[XENLOOP_A_CHAN_REASON]);
	out->idle_ms = get_u64(tb[XENLOOP_A_CHAN_IDLE_MS]);
	out->age_ms = get_u64(tb[XENLOOP_A_CHAN_AGE_MS]);
	out->listener = tb[XENLOOP_A_CHAN_LISTENER];
	out->peer_active = tb[XENLOOP_A_CHAN_PEER_ACTIVE];
}

int xenloop_nl_parse_chan(struct nlmsghdr *nlh, struct xenloop_nl_chan *out)
{
	struct nlattr *tb[XENLOOP_A_CHAN_MAX + 1];

	memset(out, 0, sizeof(*out));
	if (parse(nlh, tb, XENLOOP_A_CHAN_MAX, chan_policy) ||
	    !tb[XENLOOP_A_CHAN_ID] || !tb[XENLOOP_A_CHAN_IFINDEX] ||
	    !tb[XENLOOP_A_CHAN_PEER_MAC] || !tb[XENLOOP_A_CHAN_STATE])
		return -EPROTO;
	fill_chan(tb, out);
	parse_stats(nlh, XENLOOP_A_CHAN_STAT, &out->stats);
	return 0;
}

int xenloop_nl_parse_new_chan(struct nlmsghdr *nlh,
			      struct xenloop_nl_chan *out)
{
	struct nlattr *tb[XENLOOP_A_CHAN_MAX + 1];

	if (parse(nlh, tb, XENLOOP_A_CHAN_MAX, chan_policy) ||
	    !tb[XENLOOP_A_CHAN_ID] || !tb[XENLOOP_A_CHAN_LOCAL_GREF])
		return -EPROTO;
	out->id = get_u32(tb[XENLOOP_A_CHAN_ID]);
	out->local_gref = get_u32(tb[XENLOOP_A_CHAN_LOCAL_GREF]);
	if (tb[XENLOOP_A_CHAN_PORT])
		out->port = get_u32(tb[XENLOOP_A_CHAN_PORT]);
	return 0;
}

int xenloop_nl_parse_event(struct nlmsghdr *nlh, struct xenloop_nl_event *out)
{
	struct nlattr *tb[XENLOOP_A_CHAN_MAX + 1];

	memset(out, 0, sizeof(*out));
	if (parse(nlh, tb, XENLOOP_A_CHAN_MAX, chan_policy) ||
	    !tb[XENLOOP_A_CHAN_EVENT])
		return -EPROTO;
	out->event = get_u32(tb[XENLOOP_A_CHAN_EVENT]);
	fill_chan(tb, &out->chan);
	return 0;
}

#define NAME(table, i) \
	((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "unknown")

const char *xenloop_nl_state_name(uint32_t state)
{
	static const char *const names[] = {
		[XENLOOP_CHAN_STATE_LISTENING] = "listening",
		[XENLOOP_CHAN_STATE_CONNECTED] = "connected",
		[XENLOOP_CHAN_STATE_ACTIVE] = "active",
		[XENLOOP_CHAN_STATE_DRAINING] = "draining",
		[XENLOOP_CHAN_STATE_DEAD] = "dead",
	};

	return NAME(names, state);
}

const char *xenloop_nl_event_name(uint32_t event)
{
	static const char *const names[] = {
		[XENLOOP_EVENT_WANTED] = "wanted",
		[XENLOOP_EVENT_UP] = "up",
		[XENLOOP_EVENT_DRAINING] = "draining",
		[XENLOOP_EVENT_DOWN] = "down",
		[XENLOOP_EVENT_STALLED] = "stalled",
		[XENLOOP_EVENT_SUSPENDED] = "suspended",
		[XENLOOP_EVENT_RESUMED] = "resumed",
		[XENLOOP_EVENT_IFACE_DOWN] = "iface-down",
	};

	return NAME(names, event);
}

const char *xenloop_nl_reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[XENLOOP_REASON_NONE] = "none",
		[XENLOOP_REASON_REQUESTED] = "requested",
		[XENLOOP_REASON_PEER_CLOSED] = "peer-closed",
		[XENLOOP_REASON_STALLED] = "stalled",
		[XENLOOP_REASON_PROTOCOL] = "protocol",
		[XENLOOP_REASON_SUSPEND] = "suspend",
		[XENLOOP_REASON_IFACE_GONE] = "iface-gone",
		[XENLOOP_REASON_UNLOAD] = "unload",
		[XENLOOP_REASON_ASIDE] = "aside",
	};

	return NAME(names, reason);
}
