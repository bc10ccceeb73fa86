// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Frame metadata by a liar: the input is a struct virtio_net_hdr and the first
 * bytes of a frame. What is taken has its checksum in TCP's or UDP's own place.
 */
#include <stdlib.h>

#include "kmod/offload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static u32 ip_header(const u8 *ip)
{
	return ip[0] >> 4 == 6 ? 40 : (ip[0] & 15) * 4u;
}

static void check(const struct virtio_net_hdr *vnet, const u8 *head, u32 len)
{
	u32 end;

	if (!vnet->flags) {
		if (vnet->gso_type)
			abort();
		return;
	}
	/* Only now is there an IP header, and it is in what was shown. */
	end = 14 + ip_header(head + 14);
	if (len < 34 || vnet->csum_start != end ||
	    (vnet->csum_offset != 6 && vnet->csum_offset != 16))
		abort();
	if (vnet->gso_type && (vnet->csum_offset != 16 || vnet->gso_size < 8 ||
			       vnet->gso_size == 0xffff))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr vnet;
	u8 *head;
	u32 len;

	if (size < sizeof(vnet))
		return 0;
	memcpy(&vnet, data, sizeof(vnet));
	len = size - sizeof(vnet);
	head = malloc(len);	/* of that size exactly: ASan sees what is beyond */
	if (!head)
		return 0;
	memcpy(head, data + sizeof(vnet), len);
	if (xenloop_offload_ok(&vnet, head, len))
		check(&vnet, head, len);
	free(head);
	return 0;
}
