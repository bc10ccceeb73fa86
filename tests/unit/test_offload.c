// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What a frame may say about its checksum and segmentation; by one change each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kmod/offload.h"

#define LEN	74u	/* Ethernet, IP, and the beginning of TCP */

#define CSUM	VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TCPV4	VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6	VIRTIO_NET_HDR_GSO_TCPV6

static u8 head[LEN];
static struct virtio_net_hdr vnet;

/* Metadata is little-endian, as is every machine that runs this. */
static void set_vnet(u32 start, u32 offset, u8 gso, u32 size)
{
	vnet = (struct virtio_net_hdr){
		.flags = CSUM, .csum_start = start, .csum_offset = offset,
		.gso_type = gso, .gso_size = size,
	};
}

static void ipv4_tcp(void)
{
	memset(head, 0, sizeof(head));
	head[12] = 0x08;
	head[14] = 0x45;
	head[23] = 6;
	set_vnet(34, 16, TCPV4, 1448);
}

static void ipv6_tcp(void)
{
	memset(head, 0, sizeof(head));
	head[12] = 0x86;
	head[13] = 0xdd;
	head[14] = 0x60;
	head[20] = 6;
	set_vnet(54, 16, TCPV6, 1428);
}

static bool ok(void)
{
	return xenloop_offload_ok(&vnet, head, LEN);
}

static void plain(void **state)
{
	ipv4_tcp();
	assert_true(ok());
	ipv6_tcp();
	assert_true(ok());
	vnet.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_true(ok());
	vnet = (struct virtio_net_hdr){ 0 };
	assert_true(ok());
	head[12] = 0x12;	/* whatever it is, without metadata */
	assert_true(ok());
}

static void udp(void **state)
{
	ipv4_tcp();
	head[23] = 17;
	assert_false(ok());
	set_vnet(34, 6, VIRTIO_NET_HDR_GSO_NONE, 0);
	assert_true(ok());
	ipv6_tcp();
	head[20] = 17;
	set_vnet(54, 6, VIRTIO_NET_HDR_GSO_NONE, 0);
	assert_true(ok());
	vnet.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	assert_false(ok());
}

static void options(void **state)
{
	ipv4_tcp();
	head[14] = 0x4f;	/* 60 bytes of IPv4 header */
	assert_false(ok());
	vnet.csum_start = 74;
	assert_true(ok());
	head[14] = 0x44;	/* 16 bytes are too few */
	vnet.csum_start = 30;
	assert_false(ok());
}

/* Every place but the protocol's own, above all the IP header's addresses. */
static void checksum_elsewhere(void **state)
{
	ipv4_tcp();
	for (u32 start = 0; start < 65536; start++) {
		vnet.csum_start = start;
		assert_true(ok() == (start == 34));
	}
	ipv4_tcp();
	for (u32 offset = 0; offset < 65536; offset++) {
		vnet.csum_offset = offset;
		assert_true(ok() == (offset == 16));
	}
	ipv6_tcp();
	for (u32 start = 0; start < 65536; start++) {
		vnet.csum_start = start;
		assert_true(ok() == (start == 54));
	}
}

static void wrong_protocol(void **state)
{
	for (u32 protocol = 0; protocol < 256; protocol++) {
		ipv4_tcp();
		head[23] = protocol;
		assert_true(ok() == (protocol == 6));
		ipv6_tcp();
		head[20] = protocol;
		assert_true(ok() == (protocol == 6));
	}
	ipv4_tcp();
	head[14] = 0x65;
	assert_false(ok());
	ipv6_tcp();
	head[14] = 0x40;
	assert_false(ok());
	ipv4_tcp();
	head[13] = 0x06;	/* ARP */
	assert_false(ok());
}

static void fragments(void **state)
{
	ipv4_tcp();
	head[20] = 0x40;	/* "don't fragment" is none */
	assert_true(ok());
	head[20] = 0x20;
	assert_false(ok());
	head[20] = 0;
	head[21] = 1;
	assert_false(ok());
}

static void wrong_gso(void **state)
{
	for (u32 type = 0; type < 256; type++) {
		u32 kind = type & ~VIRTIO_NET_HDR_GSO_ECN;

		ipv4_tcp();
		vnet.gso_type = type;
		assert_true(ok() == (!type || kind == TCPV4));
		ipv6_tcp();
		vnet.gso_type = type;
		assert_true(ok() == (!type || kind == TCPV6));
		vnet.flags = 0;
		assert_true(ok() == !type);
	}
}

/*
 * A frame of 64 KiB must not become tens of thousands of segments, and 0xffff is
 * no size but GSO_BY_FRAGS.
 */
static void gso_size(void **state)
{
	for (u32 size = 0; size < 65536; size++) {
		ipv4_tcp();
		vnet.gso_size = size;
		assert_true(ok() == (size >= 8 && size < 0xffff));
	}
}

static void flags(void **state)
{
	for (u32 bits = 0; bits < 256; bits++) {
		ipv4_tcp();
		vnet.flags = bits;
		assert_true(ok() == (bits == CSUM));
	}
}

static void truncated(void **state)
{
	ipv4_tcp();
	for (u32 len = 0; len < LEN; len++)
		assert_true(xenloop_offload_ok(&vnet, head, len) == (len >= 34));
	ipv6_tcp();
	for (u32 len = 0; len < LEN; len++)
		assert_true(xenloop_offload_ok(&vnet, head, len) == (len >= 54));
	vnet = (struct virtio_net_hdr){ 0 };
	assert_false(xenloop_offload_ok(&vnet, head, 13));
	assert_true(xenloop_offload_ok(&vnet, head, 14));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(udp),
		cmocka_unit_test(options),
		cmocka_unit_test(checksum_elsewhere),
		cmocka_unit_test(wrong_protocol),
		cmocka_unit_test(fragments),
		cmocka_unit_test(wrong_gso),
		cmocka_unit_test(gso_size),
		cmocka_unit_test(flags),
		cmocka_unit_test(truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
