// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The guests and what follows from their vifs; see model.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xendiscoverd/model.h"

/* Bounds on what one guest can make us do; bursts are for start and resume. */
#define HELLO_BURST 5
#define HELLO_INTERVAL_MS 1000
/* Each change is written into the rosters of all others. */
#define CHANGE_BURST 10
#define CHANGE_INTERVAL_MS 10000
/* All vifs come up when a guest starts, or its bridge does. */
#define RETURN_BURST (XENLOOP_MAX_VIFS + CHANGE_BURST)
#define LOG_BURST 5
#define LOG_INTERVAL_MS 10000
/* Enough for a guest that comes to a large host, and goes. */
#define LINK_LOG_BURST 500

static const char *const state_names[] = {
	[XENLOOP_VIF_OK] = "ok",
	[XENLOOP_VIF_NO_BRIDGE] = "no-bridge",
	[XENLOOP_VIF_NOT_DOM0] = "not-dom0",
	[XENLOOP_VIF_RATE_LIMITED] = "rate-limited",
	[XENLOOP_VIF_IP_FILTER] = "ip-filter",
	[XENLOOP_VIF_ISOLATED] = "isolated",
	[XENLOOP_VIF_VLAN] = "vlan",
	[XENLOOP_VIF_DUPLICATE_MAC] = "duplicate-mac",
	[XENLOOP_VIF_DOWN] = "down",
	[XENLOOP_VIF_FILTERED] = "filtered",
	[XENLOOP_VIF_ROUTED] = "routed",
	[XENLOOP_VIF_POLICY] = "policy",
};

const char *xenloop_vif_state_name(enum xenloop_vif_state state)
{
	return state_names[state];
}

bool xenloop_guest_is_peer(const struct xenloop_guest *guest)
{
	return guest->alive && guest->present;
}

uint64_t xenloop_guest_hello_wait(const struct xenloop_guest *guest,
				  uint64_t now_ms)
{
	uint64_t read = xenloop_ratelimit_wait(&guest->hello_rate, now_ms);
	uint64_t change = xenloop_ratelimit_wait(&guest->change_rate, now_ms);

	return read > change ? read : change;
}

static size_t lower_bound(const struct xenloop_model *model, uint32_t domid)
{
	size_t lo = 0, hi = model->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (model->guest[mid]->domid < domid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct xenloop_guest *xenloop_model_find(const struct xenloop_model *model,
					 uint32_t domid)
{
	size_t i = lower_bound(model, domid);

	if (i == model->nr || model->guest[i]->domid != domid)
		return NULL;
	return model->guest[i];
}

struct xenloop_vif *xenloop_guest_vif(const struct xenloop_guest *guest,
				      uint32_t handle)
{
	for (unsigned int i = 0; i < guest->nr_vifs; i++)
		if (guest->vif[i].handle == handle)
			return (struct xenloop_vif *)&guest->vif[i];
	return NULL;
}

static bool make_room(struct xenloop_model *model)
{
	size_t room = model->room ? 2 * model->room : 16;
	struct xenloop_guest **grown;

	if (model->nr < model->room)
		return true;
	grown = reallocarray(model->guest, room, sizeof(*grown));
	if (!grown)
		return false;
	model->guest = grown;
	model->room = room;
	return true;
}

static struct xenloop_guest *new_guest(uint32_t domid)
{
	struct xenloop_guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return NULL;
	guest->domid = domid;
	guest->facts_stale = true;
	guest->hello_stale = true;
	guest->outbox.rescan = true;
	guest->outbox.untold = true;
	guest->outbox.unbilled = true;
	guest->hello_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(HELLO_BURST, HELLO_INTERVAL_MS);
	guest->change_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(CHANGE_BURST, CHANGE_INTERVAL_MS);
	guest->return_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(RETURN_BURST, CHANGE_INTERVAL_MS);
	guest->log_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(LOG_BURST, LOG_INTERVAL_MS);
	guest->link_log_rate = (struct xenloop_ratelimit)
		XENLOOP_RATELIMIT_INIT(LINK_LOG_BURST, LOG_INTERVAL_MS);
	return guest;
}

struct xenloop_guest *xenloop_model_add(struct xenloop_model *model,
					uint32_t domid)
{
	struct xenloop_guest *guest = xenloop_model_find(model, domid);
	size_t i = lower_bound(model, domid);

	if (guest)
		return guest;
	if (!make_room(model))
		return NULL;
	guest = new_guest(domid);
	if (!guest)
		return NULL;
	memmove(&model->guest[i + 1], &model->guest[i],
		(model->nr - i) * sizeof(guest));
	model->guest[i] = guest;
	model->nr++;
	return guest;
}

static void free_guest(struct xenloop_guest *guest)
{
	xenloop_outbox_free(&guest->outbox);
	xenloop_pub_free(&guest->pub);
	free(guest);
}

void xenloop_model_remove(struct xenloop_model *model, uint32_t domid)
{
	size_t i = lower_bound(model, domid);

	if (i == model->nr || model->guest[i]->domid != domid)
		return;
	free_guest(model->guest[i]);
	model->nr--;
	memmove(&model->guest[i], &model->guest[i + 1],
		(model->nr - i) * sizeof(model->guest[0]));
}

void xenloop_model_clear(struct xenloop_model *model)
{
	for (size_t i = 0; i < model->nr; i++)
		free_guest(model->guest[i]);
	free(model->guest);
	memset(model, 0, sizeof(*model));
}

static struct xenloop_party party(const struct xenloop_guest *guest,
				  const struct xenloop_vif *vif)
{
	return (struct xenloop_party){
		.name = guest->name, .uuid = guest->uuid, .mac = vif->mac,
	};
}

/* The bridge that a vif's device is a port of; NULL and *state if none. */
static const struct xenloop_netdev *
find_bridge(const struct xenloop_vif *vif,
	    const struct xenloop_netdevs *netdevs,
	    const struct xenloop_netdev **port, enum xenloop_vif_state *state)
{
	const struct xenloop_netdev *bridge;

	*port = vif->dev[0] ? xenloop_netdevs_by_name(netdevs, vif->dev) : NULL;
	if (!*port) {
		*state = XENLOOP_VIF_DOWN;
		return NULL;
	}
	bridge = (*port)->master ?
		 xenloop_netdevs_by_index(netdevs, (*port)->master) : NULL;
	if (bridge && bridge->is_bridge && (*port)->is_port)
		return bridge;
	*state = vif->routed && !bridge ? XENLOOP_VIF_ROUTED :
					  XENLOOP_VIF_NO_BRIDGE;
	return NULL;
}

static void set_network(struct xenloop_network *net,
			const struct xenloop_netdev *bridge,
			const struct xenloop_netdev *port)
{
	net->bridge = bridge->ifindex;
	if (!bridge->vlan_filtering) {
		snprintf(net->name, sizeof(net->name), "%s", bridge->name);
		return;
	}
	net->vlan = port->pvid;
	snprintf(net->name, sizeof(net->name), "%s/%u", bridge->name,
		 port->pvid & 0xfff);
}

static enum xenloop_vif_state
port_state(const struct xenloop_netdev *bridge,
	   const struct xenloop_netdev *port, bool netfilter,
	   const struct xenloop_eligible *eligible)
{
	if (port->isolated)
		return XENLOOP_VIF_ISOLATED;
	if (bridge->vlan_filtering && (!port->pvid || !port->pvid_untagged))
		return XENLOOP_VIF_VLAN;
	if (port->locked ||
	    (netfilter && !eligible->bridge_netfilter))
		return XENLOOP_VIF_FILTERED;
	if (!bridge->up || !port->up || !port->forwarding)
		return XENLOOP_VIF_DOWN;
	return XENLOOP_VIF_OK;
}

/* All but what depends on other guests. */
static void evaluate_vif(const struct xenloop_guest *guest,
			 struct xenloop_vif *vif,
			 const struct xenloop_netdevs *netdevs,
			 const struct xenloop_policy *policy,
			 const struct xenloop_eligible *eligible)
{
	struct xenloop_party self = party(guest, vif);
	const struct xenloop_netdev *bridge, *port;

	memset(&vif->net, 0, sizeof(vif->net));
	vif->state = XENLOOP_VIF_NOT_DOM0;
	if (vif->backend)
		return;
	bridge = find_bridge(vif, netdevs, &port, &vif->state);
	/* Then no setting would make it loop, whatever else it has. */
	if (!bridge)
		return;
	set_network(&vif->net, bridge, port);
	vif->state = port_state(bridge, port,
				netdevs->netfilter || bridge->netfilter,
				eligible);
	if (vif->rate && !eligible->rate_limited)
		vif->state = XENLOOP_VIF_RATE_LIMITED;
	else if (vif->ip && !eligible->ip_filter)
		vif->state = XENLOOP_VIF_IP_FILTER;
	if (vif->state == XENLOOP_VIF_OK && xenloop_policy_off(policy, &self))
		vif->state = XENLOOP_VIF_POLICY;
}

static int compare_place(const void *pa, const void *pb)
{
	const struct xenloop_vif *a = *(struct xenloop_vif *const *)pa;
	const struct xenloop_vif *b = *(struct xenloop_vif *const *)pb;

	if (a->net.bridge != b->net.bridge)
		return a->net.bridge < b->net.bridge ? -1 : 1;
	if (a->net.vlan != b->net.vlan)
		return a->net.vlan < b->net.vlan ? -1 : 1;
	return memcmp(a->mac, b->mac, XENLOOP_MAC_LEN);
}

/* Sorted by place, the same MAC on one network stands side by side. */
static void mark_duplicates(struct xenloop_vif **vif, size_t nr)
{
	qsort(vif, nr, sizeof(*vif), compare_place);
	for (size_t i = 1; i < nr; i++) {
		struct xenloop_vif *pair[2] = { vif[i - 1], vif[i] };

		if (compare_place(&pair[0], &pair[1]))
			continue;
		for (int k = 0; k < 2; k++)
			if (pair[k]->state == XENLOOP_VIF_OK)
				pair[k]->state = XENLOOP_VIF_DUPLICATE_MAC;
	}
}

/* What a vif was before, to see what changed. */
struct before {
	struct xenloop_guest *guest;
	struct xenloop_vif *vif;
	struct xenloop_network net;
	enum xenloop_vif_state state;
};

static size_t evaluate_all(struct xenloop_model *model,
			   const struct xenloop_netdevs *netdevs,
			   const struct xenloop_policy *policy,
			   const struct xenloop_eligible *eligible,
			   struct before *before, struct xenloop_vif **placed)
{
	size_t nr = 0, nr_placed = 0;

	for (size_t g = 0; g < model->nr; g++) {
		struct xenloop_guest *guest = model->guest[g];

		for (unsigned int i = 0; i < guest->nr_vifs; i++) {
			struct xenloop_vif *vif = &guest->vif[i];

			before[nr++] = (struct before){
				guest, vif, vif->net, vif->state
			};
			evaluate_vif(guest, vif, netdevs, policy, eligible);
			if (guest->alive && vif->net.bridge)
				placed[nr_placed++] = vif;
		}
	}
	mark_duplicates(placed, nr_placed);
	return nr;
}

/*
 * A guest can take its vif down and up as fast as it likes, and each time all
 * others hear of it: going is at once, coming back is limited.
 */
static void limit_returns(struct before *before, size_t nr, uint64_t now_ms,
			  uint64_t *wait_ms)
{
	for (size_t i = 0; i < nr; i++) {
		struct xenloop_ratelimit *rate = &before[i].guest->return_rate;
		struct xenloop_vif *vif = before[i].vif;
		uint64_t wait;

		if (before[i].state != XENLOOP_VIF_DOWN ||
		    vif->state != XENLOOP_VIF_OK ||
		    xenloop_ratelimit_ok(rate, now_ms, NULL))
			continue;
		vif->state = XENLOOP_VIF_DOWN;
		wait = xenloop_ratelimit_wait(rate, now_ms);
		if (wait < *wait_ms)
			*wait_ms = wait;
	}
}

int xenloop_model_evaluate(struct xenloop_model *model,
			   const struct xenloop_netdevs *netdevs,
			   const struct xenloop_policy *policy,
			   const struct xenloop_eligible *eligible,
			   uint64_t now_ms, uint64_t *wait_ms)
{
	struct xenloop_vif **placed;
	struct before *before;
	size_t nr = 1;

	for (size_t g = 0; g < model->nr; g++)
		nr += model->guest[g]->nr_vifs;
	before = calloc(nr, sizeof(*before));
	placed = calloc(nr, sizeof(struct xenloop_vif *));
	if (!before || !placed) {
		free(before);
		free(placed);
		return -ENOMEM;
	}
	nr = evaluate_all(model, netdevs, policy, eligible, before, placed);
	limit_returns(before, nr, now_ms, wait_ms);
	for (size_t i = 0; i < nr; i++)
		if (before[i].state != before[i].vif->state ||
		    memcmp(&before[i].net, &before[i].vif->net,
			   sizeof(before[i].net)))
			before[i].guest->changed = true;
	free(before);
	free(placed);
	return 0;
}

const char *xenloop_model_refusal(const struct xenloop_policy *policy,
				  const struct xenloop_guest *a,
				  const struct xenloop_vif *va,
				  const struct xenloop_guest *b,
				  const struct xenloop_vif *vb)
{
	struct xenloop_party pa = party(a, va), pb = party(b, vb);

	if (a->domid == b->domid || !xenloop_guest_is_peer(a) ||
	    !xenloop_guest_is_peer(b))
		return "no-peer";
	if (va->state != XENLOOP_VIF_OK)
		return xenloop_vif_state_name(va->state);
	if (vb->state != XENLOOP_VIF_OK)
		return xenloop_vif_state_name(vb->state);
	if (va->net.bridge != vb->net.bridge || va->net.vlan != vb->net.vlan)
		return "other-network";
	return xenloop_policy_allows(policy, &pa, &pb) ? NULL : "policy";
}

const char *xenloop_model_decider(const struct xenloop_policy *policy,
				  const struct xenloop_guest *a,
				  const struct xenloop_vif *va,
				  const struct xenloop_guest *b,
				  const struct xenloop_vif *vb)
{
	struct xenloop_party pa = party(a, va), pb = party(b, vb);

	if (xenloop_policy_off(policy, &pa) || xenloop_policy_off(policy, &pb))
		return "off";
	return xenloop_policy_decider(policy, &pa, &pb);
}
