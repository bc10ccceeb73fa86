// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The table of a guest's outgoing messages; see outbox.h. */
#include <stdlib.h>
#include <string.h>

#include "xendiscoverd/outbox.h"

static int compare(const struct xenloop_node *a, const struct xenloop_node *b)
{
	if (a->domid != b->domid)
		return a->domid < b->domid ? -1 : 1;
	if (a->vif != b->vif)
		return a->vif < b->vif ? -1 : 1;
	if (a->peer_vif != b->peer_vif)
		return a->peer_vif < b->peer_vif ? -1 : 1;
	return 0;
}

/* Index of the first entry that is not below the node. */
static size_t lower_bound(const struct xenloop_outbox *box,
			  const struct xenloop_node *node)
{
	size_t lo = 0, hi = box->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(&box->entry[mid].node, node) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct xenloop_outbox_entry *
xenloop_outbox_find(const struct xenloop_outbox *box,
		    const struct xenloop_node *node)
{
	size_t i = lower_bound(box, node);

	if (i == box->nr || compare(&box->entry[i].node, node))
		return NULL;
	return &box->entry[i];
}

static bool make_room(struct xenloop_outbox *box)
{
	struct xenloop_outbox_entry *grown;
	size_t room = box->room ? 2 * box->room : 8;

	if (box->nr < box->room)
		return true;
	grown = reallocarray(box->entry, room, sizeof(*grown));
	if (!grown)
		return false;
	box->entry = grown;
	box->room = room;
	return true;
}

struct xenloop_outbox_entry *xenloop_outbox_add(struct xenloop_outbox *box,
						const struct xenloop_node *node,
						size_t max)
{
	struct xenloop_outbox_entry *entry = xenloop_outbox_find(box, node);
	size_t i = lower_bound(box, node);

	if (entry)
		return entry;
	if (box->nr >= max || !make_room(box))
		return NULL;
	entry = &box->entry[i];
	memmove(entry + 1, entry, (box->nr - i) * sizeof(*entry));
	memset(entry, 0, sizeof(*entry));
	entry->node = *node;
	box->nr++;
	box->next += i < box->next;
	return entry;
}

void xenloop_outbox_remove(struct xenloop_outbox *box, size_t index)
{
	struct xenloop_outbox_entry *entry = &box->entry[index];

	free(entry->text);
	box->nr--;
	box->next -= index < box->next;
	memmove(entry, entry + 1, (box->nr - index) * sizeof(*entry));
}

void xenloop_outbox_free(struct xenloop_outbox *box)
{
	for (size_t i = 0; i < box->nr; i++)
		free(box->entry[i].text);
	free(box->entry);
	memset(box, 0, sizeof(*box));
}
