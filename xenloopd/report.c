// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What happens, for the journal and for those who monitor. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

/* A MESSAGE_ID never changes; systemd/xenloop.catalog explains each. */
struct event {
	const char *name;
	const char *id;
};

static const struct event link_events[] = {
	[XENLOOP_REPORT_UP] = { "up", "ab6f937a45e74b13a4457bf4bb988313" },
	[XENLOOP_REPORT_ADOPTED] = { "adopted",
				     "ffd4d3f9f68e466ba2c1fde6c4d8cb5a" },
	[XENLOOP_REPORT_DRAINING] = { "draining",
				      "b5bf9bc69ee44aa8b333af46557b28c1" },
	[XENLOOP_REPORT_DOWN] = { "down", "16d569a6c64f4f36b42407323b865f30" },
	[XENLOOP_REPORT_FAILED] = { "failed",
				    "fb85618c708b4759a9419818f8fbb884" },
};

static const struct event attached = { "attached",
				       "5e50489eba7645c3b6d02d6036bf3bb7" };
static const struct event detached = { "detached",
				       "fd57d9cf901248d7ad0af7f36aebd0c1" };
static const struct event suspended = { "suspended",
					"c3706be566d34e0a8f7189c932a68d5c" };
static const struct event resumed = { "resumed",
				      "98eb6975845d4d04b4e801155c28edd6" };

/* No room is a failure like others, but for how often it is told. */
static const struct event *event_of(enum xenloop_link_report report)
{
	if (report == XENLOOP_REPORT_FULL)
		report = XENLOOP_REPORT_FAILED;
	return &link_events[report];
}

static const char *reason_of(const struct xenloop_link *link,
			     enum xenloop_link_report report)
{
	if (report == XENLOOP_REPORT_FAILED || report == XENLOOP_REPORT_FULL)
		return link->why;
	return report == XENLOOP_REPORT_DOWN ? link->reason : "";
}

/* A failing link tells it at the 1st, 2nd, 4th, 8th ... time. */
static enum xenloop_log_level level_of(const struct xenloop_link *link,
				       enum xenloop_link_report report)
{
	unsigned int n = link->sm.failures;

	if (report == XENLOOP_REPORT_DRAINING)
		return XENLOOP_LOG_DEBUG;
	if (report == XENLOOP_REPORT_FAILED)
		return n & (n - 1) ? XENLOOP_LOG_DEBUG : XENLOOP_LOG_NOTICE;
	if (report == XENLOOP_REPORT_FULL)
		return XENLOOP_LOG_NOTICE;
	return XENLOOP_LOG_INFO;
}

/* A peer decides how often its channels come and go, not what that costs. */
static bool may_log(struct xenloop_link *link, enum xenloop_log_level level,
		    char *more, size_t size)
{
	uint32_t missed;

	*more = '\0';
	if (level == XENLOOP_LOG_DEBUG)
		return true;
	if (!xenloop_ratelimit_ok(&link->log_rate, xenloop_now_ms(), &missed))
		return false;
	if (missed)
		snprintf(more, size, " (%" PRIu32 " more about domain %" PRIu32
			 " not logged)", missed, link->key.domid);
	return true;
}

static void to_journal(struct xenloop_link *link,
		       enum xenloop_link_report report)
{
	const struct event *event = event_of(report);
	enum xenloop_log_level level = level_of(link, report);
	const char *reason = reason_of(link, report);
	struct xenloop_log_event ev;
	char mac[XENLOOP_MAC_STR];
	char more[64];

	if (!may_log(link, level, more, sizeof(more)))
		return;
	xenloop_mac_format(link->mac, mac);
	xenloop_log_event_init(&ev, level, "chan", event->id, event->name);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_DOMID", "%" PRIu32,
			      link->key.domid);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_NAME", "%s", link->name);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_VIF", "%" PRIu32,
			      link->key.peer_vif);
	xenloop_log_event_add(&ev, "XENLOOP_MAC", "%s", mac);
	xenloop_log_event_add(&ev, "XENLOOP_IFNAME", "%s", link->ifname);
	if (link->chan.id)
		xenloop_log_event_add(&ev, "XENLOOP_CHANNEL", "%" PRIu32,
				      link->chan.id);
	if (*reason)
		xenloop_log_event_add(&ev, "XENLOOP_REASON", "%s", reason);
	xenloop_log_event_send(&ev, "channel to %s (domain %" PRIu32
			       ", %s) %s on %s%s%s%s", link->name,
			       link->key.domid, mac, event->name, link->ifname,
			       *reason ? ": " : "", reason, more);
}

static json_int_t unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (json_int_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static json_t *new_event(const char *event)
{
	return json_pack("{s:s, s:I}", "event", event, "time_ms", unix_ms());
}

static void to_monitors(struct xenloopd *d, const struct xenloop_link *link,
			enum xenloop_link_report report)
{
	char mac[XENLOOP_MAC_STR];
	json_t *event, *more;

	if (!d->ctl || !xenloop_ctl_has_subscribers(d->ctl))
		return;
	event = new_event(event_of(report)->name);
	more = json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:I, s:s}",
			 "name", link->name,
			 "domid", (json_int_t)link->key.domid,
			 "vif", (json_int_t)link->key.vif,
			 "peer_vif", (json_int_t)link->key.peer_vif,
			 "mac", xenloop_mac_format(link->mac, mac),
			 "ifname", link->ifname,
			 "channel", (json_int_t)link->chan.id,
			 "reason", reason_of(link, report));
	if (more)
		json_object_update(event, more);
	json_decref(more);
	xenloop_ctl_event(d->ctl, event);
}

void xenloopd_report_link(struct xenloopd *d, struct xenloop_link *link,
			  enum xenloop_link_report report)
{
	to_journal(link, report);
	to_monitors(d, link, report);
}

void xenloopd_report_iface(struct xenloopd *d,
			   const struct xenloopd_iface *iface)
{
	const struct event *event = iface->attached ? &attached : &detached;
	const char *name = iface->ifname[0] ? iface->ifname : "no interface";
	struct xenloop_log_event ev;
	char mac[XENLOOP_MAC_STR];
	json_t *json, *more;

	xenloop_mac_format(iface->mac, mac);
	xenloop_log_event_init(&ev, XENLOOP_LOG_INFO, "iface", event->id,
			       event->name);
	xenloop_log_event_add(&ev, "XENLOOP_VIF", "%" PRIu32, iface->vif);
	xenloop_log_event_add(&ev, "XENLOOP_MAC", "%s", mac);
	xenloop_log_event_add(&ev, "XENLOOP_IFNAME", "%s", iface->ifname);
	xenloop_log_event_add(&ev, "XENLOOP_REASON", "%s", iface->reason);
	xenloop_log_event_send(&ev, "%s (vif %" PRIu32 ", %s) %s%s%s", name,
			       iface->vif, mac, event->name,
			       iface->reason[0] ? ": " : "", iface->reason);
	if (!d->ctl || !xenloop_ctl_has_subscribers(d->ctl))
		return;
	json = new_event(event->name);
	more = json_pack("{s:s, s:I, s:s, s:s}", "ifname", iface->ifname,
			 "vif", (json_int_t)iface->vif, "mac", mac, "reason",
			 iface->reason);
	if (more)
		json_object_update(json, more);
	json_decref(more);
	xenloop_ctl_event(d->ctl, json);
}

void xenloopd_report_suspend(struct xenloopd *d)
{
	const struct event *event = d->suspended ? &suspended : &resumed;
	struct xenloop_log_event ev;
	char as[32] = "";

	xenloop_log_event_init(&ev, XENLOOP_LOG_INFO, "guest", event->id,
			       event->name);
	if (d->suspended || d->hello) {	/* else it may have another number by now */
		snprintf(as, sizeof(as), ", domain %" PRIu32, d->links.domid);
		xenloop_log_event_add(&ev, "XENLOOP_DOMID", "%" PRIu32,
				      d->links.domid);
	}
	xenloop_log_event_send(&ev, "this guest was %s%s", event->name, as);
	if (d->ctl && xenloop_ctl_has_subscribers(d->ctl))
		xenloop_ctl_event(d->ctl, new_event(event->name));
}
