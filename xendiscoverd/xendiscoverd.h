/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_H
#define XENDISCOVERD_H

#include <jansson.h>

#include "proto/ctl.h"
#include "proto/loop.h"
#include "proto/xs.h"
#include "xendiscoverd/model.h"
#include "xendiscoverd/netdevs.h"
#include "xendiscoverd/relay.h"
#include "xendiscoverd/settings.h"
#include "xendiscoverd/xen.h"

/* Exit status. */
enum {
	XENLOOP_EXIT_OK = 0,
	XENLOOP_EXIT_ERROR = 1,
	XENLOOP_EXIT_USAGE = 2,		/* also: bad configuration */
	XENLOOP_EXIT_NO_XEN = 3,	/* not Dom0, no XenStore, or Linux is too old */
	XENLOOP_EXIT_RUNNING = 4,	/* there is one already */
};

/*
 * The daemon: everything in one place, used by one thread (proto/loop.h).
 * Watches and notifications mark what is stale; one timer then brings the model
 * and the nodes up to date in a fixed order (work.c).
 */
struct xenloop_discoverd {
	const char *config;		/* path */
	bool config_optional;
	bool verbose;			/* by option, whatever the file says */
	bool wait;			/* for XenStore, instead of exit 3 */
	const char *sysfs;		/* "/sys" */

	struct xenloop_loop *loop;
	struct xenloop_settings *settings;
	struct xenloop_model model;
	struct xenloop_netdevs netdevs;
	struct xenloop_netdevs_watch *netdevs_watch;
	const struct xenloop_xs_ops *xs_ops;
	struct xenloop_xs xs;
	struct event *xs_event;
	const struct xenloop_xen_ops *xen_ops;
	void *xen;
	struct xenloop_ctl *ctl;	/* NULL until connected */

	struct event *work;		/* pending: there is something to do */
	uint64_t due_ms;		/* when, while it is pending */
	struct event *beat;		/* looks after what nobody tells us */
	uint64_t started_ms;
	bool domains_stale;
	bool netdevs_stale;
	bool connected;
	char waiting[160];		/* why it is not; told when it changes */
	int last_error;		/* of the last round of work; told once */

	struct xenloop_relay_counters relay;
	uint64_t flushes;		/* guests whose nodes were written */
};

/* discoverd.c: connections, events and timers */
/* d->settings is loaded. 0, or an exit status after telling why. */
int xenloop_discoverd_init(struct xenloop_discoverd *d);
void xenloop_discoverd_exit(struct xenloop_discoverd *d);
/* Does the work soon: at once, or after ms at the latest. */
void xenloop_discoverd_schedule(struct xenloop_discoverd *d, uint64_t ms);
/* Takes d->config anew; the old settings stay if something is wrong with it. */
void xenloop_discoverd_reload(struct xenloop_discoverd *d);
/* Removes all our nodes of all domains. An exit status. */
int xenloop_discoverd_clean(struct xenloop_discoverd *d);

/* watches.c */
int xenloop_watches_add(struct xenloop_xs *xs);
int xenloop_watches_add_guest(struct xenloop_xs *xs, uint32_t domid);
void xenloop_watches_remove_guest(struct xenloop_xs *xs, uint32_t domid);
/* Marks what a fired watch makes stale. */
void xenloop_watches_fired(struct xenloop_discoverd *d,
			   const struct xenloop_xs_event *ev);

/*
 * work.c: brings everything up to date. *wait_ms: when there is more to do, by
 * the rate limits; UINT64_MAX: not before something happens. 0 or -errno.
 */
int xenloop_work(struct xenloop_discoverd *d, uint64_t *wait_ms);

/* status.c */
extern const struct xenloop_ctl_verb xenloop_discoverd_verbs[];
/* How many guests run xenloopd, and how many links there are between them. */
void xenloop_status_count(const struct xenloop_model *model, size_t *peers,
			  size_t *links);

/* lock.c: 0, -EWOULDBLOCK when another daemon has it, or -errno; kept to the end */
int xenloop_lock(void);

#endif
