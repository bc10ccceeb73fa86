// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The table of links; see link.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenloopd/link.h"

static bool same_key(const struct xenloop_node *a, const struct xenloop_node *b)
{
	return a->domid == b->domid && a->vif == b->vif &&
	       a->peer_vif == b->peer_vif;
}

struct xenloop_link *xenloop_links_find(const struct xenloop_links *links,
					const struct xenloop_node *key)
{
	struct xenloop_link *link = links->first;

	while (link && !same_key(&link->key, key))
		link = link->next;
	return link;
}

struct xenloop_link *xenloop_links_find_mac(const struct xenloop_links *links,
					    uint32_t ifindex,
					    const uint8_t *mac)
{
	struct xenloop_link *link = links->first;

	while (link && (link->ifindex != ifindex ||
			memcmp(link->mac, mac, sizeof(link->mac))))
		link = link->next;
	return link;
}

struct xenloop_link *xenloop_links_find_chan(const struct xenloop_links *links,
					     uint32_t id)
{
	struct xenloop_link *link = links->first;

	while (link && link->chan.id != id)
		link = link->next;
	return link;
}

unsigned int xenloop_links_count(const struct xenloop_links *links,
				 bool with_chan)
{
	unsigned int n = 0;

	for (struct xenloop_link *l = links->first; l; l = l->next)
		n += !with_chan || xenloop_peer_has_chan(&l->sm);
	return n;
}

/* Takes *at out of the list. */
static void remove_link(struct xenloop_links *links, struct xenloop_link **at,
			const char *reason)
{
	struct xenloop_link *link = *at;

	xenloop_link_event(links, link, XENLOOP_EV_LOST, reason);
	links->io->timer(links->arg, link, 0);
	links->io->bye_timer(links->arg, link, 0);
	*at = link->next;
	free(link);
}

static struct xenloop_link *
add_link(struct xenloop_links *links, const struct xenloop_node *key,
	 const struct xenloop_roster *roster, const uint8_t *mac)
{
	struct xenloop_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->key = *key;
	link->epoch = roster->epoch;
	memcpy(link->mac, mac, sizeof(link->mac));
	link->sm.listener = links->domid < key->domid;
	link->next = links->first;
	links->first = link;
	return link;
}

static bool in_roster(const struct xenloop_link *link,
		      const struct xenloop_roster *roster)
{
	for (unsigned int i = 0; roster && i < roster->nr_links; i++) {
		const struct xenloop_roster_link *r = &roster->link[i];

		if (r->vif == link->key.vif &&
		    r->peer_vif == link->key.peer_vif &&
		    !memcmp(r->mac, link->mac, sizeof(link->mac)))
			return true;
	}
	return false;
}

static void end_unlisted(struct xenloop_links *links, uint32_t domid,
			 const struct xenloop_roster *roster)
{
	struct xenloop_link **at = &links->first;

	while (*at) {
		if ((*at)->key.domid == domid && !in_roster(*at, roster))
			remove_link(links, at, "peer-gone");
		else
			at = &(*at)->next;
	}
}

static void new_epoch(struct xenloop_links *links, struct xenloop_link *link,
		      uint64_t epoch)
{
	if (link->epoch == epoch)
		return;
	link->epoch = epoch;
	link->seen_request = 0;
	link->seen_offer = 0;
	xenloop_link_event(links, link, XENLOOP_EV_EPOCH, "peer-restarted");
}

static int update_link(struct xenloop_links *links, uint32_t domid,
		       const struct xenloop_roster *roster,
		       const struct xenloop_roster_link *r)
{
	const struct xenloop_node key = { domid, r->vif, r->peer_vif };
	struct xenloop_link *link = xenloop_links_find(links, &key);

	if (!link)
		link = add_link(links, &key, roster, r->mac);
	if (!link)
		return -ENOMEM;
	snprintf(link->name, sizeof(link->name), "%s", roster->name);
	new_epoch(links, link, roster->epoch);
	return 0;
}

int xenloop_links_update(struct xenloop_links *links, uint32_t domid,
			 const struct xenloop_roster *roster)
{
	int err = 0;

	end_unlisted(links, domid, roster);
	/* A guest is no peer of its own. */
	if (!roster || domid == links->domid)
		return 0;
	for (unsigned int i = 0; i < roster->nr_links; i++)
		if (update_link(links, domid, roster, &roster->link[i]))
			err = -ENOMEM;
	return err;
}

void xenloop_links_unmark(struct xenloop_links *links)
{
	for (struct xenloop_link *l = links->first; l; l = l->next)
		l->listed = false;
}

void xenloop_links_mark(struct xenloop_links *links, uint32_t domid)
{
	for (struct xenloop_link *l = links->first; l; l = l->next)
		l->listed |= l->key.domid == domid;
}

void xenloop_links_sweep(struct xenloop_links *links)
{
	struct xenloop_link **at = &links->first;

	while (*at) {
		if (!(*at)->listed)
			remove_link(links, at, "peer-gone");
		else
			at = &(*at)->next;
	}
}

void xenloop_links_drop(struct xenloop_links *links, const char *reason)
{
	while (links->first)
		remove_link(links, &links->first, reason);
}

static bool is_chan_of(const struct xenloop_link *link,
		       const struct xenloop_nl_chan *chan)
{
	return chan->ifindex == link->ifindex &&
	       chan->domid == link->key.domid &&
	       chan->vif == link->key.peer_vif &&
	       chan->state != XENLOOP_CHAN_STATE_DEAD &&
	       !memcmp(chan->peer_mac, link->mac, sizeof(link->mac));
}

static void make_ready(struct xenloop_links *links, struct xenloop_link *link,
		       const struct xenloop_nl_chan *chans, int nr)
{
	for (int i = 0; i < nr; i++) {
		if (is_chan_of(link, &chans[i])) {
			xenloop_link_adopt(links, link, &chans[i]);
			return;
		}
	}
	xenloop_link_event(links, link, XENLOOP_EV_READY, NULL);
}

void xenloop_links_iface(struct xenloop_links *links, uint32_t vif,
			 uint32_t ifindex, const char *ifname,
			 const struct xenloop_nl_chan *chans, int nr)
{
	for (struct xenloop_link *l = links->first; l; l = l->next) {
		if (l->key.vif != vif)
			continue;
		if (l->ifindex && l->ifindex != ifindex)
			xenloop_link_event(links, l, XENLOOP_EV_LOST,
					   "iface-gone");
		l->ifindex = ifindex;
		snprintf(l->ifname, sizeof(l->ifname), "%s",
			 ifname ? ifname : "");
		if (ifindex && l->sm.state == XENLOOP_PEER_OFF)
			make_ready(links, l, chans, nr);
	}
}
