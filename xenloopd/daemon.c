// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What happens when: a tick each second, and work that callbacks leave behind.
 *
 * The order in which module, XenStore, xendiscoverd and this daemon start does
 * not matter. Whatever is missing is looked for each second; as soon as both
 * the module and XenStore are there, start() publishes hello and reads
 * everything, and from then on events do the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

#define CHECK_TICKS	2	/* is the module still there? */
#define SYNC_TICKS	5	/* what events may have missed */
#define POLL_TICKS	5	/* idle channels */

void xenloopd_later(struct xenloopd *d, enum xenloopd_work work)
{
	d->todo |= work;
	if (d->work) /* a flush does all at once */
		event_active(d->work, 0, 0);
}

/* What is waited for; NULL when everything is there. */
static const char *missing(const struct xenloopd *d)
{
	if (!d->xs.h)
		return "waiting for XenStore";
	if (!d->nl && d->nl_errno == -ENOENT)
		return "waiting: module xenloop is not loaded";
	if (!d->nl)
		return "waiting: module xenloop cannot be used";
	if (!d->hello && d->xs_error[0])
		return d->xs_error;
	return d->self_ok ? NULL : "waiting for xendiscoverd in Dom0";
}

static void show_status(struct xenloopd *d)
{
	const char *why = missing(d);
	unsigned int up = 0, links = 0;

	for (struct xenloop_link *l = d->links.first; l; l = l->next) {
		links++;
		up += l->sm.state == XENLOOP_PEER_UP;
	}
	if (why)
		xenloop_loop_status(d->loop, "%s", why);
	else
		xenloop_loop_status(d->loop, "%u channel%s up, %u peer%s", up,
				    up == 1 ? "" : "s", links,
				    links == 1 ? "" : "s");
}

static void start(struct xenloopd *d)
{
	if (!d->nl || !d->xs.h || d->suspended)
		return;
	if (!xenloopd_store_start(d))
		xenloopd_later(d, XENLOOPD_WORK_SYNC);
}

static void kernel_lost(struct xenloopd *d)
{
	xenloopd_kernel_close(d);
	xenloop_links_drop(&d->links, "unload");
	xenloopd_ifaces_forget(d);
	xenloopd_store_clean(d, true);
	d->hello = false;
	d->self_ok = false;
}

static void store_lost(struct xenloopd *d)
{
	log_warn("store", "connection to XenStore lost");
	xenloopd_store_close(d);
}

/* After a resume, a cancelled suspend, or a reload that nobody told us of. */
static void resumed(struct xenloopd *d)
{
	uint64_t epoch = d->links.epoch;

	if (!d->nl || d->nl->ops->info(d->nl, &d->info)) {
		xenloopd_later(d, XENLOOPD_WORK_KERNEL_LOST);
		return;
	}
	if (d->info.epoch == epoch && !d->suspended)
		return;
	xenloop_links_drop(&d->links, "suspend");
	xenloop_past_forget(&d->links);
	d->suspended = false;
	d->links.epoch = d->info.epoch;
	d->self_ok = false;
	d->hello = false;
	xenloopd_store_clean(d, false);
	start(d); /* by now it is known as which domain */
	xenloopd_report_suspend(d);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
	struct xenloopd *d = arg;
	unsigned int todo = d->todo;

	d->todo = 0;
	if (todo & XENLOOPD_WORK_KERNEL_LOST)
		kernel_lost(d);
	if (todo & XENLOOPD_WORK_STORE_LOST)
		store_lost(d);
	if (todo & XENLOOPD_WORK_RESUMED)
		resumed(d);
	if (todo & XENLOOPD_WORK_START)
		start(d);
	if (todo & XENLOOPD_WORK_SYNC)
		xenloopd_ifaces_sync(d);
	show_status(d);
}

static void open_store(struct xenloopd *d)
{
	const char *why = NULL;
	int err = xenloopd_store_open(d, &why);

	if (err == -ENODEV) {
		log_err("store", "%s", why);
		xenloop_loop_exit(d->loop, XENLOOPD_ENVIRONMENT);
	} else if (err) {
		snprintf(d->xs_error, sizeof(d->xs_error), "%s (%s)", why,
			 strerror(-err));
		if (!d->ticks)
			log_warn("store", "%s (%s); trying again", why,
				 strerror(-err));
	} else {
		d->xs_error[0] = '\0';
		xenloopd_later(d, XENLOOPD_WORK_START);
	}
}

static void open_kernel(struct xenloopd *d)
{
	if (xenloopd_kernel_open(d))
		return;
	/* What another life of the daemon had begun. */
	xenloopd_store_clean(d, false);
	xenloopd_later(d, XENLOOPD_WORK_START);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct xenloopd *d = arg;

	if (!d->xs.h)
		open_store(d);
	if (d->xs.h && !d->nl)
		open_kernel(d);
	if (d->nl && d->ticks % CHECK_TICKS == 0)
		xenloopd_kernel_check(d);
	if (d->nl && d->hello && d->ticks % POLL_TICKS == 0)
		xenloopd_kernel_poll(d);
	if (d->ticks % SYNC_TICKS == 0) {
		if (!d->hello)
			xenloopd_later(d, XENLOOPD_WORK_START);
		xenloopd_store_complete(d);
		xenloopd_later(d, XENLOOPD_WORK_SYNC);
	}
	d->ticks++;
}

static void first_tick(evutil_socket_t fd, short what, void *arg)
{
	struct xenloopd *d = arg;

	xenloop_loop_ready(d->loop);
	on_tick(fd, what, arg);
}

int xenloopd_init(struct xenloopd *d)
{
	static const struct timeval second = { .tv_sec = 1 };
	static const struct timeval now;

	d->started_ms = xenloop_now_ms();
	d->log_limit = (struct xenloop_ratelimit)XENLOOP_RATELIMIT_INIT(5, 10000);
	d->kernel_log_limit =
		(struct xenloop_ratelimit)XENLOOP_RATELIMIT_INIT(5, 10000);
	d->links.io = &xenloopd_io;
	d->links.arg = d;
	d->links.fifo_size = d->settings.fifo_size;
	d->links.max_chans = d->settings.max_channels;
	d->links.full_rate = (struct xenloop_ratelimit)XENLOOP_FULL_RATE;
	d->work = event_new(d->base, -1, 0, on_work, d);
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	if (!d->work || !d->tick || event_add(d->tick, &second) ||
	    event_base_once(d->base, -1, EV_TIMEOUT, first_tick, d, &now))
		return -ENOMEM;
	return xenloopd_ifaces_open(d);
}

void xenloopd_stop(void *arg)
{
	struct xenloopd *d = arg;

	for (struct xenloop_link *l = d->links.first; l; l = l->next)
		xenloop_link_abandon(&d->links, l);
	log_info("main", "stopping; channels stay as they are");
	xenloop_loop_exit(d->loop, XENLOOPD_OK);
}

void xenloopd_exit(struct xenloopd *d)
{
	xenloop_links_free(&d->links);
	xenloopd_ifaces_close(d);
	xenloopd_kernel_close(d);
	xenloopd_store_close(d);
	if (d->tick)
		event_free(d->tick);
	if (d->work)
		event_free(d->work);
}

int xenloopd_flush(struct xenloopd *d)
{
	const char *why = NULL;
	int cleaned, err = xenloopd_store_open(d, &why);

	if (err) {
		log_err("store", "%s", why);
		return err == -ENODEV ? XENLOOPD_ENVIRONMENT : XENLOOPD_FAILED;
	}
	cleaned = xenloopd_store_clean(d, true);
	if (cleaned)
		log_err("store", "%s stays: %s", XENLOOPD_OUTBOX,
			strerror(-cleaned));
	/* Without the module there is nothing more to do, or to be told. */
	d->nl_errno = -ENOENT;
	err = xenloopd_kernel_open(d);
	if (!err)
		err = xenloopd_kernel_flush(d);
	else if (err == -ENOENT)
		err = 0;
	return err || cleaned ? XENLOOPD_FAILED : XENLOOPD_OK;
}
