/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Links: what the roster names, each with its state machine (peer.h).
 *
 * links.c keeps the table, link.c feeds the machines and carries out their
 * actions through struct xenloop_link_io: the kernel, XenStore, timers and the
 * journal in the daemon, a simulated world in the tests.
 */
#ifndef XENLOOPD_LINK_H
#define XENLOOPD_LINK_H

#include "proto/msg.h"
#include "proto/nl.h"
#include "proto/ratelimit.h"
#include "xenloopd/peer.h"

#define XENLOOP_LINK_TEXT	128

/* A channel as the link that owns it needs to know it. */
struct xenloop_link_chan {
	uint32_t id;		/* 0: none */
	uint32_t size;		/* bytes */
	uint32_t local_gref;
	uint32_t port;		/* listener's, in its own domain */
	bool active;
};

struct xenloop_link {
	struct xenloop_link *next;
	struct xenloop_link *next_domid;	/* in its bucket of by_domid */
	struct xenloop_link *next_mac;	/* in its bucket of by_mac */
	struct xenloop_node key;	/* peer's domid, local vif, peer's vif */
	uint8_t mac[XENLOOP_MAC_LEN];	/* the peer vif's */
	char name[XENLOOP_NAME_MAX + 1]; /* the peer's, in Dom0 */
	uint64_t epoch;			/* the peer's */
	bool listed;			/* mark of a sweep over the roster */
	bool known;			/* mark: the module has a peer by mac */

	uint32_t ifindex;		/* 0: no interface for the local vif */
	char ifname[XENLOOP_NL_IFNAME];

	struct xenloop_peer sm;
	struct xenloop_link_chan chan;
	uint32_t polled;		/* chan.id when the kernel was asked */
	uint32_t attempt;		/* of chan; 0: none */
	uint32_t requested;		/* attempt of our last request */
	uint32_t seen_request;		/* the peer's last one dealt with */
	uint32_t seen_offer;
	struct xenloop_msg in;		/* message being dealt with */
	bool published;			/* we have a message in the outbox */
	bool bye;			/* and it is a bye */
	bool check_inbox;
	bool announced;			/* reported as up */

	char reason[XENLOOP_WORD_MAX + 1]; /* why chan or the last one ended */
	char why[XENLOOP_LINK_TEXT];	/* why the last attempt failed */
	struct xenloop_ratelimit log_rate; /* of lines in the journal */
	/* Channels and attempts that end, and answers to vain ones. */
	struct xenloop_ratelimit end_rate;

	void *timer;			/* the io's; for the state machine */
	void *bye_timer;		/* the io's; a bye's thirty seconds */
};

/* What is worth telling the journal and those who monitor. */
enum xenloop_link_report {
	XENLOOP_REPORT_UP,
	XENLOOP_REPORT_ADOPTED,
	XENLOOP_REPORT_DRAINING,
	XENLOOP_REPORT_DOWN,		/* link->reason */
	XENLOOP_REPORT_FULL,		/* link->why: max-channels */
	XENLOOP_REPORT_FAILED,		/* link->why */
};

/* Each int is 0 or -errno; then error() has words for it. */
struct xenloop_link_io {
	int (*peer_add)(void *arg, const struct xenloop_nl_peer *peer);
	int (*peer_del)(void *arg, const struct xenloop_nl_peer *peer);
	int (*listen)(void *arg, struct xenloop_nl_chan *chan);
	int (*connect)(void *arg, struct xenloop_nl_chan *chan);
	int (*accept)(void *arg, uint32_t id, uint32_t remote_gref);
	int (*activate)(void *arg, uint32_t id);
	int (*close)(void *arg, uint32_t id, bool drain);

	int (*publish)(void *arg, const struct xenloop_link *link,
		       const struct xenloop_msg *msg);
	int (*clear)(void *arg, const struct xenloop_link *link);
	/* Calls xenloop_link_message() with what lies there, if anything. */
	void (*inbox)(void *arg, struct xenloop_link *link);

	const char *(*error)(void *arg);
	/* 0 ms: off. When it ends: xenloop_link_event(TIMEOUT). */
	void (*timer)(void *arg, struct xenloop_link *link, uint32_t ms);
	/* 0 ms: off. When it ends: xenloop_link_bye_over(). */
	void (*bye_timer)(void *arg, struct xenloop_link *link, uint32_t ms);
	uint32_t (*random)(void *arg);
	void (*report)(void *arg, struct xenloop_link *link,
		       enum xenloop_link_report report);
	/* Milliseconds of a clock that never goes back. */
	uint64_t (*now)(void *arg);
};

#define XENLOOP_LINKS_BUCKETS	256	/* a power of two */

/*
 * What stays of a link that is gone, for when it comes back: a peer that leaves
 * the roster for a moment must not have a new start by that, nor undo what was
 * done by hand.
 */
struct xenloop_past {
	struct xenloop_past *next;	/* the newest first */
	struct xenloop_node key;
	uint8_t mac[XENLOOP_MAC_LEN];
	char name[XENLOOP_NAME_MAX + 1];
	bool held;			/* by hand */
	struct xenloop_ratelimit log_rate, end_rate;
};

/* The oldest is forgotten; what is held, last. */
#define XENLOOP_PAST_MAX	256

/* struct xenloop_links' full_rate: ten at once, then one a minute. */
#define XENLOOP_FULL_RATE	XENLOOP_RATELIMIT_INIT(10, 60000)

struct xenloop_links {
	struct xenloop_link *first;
	struct xenloop_past *past;
	/* The same links, so that an event costs no walk over all of them. */
	struct xenloop_link *by_domid[XENLOOP_LINKS_BUCKETS];
	struct xenloop_link *by_mac[XENLOOP_LINKS_BUCKETS];
	const struct xenloop_link_io *io;
	void *arg;			/* of io */
	uint32_t domid;			/* ours */
	uint64_t epoch;			/* ours */
	uint32_t fifo_size;		/* bytes, for new channels */
	uint32_t max_chans;
	struct xenloop_ratelimit full_rate; /* of telling that there are */
	uint32_t close_ms;		/* how long a close may take */
	uint32_t next_attempt;		/* 0: not started yet */
	uint64_t stale;			/* messages of another epoch or attempt */
	uint64_t refused;		/* messages against the protocol */
};

/* links.c */

struct xenloop_link *xenloop_links_find(const struct xenloop_links *links,
					const struct xenloop_node *key);
struct xenloop_link *xenloop_links_find_mac(const struct xenloop_links *links,
					    uint32_t ifindex,
					    const uint8_t *mac);
/* The link that stands for a peer of the kernel's. */
struct xenloop_link *
xenloop_links_find_peer(const struct xenloop_links *links,
			const struct xenloop_nl_peer *peer);
/*
 * Another link than this one, not OFF, with the same MAC address on the same
 * interface; NULL if there is none.
 */
struct xenloop_link *xenloop_links_other(const struct xenloop_links *links,
					 const struct xenloop_link *link);
/* id is not 0. */
struct xenloop_link *xenloop_links_find_chan(const struct xenloop_links *links,
					     uint32_t id);
unsigned int xenloop_links_count(const struct xenloop_links *links,
				 bool with_chan);

/*
 * Makes the links to `domid` those of the roster entry: adds (in state OFF),
 * ends, and tells the machines about a new epoch. NULL: the peer is gone.
 * -ENOMEM, with what could be done done.
 */
int xenloop_links_update(struct xenloop_links *links, uint32_t domid,
			 const struct xenloop_roster *roster);
/*
 * A sweep over the roster: forget all marks, mark the peers that are there, and
 * end the links of all others.
 */
void xenloop_links_unmark(struct xenloop_links *links);
void xenloop_links_mark(struct xenloop_links *links, uint32_t domid);
void xenloop_links_sweep(struct xenloop_links *links);
/* Ends and frees all links; messages are left to the caller. */
void xenloop_links_drop(struct xenloop_links *links, const char *reason);

/* past.c: when a link is made, and before it is freed */
void xenloop_past_recall(struct xenloop_links *links,
			 struct xenloop_link *link);
void xenloop_past_keep(struct xenloop_links *links,
		       const struct xenloop_link *link);
/* Nothing of it is true any more: domids are others', or the daemon ends. */
void xenloop_past_forget(struct xenloop_links *links);

/*
 * Frees all links; neither the kernel nor the peers hear of it. For a daemon
 * that ends.
 */
void xenloop_links_free(struct xenloop_links *links);

/*
 * The interface of the link's local vif: its index and name, or 0 and NULL.
 * Makes the link OFF or ready; chans (nr of them) are what the kernel has, so
 * that a link without a channel finds its own again.
 */
void xenloop_link_iface(struct xenloop_links *links, struct xenloop_link *link,
			uint32_t ifindex, const char *ifname,
			const struct xenloop_nl_chan *chans, int nr);
/*
 * Makes links OFF whose peer is not among those of the module, which forgets
 * its peers together with their interface. xenloop_link_iface() then makes them
 * ready again. A link that is closing adds its peer by itself in the end.
 */
void xenloop_links_check_peers(struct xenloop_links *links,
			       const struct xenloop_nl_peer *peers, int nr);

/* link.c */

/*
 * `reason` is a word for reports, or NULL to keep the one that is there. False:
 * the event would start a channel, and there are max-channels.
 */
bool xenloop_link_event(struct xenloop_links *links, struct xenloop_link *link,
			enum xenloop_peer_event event, const char *reason);
void xenloop_link_message(struct xenloop_links *links,
			  struct xenloop_link *link,
			  const struct xenloop_msg *msg);
void xenloop_link_bye_over(struct xenloop_links *links,
			   struct xenloop_link *link);
/* Takes over a channel that the kernel has; the link is OFF. */
void xenloop_link_adopt(struct xenloop_links *links, struct xenloop_link *link,
			const struct xenloop_nl_chan *chan);
/*
 * Compares a link that has a channel with the kernel's list, and tells the
 * machine what events may have been lost.
 */
void xenloop_link_reconcile(struct xenloop_links *links,
			    struct xenloop_link *link,
			    const struct xenloop_nl_chan *chans, int nr);
/* Before the daemon ends: takes back what only a living daemon can finish. */
void xenloop_link_abandon(struct xenloop_links *links,
			  struct xenloop_link *link);

/* link_act.c, for link.c */

/* In a channel's cookie, above the attempt: we are the listener. */
#define XENLOOP_COOKIE_LISTENER	(1ull << 32)

/* Returns the event that follows, or XENLOOP_PEER_NR_EVENTS. */
enum xenloop_peer_event xenloop_link_act(struct xenloop_links *links,
					 struct xenloop_link *link,
					 const struct xenloop_peer_step *step);
/* Removes our message, if there is one. */
void xenloop_link_clear(struct xenloop_links *links, struct xenloop_link *link);
void xenloop_link_keep(struct xenloop_link *link,
		       const struct xenloop_nl_chan *chan);
/* 0 also if the kernel knows the peer already. */
int xenloop_link_add_peer(struct xenloop_links *links,
			  struct xenloop_link *link);

#endif /* XENLOOPD_LINK_H */
