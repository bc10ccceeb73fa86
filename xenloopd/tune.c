// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Settings at run time: what they are, what each trades, and changing one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

struct tunable {
	const char *name;	/* as in the configuration file */
	const char *unit;
	const char *trade;	/* in one line of a table */
};

static const struct tunable tunables[] = {
	{ "fifo-size", "bytes",
	  "more: bursts fit, streams run fuller; costs this memory per channel" },
	{ "idle-timeout", "s",
	  "more: a channel is there after a pause; less: memory comes back sooner" },
	{ "max-channels", "",
	  "more: more peers by channel; each costs fifo-size and as many grants" },
	{ "interfaces", "",
	  "those left out stay on netfront, with all that Dom0 filters and counts" },
	{ "stall-timeout", "ms",
	  "less: shorter waits on a hung peer; more: a slow one keeps its channel" },
	{ "drain-timeout", "ms",
	  "more: fewer frames are pulled back at a close; less: it is over sooner" },
	{ "hold-timeout", "ms",
	  "more: order is kept if a marker is late; less: a lost one delays less" },
	{ "backlog-bytes", "bytes",
	  "more: fewer drops in bursts; costs memory and delay on a full channel" },
	{ "poll-time", "us",
	  "more: quicker answers from an idle guest; costs processor time; 0: off" },
	{ "verbose", "",
	  "yes: debug lines in the journal" },
};

#define NR_TUNABLES	(sizeof(tunables) / sizeof(tunables[0]))

static json_t *names_json(const struct xenloopd_settings *s)
{
	char text[XENLOOPD_MAX_IFNAMES * XENLOOP_NL_IFNAME] = "";

	if (!s->nr_ifnames)
		return json_string("all");
	for (unsigned int i = 0; i < s->nr_ifnames; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s",
			 i ? " " : "", s->ifname[i]);
	}
	return json_string(text);
}

static json_t *value_json(const struct xenloopd_settings *s,
			  const struct xenloop_conf_key *key)
{
	const void *at = (const char *)s + key->offset;

	if (key->type == XENLOOP_CONF_BOOL)
		return json_boolean(*(const bool *)at);
	/* Of the others the one that is not a number has no range. */
	return key->max ? json_integer(*(const uint32_t *)at) : names_json(s);
}

static json_t *tunable_json(const struct xenloopd *d, const struct tunable *t)
{
	const struct xenloop_conf_key *key = xenloopd_settings_key(t->name);
	struct xenloopd_settings defaults;
	json_t *row;

	xenloopd_settings_default(&defaults);
	row = json_pack("{s:s, s:o, s:s, s:o}", "name", t->name,
			"value", value_json(&d->settings, key),
			"unit", t->unit,
			"default", value_json(&defaults, key));
	if (row && key->max) {
		json_object_set_new(row, "min", json_integer(key->min));
		json_object_set_new(row, "max", json_integer(key->max));
	}
	if (row)
		json_object_set_new(row, "trade", json_string(t->trade));
	return row;
}

int xenloopd_tune_list(void *arg, const struct xenloop_ctl_request *req,
		       json_t *reply, struct xenloop_ctl_error *err)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < NR_TUNABLES; i++)
		if (!req->nr_args || !strcmp(req->args[0], tunables[i].name))
			json_array_append_new(rows,
					      tunable_json(arg, &tunables[i]));
	if (!json_array_size(rows)) {
		json_decref(rows);
		return xenloop_ctl_fail(err, XENLOOP_CTL_NOT_FOUND,
					"no such setting: %.64s", req->args[0]);
	}
	return xenloop_ctl_fill(reply,
				json_pack("{s:s, s:o}", "host", "guest",
					  "settings", rows), err);
}

/* Not in the file: a reload or a restart ends it. */
int xenloopd_tune_set(void *arg, const struct xenloop_ctl_request *req,
		      json_t *reply, struct xenloop_ctl_error *err)
{
	struct xenloopd *d = arg;
	const struct xenloopd_settings old = d->settings;
	struct xenloopd_settings s = d->settings;
	const struct xenloop_conf_key *key;
	char why[192];
	int ret;

	ret = xenloopd_settings_set(&s, req->args[0], req->args[1], why,
				    sizeof(why));
	if (ret)
		return xenloop_ctl_fail(err, ret == -ENOENT ?
						     XENLOOP_CTL_NOT_FOUND :
						     XENLOOP_CTL_USAGE,
					"%s", why);
	if (xenloopd_settings_apply(d, &s)) {
		snprintf(why, sizeof(why), "%s", d->nl->ops->error(d->nl));
		xenloopd_settings_apply(d, &old);
		return xenloop_ctl_fail(err, XENLOOP_CTL_FAILED,
					"the module refuses it: %s", why);
	}
	log_notice("conf", "%s set to %s by xenloopctl", req->args[0],
		   req->args[1]);
	key = xenloopd_settings_key(req->args[0]);
	return xenloop_ctl_fill(reply,
				json_pack("{s:s, s:s, s:o, s:o, s:s}",
					  "host", "guest", "name", key->key,
					  "value", value_json(&s, key),
					  "was", value_json(&old, key), "until",
					  "the next reload or restart of xenloopd"),
				err);
}
