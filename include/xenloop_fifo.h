/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The guest-to-guest ABI: what two guests see in the pages they share.
 *
 * One FIFO carries Ethernet frames in one direction. Its pages belong to the
 * consumer, who grants them to the producer. A FIFO is one control page, whose
 * grant reference travels over XenStore, and 2^n data pages, whose grant
 * references stand in the control page.
 *
 * Indices count bytes, run freely and wrap at 2^32. Every word is
 * little-endian (the host's order on x86), written by one side only and
 * never trusted by the other.
 */
#ifndef XENLOOP_FIFO_H
#define XENLOOP_FIFO_H

#include <linux/types.h>
#include <linux/virtio_net.h>

#define XENLOOP_FIFO_MAGIC	0x4f464c58u	/* "XLFO" */
#define XENLOOP_FIFO_VERSION	1u

#define XENLOOP_PAGE_SHIFT	12u
#define XENLOOP_PAGE_SIZE	(1u << XENLOOP_PAGE_SHIFT)

/* Sizes of the data area, in bytes; always a power of two. */
#define XENLOOP_FIFO_MIN_SIZE	(128u << 10)
#define XENLOOP_FIFO_MAX_SIZE	(2u << 20)
#define XENLOOP_FIFO_MAX_PAGES	(XENLOOP_FIFO_MAX_SIZE / XENLOOP_PAGE_SIZE)

/* A frame starts at a multiple of this, so a header never straddles pages. */
#define XENLOOP_FRAME_ALIGN	16u
/* Ethernet header and the largest IPv4 or IPv6 GSO packet, with slack. */
#define XENLOOP_FRAME_MAX	(65536u + 64u)
#define XENLOOP_FRAME_MIN	14u

/* What the producer says about itself in xenloop_fifo_ctrl.prod_state. */
enum xenloop_prod_state {
	XENLOOP_PROD_IDLE = 0,		/* has not put a frame yet */
	XENLOOP_PROD_ACTIVE,		/* puts frames */
	XENLOOP_PROD_CLOSED,		/* will never put another frame */
};

/* What the consumer says about itself in xenloop_fifo_ctrl.cons_state. */
enum xenloop_cons_state {
	XENLOOP_CONS_OPEN = 0,		/* takes frames */
	XENLOOP_CONS_CLOSING,		/* takes what is there; put no more */
	XENLOOP_CONS_GONE,		/* takes nothing more beyond its claim */
};

/* How far a producer is with taking frames back (protocol.md, "Pull-back"). */
enum xenloop_revoke_state {
	XENLOOP_REVOKE_NONE = 0,
	XENLOOP_REVOKE_WANTED,		/* the consumer may not start new frames */
	XENLOOP_REVOKE_DONE,		/* frames from revoke_index on are taken */
};

/**
 * struct xenloop_fifo_ctrl - the control page
 * @magic: XENLOOP_FIFO_MAGIC, written by the consumer before it grants
 * @version: XENLOOP_FIFO_VERSION
 * @nr_pages: number of data pages, a power of two
 *
 * Written by the producer:
 * @prod: end of the last complete frame
 * @room_event: the producer wants an event once @cons reaches this index
 * @prod_state: enum xenloop_prod_state
 * @revoke_state: enum xenloop_revoke_state
 * @revoke_index: first index the producer took back
 * @marker: cookie of the marker frames on the standard path
 *
 * Written by the consumer, as it consumes:
 * @cons: bytes before this index may be overwritten
 * @claim: frames before this index are the consumer's, whatever happens
 *
 * Written by the consumer, seldom, and read by the producer for each frame:
 * @data_event: the consumer wants an event once @prod reaches this index
 * @cons_state: enum xenloop_cons_state
 *
 * @gref: grant references of the data pages
 */
struct xenloop_fifo_ctrl {
	__u32 magic;
	__u32 version;
	__u32 nr_pages;
	__u32 pad0[13];

	__u32 prod;
	__u32 room_event;
	__u32 prod_state;
	__u32 revoke_state;
	__u32 revoke_index;
	__u32 pad1;
	__u64 marker;
	__u32 pad2[8];

	__u32 cons;
	__u32 claim;
	__u32 pad3[14];

	__u32 data_event;
	__u32 cons_state;
	__u32 pad4[14];

	__u32 gref[XENLOOP_FIFO_MAX_PAGES];
};

/**
 * struct xenloop_frame - header in front of each frame
 * @len: bytes of the Ethernet frame that follows, without this header
 * @pad: zero
 * @vnet: checksum and segmentation metadata; the only flag in use is
 *        VIRTIO_NET_HDR_F_NEEDS_CSUM, GSO types are TCPV4 and TCPV6 (with ECN)
 */
struct xenloop_frame {
	__u32 len;
	__u16 pad;
	struct virtio_net_hdr vnet;
};

/* Bytes that a frame of @len bytes takes in the FIFO. */
static inline __u32 xenloop_frame_span(__u32 len)
{
	return (sizeof(struct xenloop_frame) + len + XENLOOP_FRAME_ALIGN - 1) &
	       ~(XENLOOP_FRAME_ALIGN - 1);
}

#endif /* XENLOOP_FIFO_H */
