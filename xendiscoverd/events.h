/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_EVENTS_H
#define XENDISCOVERD_EVENTS_H

#include "xendiscoverd/model.h"

/* Journal events of xendiscoverd; XENLOOP_EVENT= is the word in quotes. */

/* "joined", "left" */
void xenloop_event_guest(const struct xenloop_guest *guest, bool joined);

/* "link-allowed", "link-revoked"; within the limit of `cause`, one of the two */
void xenloop_event_link(const struct xenloop_guest *guest,
			const struct xenloop_guest *peer,
			const struct xenloop_roster_link *link, bool allowed,
			struct xenloop_guest *cause);

/* "refused": a message; not more often than the guest's log rate. */
void xenloop_event_refused(struct xenloop_guest *sender,
			   const struct xenloop_outbox_entry *entry,
			   const char *reason, uint64_t now_ms);

/* "overflow": more messages than `max`; not more often than that either. */
void xenloop_event_overflow(struct xenloop_guest *sender, uint32_t max,
			    uint64_t now_ms);

#endif
