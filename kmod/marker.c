// SPDX-License-Identifier: GPL-2.0
/*
 * Marker frames: sent by the standard path before the first frame of a
 * channel, one per transmit queue, so that the receiver knows when nothing
 * older is under way (docs/protocol.md). One without a cookie refreshes what
 * bridges know about our MAC address.
 *
 * A queueing discipline that serves flows separately, as fq_codel on a vif in
 * Dom0, lets a marker pass frames that wait. These follow closely: so when all
 * markers are there, the receiver waits until no frame of that peer has come by
 * the standard path for a few ticks.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

#include "chan.h"
#include "iface.h"
#include "state.h"

#define MARKER_ETHERTYPE	0x88b5	/* IEEE: local experimental 1 */
#define MARKER_MAGIC		0x584c4d4bu /* "XLMK" */
#define MARKER_MAX		BITS_PER_LONG /* of xenloop_rx.markers */
#define QUIET_LOOKS		3	/* a tick apart; the first may come early */

struct marker {
	struct ethhdr eth;
	__be32 magic;
	__be16 number;
	__be16 count;
	u64 cookie;
	u8 zero[30];
} __packed;

static_assert(sizeof(struct marker) == ETH_ZLEN);

static struct sk_buff *make_marker(struct xenloop_chan *chan, u64 cookie,
				   u16 number, u16 count)
{
	struct sk_buff *skb = alloc_skb(LL_RESERVED_SPACE(chan->iface->dev) +
					sizeof(struct marker), GFP_KERNEL);
	struct marker *m;

	if (!skb)
		return NULL;
	skb_reserve(skb, LL_RESERVED_SPACE(chan->iface->dev));
	m = skb_put_zero(skb, sizeof(*m));
	ether_addr_copy(m->eth.h_dest, chan->peer->key.mac);
	ether_addr_copy(m->eth.h_source, chan->iface->mac);
	m->eth.h_proto = htons(MARKER_ETHERTYPE);
	m->magic = htonl(MARKER_MAGIC);
	m->number = htons(number);
	m->count = htons(count);
	m->cookie = cookie;
	skb_set_network_header(skb, ETH_HLEN);
	skb->protocol = m->eth.h_proto;
	/* netfront chooses its queue by this hash, modulo their number */
	skb_set_hash(skb, number, PKT_HASH_TYPE_L4);
	return skb;
}

/* Send @count markers with @cookie by the standard path. May sleep. */
void xenloop_marker_send(struct xenloop_chan *chan, u64 cookie, u16 count)
{
	struct sk_buff *skb;
	u16 i;

	for (i = 0; i < min_t(u16, count, MARKER_MAX); i++) {
		skb = make_marker(chan, cookie, i, min_t(u16, count, MARKER_MAX));
		if (!skb)
			return; /* the receiver's hold-timeout covers it */
		xenloop_inc(chan->iface, MARKERS_SENT);
		xenloop_iface_send(chan->iface, skb);
	}
}

/* A marker of @chan's peer: was it the last one? */
static void count_marker(struct xenloop_chan *chan, const struct marker *m)
{
	u16 number = ntohs(m->number), count = ntohs(m->count);
	unsigned long all, until;

	if (!m->cookie || number >= count || count > MARKER_MAX ||
	    m->cookie != READ_ONCE(xenloop_own_ctrl(chan)->marker))
		return;
	xenloop_inc(chan, RX_MARKERS);
	set_bit(number, &chan->rx.markers); /* queues may be on several CPUs */
	all = GENMASK(count - 1, 0);
	if (READ_ONCE(chan->rx.markers) != all || READ_ONCE(chan->rx.settling))
		return;
	/* Two CPUs may both see the last one: they write nearly the same. */
	until = jiffies + msecs_to_jiffies(READ_ONCE(xenloop.hold_ms));
	WRITE_ONCE(chan->rx.settle_until, until);
	WRITE_ONCE(chan->iface->strays_until, until);
	smp_store_release(&chan->rx.settling, true);
	xenloop_chan_time(chan, 1);
}

/*
 * All markers have come: has what they overtook, too? Then frames of the
 * channel may go. True: look again in a tick. From the timed work.
 */
bool xenloop_marker_settling(struct xenloop_chan *chan)
{
	struct xenloop_rx *rx = &chan->rx;
	unsigned int strays = READ_ONCE(rx->strays);

	if (!smp_load_acquire(&rx->settling) || !READ_ONCE(rx->hold))
		return false;
	rx->quiet = strays == rx->seen_strays ? rx->quiet + 1 : 0;
	rx->seen_strays = strays;
	if (rx->quiet < QUIET_LOOKS &&
	    time_before(jiffies, READ_ONCE(rx->settle_until)))
		return true;
	WRITE_ONCE(rx->hold, false);
	xenloop_poller_poll(chan);
	return false;
}

/*
 * A frame by the standard path, data behind the Ethernet header. Those that
 * never take a channel may go on coming: there is no order to keep with them.
 */
static void note_stray(struct xenloop_iface *iface, const struct sk_buff *skb)
{
	const struct ethhdr *eth = eth_hdr(skb);
	struct xenloop_peer *peer;
	struct xenloop_chan *chan;

	if (skb_vlan_tag_present(skb) ||
	    !ether_addr_equal(eth->h_dest, iface->mac))
		return;
	peer = xenloop_peer_lookup(iface->ifindex, eth->h_source);
	chan = peer ? rcu_dereference(peer->chan) : NULL;
	if (chan)
		WRITE_ONCE(chan->rx.strays, READ_ONCE(chan->rx.strays) + 1);
}

/*
 * From the ingress hook, data behind the Ethernet header: is it a marker? Then
 * it is dealt with, and the caller frees it. BH off, RCU read lock.
 */
bool xenloop_marker_receive(struct xenloop_iface *iface, struct sk_buff *skb)
{
	struct xenloop_chan *chan = NULL;
	struct xenloop_peer *peer;
	struct marker m;

	if (likely(skb->protocol != htons(MARKER_ETHERTYPE)) ||
	    skb_copy_bits(skb, -ETH_HLEN, &m, sizeof(m)) ||
	    m.magic != htonl(MARKER_MAGIC)) {
		if (time_before(jiffies, READ_ONCE(iface->strays_until)))
			note_stray(iface, skb);
		return false;
	}
	peer = xenloop_peer_lookup(iface->ifindex, m.eth.h_source);
	if (peer)
		chan = rcu_dereference(peer->chan);
	if (chan)
		count_marker(chan, &m);
	else
		xenloop_inc(iface, MARKERS_UNKNOWN);
	return true;
}
