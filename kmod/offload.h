/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_KMOD_OFFLOAD_H
#define XENLOOP_KMOD_OFFLOAD_H

#include <linux/virtio_net.h>

#include "xenloop_port.h"

bool xenloop_offload_ok(const struct virtio_net_hdr *vnet, const u8 *head,
			u32 len);

#endif /* XENLOOP_KMOD_OFFLOAD_H */
