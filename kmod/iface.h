/* SPDX-License-Identifier: GPL-2.0 */
/* An attached interface and the remote vifs that it may reach by channel. */
#ifndef XENLOOP_IFACE_H
#define XENLOOP_IFACE_H

#include <linux/if_ether.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/xenloop.h>

#include "stats.h"

struct netlink_ext_ack;
struct xenloop_chan;

/**
 * struct xenloop_iface - an attached netfront interface
 * @list: in xenloop_ifaces, under xenloop.lock
 * @dev: the interface, held
 * @dev_tracker: that reference
 * @ifindex: its number
 * @vif: its handle in XenStore
 * @mac: its address by the roster
 * @egress: hook that sends
 * @ingress: hook that sees marker frames
 * @held: frames kept over a suspend
 * @held_bytes: truesize of @held, under its lock
 * @held_until: jiffies when @held is given up
 * @strays_until: jiffies up to when frames of a peer by netfront are counted
 * @peers: remote vifs that it may reach, under xenloop.lock
 * @dying: being detached, no new channel, under xenloop.lock
 * @stats: per CPU counters
 * @past: counters of its channels that are gone, under xenloop.lock
 */
struct xenloop_iface {
	struct list_head list;
	struct net_device *dev;
	netdevice_tracker dev_tracker;
	u32 ifindex;
	u32 vif;
	u8 mac[ETH_ALEN];
	struct nf_hook_ops egress;
	struct nf_hook_ops ingress;
	struct sk_buff_head held;
	u32 held_bytes;
	unsigned long held_until;
	unsigned long strays_until;
	struct list_head peers;
	bool dying;
	struct xenloop_iface_stats __percpu *stats;
	struct xenloop_chan_stats past;
};

/* What a frame's destination is looked up by. */
struct xenloop_peer_key {
	u32 ifindex;
	u8 mac[ETH_ALEN];
	u16 zero;
};

/**
 * struct xenloop_peer - a remote vif, seen from one interface
 * @node: in the table of peers
 * @list: in the interface's @peers, under xenloop.lock
 * @key: interface and MAC
 * @iface: the interface
 * @domid: domain that has it
 * @vif: its handle there
 * @chan: the channel to it, if there is one
 * @dying: goes with its channel, under xenloop.lock
 * @wanted_after: jiffies before which no other "wanted" is sent
 * @rcu: the hook may still look at it
 */
struct xenloop_peer {
	struct rhash_head node;
	struct list_head list;
	struct xenloop_peer_key key;
	struct xenloop_iface *iface;
	u16 domid;
	u32 vif;
	struct xenloop_chan __rcu *chan;
	bool dying;
	unsigned long wanted_after;
	struct rcu_head rcu;
};

extern struct list_head xenloop_ifaces;

/* How long many frames at once may take to get into the interface's queues. */
#define XENLOOP_PACE_MAX	(HZ / 2)

/* iface.c */
struct xenloop_iface *xenloop_iface_find(u32 ifindex);
int xenloop_iface_attach(u32 ifindex, u32 vif, const u8 *mac,
			 struct netlink_ext_ack *extack);
int xenloop_iface_detach(u32 ifindex, enum xenloop_reason reason);
void xenloop_iface_close_chans(struct xenloop_iface *iface,
			       enum xenloop_reason reason, bool drain);
void xenloop_iface_send(struct xenloop_iface *iface, struct sk_buff *skb);
bool xenloop_iface_wait(const struct xenloop_iface *iface, unsigned int most,
			unsigned long deadline);
void xenloop_iface_pace(const struct xenloop_iface *iface,
			unsigned long deadline);
void xenloop_iface_expire_held(struct xenloop_iface *iface);
void xenloop_iface_resumed(void);
int xenloop_iface_init(void);
void xenloop_iface_prepare_exit(void);
void xenloop_iface_exit(void);

/* hook.c */
int xenloop_hook(struct xenloop_iface *iface);
void xenloop_unhook(struct xenloop_iface *iface);

/* peer.c */
struct xenloop_peer *xenloop_peer_lookup(u32 ifindex, const u8 *mac);
int xenloop_peer_add(struct xenloop_iface *iface, const u8 *mac, u16 domid,
		     u32 vif, struct netlink_ext_ack *extack);
void xenloop_peer_del(struct xenloop_peer *peer);
void xenloop_peer_unlink(struct xenloop_peer *peer);
void xenloop_peer_del_all(struct xenloop_iface *iface);
int xenloop_peer_init(void);
void xenloop_peer_exit(void);

#endif /* XENLOOP_IFACE_H */
