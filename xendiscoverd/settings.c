// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xendiscoverd.conf; see settings.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xendiscoverd/settings.h"

static int add_group(void *conf, const char *value, char *why, size_t size)
{
	struct xenloop_settings *s = conf;

	return xenloop_policy_add_group(&s->policy, value, why, size);
}

static int add_allow(void *conf, const char *value, char *why, size_t size)
{
	struct xenloop_settings *s = conf;

	return xenloop_policy_add_rule(&s->policy.allow, value, why, size);
}

static int add_deny(void *conf, const char *value, char *why, size_t size)
{
	struct xenloop_settings *s = conf;

	return xenloop_policy_add_rule(&s->policy.deny, value, why, size);
}

static int add_off(void *conf, const char *value, char *why, size_t size)
{
	struct xenloop_settings *s = conf;

	return xenloop_policy_add_off(&s->policy, value, why, size);
}

static int set_default(void *conf, const char *value, char *why, size_t size)
{
	struct xenloop_settings *s = conf;

	s->policy.deny_by_default = !strcmp(value, "deny");
	if (s->policy.deny_by_default || !strcmp(value, "allow"))
		return 0;
	snprintf(why, size, "neither allow nor deny: %.64s", value);
	return -EINVAL;
}

#define BOOL(sec, name, field) \
	{ .section = sec, .key = name, .type = XENLOOP_CONF_BOOL, \
	  .offset = offsetof(struct xenloop_settings, field) }
#define U32(sec, name, field, lo, hi) \
	{ .section = sec, .key = name, .type = XENLOOP_CONF_U32, \
	  .min = lo, .max = hi, \
	  .offset = offsetof(struct xenloop_settings, field) }
#define CALL(sec, name, fn, again) \
	{ .section = sec, .key = name, .type = XENLOOP_CONF_CALL, \
	  .call = fn, .repeat = again }

static const struct xenloop_conf_key keys[] = {
	BOOL("log", "verbose", verbose),
	BOOL("eligible", "rate-limited", eligible.rate_limited),
	BOOL("eligible", "ip-filter", eligible.ip_filter),
	BOOL("eligible", "bridge-netfilter", eligible.bridge_netfilter),
	CALL("policy", "default", set_default, false),
	CALL("policy", "group", add_group, true),
	CALL("policy", "allow", add_allow, true),
	CALL("policy", "deny", add_deny, true),
	CALL("policy", "off", add_off, true),
	U32("limits", "messages-per-second", messages_per_second, 1, 1000),
	U32("limits", "message-burst", message_burst, 1, 10000),
	U32("limits", "max-messages", max_messages, 1, 10000),
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

static struct xenloop_settings *defaults(struct xenloop_conf_error *err)
{
	struct xenloop_settings *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return NULL;
	}
	s->messages_per_second = 50;
	s->message_burst = 200;
	s->max_messages = 1024;
	return s;
}

/* What can be seen only when all lines are there. */
static struct xenloop_settings *finish(struct xenloop_settings *s, int ret,
				       const char *name,
				       struct xenloop_conf_error *err)
{
	char why[160];

	if (!ret && xenloop_policy_check(&s->policy, why, sizeof(why))) {
		snprintf(err->text, sizeof(err->text), "%s: %s", name, why);
		ret = -EINVAL;
	}
	if (!ret)
		return s;
	xenloop_settings_free(s);
	return NULL;
}

struct xenloop_settings *xenloop_settings_load(const char *path, bool optional,
					       struct xenloop_conf_error *err)
{
	struct xenloop_settings *s = defaults(err);
	int ret;

	if (!s)
		return NULL;
	ret = xenloop_conf_load(path, keys, NR_KEYS, s, err);
	if (ret == -ENOENT && optional)
		ret = 0;
	return finish(s, ret, path, err);
}

struct xenloop_settings *xenloop_settings_parse(const char *name,
						const char *text, size_t len,
						struct xenloop_conf_error *err)
{
	struct xenloop_settings *s = defaults(err);
	int ret;

	if (!s)
		return NULL;
	ret = xenloop_conf_parse(name, text, len, keys, NR_KEYS, s, err);
	return finish(s, ret, name, err);
}

void xenloop_settings_free(struct xenloop_settings *s)
{
	if (!s)
		return;
	xenloop_policy_clear(&s->policy);
	free(s);
}
