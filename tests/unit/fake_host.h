/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_TEST_FAKE_HOST_H
#define XENLOOP_TEST_FAKE_HOST_H

#include <ftw.h>
#include <sys/stat.h>

#include "tests/unit/fake_xs.h"
#include "tests/unit/files.h"
#include "xendiscoverd/xendiscoverd.h"

/*
 * A Xen host for xendiscoverd's tests: domains, the toolstack's nodes, Dom0's
 * interfaces and sysfs. Bridges are xenbr0 (ifindex 100) and xenbr1 (101).
 */

static struct fake_host {
	struct xenloop_discoverd d;
	struct xenloop_dominfo dom[16];
	size_t nr;
	char sysfs[64];
	const char *unreadable;	/* a path in XenStore */
	struct xenloop_xs_ops faulty;
} host;

static inline int fake_xen_open(void **h)
{
	*h = &host;
	return 0;
}

static inline void fake_xen_close(void *h)
{
	(void)h;
}

static inline int fake_xen_list(void *h, struct xenloop_dominfo **list,
				size_t *nr)
{
	(void)h;
	*list = malloc(sizeof(host.dom));
	memcpy(*list, host.dom, sizeof(host.dom));
	*nr = host.nr;
	return 0;
}

static const struct xenloop_xen_ops fake_xen_ops = {
	.open = fake_xen_open,
	.close = fake_xen_close,
	.list = fake_xen_list,
};

__attribute__((format(printf, 2, 3)))
static inline void host_put(const char *value, const char *fmt, ...)
{
	char path[XENLOOP_XS_PATH_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fake_xs_put(path, value);
}

__attribute__((format(printf, 1, 2)))
static inline const char *host_get(const char *fmt, ...)
{
	char path[XENLOOP_XS_PATH_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return fake_xs_get(path);
}

static inline struct xenloop_netdev *host_new_netdev(const char *name,
						     uint32_t index)
{
	struct xenloop_netdevs *t = &host.d.netdevs;
	struct xenloop_netdev *dev;

	t->dev = reallocarray(t->dev, t->nr + 1, sizeof(*dev));
	dev = &t->dev[t->nr++];
	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->ifindex = index;
	dev->up = true;
	return dev;
}

static inline struct xenloop_netdev *host_netdev(const char *name)
{
	return (struct xenloop_netdev *)
		xenloop_netdevs_by_name(&host.d.netdevs, name);
}

static inline void host_domain(uint32_t domid, const char *name)
{
	struct xenloop_dominfo *info = &host.dom[host.nr++];
	char id[16];

	memset(info, 0, sizeof(*info));
	info->domid = domid;
	info->alive = true;
	snprintf(info->uuid, sizeof(info->uuid),
		 "00000000-0000-0000-0000-%012u", domid);
	snprintf(id, sizeof(id), "%u", domid);
	host_put(id, "/local/domain/%u/domid", domid);
	host_put(name, "/local/domain/%u/name", domid);
	fake_xs_special("@introduceDomain");
}

static inline struct xenloop_dominfo *host_dominfo(uint32_t domid)
{
	for (size_t i = 0; i < host.nr; i++)
		if (host.dom[i].domid == domid)
			return &host.dom[i];
	return NULL;
}

static inline void host_destroy(uint32_t domid)
{
	struct xenloop_dominfo *info = host_dominfo(domid);
	char path[64];

	*info = host.dom[--host.nr];
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	fake_xs_del(path);
	fake_xs_special("@releaseDomain");
}

/* vifN.V on that bridge, as libxl and netback set it up. */
static inline void host_vif(uint32_t domid, uint32_t vif, const char *mac,
			    uint32_t bridge)
{
	char name[IFNAMSIZ], text[256];
	struct xenloop_netdev *dev;

	snprintf(text, sizeof(text), "/local/domain/0/backend/vif/%u/%u",
		 domid, vif);
	host_put(mac, "%s/mac", text);
	host_put(bridge == 100 ? "xenbr0" : "xenbr1", "%s/bridge", text);
	host_put(text, "/libxl/%u/device/vif/%u/backend", domid, vif);
	snprintf(name, sizeof(name), "vif%u.%u", domid, vif);
	snprintf(text, sizeof(text),
		 "%s/bus/xen-backend/devices/vif-%u-%u/net/%s", host.sysfs,
		 domid, vif, name);
	make_dirs(text);
	dev = host_new_netdev(name, domid * 32 + vif);
	dev->is_port = true;
	dev->forwarding = true;
	dev->master = bridge;
	xenloop_netdevs_sort(&host.d.netdevs);
}

static inline void host_hello(uint32_t domid, uint64_t epoch)
{
	struct xenloop_hello hello = { .epoch = epoch };
	char text[XENLOOP_MSG_BUF];

	if (xenloop_hello_format(&hello, text, sizeof(text)) < 0)
		abort();
	host_put(text, "/local/domain/%u/data/xenloop/hello", domid);
}

static inline int fake_xs_faulty_read(void *h, xenloop_xs_txn t,
				      const char *path, char **value,
				      size_t *len)
{
	if (!strcmp(path, host.unreadable))
		return -EIO;
	return fake_xs_ops.read(h, t, path, value, len);
}

/* From now on that path can't be read; NULL: each can. */
static inline void host_unreadable(const char *path)
{
	host.faulty = fake_xs_ops;
	host.faulty.read = fake_xs_faulty_read;
	host.unreadable = path;
	host.d.xs.ops = path ? &host.faulty : &fake_xs_ops;
}

/* The daemon's state at its start; XenStore and host stay as they are. */
static inline void host_start(const char *conf)
{
	struct xenloop_conf_error err;
	struct xenloop_discoverd *d = &host.d;

	d->xs_ops = &fake_xs_ops;
	d->xen_ops = &fake_xen_ops;
	d->xen = &host;
	d->sysfs = host.sysfs;
	d->settings = xenloop_settings_parse("f", conf, strlen(conf), &err);
	if (!d->settings || xenloop_xs_open(&d->xs, d->xs_ops, NULL) ||
	    xenloop_watches_add(&d->xs))
		abort();
	d->domains_stale = true;
}

static inline void host_stop(void)
{
	xenloop_model_clear(&host.d.model);
	xenloop_settings_free(host.d.settings);
	xenloop_xs_close(&host.d.xs);
	memset(&host.d.relay, 0, sizeof(host.d.relay));
	host.d.settings = NULL;
}

/* Handles what fired, then works once; *fired: did anything? */
static inline int host_step(bool *fired, uint64_t *wait)
{
	struct xenloop_xs_event ev;
	int ret;

	*fired = false;
	while ((ret = xenloop_xs_next_event(&host.d.xs, &ev)) == 1) {
		xenloop_watches_fired(&host.d, &ev);
		*fired = true;
	}
	return ret ? ret : xenloop_work(&host.d, wait);
}

/* The same until nothing more happens. */
static inline int host_run(void)
{
	bool fired = true;
	uint64_t wait;
	int ret = 0;

	while (fired && !ret)
		ret = host_step(&fired, &wait);
	return ret;
}

static inline int host_remove_file(const char *path, const struct stat *st,
				   int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void host_remove_sysfs(void)
{
	nftw(host.sysfs, host_remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

/* One sysfs for the whole program: devices without a link don't matter. */
static inline void host_make_sysfs(void)
{
	snprintf(host.sysfs, sizeof(host.sysfs), "/tmp/xenloop-test-XXXXXX");
	if (!mkdtemp(host.sysfs))
		abort();
	atexit(host_remove_sysfs);
}

static inline void host_new(void)
{
	fake_xs_reset("");
	memset(&host.d, 0, sizeof(host.d));
	host.nr = 0;
	if (!host.sysfs[0])
		host_make_sysfs();
	for (uint32_t i = 0; i < 2; i++)
		host_new_netdev(i ? "xenbr1" : "xenbr0", 100 + i)->is_bridge =
			true;
	xenloop_netdevs_sort(&host.d.netdevs);
	fake_xs_put("/local/domain/0/domid", "0");
}

static inline void host_end(void)
{
	host_stop();
	xenloop_netdevs_clear(&host.d.netdevs);
	fake_xs_reset("");
}

#endif
