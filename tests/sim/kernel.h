/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_SIM_KERNEL_H
#define XENLOOP_SIM_KERNEL_H

#include "proto/nl.h"

/*
 * xenloop.ko of many guests, as their daemons see it. A guest is known by a
 * number that is also the end of its MAC address; it has one vif, handle 0.
 * Channels need an offer that is really there, and end at both ends.
 */

#define KERNEL_IFINDEX	2

struct kernel_chan {
	struct xenloop_nl_chan nl;
	struct kernel *other;		/* NULL until both are bound */
	uint32_t other_id;
	uint64_t used_ms;
};

struct kernel_event {
	struct kernel_event *next;
	struct xenloop_nl_event nl;
};

struct kernel_peer {
	bool known;
	struct xenloop_nl_peer nl;
	uint64_t wanted_ms;		/* when the daemon was last told */
};

struct kernel {
	struct xenloop_nl nl;		/* first */
	unsigned int number;
	bool loaded, attached;
	uint64_t epoch;
	struct xenloop_nl_iface iface;
	struct xenloop_nl_tunables tun;
	struct kernel_peer *peer;	/* by number */
	unsigned int nr_peers;
	struct kernel_chan *chan;
	unsigned int nr_chans, room;
	uint32_t next_id;
	const struct xenloop_nl_handler *handler;
	void *arg;
	struct kernel_event *first, **last;
	void (*notify)(struct kernel *k);
	uint64_t requests, listens, connects;
};

/* All guests that there will be. */
void kernel_init(unsigned int nr, void (*notify)(struct kernel *k));
struct kernel *kernel_of(unsigned int number);
void kernel_mac(unsigned int number, uint8_t mac[6]);
/* For which guest the next open is. */
extern struct kernel *kernel_opening;

int kernel_open(const struct xenloop_nl_handler *handler, void *arg,
		struct xenloop_nl **out);

/* Loads the module; a new life. */
void kernel_load(struct kernel *k);
/* The guest is no more: nobody is told. */
void kernel_die(struct kernel *k);
/* Closes all channels, and begins a new life when it ends. */
void kernel_suspend(struct kernel *k);
void kernel_resume(struct kernel *k);
/*
 * A frame from one guest to another, and one back: by their channel, which is
 * then in use, or it makes the module ask for one, once a second. True: by the
 * channel.
 */
bool kernel_traffic(struct kernel *k, struct kernel *to, uint64_t now_ms);
/* The channel between them that both have; NULL if there is none. */
const struct kernel_chan *kernel_chan(const struct kernel *k,
				      const struct kernel *to);

/* Over all guests: channels now, pages that they grant now, and the peaks. */
extern unsigned int kernel_chans, kernel_max_chans;
extern uint64_t kernel_ups;

#endif
