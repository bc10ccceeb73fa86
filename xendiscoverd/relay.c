// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Messages from guest to guest; see relay.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "xendiscoverd/events.h"
#include "xendiscoverd/relay.h"
#include "xendiscoverd/roster.h"

static const char to_prefix[] = "to/";

/* A node is to be read. False: no room for it. */
static bool mark_node(struct xenloop_outbox *box,
		      const struct xenloop_node *node,
		      const struct xenloop_settings *s)
{
	struct xenloop_outbox_entry *entry =
		xenloop_outbox_add(box, node, s->max_messages);

	if (entry)
		entry->stale = box->stale = true;
	return entry;
}

/* The same for a node that the guest wrote: what is too much is told. */
static bool mark_entry(struct xenloop_guest *guest,
		       const struct xenloop_node *node,
		       const struct xenloop_settings *s,
		       struct xenloop_relay_counters *c)
{
	struct xenloop_outbox *box = &guest->outbox;

	if (mark_node(box, node, s))
		return true;
	c->ignored++;
	if (!box->overflow)
		xenloop_event_overflow(guest, s->max_messages,
				       xenloop_now_ms());
	box->overflow = true;
	return false;
}

bool xenloop_relay_mark(struct xenloop_guest *guest, const char *rest,
			const struct xenloop_settings *s,
			struct xenloop_relay_counters *c)
{
	size_t len = sizeof(to_prefix) - 1;
	struct xenloop_node node;

	if (!*rest || !strcmp(rest, "to")) {
		guest->outbox.rescan = true;
		return true;
	}
	if (strncmp(rest, to_prefix, len))
		return false;
	if (!xenloop_node_parse(rest + len, &node))
		return mark_entry(guest, &node, s, c);
	c->ignored++;
	return false;
}

/* The nodes on the links of one roster of the guest's, as far as there is room. */
static void mark_links(struct xenloop_outbox *box,
		       const struct xenloop_pub_node *pub,
		       const struct xenloop_settings *s)
{
	struct xenloop_roster roster;
	uint32_t domid;

	if (!pub->want || !xenloop_roster_domid(pub->name, &domid) ||
	    xenloop_roster_parse(pub->want, strlen(pub->want), &roster))
		return;
	for (unsigned int i = 0; i < roster.nr_links; i++) {
		const struct xenloop_node node = {
			.domid = domid, .vif = roster.link[i].vif,
			.peer_vif = roster.link[i].peer_vif,
		};

		mark_node(box, &node, s);
	}
}

/*
 * What is known is to be read anew. So is what may be there for a peer on the
 * roster, if no event told of it: from before the watch, or ignored for want of
 * room; what is there for others would be refused. The directory is never
 * listed, since its names are the guest's: oxenstored sends a list of any length,
 * and libxenstore gives up the connection at 4,096 bytes.
 */
static void mark_all(struct xenloop_guest *guest,
		     const struct xenloop_settings *s)
{
	struct xenloop_outbox *box = &guest->outbox;

	box->rescan = false;
	for (size_t i = 0; i < box->nr; i++)
		box->entry[i].stale = box->stale = true;
	for (size_t i = 0; i < guest->pub.nr && box->untold; i++)
		mark_links(box, &guest->pub.node[i], s);
	box->untold = false;
}

static int read_entry(struct xenloop_xs *xs, uint32_t domid,
		      struct xenloop_outbox_entry *entry)
{
	char path[XENLOOP_XS_PATH_SIZE], buf[XENLOOP_MSG_BUF];
	char name[XENLOOP_NODE_STR];
	char *text = NULL;
	int len;

	xenloop_node_format(&entry->node, name, sizeof(name));
	snprintf(path, sizeof(path), "/local/domain/%u/data/xenloop/to/%s",
		 domid, name);
	len = xenloop_xs_read(xs, 0, path, buf, sizeof(buf));
	if (xenloop_xs_is_unread(len))
		return len; /* it stays stale, and is read again */
	if (len >= 0 && !xenloop_msg_parse(buf, (size_t)len, &entry->msg)) {
		text = strdup(buf);
		if (!text)
			return -ENOMEM;
	}
	free(entry->text);
	entry->text = text;
	entry->refused = text || len == -ENOENT ? NULL : "malformed";
	entry->stale = false;
	entry->judged = false;
	return 0;
}

static bool may_act(struct xenloop_guest *guest,
		    const struct xenloop_settings *s, uint64_t now_ms,
		    uint64_t *wait_ms)
{
	struct xenloop_ratelimit *rl = &guest->message_rate;
	uint64_t wait;

	if (guest->outbox.unbilled)
		return true;
	rl->burst = s->message_burst;
	rl->interval_us = 1000000 / s->messages_per_second;
	if (xenloop_ratelimit_ok(rl, now_ms, NULL))
		return true;
	wait = xenloop_ratelimit_wait(rl, now_ms);
	if (wait < *wait_ms)
		*wait_ms = wait;
	return false;
}

int xenloop_relay_read(struct xenloop_xs *xs, struct xenloop_guest *guest,
		       const struct xenloop_settings *s,
		       struct xenloop_relay_counters *c, uint64_t now_ms,
		       uint64_t *wait_ms)
{
	struct xenloop_outbox *box = &guest->outbox;
	int err = 0;

	if (box->rescan && may_act(guest, s, now_ms, wait_ms))
		mark_all(guest, s);
	if (!box->stale) {
		box->unbilled = false;
		return 0;
	}
	box->stale = false;
	/* In turn: one that is stale again each time must not have all tokens. */
	for (size_t n = 0; n < box->nr && !xenloop_xs_is_dead(err); n++) {
		size_t i = (box->next + n) % box->nr;
		int ret;

		if (!box->entry[i].stale)
			continue;
		if (!may_act(guest, s, now_ms, wait_ms)) {
			box->next = i;
			box->stale = true;
			c->deferred++;
			break;
		}
		ret = read_entry(xs, guest->domid, &box->entry[i]);
		if (ret)
			err = ret;
	}
	if (err)
		box->stale = true;
	else
		box->unbilled = false;
	return err;
}

const char *xenloop_relay_refusal(const struct xenloop_model *model,
				  const struct xenloop_policy *policy,
				  const struct xenloop_guest *sender,
				  const struct xenloop_outbox_entry *entry)
{
	const struct xenloop_node *node = &entry->node;
	const struct xenloop_vif *own, *other;
	const struct xenloop_guest *peer;

	if (!entry->text)
		return entry->refused ? entry->refused : "gone";
	peer = xenloop_model_find(model, node->domid);
	if (!peer)
		return "no-peer";
	own = xenloop_guest_vif(sender, node->vif);
	other = xenloop_guest_vif(peer, node->peer_vif);
	if (!own || !other)
		return "no-vif";
	if (xenloop_model_refusal(policy, sender, own, peer, other))
		return "no-link";
	if (entry->msg.from != sender->hello.epoch)
		return "sender-epoch";
	if (entry->msg.to != peer->hello.epoch)
		return "receiver-epoch";
	return NULL;
}

/* Remembers the verdict; counts and tells a refusal once. */
static void note_verdict(struct xenloop_guest *sender,
			 struct xenloop_outbox_entry *entry, const char *why,
			 struct xenloop_relay_counters *c, uint64_t now_ms)
{
	bool news = !entry->judged || entry->refused != why;

	entry->judged = true;
	entry->refused = why;
	if (!why || !news)
		return;
	c->refused++;
	xenloop_event_refused(sender, entry, why, now_ms);
}

/* The inbox node of `peer` that mirrors an outbox node of `sender`. */
static int deliver(const struct xenloop_guest *sender,
		   const struct xenloop_node *out, struct xenloop_guest *peer,
		   const char *text, struct xenloop_relay_counters *c)
{
	const struct xenloop_node in = {
		.domid = sender->domid, .vif = out->peer_vif,
		.peer_vif = out->vif,
	};
	char name[XENLOOP_PUB_NAME] = "from/";
	const char *had;

	xenloop_node_format(&in, name + 5, sizeof(name) - 5);
	had = xenloop_pub_get(&peer->pub, name);
	if (text && (!had || strcmp(had, text)))
		c->relayed++;
	else if (!text && had)
		c->withdrawn++;
	return xenloop_pub_set(&peer->pub, name, text, 0);
}

static int judge_entry(const struct xenloop_model *model,
		       const struct xenloop_policy *policy,
		       struct xenloop_guest *sender,
		       struct xenloop_outbox_entry *entry,
		       struct xenloop_relay_counters *c, uint64_t now_ms)
{
	struct xenloop_guest *peer = xenloop_model_find(model,
							entry->node.domid);
	bool gone = !entry->text && !entry->refused;
	const char *why;

	if (entry->judged && !sender->changed && !(peer && peer->changed))
		return 0;
	why = xenloop_relay_refusal(model, policy, sender, entry);
	if (!gone)
		note_verdict(sender, entry, why, c, now_ms);
	if (!peer)
		return 0;
	return deliver(sender, &entry->node, peer, why ? NULL : entry->text, c);
}

int xenloop_relay_judge(const struct xenloop_model *model,
			const struct xenloop_policy *policy,
			struct xenloop_guest *sender,
			struct xenloop_relay_counters *c, uint64_t now_ms)
{
	struct xenloop_outbox *box = &sender->outbox;
	int err = 0;

	for (size_t i = 0; i < box->nr && !err;) {
		struct xenloop_outbox_entry *entry = &box->entry[i];

		if (entry->stale) {	/* its turn comes when it is read */
			i++;
			continue;
		}
		err = judge_entry(model, policy, sender, entry, c, now_ms);
		if (entry->text || entry->refused) {
			i++;
			continue;
		}
		xenloop_outbox_remove(box, i);
		/* Room for a node that was ignored. */
		if (box->overflow)
			box->rescan = box->untold = true;
		box->overflow = false;
	}
	return err;
}
