// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The table of links; see link.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenloopd/link.h"

/* Lines in the journal about one link: so many at once, then one by one. */
#define LOG_BURST	50
#define LOG_INTERVAL_MS	10000

/*
 * Channels and attempts that end, not by our wish, and answers to attempts that
 * are in vain: more than anybody brings about by hand in a row, and then as many
 * as last some seconds each.
 */
#define END_BURST	200
#define END_INTERVAL_MS	5000

static bool same_key(const struct xenloop_node *a, const struct xenloop_node *b)
{
	return a->domid == b->domid && a->vif == b->vif &&
	       a->peer_vif == b->peer_vif;
}

static struct xenloop_link **domid_bucket(const struct xenloop_links *links,
					  uint32_t domid)
{
	return (struct xenloop_link **)
		&links->by_domid[domid & (XENLOOP_LINKS_BUCKETS - 1)];
}

/* The toolstack counts up in the last bytes. */
static struct xenloop_link **mac_bucket(const struct xenloop_links *links,
					const uint8_t *mac)
{
	unsigned int hash = mac[3] * 7u + mac[4] * 31u + mac[5];

	return (struct xenloop_link **)
		&links->by_mac[hash & (XENLOOP_LINKS_BUCKETS - 1)];
}

static void insert(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_link **domid = domid_bucket(links, link->key.domid);
	struct xenloop_link **mac = mac_bucket(links, link->mac);

	link->next = links->first;
	links->first = link;
	link->next_domid = *domid;
	*domid = link;
	link->next_mac = *mac;
	*mac = link;
}

/* Out of the buckets; the list is the caller's. */
static void unhash(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_link **at = domid_bucket(links, link->key.domid);

	while (*at != link)
		at = &(*at)->next_domid;
	*at = link->next_domid;
	at = mac_bucket(links, link->mac);
	while (*at != link)
		at = &(*at)->next_mac;
	*at = link->next_mac;
}

struct xenloop_link *xenloop_links_find(const struct xenloop_links *links,
					const struct xenloop_node *key)
{
	struct xenloop_link *link = *domid_bucket(links, key->domid);

	while (link && !same_key(&link->key, key))
		link = link->next_domid;
	return link;
}

static bool has_mac(const struct xenloop_link *link, uint32_t ifindex,
		    const uint8_t *mac)
{
	return link->ifindex == ifindex &&
	       !memcmp(link->mac, mac, sizeof(link->mac));
}

struct xenloop_link *xenloop_links_find_mac(const struct xenloop_links *links,
					    uint32_t ifindex,
					    const uint8_t *mac)
{
	struct xenloop_link *link = *mac_bucket(links, mac);

	while (link && !has_mac(link, ifindex, mac))
		link = link->next_mac;
	return link;
}

struct xenloop_link *
xenloop_links_find_peer(const struct xenloop_links *links,
			const struct xenloop_nl_peer *peer)
{
	struct xenloop_link *link = *domid_bucket(links, peer->domid);

	while (link && (link->key.domid != peer->domid ||
			link->key.peer_vif != peer->vif ||
			!has_mac(link, peer->ifindex, peer->mac)))
		link = link->next_domid;
	return link;
}

struct xenloop_link *xenloop_links_other(const struct xenloop_links *links,
					 const struct xenloop_link *link)
{
	struct xenloop_link *l = *mac_bucket(links, link->mac);

	while (l && (l == link || l->sm.state == XENLOOP_PEER_OFF ||
		     !has_mac(l, link->ifindex, link->mac)))
		l = l->next_mac;
	return l;
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
	unhash(links, link);
	*at = link->next;
	xenloop_past_keep(links, link);
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
	link->log_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(LOG_BURST, LOG_INTERVAL_MS);
	link->end_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(END_BURST, END_INTERVAL_MS);
	xenloop_past_recall(links, link);
	insert(links, link);
	return link;
}

static struct xenloop_link **place_of(struct xenloop_links *links,
				      const struct xenloop_link *link)
{
	struct xenloop_link **at = &links->first;

	while (*at != link)
		at = &(*at)->next;
	return at;
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

/* The first link to `domid` that the roster does not have (any more). */
static struct xenloop_link *find_unlisted(const struct xenloop_links *links,
					  uint32_t domid,
					  const struct xenloop_roster *roster)
{
	struct xenloop_link *link = *domid_bucket(links, domid);

	while (link && (link->key.domid != domid || in_roster(link, roster)))
		link = link->next_domid;
	return link;
}

static void end_unlisted(struct xenloop_links *links, uint32_t domid,
			 const struct xenloop_roster *roster)
{
	struct xenloop_link *link;

	while ((link = find_unlisted(links, domid, roster)))
		remove_link(links, place_of(links, link), "peer-gone");
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
	struct xenloop_link *l = *domid_bucket(links, domid);

	for (; l; l = l->next_domid)
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

void xenloop_links_free(struct xenloop_links *links)
{
	struct xenloop_link *link;

	while ((link = links->first)) {
		links->io->timer(links->arg, link, 0);
		links->io->bye_timer(links->arg, link, 0);
		unhash(links, link);
		links->first = link->next;
		free(link);
	}
	xenloop_past_forget(links);
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

void xenloop_link_iface(struct xenloop_links *links, struct xenloop_link *link,
			uint32_t ifindex, const char *ifname,
			const struct xenloop_nl_chan *chans, int nr)
{
	if (link->ifindex && link->ifindex != ifindex)
		xenloop_link_event(links, link, XENLOOP_EV_LOST, "iface-gone");
	link->ifindex = ifindex;
	snprintf(link->ifname, sizeof(link->ifname), "%s", ifname ? ifname : "");
	if (ifindex && link->sm.state == XENLOOP_PEER_OFF)
		make_ready(links, link, chans, nr);
}

/* By MAC address: of two links with the same, one has the peer. */
static void mark_known(struct xenloop_links *links,
		       const struct xenloop_nl_peer *peer)
{
	struct xenloop_link *l = *mac_bucket(links, peer->mac);

	for (; l; l = l->next_mac)
		l->known |= has_mac(l, peer->ifindex, peer->mac);
}

void xenloop_links_check_peers(struct xenloop_links *links,
			       const struct xenloop_nl_peer *peers, int nr)
{
	struct xenloop_link *l;

	for (l = links->first; l; l = l->next)
		l->known = false;
	for (int i = 0; i < nr; i++)
		mark_known(links, &peers[i]);
	for (l = links->first; l; l = l->next)
		if (!l->known && l->sm.state != XENLOOP_PEER_OFF &&
		    l->sm.state != XENLOOP_PEER_CLOSING)
			xenloop_link_event(links, l, XENLOOP_EV_LOST,
					   "iface-gone");
}
