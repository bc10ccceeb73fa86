/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_XEN_H
#define XENDISCOVERD_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xendiscoverd/model.h"

/*
 * The narrow door to the hypervisor: what XenStore can't tell. Only asks.
 */

struct xenloop_dominfo {
	uint32_t domid;
	char uuid[XENLOOP_UUID_STR];	/* lower case, with dashes */
	bool alive;			/* neither shut down nor dying */
};

struct xenloop_xen_ops {
	int (*open)(void **h);
	void (*close)(void *h);
	/* All domains but Dom0 and the system's own, by domid. 0 or -errno;
	 * the caller frees *list.
	 */
	int (*list)(void *h, struct xenloop_dominfo **list, size_t *nr);
};

extern const struct xenloop_xen_ops xenloop_xen_libxenctrl;

#endif
