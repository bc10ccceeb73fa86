// SPDX-License-Identifier: GPL-2.0
/*
 * The egress hook comes before tc and the root queueing discipline, and an XDP
 * program in netfront never sees what takes a channel. Where a user relies on
 * one of those, the interface's channels stand aside. Nobody notifies of such
 * changes, so each interface is looked at every second.
 */
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <net/sch_generic.h>

#include "aside.h"
#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "state.h"

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

/* A queueing discipline that the kernel attached by itself has no handle. */
static bool has_own_qdisc(const struct net_device *dev)
{
	bool own;

	rcu_read_lock();
	own = rcu_dereference(dev->qdisc)->handle != 0;
	rcu_read_unlock();
	return own;
}

/* Returns why channels of @dev stand aside, a constant string, or NULL. */
const char *xenloop_aside(const struct net_device *dev)
{
	if (dev_xdp_prog_count((struct net_device *)dev))
		return "XDP program";
	if (xenloop_has_tc_egress(dev))
		return "tc egress program";
	if (has_own_qdisc(dev))
		return "root qdisc";
	return NULL;
}

static void look(struct work_struct *work)
{
	struct xenloop_iface *iface;

	mutex_lock(&xenloop.lock);
	list_for_each_entry(iface, &xenloop_ifaces, list) {
		xenloop_iface_expire_held(iface);
		if (xenloop_aside(iface->dev))
			xenloop_iface_close_chans(iface, XENLOOP_REASON_ASIDE,
						  true);
	}
	mutex_unlock(&xenloop.lock);
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
