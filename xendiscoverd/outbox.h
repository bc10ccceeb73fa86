/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_OUTBOX_H
#define XENDISCOVERD_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/msg.h"

/*
 * What a guest has in its outbox, data/xenloop/to: the last state of each node,
 * kept so that a message can be judged anew when a link or an epoch changes,
 * without reading it again.
 */

struct xenloop_outbox_entry {
	struct xenloop_node node;	/* owner's view: P-V-W */
	bool stale;			/* to be read */
	bool judged;			/* since it was read */
	const char *refused;		/* why not relayed; static; NULL: relayed */
	char *text;			/* NULL: not there, or does not parse */
	struct xenloop_msg msg;		/* of text */
};

struct xenloop_outbox {
	struct xenloop_outbox_entry *entry;	/* by node; owned */
	size_t nr;
	size_t room;
	size_t next;		/* which of them is to be read first */
	bool rescan;		/* what is known is to be read again */
	bool untold;		/* and what no event told of is to be looked for */
	bool stale;		/* some entry is */
	bool unbilled;		/* the first reading takes no tokens */
	bool overflow;		/* nodes were ignored for want of room */
};

/* NULL if there is none. */
struct xenloop_outbox_entry *
xenloop_outbox_find(const struct xenloop_outbox *box,
		    const struct xenloop_node *node);

/*
 * Finds or adds. NULL when there are `max` already or memory is out. What was
 * returned before is void.
 */
struct xenloop_outbox_entry *xenloop_outbox_add(struct xenloop_outbox *box,
						const struct xenloop_node *node,
						size_t max);

/* Takes the entry at this index out. */
void xenloop_outbox_remove(struct xenloop_outbox *box, size_t index);

void xenloop_outbox_free(struct xenloop_outbox *box);

#endif
