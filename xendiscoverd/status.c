// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What xenloopctl can ask in Dom0; the shape is that of docs/man/xenloopctl.8. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "xendiscoverd/xendiscoverd.h"

/*
 * In one answer: those of 100 guests on a network, a megabyte. All pairs of 1,000
 * guests would be a hundred megabytes, and all else waits while they are listed.
 */
#define MAX_PAIRS 5000

void xenloop_status_count(const struct xenloop_model *model, size_t *peers,
			  size_t *links)
{
	*peers = 0;
	*links = 0;
	for (size_t i = 0; i < model->nr; i++) {
		*peers += xenloop_guest_is_peer(model->guest[i]);
		*links += model->guest[i]->pub.links;
	}
	/* Each link is in two rosters. */
	*links /= 2;
}

static json_t *mac_json(const struct xenloop_vif *vif)
{
	char text[XENLOOP_MAC_STR];

	return json_string(xenloop_mac_format(vif->mac, text));
}

static json_t *vif_json(const struct xenloop_vif *vif)
{
	return json_pack("{s:i, s:s, s:o, s:s, s:s}", "vif", (int)vif->handle,
			 "device", vif->dev, "mac", mac_json(vif), "network",
			 vif->net.name, "state",
			 xenloop_vif_state_name(vif->state));
}

/* What is to be said about a guest's hello. */
static const char *hello_word(const struct xenloop_guest *guest)
{
	if (guest->present)
		return "ok";
	if (guest->hello_error == -EPROTONOSUPPORT)
		return "other-version";
	return guest->hello_error == -ENOENT || !guest->hello_error ?
		       "none" : "unreadable";
}

static json_t *guest_json(const struct xenloop_guest *guest)
{
	json_t *vifs = json_array();
	char epoch[17] = "";

	for (unsigned int i = 0; i < guest->nr_vifs; i++)
		json_array_append_new(vifs, vif_json(&guest->vif[i]));
	if (guest->present)
		snprintf(epoch, sizeof(epoch), "%016llx",
			 (unsigned long long)guest->hello.epoch);
	return json_pack("{s:i, s:s, s:b, s:b, s:s, s:s, s:o}", "domid",
			 (int)guest->domid, "name", guest->name, "peer",
			 xenloop_guest_is_peer(guest), "running", guest->alive,
			 "hello", hello_word(guest), "epoch", epoch, "vifs",
			 vifs);
}

static int count_vifs(const struct xenloop_model *model, uint32_t bridge)
{
	int nr = 0;

	for (size_t g = 0; g < model->nr; g++)
		for (unsigned int i = 0; i < model->guest[g]->nr_vifs; i++)
			nr += model->guest[g]->vif[i].net.bridge == bridge;
	return nr;
}

static json_t *bridges_json(const struct xenloop_discoverd *d)
{
	json_t *bridges = json_array();

	for (size_t i = 0; i < d->netdevs.nr; i++) {
		const struct xenloop_netdev *dev = &d->netdevs.dev[i];

		if (!dev->is_bridge)
			continue;
		json_array_append_new(bridges,
			json_pack("{s:s, s:b, s:b, s:b, s:i}",
				  "bridge", dev->name, "up", dev->up,
				  "vlan_filtering", dev->vlan_filtering,
				  "netfilter",
				  dev->netfilter || d->netdevs.netfilter,
				  "vifs", count_vifs(&d->model,
						     dev->ifindex)));
	}
	return bridges;
}

static json_t *counters_json(const struct xenloop_discoverd *d)
{
	const struct xenloop_relay_counters *c = &d->relay;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
			 "messages_relayed", (json_int_t)c->relayed,
			 "messages_withdrawn", (json_int_t)c->withdrawn,
			 "messages_refused", (json_int_t)c->refused,
			 "messages_deferred", (json_int_t)c->deferred,
			 "nodes_ignored", (json_int_t)c->ignored,
			 "guest_updates", (json_int_t)d->flushes);
}

static int show_status(void *arg, const struct xenloop_ctl_request *req,
		       json_t *reply, struct xenloop_ctl_error *err)
{
	const struct xenloop_discoverd *d = arg;
	uint64_t uptime = xenloop_now_ms() - d->started_ms;
	json_t *guests = json_array();
	size_t peers, links;

	(void)req;
	for (size_t i = 0; i < d->model.nr; i++)
		json_array_append_new(guests, guest_json(d->model.guest[i]));
	xenloop_status_count(&d->model, &peers, &links);
	return xenloop_ctl_fill(reply,
				json_pack("{s:s, s:s, s:{s:i, s:I, s:b}, s:I, s:I, s:o, s:o, s:o}",
					  "host", "dom0", "version", XENLOOP_VERSION,
					  "daemon", "pid", (int)getpid(), "uptime_ms",
					  (json_int_t)uptime, "xenstore", d->connected,
					  "peers", (json_int_t)peers, "allowed_links",
					  (json_int_t)links, "counters", counters_json(d),
					  "bridges", bridges_json(d), "guests", guests),
				err);
}

static json_t *end_json(const struct xenloop_guest *guest,
			const struct xenloop_vif *vif)
{
	return json_pack("{s:i, s:s, s:i, s:o}", "domid", (int)guest->domid,
			 "name", guest->name, "vif", (int)vif->handle, "mac",
			 mac_json(vif));
}

/* By name, or by domid. 0, or -1 with *err filled in. */
static int find_guest(const struct xenloop_discoverd *d, const char *text,
		      const struct xenloop_guest **guest,
		      struct xenloop_ctl_error *err)
{
	uint32_t domid;

	for (size_t i = 0; i < d->model.nr; i++) {
		*guest = d->model.guest[i];
		if (!strcmp((*guest)->name, text))
			return 0;
	}
	*guest = xenloop_u32_parse(text, XENLOOP_DOMID_MAX, &domid) ?
		 NULL : xenloop_model_find(&d->model, domid);
	if (*guest)
		return 0;
	return xenloop_ctl_fail(err, XENLOOP_CTL_NOT_FOUND,
				"no guest %.64s on this host", text);
}

/*
 * Pairs of vifs on the same network, allowed or not. False when there are more
 * than an answer may have.
 */
static bool add_links(json_t *links, const struct xenloop_policy *policy,
		      const struct xenloop_guest *a,
		      const struct xenloop_guest *b)
{
	for (unsigned int i = 0; i < a->nr_vifs; i++) {
		const struct xenloop_vif *va = &a->vif[i];

		for (unsigned int k = 0; k < b->nr_vifs; k++) {
			const struct xenloop_vif *vb = &b->vif[k];
			const char *why;

			if (!va->net.bridge ||
			    va->net.bridge != vb->net.bridge ||
			    va->net.vlan != vb->net.vlan)
				continue;
			if (json_array_size(links) == MAX_PAIRS)
				return false;
			why = xenloop_model_refusal(policy, a, va, b, vb);
			json_array_append_new(links,
				json_pack("{s:o, s:o, s:s, s:b, s:s}",
					  "a", end_json(a, va),
					  "b", end_json(b, vb),
					  "network", va->net.name,
					  "allowed", !why,
					  "reason", why ? why : ""));
		}
	}
	return true;
}

/* The guest's pairs with those from this index on. */
static bool add_guest_links(json_t *links, const struct xenloop_discoverd *d,
			    const struct xenloop_guest *guest, size_t first)
{
	if (!xenloop_guest_is_peer(guest))
		return true;
	for (size_t i = first; i < d->model.nr; i++) {
		const struct xenloop_guest *peer = d->model.guest[i];

		if (peer != guest && xenloop_guest_is_peer(peer) &&
		    !add_links(links, &d->settings->policy, guest, peer))
			return false;
	}
	return true;
}

static bool add_all_links(json_t *links, const struct xenloop_discoverd *d)
{
	for (size_t i = 0; i < d->model.nr; i++)
		if (!add_guest_links(links, d, d->model.guest[i], i + 1))
			return false;
	return true;
}

static int show_peers(void *arg, const struct xenloop_ctl_request *req,
		      json_t *reply, struct xenloop_ctl_error *err)
{
	const struct xenloop_discoverd *d = arg;
	const struct xenloop_guest *guest = NULL;
	json_t *links;
	bool whole;

	if (req->nr_args && find_guest(d, req->args[0], &guest, err))
		return -1;
	links = json_array();
	whole = guest ? add_guest_links(links, d, guest, 0) :
			add_all_links(links, d);
	if (whole)
		return xenloop_ctl_fill(reply,
					json_pack("{s:s, s:o}", "host", "dom0",
						  "links", links), err);
	json_decref(links);
	return xenloop_ctl_fail(err, XENLOOP_CTL_TOO_MANY,
				"more than %d pairs of vifs; ask about %s",
				MAX_PAIRS, guest ?
				"two guests: xenloopctl doctor GUEST GUEST" :
				"one guest: xenloopctl peers GUEST");
}

static json_t *judged_end(const struct xenloop_guest *guest,
			  const struct xenloop_vif *vif)
{
	json_t *end = end_json(guest, vif);

	json_object_set_new(end, "network", json_string(vif->net.name));
	json_object_set_new(end, "state",
			    json_string(xenloop_vif_state_name(vif->state)));
	return end;
}

/* Each vif of one with each of the other. */
static json_t *judge_pair(const struct xenloop_policy *policy,
			  const struct xenloop_guest *a,
			  const struct xenloop_guest *b)
{
	json_t *links = json_array();

	for (unsigned int i = 0; i < a->nr_vifs; i++)
		for (unsigned int k = 0; k < b->nr_vifs; k++) {
			const struct xenloop_vif *va = &a->vif[i];
			const struct xenloop_vif *vb = &b->vif[k];
			const char *why = xenloop_model_refusal(policy, a, va,
								b, vb);

			json_array_append_new(links,
				json_pack("{s:o, s:o, s:b, s:s, s:s}",
					  "a", judged_end(a, va),
					  "b", judged_end(b, vb),
					  "allowed", !why,
					  "reason", why ? why : "",
					  "policy",
					  xenloop_model_decider(policy, a, va,
								b, vb)));
		}
	return links;
}

/* For doctor: whatever speaks for or against channels between two guests. */
static int show_pair(void *arg, const struct xenloop_ctl_request *req,
		     json_t *reply, struct xenloop_ctl_error *err)
{
	const struct xenloop_discoverd *d = arg;
	const struct xenloop_guest *guest[2];

	for (int i = 0; i < 2; i++)
		if (find_guest(d, req->args[i], &guest[i], err))
			return -1;
	return xenloop_ctl_fill(reply,
				json_pack("{s:s, s:[o, o], s:o}", "host", "dom0", "guests",
					  guest_json(guest[0]), guest_json(guest[1]),
					  "links", judge_pair(&d->settings->policy,
							      guest[0], guest[1])),
				err);
}

const struct xenloop_ctl_verb xenloop_discoverd_verbs[] = {
	{ .verb = "status", .fn = show_status },
	{ .verb = "peers", .max_args = 1, .fn = show_peers },
	{ .verb = "pair", .min_args = 2, .max_args = 2, .fn = show_pair },
	{ .verb = NULL },
};
