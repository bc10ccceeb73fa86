// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Which checksum and segmentation metadata a frame may carry. The receiver
 * judges what an untrusted peer says by this, and the sender does in software
 * what would not pass. Pure, so tests and fuzzers build it in userspace.
 */
#include "offload.h"

#define ETH_BYTES	14u
#define IPV4_BYTES	20u
#define IPV6_BYTES	40u
#define TYPE_IPV4	0x0800
#define TYPE_IPV6	0x86dd

/* What TCP leaves of its least MSS (48) when it uses all options (40). */
#define GSO_SIZE_MIN	8u
/* The next one is GSO_BY_FRAGS, which the stack takes for a list of frames. */
#define GSO_SIZE_MAX	0xfffeu

/* Where TCP and UDP have their checksum. */
#define PROTO_TCP	6
#define PROTO_UDP	17
#define CSUM_TCP	16
#define CSUM_UDP	6

static u32 be16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

/* A word of the metadata, which is little-endian. */
static u32 le16(const void *word)
{
	const u8 *p = word;

	return (u32)p[1] << 8 | p[0];
}

/* The protocol at @start, right behind an unfragmented IPv4 header; or -1. */
static int ipv4_protocol(const u8 *ip, u32 len, u32 start)
{
	if (len < IPV4_BYTES || ip[0] >> 4 != 4 || be16(ip + 6) & 0x3fff ||
	    (ip[0] & 15) * 4u < IPV4_BYTES || (ip[0] & 15) * 4u != start)
		return -1;
	return ip[9];
}

/* The same behind an IPv6 header without extensions. */
static int ipv6_protocol(const u8 *ip, u32 len, u32 start)
{
	if (len < IPV6_BYTES || ip[0] >> 4 != 6 || start != IPV6_BYTES)
		return -1;
	return ip[6];
}

/*
 * The checksum is filled in where the frame says, and that may be after the
 * receiver's filters have looked at it, so it has to be TCP's or UDP's own.
 * Returns which of them, or -1.
 */
static int csum_protocol(const struct virtio_net_hdr *vnet, const u8 *head,
			 u32 len, u32 type)
{
	u32 start = le16(&vnet->csum_start);
	u32 offset = le16(&vnet->csum_offset);
	int protocol = -1;

	if (start < ETH_BYTES)
		return -1;
	if (type == TYPE_IPV4)
		protocol = ipv4_protocol(head + ETH_BYTES, len - ETH_BYTES,
					 start - ETH_BYTES);
	else if (type == TYPE_IPV6)
		protocol = ipv6_protocol(head + ETH_BYTES, len - ETH_BYTES,
					 start - ETH_BYTES);
	if ((protocol == PROTO_TCP && offset == CSUM_TCP) ||
	    (protocol == PROTO_UDP && offset == CSUM_UDP))
		return protocol;
	return -1;
}

/* TCP segmentation over the frame's own IP version; it implies a checksum. */
static bool gso_ok(const struct virtio_net_hdr *vnet, u32 type, int protocol)
{
	u8 gso = vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	u32 size = le16(&vnet->gso_size);

	if (protocol != PROTO_TCP || size < GSO_SIZE_MIN || size > GSO_SIZE_MAX)
		return false;
	return (gso == VIRTIO_NET_HDR_GSO_TCPV4 && type == TYPE_IPV4) ||
	       (gso == VIRTIO_NET_HDR_GSO_TCPV6 && type == TYPE_IPV6);
}

/*
 * May the frame that begins with the @len bytes at @head, Ethernet header
 * first, come with this metadata? Only what plain TCP and UDP need: a checksum
 * to be filled in, and TCP segmentation. Whether the frame is long enough for
 * it is the caller's to check (virtio_net_hdr_to_skb() does).
 */
bool xenloop_offload_ok(const struct virtio_net_hdr *vnet, const u8 *head,
			u32 len)
{
	int protocol = -1;
	u32 type;

	if (len < ETH_BYTES || vnet->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return false;
	type = be16(head + 12);
	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		protocol = csum_protocol(vnet, head, len, type);
		if (protocol < 0)
			return false;
	}
	return vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
	       gso_ok(vnet, type, protocol);
}
