/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between Linux 6.1 and current kernels; nowhere else. */
#ifndef XENLOOP_COMPAT_H
#define XENLOOP_COMPAT_H

#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* cd4d7263d58a (6.8, and in stable kernels): groups have flags of their own. */
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN GENL_UNS_ADMIN_PERM
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>	/* d457a0e329b0: skb_gso_segment() moved */
#endif

/* 51c352bdbcd2 (6.2) brought the formatting variant; the text has to do. */
#ifndef NL_SET_ERR_MSG_FMT
#define NL_SET_ERR_MSG_FMT(extack, fmt, ...) \
	NL_SET_ERR_MSG(extack, fmt)
#endif

/* e420bed02507 (6.6) replaced the egress mini-qdisc by tcx. */
static inline bool xenloop_has_tc_egress(const struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#ifdef CONFIG_NET_XGRESS
	return rcu_access_pointer(dev->tcx_egress);
#else
	return false;
#endif
#elif defined(CONFIG_NET_CLS_ACT)
	return rcu_access_pointer(dev->miniq_egress);
#else
	return false;
#endif
}

/* b04e317b5226 (6.14) renamed the variant that also starts the thread. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define kthread_run_worker kthread_create_worker
#endif

/* b209bd6d0bffb (6.10) brought alloc_netdev_dummy(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
static inline struct net_device *alloc_netdev_dummy(int sizeof_priv)
{
	struct net_device *dev = kzalloc(sizeof(*dev) + sizeof_priv,
					 GFP_KERNEL);

	if (dev)
		init_dummy_netdev(dev);
	return dev;
}

static inline void xenloop_free_dummy(struct net_device *dev)
{
	kfree(dev);
}
#else
static inline void xenloop_free_dummy(struct net_device *dev)
{
	free_netdev(dev);
}
#endif

#endif /* XENLOOP_COMPAT_H */
