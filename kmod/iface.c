// SPDX-License-Identifier: GPL-2.0
/*
 * Attached interfaces: the netfront vifs of this guest that xenloopd named.
 * Also what happens when one of them is renamed, taken down or unplugged.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <net/sch_generic.h>
#include <xen/xenbus.h>

#include "chan.h"
#include "iface.h"
#include "netlink.h"
#include "state.h"

/* Without SKIP_EGRESS the hook sees what the module itself sends. */
#if !defined(CONFIG_NETFILTER_SKIP_EGRESS) || !defined(CONFIG_NETFILTER_INGRESS)
#error XenLoop needs CONFIG_NETFILTER_INGRESS, _EGRESS and CONFIG_NET_CLS_ACT
#endif

/* Truesize of the frames that are kept over a suspend, in bytes. */
#define HELD_MAX	(4u << 20)
/* When the carrier has not come back by then, nobody waits for them. */
#define HELD_TIMEOUT	(20 * HZ)
/* Of many frames at once, so many may be queued: too few for CoDel to mind. */
#define PACE_QUEUED	63

/* Under xenloop.lock. */
LIST_HEAD(xenloop_ifaces);

/* Returns the interface, valid while xenloop.lock is held, or NULL. */
struct xenloop_iface *xenloop_iface_find(u32 ifindex)
{
	struct xenloop_iface *iface;

	lockdep_assert_held(&xenloop.lock);
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		if (iface->ifindex == ifindex)
			return iface;
	}
	return NULL;
}

/* Is @dev a frontend of Xen's? */
static bool is_frontend(const struct net_device *dev)
{
	const struct device *parent = dev->dev.parent;

	return parent && parent->bus && !strcmp(parent->bus->name, "xen");
}

/* Is @dev the network frontend with handle @vif? */
static bool is_vif(const struct net_device *dev, u32 vif)
{
	char name[32];

	snprintf(name, sizeof(name), "device/vif/%u", vif);
	return is_frontend(dev) &&
	       !strcmp(to_xenbus_device(dev->dev.parent)->nodename, name);
}

static int check_dev(const struct net_device *dev, u32 vif, const u8 *mac,
		     struct netlink_ext_ack *extack)
{
	if (!is_vif(dev, vif)) {
		NL_SET_ERR_MSG(extack, "the interface is not this vif's netfront");
		return -EINVAL;
	}
	if (!is_valid_ether_addr(mac) || !ether_addr_equal(dev->dev_addr, mac)) {
		NL_SET_ERR_MSG(extack,
			       "the interface does not have the vif's MAC address");
		return -EINVAL;
	}
	return 0;
}

static void free_iface(struct xenloop_iface *iface)
{
	__skb_queue_purge(&iface->held);
	netdev_put(iface->dev, &iface->dev_tracker);
	free_percpu(iface->stats);
	kfree(iface);
}

static struct xenloop_iface *alloc_iface(struct net_device *dev, u32 vif,
					 const u8 *mac)
{
	struct xenloop_iface *iface = kzalloc(sizeof(*iface), GFP_KERNEL);

	if (!iface)
		return NULL;
	iface->stats = alloc_percpu(struct xenloop_iface_stats);
	if (!iface->stats) {
		kfree(iface);
		return NULL;
	}
	netdev_hold(dev, &iface->dev_tracker, GFP_KERNEL);
	iface->dev = dev;
	iface->ifindex = dev->ifindex;
	iface->strays_until = jiffies;
	iface->vif = vif;
	ether_addr_copy(iface->mac, mac);
	skb_queue_head_init(&iface->held);
	INIT_LIST_HEAD(&iface->peers);
	return iface;
}

/*
 * Hook interface @ifindex of the initial namespace. Returns 0, -ENODEV,
 * -EEXIST, -EINVAL or -ENOMEM. Needs RTNL and xenloop.lock.
 */
int xenloop_iface_attach(u32 ifindex, u32 vif, const u8 *mac,
			 struct netlink_ext_ack *extack)
{
	struct net_device *dev = __dev_get_by_index(&init_net, ifindex);
	struct xenloop_iface *iface;
	int err;

	lockdep_assert_held(&xenloop.lock);
	if (!dev) {
		NL_SET_ERR_MSG(extack, "no such interface");
		return -ENODEV;
	}
	if (xenloop_iface_find(ifindex)) {
		NL_SET_ERR_MSG(extack, "the interface is attached already");
		return -EEXIST;
	}
	err = check_dev(dev, vif, mac, extack);
	if (err)
		return err;
	iface = alloc_iface(dev, vif, mac);
	if (!iface)
		return -ENOMEM;
	err = xenloop_hook(iface);
	if (err) {
		NL_SET_ERR_MSG(extack, "the netfilter hook was refused");
		free_iface(iface);
		return err;
	}
	list_add_tail(&iface->list, &xenloop_ifaces);
	xenloop.lists_seq++;
	return 0;
}

/* Begin to close all channels of @iface. Needs xenloop.lock. */
void xenloop_iface_close_chans(struct xenloop_iface *iface,
			       enum xenloop_reason reason, bool drain)
{
	struct xenloop_chan *chan;
	unsigned long id;

	xa_for_each(&xenloop_chans, id, chan) {
		if (chan->iface == iface)
			xenloop_chan_close(chan, reason, drain);
	}
}

static bool has_chans(struct xenloop_iface *iface)
{
	struct xenloop_chan *chan;
	unsigned long id;

	xa_for_each(&xenloop_chans, id, chan) {
		if (chan->iface == iface)
			return true;
	}
	return false;
}

/*
 * Take an interface out of service at once: what its channels still have goes
 * out by the standard path. Needs xenloop.lock; the caller has closed the
 * channels before if they were to be drained.
 */
static void release(struct xenloop_iface *iface)
{
	lockdep_assert_held(&xenloop.lock);
	xenloop_iface_close_chans(iface, XENLOOP_REASON_IFACE_GONE, false);
	xenloop_chan_finish_all(iface);
	xenloop_unhook(iface);
	xenloop_peer_del_all(iface);
	list_del(&iface->list);
	xenloop.lists_seq++;
	xenloop_nl_iface_down(iface);
	free_iface(iface);
}

/* Has interface @ifindex no channel any more? Takes xenloop.lock. */
static bool is_quiet(u32 ifindex)
{
	struct xenloop_iface *iface;
	bool quiet;

	xenloop_lock();
	iface = xenloop_iface_find(ifindex);
	quiet = !iface || !has_chans(iface);
	xenloop_unlock();
	return quiet;
}

/* Close the channels of interface @ifindex. Needs xenloop.lock. */
static int begin_detach(u32 ifindex, enum xenloop_reason reason)
{
	struct xenloop_iface *iface = xenloop_iface_find(ifindex);

	if (!iface)
		return -ENODEV;
	if (reason != XENLOOP_REASON_UNLOAD &&
	    !skb_queue_empty_lockless(&iface->held))
		return -EAGAIN;
	iface->dying = true;
	xenloop_iface_close_chans(iface, reason, true);
	return 0;
}

/*
 * Close an interface's channels, draining, and unhook it. Returns 0, -ENODEV,
 * or -EAGAIN while frames that were kept over a suspend wait for the carrier:
 * Dom0 may take the interface out of service for just that long. An unload
 * can't wait. Takes xenloop.lock; sleeps up to the drain timeout.
 */
int xenloop_iface_detach(u32 ifindex, enum xenloop_reason reason)
{
	struct xenloop_iface *iface;
	int err;

	xenloop_lock();
	err = begin_detach(ifindex, reason);
	xenloop_unlock();
	if (err)
		return err;

	while (!is_quiet(ifindex))
		msleep(5);

	xenloop_lock();
	iface = xenloop_iface_find(ifindex);
	if (iface && iface->dying)
		release(iface);
	xenloop_unlock();
	return 0;
}

/* Append @skb to the frames that are held; false: there is no room. */
static bool queue_held(struct xenloop_iface *iface, struct sk_buff *skb)
{
	bool fits;

	spin_lock_bh(&iface->held.lock);
	fits = iface->held_bytes + skb->truesize <= HELD_MAX;
	if (fits) {
		iface->held_until = jiffies + HELD_TIMEOUT;
		iface->held_bytes += skb->truesize;
		__skb_queue_tail(&iface->held, skb);
	}
	spin_unlock_bh(&iface->held.lock);
	return fits;
}

/*
 * netfront can't send now: keep @skb for after the resume, within bounds, and
 * nothing that it only borrowed: a route without a reference, user's pages.
 */
static void hold_frame(struct xenloop_iface *iface, struct sk_buff *skb)
{
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	if (!xenloop_frame_own(skb) && queue_held(iface, skb)) {
		xenloop_inc(iface, HELD);
	} else {
		xenloop_inc(iface, HELD_DROPPED);
		kfree_skb(skb);
	}
}

/*
 * Send by the standard path, past our own and the user's egress hooks, which
 * have seen the frame. Data at the Ethernet header, network header set. Takes
 * @skb over. While the guest is suspended frames are kept, within bounds. BH or
 * process context.
 */
void xenloop_iface_send(struct xenloop_iface *iface, struct sk_buff *skb)
{
	skb->dev = iface->dev;
	skb_reset_mac_header(skb);
	skb_reset_mac_len(skb);
	nf_skip_egress(skb, true);
	if (READ_ONCE(xenloop.suspended))
		hold_frame(iface, skb);
	else
		dev_queue_xmit(skb);
}

/* Frames in the interface's own queues. */
static unsigned int queued(const struct net_device *dev)
{
	const struct netdev_queue *txq;
	unsigned int i, sum = 0;

	rcu_read_lock();
	for (i = 0; i < dev->real_num_tx_queues; i++) {
		txq = netdev_get_tx_queue(dev, i);
		sum += qdisc_qlen_sum(rcu_dereference(txq->qdisc));
	}
	rcu_read_unlock();
	return sum;
}

/*
 * Wait until no more than @most frames are in the interface's own queues; false
 * if that takes until @deadline (jiffies). Not while suspended. Process context.
 */
bool xenloop_iface_wait(const struct xenloop_iface *iface, unsigned int most,
			unsigned long deadline)
{
	while (!READ_ONCE(xenloop.suspended) && queued(iface->dev) > most) {
		if (time_after_eq(jiffies, deadline))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

/*
 * Before each of many frames that no socket is charged for: the queues would
 * drop what comes in one burst. No longer than until @deadline (jiffies).
 * Process context.
 */
void xenloop_iface_pace(const struct xenloop_iface *iface,
			unsigned long deadline)
{
	xenloop_iface_wait(iface, PACE_QUEUED, deadline);
}

static void take_held(struct xenloop_iface *iface, struct sk_buff_head *held)
{
	__skb_queue_head_init(held);
	spin_lock_bh(&iface->held.lock);
	skb_queue_splice_init(&iface->held, held);
	iface->held_bytes = 0;
	spin_unlock_bh(&iface->held.lock);
}

/* Send what was kept, once netfront is connected again. */
static void send_held(struct xenloop_iface *iface)
{
	unsigned long deadline = jiffies + XENLOOP_PACE_MAX;
	struct sk_buff_head held;
	struct sk_buff *skb;

	take_held(iface, &held);
	while ((skb = __skb_dequeue(&held))) {
		xenloop_iface_pace(iface, deadline);
		dev_queue_xmit(skb);
	}
}

/* Give up on frames whose interface did not come back. */
void xenloop_iface_expire_held(struct xenloop_iface *iface)
{
	struct sk_buff_head held;
	struct sk_buff *skb;

	if (skb_queue_empty_lockless(&iface->held) || xenloop.suspended ||
	    time_before(jiffies, iface->held_until))
		return;
	take_held(iface, &held);
	while ((skb = __skb_dequeue(&held))) {
		xenloop_inc(iface, HELD_DROPPED);
		kfree_skb(skb);
	}
}

/* The guest runs again: interfaces that have their carrier go on. */
void xenloop_iface_resumed(void)
{
	struct xenloop_iface *iface;

	lockdep_assert_held(&xenloop.lock);
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		if (netif_carrier_ok(iface->dev))
			send_held(iface);
	}
}

/* Does xenloop.lock, and so whoever waits for RTNL, have to be waited for? */
static bool is_of_interest(unsigned long event)
{
	return event == NETDEV_UNREGISTER || event == NETDEV_CHANGEADDR ||
	       event == NETDEV_GOING_DOWN || event == NETDEV_DOWN ||
	       event == NETDEV_UP || event == NETDEV_CHANGE;
}

static void handle_event(struct xenloop_iface *iface, unsigned long event)
{
	switch (event) {
	case NETDEV_CHANGEADDR: /* also when it is set to what it was */
		if (ether_addr_equal(iface->dev->dev_addr, iface->mac))
			break;
		fallthrough;
	case NETDEV_UNREGISTER:
		release(iface);
		break;
	case NETDEV_GOING_DOWN:
	case NETDEV_DOWN:
		xenloop_iface_close_chans(iface, XENLOOP_REASON_IFACE_GONE, false);
		xenloop_chan_finish_all(iface);
		break;
	default:
		if (netif_carrier_ok(iface->dev) && !xenloop.suspended)
			send_held(iface);
	}
}

/*
 * RTNL is held by the caller, the network core: what is no business of ours must
 * not wait for xenloop.lock with it.
 */
static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct xenloop_iface *iface;

	if (!is_of_interest(event) || !is_frontend(dev) ||
	    !net_eq(dev_net(dev), &init_net))
		return NOTIFY_DONE;
	xenloop_lock();
	iface = xenloop_iface_find(dev->ifindex);
	if (iface)
		handle_event(iface, event);
	xenloop_unlock();
	return NOTIFY_DONE;
}

static struct notifier_block netdev_notifier = {
	.notifier_call = netdev_event,
};

int xenloop_iface_init(void)
{
	return register_netdevice_notifier(&netdev_notifier);
}

/* The module goes: say so while netlink is there, and begin to drain. */
void xenloop_iface_prepare_exit(void)
{
	struct xenloop_iface *iface;

	xenloop_lock();
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		iface->dying = true;
		xenloop_iface_close_chans(iface, XENLOOP_REASON_UNLOAD, true);
	}
	xenloop_unlock();
}

/* Detach everything, draining; nothing can be attached any more. */
void xenloop_iface_exit(void)
{
	struct xenloop_iface *iface;
	u32 ifindex;

	for (;;) {
		xenloop_lock();
		iface = list_first_entry_or_null(&xenloop_ifaces,
						 struct xenloop_iface, list);
		ifindex = iface ? iface->ifindex : 0;
		xenloop_unlock();
		if (!iface)
			break;
		xenloop_iface_detach(ifindex, XENLOOP_REASON_UNLOAD);
	}
	unregister_netdevice_notifier(&netdev_notifier);
}
