// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The host and xendiscoverd; see dom0.h. */
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim/clock.h"
#include "tests/sim/dom0.h"
#include "tests/sim/kernel.h"
#include "xendiscoverd/scan.h"
#include "xendiscoverd/xendiscoverd.h"

#define BRIDGE	100		/* its ifindex */
#define EVENTS_AT_ONCE	1024	/* as discoverd.c */

static struct {
	struct xenloop_discoverd d;
	struct store_conn conn;
	struct event *events, *netdevs;
	struct event_base *base;
	const char *dir;
	struct xenloop_dominfo dom[XENLOOP_DOMID_MAX];
	size_t nr;
	uint64_t rounds;
	double cpu;
} dom0;

static int xen_open(void **h)
{
	*h = &dom0;
	return 0;
}

static void xen_close(void *h)
{
}

static int xen_list(void *h, struct xenloop_dominfo **list, size_t *nr)
{
	*list = malloc((dom0.nr + 1) * sizeof(**list));
	memcpy(*list, dom0.dom, dom0.nr * sizeof(**list));
	*nr = dom0.nr;
	return 0;
}

static const struct xenloop_xen_ops xen_ops = {
	.open = xen_open,
	.close = xen_close,
	.list = xen_list,
};

static void notify(void *arg)
{
	event_active(dom0.events, EV_READ, 0);
}

static void on_events(evutil_socket_t fd, short what, void *arg)
{
	double start = sim_cpu();
	struct xenloop_xs_event ev;
	int n = 0;

	while (n++ < EVENTS_AT_ONCE &&
	       xenloop_xs_next_event(&dom0.d.xs, &ev) == 1)
		xenloop_watches_fired(&dom0.d, &ev);
	dom0.cpu += sim_cpu() - start;
	if (dom0.conn.queued)
		notify(NULL);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
	double start = sim_cpu();
	uint64_t wait_ms;

	dom0.rounds++;
	if (xenloop_work(&dom0.d, &wait_ms))
		abort();
	if (wait_ms != UINT64_MAX)
		xenloop_discoverd_schedule(&dom0.d, wait_ms + 1);
	dom0.cpu += sim_cpu() - start;
}

static void add_netdev(struct xenloop_netdevs *t, const char *name,
		       uint32_t index, uint32_t master)
{
	struct xenloop_netdev *dev;

	t->dev = reallocarray(t->dev, t->nr + 1, sizeof(*dev));
	dev = &t->dev[t->nr++];
	*dev = (struct xenloop_netdev){
		.ifindex = index, .up = true, .master = master,
		.is_bridge = !master, .is_port = master, .forwarding = true,
	};
	snprintf(dev->name, sizeof(dev->name), "%s", name);
}

/* As netdevs_watch.c and read_netdevs() do it, once for what came together. */
static void on_netdevs(evutil_socket_t fd, short what, void *arg)
{
	double start = sim_cpu();
	struct xenloop_netdevs *t = &dom0.d.netdevs;
	char name[IFNAMSIZ];

	xenloop_netdevs_clear(t);
	add_netdev(t, "xenbr0", BRIDGE, 0);
	for (size_t i = 0; i < dom0.nr; i++) {
		snprintf(name, sizeof(name), "vif%u.0", dom0.dom[i].domid);
		add_netdev(t, name, 1000 + dom0.dom[i].domid, BRIDGE);
	}
	if (xenloop_netdevs_sort(t))
		abort();
	for (size_t i = 0; i < dom0.d.model.nr; i++)
		xenloop_scan_devices(dom0.dir, dom0.d.model.guest[i]);
	xenloop_discoverd_schedule(&dom0.d, 0);
	dom0.cpu += sim_cpu() - start;
}

static void netdevs_changed(void)
{
	const struct timeval pause = {
		.tv_usec = XENLOOP_NETDEVS_PAUSE_MS * 1000,
	};

	if (!event_pending(dom0.netdevs, EV_TIMEOUT, NULL))
		event_add(dom0.netdevs, &pause);
}

void dom0_start(struct event_base *base, const char *dir)
{
	struct xenloop_discoverd *d = &dom0.d;
	struct xenloop_conf_error err;

	dom0.base = base;
	dom0.dir = dir;
	dom0.conn.notify = notify;
	dom0.events = event_new(base, -1, EV_READ | EV_PERSIST, on_events, NULL);
	dom0.netdevs = evtimer_new(base, on_netdevs, NULL);
	event_add(dom0.events, NULL);
	store_put("0", "/local/domain/0/domid");
	d->xs_ops = &store_ops;
	d->xen_ops = &xen_ops;
	d->xen = &dom0;
	d->sysfs = dir;
	d->settings = xenloop_settings_parse("sim", "", 0, &err);
	d->work = evtimer_new(base, on_work, NULL);
	store_opening = &dom0.conn;
	if (!d->settings || !d->work ||
	    xenloop_xs_open(&d->xs, d->xs_ops, NULL) ||
	    xenloop_watches_add(&d->xs))
		abort();
	d->connected = true;
	d->domains_stale = true;
	xenloop_discoverd_schedule(d, 0);
	netdevs_changed();
}

void dom0_stop(void)
{
	struct xenloop_discoverd *d = &dom0.d;

	xenloop_model_clear(&d->model);
	xenloop_settings_free(d->settings);
	xenloop_netdevs_clear(&d->netdevs);
	xenloop_xs_close(&d->xs);
	event_free(d->work);
	event_free(dom0.events);
	event_free(dom0.netdevs);
}

static void make_device(uint32_t domid, bool there)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/bus/xen-backend/devices/vif-%u-0",
		 dom0.dir, domid);
	if (there)
		mkdir(path, 0700);
	strcat(path, "/net");
	if (there)
		mkdir(path, 0700);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/vif%u.0",
		 domid);
	if (there)
		mkdir(path, 0700);
	while (!there && strstr(path, "/vif-")) {
		rmdir(path);
		*strrchr(path, '/') = '\0';
	}
}

void dom0_create(uint32_t domid, unsigned int number)
{
	struct xenloop_dominfo *info = &dom0.dom[dom0.nr++];
	char text[128], mac[XENLOOP_MAC_STR];
	uint8_t bytes[6];

	memset(info, 0, sizeof(*info));
	info->domid = domid;
	info->alive = true;
	snprintf(info->uuid, sizeof(info->uuid),
		 "00000000-0000-0000-0000-%012u", number);
	snprintf(text, sizeof(text), "%u", domid);
	store_put(text, "/local/domain/%u/domid", domid);
	snprintf(text, sizeof(text), "guest-%u", number);
	store_put(text, "/local/domain/%u/name", domid);
	store_put("", "/local/domain/%u/data", domid);
	kernel_mac(number, bytes);
	store_put(xenloop_mac_format(bytes, mac),
		  "/local/domain/0/backend/vif/%u/0/mac", domid);
	store_put("xenbr0", "/local/domain/0/backend/vif/%u/0/bridge", domid);
	snprintf(text, sizeof(text), "/local/domain/0/backend/vif/%u/0",
		 domid);
	store_put(text, "/libxl/%u/device/vif/0/backend", domid);
	store_special("@introduceDomain");
	make_device(domid, true);
	netdevs_changed();
}

void dom0_destroy(uint32_t domid, unsigned int number)
{
	size_t i = 0;

	while (dom0.dom[i].domid != domid)
		i++;
	dom0.dom[i] = dom0.dom[--dom0.nr];
	store_del("/local/domain/%u", domid);
	store_del("/local/domain/0/backend/vif/%u", domid);
	store_del("/libxl/%u", domid);
	store_special("@releaseDomain");
	make_device(domid, false);
	netdevs_changed();
}

static size_t pub_bytes(const struct xenloop_pub *pub)
{
	size_t sum = malloc_usable_size(pub->node);

	for (size_t i = 0; i < pub->nr; i++) {
		sum += malloc_usable_size(pub->node[i].have);
		if (pub->node[i].want != pub->node[i].have)
			sum += malloc_usable_size(pub->node[i].want);
	}
	return sum;
}

static size_t outbox_bytes(const struct xenloop_outbox *box)
{
	size_t sum = malloc_usable_size(box->entry);

	for (size_t i = 0; i < box->nr; i++)
		sum += malloc_usable_size(box->entry[i].text);
	return sum;
}

size_t dom0_bytes(void)
{
	const struct xenloop_model *model = &dom0.d.model;
	size_t sum = malloc_usable_size(model->guest) +
		     malloc_usable_size(dom0.d.netdevs.dev) +
		     malloc_usable_size(dom0.d.netdevs.by_index);

	for (size_t i = 0; i < model->nr; i++)
		sum += malloc_usable_size(model->guest[i]) +
		       pub_bytes(&model->guest[i]->pub) +
		       outbox_bytes(&model->guest[i]->outbox);
	return sum;
}

struct dom0_counts dom0_counts(void)
{
	const struct xenloop_discoverd *d = &dom0.d;

	return (struct dom0_counts){
		.store = dom0.conn.counts, .rounds = dom0.rounds,
		.relayed = d->relay.relayed, .withdrawn = d->relay.withdrawn,
		.refused = d->relay.refused, .deferred = d->relay.deferred,
		.flushes = d->flushes, .cpu = dom0.cpu,
	};
}

bool dom0_idle(void)
{
	return !dom0.conn.queued &&
	       !event_pending(dom0.d.work, EV_TIMEOUT, NULL) &&
	       !event_pending(dom0.netdevs, EV_TIMEOUT, NULL);
}
