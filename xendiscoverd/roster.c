// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What a guest is to be told about itself and its peers; see roster.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/log.h"
#include "xendiscoverd/events.h"
#include "xendiscoverd/roster.h"

int xenloop_roster_self(struct xenloop_guest *guest)
{
	struct xenloop_self self = {
		.domid = guest->domid, .epoch = guest->hello.epoch,
		.nr_vifs = guest->nr_vifs,
	};
	char text[XENLOOP_MSG_BUF];

	if (!xenloop_guest_is_peer(guest))
		return xenloop_pub_set(&guest->pub, "self", NULL, 0);
	for (unsigned int i = 0; i < guest->nr_vifs; i++) {
		self.vif[i].vif = guest->vif[i].handle;
		memcpy(self.vif[i].mac, guest->vif[i].mac, XENLOOP_MAC_LEN);
		strcpy(self.vif[i].state,
		       xenloop_vif_state_name(guest->vif[i].state));
	}
	/* What does not fit into a node is left out, highest handles first. */
	while (xenloop_self_format(&self, text, sizeof(text)) < 0) {
		if (!self.nr_vifs)
			return -EINVAL;
		self.nr_vifs--;
	}
	return xenloop_pub_set(&guest->pub, "self", text, 0);
}

static void collect_link(const struct xenloop_policy *policy,
			 const struct xenloop_guest *guest,
			 const struct xenloop_vif *own,
			 const struct xenloop_guest *peer,
			 const struct xenloop_vif *other,
			 struct xenloop_roster *roster)
{
	struct xenloop_roster_link *link;

	if (roster->nr_links == XENLOOP_LINES_MAX ||
	    xenloop_model_refusal(policy, guest, own, peer, other))
		return;
	link = &roster->link[roster->nr_links++];
	link->vif = own->handle;
	link->peer_vif = other->handle;
	memcpy(link->mac, other->mac, XENLOOP_MAC_LEN);
}

/*
 * In the same order for both sides, by the lower domid's vifs first: what does
 * not fit has to be the same for both, or one would ask for channels in vain.
 */
static void collect_links(const struct xenloop_policy *policy,
			  const struct xenloop_guest *guest,
			  const struct xenloop_guest *peer,
			  struct xenloop_roster *roster)
{
	bool lower = guest->domid < peer->domid;
	unsigned int outer = lower ? guest->nr_vifs : peer->nr_vifs;
	unsigned int inner = lower ? peer->nr_vifs : guest->nr_vifs;

	for (unsigned int i = 0; i < outer; i++)
		for (unsigned int k = 0; k < inner; k++)
			collect_link(policy, guest, &guest->vif[lower ? i : k],
				     peer, &peer->vif[lower ? k : i], roster);
}

/* Leaves out what has no room beside the longest name: the same for both. */
static void format(struct xenloop_roster *roster, char text[XENLOOP_MSG_BUF])
{
	size_t size = XENLOOP_MSG_BUF - XENLOOP_NAME_MAX + strlen(roster->name);

	while (roster->nr_links &&
	       xenloop_roster_format(roster, text, size) < 0)
		roster->nr_links--;
}

static bool has_link(const struct xenloop_roster *roster,
		     const struct xenloop_roster_link *link)
{
	for (unsigned int i = 0; i < roster->nr_links; i++)
		if (roster->link[i].vif == link->vif &&
		    roster->link[i].peer_vif == link->peer_vif)
			return true;
	return false;
}

/* Logs each link of `a` that `b` does not have. */
static void log_missing(const struct xenloop_guest *guest,
			const struct xenloop_guest *peer,
			const struct xenloop_roster *a,
			const struct xenloop_roster *b, bool allowed,
			struct xenloop_guest *cause)
{
	for (unsigned int i = 0; i < a->nr_links; i++)
		if (!has_link(b, &a->link[i]))
			xenloop_event_link(guest, peer, &a->link[i], allowed,
					   cause);
}

static void log_changes(const struct xenloop_guest *guest,
			const struct xenloop_guest *peer,
			const struct xenloop_roster *new, const char *old_text,
			struct xenloop_guest *cause)
{
	struct xenloop_roster old = { 0 };

	if (old_text && xenloop_roster_parse(old_text, strlen(old_text), &old))
		old.nr_links = 0;
	log_missing(guest, peer, &old, new, false, cause);
	log_missing(guest, peer, new, &old, true, cause);
}

bool xenloop_roster_domid(const char *name, uint32_t *domid)
{
	static const char prefix[] = "roster/";
	size_t len = sizeof(prefix) - 1;

	return !strncmp(name, prefix, len) &&
	       !xenloop_u32_parse(name + len, XENLOOP_DOMID_MAX, domid);
}

int xenloop_roster_peer(const struct xenloop_policy *policy,
			struct xenloop_guest *guest,
			const struct xenloop_guest *peer,
			struct xenloop_guest *cause)
{
	struct xenloop_roster roster = {
		.epoch = peer->hello.epoch, .features = peer->hello.features,
	};
	char name[XENLOOP_PUB_NAME], text[XENLOOP_MSG_BUF];

	snprintf(name, sizeof(name), "roster/%u", peer->domid);
	strcpy(roster.name, peer->name);
	collect_links(policy, guest, peer, &roster);
	format(&roster, text);
	if (guest->domid < peer->domid)
		log_changes(guest, peer, &roster,
			    xenloop_pub_get(&guest->pub, name), cause);
	return xenloop_pub_set(&guest->pub, name,
			       roster.nr_links ? text : NULL, roster.nr_links);
}

void xenloop_roster_forget(struct xenloop_guest *guest, uint32_t domid)
{
	char name[XENLOOP_PUB_NAME];

	snprintf(name, sizeof(name), "roster/%u", domid);
	xenloop_pub_set(&guest->pub, name, NULL, 0);
	snprintf(name, sizeof(name), "from/%u-", domid);
	xenloop_pub_drop(&guest->pub, name);
}

static bool accounted(const struct xenloop_model *model,
		      const struct xenloop_guest *guest, const char *name)
{
	const struct xenloop_guest *peer;
	uint32_t domid;

	/* Of the messages none is from an earlier run. */
	if (!strcmp(name, "self") || !strncmp(name, "from/", 5))
		return true;
	if (!xenloop_roster_domid(name, &domid))
		return false;
	peer = xenloop_model_find(model, domid);
	return peer && peer != guest && xenloop_guest_is_peer(peer);
}

void xenloop_roster_prune(const struct xenloop_model *model,
			  struct xenloop_guest *guest)
{
	struct xenloop_pub *pub = &guest->pub;

	for (size_t i = 0; i < pub->nr; i++)
		if (!accounted(model, guest, pub->node[i].name))
			xenloop_pub_set(pub, pub->node[i].name, NULL, 0);
}
