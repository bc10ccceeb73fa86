/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_POLICY_H
#define XENDISCOVERD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"

/*
 * Who may loop with whom, among guests on the same network: a pure function of
 * the configuration. `off` comes first, then `deny`, then `allow`, then the
 * default.
 *
 * A selector is a domain's name (a shell pattern: web-*), its UUID, a vif's MAC
 * address, or @GROUP. Selectors that name a guest's MAC apply to that vif only.
 */

/* One end of a link. */
struct xenloop_party {
	const char *name;
	const char *uuid;	/* lower case, with dashes */
	const uint8_t *mac;	/* NULL: the guest as a whole */
};

enum xenloop_selector_kind {
	XENLOOP_SELECT_NAME,
	XENLOOP_SELECT_UUID,
	XENLOOP_SELECT_MAC,
	XENLOOP_SELECT_GROUP,
};

struct xenloop_selector {
	enum xenloop_selector_kind kind;
	uint8_t mac[XENLOOP_MAC_LEN];
	char text[XENLOOP_NAME_MAX + 1];
};

/* allow or deny: one selector for both ends, or one for each. */
struct xenloop_rule {
	struct xenloop_selector a;
	struct xenloop_selector b;
};

struct xenloop_group {
	char name[XENLOOP_NAME_MAX + 1];
	struct xenloop_selector *member;
	size_t nr;
};

struct xenloop_rules {
	struct xenloop_rule *rule;
	size_t nr;
};

struct xenloop_policy {
	bool deny_by_default;
	struct xenloop_rules allow;
	struct xenloop_rules deny;
	struct xenloop_selector *off;
	size_t nr_off;
	struct xenloop_group *group;
	size_t nr_groups;
};

void xenloop_policy_clear(struct xenloop_policy *policy);

/*
 * Add what a line of the configuration says. 0, -ENOMEM, or -EINVAL with a
 * short text in why.
 *	group	NAME: SELECTOR...	(no groups in groups)
 *	rule	SELECTOR [SELECTOR]
 *	off	SELECTOR...
 */
int xenloop_policy_add_group(struct xenloop_policy *policy, const char *value,
			     char *why, size_t size);
int xenloop_policy_add_rule(struct xenloop_rules *rules, const char *value,
			    char *why, size_t size);
int xenloop_policy_add_off(struct xenloop_policy *policy, const char *value,
			   char *why, size_t size);

/* Does every @GROUP exist? 0 or -EINVAL with a text; after the last line. */
int xenloop_policy_check(const struct xenloop_policy *policy, char *why,
			 size_t size);

/* Is this vif switched off? */
bool xenloop_policy_off(const struct xenloop_policy *policy,
			const struct xenloop_party *p);

/* What decides about the two: "deny", "allow" or "default". Static. */
const char *xenloop_policy_decider(const struct xenloop_policy *policy,
				   const struct xenloop_party *a,
				   const struct xenloop_party *b);

/* May the two loop? Symmetric. Does not look at `off`. */
bool xenloop_policy_allows(const struct xenloop_policy *policy,
			   const struct xenloop_party *a,
			   const struct xenloop_party *b);

#endif
