/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Client of the generic netlink family "xenloop" (proto/xenloop.yaml).
 *
 * Everything goes through struct xenloop_nl_ops, so that tests can put a fake
 * kernel in its place. Calls are synchronous: each waits for the kernel's ACK.
 * They return 0 (dumps: the number of entries) or a negative errno; then
 * ->error() gives the kernel's own words.
 */
#ifndef XENLOOP_NL_H
#define XENLOOP_NL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/xenloop.h>

#define XENLOOP_NL_MAC_LEN	6
#define XENLOOP_NL_IFNAME	16
#define XENLOOP_NL_TEXT		64
#define XENLOOP_NL_STATS	64	/* counters kept per object */

struct xenloop_nl_stat {
	char name[32];
	uint64_t value;
};

struct xenloop_nl_stats {
	unsigned int nr;
	struct xenloop_nl_stat stat[XENLOOP_NL_STATS];
};

/* Tunables; a negative value means "leave as it is" in ->set(). */
struct xenloop_nl_tunables {
	int64_t stall_timeout;		/* ms */
	int64_t drain_timeout;		/* ms */
	int64_t hold_timeout;		/* ms */
	int64_t backlog_bytes;
	int64_t poll_time;		/* us */
};

struct xenloop_nl_info {
	char module_version[XENLOOP_NL_TEXT];
	uint32_t abi_version;
	uint32_t features;
	uint64_t epoch;
	uint32_t fifo_size_min;		/* bytes */
	uint32_t fifo_size_max;		/* bytes */
	uint64_t chans_created;
	uint64_t chans_destroyed;
	uint64_t pages_granted;
	uint64_t pages_freed;
	uint32_t pages_deferred;
	uint32_t pages_mapped;
	uint32_t ports_bound;
	struct xenloop_nl_tunables tun;
};

struct xenloop_nl_iface {
	uint32_t ifindex;
	uint32_t vif;			/* handle */
	uint8_t mac[XENLOOP_NL_MAC_LEN];
	char ifname[XENLOOP_NL_IFNAME];	/* dumps only */
	char aside[XENLOOP_NL_TEXT];	/* why channels stand aside, or "" */
	struct xenloop_nl_stats stats;	/* dumps only */
	struct xenloop_nl_stats chans;	/* of all its channels; dumps only */
};

struct xenloop_nl_peer {
	uint32_t ifindex;
	uint8_t mac[XENLOOP_NL_MAC_LEN]; /* the remote vif's */
	uint32_t domid;
	uint32_t vif;			/* the remote vif's handle */
};

struct xenloop_nl_chan {
	uint32_t id;			/* 0: none */
	uint32_t ifindex;
	uint8_t peer_mac[XENLOOP_NL_MAC_LEN];
	uint32_t domid;
	uint32_t vif;			/* the remote vif's handle */
	uint64_t cookie;
	uint32_t size;			/* bytes */
	uint32_t local_gref;
	uint32_t remote_gref;
	uint32_t port;
	uint32_t state;			/* enum xenloop_chan_state */
	uint32_t reason;		/* enum xenloop_reason */
	uint64_t idle_ms;		/* dumps only */
	uint64_t age_ms;		/* dumps only */
	bool listener;
	bool peer_active;
	struct xenloop_nl_stats stats;	/* dumps only */
};

struct xenloop_nl_event {
	uint32_t event;			/* enum xenloop_event */
	struct xenloop_nl_chan chan;	/* what the event carries, rest zero */
};

/* What the owner of a struct xenloop_nl is told by ->dispatch(). */
struct xenloop_nl_handler {
	void (*event)(void *arg, const struct xenloop_nl_event *event);
	/* Events were lost (ENOBUFS): dump everything again. */
	void (*resync)(void *arg);
};

struct xenloop_nl;

struct xenloop_nl_ops {
	int (*info)(struct xenloop_nl *nl, struct xenloop_nl_info *info);
	int (*set)(struct xenloop_nl *nl,
		   const struct xenloop_nl_tunables *tun);

	/* ifindex, vif and mac are read. */
	int (*iface_attach)(struct xenloop_nl *nl,
			    const struct xenloop_nl_iface *iface);
	int (*iface_detach)(struct xenloop_nl *nl, uint32_t ifindex);
	int (*peer_add)(struct xenloop_nl *nl,
			const struct xenloop_nl_peer *peer);
	/* ifindex and mac are read. */
	int (*peer_del)(struct xenloop_nl *nl,
			const struct xenloop_nl_peer *peer);

	/* Reads ifindex, peer_mac, size, cookie; fills id, local_gref, port. */
	int (*listen)(struct xenloop_nl *nl, struct xenloop_nl_chan *chan);
	/* Reads also remote_gref and port; fills id, local_gref. */
	int (*connect)(struct xenloop_nl *nl, struct xenloop_nl_chan *chan);
	int (*accept)(struct xenloop_nl *nl, uint32_t id,
		      uint32_t remote_gref);
	int (*activate)(struct xenloop_nl *nl, uint32_t id);
	int (*close)(struct xenloop_nl *nl, uint32_t id, bool drain);

	/*
	 * The number of entries; *list is for the caller to free(), NULL when
	 * there is none. A dump that was interrupted by a change is repeated.
	 */
	int (*iface_dump)(struct xenloop_nl *nl,
			  struct xenloop_nl_iface **list);
	int (*peer_dump)(struct xenloop_nl *nl, struct xenloop_nl_peer **list);
	int (*chan_dump)(struct xenloop_nl *nl, struct xenloop_nl_chan **list);

	/* Why the last call failed; valid until the next call. */
	const char *(*error)(const struct xenloop_nl *nl);

	/* Readable when ->dispatch() has something to do. */
	int (*fd)(const struct xenloop_nl *nl);
	/* Hand all pending events to the handler; -errno when the socket broke. */
	int (*dispatch)(struct xenloop_nl *nl);
	void (*free)(struct xenloop_nl *nl);
};

/* First member of every implementation. */
struct xenloop_nl {
	const struct xenloop_nl_ops *ops;
};

/*
 * Open the family and subscribe to its events. handler stays the caller's and
 * must outlive *out; end with (*out)->ops->free(). -ENOENT: the module is not
 * loaded; -EPROTO: it is, but speaks another family version.
 */
int xenloop_nl_open(const struct xenloop_nl_handler *handler, void *arg,
		    struct xenloop_nl **out);

/* Names as in the specification, "unknown" for what is out of range. */
const char *xenloop_nl_state_name(uint32_t state);
const char *xenloop_nl_event_name(uint32_t event);
const char *xenloop_nl_reason_name(uint32_t reason);

#endif /* XENLOOP_NL_H */
