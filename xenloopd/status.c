// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The control socket's verbs. The shapes are fixed: members are added, never
 * renamed or removed, while XENLOOP_CTL_SCHEMA stays.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xenloopd/xenloopd.h"

static int no_memory(struct xenloop_ctl_error *err)
{
	return xenloop_ctl_fail(err, XENLOOP_CTL_FAILED, "out of memory");
}

/* Steals member. */
static int put(json_t *reply, const char *key, json_t *member,
	       struct xenloop_ctl_error *err)
{
	return json_object_set_new(reply, key, member) ? no_memory(err) : 0;
}

static int put_host(json_t *reply, struct xenloop_ctl_error *err)
{
	return put(reply, "host", json_string("guest"), err);
}

static json_t *hex64(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	return json_string(text);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static uint64_t stat_of(const struct xenloop_nl_stats *stats, const char *name)
{
	for (unsigned int i = 0; i < stats->nr; i++)
		if (!strcmp(stats->stat[i].name, name))
			return stats->stat[i].value;
	return 0;
}

static json_t *stats_json(const struct xenloop_nl_stats *stats)
{
	json_t *object = json_object();

	for (unsigned int i = 0; object && i < stats->nr; i++)
		json_object_set_new(object, stats->stat[i].name,
				    number(stats->stat[i].value));
	return object;
}

/* The module's lists; empty while there is no module. */
static int dump_chans(struct xenloopd *d, struct xenloop_nl_chan **list)
{
	int nr = d->nl ? d->nl->ops->chan_dump(d->nl, list) : 0;

	if (nr <= 0)
		*list = NULL;
	return nr;
}

static int dump_ifaces(struct xenloopd *d, struct xenloop_nl_iface **list)
{
	int nr = d->nl ? d->nl->ops->iface_dump(d->nl, list) : 0;

	if (nr <= 0)
		*list = NULL;
	return nr;
}

static json_t *daemon_json(const struct xenloopd *d)
{
	return json_pack("{s:i, s:I, s:o, s:I, s:s, s:s, s:b, s:I, s:I, s:I}",
			 "pid", (int)getpid(),
			 "uptime_ms",
			 (json_int_t)(xenloop_now_ms() - d->started_ms),
			 "epoch", hex64(d->links.epoch),
			 "domid", (json_int_t)d->links.domid,
			 "xenstore", d->xs.h ? "connected" : "not connected",
			 "xenstore_error", d->xs_error,
			 "suspended", d->suspended,
			 "nodes_ignored", (json_int_t)d->ignored,
			 "messages_stale", (json_int_t)d->links.stale,
			 "messages_refused", (json_int_t)d->links.refused);
}

/* Why the module cannot be asked. */
static json_t *no_kernel_json(int err)
{
	const char *reason = "failed";

	if (!err)	/* it is asked once XenStore is there */
		reason = "not-asked";
	else if (err == -ENOENT || err == -EOPNOTSUPP)
		reason = "not-loaded";
	else if (err == -EPROTO)
		reason = "other-version";
	return json_pack("{s:b, s:s, s:s}", "loaded", 0, "reason", reason,
			 "error", err ? strerror(-err) : "");
}

static json_t *kernel_json(struct xenloopd *d)
{
	const struct xenloop_nl_info *i = &d->info;
	int err = d->nl ? d->nl->ops->info(d->nl, &d->info) : d->nl_errno;

	if (!d->nl || err)
		return no_kernel_json(err);
	return json_pack("{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
			 " s:I, s:I, s:I}",
			 "loaded", 1,
			 "module_version", i->module_version,
			 "abi_version", (json_int_t)i->abi_version,
			 "features", (json_int_t)i->features,
			 "chans_created", (json_int_t)i->chans_created,
			 "chans_destroyed", (json_int_t)i->chans_destroyed,
			 "pages_granted", (json_int_t)i->pages_granted,
			 "pages_freed", (json_int_t)i->pages_freed,
			 "pages_deferred", (json_int_t)i->pages_deferred,
			 "pages_mapped", (json_int_t)i->pages_mapped,
			 "ports_bound", (json_int_t)i->ports_bound,
			 "fifo_size_min", (json_int_t)i->fifo_size_min,
			 "fifo_size_max", (json_int_t)i->fifo_size_max);
}

static json_t *settings_json(const struct xenloopd *d)
{
	const struct xenloopd_settings *s = &d->settings;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "fifo_size", (json_int_t)s->fifo_size,
			 "idle_ms", (json_int_t)s->idle_timeout * 1000,
			 "max_channels", (json_int_t)s->max_channels,
			 "stall_ms", (json_int_t)s->stall_timeout,
			 "drain_ms", (json_int_t)s->drain_timeout,
			 "hold_ms", (json_int_t)s->hold_timeout,
			 "backlog_bytes", (json_int_t)s->backlog_bytes,
			 "poll_us", (json_int_t)s->poll_time);
}

static const struct xenloop_nl_iface *
find_iface(const struct xenloop_nl_iface *list, int nr, uint32_t ifindex)
{
	for (int i = 0; i < nr; i++)
		if (list[i].ifindex == ifindex)
			return &list[i];
	return NULL;
}

static json_t *iface_json(const struct xenloopd *d,
			  const struct xenloopd_iface *iface,
			  const struct xenloop_nl_iface *k)
{
	const char *state = "detached", *reason = iface->reason;
	char mac[XENLOOP_MAC_STR];

	if (iface->attached && k && k->aside[0]) {
		state = "aside";
		reason = k->aside;
	} else if (iface->attached) {
		state = "attached";
		reason = "";
	}
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:b}",
			 "ifname", iface->ifindex ? iface->ifname : "",
			 "vif", (json_int_t)iface->vif,
			 "mac", xenloop_mac_format(iface->mac, mac),
			 "state", state, "reason", reason,
			 "dom0", iface->dom0, "present", iface->ifindex != 0,
			 "configured",
			 xenloopd_settings_has(&d->settings, iface->ifname));
}

static json_t *ifaces_json(struct xenloopd *d)
{
	struct xenloop_nl_iface *list;
	int nr = dump_ifaces(d, &list);
	json_t *array = json_array();

	for (unsigned int i = 0; i < d->nr_ifaces; i++)
		json_array_append_new(array,
				      iface_json(d, &d->iface[i],
						 find_iface(list, nr,
							    d->iface[i].ifindex)));
	free(list);
	return array;
}

static int do_status(void *arg, const struct xenloop_ctl_request *req,
		     json_t *reply, struct xenloop_ctl_error *err)
{
	struct xenloopd *d = arg;

	if (put_host(reply, err) ||
	    put(reply, "version", json_string(XENLOOP_VERSION), err) ||
	    put(reply, "daemon", daemon_json(d), err) ||
	    put(reply, "kernel", kernel_json(d), err) ||
	    put(reply, "interfaces", ifaces_json(d), err) ||
	    put(reply, "discovery", json_pack("{s:b}", "seen", d->self_ok),
		err))
		return -1;
	return put(reply, "settings", settings_json(d), err);
}

/* Why there is no channel; "" when there is one. */
static const char *reason_of(const struct xenloopd *d,
			     const struct xenloop_link *link)
{
	switch (link->sm.state) {
	case XENLOOP_PEER_OFF:
		if (d->suspended)
			return "suspended";
		if (!link->ifindex)
			return "the interface is not attached";
		return link->why;
	case XENLOOP_PEER_IDLE:
		return link->why[0] ? link->why : "no traffic yet";
	case XENLOOP_PEER_HELD:
		return "held down by xenloopctl disconnect";
	case XENLOOP_PEER_UP:
		return "";
	default:
		return link->why;
	}
}

static const struct xenloop_nl_chan *
find_chan(const struct xenloop_nl_chan *list, int nr, uint32_t id)
{
	for (int i = 0; id && i < nr; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

static json_t *link_json(const struct xenloopd *d,
			 const struct xenloop_link *link,
			 const struct xenloop_nl_chan *chan)
{
	static const struct xenloop_nl_chan none;
	const struct xenloop_nl_chan *c = chan ? chan : &none;
	char mac[XENLOOP_MAC_STR];

	return json_pack("{s:I, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I,"
			 " s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
			 "domid", (json_int_t)link->key.domid,
			 "name", link->name,
			 "vif", (json_int_t)link->key.vif,
			 "peer_vif", (json_int_t)link->key.peer_vif,
			 "mac", xenloop_mac_format(link->mac, mac),
			 "ifname", link->ifname,
			 "state", xenloop_peer_state_name(link->sm.state),
			 "role", link->sm.listener ? "listener" : "connector",
			 "channel", (json_int_t)c->id,
			 "fifo_size", (json_int_t)c->size,
			 "age_ms", (json_int_t)c->age_ms,
			 "idle_ms", (json_int_t)c->idle_ms,
			 "tx_frames",
			 (json_int_t)stat_of(&c->stats, "tx-frames"),
			 "tx_bytes", (json_int_t)stat_of(&c->stats, "tx-bytes"),
			 "rx_frames",
			 (json_int_t)stat_of(&c->stats, "rx-frames"),
			 "rx_bytes", (json_int_t)stat_of(&c->stats, "rx-bytes"),
			 "failures", (json_int_t)link->sm.failures,
			 "reason", reason_of(d, link));
}

/* PEER is a name or a domid. */
static bool is_meant(const struct xenloop_node *key, const char *name,
		     const struct xenloop_ctl_request *req)
{
	uint32_t domid;

	return !strcmp(req->args[0], name) ||
	       (!xenloop_u32_parse(req->args[0], XENLOOP_DOMID_MAX, &domid) &&
		domid == key->domid);
}

static int no_peer(const struct xenloop_ctl_request *req,
		   struct xenloop_ctl_error *err)
{
	return xenloop_ctl_fail(err, XENLOOP_CTL_NOT_FOUND, "no peer %.64s",
				req->args[0]);
}

static int do_peers(void *arg, const struct xenloop_ctl_request *req,
		    json_t *reply, struct xenloop_ctl_error *err)
{
	struct xenloopd *d = arg;
	struct xenloop_nl_chan *list;
	json_t *array = json_array();
	int nr = dump_chans(d, &list);

	for (struct xenloop_link *l = d->links.first; l; l = l->next)
		if (!req->nr_args || is_meant(&l->key, l->name, req))
			json_array_append_new(array,
					      link_json(d, l,
							find_chan(list, nr,
								  l->chan.id)));
	free(list);
	if (req->nr_args && !json_array_size(array)) {
		json_decref(array);
		return no_peer(req, err);
	}
	if (put_host(reply, err) ||
	    put(reply, "domid", number(d->links.domid), err)) {
		json_decref(array);
		return -1;
	}
	return put(reply, "peers", array, err);
}

static json_t *chan_stats_json(const struct xenloopd *d,
			       const struct xenloop_nl_chan *c)
{
	const struct xenloop_link *l = xenloop_links_find_chan(&d->links,
							       c->id);
	char mac[XENLOOP_MAC_STR];

	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:o}",
			 "channel", (json_int_t)c->id,
			 "domid", (json_int_t)c->domid,
			 "name", l ? l->name : "",
			 "mac", xenloop_mac_format(c->peer_mac, mac),
			 "ifname", l ? l->ifname : "",
			 "state", xenloop_nl_state_name(c->state),
			 "stats", stats_json(&c->stats));
}

static json_t *chans_stats_json(struct xenloopd *d)
{
	struct xenloop_nl_chan *list;
	json_t *array = json_array();
	int nr = dump_chans(d, &list);

	for (int i = 0; i < nr; i++)
		json_array_append_new(array, chan_stats_json(d, &list[i]));
	free(list);
	return array;
}

static json_t *ifaces_stats_json(struct xenloopd *d)
{
	struct xenloop_nl_iface *list;
	json_t *array = json_array();
	int nr = dump_ifaces(d, &list);

	for (int i = 0; i < nr; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:I, s:o, s:o}",
						"ifname", list[i].ifname,
						"vif", (json_int_t)list[i].vif,
						"stats",
						stats_json(&list[i].stats),
						"channels",
						stats_json(&list[i].chans)));
	free(list);
	return array;
}

static int do_stats(void *arg, const struct xenloop_ctl_request *req,
		    json_t *reply, struct xenloop_ctl_error *err)
{
	if (put_host(reply, err) ||
	    put(reply, "interfaces", ifaces_stats_json(arg), err))
		return -1;
	return put(reply, "channels", chans_stats_json(arg), err);
}

/* Of a peer that is away: it is not held down when it comes back. Its name. */
static const char *release_absent(struct xenloopd *d,
				  const struct xenloop_ctl_request *req)
{
	const char *name = NULL;

	for (struct xenloop_past *p = d->links.past; p; p = p->next) {
		if (!p->held || !is_meant(&p->key, p->name, req))
			continue;
		p->held = false;
		name = p->name;
	}
	return name;
}

static int put_peer(const char *name, enum xenloop_peer_state state,
		    json_t *reply, struct xenloop_ctl_error *err)
{
	if (put_host(reply, err) ||
	    put(reply, "peer", json_string(name), err))
		return -1;
	return put(reply, "state", json_string(xenloop_peer_state_name(state)),
		   err);
}

static int by_hand(struct xenloopd *d, const struct xenloop_ctl_request *req,
		   enum xenloop_peer_event event, json_t *reply,
		   struct xenloop_ctl_error *err)
{
	const char *absent = event == XENLOOP_EV_CONNECT ?
				     release_absent(d, req) : NULL;
	const struct xenloop_link *found = NULL;
	bool full = false;

	for (struct xenloop_link *l = d->links.first; l; l = l->next) {
		if (!is_meant(&l->key, l->name, req))
			continue;
		full |= !xenloop_link_event(&d->links, l, event,
					    event == XENLOOP_EV_DISCONNECT ?
						    "disconnected" : NULL);
		found = l;
	}
	if (!found && absent)
		return put_peer(absent, XENLOOP_PEER_OFF, reply, err);
	if (!found)
		return no_peer(req, err);
	if (full)
		return xenloop_ctl_fail(err, XENLOOP_CTL_FAILED,
					"max-channels (%" PRIu32 ") reached; traffic brings a channel up when there is room",
					d->links.max_chans);
	return put_peer(found->name, found->sm.state, reply, err);
}

static int do_connect(void *arg, const struct xenloop_ctl_request *req,
		      json_t *reply, struct xenloop_ctl_error *err)
{
	return by_hand(arg, req, XENLOOP_EV_CONNECT, reply, err);
}

static int do_disconnect(void *arg, const struct xenloop_ctl_request *req,
			 json_t *reply, struct xenloop_ctl_error *err)
{
	return by_hand(arg, req, XENLOOP_EV_DISCONNECT, reply, err);
}

static int do_monitor(void *arg, const struct xenloop_ctl_request *req,
		      json_t *reply, struct xenloop_ctl_error *err)
{
	return put_host(reply, err);
}

const struct xenloop_ctl_verb xenloopd_verbs[] = {
	{ .verb = "status", .fn = do_status },
	{ .verb = "peers", .max_args = 1, .fn = do_peers },
	{ .verb = "stats", .fn = do_stats },
	{ .verb = "monitor", .stream = true, .fn = do_monitor },
	{ .verb = "connect", .privileged = true, .min_args = 1, .max_args = 1,
	  .fn = do_connect },
	{ .verb = "disconnect", .privileged = true, .min_args = 1,
	  .max_args = 1, .fn = do_disconnect },
	{ .verb = "settings", .max_args = 1, .fn = xenloopd_tune_list },
	{ .verb = "set", .privileged = true, .min_args = 2, .max_args = 2,
	  .fn = xenloopd_tune_set },
	{ .verb = NULL },
};
