/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_PUBLISH_H
#define XENDISCOVERD_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/xs.h"

/*
 * The nodes below /local/domain/N/xenloop: what is there and what should be.
 * Only differences are written, so that nothing flaps, and a restart that finds
 * what it would write writes nothing but messages that are on their way.
 */

#define XENLOOP_PUB_NAME 40	/* "from/P-V-W" and NUL fit */

struct xenloop_pub_node {
	char name[XENLOOP_PUB_NAME];	/* "self", "roster/5", "from/5-0-0" */
	char *have;	/* in XenStore; NULL: not there */
	char *want;	/* to be there; NULL: to be removed; may be have itself */
	unsigned int links;	/* of a roster node: lines that it wants */
};

struct xenloop_pub {
	struct xenloop_pub_node *node;	/* by name; owned */
	size_t nr;
	size_t room;
	bool dirty;		/* some have and want differ */
	bool made;		/* the directories are there, with permissions */
	unsigned int links;	/* sum over all nodes */
};

/* What should be there, or NULL; stays the table's, until its next change. */
const char *xenloop_pub_get(const struct xenloop_pub *pub, const char *name);

/* Wants a node with this text (NULL: wants it gone). 0 or -ENOMEM. */
int xenloop_pub_set(struct xenloop_pub *pub, const char *name,
		    const char *text, unsigned int links);

/* Wants all nodes gone whose name starts with prefix. */
void xenloop_pub_drop(struct xenloop_pub *pub, const char *prefix);

/*
 * Reads what an earlier run left for domain domid; it is wanted, too, until
 * somebody decides otherwise. Messages are removed, to be relayed anew: how many
 * there are is up to the guests, so that they can't be listed (relay.c tells
 * why). 0 or -errno.
 */
int xenloop_pub_load(struct xenloop_xs *xs, uint32_t domid,
		     struct xenloop_pub *pub);

/*
 * Writes the differences, all nodes owned by Dom0 and readable by domid alone.
 * 0; -ENOENT when the domain has no home any more (nothing was written); or
 * another -errno, after which it may be called again.
 */
int xenloop_pub_flush(struct xenloop_xs *xs, uint32_t domid,
		      struct xenloop_pub *pub);

/* Removes the whole subtree. 0 or -errno. */
int xenloop_pub_remove(struct xenloop_xs *xs, uint32_t domid,
		       struct xenloop_pub *pub);

/* Forgets everything and frees it; XenStore stays as it is. */
void xenloop_pub_free(struct xenloop_pub *pub);

#endif
