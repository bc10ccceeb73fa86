// SPDX-License-Identifier: GPL-2.0
/*
 * Suspend, save and migration. When the kernel gets here, userspace is frozen
 * already, so the module lets go of everything foreign by itself: a PV guest
 * saved while it maps another domain's pages crashes after its restore. And the
 * end of the kernel, where nobody else would. The callbacks hang on a platform
 * device that exists for nothing else.
 */
#include <linux/delay.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/random.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "chan.h"
#include "iface.h"
#include "netlink.h"
#include "state.h"
#include "suspend.h"

/* At the end, peers have so long to let go of this guest's pages. */
#define SHUTDOWN_WAIT	(3 * HZ)

/* Restored, or the suspend was cancelled: a new life either way. */
static void resumed(void)
{
	xenloop_lock();
	if (!xenloop.suspended)
		goto out;
	xenloop.epoch = get_random_u64();
	WRITE_ONCE(xenloop.suspended, false);
	xenloop_iface_resumed();
	xenloop_nl_global(XENLOOP_EVENT_RESUMED);
out:
	xenloop_unlock();
}

/*
 * When another device could not be frozen, some kernels thaw all tasks without
 * any further callback.
 */
static void thawed(struct work_struct *work)
{
	resumed();
}

static DECLARE_WORK(thawed_work, thawed);

/*
 * Never waits for a peer: it takes back what we have not claimed. Needs
 * xenloop.lock; may sleep.
 */
static void close_all(enum xenloop_reason reason)
{
	struct xenloop_chan *chan;
	unsigned long id;

	xa_for_each(&xenloop_chans, id, chan)
		xenloop_chan_close(chan, reason, false);
	xenloop_chan_finish_all(NULL);
}

/*
 * Who they are is known by domid, and on another host that is somebody else's.
 * No channel is left. Needs xenloop.lock.
 */
static void forget_peers(void)
{
	struct xenloop_iface *iface;

	list_for_each_entry(iface, &xenloop_ifaces, list)
		xenloop_peer_del_all(iface);
}

static int freeze(struct device *dev)
{
	xenloop_lock();
	WRITE_ONCE(xenloop.suspended, true);
	xenloop_nl_global(XENLOOP_EVENT_SUSPENDED);
	close_all(XENLOOP_REASON_SUSPEND);
	forget_peers();
	xenloop_unlock();
	queue_work(system_freezable_wq, &thawed_work); /* frozen by now */
	return 0;
}

/* The last callback, when every other device, and so netfront, is back. */
static void complete_resume(struct device *dev)
{
	resumed();
}

/*
 * Power off, reboot or kexec. With the last one the domain and its memory stay:
 * what a peer has still mapped then is the next kernel's. So no new channel is
 * made, and peers get some time; one that means harm does not let go.
 */
static void shutdown(struct platform_device *pdev)
{
	unsigned long end = jiffies + SHUTDOWN_WAIT;

	xenloop_lock();
	close_all(XENLOOP_REASON_UNLOAD); /* frames still go by netfront */
	WRITE_ONCE(xenloop.suspended, true);
	xenloop_unlock();
	while (atomic_read(&xenloop.pages_deferred) && time_before(jiffies, end))
		msleep(20);
}

static const struct dev_pm_ops pm_ops = {
	.freeze = freeze,
	.complete = complete_resume,
};

static struct platform_driver driver = {
	.shutdown = shutdown,
	.driver = {
		.name = "xenloop",
		.pm = &pm_ops,
		.suppress_bind_attrs = true, /* or a save could go unnoticed */
	},
};

static struct platform_device *device;

int xenloop_suspend_init(void)
{
	int err = platform_driver_register(&driver);

	if (err)
		return err;
	device = platform_device_register_simple("xenloop", PLATFORM_DEVID_NONE,
						 NULL, 0);
	if (IS_ERR(device)) {
		platform_driver_unregister(&driver);
		return PTR_ERR(device);
	}
	return 0;
}

void xenloop_suspend_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
	cancel_work_sync(&thawed_work);
}
