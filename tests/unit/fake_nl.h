/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_TEST_FAKE_NL_H
#define XENLOOP_TEST_FAKE_NL_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/nl.h"

/*
 * The module as xenloopd sees it, for tests: lists of interfaces, peers and
 * channels that can be read and set, and events to be sent by hand.
 */

#define FAKE_NL_MAX 16

static struct fake_nl {
	struct xenloop_nl nl;		/* first */
	const struct xenloop_nl_handler *handler;
	void *arg;
	bool absent;			/* the module is not loaded */
	bool gone;			/* it was unloaded under our feet */
	int open_count;
	struct xenloop_nl_info info;
	struct xenloop_nl_iface iface[FAKE_NL_MAX];
	struct xenloop_nl_peer peer[FAKE_NL_MAX];
	struct xenloop_nl_chan chan[FAKE_NL_MAX];
	int nr_ifaces, nr_peers, nr_chans;
	struct xenloop_nl_event event[FAKE_NL_MAX];
	int nr_events;
	bool overrun;
	bool peers_go;			/* once they have been listed */
	bool peers_stay;		/* deleted, their channels drain for long */
	int pipe[2];
	uint32_t next_id;
	/* -errno for the next ones */
	int fail_listen, fail_attach, fail_detach, fail_set, fail_peer_dump;
	unsigned int fail_detaches; /* so often only, if not 0 */
	unsigned int attaches, detaches, listens, connects, closes, drains;
	unsigned int peer_dels;
} fake_nl;

static inline int fake_nl_info(struct xenloop_nl *nl,
			       struct xenloop_nl_info *info)
{
	if (fake_nl.gone)
		return -ENOENT;
	*info = fake_nl.info;
	return 0;
}

static inline int fake_nl_set(struct xenloop_nl *nl,
			      const struct xenloop_nl_tunables *tun)
{
	if (fake_nl.fail_set)
		return fake_nl.fail_set;
	fake_nl.info.tun = *tun;
	return 0;
}

static inline int fake_nl_iface_attach(struct xenloop_nl *nl,
				       const struct xenloop_nl_iface *iface)
{
	if (fake_nl.fail_attach)
		return fake_nl.fail_attach;
	if (fake_nl.nr_ifaces == FAKE_NL_MAX)
		return -ENOSPC;
	fake_nl.attaches++;
	fake_nl.iface[fake_nl.nr_ifaces++] = *iface;
	return 0;
}

static inline struct xenloop_nl_iface *fake_nl_iface(uint32_t ifindex)
{
	for (int i = 0; i < fake_nl.nr_ifaces; i++)
		if (fake_nl.iface[i].ifindex == ifindex)
			return &fake_nl.iface[i];
	return NULL;
}

static inline void fake_nl_end(uint32_t id, uint32_t reason);

/* With an interface go its channels and its peers. */
static inline int fake_nl_drop_iface(uint32_t ifindex)
{
	struct xenloop_nl_iface *iface = fake_nl_iface(ifindex);

	if (!iface)
		return -ENODEV;
	for (int i = fake_nl.nr_chans; i--;)
		if (fake_nl.chan[i].ifindex == ifindex)
			fake_nl_end(fake_nl.chan[i].id,
				    XENLOOP_REASON_IFACE_GONE);
	for (int i = fake_nl.nr_peers; i--;)
		if (fake_nl.peer[i].ifindex == ifindex)
			fake_nl.peer[i] = fake_nl.peer[--fake_nl.nr_peers];
	*iface = fake_nl.iface[--fake_nl.nr_ifaces];
	return 0;
}

static inline int fake_nl_iface_detach(struct xenloop_nl *nl, uint32_t ifindex)
{
	fake_nl.detaches++;
	if (fake_nl.fail_detach &&
	    (!fake_nl.fail_detaches || fake_nl.fail_detaches >= fake_nl.detaches))
		return fake_nl.fail_detach;
	return fake_nl_drop_iface(ifindex);
}

static inline int fake_nl_find_peer(const struct xenloop_nl_peer *peer)
{
	int i = 0;

	while (i < fake_nl.nr_peers &&
	       (fake_nl.peer[i].ifindex != peer->ifindex ||
		memcmp(fake_nl.peer[i].mac, peer->mac, 6)))
		i++;
	return i;
}

static inline int fake_nl_peer_add(struct xenloop_nl *nl,
				   const struct xenloop_nl_peer *peer)
{
	int i = fake_nl_find_peer(peer);

	if (!fake_nl_iface(peer->ifindex))
		return -ENODEV;
	if (i < fake_nl.nr_peers)
		return -EEXIST;
	if (i == FAKE_NL_MAX)
		return -ENOSPC;
	fake_nl.peer[fake_nl.nr_peers++] = *peer;
	return 0;
}

static inline int fake_nl_peer_del(struct xenloop_nl *nl,
				   const struct xenloop_nl_peer *peer)
{
	int i = fake_nl_find_peer(peer);

	fake_nl.peer_dels++;
	if (i == fake_nl.nr_peers)
		return -ENOENT;
	if (fake_nl.peers_stay)
		return 0;
	fake_nl.peer[i] = fake_nl.peer[--fake_nl.nr_peers];
	for (i = 0; i < fake_nl.nr_chans; i++)
		if (!memcmp(fake_nl.chan[i].peer_mac, peer->mac, 6))
			fake_nl.chan[i].state = XENLOOP_CHAN_STATE_DRAINING;
	return 0;
}

static inline struct xenloop_nl_chan *fake_nl_chan(uint32_t id)
{
	for (int i = 0; i < fake_nl.nr_chans; i++)
		if (fake_nl.chan[i].id == id)
			return &fake_nl.chan[i];
	return NULL;
}

static inline int fake_nl_listen(struct xenloop_nl *nl,
				 struct xenloop_nl_chan *chan)
{
	fake_nl.listens++;
	if (fake_nl.fail_listen)
		return fake_nl.fail_listen;
	if (fake_nl.nr_chans == FAKE_NL_MAX)
		return -ENOSPC;
	chan->id = ++fake_nl.next_id;
	chan->local_gref = 100 + chan->id;
	chan->port = 200 + chan->id;
	chan->listener = true;
	chan->state = XENLOOP_CHAN_STATE_LISTENING;
	fake_nl.chan[fake_nl.nr_chans++] = *chan;
	return 0;
}

static inline int fake_nl_connect(struct xenloop_nl *nl,
				  struct xenloop_nl_chan *chan)
{
	fake_nl.connects++;
	if (fake_nl.nr_chans == FAKE_NL_MAX)
		return -ENOSPC;
	chan->id = ++fake_nl.next_id;
	chan->local_gref = 100 + chan->id;
	chan->state = XENLOOP_CHAN_STATE_CONNECTED;
	fake_nl.chan[fake_nl.nr_chans++] = *chan;
	return 0;
}

static inline int fake_nl_accept(struct xenloop_nl *nl, uint32_t id,
				 uint32_t remote_gref)
{
	struct xenloop_nl_chan *chan = fake_nl_chan(id);

	if (!chan)
		return -ENOENT;
	chan->remote_gref = remote_gref;
	chan->state = XENLOOP_CHAN_STATE_CONNECTED;
	return 0;
}

static inline int fake_nl_activate(struct xenloop_nl *nl, uint32_t id)
{
	struct xenloop_nl_chan *chan = fake_nl_chan(id);

	if (!chan)
		return -ENOENT;
	chan->state = XENLOOP_CHAN_STATE_ACTIVE;
	return 0;
}

/* Goes on draining until fake_nl_end(). */
static inline int fake_nl_close(struct xenloop_nl *nl, uint32_t id, bool drain)
{
	struct xenloop_nl_chan *chan = fake_nl_chan(id);

	fake_nl.closes++;
	fake_nl.drains += drain;
	if (!chan)
		return -ENOENT;
	chan->state = XENLOOP_CHAN_STATE_DRAINING;
	chan->reason = XENLOOP_REASON_REQUESTED;
	return 0;
}

static inline int fake_nl_list(const void *list, size_t size, int nr,
			       void **out)
{
	*out = nr ? malloc(size * (size_t)nr) : NULL;
	if (nr)
		memcpy(*out, list, size * (size_t)nr);
	return nr;
}

static inline int fake_nl_iface_dump(struct xenloop_nl *nl,
				     struct xenloop_nl_iface **list)
{
	return fake_nl_list(fake_nl.iface, sizeof(**list), fake_nl.nr_ifaces,
			    (void **)list);
}

static inline int fake_nl_peer_dump(struct xenloop_nl *nl,
				    struct xenloop_nl_peer **list)
{
	int nr = fake_nl.nr_peers;

	if (fake_nl.fail_peer_dump)
		return fake_nl.fail_peer_dump;
	if (fake_nl.peers_go)
		fake_nl.nr_peers = 0;
	return fake_nl_list(fake_nl.peer, sizeof(**list), nr, (void **)list);
}

static inline int fake_nl_chan_dump(struct xenloop_nl *nl,
				    struct xenloop_nl_chan **list)
{
	return fake_nl_list(fake_nl.chan, sizeof(**list), fake_nl.nr_chans,
			    (void **)list);
}

static inline const char *fake_nl_error(const struct xenloop_nl *nl)
{
	return "what the kernel says";
}

static inline int fake_nl_fd(const struct xenloop_nl *nl)
{
	return fake_nl.pipe[0];
}

static inline int fake_nl_dispatch(struct xenloop_nl *nl)
{
	int n = fake_nl.nr_events;
	bool overrun = fake_nl.overrun;
	char buf[64];

	while (read(fake_nl.pipe[0], buf, sizeof(buf)) > 0)
		;
	fake_nl.nr_events = 0;
	fake_nl.overrun = false;
	for (int i = 0; i < n; i++)
		fake_nl.handler->event(fake_nl.arg, &fake_nl.event[i]);
	if (overrun)
		fake_nl.handler->resync(fake_nl.arg);
	return 0;
}

static inline void fake_nl_free(struct xenloop_nl *nl)
{
	fake_nl.open_count--;
}

static const struct xenloop_nl_ops fake_nl_ops = {
	.info = fake_nl_info,
	.set = fake_nl_set,
	.iface_attach = fake_nl_iface_attach,
	.iface_detach = fake_nl_iface_detach,
	.peer_add = fake_nl_peer_add,
	.peer_del = fake_nl_peer_del,
	.listen = fake_nl_listen,
	.connect = fake_nl_connect,
	.accept = fake_nl_accept,
	.activate = fake_nl_activate,
	.close = fake_nl_close,
	.iface_dump = fake_nl_iface_dump,
	.peer_dump = fake_nl_peer_dump,
	.chan_dump = fake_nl_chan_dump,
	.error = fake_nl_error,
	.fd = fake_nl_fd,
	.dispatch = fake_nl_dispatch,
	.free = fake_nl_free,
};

static inline int fake_nl_open(const struct xenloop_nl_handler *handler,
			       void *arg, struct xenloop_nl **out)
{
	if (fake_nl.absent || fake_nl.gone)
		return -ENOENT;
	fake_nl.open_count++;
	fake_nl.handler = handler;
	fake_nl.arg = arg;
	*out = &fake_nl.nl;
	return 0;
}

static inline void fake_nl_ring(void)
{
	if (write(fake_nl.pipe[1], "", 1) != 1)
		abort();
}

static inline void fake_nl_send(uint32_t event,
				const struct xenloop_nl_chan *chan)
{
	struct xenloop_nl_event *e = &fake_nl.event[fake_nl.nr_events++];

	memset(e, 0, sizeof(*e));
	e->event = event;
	if (chan)
		e->chan = *chan;
	fake_nl_ring();
}

static inline void fake_nl_lose_events(void)
{
	fake_nl.overrun = true;
	fake_nl_ring();
}

/* The channel is over: out of the list, and event "down". */
static inline void fake_nl_end(uint32_t id, uint32_t reason)
{
	struct xenloop_nl_chan *chan = fake_nl_chan(id);
	struct xenloop_nl_chan copy;

	if (!chan)
		abort();
	copy = *chan;
	copy.reason = reason;
	*chan = fake_nl.chan[--fake_nl.nr_chans];
	fake_nl_send(XENLOOP_EVENT_DOWN, &copy);
}

/* The module lets an interface go by itself: it is gone, or has another MAC. */
static inline void fake_nl_release(uint32_t ifindex)
{
	const struct xenloop_nl_chan chan = { .ifindex = ifindex };

	if (fake_nl_drop_iface(ifindex))
		abort();
	fake_nl_send(XENLOOP_EVENT_IFACE_DOWN, &chan);
}

static inline void fake_nl_reset(uint64_t epoch)
{
	if (fake_nl.pipe[1]) {
		close(fake_nl.pipe[0]);
		close(fake_nl.pipe[1]);
	}
	memset(&fake_nl, 0, sizeof(fake_nl));
	fake_nl.nl.ops = &fake_nl_ops;
	fake_nl.info.epoch = epoch;
	fake_nl.info.abi_version = 1;
	strcpy(fake_nl.info.module_version, "0.1.0");
	if (pipe2(fake_nl.pipe, O_NONBLOCK | O_CLOEXEC))
		abort();
}

#endif
