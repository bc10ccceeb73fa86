/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_MODEL_H
#define XENDISCOVERD_MODEL_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"
#include "proto/ratelimit.h"
#include "xendiscoverd/netdevs.h"
#include "xendiscoverd/outbox.h"
#include "xendiscoverd/policy.h"
#include "xendiscoverd/publish.h"

/*
 * What xendiscoverd knows: the guests, their vifs, and what follows from that.
 * Nothing in here does I/O.
 */

#define XENLOOP_UUID_STR 37
#define XENLOOP_MAX_VIFS 32	/* per guest; lines that `self` has room for */

/* The words of docs/protocol.md, section self; in this order. */
enum xenloop_vif_state {
	XENLOOP_VIF_OK,
	XENLOOP_VIF_NO_BRIDGE,
	XENLOOP_VIF_NOT_DOM0,
	XENLOOP_VIF_RATE_LIMITED,
	XENLOOP_VIF_IP_FILTER,
	XENLOOP_VIF_ISOLATED,
	XENLOOP_VIF_VLAN,
	XENLOOP_VIF_DUPLICATE_MAC,
	XENLOOP_VIF_DOWN,
	XENLOOP_VIF_FILTERED,
	XENLOOP_VIF_ROUTED,
	XENLOOP_VIF_POLICY,
};

/* Where a vif's untagged frames go. */
struct xenloop_network {
	uint32_t bridge;		/* its ifindex in Dom0; 0: none */
	uint32_t vlan;			/* 0: the bridge does not filter VLANs */
	char name[IFNAMSIZ + 8];	/* "xenbr0" or "xenbr0/10" */
};

struct xenloop_vif {
	/* The toolstack's word. */
	uint32_t handle;
	uint8_t mac[XENLOOP_MAC_LEN];
	uint32_t backend;		/* domid */
	bool rate;			/* rate= */
	bool ip;			/* ip= */
	bool routed;			/* not to be on a bridge */
	char dev[IFNAMSIZ];		/* in Dom0; empty if there is none */
	/* What follows from it and from Dom0's kernel. */
	struct xenloop_network net;
	enum xenloop_vif_state state;
};

struct xenloop_guest {
	uint32_t domid;
	char uuid[XENLOOP_UUID_STR];
	char name[XENLOOP_NAME_MAX + 1];	/* printable, no blanks */
	bool alive;			/* neither shut down nor dying */
	bool present;			/* a hello that we understand */
	int hello_error;		/* why not: -ENOENT, -EPROTONOSUPPORT ... */
	struct xenloop_hello hello;	/* valid if present */
	unsigned int nr_vifs;
	struct xenloop_vif vif[XENLOOP_MAX_VIFS];	/* by handle */

	bool changed;			/* since its links were last computed */
	bool announced;			/* its joining was logged */
	bool facts_stale;		/* toolstack's nodes to be read */
	bool hello_stale;
	bool seen;			/* mark of a scan */
	bool watched;			/* our watches are set, its nodes loaded */
	bool unpruned;			/* loaded nodes were not looked through */
	struct xenloop_outbox outbox;
	struct xenloop_pub pub;
	struct xenloop_ratelimit hello_rate;	/* of reading it */
	struct xenloop_ratelimit change_rate;	/* of what it says */
	struct xenloop_ratelimit return_rate;	/* of vifs that come back up */
	struct xenloop_ratelimit message_rate;
	struct xenloop_ratelimit log_rate;
	struct xenloop_ratelimit link_log_rate;
};

struct xenloop_model {
	struct xenloop_guest **guest;	/* by domid; owned */
	size_t nr;
	size_t room;
};

/* Which vifs may loop although Dom0 treats them specially. */
struct xenloop_eligible {
	bool rate_limited;
	bool ip_filter;
	bool bridge_netfilter;
};

/* "ok", "no-bridge", ...: static. */
const char *xenloop_vif_state_name(enum xenloop_vif_state state);

/* Is it one that others may loop with? */
bool xenloop_guest_is_peer(const struct xenloop_guest *guest);

/* Milliseconds until its hello may be read. */
uint64_t xenloop_guest_hello_wait(const struct xenloop_guest *guest,
				  uint64_t now_ms);

/* NULL if there is none. Stays the model's. */
struct xenloop_guest *xenloop_model_find(const struct xenloop_model *model,
					 uint32_t domid);
struct xenloop_vif *xenloop_guest_vif(const struct xenloop_guest *guest,
				      uint32_t handle);

/* Finds or adds; NULL when out of memory. Stays the model's. */
struct xenloop_guest *xenloop_model_add(struct xenloop_model *model,
					uint32_t domid);
void xenloop_model_remove(struct xenloop_model *model, uint32_t domid);
void xenloop_model_clear(struct xenloop_model *model);

/*
 * Sets network and state of all vifs; marks guests with a difference as
 * changed. A vif that comes back too often stays down: *wait_ms is then no more
 * than the milliseconds until that is worth another look. 0 or -ENOMEM.
 */
int xenloop_model_evaluate(struct xenloop_model *model,
			   const struct xenloop_netdevs *netdevs,
			   const struct xenloop_policy *policy,
			   const struct xenloop_eligible *eligible,
			   uint64_t now_ms, uint64_t *wait_ms);

/*
 * NULL if the two vifs, of different guests, may loop; else one static word
 * that says why not. The answer is the same in both directions.
 */
const char *xenloop_model_refusal(const struct xenloop_policy *policy,
				  const struct xenloop_guest *a,
				  const struct xenloop_vif *va,
				  const struct xenloop_guest *b,
				  const struct xenloop_vif *vb);

/* Which key of [policy] decides about the two, were all else well. Static. */
const char *xenloop_model_decider(const struct xenloop_policy *policy,
				  const struct xenloop_guest *a,
				  const struct xenloop_vif *va,
				  const struct xenloop_guest *b,
				  const struct xenloop_vif *vb);

#endif
