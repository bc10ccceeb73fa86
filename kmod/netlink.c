// SPDX-License-Identifier: GPL-2.0
/*
 * The bodies of the netlink operations (policies and table: netlink-gen.c) and
 * the notifications. What is wrong with a request is told in its extack.
 */
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/xarray.h>
#include <net/genetlink.h>

#include "aside.h"
#include "chan.h"
#include "iface.h"
#include "netlink.h"
#include "netlink-gen.h"
#include "state.h"

static struct genl_family family;

/* Notifications stop when the family goes, which is before the channels go. */
static bool registered;

/* The request has attribute @attr, or extack says that it is missing. */
#define missing(info, attr) GENL_REQ_ATTR_CHECK(info, attr)

static u32 get_u32(const struct genl_info *info, int attr)
{
	return nla_get_u32(info->attrs[attr]);
}

static int put_info(struct sk_buff *msg)
{
	if (nla_put_string(msg, XENLOOP_A_INFO_MODULE_VERSION, XENLOOP_VERSION) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_ABI_VERSION, XENLOOP_FIFO_VERSION) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_FEATURES, 0) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_INFO_EPOCH, xenloop.epoch,
			      XENLOOP_A_INFO_PAD) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_FIFO_SIZE_MIN,
			XENLOOP_FIFO_MIN_SIZE) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_FIFO_SIZE_MAX,
			XENLOOP_FIFO_MAX_SIZE) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_STALL_TIMEOUT, xenloop.stall_ms) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_DRAIN_TIMEOUT, xenloop.drain_ms) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_HOLD_TIMEOUT, xenloop.hold_ms) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_BACKLOG_BYTES,
			xenloop.backlog_bytes) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_POLL_TIME, xenloop.poll_us))
		return -EMSGSIZE;
	return 0;
}

static int put_counts(struct sk_buff *msg)
{
	if (nla_put_u64_64bit(msg, XENLOOP_A_INFO_CHANS_CREATED,
			      atomic64_read(&xenloop.chans_created),
			      XENLOOP_A_INFO_PAD) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_INFO_CHANS_DESTROYED,
			      atomic64_read(&xenloop.chans_destroyed),
			      XENLOOP_A_INFO_PAD) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_INFO_PAGES_GRANTED,
			      atomic64_read(&xenloop.pages_granted),
			      XENLOOP_A_INFO_PAD) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_INFO_PAGES_FREED,
			      atomic64_read(&xenloop.pages_freed),
			      XENLOOP_A_INFO_PAD) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_PAGES_DEFERRED,
			atomic_read(&xenloop.pages_deferred)) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_PAGES_MAPPED,
			atomic_read(&xenloop.pages_mapped)) ||
	    nla_put_u32(msg, XENLOOP_A_INFO_PORTS_BOUND,
			atomic_read(&xenloop.ports_bound)))
		return -EMSGSIZE;
	return 0;
}

/* A reply to @info with its header in place, or NULL. */
static struct sk_buff *new_reply(struct genl_info *info, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	*hdr = genlmsg_put_reply(msg, info, &family, 0, info->genlhdr->cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* Send a reply whose attributes were put with result @err. Frees it. */
static int send_reply(struct sk_buff *msg, void *hdr, struct genl_info *info,
		      int err)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int xenloop_nl_info_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	msg = new_reply(info, &hdr);
	if (!msg)
		return -ENOMEM;
	xenloop_lock();
	err = put_info(msg) ?: put_counts(msg);
	xenloop_unlock();
	return send_reply(msg, hdr, info, err);
}

/* A tunable of the set operation. */
struct tunable {
	int attr;
	u32 min, max;
	u32 *value;
};

static const struct tunable tunables[] = {
	{ XENLOOP_A_INFO_STALL_TIMEOUT, 100, 600000, &xenloop.stall_ms },
	{ XENLOOP_A_INFO_DRAIN_TIMEOUT, 0, 10000, &xenloop.drain_ms },
	{ XENLOOP_A_INFO_HOLD_TIMEOUT, 0, 10000, &xenloop.hold_ms },
	{ XENLOOP_A_INFO_BACKLOG_BYTES, 256 << 10, 64 << 20,
	  &xenloop.backlog_bytes },
	{ XENLOOP_A_INFO_POLL_TIME, 0, 10000, &xenloop.poll_us },
};

/* What a tunable will be after the request. Needs xenloop.lock. */
static u32 get_tunable(const struct genl_info *info, int attr, u32 now)
{
	return info->attrs[attr] ? get_u32(info, attr) : now;
}

/*
 * A receiver that holds frames, for a marker that is lost, must not look
 * stalled; the watchdog begins to count up to stall-timeout / 4 before the
 * frames come, 50 ms at least.
 */
static int check_timeouts(const struct genl_info *info)
{
	u32 hold = get_tunable(info, XENLOOP_A_INFO_HOLD_TIMEOUT,
			       xenloop.hold_ms);
	u32 stall = get_tunable(info, XENLOOP_A_INFO_STALL_TIMEOUT,
				xenloop.stall_ms);

	if (hold <= stall / 2)
		return 0;
	NL_SET_ERR_MSG(info->extack,
		       "hold-timeout is more than half of stall-timeout");
	return -EINVAL;
}

static void set_tunables(const struct genl_info *info)
{
	const struct tunable *t;

	for (t = tunables; t < tunables + ARRAY_SIZE(tunables); t++) {
		if (info->attrs[t->attr])
			WRITE_ONCE(*t->value, get_u32(info, t->attr));
	}
}

/* All or nothing: check every value before the first one is set. */
int xenloop_nl_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct tunable *t;
	int err;

	for (t = tunables; t < tunables + ARRAY_SIZE(tunables); t++) {
		struct nlattr *a = info->attrs[t->attr];

		if (!a)
			continue;
		if (nla_get_u32(a) < t->min || nla_get_u32(a) > t->max) {
			NL_SET_ERR_MSG_ATTR(info->extack, a,
					    "value out of range");
			return -ERANGE;
		}
	}
	xenloop_lock();
	err = check_timeouts(info);
	if (!err)
		set_tunables(info);
	xenloop_unlock();
	return err;
}

int xenloop_nl_iface_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	if (missing(info, XENLOOP_A_IFACE_IFINDEX) ||
	    missing(info, XENLOOP_A_IFACE_VIF) ||
	    missing(info, XENLOOP_A_IFACE_MAC))
		return -EINVAL;
	rtnl_lock();
	xenloop_lock();
	err = xenloop_iface_attach(get_u32(info, XENLOOP_A_IFACE_IFINDEX),
				   get_u32(info, XENLOOP_A_IFACE_VIF),
				   nla_data(info->attrs[XENLOOP_A_IFACE_MAC]),
				   info->extack);
	xenloop_unlock();
	rtnl_unlock();
	return err;
}

int xenloop_nl_iface_detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	if (missing(info, XENLOOP_A_IFACE_IFINDEX))
		return -EINVAL;
	err = xenloop_iface_detach(get_u32(info, XENLOOP_A_IFACE_IFINDEX),
				   XENLOOP_REASON_REQUESTED);
	if (err == -ENODEV)
		NL_SET_ERR_MSG(info->extack, "the interface is not attached");
	if (err == -EAGAIN)
		NL_SET_ERR_MSG(info->extack,
			       "frames wait for the interface's carrier");
	return err;
}

/* One counter, as a nest of its own. */
static int put_stat(struct sk_buff *msg, int attr, const char *name, u64 value)
{
	struct nlattr *nest = nla_nest_start(msg, attr);

	if (!nest ||
	    nla_put_string(msg, XENLOOP_A_STAT_NAME, name) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_STAT_VALUE, value,
			      XENLOOP_A_STAT_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/* Counter number @i of all channels that @iface has had. Needs xenloop.lock. */
static u64 sum_over_chans(const struct xenloop_iface *iface, int i)
{
	const struct xenloop_peer *peer;
	const struct xenloop_chan *chan;
	u64 sum = iface->past.v[i];

	list_for_each_entry(peer, &iface->peers, list) {
		chan = rcu_dereference_protected(peer->chan,
						 lockdep_is_held(&xenloop.lock));
		if (chan)
			sum += xenloop_stat_sum(chan, i);
	}
	return sum;
}

static int put_iface(struct sk_buff *msg, struct xenloop_iface *iface)
{
	const char *aside = xenloop_aside(iface->dev);
	int i, err = 0;

	if (nla_put_u32(msg, XENLOOP_A_IFACE_IFINDEX, iface->ifindex) ||
	    nla_put_u32(msg, XENLOOP_A_IFACE_VIF, iface->vif) ||
	    nla_put(msg, XENLOOP_A_IFACE_MAC, ETH_ALEN, iface->mac) ||
	    nla_put_string(msg, XENLOOP_A_IFACE_IFNAME, iface->dev->name) ||
	    (aside && nla_put_string(msg, XENLOOP_A_IFACE_ASIDE, aside)))
		return -EMSGSIZE;
	for (i = 0; !err && i < XENLOOP_NR_IFACE_STATS; i++)
		err = put_stat(msg, XENLOOP_A_IFACE_STAT,
			       xenloop_iface_stat_names[i],
			       xenloop_stat_sum(iface, i));
	for (i = 0; !err && i < XENLOOP_NR_CHAN_STATS; i++)
		err = put_stat(msg, XENLOOP_A_IFACE_CHAN_STAT,
			       xenloop_chan_stat_names[i],
			       sum_over_chans(iface, i));
	return err;
}

static int put_peer(struct sk_buff *msg, struct xenloop_peer *peer)
{
	if (nla_put_u32(msg, XENLOOP_A_PEER_IFINDEX, peer->key.ifindex) ||
	    nla_put(msg, XENLOOP_A_PEER_MAC, ETH_ALEN, peer->key.mac) ||
	    nla_put_u32(msg, XENLOOP_A_PEER_DOMID, peer->domid) ||
	    nla_put_u32(msg, XENLOOP_A_PEER_VIF, peer->vif))
		return -EMSGSIZE;
	return 0;
}

/* Start one object of a dump; NULL when the message is full. */
static void *dump_start(struct sk_buff *msg, struct netlink_callback *cb,
			u8 cmd)
{
	void *hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid,
				cb->nlh->nlmsg_seq, &family, NLM_F_MULTI, cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/* End it, or take it out again when it did not fit. */
static bool dump_end(struct sk_buff *msg, void *hdr, int err)
{
	if (err)
		genlmsg_cancel(msg, hdr);
	else
		genlmsg_end(msg, hdr);
	return !err;
}

/*
 * Interfaces and peers are dumped by their place in the lists; cb->seq has the
 * reader told when these change between two parts, and it begins anew.
 */
int xenloop_nl_iface_dump_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct xenloop_iface *iface;
	int i = 0;
	void *hdr;

	xenloop_lock();
	cb->seq = xenloop.lists_seq;
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		if (i++ < cb->args[0])
			continue;
		hdr = dump_start(skb, cb, XENLOOP_CMD_IFACE_DUMP);
		if (!hdr || !dump_end(skb, hdr, put_iface(skb, iface)))
			break;
		cb->args[0] = i;
	}
	xenloop_unlock();
	return skb->len;
}

/*
 * Dump the peers of @iface, the first of which is number @i of all. Returns the
 * number of the next interface's first, or -EMSGSIZE when the message is full.
 */
static int dump_peers(struct sk_buff *skb, struct netlink_callback *cb,
		      struct xenloop_iface *iface, int i)
{
	struct xenloop_peer *peer;
	void *hdr;

	list_for_each_entry(peer, &iface->peers, list) {
		if (i++ < cb->args[0])
			continue;
		hdr = dump_start(skb, cb, XENLOOP_CMD_PEER_DUMP);
		if (!hdr || !dump_end(skb, hdr, put_peer(skb, peer)))
			return -EMSGSIZE;
		cb->args[0] = i;
	}
	return i;
}

int xenloop_nl_peer_dump_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct xenloop_iface *iface;
	int i = 0;

	xenloop_lock();
	cb->seq = xenloop.lists_seq;
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		i = dump_peers(skb, cb, iface, i);
		if (i < 0)
			break;
	}
	xenloop_unlock();
	return skb->len;
}

/* The interface that the attribute, which is there, names. */
static struct xenloop_iface *get_iface(struct genl_info *info, int attr)
{
	struct xenloop_iface *iface;

	iface = xenloop_iface_find(get_u32(info, attr));
	if (!iface)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
				    "the interface is not attached");
	return iface;
}

static int add_peer(struct genl_info *info)
{
	struct xenloop_iface *iface = get_iface(info, XENLOOP_A_PEER_IFINDEX);
	u32 domid;

	if (!iface)
		return -ENODEV;
	domid = get_u32(info, XENLOOP_A_PEER_DOMID);
	if (domid >= DOMID_FIRST_RESERVED) {
		NL_SET_ERR_MSG(info->extack, "not a domain id");
		return -EINVAL;
	}
	return xenloop_peer_add(iface, nla_data(info->attrs[XENLOOP_A_PEER_MAC]),
				domid, get_u32(info, XENLOOP_A_PEER_VIF),
				info->extack);
}

int xenloop_nl_peer_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	if (missing(info, XENLOOP_A_PEER_IFINDEX) ||
	    missing(info, XENLOOP_A_PEER_MAC) ||
	    missing(info, XENLOOP_A_PEER_DOMID) ||
	    missing(info, XENLOOP_A_PEER_VIF))
		return -EINVAL;
	xenloop_lock();
	err = add_peer(info);
	xenloop_unlock();
	return err;
}

/* The peer that these attributes, which are there, name; needs xenloop.lock. */
static struct xenloop_peer *get_peer(struct genl_info *info, int ifindex,
				     int mac)
{
	struct xenloop_peer *peer = NULL;

	if (!get_iface(info, ifindex))
		return NULL;
	peer = xenloop_peer_lookup(get_u32(info, ifindex),
				   nla_data(info->attrs[mac]));
	if (!peer)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[mac],
				    "no such peer on this interface");
	return peer;
}

int xenloop_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct xenloop_peer *peer;

	if (missing(info, XENLOOP_A_PEER_IFINDEX) ||
	    missing(info, XENLOOP_A_PEER_MAC))
		return -EINVAL;
	xenloop_lock();
	peer = get_peer(info, XENLOOP_A_PEER_IFINDEX, XENLOOP_A_PEER_MAC);
	if (peer)
		xenloop_peer_del(peer);
	xenloop_unlock();
	return peer ? 0 : -ENOENT;
}

static int put_handle(struct sk_buff *msg, const struct xenloop_chan *chan)
{
	if (nla_put_u32(msg, XENLOOP_A_CHAN_ID, chan->id) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_LOCAL_GREF, chan->own.ref[0]) ||
	    (chan->listener &&
	     nla_put_u32(msg, XENLOOP_A_CHAN_PORT, chan->offer_port)))
		return -EMSGSIZE;
	return 0;
}

static struct xenloop_peer *get_chan_peer(struct genl_info *info)
{
	return get_peer(info, XENLOOP_A_CHAN_IFINDEX, XENLOOP_A_CHAN_PEER_MAC);
}

/* The thread of the channel that the request is for, or an ERR_PTR(). */
static struct kthread_worker *new_thread(struct genl_info *info)
{
	struct xenloop_peer *peer;
	u32 domid = 0;

	xenloop_lock();
	peer = get_chan_peer(info);
	if (peer)
		domid = peer->domid;
	xenloop_unlock();
	return peer ? xenloop_poller_thread(domid) : ERR_PTR(-ENOENT);
}

/*
 * Create a channel as the request says and put its handle into @msg. *@thread is
 * NULL when the channel has it. Needs xenloop.lock.
 */
static int create_chan(struct sk_buff *msg, struct genl_info *info,
		       bool listen, struct kthread_worker **thread)
{
	struct xenloop_peer *peer = get_chan_peer(info);
	u64 cookie = nla_get_u64(info->attrs[XENLOOP_A_CHAN_COOKIE]);
	u32 size = get_u32(info, XENLOOP_A_CHAN_SIZE);
	struct xenloop_chan *chan;
	int err;

	if (!peer)
		return -ENOENT;
	if (listen)
		err = xenloop_chan_listen(peer, size, cookie, *thread, &chan,
					  info->extack);
	else
		err = xenloop_chan_connect(peer, size, cookie,
					   get_u32(info, XENLOOP_A_CHAN_REMOTE_GREF),
					   get_u32(info, XENLOOP_A_CHAN_PORT),
					   *thread, &chan, info->extack);
	if (err)
		return err;
	*thread = NULL;
	return put_handle(msg, chan);
}

/* The same; takes xenloop.lock. */
static int create(struct sk_buff *msg, struct genl_info *info, bool listen)
{
	struct kthread_worker *thread = new_thread(info);
	int err;

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	xenloop_lock();
	err = create_chan(msg, info, listen, &thread);
	xenloop_unlock();
	if (thread)
		kthread_destroy_worker(thread);
	return err;
}

static int create_doit(struct genl_info *info, bool listen)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (missing(info, XENLOOP_A_CHAN_IFINDEX) ||
	    missing(info, XENLOOP_A_CHAN_PEER_MAC) ||
	    missing(info, XENLOOP_A_CHAN_SIZE) ||
	    missing(info, XENLOOP_A_CHAN_COOKIE))
		return -EINVAL;
	msg = new_reply(info, &hdr);
	if (!msg)
		return -ENOMEM;
	err = create(msg, info, listen);
	return send_reply(msg, hdr, info, err);
}

int xenloop_nl_listen_doit(struct sk_buff *skb, struct genl_info *info)
{
	return create_doit(info, true);
}

int xenloop_nl_connect_doit(struct sk_buff *skb, struct genl_info *info)
{
	if (missing(info, XENLOOP_A_CHAN_REMOTE_GREF) ||
	    missing(info, XENLOOP_A_CHAN_PORT))
		return -EINVAL;
	return create_doit(info, false);
}

/* The channel that the request's id, which is there, names; needs xenloop.lock. */
static struct xenloop_chan *get_chan(struct genl_info *info)
{
	struct xenloop_chan *chan;

	chan = xenloop_chan_find(get_u32(info, XENLOOP_A_CHAN_ID));
	if (!chan)
		NL_SET_ERR_MSG(info->extack, "no such channel");
	return chan;
}

int xenloop_nl_accept_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct xenloop_chan *chan;
	int err = -ENOENT;

	if (missing(info, XENLOOP_A_CHAN_ID) ||
	    missing(info, XENLOOP_A_CHAN_REMOTE_GREF))
		return -EINVAL;
	xenloop_lock();
	chan = get_chan(info);
	if (chan)
		err = xenloop_chan_accept(chan,
					  get_u32(info, XENLOOP_A_CHAN_REMOTE_GREF),
					  info->extack);
	xenloop_unlock();
	return err;
}

int xenloop_nl_activate_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct xenloop_chan *chan;
	int err = -ENOENT;

	if (missing(info, XENLOOP_A_CHAN_ID))
		return -EINVAL;
	xenloop_lock();
	chan = get_chan(info);
	if (chan)
		err = xenloop_chan_activate(chan, info->extack);
	xenloop_unlock();
	return err;
}

int xenloop_nl_close_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct xenloop_chan *chan;

	if (missing(info, XENLOOP_A_CHAN_ID))
		return -EINVAL;
	xenloop_lock();
	chan = get_chan(info);
	if (chan)
		xenloop_chan_close(chan, XENLOOP_REASON_REQUESTED,
				   info->attrs[XENLOOP_A_CHAN_DRAIN]);
	xenloop_unlock();
	return chan ? 0 : -ENOENT;
}

/* What dumps and notifications of a channel share. */
static int put_chan(struct sk_buff *msg, const struct xenloop_chan *chan)
{
	if (nla_put_u32(msg, XENLOOP_A_CHAN_ID, chan->id) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_IFINDEX, chan->iface->ifindex) ||
	    nla_put(msg, XENLOOP_A_CHAN_PEER_MAC, ETH_ALEN,
		    chan->peer->key.mac) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_DOMID, chan->peer->domid) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_VIF, chan->peer->vif) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_CHAN_COOKIE, chan->cookie,
			      XENLOOP_A_CHAN_PAD) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_STATE, chan->state) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_REASON, chan->reason))
		return -EMSGSIZE;
	return 0;
}

static int put_chan_detail(struct sk_buff *msg, struct xenloop_chan *chan)
{
	unsigned long idle = jiffies - READ_ONCE(chan->last_used);
	unsigned long age = chan->born ? jiffies - chan->born : 0;

	if (nla_put_u32(msg, XENLOOP_A_CHAN_SIZE, chan->size) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_LOCAL_GREF, chan->own.ref[0]) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_REMOTE_GREF, chan->remote_gref) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_PORT, chan->offer_port) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_CHAN_IDLE_MS,
			      jiffies_to_msecs(idle), XENLOOP_A_CHAN_PAD) ||
	    nla_put_u64_64bit(msg, XENLOOP_A_CHAN_AGE_MS,
			      jiffies_to_msecs(age), XENLOOP_A_CHAN_PAD) ||
	    (chan->listener && nla_put_flag(msg, XENLOOP_A_CHAN_LISTENER)) ||
	    (chan->up_told && nla_put_flag(msg, XENLOOP_A_CHAN_PEER_ACTIVE)))
		return -EMSGSIZE;
	return 0;
}

static int dump_chan(struct sk_buff *msg, struct xenloop_chan *chan)
{
	int i, err = put_chan(msg, chan) ?: put_chan_detail(msg, chan);

	for (i = 0; !err && i < XENLOOP_NR_CHAN_STATS; i++)
		err = put_stat(msg, XENLOOP_A_CHAN_STAT,
			       xenloop_chan_stat_names[i],
			       xenloop_stat_sum(chan, i));
	return err;
}

int xenloop_nl_chan_dump_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct xenloop_chan *chan;
	unsigned long id;
	void *hdr;

	xenloop_lock();
	xa_for_each_start(&xenloop_chans, id, chan, cb->args[0]) {
		hdr = dump_start(skb, cb, XENLOOP_CMD_CHAN_DUMP);
		if (!hdr || !dump_end(skb, hdr, dump_chan(skb, chan)))
			break;
		cb->args[0] = id + 1;
	}
	xenloop_unlock();
	return skb->len;
}

/* A notification with its header and @event in place, or NULL. */
static struct sk_buff *new_event(enum xenloop_event event, gfp_t gfp,
				 void **hdr)
{
	struct sk_buff *msg;

	if (!READ_ONCE(registered))
		return NULL;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, gfp);
	if (!msg)
		return NULL;
	*hdr = genlmsg_put(msg, 0, 0, &family, 0, XENLOOP_CMD_EVENT);
	if (*hdr && !nla_put_u32(msg, XENLOOP_A_CHAN_EVENT, event))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static void send_event(struct sk_buff *msg, void *hdr, int err, gfp_t gfp)
{
	if (err) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&family, msg, 0, XENLOOP_NLGRP_EVENTS, gfp);
}

/* Tell of a channel. Process context, xenloop.lock held. */
void xenloop_nl_event(enum xenloop_event event, struct xenloop_chan *chan)
{
	void *hdr;
	struct sk_buff *msg = new_event(event, GFP_KERNEL, &hdr);

	if (msg)
		send_event(msg, hdr, put_chan(msg, chan), GFP_KERNEL);
}

/* Tell of traffic to a peer without a channel. BH off, RCU read lock. */
void xenloop_nl_wanted(struct xenloop_peer *peer)
{
	void *hdr;
	struct sk_buff *msg = new_event(XENLOOP_EVENT_WANTED, GFP_ATOMIC, &hdr);
	int err = 0;

	if (!msg)
		return;
	if (nla_put_u32(msg, XENLOOP_A_CHAN_IFINDEX, peer->key.ifindex) ||
	    nla_put(msg, XENLOOP_A_CHAN_PEER_MAC, ETH_ALEN, peer->key.mac) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_DOMID, peer->domid) ||
	    nla_put_u32(msg, XENLOOP_A_CHAN_VIF, peer->vif))
		err = -EMSGSIZE;
	send_event(msg, hdr, err, GFP_ATOMIC);
}

/* Tell of something that concerns the whole guest. Process context. */
void xenloop_nl_global(enum xenloop_event event)
{
	void *hdr;
	struct sk_buff *msg = new_event(event, GFP_KERNEL, &hdr);

	if (msg)
		send_event(msg, hdr, 0, GFP_KERNEL);
}

/* Tell that an interface is not attached any more. Process context. */
void xenloop_nl_iface_down(struct xenloop_iface *iface)
{
	void *hdr;
	struct sk_buff *msg = new_event(XENLOOP_EVENT_IFACE_DOWN, GFP_KERNEL,
					&hdr);

	if (msg)
		send_event(msg, hdr, nla_put_u32(msg, XENLOOP_A_CHAN_IFINDEX,
						 iface->ifindex), GFP_KERNEL);
}

static struct genl_family family = {
	.name = XENLOOP_FAMILY_NAME,
	.version = XENLOOP_FAMILY_VERSION,
	.maxattr = XENLOOP_A_CHAN_MAX,
	.netnsok = false,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = xenloop_nl_ops,
	.n_ops = XENLOOP_NL_OPS_COUNT,
	.resv_start_op = XENLOOP_CMD_INFO,
	.mcgrps = xenloop_nl_mcgrps,
	.n_mcgrps = XENLOOP_NL_MCGRPS_COUNT,
};

int xenloop_nl_init(void)
{
	int err = genl_register_family(&family);

	if (!err)
		WRITE_ONCE(registered, true);
	return err;
}

void xenloop_nl_exit(void)
{
	xenloop_lock(); /* whoever tells something in process context */
	WRITE_ONCE(registered, false);
	xenloop_unlock();
	synchronize_net(); /* the egress hook */
	genl_unregister_family(&family);
}
