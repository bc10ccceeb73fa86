// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The daemon's connections, events and timers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/log.h"
#include "xendiscoverd/privileges.h"
#include "xendiscoverd/xendiscoverd.h"

#define EVENTS_AT_ONCE 1024	/* watches handled before others get a turn */
#define BEAT_SECONDS 5
#define RETRY_MS 1000

static void disconnect(struct xenloop_discoverd *d)
{
	if (d->xs_event)
		event_free(d->xs_event);
	d->xs_event = NULL;
	event_del(d->work);
	xenloop_xs_close(&d->xs);
	if (d->xen)
		d->xen_ops->close(d->xen);
	d->xen = NULL;
	xenloop_model_clear(&d->model);
	d->connected = false;
}

/* A new connection would take rights that were given up; systemd starts anew. */
static void lost(struct xenloop_discoverd *d)
{
	log_err("xs", "connection to XenStore lost; ending, to be started again");
	xenloop_loop_exit(d->loop, XENLOOP_EXIT_ERROR);
}

void xenloop_discoverd_schedule(struct xenloop_discoverd *d, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
	uint64_t due = xenloop_now_ms() + ms;

	if (!d->connected || (event_pending(d->work, EV_TIMEOUT, NULL) &&
			      d->due_ms <= due))
		return;
	d->due_ms = due;
	event_add(d->work, &tv);
}

static void show_status(struct xenloop_discoverd *d)
{
	size_t peers, links;

	xenloop_status_count(&d->model, &peers, &links);
	xenloop_loop_status(d->loop, "%zu guests, %zu links", peers, links);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
	struct xenloop_discoverd *d = arg;
	uint64_t wait_ms;
	int err;

	(void)fd;
	(void)what;
	err = xenloop_work(d, &wait_ms);
	if (xenloop_xs_is_dead(err)) {
		lost(d);
		return;
	}
	if (err && err != d->last_error)
		log_err("work", "%s; trying again", strerror(-err));
	d->last_error = err;
	if (err)
		wait_ms = RETRY_MS;
	if (wait_ms != UINT64_MAX)
		xenloop_discoverd_schedule(d, wait_ms + 1);
	show_status(d);
}

static void on_xs(evutil_socket_t fd, short what, void *arg)
{
	struct xenloop_discoverd *d = arg;
	struct xenloop_xs_event ev;
	int ret = 0;

	(void)fd;
	(void)what;
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		ret = xenloop_xs_next_event(&d->xs, &ev);
		if (ret != 1)
			break;
		xenloop_watches_fired(d, &ev);
	}
	if (ret < 0)
		lost(d);
	else if (ret == 1)	/* there may be more, and the fd need not say so */
		event_active(d->xs_event, EV_READ, 0);
}

/* What is root's; *why is a line for the user on failure. */
static int open_doors(struct xenloop_discoverd *d, const char **why)
{
	int err = xenloop_xs_open(&d->xs, d->xs_ops, why);

	if (err)
		return err;
	*why = "no access to the hypervisor";
	return d->xen_ops->open(&d->xen);
}

static int add_xs(struct xenloop_discoverd *d)
{
	int err = xenloop_watches_add(&d->xs);

	if (err)
		return err;
	d->xs_event = event_new(xenloop_loop_base(d->loop),
				xenloop_xs_fd(&d->xs), EV_READ | EV_PERSIST,
				on_xs, d);
	return d->xs_event && !event_add(d->xs_event, NULL) ? 0 : -ENOMEM;
}

static int listen_to_users(struct xenloop_discoverd *d)
{
	int err;

	d->ctl = xenloop_ctl_new(xenloop_loop_base(d->loop),
				 XENLOOP_CTL_DOM0_PATH,
				 xenloop_discoverd_verbs, d);
	if (d->ctl)
		return 0;
	err = errno;
	log_err("ctl", "%s: %s", XENLOOP_CTL_DOM0_PATH, strerror(err));
	return err == EADDRINUSE ? XENLOOP_EXIT_RUNNING : XENLOOP_EXIT_ERROR;
}

static int give_up_rights(const struct xenloop_discoverd *d)
{
	int err = xenloop_privileges_drop();

	if (err) {
		log_err("main", "cannot give up privileges: %s",
			strerror(-err));
		return XENLOOP_EXIT_ERROR;
	}
	if (access(d->config, R_OK) && errno != ENOENT)
		log_warn("conf", "%s: %s; a reload will fail", d->config,
			 strerror(errno));
	return 0;
}

/* Guests and local users are heard from here on. 0, or an exit status. */
static int enter(struct xenloop_discoverd *d)
{
	int status = give_up_rights(d);
	int err;

	if (!status)
		status = listen_to_users(d);
	if (status)
		return status;
	err = add_xs(d);
	if (err) {
		log_err("xs", "can't set watches: %s", strerror(-err));
		return XENLOOP_EXIT_ERROR;
	}
	d->connected = true;
	d->domains_stale = true;
	d->netdevs_stale = true;
	log_info("xs", "connected to XenStore");
	xenloop_discoverd_schedule(d, 0);
	return 0;
}

static void tell_waiting(struct xenloop_discoverd *d, const char *why, int err)
{
	char text[sizeof(d->waiting)];

	snprintf(text, sizeof(text), "%s (%s)", why, strerror(-err));
	if (!strcmp(text, d->waiting))
		return;
	strcpy(d->waiting, text);
	if (d->wait)
		log_notice("main", "%s; waiting", text);
	else
		log_err("main", "%s", text);
	xenloop_loop_status(d->loop, "waiting: %s", text);
}

/*
 * To XenStore and the hypervisor. 0; -1, if it may work later; or an exit
 * status. It has told why.
 */
static int connect_all(struct xenloop_discoverd *d)
{
	const char *why;
	int err = open_doors(d, &why);

	if (!err)
		return enter(d);
	tell_waiting(d, why, err);
	disconnect(d);
	return -1;
}

/* Nobody tells of a sysctl, nor reliably of a connection that has died. */
static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct xenloop_discoverd *d = arg;
	bool netfilter = xenloop_netdevs_netfilter("");
	char buf[16];
	int status;

	(void)fd;
	(void)what;
	if (netfilter != d->netdevs.netfilter) {
		d->netdevs.netfilter = netfilter;
		xenloop_discoverd_schedule(d, 0);
	}
	if (d->connected) {
		if (xenloop_xs_is_dead(xenloop_xs_read(&d->xs, 0,
						       "/local/domain/0/domid",
						       buf, sizeof(buf))))
			lost(d);
		return;
	}
	status = connect_all(d);
	if (status > 0)
		xenloop_loop_exit(d->loop, status);
}

static void on_netdevs(void *arg)
{
	struct xenloop_discoverd *d = arg;

	d->netdevs_stale = true;
	xenloop_discoverd_schedule(d, 0);
}

void xenloop_discoverd_reload(struct xenloop_discoverd *d)
{
	struct xenloop_conf_error err;
	struct xenloop_settings *new;

	new = xenloop_settings_load(d->config, d->config_optional, &err);
	if (!new) {
		log_err("conf", "%s; the old settings stay", err.text);
		return;
	}
	xenloop_settings_free(d->settings);
	d->settings = new;
	xenloop_log_set_verbose(d->verbose || new->verbose);
	for (size_t i = 0; i < d->model.nr; i++)
		d->model.guest[i]->changed = true;
	xenloop_discoverd_schedule(d, 0);
	log_notice("conf", "%s: loaded", d->config);
}

static void on_reload(void *arg)
{
	xenloop_discoverd_reload(arg);
}

static const struct xenloop_loop_ops loop_ops = { .reload = on_reload };

static int add_timers(struct xenloop_discoverd *d)
{
	const struct timeval beat = { .tv_sec = BEAT_SECONDS };
	struct event_base *base = xenloop_loop_base(d->loop);

	d->work = evtimer_new(base, on_work, d);
	d->beat = event_new(base, -1, EV_PERSIST, on_beat, d);
	if (!d->work || !d->beat)
		return -1;
	return event_add(d->beat, &beat);
}

/* What the daemon needs of the machine besides Xen. */
static int open_local(struct xenloop_discoverd *d)
{
	d->loop = xenloop_loop_new(&loop_ops, d);
	if (!d->loop || add_timers(d)) {
		log_err("main", "no event loop: %s", strerror(errno));
		return XENLOOP_EXIT_ERROR;
	}
	d->netdevs.netfilter = xenloop_netdevs_netfilter("");
	d->netdevs_watch = xenloop_netdevs_watch_new(xenloop_loop_base(d->loop),
						     on_netdevs, d);
	if (!d->netdevs_watch && errno == EOPNOTSUPP) {
		log_err("netdevs", "this kernel does not tell of VLANs on bridges: Linux 5.6 or later is needed");
		return XENLOOP_EXIT_NO_XEN;
	}
	if (!d->netdevs_watch) {
		log_err("netdevs", "no rtnetlink: %s", strerror(errno));
		return XENLOOP_EXIT_ERROR;
	}
	return 0;
}

int xenloop_discoverd_init(struct xenloop_discoverd *d)
{
	int status;

	d->started_ms = xenloop_now_ms();
	status = open_local(d);
	if (status)
		return status;
	status = connect_all(d);
	if (status > 0)
		return status;
	if (status && !d->wait)
		return XENLOOP_EXIT_NO_XEN;
	xenloop_loop_ready(d->loop);
	return 0;
}

void xenloop_discoverd_exit(struct xenloop_discoverd *d)
{
	xenloop_ctl_free(d->ctl);
	xenloop_netdevs_watch_free(d->netdevs_watch);
	xenloop_netdevs_clear(&d->netdevs);
	if (d->work)
		disconnect(d);
	if (d->work)
		event_free(d->work);
	if (d->beat)
		event_free(d->beat);
	xenloop_loop_free(d->loop);
	xenloop_settings_free(d->settings);
}

/* One that can't be had is no reason to leave the others' nodes. */
static int clean_all(struct xenloop_discoverd *d)
{
	struct xenloop_dominfo *list;
	int err, first;
	size_t nr;

	first = d->xen_ops->list(d->xen, &list, &nr);
	if (first)
		return first;
	for (size_t i = 0; i < nr; i++) {
		struct xenloop_pub none = { 0 };

		err = xenloop_pub_remove(&d->xs, list[i].domid, &none);
		if (err)
			log_err("main", "nodes of domain %u: %s", list[i].domid,
				strerror(-err));
		first = first ? first : err;
	}
	free(list);
	return first;
}

int xenloop_discoverd_clean(struct xenloop_discoverd *d)
{
	const char *why;
	int err = open_doors(d, &why);

	if (err) {
		log_err("main", "%s (%s)", why, strerror(-err));
		xenloop_xs_close(&d->xs);
		return XENLOOP_EXIT_NO_XEN;
	}
	err = give_up_rights(d) ? -EPERM : clean_all(d);
	d->xen_ops->close(d->xen);
	xenloop_xs_close(&d->xs);
	if (err)
		log_err("main", "%s", strerror(-err));
	return err ? XENLOOP_EXIT_ERROR : XENLOOP_EXIT_OK;
}
