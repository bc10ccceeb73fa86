// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What the links' actions come to: the kernel, XenStore, timers, the journal. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

/* A timer of a link; lives as long as the link. */
struct timer {
	struct xenloopd *d;
	struct xenloop_link *link;
	struct event *event;
};

static int kernel_result(struct xenloopd *d, int err)
{
	if (err)
		d->io_error = d->nl->ops->error(d->nl);
	return err;
}

static int no_kernel(struct xenloopd *d)
{
	d->io_error = "module xenloop is not loaded";
	return -ENODEV;
}

static struct xenloop_nl_peer *find_mac(struct xenloop_nl_peer *list, int nr,
					const struct xenloop_nl_peer *peer)
{
	for (int i = 0; i < nr; i++)
		if (list[i].ifindex == peer->ifindex &&
		    !memcmp(list[i].mac, peer->mac, sizeof(peer->mac)))
			return &list[i];
	return NULL;
}

/*
 * Does the kernel's list have the very peer? A MAC address that has moved to
 * another domain, or to another vif, is new. 1, 0 or a negative error.
 */
static int is_same_peer(struct xenloopd *d, const struct xenloop_nl_peer *peer)
{
	struct xenloop_nl_peer *list = d->peers, *found;
	int nr = d->nr_peers;
	bool same;

	/* Outside a sync there is but this one to be looked up. */
	if (!d->peers)
		nr = d->nl->ops->peer_dump(d->nl, &list);
	if (nr < 0)
		return nr;
	found = find_mac(list, nr, peer);
	same = found && found->domid == peer->domid && found->vif == peer->vif;
	if (!d->peers)
		free(list);
	return same;
}

/*
 * The kernel has a peer by that MAC address. -EEXIST if it is this one; another
 * one makes way, and -EBUSY tells that it has not yet.
 */
static int peer_replace(struct xenloopd *d, const struct xenloop_nl_peer *peer)
{
	int err = is_same_peer(d, peer);

	if (err)
		return err < 0 ? err : -EEXIST;
	d->nl->ops->peer_del(d->nl, peer);
	err = d->nl->ops->peer_add(d->nl, peer);
	/* The old one's channel has to drain first. */
	return err == -EEXIST ? -EBUSY : err;
}

/* What a sync has listed by that MAC address is this peer now. */
static void relist(struct xenloopd *d, const struct xenloop_nl_peer *peer)
{
	struct xenloop_nl_peer *listed = NULL;

	if (d->peers)
		listed = find_mac(d->peers, d->nr_peers, peer);
	if (listed)
		*listed = *peer;
}

static int peer_add(void *arg, const struct xenloop_nl_peer *peer)
{
	struct xenloopd *d = arg;
	int err;

	if (!d->nl)
		return no_kernel(d);
	err = d->nl->ops->peer_add(d->nl, peer);
	if (err == -EEXIST)
		err = peer_replace(d, peer);
	if (!err)
		relist(d, peer);
	return kernel_result(d, err);
}

static int peer_del(void *arg, const struct xenloop_nl_peer *peer)
{
	struct xenloopd *d = arg;

	return d->nl ? d->nl->ops->peer_del(d->nl, peer) : -ENODEV;
}

static int io_listen(void *arg, struct xenloop_nl_chan *chan)
{
	struct xenloopd *d = arg;

	if (!d->nl)
		return no_kernel(d);
	return kernel_result(d, d->nl->ops->listen(d->nl, chan));
}

static int io_connect(void *arg, struct xenloop_nl_chan *chan)
{
	struct xenloopd *d = arg;

	if (!d->nl)
		return no_kernel(d);
	return kernel_result(d, d->nl->ops->connect(d->nl, chan));
}

static int io_accept(void *arg, uint32_t id, uint32_t remote_gref)
{
	struct xenloopd *d = arg;

	if (!d->nl)
		return no_kernel(d);
	return kernel_result(d, d->nl->ops->accept(d->nl, id, remote_gref));
}

static int io_activate(void *arg, uint32_t id)
{
	struct xenloopd *d = arg;

	if (!d->nl)
		return no_kernel(d);
	return kernel_result(d, d->nl->ops->activate(d->nl, id));
}

static int io_close(void *arg, uint32_t id, bool drain)
{
	struct xenloopd *d = arg;

	/* Without the module there is no channel. */
	return d->nl ? d->nl->ops->close(d->nl, id, drain) : -ENOENT;
}

static void outbox_path(const struct xenloop_link *link, char *path,
			size_t size)
{
	snprintf(path, size,
		 "data/xenloop/to/%" PRIu32 "-%" PRIu32 "-%" PRIu32,
		 link->key.domid, link->key.vif, link->key.peer_vif);
}

static int store_error(struct xenloopd *d, int err)
{
	d->io_error = xenloopd_store_explain(err, d->io_text,
					     sizeof(d->io_text));
	return err;
}

static int io_publish(void *arg, const struct xenloop_link *link,
		      const struct xenloop_msg *msg)
{
	char path[XENLOOP_XS_PATH_SIZE];
	char text[XENLOOP_MSG_BUF];
	struct xenloopd *d = arg;
	int err = xenloop_msg_format(msg, text, sizeof(text));

	if (err < 0)
		return store_error(d, err);
	outbox_path(link, path, sizeof(path));
	err = xenloopd_store_write(d, path, text);
	log_debug("store", "%s: %s", path, xenloop_verb_name(msg->verb));
	return err ? store_error(d, err) : 0;
}

static int io_clear(void *arg, const struct xenloop_link *link)
{
	char path[XENLOOP_XS_PATH_SIZE];
	struct xenloopd *d = arg;

	outbox_path(link, path, sizeof(path));
	return xenloopd_store_write(d, path, NULL);
}

static void io_inbox(void *arg, struct xenloop_link *link)
{
	xenloopd_store_inbox(arg, link);
}

static const char *io_error(void *arg)
{
	struct xenloopd *d = arg;

	return d->io_error ? d->io_error : "unknown error";
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	xenloop_link_event(&t->d->links, t->link, XENLOOP_EV_TIMEOUT, NULL);
}

static void on_bye_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	xenloop_link_bye_over(&t->d->links, t->link);
}

static struct timer *new_timer(struct xenloopd *d, struct xenloop_link *link,
			       event_callback_fn fn)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->d = d;
	t->link = link;
	t->event = evtimer_new(d->base, fn, t);
	if (t->event)
		return t;
	free(t);
	return NULL;
}

static void set_timer(struct xenloopd *d, struct xenloop_link *link,
		      void **slot, event_callback_fn fn, uint32_t ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	struct timer *t = *slot;

	if (!ms) {
		if (t) {
			event_free(t->event);
			free(t);
			*slot = NULL;
		}
		return;
	}
	if (!t)
		t = *slot = new_timer(d, link, fn);
	/* Without a timer the link hangs until its next event, no worse. */
	if (!t || evtimer_add(t->event, &tv))
		log_err("link", "no memory for a timer");
}

static void io_timer(void *arg, struct xenloop_link *link, uint32_t ms)
{
	set_timer(arg, link, &link->timer, on_timer, ms);
}

static void io_bye_timer(void *arg, struct xenloop_link *link, uint32_t ms)
{
	set_timer(arg, link, &link->bye_timer, on_bye_timer, ms);
}

static uint32_t io_random(void *arg)
{
	uint32_t value = 0;

	/* Not a secret: jitter and attempt numbers. */
	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (uint32_t)xenloop_now_ms();
	return value;
}

static void io_report(void *arg, struct xenloop_link *link,
		      enum xenloop_link_report report)
{
	xenloopd_report_link(arg, link, report);
}

static uint64_t io_now(void *arg)
{
	return xenloop_now_ms();
}

const struct xenloop_link_io xenloopd_io = {
	.peer_add = peer_add,
	.peer_del = peer_del,
	.listen = io_listen,
	.connect = io_connect,
	.accept = io_accept,
	.activate = io_activate,
	.close = io_close,
	.publish = io_publish,
	.clear = io_clear,
	.inbox = io_inbox,
	.error = io_error,
	.timer = io_timer,
	.bye_timer = io_bye_timer,
	.random = io_random,
	.report = io_report,
	.now = io_now,
};
