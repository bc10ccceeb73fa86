// SPDX-License-Identifier: GPL-2.0
/* XenLoop: a shared-memory channel between guests, under the network stack. */
#include <linux/module.h>
#include <linux/random.h>
#include <xen/xen.h>

#include "aside.h"
#include "chan.h"
#include "grant.h"
#include "iface.h"
#include "netlink.h"
#include "state.h"
#include "suspend.h"

struct xenloop_state xenloop = {
	.lock = __MUTEX_INITIALIZER(xenloop.lock),
	.stall_ms = 5000,
	.drain_ms = 2000,
	.hold_ms = 1000,
	.poll_us = 3000,
	.backlog_bytes = 4 << 20,
	.lists_seq = 1, /* 0 means none to netlink */
};

static int __init xenloop_init(void)
{
	int err;

	if (!xen_domain()) {
		pr_err("this is not a Xen guest\n");
		return -ENODEV;
	}
	xenloop.epoch = get_random_u64();
	xenloop.wq = alloc_workqueue("xenloop", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!xenloop.wq)
		return -ENOMEM;
	err = xenloop_peer_init();
	if (err)
		goto err_wq;
	err = xenloop_chan_init();
	if (err)
		goto err_peer;
	err = xenloop_iface_init();
	if (err)
		goto err_chan;
	err = xenloop_suspend_init();
	if (err)
		goto err_iface;
	err = xenloop_nl_init();
	if (err)
		goto err_suspend;
	xenloop_aside_init();
	return 0;

err_suspend:
	xenloop_suspend_exit();
err_iface:
	xenloop_iface_exit();
err_chan:
	xenloop_chan_exit();
err_peer:
	xenloop_peer_exit();
err_wq:
	destroy_workqueue(xenloop.wq);
	return err;
}

static void __exit xenloop_exit(void)
{
	xenloop_iface_prepare_exit();
	xenloop_nl_exit();
	xenloop_aside_exit();
	xenloop_suspend_exit();
	xenloop_iface_exit();
	xenloop_chan_exit();
	xenloop_peer_exit();
	xenloop_grant_exit();
	destroy_workqueue(xenloop.wq);
}

module_init(xenloop_init);
module_exit(xenloop_exit);

MODULE_DESCRIPTION("Shared-memory channels between Xen guests on one host");
MODULE_LICENSE("GPL");
MODULE_VERSION(XENLOOP_VERSION);
