// SPDX-License-Identifier: GPL-2.0
/*
 * Marker frames: sent by the standard path before the first frame of a
 * channel, one per transmit queue, so that the receiver knows when nothing
 * older is under way (docs/protocol.md). One without a cookie refreshes what
 * bridges know about our MAC address.
 */
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

#include "chan.h"
#include "iface.h"

#define MARKER_ETHERTYPE	0x88b5	/* IEEE: local experimental 1 */
#define MARKER_MAGIC		0x584c4d4bu /* "XLMK" */
#define MARKER_MAX		BITS_PER_LONG /* of xenloop_rx.markers */

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
	unsigned long all;

	if (!m->cookie || number >= count || count > MARKER_MAX ||
	    m->cookie != READ_ONCE(xenloop_own_ctrl(chan)->marker))
		return;
	xenloop_inc(chan, RX_MARKERS);
	set_bit(number, &chan->rx.markers); /* queues may be on several CPUs */
	all = GENMASK(count - 1, 0);
	if (READ_ONCE(chan->rx.markers) != all)
		return;
	WRITE_ONCE(chan->rx.hold, false);
	napi_schedule(&chan->napi);
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
	    m.magic != htonl(MARKER_MAGIC))
		return false;
	peer = xenloop_peer_lookup(iface->ifindex, m.eth.h_source);
	if (peer)
		chan = rcu_dereference(peer->chan);
	if (chan)
		count_marker(chan, &m);
	else
		xenloop_inc(iface, MARKERS_UNKNOWN);
	return true;
}
