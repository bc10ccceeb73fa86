// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Facts about guests; see scan.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "xendiscoverd/scan.h"

#define MAX_DIR 64	/* entries of device/vif that are looked at */

int xenloop_scan_domains(struct xenloop_model *model,
			 const struct xenloop_dominfo *list, size_t nr)
{
	for (size_t i = 0; i < model->nr; i++)
		model->guest[i]->seen = false;
	for (size_t i = 0; i < nr; i++) {
		struct xenloop_guest *guest;

		guest = xenloop_model_add(model, list[i].domid);
		if (!guest)
			return -ENOMEM;
		if (guest->uuid[0] && strcmp(guest->uuid, list[i].uuid))
			continue;
		memcpy(guest->uuid, list[i].uuid, sizeof(guest->uuid));
		guest->seen = true;
		guest->changed |= guest->alive != list[i].alive;
		guest->alive = list[i].alive;
	}
	return 0;
}

void xenloop_scan_name(char name[XENLOOP_NAME_MAX + 1], const char *text)
{
	size_t i;

	for (i = 0; text[i] && i < XENLOOP_NAME_MAX; i++)
		name[i] = text[i] > 0x20 && text[i] < 0x7f ? text[i] : '_';
	if (!i)
		name[i++] = '-';
	name[i] = '\0';
}

static int read_name(struct xenloop_xs *xs, struct xenloop_guest *guest)
{
	char path[XENLOOP_XS_PATH_SIZE], buf[XENLOOP_XS_VALUE_MAX + 1];
	char name[XENLOOP_NAME_MAX + 1];
	int ret;

	snprintf(path, sizeof(path), "/local/domain/%u/name", guest->domid);
	ret = xenloop_xs_read(xs, 0, path, buf, sizeof(buf));
	if (xenloop_xs_is_unread(ret))
		return ret;
	/* The toolstack removes it first; the log still wants to say who left. */
	if (ret < 0 && guest->name[0])
		return 0;
	xenloop_scan_name(name, ret < 0 ? "" : buf);
	if (strcmp(name, guest->name)) {
		strcpy(guest->name, name);
		guest->changed = true;
	}
	return 0;
}

/*
 * The toolstack's `backend` of a vif; only the exact form that libxl writes
 * tells us which domain the backend is in.
 */
static int read_backend(struct xenloop_xs *xs, uint32_t domid, uint32_t handle,
			uint32_t *backend)
{
	char path[XENLOOP_XS_PATH_SIZE], buf[XENLOOP_XS_PATH_SIZE];
	char form[XENLOOP_XS_PATH_SIZE];
	int ret;

	snprintf(path, sizeof(path), "/libxl/%u/device/vif/%u/backend", domid,
		 handle);
	ret = xenloop_xs_read(xs, 0, path, buf, sizeof(buf));
	if (ret < 0)
		return ret;
	if (sscanf(buf, "/local/domain/%5u/backend/vif/", backend) != 1)
		return -EBADMSG;
	snprintf(form, sizeof(form), "/local/domain/%u/backend/vif/%u/%u",
		 *backend, domid, handle);
	return strcmp(buf, form) ? -EBADMSG : 0;
}

/* One key of the vif: in Dom0's backend directory, or the toolstack's copy. */
static int read_key(struct xenloop_xs *xs, uint32_t domid,
		    const struct xenloop_vif *vif, const char *key, char *buf,
		    size_t size)
{
	char path[XENLOOP_XS_PATH_SIZE];

	if (vif->backend)
		snprintf(path, sizeof(path), "/libxl/%u/device/vif/%u/%s",
			 domid, vif->handle, key);
	else
		snprintf(path, sizeof(path),
			 "/local/domain/0/backend/vif/%u/%u/%s", domid,
			 vif->handle, key);
	return xenloop_xs_read(xs, 0, path, buf, size);
}

/* Has the vif such a key with a value, be it one of no use? 0 or -errno. */
static int has_value(struct xenloop_xs *xs, uint32_t domid,
		     const struct xenloop_vif *vif, const char *key, bool *has)
{
	char buf[XENLOOP_XS_VALUE_MAX + 1];
	int ret = read_key(xs, domid, vif, key, buf, sizeof(buf));

	*has = ret && ret != -ENOENT;
	return xenloop_xs_is_unread(ret) ? ret : 0;
}

/*
 * By the script that connects it: xl writes a bridge in any case. Without one
 * there is nothing else that it could be. 0 or -errno.
 */
static int is_routed(struct xenloop_xs *xs, uint32_t domid,
		     const struct xenloop_vif *vif, bool *routed)
{
	char script[XENLOOP_XS_PATH_SIZE];
	const char *name;
	bool bridge;
	int ret = has_value(xs, domid, vif, "bridge", &bridge);

	if (ret)
		return ret;
	*routed = !bridge;
	if (!bridge)
		return 0;
	ret = read_key(xs, domid, vif, "script", script, sizeof(script));
	if (ret < 0)
		return xenloop_xs_is_unread(ret) ? ret : 0;
	name = strrchr(script, '/');
	name = name ? name + 1 : script;
	*routed = !strcmp(name, "vif-route") || !strcmp(name, "vif-nat");
	return 0;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'F')
			*s = (char)(*s - 'A' + 'a');
}

/* 0; -ENOENT, -E2BIG or -EBADMSG for what is no vif (any more); or -errno. */
static int read_vif(struct xenloop_xs *xs, uint32_t domid, uint32_t handle,
		    struct xenloop_vif *vif)
{
	char mac[32];
	int ret;

	memset(vif, 0, sizeof(*vif));
	vif->handle = handle;
	ret = read_backend(xs, domid, handle, &vif->backend);
	if (ret < 0)
		return ret;
	ret = read_key(xs, domid, vif, "mac", mac, sizeof(mac));
	if (ret < 0)
		return ret;
	lower(mac);
	if (xenloop_mac_parse(mac, vif->mac))
		return -EBADMSG;
	ret = has_value(xs, domid, vif, "rate", &vif->rate);
	if (!ret)
		ret = has_value(xs, domid, vif, "ip", &vif->ip);
	return ret ? ret : is_routed(xs, domid, vif, &vif->routed);
}

static int compare_handles(const void *a, const void *b)
{
	uint32_t x = ((const struct xenloop_vif *)a)->handle;
	uint32_t y = ((const struct xenloop_vif *)b)->handle;

	return x < y ? -1 : x > y;
}

static int read_vifs(struct xenloop_xs *xs, uint32_t domid,
		     struct xenloop_vif *vif, unsigned int *nr)
{
	char path[XENLOOP_XS_PATH_SIZE];
	struct xenloop_xs_dir dir;
	int ret;

	*nr = 0;
	snprintf(path, sizeof(path), "/libxl/%u/device/vif", domid);
	ret = xenloop_xs_directory(xs, 0, path, MAX_DIR, &dir);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	for (unsigned int i = 0; i < dir.nr && *nr < XENLOOP_MAX_VIFS; i++) {
		uint32_t handle;

		if (xenloop_u32_parse(dir.name[i], XENLOOP_VIF_MAX, &handle))
			continue;
		ret = read_vif(xs, domid, handle, &vif[*nr]);
		if (!ret)
			(*nr)++;
		else if (xenloop_xs_is_unread(ret))
			break;
		else
			log_debug("scan", "domain %u vif %u left out: %s",
				  domid, handle, strerror(-ret));
	}
	xenloop_xs_dir_free(&dir);
	qsort(vif, *nr, sizeof(*vif), compare_handles);
	return xenloop_xs_is_unread(ret) ? ret : 0;
}

static bool same_facts(const struct xenloop_vif *a, const struct xenloop_vif *b)
{
	return a->handle == b->handle && a->backend == b->backend &&
	       a->rate == b->rate && a->ip == b->ip &&
	       a->routed == b->routed &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac));
}

/* Keeps what was evaluated before, so that only real differences count. */
static void take_over(struct xenloop_guest *guest,
		      const struct xenloop_vif *vif, unsigned int nr)
{
	bool same = nr == guest->nr_vifs;

	for (unsigned int i = 0; i < nr && same; i++)
		same = same_facts(&vif[i], &guest->vif[i]);
	if (same)
		return;
	memcpy(guest->vif, vif, nr * sizeof(*vif));
	guest->nr_vifs = nr;
	guest->changed = true;
}

/*
 * Is this domain there for another guest's device model (libxl's "target")? It
 * has that guest's vifs once more, and nobody's own. 1, 0 or -errno.
 */
static int is_stub(struct xenloop_xs *xs, uint32_t domid)
{
	char path[XENLOOP_XS_PATH_SIZE], buf[16];
	int ret;

	snprintf(path, sizeof(path), "/local/domain/%u/target", domid);
	ret = xenloop_xs_read(xs, 0, path, buf, sizeof(buf));
	return xenloop_xs_is_unread(ret) ? ret : ret != -ENOENT;
}

int xenloop_scan_facts(struct xenloop_xs *xs, struct xenloop_guest *guest)
{
	struct xenloop_vif vif[XENLOOP_MAX_VIFS];
	unsigned int nr = 0;
	int stub, err;

	err = read_name(xs, guest);
	if (err)
		return err;
	stub = is_stub(xs, guest->domid);
	if (stub < 0)
		return stub;
	err = stub ? 0 : read_vifs(xs, guest->domid, vif, &nr);
	if (err)
		return err;
	take_over(guest, vif, nr);
	guest->facts_stale = false;
	return 0;
}

/* netback's device is in the directory of its xen-backend device. */
static void find_device(const char *sysfs, uint32_t domid,
			struct xenloop_vif *vif)
{
	struct dirent *entry;
	char path[256];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/xen-backend/devices/vif-%u-%u/net",
		 sysfs, domid, vif->handle);
	dir = opendir(path);
	/* What can't be looked for is as it was. */
	if (!dir && errno != ENOENT)
		return;
	vif->dev[0] = '\0';
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    strlen(entry->d_name) < sizeof(vif->dev))
			strcpy(vif->dev, entry->d_name);
	closedir(dir);
}

void xenloop_scan_devices(const char *sysfs, struct xenloop_guest *guest)
{
	for (unsigned int i = 0; i < guest->nr_vifs; i++)
		if (!guest->vif[i].backend)
			find_device(sysfs, guest->domid, &guest->vif[i]);
}

static void no_hello(struct xenloop_guest *guest, int err, const char *text,
		     size_t len)
{
	char safe[64];

	if (!xenloop_ratelimit_ok(&guest->log_rate, xenloop_now_ms(), NULL))
		return;
	if (err == -EPROTONOSUPPORT)
		log_notice("scan", "%s (domain %u) speaks another version: %s",
			   guest->name, guest->domid,
			   xenloop_log_safe(safe, sizeof(safe), text,
					    strcspn(text, "\n")));
	else
		log_notice("scan", "%s (domain %u): bad hello: %s",
			   guest->name, guest->domid,
			   xenloop_log_safe(safe, sizeof(safe), text, len));
}

int xenloop_scan_hello(struct xenloop_xs *xs, struct xenloop_guest *guest)
{
	char path[XENLOOP_XS_PATH_SIZE], buf[XENLOOP_XS_VALUE_MAX + 1] = "";
	struct xenloop_hello hello = { 0 };
	bool present;
	int ret;

	snprintf(path, sizeof(path), "/local/domain/%u/data/xenloop/hello",
		 guest->domid);
	ret = xenloop_xs_read(xs, 0, path, buf, sizeof(buf));
	if (xenloop_xs_is_unread(ret))
		return ret;
	if (ret >= 0) {
		size_t len = (size_t)ret;

		ret = xenloop_hello_parse(buf, len, &hello);
		if (ret)
			no_hello(guest, ret, buf, len);
	}
	present = !ret;
	guest->hello_error = ret;
	guest->hello_stale = false;
	if (present != guest->present ||
	    (present && (hello.epoch != guest->hello.epoch ||
			 hello.features != guest->hello.features))) {
		xenloop_ratelimit_ok(&guest->change_rate, xenloop_now_ms(),
				     NULL);
		guest->changed = true;
	}
	guest->present = present;
	guest->hello = hello;
	return 0;
}
