/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between Linux 6.1 and current kernels; nowhere else. */
#ifndef XENLOOP_COMPAT_H
#define XENLOOP_COMPAT_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
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
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/tcx.h>
#endif

/*
 * 51c352bdbcd2 (6.2) brought the formatting variant. Without it the argument,
 * which must be a constant string, stands alone.
 */
#ifndef NL_SET_ERR_MSG_FMT
#define NL_SET_ERR_MSG_FMT(extack, fmt, arg) do {	\
	if (extack)					\
		(extack)->_msg = (arg);			\
} while (0)
#endif

/*
 * e420bed02507 (6.6) replaced the egress mini-qdisc by tcx, whose entry is there
 * with any clsact qdisc, also without a filter on this side.
 */
static inline bool xenloop_has_tc_egress(const struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#ifdef CONFIG_NET_XGRESS
	struct bpf_mprog_entry *entry;
	bool has;

	rcu_read_lock();
	entry = rcu_dereference(dev->tcx_egress);
	has = entry && (bpf_mprog_total(entry) ||
			rcu_access_pointer(tcx_entry(entry)->miniq));
	rcu_read_unlock();
	return has;
#else
	return false;
#endif
#elif defined(CONFIG_NET_CLS_ACT)
	return rcu_access_pointer(dev->miniq_egress);
#else
	return false;
#endif
}

/* 9f06f87fef68 (6.10) gave the bit an option of its own. */
static inline bool xenloop_skb_decrypted(const struct sk_buff *skb)
{
#if defined(CONFIG_SKB_DECRYPTED) || \
	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0) && \
	 defined(CONFIG_TLS_DEVICE))
	return skb->decrypted;
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
