// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Guests and their daemons; see guest.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/clock.h"
#include "tests/sim/dom0.h"
#include "tests/sim/guest.h"
#include "tests/sim/kernel.h"
#include "xenloopd/xenloopd.h"

struct guest {
	unsigned int number;
	enum guest_state state;
	uint32_t domid;
	struct kernel *kernel;
	struct store_conn conn;
	struct xenloopd *d;		/* NULL while it does not run */
	struct event *boot;
};

static struct {
	struct guest *guest;
	unsigned int nr;
	struct xenloop_loop *loop;
	struct event_base *base;
	const char *dir;
	uint32_t next_domid;
} guests;

static void must(bool what, const char *text, const struct guest *g)
{
	if (what)
		return;
	printf("guest %u: %s\n", g->number, text);
	abort();
}

static void on_store(void *arg)
{
	struct guest *g = arg;

	if (g->d && g->d->xs_event && g->state == GUEST_RUNNING)
		event_active(g->d->xs_event, EV_READ, 0);
}

static void on_kernel(struct kernel *k)
{
	const struct guest *g = &guests.guest[k->number];

	if (g->d && g->d->nl_event && g->state == GUEST_RUNNING)
		event_active(g->d->nl_event, EV_READ, 0);
}

/*
 * The daemon as its main() starts it, but for the control socket; what is left
 * to its first tick needs to know which guest it is, so that is done here.
 */
static void start_daemon(struct guest *g)
{
	struct xenloopd *d = calloc(1, sizeof(*d));
	const char *why = "";

	g->d = d;
	d->loop = guests.loop;
	d->base = guests.base;
	d->xs_ops = &store_ops;
	d->nl_open = kernel_open;
	d->sysfs = guests.dir;
	d->conf_path = "";
	xenloopd_settings_default(&d->settings);
	must(!xenloopd_init(d), "the daemon does not start", g);
	xenloopd_ifaces_close(d);	/* this machine's interfaces */
	store_opening = &g->conn;
	must(!xenloopd_store_open(d, &why), why, g);
	on_store(g);
	kernel_opening = g->kernel;
	must(!xenloopd_kernel_open(d), "no module", g);
	xenloopd_store_clean(d, false);
	xenloopd_later(d, XENLOOPD_WORK_START);
}

static void stop_daemon(struct guest *g)
{
	if (!g->d)
		return;
	xenloopd_exit(g->d);
	free(g->d);
	g->d = NULL;
}

static void on_boot(evutil_socket_t fd, short what, void *arg)
{
	struct guest *g = arg;

	if (g->state == GUEST_BOOTING)
		kernel_load(g->kernel);
	g->state = GUEST_RUNNING;
	start_daemon(g);
}

static void boot_later(struct guest *g, uint32_t ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(g->boot, &tv);
}

void guests_init(unsigned int nr, struct event_base *base, const char *dir)
{
	static const struct xenloop_loop_ops ops;

	guests.loop = xenloop_loop_new(&ops, NULL);
	guests.nr = nr;
	guests.base = base;
	guests.dir = dir;
	guests.guest = calloc(nr, sizeof(*guests.guest));
	kernel_init(nr, on_kernel);
	for (unsigned int i = 0; i < nr; i++) {
		struct guest *g = &guests.guest[i];

		g->number = i;
		g->kernel = kernel_of(i);
		g->conn.notify = on_store;
		g->conn.arg = g;
		g->conn.last = &g->conn.first;
		g->boot = evtimer_new(base, on_boot, g);
	}
}

void guests_exit(void)
{
	for (unsigned int i = 0; i < guests.nr; i++) {
		stop_daemon(&guests.guest[i]);
		event_free(guests.guest[i].boot);
	}
	xenloop_loop_free(guests.loop);
}

enum guest_state guest_state(unsigned int number)
{
	return guests.guest[number].state;
}

bool guest_runs(unsigned int number)
{
	const struct guest *g = &guests.guest[number];

	return g->state == GUEST_RUNNING && g->d;
}

uint32_t guest_domid(unsigned int number)
{
	return guests.guest[number].domid;
}

static void new_domain(struct guest *g)
{
	g->domid = ++guests.next_domid;
	store_move(&g->conn, g->domid);
	dom0_create(g->domid, g->number);
}

void guest_create(unsigned int number, uint32_t boot_ms)
{
	struct guest *g = &guests.guest[number];

	must(g->state == GUEST_ABSENT, "created twice", g);
	g->state = GUEST_BOOTING;
	new_domain(g);
	boot_later(g, boot_ms);
}

void guest_destroy(unsigned int number)
{
	struct guest *g = &guests.guest[number];

	event_del(g->boot);
	stop_daemon(g);
	kernel_die(g->kernel);
	dom0_destroy(g->domid, g->number);
	g->state = GUEST_ABSENT;
}

void guest_leave(unsigned int number)
{
	struct guest *g = &guests.guest[number];

	must(g->state == GUEST_RUNNING && g->d, "can't leave", g);
	/* The kernel is frozen after its daemon: that hears of it later. */
	kernel_suspend(g->kernel);
	g->state = GUEST_AWAY;
	event_del(g->d->tick);
	dom0_destroy(g->domid, g->number);
}

void guest_return(unsigned int number)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct guest *g = &guests.guest[number];

	g->state = GUEST_RUNNING;
	new_domain(g);
	kernel_resume(g->kernel);
	on_store(g);
	event_add(g->d->tick, &second);
}

void guest_restart(unsigned int number, bool crash)
{
	struct guest *g = &guests.guest[number];

	if (!crash)
		for (struct xenloop_link *l = g->d->links.first; l; l = l->next)
			xenloop_link_abandon(&g->d->links, l);
	stop_daemon(g);
	boot_later(g, 1000);
}

unsigned int guest_links(unsigned int number)
{
	const struct xenloopd *d = guests.guest[number].d;

	return d ? xenloop_links_count(&d->links, false) : 0;
}

static void add(unsigned int *peak, unsigned int value)
{
	if (value > *peak)
		*peak = value;
}

struct guest_counts guest_counts(void)
{
	struct guest_counts sum = { 0 };

	for (unsigned int i = 0; i < guests.nr; i++) {
		const struct store_conn *c = &guests.guest[i].conn;

		sum.store.ops += c->counts.ops;
		sum.store.writes += c->counts.writes;
		sum.store.events += c->counts.events;
		add(&sum.max_nodes, c->max_nodes);
		add(&sum.max_watches, c->max_watches);
		add(&sum.max_events, c->max_events);
	}
	return sum;
}
