// SPDX-License-Identifier: GPL-2.0
/* The table of peers: (interface, MAC address) to remote vif and channel. */
#include <linux/etherdevice.h>
#include <linux/netlink.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "chan.h"
#include "iface.h"
#include "state.h"

static const struct rhashtable_params params = {
	.head_offset = offsetof(struct xenloop_peer, node),
	.key_offset = offsetof(struct xenloop_peer, key),
	.key_len = sizeof(struct xenloop_peer_key),
	.automatic_shrinking = true,
};

static struct rhashtable peers;

/* Returns the peer, valid under the RCU read lock or xenloop.lock, or NULL. */
struct xenloop_peer *xenloop_peer_lookup(u32 ifindex, const u8 *mac)
{
	struct xenloop_peer_key key = { .ifindex = ifindex };

	ether_addr_copy(key.mac, mac);
	return rhashtable_lookup_fast(&peers, &key, params);
}

/*
 * Make a remote vif known. Returns 0, -EEXIST for a MAC that is known on this
 * interface, -EINVAL for one that cannot be a guest's, -ENOMEM. Needs
 * xenloop.lock.
 */
int xenloop_peer_add(struct xenloop_iface *iface, const u8 *mac, u16 domid,
		     u32 vif, struct netlink_ext_ack *extack)
{
	struct xenloop_peer *peer;
	int err;

	lockdep_assert_held(&xenloop.lock);
	if (!is_valid_ether_addr(mac) || ether_addr_equal(mac, iface->mac)) {
		NL_SET_ERR_MSG(extack, "not a peer's unicast MAC address");
		return -EINVAL;
	}
	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return -ENOMEM;
	peer->key.ifindex = iface->ifindex;
	ether_addr_copy(peer->key.mac, mac);
	peer->iface = iface;
	peer->domid = domid;
	peer->vif = vif;
	peer->wanted_after = jiffies;
	err = rhashtable_lookup_insert_fast(&peers, &peer->node, params);
	if (err) {
		if (err == -EEXIST)
			NL_SET_ERR_MSG(extack,
				       "this MAC address is a peer already");
		kfree(peer);
		return err;
	}
	list_add_tail(&peer->list, &iface->peers);
	xenloop.lists_seq++;
	return 0;
}

static void free_peer(struct xenloop_peer *peer)
{
	rhashtable_remove_fast(&peers, &peer->node, params);
	list_del(&peer->list);
	xenloop.lists_seq++;
	kfree_rcu(peer, rcu);
}

static struct xenloop_chan *peer_chan(struct xenloop_peer *peer)
{
	return rcu_dereference_protected(peer->chan,
					 lockdep_is_held(&xenloop.lock));
}

/*
 * Forget a peer, after its channel: until that is drained the hook has to find
 * it, or newer frames would overtake older ones. Needs xenloop.lock.
 */
void xenloop_peer_del(struct xenloop_peer *peer)
{
	struct xenloop_chan *chan = peer_chan(peer);

	lockdep_assert_held(&xenloop.lock);
	peer->dying = true;
	if (chan)
		xenloop_chan_close(chan, XENLOOP_REASON_REQUESTED, true);
	else
		free_peer(peer);
}

/* The peer's channel is gone: so is a peer that was to go. */
void xenloop_peer_unlink(struct xenloop_peer *peer)
{
	lockdep_assert_held(&xenloop.lock);
	if (peer->dying)
		free_peer(peer);
}

/* Forget all peers of @iface, which has no channel left. */
void xenloop_peer_del_all(struct xenloop_iface *iface)
{
	struct xenloop_peer *peer, *next;

	lockdep_assert_held(&xenloop.lock);
	list_for_each_entry_safe(peer, next, &iface->peers, list)
		free_peer(peer);
}

int xenloop_peer_init(void)
{
	return rhashtable_init(&peers, &params);
}

void xenloop_peer_exit(void)
{
	rhashtable_destroy(&peers);
}
