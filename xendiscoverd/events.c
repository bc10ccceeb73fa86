// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Journal events of xendiscoverd; see events.h. */
#include <stdio.h>

#include "proto/log.h"
#include "xendiscoverd/events.h"

#define ID_JOINED "eee236d253664e909b8bf8c34d18c151"
#define ID_LEFT "1108f555b8874f9aa22518ceece2f731"
#define ID_ALLOWED "d22118e59b4c44a7ab763eef3ecf94e6"
#define ID_REVOKED "a6ef35f019de441c9a6847329331ea0a"
#define ID_REFUSED "60198f8ac6814b66a4c16b74a80d1c3a"
#define ID_OVERFLOW "aae3d769e311405f9512db89ad4d1b66"

static void add_guest(struct xenloop_log_event *ev,
		      const struct xenloop_guest *guest)
{
	xenloop_log_event_add(ev, "XENLOOP_DOMID", "%u", guest->domid);
	xenloop_log_event_add(ev, "XENLOOP_NAME", "%s", guest->name);
}

static void add_mac(struct xenloop_log_event *ev, const char *key,
		    const uint8_t mac[XENLOOP_MAC_LEN])
{
	char text[XENLOOP_MAC_STR];

	xenloop_log_event_add(ev, key, "%s", xenloop_mac_format(mac, text));
}

void xenloop_event_guest(const struct xenloop_guest *guest, bool joined)
{
	struct xenloop_log_event ev;

	xenloop_log_event_init(&ev, XENLOOP_LOG_INFO, "scan",
			       joined ? ID_JOINED : ID_LEFT,
			       joined ? "joined" : "left");
	add_guest(&ev, guest);
	xenloop_log_event_add(&ev, "XENLOOP_UUID", "%s", guest->uuid);
	xenloop_log_event_add(&ev, "XENLOOP_EPOCH", "%016llx",
			      (unsigned long long)guest->hello.epoch);
	xenloop_log_event_send(&ev, "%s (domain %u) %s", guest->name,
			       guest->domid, joined ? "joined" : "left");
}

void xenloop_event_link(const struct xenloop_guest *guest,
			const struct xenloop_guest *peer,
			const struct xenloop_roster_link *link, bool allowed,
			struct xenloop_guest *cause)
{
	const struct xenloop_vif *vif = xenloop_guest_vif(guest, link->vif);
	struct xenloop_log_event ev;
	char more[64] = "";
	uint32_t missed;

	if (!xenloop_ratelimit_ok(&cause->link_log_rate, xenloop_now_ms(),
				  &missed))
		return;
	if (missed)
		snprintf(more, sizeof(more), " (%u more about domain %u not logged)",
			 missed, cause->domid);
	xenloop_log_event_init(&ev, XENLOOP_LOG_INFO, "roster",
			       allowed ? ID_ALLOWED : ID_REVOKED,
			       allowed ? "link-allowed" : "link-revoked");
	add_guest(&ev, guest);
	xenloop_log_event_add(&ev, "XENLOOP_VIF", "%u", link->vif);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_DOMID", "%u", peer->domid);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_NAME", "%s", peer->name);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_VIF", "%u", link->peer_vif);
	add_mac(&ev, "XENLOOP_PEER_MAC", link->mac);
	if (vif) {
		add_mac(&ev, "XENLOOP_MAC", vif->mac);
		xenloop_log_event_add(&ev, "XENLOOP_NETWORK", "%s",
				      vif->net.name);
		if (!allowed)
			xenloop_log_event_add(&ev, "XENLOOP_REASON", "%s",
					      xenloop_vif_state_name(vif->state));
	}
	xenloop_log_event_send(&ev, "%s vif %u and %s vif %u %s%s",
			       guest->name, link->vif, peer->name,
			       link->peer_vif,
			       allowed ? "may loop" : "may no longer loop",
			       more);
}

void xenloop_event_refused(struct xenloop_guest *sender,
			   const struct xenloop_outbox_entry *entry,
			   const char *reason, uint64_t now_ms)
{
	struct xenloop_log_event ev;
	uint32_t missed;

	if (!xenloop_ratelimit_ok(&sender->log_rate, now_ms, &missed))
		return;
	xenloop_log_event_init(&ev, XENLOOP_LOG_NOTICE, "relay", ID_REFUSED,
			       "refused");
	add_guest(&ev, sender);
	xenloop_log_event_add(&ev, "XENLOOP_VIF", "%u", entry->node.vif);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_DOMID", "%u",
			      entry->node.domid);
	xenloop_log_event_add(&ev, "XENLOOP_PEER_VIF", "%u",
			      entry->node.peer_vif);
	xenloop_log_event_add(&ev, "XENLOOP_REASON", "%s", reason);
	xenloop_log_event_send(&ev, "message of %s to domain %u refused: %s (%u more not logged)",
			       sender->name, entry->node.domid, reason, missed);
}

void xenloop_event_overflow(struct xenloop_guest *sender, uint32_t max,
			    uint64_t now_ms)
{
	struct xenloop_log_event ev;

	if (!xenloop_ratelimit_ok(&sender->log_rate, now_ms, NULL))
		return;
	xenloop_log_event_init(&ev, XENLOOP_LOG_NOTICE, "relay", ID_OVERFLOW,
			       "overflow");
	add_guest(&ev, sender);
	xenloop_log_event_send(&ev, "%s has more than %u messages, the rest is ignored",
			       sender->name, max);
}
