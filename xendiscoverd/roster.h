/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_ROSTER_H
#define XENDISCOVERD_ROSTER_H

#include "xendiscoverd/model.h"

/*
 * What a guest is to be told: computed from the model, put into the guest's
 * table of nodes (publish.h). No I/O but log lines.
 */

/* Is `name` that of a roster node, "roster/P"? Then *domid is P. */
bool xenloop_roster_domid(const char *name, uint32_t *domid);

/* `self`; gone if the guest is not a peer. 0 or -ENOMEM. */
int xenloop_roster_self(struct xenloop_guest *guest);

/*
 * roster/P of `guest`, where P is `peer`; gone if they share no link. Logs links
 * that come and go if guest has the lower domid, within the limit of `cause`, the
 * one of the two that has changed. 0 or -ENOMEM.
 */
int xenloop_roster_peer(const struct xenloop_policy *policy,
			struct xenloop_guest *guest,
			const struct xenloop_guest *peer,
			struct xenloop_guest *cause);

/* Wants everything gone that domain `domid` is the subject or sender of. */
void xenloop_roster_forget(struct xenloop_guest *guest, uint32_t domid);

/*
 * Wants gone what an earlier run left and nothing in the model accounts for.
 */
void xenloop_roster_prune(const struct xenloop_model *model,
			  struct xenloop_guest *guest);

#endif
