// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The module: its events, and what it has that we should know of. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/xenloop_fifo.h"
#include "proto/log.h"
#include "xenloopd/xenloopd.h"

/* On top of the drain timeout, in ms. */
#define CLOSE_SLACK	3000
/* A second apart. */
#define DETACH_TRIES	25

static struct xenloop_link *link_of(struct xenloopd *d,
				    const struct xenloop_nl_chan *chan)
{
	return chan->id ? xenloop_links_find_chan(&d->links, chan->id) : NULL;
}

static void on_wanted(struct xenloopd *d, const struct xenloop_nl_chan *chan)
{
	struct xenloop_link *link;

	link = xenloop_links_find_mac(&d->links, chan->ifindex,
				      chan->peer_mac);
	if (link && d->hello)
		xenloop_link_event(&d->links, link, XENLOOP_EV_WANTED, NULL);
}

static void on_down(struct xenloopd *d, const struct xenloop_nl_chan *chan)
{
	struct xenloop_link *link = link_of(d, chan);
	const char *reason = xenloop_nl_reason_name(chan->reason);
	enum xenloop_peer_event event = XENLOOP_EV_DOWN;

	if (chan->reason == XENLOOP_REASON_STALLED ||
	    chan->reason == XENLOOP_REASON_PROTOCOL)
		event = XENLOOP_EV_FAULT;
	/* We know better why we asked for it, if it was us. */
	if (link && link->reason[0] && chan->reason == XENLOOP_REASON_REQUESTED)
		reason = NULL;
	if (link)
		xenloop_link_event(&d->links, link, event, reason);
	if (chan->reason == XENLOOP_REASON_UNLOAD)
		xenloopd_later(d, XENLOOPD_WORK_SYNC);
}

static void on_draining(struct xenloopd *d, const struct xenloop_nl_chan *chan)
{
	struct xenloop_link *link = link_of(d, chan);

	if (link)
		xenloop_link_event(&d->links, link, XENLOOP_EV_DRAINING,
				   chan->reason == XENLOOP_REASON_REQUESTED ?
					   NULL :
					   xenloop_nl_reason_name(chan->reason));
}

static void on_suspended(struct xenloopd *d)
{
	d->suspended = true;
	d->hello = false;
	for (struct xenloop_link *l = d->links.first; l; l = l->next)
		xenloop_link_event(&d->links, l, XENLOOP_EV_SUSPENDED,
				   "suspend");
	xenloopd_report_suspend(d);
}

static void on_event(void *arg, const struct xenloop_nl_event *event)
{
	const struct xenloop_nl_chan *chan = &event->chan;
	struct xenloop_link *link = link_of(arg, chan);
	struct xenloopd *d = arg;

	log_debug("kernel", "event %s, channel %" PRIu32 ", reason %s",
		  xenloop_nl_event_name(event->event), chan->id,
		  xenloop_nl_reason_name(chan->reason));
	switch (event->event) {
	case XENLOOP_EVENT_WANTED:
		on_wanted(d, chan);
		break;
	case XENLOOP_EVENT_UP:
		if (link)
			xenloop_link_event(&d->links, link,
					   XENLOOP_EV_KERNEL_UP, NULL);
		break;
	case XENLOOP_EVENT_DRAINING:
		on_draining(d, chan);
		break;
	case XENLOOP_EVENT_DOWN:
		on_down(d, chan);
		break;
	case XENLOOP_EVENT_SUSPENDED:
		on_suspended(d);
		break;
	case XENLOOP_EVENT_RESUMED:
		xenloopd_later(d, XENLOOPD_WORK_RESUMED);
		break;
	case XENLOOP_EVENT_IFACE_DOWN:
		xenloopd_later(d, XENLOOPD_WORK_SYNC);
		break;
	}
}

static void on_resync(void *arg)
{
	struct xenloopd *d = arg;

	log_notice("kernel", "events were lost: reading the module's state");
	xenloopd_kernel_check(d);
	/* Whoever runs is not frozen: "resumed" was among what was lost. */
	if (d->suspended)
		xenloopd_later(d, XENLOOPD_WORK_RESUMED);
	xenloopd_later(d, XENLOOPD_WORK_SYNC);
}

static const struct xenloop_nl_handler handler = {
	.event = on_event,
	.resync = on_resync,
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct xenloopd *d = arg;

	if (d->nl->ops->dispatch(d->nl) < 0) {
		log_err("kernel", "netlink: %s", d->nl->ops->error(d->nl));
		xenloopd_later(d, XENLOOPD_WORK_KERNEL_LOST);
	}
}

static int setup(struct xenloopd *d)
{
	int err = d->nl->ops->info(d->nl, &d->info);

	/* Tried each second, told once. */
	if (err) {
		if (d->nl_errno != err)
			log_err("kernel", "info: %s", d->nl->ops->error(d->nl));
		return err;
	}
	if (d->info.abi_version != XENLOOP_FIFO_VERSION) {
		if (d->nl_errno != -EPROTO)
			log_err("kernel",
				"the module's FIFO version is %" PRIu32 ", not %u",
				d->info.abi_version, XENLOOP_FIFO_VERSION);
		return -EPROTO;
	}
	d->nl_event = event_new(d->base, d->nl->ops->fd(d->nl),
				EV_READ | EV_PERSIST, on_readable, d);
	if (!d->nl_event || event_add(d->nl_event, NULL))
		return -ENOMEM;
	d->links.epoch = d->info.epoch;
	d->suspended = false;
	xenloopd_kernel_tune(d);
	return 0;
}

/* Says a thing once, not every second. */
static void tell_missing(struct xenloopd *d, int err)
{
	if (d->nl_errno == err)
		return;
	if (err == -ENOENT)
		log_warn("kernel", "module xenloop is not loaded; waiting");
	else if (err == -EPROTO)
		log_err("kernel",
			"module xenloop speaks another version than this xenloopd");
	else
		log_err("kernel", "netlink: %s", strerror(-err));
}

int xenloopd_kernel_open(struct xenloopd *d)
{
	int err = d->nl_open(&handler, d, &d->nl);

	if (err)
		d->nl = NULL;
	else
		err = setup(d);
	if (err) {
		tell_missing(d, err);
		d->nl_errno = err;
		xenloopd_kernel_close(d);
		return err;
	}
	d->nl_errno = 0;
	log_info("kernel", "module xenloop %s, epoch %016" PRIx64,
		 d->info.module_version, d->info.epoch);
	return 0;
}

void xenloopd_kernel_close(struct xenloopd *d)
{
	if (d->nl_event)
		event_free(d->nl_event);
	d->nl_event = NULL;
	if (d->nl)
		d->nl->ops->free(d->nl);
	d->nl = NULL;
}

int xenloopd_kernel_tune(struct xenloopd *d)
{
	const struct xenloop_nl_tunables tun = {
		.stall_timeout = d->settings.stall_timeout,
		.drain_timeout = d->settings.drain_timeout,
		.hold_timeout = d->settings.hold_timeout,
		.backlog_bytes = d->settings.backlog_bytes,
		.poll_time = d->settings.poll_time,
	};
	int err;

	d->links.close_ms = d->settings.drain_timeout + CLOSE_SLACK;
	if (!d->nl)
		return 0;
	err = d->nl->ops->set(d->nl, &tun);
	if (err)
		log_warn("kernel", "tunables: %s", d->nl->ops->error(d->nl));
	return err;
}

void xenloopd_kernel_failed(struct xenloopd *d, const char *what)
{
	uint32_t missed;

	if (xenloop_ratelimit_ok(&d->kernel_log_limit, xenloop_now_ms(), &missed))
		log_err("kernel", "%s: %s (%" PRIu32 " more not logged)", what,
			d->nl->ops->error(d->nl), missed);
}

bool xenloopd_kernel_check(struct xenloopd *d)
{
	int err = d->nl->ops->info(d->nl, &d->info);

	if (!err && d->info.epoch == d->links.epoch)
		return true;
	if (err == -ENOENT || err == -EOPNOTSUPP) {
		log_warn("kernel", "module xenloop was unloaded");
		xenloopd_later(d, XENLOOPD_WORK_KERNEL_LOST);
	} else if (err) {
		xenloopd_kernel_failed(d, "info");
	} else {
		xenloopd_later(d, XENLOOPD_WORK_RESUMED);
	}
	return false;
}

static void close_idle(struct xenloopd *d, const struct xenloop_nl_chan *chan)
{
	struct xenloop_link *link = link_of(d, chan);
	uint64_t limit = (uint64_t)d->settings.idle_timeout * 1000;

	if (link && limit && chan->idle_ms > limit)
		xenloop_link_event(&d->links, link, XENLOOP_EV_IDLE, "idle");
}

/*
 * The events of all that the list shows have come by now, and they tell
 * reasons, which the list does not have for a channel that is gone. So they go
 * first; a link whose channel changes by that is newer than the list.
 */
static void reconcile(struct xenloopd *d, const struct xenloop_nl_chan *chans,
		      int nr)
{
	struct xenloop_link *l;

	for (l = d->links.first; l; l = l->next)
		l->polled = l->chan.id;
	d->nl->ops->dispatch(d->nl); /* an error comes again with the socket */
	for (l = d->links.first; l; l = l->next)
		if (l->chan.id && l->chan.id == l->polled)
			xenloop_link_reconcile(&d->links, l, chans, nr);
}

void xenloopd_kernel_poll(struct xenloopd *d)
{
	struct xenloop_nl_chan *chans;
	int nr = d->nl->ops->chan_dump(d->nl, &chans);

	if (nr < 0) {
		xenloopd_kernel_failed(d, "channels");
		return;
	}
	reconcile(d, chans, nr);
	for (int i = 0; i < nr; i++)
		close_idle(d, &chans[i]);
	free(chans);
}

void xenloopd_kernel_list(struct xenloopd *d)
{
	d->nr_peers = d->nl->ops->peer_dump(d->nl, &d->peers);
	if (d->nr_peers < 0)
		d->peers = NULL;
	for (int i = 0; i < d->nr_peers; i++)
		if (!xenloop_links_find_peer(&d->links, &d->peers[i]))
			xenloopd_store_ask(d, d->peers[i].domid);
}

void xenloopd_kernel_prune(struct xenloopd *d)
{
	/* Without the roster it can't be told who is a stranger. */
	bool known = !xenloopd_store_failed(d);

	for (int i = 0; known && d->peers && i < d->nr_peers; i++)
		if (!xenloop_links_find_peer(&d->links, &d->peers[i]))
			d->nl->ops->peer_del(d->nl, &d->peers[i]);
	free(d->peers);
	d->peers = NULL;
}

/* No daemon runs that would try again; the module keeps frames for 20 s. */
static int detach_in_the_end(struct xenloopd *d, uint32_t ifindex)
{
	int err, tries = 0;

	while ((err = d->nl->ops->iface_detach(d->nl, ifindex)) == -EAGAIN &&
	       tries++ < DETACH_TRIES)
		sleep(1);
	return err;
}

static int flush_failed(struct xenloopd *d, int err)
{
	log_err("kernel", "%s", d->nl->ops->error(d->nl));
	return err;
}

int xenloopd_kernel_flush(struct xenloopd *d)
{
	struct xenloop_nl_iface *ifaces;
	struct xenloop_nl_chan *chans;
	int nr = d->nl->ops->chan_dump(d->nl, &chans);
	int err, failed = 0;

	if (nr < 0)
		return flush_failed(d, nr);
	for (int i = 0; i < nr; i++)
		d->nl->ops->close(d->nl, chans[i].id, true);
	free(chans);
	nr = d->nl->ops->iface_dump(d->nl, &ifaces);
	if (nr < 0)
		return flush_failed(d, nr);
	for (int i = 0; i < nr; i++) {
		err = detach_in_the_end(d, ifaces[i].ifindex);
		if (err && err != -ENODEV)
			failed = flush_failed(d, err);
	}
	free(ifaces);
	return failed;
}
