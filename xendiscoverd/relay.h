/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_RELAY_H
#define XENDISCOVERD_RELAY_H

#include "proto/xs.h"
#include "xendiscoverd/model.h"
#include "xendiscoverd/settings.h"

/*
 * From one guest's outbox into another's inbox. What a guest writes is bounded
 * in number, length and in how often it makes us act; what is too much is done
 * later, and then only its last state.
 */

struct xenloop_relay_counters {
	uint64_t relayed;	/* messages written into an inbox */
	uint64_t withdrawn;	/* messages taken out of an inbox */
	uint64_t refused;	/* bad or not allowed */
	uint64_t deferred;	/* readings put off by the rate limit */
	uint64_t ignored;	/* nodes: bad name, or over the limit */
};

/*
 * A watch said that something changed in the outbox of `guest`: `rest` is the
 * path below data/xenloop ("to/5-0-0", "to", or ""). Is there something to be
 * read now?
 */
bool xenloop_relay_mark(struct xenloop_guest *guest, const char *rest,
			const struct xenloop_settings *s,
			struct xenloop_relay_counters *c);

/*
 * Reads what is marked, as far as the rate limit allows. *wait_ms: lowered to
 * the time until it allows more. 0 or -errno: what could not be read stays
 * marked, and the rest was read, unless the connection is gone.
 */
int xenloop_relay_read(struct xenloop_xs *xs, struct xenloop_guest *guest,
		       const struct xenloop_settings *s,
		       struct xenloop_relay_counters *c, uint64_t now_ms,
		       uint64_t *wait_ms);

/*
 * Why the message is not to be relayed, or NULL: the checks of docs/protocol.md,
 * with no side effect. Static.
 */
const char *xenloop_relay_refusal(const struct xenloop_model *model,
				  const struct xenloop_policy *policy,
				  const struct xenloop_guest *sender,
				  const struct xenloop_outbox_entry *entry);

/* Brings the inboxes up to what the sender's outbox and the model say. */
int xenloop_relay_judge(const struct xenloop_model *model,
			const struct xenloop_policy *policy,
			struct xenloop_guest *sender,
			struct xenloop_relay_counters *c, uint64_t now_ms);

#endif
