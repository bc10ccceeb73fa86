// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The list of domains by libxenctrl. xc_domain_getinfolist() and the flags of
 * xc_domaininfo_t are the same from Xen 4.17 to 4.20; xc_domain_getinfo(), which
 * 4.18 took out, and its successor are not used.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xenctrl.h>

#include "xendiscoverd/xen.h"

#define CHUNK 256

static int xen_open(void **h)
{
	*h = xc_interface_open(NULL, NULL, 0);
	return *h ? 0 : errno ? -errno : -EIO;
}

static void xen_close(void *h)
{
	xc_interface_close(h);
}

static void format_uuid(const uint8_t u[16], char buf[XENLOOP_UUID_STR])
{
	snprintf(buf, XENLOOP_UUID_STR,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
}

static int append(struct xenloop_dominfo **list, size_t *nr,
		  const xc_domaininfo_t *info, int count)
{
	struct xenloop_dominfo *grown;

	grown = reallocarray(*list, *nr + (size_t)count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*list = grown;
	for (int i = 0; i < count; i++) {
		struct xenloop_dominfo *d = &grown[*nr];

		if (!info[i].domain || info[i].domain > XENLOOP_DOMID_MAX)
			continue;
		d->domid = info[i].domain;
		d->alive = !(info[i].flags &
			     (XEN_DOMINF_dying | XEN_DOMINF_shutdown));
		format_uuid(info[i].handle, d->uuid);
		(*nr)++;
	}
	return 0;
}

static int xen_list(void *h, struct xenloop_dominfo **list, size_t *nr)
{
	xc_domaininfo_t info[CHUNK];
	uint32_t first = 0;
	int count, err = 0;

	*list = NULL;
	*nr = 0;
	do {
		count = xc_domain_getinfolist(h, first, CHUNK, info);
		if (count < 0)
			err = errno ? -errno : -EIO;
		else if (count)
			err = append(list, nr, info, count);
		if (count > 0)
			first = info[count - 1].domain + 1u;
	} while (!err && count == CHUNK);
	if (err)
		free(*list);
	return err;
}

const struct xenloop_xen_ops xenloop_xen_libxenctrl = {
	.open = xen_open,
	.close = xen_close,
	.list = xen_list,
};
