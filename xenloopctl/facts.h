/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOPCTL_FACTS_H
#define XENLOOPCTL_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/*
 * What doctor and metrics go by. It comes from the daemon; only where that
 * cannot be asked, from plain files and from systemd.
 */
struct xenloop_facts {
	bool dom0;		/* xendiscoverd was asked, not xenloopd */
	int error;		/* why there are no answers, -errno; 0: there are */
	/* Answers, owned; NULL if there is none. */
	json_t *status;
	json_t *peers;
	json_t *stats;		/* in a guest */
	json_t *pair;		/* in Dom0, if two guests were named */

	/* Filled in if error is set. */
	bool on_xen;
	bool control_domain;	/* this is Dom0 */
	bool module;		/* xenloop is loaded */
	char unit_load[32];	/* LoadState; empty: systemd does not tell */
	char unit_active[32];	/* ActiveState */
	char unit_result[32];	/* Result: "success", "exit-code", ... */

	/* Who was asked about; borrowed. */
	const char *who[2];
	size_t nr_who;
};

/*
 * Asks the daemon at `path`. `root` is "" but in tests. To be ended by
 * xenloop_facts_clear(), whatever came of it.
 */
void xenloop_facts_gather(struct xenloop_facts *f, const char *path,
			  const char *daemon, const char *root);
void xenloop_facts_clear(struct xenloop_facts *f);

/* Members by a path of names, "kernel.loaded"; "", 0 and false if missing. */
const json_t *xenloop_at(const json_t *object, const char *path);
const char *xenloop_text_at(const json_t *object, const char *path);
json_int_t xenloop_number_at(const json_t *object, const char *path);
bool xenloop_flag_at(const json_t *object, const char *path);

#endif
