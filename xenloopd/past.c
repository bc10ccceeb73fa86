// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What stays of links that are gone; see link.h. */
#include <stdlib.h>
#include <string.h>

#include "xenloopd/link.h"

static bool is_of(const struct xenloop_past *past,
		  const struct xenloop_link *link)
{
	return past->key.domid == link->key.domid &&
	       past->key.vif == link->key.vif &&
	       past->key.peer_vif == link->key.peer_vif &&
	       !memcmp(past->mac, link->mac, sizeof(past->mac));
}

static void remove_at(struct xenloop_past **at)
{
	struct xenloop_past *past = *at;

	*at = past->next;
	free(past);
}

static bool says_nothing(struct xenloop_past *past, uint64_t now_ms)
{
	return !past->held &&
	       xenloop_ratelimit_is_full(&past->log_rate, now_ms) &&
	       xenloop_ratelimit_is_full(&past->end_rate, now_ms);
}

/* Drops what says nothing more; returns how many are left. */
static unsigned int clear(struct xenloop_links *links, uint64_t now_ms)
{
	struct xenloop_past **at = &links->past;
	unsigned int nr = 0;

	while (*at) {
		if (says_nothing(*at, now_ms)) {
			remove_at(at);
		} else {
			at = &(*at)->next;
			nr++;
		}
	}
	return nr;
}

static struct xenloop_past **find_oldest(struct xenloop_links *links)
{
	struct xenloop_past **at = &links->past, **oldest = NULL;

	for (; *at; at = &(*at)->next)
		if (!oldest || !(*at)->held || (*oldest)->held)
			oldest = at;
	return oldest;
}

void xenloop_past_keep(struct xenloop_links *links,
		       const struct xenloop_link *link)
{
	struct xenloop_past *past = malloc(sizeof(*past));

	if (!past)
		return;
	*past = (struct xenloop_past){
		.next = links->past,
		.key = link->key,
		.held = link->sm.held,
		.log_rate = link->log_rate,
		.end_rate = link->end_rate,
	};
	memcpy(past->mac, link->mac, sizeof(past->mac));
	memcpy(past->name, link->name, sizeof(past->name));
	links->past = past;
	if (clear(links, links->io->now(links->arg)) > XENLOOP_PAST_MAX)
		remove_at(find_oldest(links));
}

void xenloop_past_recall(struct xenloop_links *links,
			 struct xenloop_link *link)
{
	struct xenloop_past **at = &links->past;

	while (*at && !is_of(*at, link))
		at = &(*at)->next;
	if (!*at)
		return;
	link->sm.held = (*at)->held;
	link->log_rate = (*at)->log_rate;
	link->end_rate = (*at)->end_rate;
	remove_at(at);
}

void xenloop_past_forget(struct xenloop_links *links)
{
	while (links->past)
		remove_at(&links->past);
}
