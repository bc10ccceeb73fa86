// SPDX-License-Identifier: GPL-2.0
/*
 * The egress hook comes before tc and the root queueing discipline, and an XDP
 * program in netfront never sees what takes a channel. Where a user relies on
 * one of those, the interface's channels stand aside. So do those of a port of
 * a bond or team, which may take frames by another one only. Nobody notifies of
 * such changes, so each interface is looked at every second.
 */
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <net/sch_generic.h>

#include "aside.h"
#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "state.h"

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

/*
 * A queueing discipline that the kernel attached by itself has no handle. With
 * fq, be it the default, TCP does not pace its frames itself, and frames may
 * have a time to leave at: they must not get round it.
 */
static const char *judge_qdisc(const struct Qdisc *qdisc, const char *place)
{
	if (qdisc->handle)
		return place;
	return strcmp(qdisc->ops->id, "fq") ? NULL : "fq qdisc";
}

static const char *own_qdisc(const struct net_device *dev)
{
	const char *why;
	unsigned int i;

	rcu_read_lock();
	why = judge_qdisc(rcu_dereference(dev->qdisc), "root qdisc");
	for (i = 0; !why && i < dev->real_num_tx_queues; i++) {
		struct netdev_queue *queue = netdev_get_tx_queue(dev, i);

		why = judge_qdisc(rcu_dereference(queue->qdisc_sleeping),
				  "queue qdisc");
	}
	rcu_read_unlock();
	return why;
}

/* Returns why channels of @dev stand aside, a constant string, or NULL. */
const char *xenloop_aside(const struct net_device *dev)
{
	if (dev_xdp_prog_count((struct net_device *)dev))
		return "XDP program";
	if (xenloop_has_tc_egress(dev))
		return "tc egress program";
	if (netif_is_lag_port(dev))
		return "bond or team port";
	return own_qdisc(dev);
}

static void look(struct work_struct *work)
{
	struct xenloop_iface *iface;

	xenloop_lock();
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		xenloop_iface_expire_held(iface);
		if (xenloop_aside(iface->dev))
			xenloop_iface_close_chans(iface, XENLOOP_REASON_ASIDE,
						  true);
	}
	xenloop_unlock();
	queue_delayed_work(xenloop.wq, &look_work, HZ);
}

void xenloop_aside_init(void)
{
	queue_delayed_work(xenloop.wq, &look_work, HZ);
}

void xenloop_aside_exit(void)
{
	cancel_delayed_work_sync(&look_work);
}
