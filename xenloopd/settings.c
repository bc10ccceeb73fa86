// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The configuration file, and its reload. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/xenloop_fifo.h"
#include "proto/conf.h"
#include "proto/log.h"
#include "xenloopd/xenloopd.h"

void xenloopd_settings_default(struct xenloopd_settings *s)
{
	*s = (struct xenloopd_settings){
		.fifo_size = 512 << 10,
		.idle_timeout = 60,
		.max_channels = 256,
		.stall_timeout = 5000,
		.drain_timeout = 2000,
		.hold_timeout = 1000,
		.backlog_bytes = 4 << 20,
		.poll_time = 3000,
	};
}

static int add_ifname(struct xenloopd_settings *s, const char *name,
		      size_t len, char *why, size_t size)
{
	if (len >= XENLOOP_NL_IFNAME) {
		snprintf(why, size, "no interface can be called %.*s",
			 (int)len, name);
		return -EINVAL;
	}
	if (s->nr_ifnames == XENLOOPD_MAX_IFNAMES) {
		snprintf(why, size, "more than %d interfaces",
			 XENLOOPD_MAX_IFNAMES);
		return -EINVAL;
	}
	memcpy(s->ifname[s->nr_ifnames], name, len);
	s->ifname[s->nr_ifnames++][len] = '\0';
	return 0;
}

/* "all", or names with blanks between them. */
static int parse_interfaces(void *conf, const char *value, char *why,
			    size_t size)
{
	struct xenloopd_settings *s = conf;
	int err = 0;

	s->nr_ifnames = 0;
	if (!strcmp(value, "all"))
		return 0;
	while (!err && *value) {
		size_t len = strcspn(value, " \t");

		if (len)
			err = add_ifname(s, value, len, why, size);
		value += len;
		value += strspn(value, " \t");
	}
	return err;
}

static int parse_fifo_size(void *conf, const char *value, char *why,
			   size_t size)
{
	static const char *const names[] = { "128K", "256K", "512K", "1M",
					     "1024K", "2M", "2048K" };
	static const uint32_t sizes[] = { 128 << 10, 256 << 10, 512 << 10,
					  1 << 20, 1 << 20, 2 << 20, 2 << 20 };
	struct xenloopd_settings *s = conf;
	char bytes[16];

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(bytes, sizeof(bytes), "%u", sizes[i]);
		if (!strcmp(value, names[i]) || !strcmp(value, bytes)) {
			s->fifo_size = sizes[i];
			return 0;
		}
	}
	snprintf(why, size, "%.64s is not a power of two from 128K to 2M",
		 value);
	return -EINVAL;
}

_Static_assert(XENLOOP_FIFO_MIN_SIZE == 128 << 10, "fifo-size above");
_Static_assert(XENLOOP_FIFO_MAX_SIZE == 2 << 20, "fifo-size above");

#define AT(field)	offsetof(struct xenloopd_settings, field)

/* The module has the same limits for its part. */
static const struct xenloop_conf_key keys[] = {
	{ .section = "channels", .key = "fifo-size", .type = XENLOOP_CONF_CALL,
	  .min = XENLOOP_FIFO_MIN_SIZE, .max = XENLOOP_FIFO_MAX_SIZE,
	  .call = parse_fifo_size, .offset = AT(fifo_size) },
	{ .section = "channels", .key = "idle-timeout",
	  .type = XENLOOP_CONF_U32, .max = 86400,
	  .offset = AT(idle_timeout) },
	{ .section = "channels", .key = "max-channels",
	  .type = XENLOOP_CONF_U32, .min = 1, .max = 65535,
	  .offset = AT(max_channels) },
	{ .section = "channels", .key = "interfaces",
	  .type = XENLOOP_CONF_CALL, .call = parse_interfaces },
	{ .section = "kernel", .key = "stall-timeout",
	  .type = XENLOOP_CONF_U32, .min = 100, .max = 600000,
	  .offset = AT(stall_timeout) },
	{ .section = "kernel", .key = "drain-timeout",
	  .type = XENLOOP_CONF_U32, .max = 10000,
	  .offset = AT(drain_timeout) },
	{ .section = "kernel", .key = "hold-timeout",
	  .type = XENLOOP_CONF_U32, .max = 10000,
	  .offset = AT(hold_timeout) },
	{ .section = "kernel", .key = "backlog-bytes",
	  .type = XENLOOP_CONF_U32, .min = 256 << 10, .max = 64 << 20,
	  .suffix = true, .offset = AT(backlog_bytes) },
	{ .section = "kernel", .key = "poll-time",
	  .type = XENLOOP_CONF_U32, .max = 10000,
	  .offset = AT(poll_time) },
	{ .section = "log", .key = "verbose", .type = XENLOOP_CONF_BOOL,
	  .offset = AT(verbose) },
};

#define NR_KEYS	(sizeof(keys) / sizeof(keys[0]))

const struct xenloop_conf_key *xenloopd_settings_key(const char *name)
{
	for (size_t i = 0; i < NR_KEYS; i++)
		if (!strcmp(keys[i].key, name))
			return &keys[i];
	return NULL;
}

/*
 * The peer leaves frames alone for as long as it holds them, and the watchdog
 * may have looked for the last time a quarter of stall-timeout before they came
 * (50 ms at least).
 */
static int check_timeouts(const struct xenloopd_settings *s, char *why,
			  size_t size)
{
	if (s->hold_timeout <= s->stall_timeout / 2)
		return 0;
	snprintf(why, size,
		 "hold-timeout (%u) is more than half of stall-timeout (%u)",
		 s->hold_timeout, s->stall_timeout);
	return -EINVAL;
}

int xenloopd_settings_set(struct xenloopd_settings *s, const char *name,
			  const char *value, char *why, size_t size)
{
	struct xenloop_conf_error error = { .text = "" };
	int err = xenloop_conf_set(name, value, keys, NR_KEYS, s, &error);

	if (!err)
		return check_timeouts(s, why, size);
	snprintf(why, size, "%s", error.text);
	return err;
}

/* Are the settings of file @name, read with result @err, all right? */
static bool accepted(const struct xenloopd_settings *s, const char *name,
		     const struct xenloop_conf_error *error, int err, char *why,
		     size_t size)
{
	char timeouts[80];

	if (err)
		snprintf(why, size, "%s",
			 error->text[0] ? error->text : strerror(-err));
	else if (check_timeouts(s, timeouts, sizeof(timeouts)))
		snprintf(why, size, "%s: %s", name, timeouts);
	else
		return true;
	return false;
}

bool xenloopd_settings_load(struct xenloopd_settings *s, const char *path,
			    bool required, char *why, size_t size)
{
	struct xenloop_conf_error error = { .text = "" };
	int err;

	xenloopd_settings_default(s);
	err = xenloop_conf_load(path, keys, NR_KEYS, s, &error);
	if (err == -ENOENT && !required)
		return true;
	return accepted(s, path, &error, err, why, size);
}

bool xenloopd_settings_parse(struct xenloopd_settings *s, const char *name,
			     const char *text, size_t len, char *why,
			     size_t size)
{
	struct xenloop_conf_error error = { .text = "" };
	int err;

	xenloopd_settings_default(s);
	err = xenloop_conf_parse(name, text, len, keys, NR_KEYS, s, &error);
	return accepted(s, name, &error, err, why, size);
}

bool xenloopd_settings_has(const struct xenloopd_settings *s,
			   const char *ifname)
{
	for (unsigned int i = 0; i < s->nr_ifnames; i++)
		if (!strcmp(s->ifname[i], ifname))
			return true;
	return !s->nr_ifnames;
}

int xenloopd_settings_apply(struct xenloopd *d,
			    const struct xenloopd_settings *s)
{
	d->settings = *s;
	xenloop_log_set_verbose(d->verbose || s->verbose);
	memset(d->warned, 0, sizeof(d->warned));
	d->links.fifo_size = s->fifo_size;
	d->links.max_chans = s->max_channels;
	xenloopd_later(d, XENLOOPD_WORK_SYNC);
	return xenloopd_kernel_tune(d);
}

/* SIGHUP: all of the new file, or nothing of it. */
void xenloopd_reload(void *arg)
{
	struct xenloopd *d = arg;
	struct xenloopd_settings s;
	char why[256];

	if (!xenloopd_settings_load(&s, d->conf_path, d->conf_required, why,
				    sizeof(why))) {
		log_err("conf", "%s; the old settings stay", why);
		return;
	}
	xenloopd_settings_apply(d, &s);
	log_info("conf", "%s: loaded", d->conf_path);
}
