// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The modules of many guests; see kernel.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ratelimit.h"
#include "tests/sim/kernel.h"

#define WANTED_MS	1000

struct kernel *kernel_opening;
unsigned int kernel_chans, kernel_max_chans;
uint64_t kernel_ups;

static struct kernel *all;
static unsigned int nr_all;

static const struct xenloop_nl_ops ops;

struct kernel *kernel_of(unsigned int number)
{
	return &all[number];
}

void kernel_mac(unsigned int number, uint8_t mac[6])
{
	const uint8_t text[6] = { 0, 0x16, 0x3e, 0, number >> 8, number };

	memcpy(mac, text, 6);
}

static unsigned int number_of(const uint8_t *mac)
{
	return mac[4] << 8 | mac[5];
}

static struct kernel *to_kernel(struct xenloop_nl *nl)
{
	struct kernel *k = (struct kernel *)nl;

	k->requests++;
	return k;
}

void kernel_init(unsigned int nr, void (*notify)(struct kernel *k))
{
	all = calloc(nr, sizeof(*all));
	nr_all = nr;
	for (unsigned int i = 0; i < nr; i++) {
		all[i].nl.ops = &ops;
		all[i].number = i;
		all[i].peer = calloc(nr, sizeof(*all[i].peer));
		all[i].last = &all[i].first;
		all[i].notify = notify;
	}
}

/* Events. */

static void drop_events(struct kernel *k)
{
	struct kernel_event *ev;

	while ((ev = k->first)) {
		k->first = ev->next;
		free(ev);
	}
	k->last = &k->first;
}

static void tell(struct kernel *k, uint32_t event,
		 const struct xenloop_nl_chan *chan)
{
	struct kernel_event *ev;

	if (!k->handler)
		return;
	ev = calloc(1, sizeof(*ev));
	ev->nl.event = event;
	if (chan)
		ev->nl.chan = *chan;
	*k->last = ev;
	k->last = &ev->next;
	k->notify(k);
}

static int dispatch(struct xenloop_nl *nl)
{
	struct kernel *k = (struct kernel *)nl;
	struct kernel_event *ev;

	while ((ev = k->first)) {
		k->first = ev->next;
		if (!k->first)
			k->last = &k->first;
		k->handler->event(k->arg, &ev->nl);
		free(ev);
	}
	return 0;
}

/* Channels. */

static struct kernel_chan *by_id(struct kernel *k, uint32_t id)
{
	for (unsigned int i = 0; i < k->nr_chans; i++)
		if (k->chan[i].nl.id == id)
			return &k->chan[i];
	return NULL;
}

static struct kernel_chan *by_peer(const struct kernel *k, unsigned int number)
{
	for (unsigned int i = 0; i < k->nr_chans; i++)
		if (number_of(k->chan[i].nl.peer_mac) == number)
			return &k->chan[i];
	return NULL;
}

static int new_chan(struct kernel *k, struct xenloop_nl_chan *chan)
{
	const struct kernel_peer *peer = &k->peer[number_of(chan->peer_mac)];
	struct kernel_chan *c;

	if (!peer->known || !k->attached)
		return -ENOENT;
	if (by_peer(k, number_of(chan->peer_mac)))
		return -EBUSY;
	if (k->nr_chans == k->room) {
		k->room = k->room ? 2 * k->room : 4;
		k->chan = reallocarray(k->chan, k->room, sizeof(*k->chan));
	}
	c = &k->chan[k->nr_chans++];
	memset(c, 0, sizeof(*c));
	chan->id = ++k->next_id;
	chan->local_gref = 8 + chan->id;
	chan->domid = peer->nl.domid;
	chan->vif = peer->nl.vif;
	c->nl = *chan;
	c->used_ms = xenloop_now_ms();
	if (++kernel_chans > kernel_max_chans)
		kernel_max_chans = kernel_chans;
	return 0;
}

/* It is over at this end; `told`: the daemon hears of it. */
static void end_chan(struct kernel *k, struct kernel_chan *c, uint32_t reason,
		     bool told)
{
	struct xenloop_nl_chan copy = c->nl;

	*c = k->chan[--k->nr_chans];
	kernel_chans--;
	copy.reason = reason;
	copy.state = XENLOOP_CHAN_STATE_DRAINING;
	if (told)
		tell(k, XENLOOP_EVENT_DRAINING, &copy);
	copy.state = XENLOOP_CHAN_STATE_DEAD;
	if (told)
		tell(k, XENLOOP_EVENT_DOWN, &copy);
}

/* At both ends; the other one sees it in the shared pages. */
static void close_chan(struct kernel *k, struct kernel_chan *c, uint32_t reason)
{
	struct kernel *other = c->other;
	struct kernel_chan *o = other ? by_id(other, c->other_id) : NULL;

	end_chan(k, c, reason, true);
	if (o)
		end_chan(other, o, XENLOOP_REASON_PEER_CLOSED, true);
}

static int do_listen(struct xenloop_nl *nl, struct xenloop_nl_chan *chan)
{
	struct kernel *k = to_kernel(nl);

	k->listens++;
	chan->listener = true;
	chan->port = 100 + k->next_id;
	chan->state = XENLOOP_CHAN_STATE_LISTENING;
	return new_chan(k, chan);
}

static int do_connect(struct xenloop_nl *nl, struct xenloop_nl_chan *chan)
{
	struct kernel *k = to_kernel(nl);
	struct kernel *peer = kernel_of(number_of(chan->peer_mac));
	struct kernel_chan *offer = by_peer(peer, k->number), *c;
	int err;

	k->connects++;
	if (!peer->loaded || !offer || !offer->nl.listener || offer->other ||
	    offer->nl.local_gref != chan->remote_gref ||
	    offer->nl.port != chan->port)
		return -EINVAL;
	chan->state = XENLOOP_CHAN_STATE_CONNECTED;
	err = new_chan(k, chan);
	if (err)
		return err;
	c = by_id(k, chan->id);
	c->other = peer;
	c->other_id = offer->nl.id;
	offer->other = k;
	offer->other_id = chan->id;
	return 0;
}

static int do_accept(struct xenloop_nl *nl, uint32_t id, uint32_t remote_gref)
{
	struct kernel *k = to_kernel(nl);
	struct kernel_chan *c = by_id(k, id), *o;

	if (!c)
		return -ENOENT;
	o = c->other ? by_id(c->other, c->other_id) : NULL;
	if (!o || o->nl.local_gref != remote_gref)
		return -EINVAL;
	c->nl.state = XENLOOP_CHAN_STATE_CONNECTED;
	return 0;
}

static int do_activate(struct xenloop_nl *nl, uint32_t id)
{
	struct kernel *k = to_kernel(nl);
	struct kernel_chan *c = by_id(k, id), *o;

	if (!c)
		return -ENOENT;
	c->nl.state = XENLOOP_CHAN_STATE_ACTIVE;
	o = by_id(c->other, c->other_id);
	if (!o || o->nl.state != XENLOOP_CHAN_STATE_ACTIVE)
		return 0;
	c->nl.peer_active = o->nl.peer_active = true;
	tell(k, XENLOOP_EVENT_UP, &c->nl);
	tell(c->other, XENLOOP_EVENT_UP, &o->nl);
	kernel_ups++;
	return 0;
}

static int do_close(struct xenloop_nl *nl, uint32_t id, bool drain)
{
	struct kernel *k = to_kernel(nl);
	struct kernel_chan *c = by_id(k, id);

	if (!c)
		return -ENOENT;
	close_chan(k, c, XENLOOP_REASON_REQUESTED);
	return 0;
}

/* Interfaces and peers. */

static int iface_attach(struct xenloop_nl *nl,
			const struct xenloop_nl_iface *iface)
{
	struct kernel *k = to_kernel(nl);

	k->attached = true;
	k->iface = *iface;
	return 0;
}

static int iface_detach(struct xenloop_nl *nl, uint32_t ifindex)
{
	struct kernel *k = to_kernel(nl);

	while (k->nr_chans)
		close_chan(k, &k->chan[0], XENLOOP_REASON_IFACE_GONE);
	for (unsigned int i = 0; i < nr_all; i++)
		k->peer[i].known = false;
	k->nr_peers = 0;
	k->attached = false;
	return 0;
}

static int peer_add(struct xenloop_nl *nl, const struct xenloop_nl_peer *peer)
{
	struct kernel *k = to_kernel(nl);
	struct kernel_peer *p = &k->peer[number_of(peer->mac)];

	if (p->known)
		return -EEXIST;
	p->known = true;
	p->nl = *peer;
	k->nr_peers++;
	return 0;
}

static int peer_del(struct xenloop_nl *nl, const struct xenloop_nl_peer *peer)
{
	struct kernel *k = to_kernel(nl);
	struct kernel_peer *p = &k->peer[number_of(peer->mac)];
	struct kernel_chan *c;

	if (!p->known)
		return -ENOENT;
	c = by_peer(k, number_of(peer->mac));
	if (c)
		close_chan(k, c, XENLOOP_REASON_REQUESTED);
	p->known = false;
	k->nr_peers--;
	return 0;
}

static int iface_dump(struct xenloop_nl *nl, struct xenloop_nl_iface **list)
{
	struct kernel *k = to_kernel(nl);

	*list = NULL;
	if (!k->attached)
		return 0;
	*list = malloc(sizeof(**list));
	**list = k->iface;
	return 1;
}

static int peer_dump(struct xenloop_nl *nl, struct xenloop_nl_peer **list)
{
	struct kernel *k = to_kernel(nl);
	int nr = 0;

	*list = NULL;
	if (k->nr_peers)
		*list = malloc(k->nr_peers * sizeof(**list));
	for (unsigned int i = 0; i < nr_all; i++)
		if (k->peer[i].known)
			(*list)[nr++] = k->peer[i].nl;
	return nr;
}

static int chan_dump(struct xenloop_nl *nl, struct xenloop_nl_chan **list)
{
	struct kernel *k = to_kernel(nl);
	uint64_t now = xenloop_now_ms();

	*list = NULL;
	if (k->nr_chans)
		*list = malloc(k->nr_chans * sizeof(**list));
	for (unsigned int i = 0; i < k->nr_chans; i++) {
		(*list)[i] = k->chan[i].nl;
		(*list)[i].idle_ms = now - k->chan[i].used_ms;
	}
	return (int)k->nr_chans;
}

/* The rest. */

static int get_info(struct xenloop_nl *nl, struct xenloop_nl_info *info)
{
	struct kernel *k = to_kernel(nl);

	if (!k->loaded)
		return -ENOENT;
	memset(info, 0, sizeof(*info));
	strcpy(info->module_version, "sim");
	info->abi_version = 1;
	info->epoch = k->epoch;
	info->tun = k->tun;
	return 0;
}

static int set_tunables(struct xenloop_nl *nl,
			const struct xenloop_nl_tunables *tun)
{
	to_kernel(nl)->tun = *tun;
	return 0;
}

static const char *get_error(const struct xenloop_nl *nl)
{
	return "refused by the simulated module";
}

static int get_fd(const struct xenloop_nl *nl)
{
	return -1;	/* notify() instead */
}

static void do_free(struct xenloop_nl *nl)
{
	struct kernel *k = to_kernel(nl);

	k->handler = NULL;
	drop_events(k);
}

static const struct xenloop_nl_ops ops = {
	.info = get_info,
	.set = set_tunables,
	.iface_attach = iface_attach,
	.iface_detach = iface_detach,
	.peer_add = peer_add,
	.peer_del = peer_del,
	.listen = do_listen,
	.connect = do_connect,
	.accept = do_accept,
	.activate = do_activate,
	.close = do_close,
	.iface_dump = iface_dump,
	.peer_dump = peer_dump,
	.chan_dump = chan_dump,
	.error = get_error,
	.fd = get_fd,
	.dispatch = dispatch,
	.free = do_free,
};

int kernel_open(const struct xenloop_nl_handler *handler, void *arg,
		struct xenloop_nl **out)
{
	struct kernel *k = kernel_opening;

	if (!k->loaded)
		return -ENOENT;
	k->handler = handler;
	k->arg = arg;
	*out = &k->nl;
	return 0;
}

static void forget_all(struct kernel *k)
{
	memset(k->peer, 0, nr_all * sizeof(*k->peer));
	k->nr_peers = 0;
	k->attached = false;
}

static uint64_t new_epoch(void)
{
	static uint64_t epoch = 0x1000;

	return ++epoch;
}

void kernel_load(struct kernel *k)
{
	k->loaded = true;
	k->epoch = new_epoch();
	forget_all(k);
}

/* The other ends stay as they are until their daemons hear of it. */
static void orphan(struct kernel *k)
{
	for (unsigned int i = 0; i < k->nr_chans; i++) {
		const struct kernel_chan *c = &k->chan[i];
		struct kernel_chan *o = c->other ?
			by_id(c->other, c->other_id) : NULL;

		if (o)
			o->other = NULL;
	}
}

void kernel_die(struct kernel *k)
{
	orphan(k);
	while (k->nr_chans)
		end_chan(k, &k->chan[0], XENLOOP_REASON_UNLOAD, false);
	k->loaded = false;
	k->handler = NULL;
	drop_events(k);
	forget_all(k);
}

void kernel_suspend(struct kernel *k)
{
	tell(k, XENLOOP_EVENT_SUSPENDED, NULL);
	while (k->nr_chans)
		close_chan(k, &k->chan[0], XENLOOP_REASON_SUSPEND);
}

void kernel_resume(struct kernel *k)
{
	k->epoch = new_epoch();
	tell(k, XENLOOP_EVENT_RESUMED, NULL);
}

const struct kernel_chan *kernel_chan(const struct kernel *k,
				      const struct kernel *to)
{
	const struct kernel_chan *c = by_peer(k, to->number);
	const struct kernel_chan *o = by_peer(to, k->number);

	return c && o && c->nl.peer_active && o->nl.peer_active &&
	       c->other == to && c->other_id == o->nl.id ? c : NULL;
}

bool kernel_traffic(struct kernel *k, struct kernel *to, uint64_t now_ms)
{
	struct kernel_peer *peer = &k->peer[to->number];
	struct kernel_chan *c = by_peer(k, to->number);
	struct xenloop_nl_chan chan = { .ifindex = KERNEL_IFINDEX };

	if (c) {
		c->used_ms = now_ms;
		return c->nl.peer_active;
	}
	if (!k->attached || !peer->known ||
	    now_ms < peer->wanted_ms + WANTED_MS)
		return false;
	peer->wanted_ms = now_ms;
	kernel_mac(to->number, chan.peer_mac);
	tell(k, XENLOOP_EVENT_WANTED, &chan);
	return false;
}
