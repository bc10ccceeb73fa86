/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_SETTINGS_H
#define XENDISCOVERD_SETTINGS_H

#include "proto/conf.h"
#include "xendiscoverd/model.h"

/* What xendiscoverd.conf(5) says; one block, replaced as a whole by a reload. */
struct xenloop_settings {
	bool verbose;
	struct xenloop_eligible eligible;
	struct xenloop_policy policy;
	uint32_t messages_per_second;	/* of one guest, on average */
	uint32_t message_burst;
	uint32_t max_messages;		/* nodes in one guest's outbox */
};

/*
 * Defaults, then the file at `path`. NULL and err filled in on failure; no file
 * at all is one, unless `optional`. The caller owns what is returned.
 */
struct xenloop_settings *xenloop_settings_load(const char *path, bool optional,
					       struct xenloop_conf_error *err);

/* The same from text; for tests. */
struct xenloop_settings *xenloop_settings_parse(const char *name,
						const char *text, size_t len,
						struct xenloop_conf_error *err);

void xenloop_settings_free(struct xenloop_settings *s);

#endif
