/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_SIM_STORE_H
#define XENLOOP_SIM_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/xs.h"

/*
 * XenStore for many clients in one process: a tree, relative paths, watches,
 * quotas as oxenstored has them. It counts what each client does. Every call
 * that a real xenstored would refuse ends the program.
 */

/* Debian's oxenstored.conf; for guests, not for Dom0. */
#define STORE_MAX_NODES		1000	/* that a guest owns */
#define STORE_MAX_VALUE		2048	/* bytes */
#define STORE_MAX_WATCHES	100
#define STORE_MAX_EVENTS	1024	/* queued */

struct store_counts {
	uint64_t ops;		/* requests of all kinds */
	uint64_t writes;	/* of them: write and rm */
	uint64_t events;	/* watches that fired */
};

struct store_watch;

/* One client. `notify` is called when an event is queued for it. */
struct store_conn {
	uint32_t domid;
	void (*notify)(void *arg);
	void *arg;
	struct store_counts counts;
	unsigned int nodes;	/* that it owns now */
	unsigned int max_nodes, max_watches, max_events;	/* peaks */
	unsigned int watches, queued;
	struct store_event *first, **last;
	struct store_watch *watch;
};

extern const struct xenloop_xs_ops store_ops;

/* The client for whom the next open() is. */
extern struct store_conn *store_opening;

/* Nodes, and bytes that the store itself has allocated. */
extern size_t store_nodes, store_bytes;
/* The longest value ever written. */
extern size_t store_max_value;

/* As the toolstack, which nobody counts. */
__attribute__((format(printf, 2, 3)))
void store_put(const char *value, const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
void store_del(const char *fmt, ...);
/* "@introduceDomain", "@releaseDomain" */
void store_special(const char *name);
/* NULL if there is none. */
__attribute__((format(printf, 1, 2)))
const char *store_get(const char *fmt, ...);
/* Number of nodes right below. */
__attribute__((format(printf, 1, 2)))
unsigned int store_children(const char *fmt, ...);

/* The client is another domain now; its relative watches move with it. */
void store_move(struct store_conn *conn, uint32_t domid);
/* Drops watches and events. */
void store_close(struct store_conn *conn);

#endif
