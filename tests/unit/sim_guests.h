/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_TEST_SIM_GUESTS_H
#define XENLOOP_TEST_SIM_GUESTS_H

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenloopd/link.h"

/*
 * Two guests, their kernels, XenStore and xendiscoverd, in virtual time: the
 * world around xenloopd/link*.c and peer.c. Everything takes a random time and
 * may fail, by one seed; so whatever goes wrong, goes wrong again.
 */

#define SIM_LINKS	2
#define SIM_CHANS	64
#define SIM_EVENTS	4096
#define SIM_IDLE_MS	60000
#define SIM_DRAIN_MS	2000

struct sim_chan {
	uint32_t id;		/* 0: free */
	int slot;		/* which link */
	uint32_t state, reason;
	uint64_t cookie;
	uint32_t size, gref, port;
	bool listener, peer_active, up_told;
	uint32_t other;		/* id in the other guest, once bound */
	uint64_t used;		/* when a frame went last */
};

struct sim_guest {
	int me;
	uint32_t domid;
	uint64_t epoch;		/* the kernel's */
	/* Kernel. */
	struct sim_chan chan[SIM_CHANS];
	bool peer[SIM_LINKS], dying[SIM_LINKS];
	uint32_t next_id, next_gref;
	uint64_t wanted_after[SIM_LINKS];
	/* Daemon; generation 0 is "not running". */
	struct xenloop_links links;
	unsigned int generation, last_generation;
	bool self_ok, suspended;
	/* XenStore. */
	char out[SIM_LINKS][XENLOOP_MSG_BUF];
	char in[SIM_LINKS][XENLOOP_MSG_BUF];
	uint64_t hello;		/* in XenStore */
	uint64_t known;		/* read by xendiscoverd */
};

struct sim_event {
	uint64_t at, nr;
	void (*fn)(struct sim_guest *g, uint64_t a, uint64_t b);
	struct sim_guest *g;
	uint64_t a, b;
};

static struct sim {
	struct sim_guest guest[2];
	struct sim_event event[SIM_EVENTS];
	unsigned int nr_events;
	uint64_t now, nr;	/* ms */
	uint32_t seed;
	bool traffic;
	bool relay_stopped;
	unsigned int fail, lose;	/* per mille: kernel calls, events */
	unsigned int slow;		/* ms that anything may take */
	unsigned int drain;		/* ms that an orderly close may take */
	unsigned int handshakes;	/* listens and connects tried */
	unsigned int reports[XENLOOP_REPORT_FAILED + 1];
} sim;

static inline uint32_t sim_random(void)
{
	sim.seed ^= sim.seed << 13;
	sim.seed ^= sim.seed >> 17;
	sim.seed ^= sim.seed << 5;
	return sim.seed;
}

static inline bool sim_chance(unsigned int per_mille)
{
	return sim_random() % 1000 < per_mille;
}

static inline struct sim_guest *sim_other(struct sim_guest *g)
{
	return &sim.guest[1 - g->me];
}

static inline void sim_at(uint64_t delay,
			  void (*fn)(struct sim_guest *g, uint64_t a,
				     uint64_t b),
			  struct sim_guest *g, uint64_t a, uint64_t b)
{
	assert(sim.nr_events < SIM_EVENTS);
	sim.event[sim.nr_events++] = (struct sim_event){
		sim.now + delay, sim.nr++, fn, g, a, b,
	};
}

static inline void sim_soon(void (*fn)(struct sim_guest *g, uint64_t a,
				       uint64_t b),
			    struct sim_guest *g, uint64_t a, uint64_t b)
{
	sim_at(sim_random() % (sim.slow + 1), fn, g, a, b);
}

/* The kernel. */

static inline struct sim_chan *sim_chan(struct sim_guest *g, uint32_t id)
{
	for (int i = 0; id && i < SIM_CHANS; i++)
		if (g->chan[i].id == id)
			return &g->chan[i];
	return NULL;
}

static inline struct sim_chan *sim_slot_chan(struct sim_guest *g, int slot)
{
	for (int i = 0; i < SIM_CHANS; i++)
		if (g->chan[i].id && g->chan[i].slot == slot)
			return &g->chan[i];
	return NULL;
}

static inline struct xenloop_link *sim_link(struct sim_guest *g, int slot)
{
	const struct xenloop_node key = { sim_other(g)->domid, slot, slot };

	return xenloop_links_find(&g->links, &key);
}

static inline void sim_deliver(struct sim_guest *g, uint64_t what, uint64_t id)
{
	uint32_t event = what & 0xff, reason = what >> 8 & 0xff;
	struct xenloop_link *link = xenloop_links_find_chan(&g->links, id);

	if (!g->generation || !id || !link)
		return;
	if (event == XENLOOP_EVENT_UP)
		xenloop_link_event(&g->links, link, XENLOOP_EV_KERNEL_UP, NULL);
	else if (event == XENLOOP_EVENT_DRAINING)
		xenloop_link_event(&g->links, link, XENLOOP_EV_DRAINING, NULL);
	else
		xenloop_link_event(&g->links, link,
				   reason == XENLOOP_REASON_STALLED ?
					   XENLOOP_EV_FAULT : XENLOOP_EV_DOWN,
				   reason == XENLOOP_REASON_REQUESTED ? NULL :
					   xenloop_nl_reason_name(reason));
}

/* In order: one event never overtakes another, but it may be lost. */
static inline void sim_tell(struct sim_guest *g, uint32_t event,
			    const struct sim_chan *c)
{
	if (!sim_chance(sim.lose))
		sim_at(1, sim_deliver, g, event | c->reason << 8, c->id);
}

static inline void sim_check_up(struct sim_guest *g, struct sim_chan *c)
{
	if (c->up_told || !c->peer_active ||
	    c->state != XENLOOP_CHAN_STATE_ACTIVE)
		return;
	c->up_told = true;
	sim_tell(g, XENLOOP_EVENT_UP, c);
}

static inline void sim_peer_active(struct sim_guest *g, uint64_t id,
				   uint64_t unused)
{
	struct sim_chan *c = sim_chan(g, id);

	if (!c)
		return;
	c->peer_active = true;
	sim_check_up(g, c);
}

static inline void sim_finish(struct sim_guest *g, uint64_t id, uint64_t unused)
{
	struct sim_chan *c = sim_chan(g, id);

	if (!c)
		return;
	c->state = XENLOOP_CHAN_STATE_DEAD;
	sim_tell(g, XENLOOP_EVENT_DOWN, c);
	if (g->dying[c->slot])
		g->peer[c->slot] = g->dying[c->slot] = false;
	c->id = 0;
}

static inline void sim_close(struct sim_guest *g, struct sim_chan *c,
			     uint32_t reason, bool drain);

static inline void sim_peer_closes(struct sim_guest *g, uint64_t id,
				   uint64_t unused)
{
	struct sim_chan *c = sim_chan(g, id);

	if (c)
		sim_close(g, c, XENLOOP_REASON_PEER_CLOSED, true);
}

static inline void sim_close(struct sim_guest *g, struct sim_chan *c,
			     uint32_t reason, bool drain)
{
	unsigned int most = drain ? sim.drain : 10;

	if (c->state != XENLOOP_CHAN_STATE_DRAINING) {
		c->reason = reason;
		c->state = XENLOOP_CHAN_STATE_DRAINING;
		sim_tell(g, XENLOOP_EVENT_DRAINING, c);
		if (c->other)
			sim_at(1, sim_peer_closes, sim_other(g), c->other, 0);
	} else if (drain) {
		return;
	}
	sim_at(1 + sim_random() % most, sim_finish, g, c->id, 0);
}

static inline int sim_new_chan(struct sim_guest *g,
			       const struct xenloop_nl_chan *chan,
			       struct sim_chan **out)
{
	int slot = (int)chan->ifindex - 2;

	sim.handshakes++;
	if (!g->peer[slot])
		return -ENOENT;
	if (sim_slot_chan(g, slot) || g->dying[slot])
		return -EBUSY;
	if (sim_chance(sim.fail))
		return -ENOSPC;
	for (int i = 0; i < SIM_CHANS; i++) {
		if (g->chan[i].id)
			continue;
		g->chan[i] = (struct sim_chan){
			.id = ++g->next_id, .slot = slot, .size = chan->size,
			.cookie = chan->cookie, .gref = ++g->next_gref,
			.used = sim.now,
		};
		*out = &g->chan[i];
		return 0;
	}
	return -ENOMEM;
}

static inline int sim_listen(void *arg, struct xenloop_nl_chan *chan)
{
	struct sim_guest *g = arg;
	struct sim_chan *c;
	int err = sim_new_chan(g, chan, &c);

	if (err)
		return err;
	c->listener = true;
	c->port = chan->port = c->id + 100;
	chan->id = c->id;
	chan->local_gref = c->gref;
	return 0;
}

static inline int sim_connect(void *arg, struct xenloop_nl_chan *chan)
{
	struct sim_guest *g = arg, *o = sim_other(arg);
	struct sim_chan *c, *offer = NULL;
	int err = sim_new_chan(g, chan, &c);

	if (err)
		return err;
	for (int i = 0; i < SIM_CHANS; i++)
		if (o->chan[i].id && o->chan[i].listener &&
		    o->chan[i].port == chan->port &&
		    o->chan[i].gref == chan->remote_gref)
			offer = &o->chan[i];
	if (!offer || offer->other || offer->size != c->size ||
	    offer->state != XENLOOP_CHAN_STATE_LISTENING) {
		c->id = 0;
		return -EINVAL;
	}
	c->state = XENLOOP_CHAN_STATE_CONNECTED;
	c->other = offer->id;
	offer->other = c->id;
	chan->id = c->id;
	chan->local_gref = c->gref;
	return 0;
}

static inline int sim_accept(void *arg, uint32_t id, uint32_t gref)
{
	struct sim_guest *g = arg;
	struct sim_chan *c = sim_chan(g, id), *o;

	if (!c)
		return -ENOENT;
	o = sim_chan(sim_other(g), c->other);
	if (c->state != XENLOOP_CHAN_STATE_LISTENING || !o ||
	    o->gref != gref || sim_chance(sim.fail))
		return -EINVAL;
	c->state = XENLOOP_CHAN_STATE_CONNECTED;
	return 0;
}

static inline int sim_activate(void *arg, uint32_t id)
{
	struct sim_guest *g = arg;
	struct sim_chan *c = sim_chan(g, id);

	if (!c)
		return -ENOENT;
	if (c->state != XENLOOP_CHAN_STATE_CONNECTED || sim_chance(sim.fail))
		return -EINVAL;
	c->state = XENLOOP_CHAN_STATE_ACTIVE;
	c->used = sim.now;
	sim_at(1, sim_peer_active, sim_other(g), c->other, 0);
	sim_check_up(g, c);
	return 0;
}

static inline int sim_do_close(void *arg, uint32_t id, bool drain)
{
	struct sim_chan *c = sim_chan(arg, id);

	if (!c)
		return -ENOENT;
	sim_close(arg, c, XENLOOP_REASON_REQUESTED, drain);
	return 0;
}

static inline int sim_peer_add(void *arg, const struct xenloop_nl_peer *peer)
{
	struct sim_guest *g = arg;
	int slot = (int)peer->ifindex - 2;

	/* Also for one that is going to be forgotten, as the module does. */
	if (g->peer[slot])
		return -EEXIST;
	g->peer[slot] = true;
	return 0;
}

static inline int sim_peer_del(void *arg, const struct xenloop_nl_peer *peer)
{
	struct sim_guest *g = arg;
	int slot = (int)peer->ifindex - 2;
	struct sim_chan *c = sim_slot_chan(g, slot);

	if (!g->peer[slot])
		return -ENOENT;
	if (c) {
		g->dying[slot] = true;
		sim_close(g, c, XENLOOP_REASON_REQUESTED, true);
	} else {
		g->peer[slot] = false;
	}
	return 0;
}

/* XenStore and xendiscoverd. */

static inline void sim_read_inbox(struct sim_guest *g, int slot)
{
	struct xenloop_link *link = sim_link(g, slot);
	struct xenloop_msg msg;

	if (!link || !g->in[slot][0])
		return;
	assert(!xenloop_msg_parse(g->in[slot], strlen(g->in[slot]), &msg));
	xenloop_link_message(&g->links, link, &msg);
}

static inline void sim_watch(struct sim_guest *g, uint64_t slot,
			     uint64_t unused)
{
	if (g->generation)
		sim_read_inbox(g, slot);
}

/* Relays what lies there now, if it is about the lives that both have. */
static inline void sim_relay(struct sim_guest *g, uint64_t slot,
			     uint64_t unused)
{
	struct sim_guest *o = sim_other(g);
	const char *text = g->out[slot];
	struct xenloop_msg msg;

	if (sim.relay_stopped)
		return;
	if (*text && (xenloop_msg_parse(text, strlen(text), &msg) ||
		      msg.from != g->known || msg.to != o->known))
		text = "";
	if (!strcmp(o->in[slot], text))
		return;
	strcpy(o->in[slot], text);
	sim_soon(sim_watch, o, slot, 0);
}

static inline int sim_publish(void *arg, const struct xenloop_link *link,
			      const struct xenloop_msg *msg)
{
	struct sim_guest *g = arg;

	if (sim_chance(sim.fail))
		return -ENOSPC;
	if (xenloop_msg_format(msg, g->out[link->key.vif], XENLOOP_MSG_BUF) < 0)
		return -EINVAL;
	sim_soon(sim_relay, g, link->key.vif, 0);
	return 0;
}

static inline int sim_clear(void *arg, const struct xenloop_link *link)
{
	struct sim_guest *g = arg;

	g->out[link->key.vif][0] = '\0';
	sim_soon(sim_relay, g, link->key.vif, 0);
	return 0;
}

static inline void sim_inbox(void *arg, struct xenloop_link *link)
{
	sim_read_inbox(arg, link->key.vif);
}

static inline const char *sim_error(void *arg)
{
	return "simulated failure";
}

/* A slot's value names the timer that counts; all others are old. */
static inline void sim_ring(struct sim_guest *g, uint64_t slot, uint64_t nr)
{
	struct xenloop_link *link = sim_link(g, slot);

	if (link && nr == (uint64_t)(uintptr_t)link->timer)
		xenloop_link_event(&g->links, link, XENLOOP_EV_TIMEOUT, NULL);
}

static inline void sim_bye_ring(struct sim_guest *g, uint64_t slot, uint64_t nr)
{
	struct xenloop_link *link = sim_link(g, slot);

	if (link && nr == (uint64_t)(uintptr_t)link->bye_timer)
		xenloop_link_bye_over(&g->links, link);
}

static inline void sim_timer(void *arg, struct xenloop_link *link, uint32_t ms)
{
	link->timer = (void *)(uintptr_t)++sim.nr;
	if (ms)
		sim_at(ms, sim_ring, arg, link->key.vif, sim.nr);
}

static inline void sim_bye_timer(void *arg, struct xenloop_link *link,
				 uint32_t ms)
{
	link->bye_timer = (void *)(uintptr_t)++sim.nr;
	if (ms)
		sim_at(ms, sim_bye_ring, arg, link->key.vif, sim.nr);
}

static inline uint32_t sim_io_random(void *arg)
{
	return sim_random();
}

static inline void sim_report(void *arg, struct xenloop_link *link,
			      enum xenloop_link_report report)
{
	sim.reports[report]++;
}

static inline uint64_t sim_io_now(void *arg)
{
	return sim.now;
}

static const struct xenloop_link_io sim_io = {
	.peer_add = sim_peer_add,
	.peer_del = sim_peer_del,
	.listen = sim_listen,
	.connect = sim_connect,
	.accept = sim_accept,
	.activate = sim_activate,
	.close = sim_do_close,
	.publish = sim_publish,
	.clear = sim_clear,
	.inbox = sim_inbox,
	.error = sim_error,
	.timer = sim_timer,
	.bye_timer = sim_bye_timer,
	.random = sim_io_random,
	.report = sim_report,
	.now = sim_io_now,
};

/* What the rest of the daemon does, in short. */

static inline int sim_dump(struct sim_guest *g, struct xenloop_nl_chan *list)
{
	int nr = 0;

	for (int i = 0; i < SIM_CHANS; i++) {
		const struct sim_chan *c = &g->chan[i];

		if (!c->id)
			continue;
		list[nr] = (struct xenloop_nl_chan){
			.id = c->id, .ifindex = c->slot + 2,
			.domid = sim_other(g)->domid, .vif = c->slot,
			.cookie = c->cookie, .size = c->size,
			.local_gref = c->gref, .port = c->port,
			.state = c->state, .listener = c->listener,
			.peer_active = c->peer_active,
			.idle_ms = sim.now - c->used,
		};
		memcpy(list[nr++].peer_mac,
		       (uint8_t[]){ 2, 0, 0, 0, 1 - g->me, c->slot }, 6);
	}
	return nr;
}

static inline void sim_sync(struct sim_guest *g, uint64_t unused,
			    uint64_t unused2)
{
	static struct xenloop_nl_chan list[SIM_CHANS];

	if (!g->generation || !g->self_ok || g->suspended)
		return;
	for (struct xenloop_link *l = g->links.first; l; l = l->next)
		xenloop_link_iface(&g->links, l, l->key.vif + 2, "eth0", list,
				   sim_dump(g, list));
}

static inline void sim_roster(struct sim_guest *g, uint64_t unused,
			      uint64_t unused2)
{
	struct sim_guest *o = sim_other(g);
	struct xenloop_roster roster = { .epoch = o->known, .name = "other",
					 .nr_links = SIM_LINKS };

	if (!g->generation || g->suspended)
		return;
	g->self_ok = g->known == g->links.epoch;
	for (int slot = 0; slot < SIM_LINKS; slot++) {
		roster.link[slot].vif = roster.link[slot].peer_vif = slot;
		memcpy(roster.link[slot].mac,
		       (uint8_t[]){ 2, 0, 0, 0, o->me, slot }, 6);
	}
	xenloop_links_update(&g->links, o->domid, o->known ? &roster : NULL);
	/* Later than the inbox: its messages may come before the link is ready. */
	sim_soon(sim_sync, g, 0, 0);
	for (int slot = 0; slot < SIM_LINKS; slot++)
		sim_read_inbox(g, slot);
}

/* xendiscoverd reads both hellos, and all that follows from them. */
static inline void sim_discover(struct sim_guest *g, uint64_t unused,
				uint64_t unused2)
{
	if (sim.relay_stopped)
		return;
	for (int i = 0; i < 2; i++) {
		g = &sim.guest[i];
		g->known = g->hello;
		sim_soon(sim_roster, g, 0, 0);
	}
	for (int i = 0; i < 2 * SIM_LINKS; i++)
		sim_relay(&sim.guest[i & 1], i >> 1, 0);
}

static inline void sim_hello(struct sim_guest *g)
{
	g->links.epoch = g->hello = g->epoch;
	sim_soon(sim_discover, g, 0, 0);
}

static inline void sim_drop_daemon(struct sim_guest *g)
{
	xenloop_links_free(&g->links);
	g->generation = 0;
}

static inline void sim_start(struct sim_guest *g, uint64_t unused,
			     uint64_t unused2)
{
	if (g->generation)
		return;
	g->generation = ++g->last_generation;
	g->links = (struct xenloop_links){
		.io = &sim_io, .arg = g, .domid = g->domid,
		.fifo_size = 524288, .max_chans = 100, .close_ms = 5000,
		.full_rate = XENLOOP_FULL_RATE,
	};
	g->suspended = g->self_ok = false;
	for (int slot = 0; slot < SIM_LINKS; slot++) {
		g->out[slot][0] = '\0';
		sim_soon(sim_relay, g, slot, 0);
	}
	sim_hello(g);
	sim_soon(sim_roster, g, 0, 0);
}

/* Crash, or stop in good order; and a new start after a while. */
static inline void sim_restart(struct sim_guest *g, bool crash)
{
	if (!g->generation)
		return;
	for (struct xenloop_link *l = g->links.first; l && !crash; l = l->next)
		xenloop_link_abandon(&g->links, l);
	sim_drop_daemon(g);
	sim_at(sim_random() % 3000, sim_start, g, 0, 0);
}

static inline void sim_resumed(struct sim_guest *g, uint64_t unused,
			       uint64_t unused2)
{
	if (!g->generation)
		return;
	xenloop_links_drop(&g->links, "suspend");
	xenloop_past_forget(&g->links);
	g->suspended = g->self_ok = false;
	for (int slot = 0; slot < SIM_LINKS; slot++)
		g->out[slot][0] = '\0';
	sim_hello(g);
}

/* The kernel closes everything by itself and begins a new life. */
static inline void sim_suspend(struct sim_guest *g)
{
	if (g->generation) {
		g->suspended = true;
		for (struct xenloop_link *l = g->links.first; l; l = l->next)
			xenloop_link_event(&g->links, l, XENLOOP_EV_SUSPENDED,
					   "suspend");
	}
	for (int i = 0; i < SIM_CHANS; i++) {
		if (!g->chan[i].id)
			continue;
		sim_close(g, &g->chan[i], XENLOOP_REASON_SUSPEND, false);
		sim_finish(g, g->chan[i].id, 0);
	}
	g->epoch += 0x100;
	sim_at(sim_random() % 2000, sim_resumed, g, 0, 0);
}

/* Traffic in both directions on every link, each 200 ms. */
static inline void sim_send(struct sim_guest *g)
{
	for (int slot = 0; sim.traffic && slot < SIM_LINKS; slot++) {
		struct xenloop_link *link = sim_link(g, slot);
		struct sim_chan *c = sim_slot_chan(g, slot);

		if (c)
			c->used = sim.now;
		if (c || !g->peer[slot] || !g->generation ||
		    sim.now < g->wanted_after[slot])
			continue;
		g->wanted_after[slot] = sim.now + 1000;
		if (link && !g->suspended)
			xenloop_link_event(&g->links, link, XENLOOP_EV_WANTED,
					   NULL);
	}
}

/* Each five seconds: what events have missed, and who is idle. */
static inline void sim_poll(struct sim_guest *g)
{
	static struct xenloop_nl_chan list[SIM_CHANS];
	int nr = sim_dump(g, list);

	if (!g->generation || g->suspended)
		return;
	for (struct xenloop_link *l = g->links.first; l; l = l->next)
		if (l->chan.id)
			xenloop_link_reconcile(&g->links, l, list, nr);
	for (int i = 0; i < nr; i++) {
		struct xenloop_link *l;

		l = xenloop_links_find_chan(&g->links, list[i].id);
		if (l && list[i].idle_ms > SIM_IDLE_MS)
			xenloop_link_event(&g->links, l, XENLOOP_EV_IDLE,
					   "idle");
	}
	sim_sync(g, 0, 0);
}

static inline void sim_tick(struct sim_guest *g, uint64_t n, uint64_t unused)
{
	for (int i = 0; i < 2; i++) {
		sim_send(&sim.guest[i]);
		if (n % 25 == (uint64_t)i)
			sim_poll(&sim.guest[i]);
	}
	sim_at(200, sim_tick, g, n + 1, 0);
}

static inline void sim_run(uint64_t ms)
{
	uint64_t end = sim.now + ms;

	for (;;) {
		unsigned int first = 0;
		struct sim_event ev;

		for (unsigned int i = 1; i < sim.nr_events; i++)
			if (sim.event[i].at < sim.event[first].at ||
			    (sim.event[i].at == sim.event[first].at &&
			     sim.event[i].nr < sim.event[first].nr))
				first = i;
		if (!sim.nr_events || sim.event[first].at > end)
			break;
		ev = sim.event[first];
		sim.event[first] = sim.event[--sim.nr_events];
		sim.now = ev.at;
		ev.fn(ev.g, ev.a, ev.b);
	}
	sim.now = end;
}

static inline void sim_reset(uint32_t seed)
{
	for (int i = 0; i < 2; i++)
		sim_drop_daemon(&sim.guest[i]);
	memset(&sim, 0, sizeof(sim));
	sim.seed = seed * 2654435761u | 1;
	sim.slow = 20;
	sim.drain = SIM_DRAIN_MS;
	for (int i = 0; i < 2; i++) {
		sim.guest[i].me = i;
		sim.guest[i].domid = i ? 7 : 3;
		sim.guest[i].epoch = i + 1;
	}
	sim_tick(&sim.guest[0], 0, 0);
	sim_start(&sim.guest[0], 0, 0);
	sim_start(&sim.guest[1], 0, 0);
}

#endif
