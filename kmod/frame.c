// SPDX-License-Identifier: GPL-2.0
/*
 * Frames between a FIFO and an skb. What arrives is copied whole before
 * anything looks into it, so a peer that writes later changes nothing.
 */
#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "chan.h"
#include "offload.h"

/* Frames up to this many bytes get a linear skb; of longer ones, headers. */
#define LINEAR_MAX	1600u
#define HEADER_BYTES	256u
/* What napi_alloc_skb() leaves, too. */
#define HEADROOM	(NET_SKB_PAD + NET_IP_ALIGN)

/* With room in front for what a tunnel, or a VLAN device, may put there. */
static struct sk_buff *alloc_linear(struct napi_struct *napi, u32 len)
{
	struct sk_buff *skb;

	if (napi) {
		skb = napi_alloc_skb(napi, len);
	} else {
		skb = alloc_skb(HEADROOM + len, GFP_KERNEL);
		if (skb)
			skb_reserve(skb, HEADROOM);
	}
	if (skb)
		skb_put(skb, len);
	return skb;
}

/* Pages of up to 2^@order; the headers are linear. */
static struct sk_buff *alloc_paged(u32 len, unsigned int order, gfp_t gfp)
{
	struct sk_buff *skb;
	int err;

	skb = alloc_skb_with_frags(HEADROOM + HEADER_BYTES, len - HEADER_BYTES,
				   order, &err, gfp | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	skb_put(skb, HEADER_BYTES);
	skb->data_len = len - HEADER_BYTES;
	skb->len += skb->data_len;
	return skb;
}

/* The reserves for atomic contexts are not for large pages. */
static struct sk_buff *alloc_frame(struct napi_struct *napi, u32 len)
{
	const unsigned int most = PAGE_ALLOC_COSTLY_ORDER;

	if (len <= LINEAR_MAX)
		return alloc_linear(napi, len);
	if (!napi)
		return alloc_paged(len, most, GFP_KERNEL);
	return alloc_paged(len, most, GFP_NOWAIT) ?:
	       alloc_paged(len, 0, GFP_ATOMIC);
}

/*
 * Copy the consumer's next frame, whose checked header is @frame, to a new
 * skb, which the caller owns; data at the Ethernet header. @napi is NULL in
 * process context. Returns NULL without memory.
 */
struct sk_buff *xenloop_frame_read(struct napi_struct *napi,
				   const struct xenloop_consumer *c,
				   const struct xenloop_frame *frame)
{
	struct sk_buff *skb = alloc_frame(napi, frame->len);
	u32 off, n;

	if (!skb)
		return NULL;
	for (off = 0; off < frame->len; off += n) {
		const void *from = xenloop_consumer_chunk(c, off,
							  frame->len - off, &n);

		skb_store_bits(skb, off, from, n);
	}
	skb_reset_mac_header(skb);
	skb->protocol = eth_hdr(skb)->h_proto;
	return skb;
}

/*
 * Apply the frame's checksum and segmentation metadata. @skb's data is at the
 * Ethernet header. A frame without any keeps CHECKSUM_NONE: the stack checks.
 * Returns false for metadata that does not fit the frame: a lie, or a feature
 * that nobody negotiated.
 */
bool xenloop_frame_offload(struct sk_buff *skb,
			   const struct xenloop_frame *frame)
{
	if (!xenloop_offload_ok(&frame->vnet, skb->data, skb_headlen(skb)))
		return false;
	skb_set_network_header(skb, ETH_HLEN);
	return !virtio_net_hdr_to_skb(skb, &frame->vnet, true);
}

/*
 * Copy @skb, data at the Ethernet header, into the FIFO; not yet published.
 * The caller has made sure that its offload state is one the header can tell.
 * Returns 0 or what xenloop_producer_begin() returns.
 */
int xenloop_frame_write(struct xenloop_producer *p, struct sk_buff *skb)
{
	struct xenloop_frame frame = { .len = skb->len };
	int err = xenloop_producer_begin(p, skb->len);
	u32 off, n;

	if (err)
		return err;
	err = virtio_net_hdr_from_skb(skb, &frame.vnet, true, false, 0);
	for (off = 0; !err && off < skb->len; off += n) {
		void *to = xenloop_producer_chunk(p, off, skb->len - off, &n);

		err = skb_copy_bits(skb, off, to, n);
	}
	if (!err)
		xenloop_producer_end(p, &frame);
	return err;
}

/*
 * Before @skb waits: have nothing in it that is its sender's until it is freed,
 * which then hears that it was copied. A clone's pages, as with TCP, are lent by
 * its other owner, and wait with that one's connection only. Returns 0, -ENOMEM.
 */
int xenloop_frame_own(struct sk_buff *skb)
{
	return skb_cloned(skb) ? skb_orphan_frags(skb, GFP_ATOMIC) :
				 skb_orphan_frags_rx(skb, GFP_ATOMIC);
}
