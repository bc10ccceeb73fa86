/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The state machine of one link: (local vif, peer domid, peer vif).
 *
 * Pure: a table and a few bits of memory. It does no I/O, has no clock and
 * allocates nothing; link.c feeds it events and carries out its actions.
 *
 *	           READY               WANTED, REQUEST (listener)
 *	   OFF ----------> IDLE ------------------------------> OFFERED
 *	    ^               | | WANTED (connector)                 | ACCEPT
 *	    | LOST,         | +--------> REQUESTED                 v
 *	    | SUSPENDED     | OFFER          | OFFER            CONNECTED
 *	  (any)             +----------------+---------------->    | KERNEL_UP
 *	                                                           v
 *	   IDLE, HELD, BACKOFF, SILENT <------ CLOSING <---------- UP
 *
 * The lower domid listens. Whatever fails ends in BACKOFF (what the peer says
 * is kept for later, so a hostile peer cannot make us spin) or, when the peer
 * merely made no offer, in SILENT (what it says is taken up at once, so that
 * two sides that back off out of step find each other).
 */
#ifndef XENLOOPD_PEER_H
#define XENLOOPD_PEER_H

#include <stdbool.h>
#include <stdint.h>

enum xenloop_peer_state {
	XENLOOP_PEER_OFF,	/* not usable: no interface, suspended */
	XENLOOP_PEER_IDLE,	/* known to the kernel, no traffic */
	XENLOOP_PEER_REQUESTED,	/* connector: asked the listener for an offer */
	XENLOOP_PEER_OFFERED,	/* listener: has a channel, published the offer */
	XENLOOP_PEER_CONNECTED,	/* channel active here, peer not seen yet */
	XENLOOP_PEER_UP,
	XENLOOP_PEER_CLOSING,	/* waits for the kernel's "down" */
	XENLOOP_PEER_BACKOFF,	/* after a failure: deaf until the timer ends */
	XENLOOP_PEER_SILENT,	/* no answer or no offer; listens to the peer */
	XENLOOP_PEER_HELD,	/* held down by hand */
	XENLOOP_PEER_NR_STATES
};

enum xenloop_peer_event {
	XENLOOP_EV_READY,	/* interface attached, peer in the roster */
	XENLOOP_EV_LOST,	/* no longer so */
	XENLOOP_EV_EPOCH,	/* the peer has begun a new life */
	XENLOOP_EV_WANTED,	/* the kernel saw traffic */
	XENLOOP_EV_REQUEST,	/* listener; an attempt not seen before */
	XENLOOP_EV_OFFER,	/* connector; an attempt not seen before */
	XENLOOP_EV_NO_ROOM,	/* one of these, without room for a channel */
	XENLOOP_EV_ACCEPT,	/* listener; of the current attempt */
	XENLOOP_EV_BYE,		/* of the current attempt, or of our request */
	XENLOOP_EV_KERNEL_UP,	/* the peer is active in the shared pages */
	XENLOOP_EV_DRAINING,	/* the channel is closing, not by our wish */
	XENLOOP_EV_DOWN,	/* the channel is gone */
	XENLOOP_EV_FAULT,	/* the same, because of a stall or a violation */
	XENLOOP_EV_ERROR,	/* an action failed */
	XENLOOP_EV_TIMEOUT,	/* the timer that was armed last */
	XENLOOP_EV_IDLE,	/* no frame for idle-timeout */
	XENLOOP_EV_CONNECT,	/* by hand */
	XENLOOP_EV_RELEASE,	/* by hand, without room for a channel */
	XENLOOP_EV_DISCONNECT,	/* by hand */
	XENLOOP_EV_SUSPENDED,	/* the kernel has dropped all channels */
	XENLOOP_EV_ADOPT_UP,	/* found at start: a working channel */
	XENLOOP_EV_ADOPT_HALF,	/* found at start: connected, peer not seen */
	XENLOOP_EV_ADOPT_STALE,	/* found at start: listening or draining */
	XENLOOP_PEER_NR_EVENTS
};

/* In the order in which they are to be carried out. */
enum xenloop_peer_action {
	XENLOOP_ACT_NONE,	/* ends a list */
	XENLOOP_ACT_ADD_PEER,	/* kernel: make the remote vif known */
	XENLOOP_ACT_DEL_PEER,	/* kernel: forget it; closes its channel */
	XENLOOP_ACT_REQUEST,	/* publish a request with a new attempt */
	XENLOOP_ACT_LISTEN,	/* kernel: listen, with a new attempt */
	XENLOOP_ACT_OFFER,	/* publish the offer */
	XENLOOP_ACT_CONNECT,	/* kernel: connect to the peer's offer */
	XENLOOP_ACT_PUB_ACCEPT,	/* connector: publish the accept */
	XENLOOP_ACT_ACCEPT,	/* kernel: accept */
	XENLOOP_ACT_ACTIVATE,	/* kernel: activate, unless it is active */
	XENLOOP_ACT_CLOSE,	/* kernel: close at once; DOWN if no channel */
	XENLOOP_ACT_DRAIN,	/* kernel: close draining; DOWN if no channel */
	XENLOOP_ACT_FORGET,	/* the channel is gone: forget its number */
	XENLOOP_ACT_CLEAR,	/* remove our message */
	XENLOOP_ACT_BYE_IDLE,	/* publish a bye with that reason */
	XENLOOP_ACT_BYE_REQUESTED,
	XENLOOP_ACT_BYE_TIMEOUT,
	XENLOOP_ACT_BYE_ERROR,
	XENLOOP_ACT_BYE_HELD,
	XENLOOP_ACT_BYE_FULL,
	XENLOOP_ACT_INBOX,	/* look at the peer's message once more */
	XENLOOP_ACT_T_STOP,	/* timer off */
	XENLOOP_ACT_T_ANSWER,	/* how long the peer may take to answer */
	XENLOOP_ACT_T_CLOSE,	/* how long the kernel may take to close */
	XENLOOP_ACT_T_PAUSE,	/* XENLOOP_PEER_PAUSE_MS at least */
	XENLOOP_ACT_T_BACKOFF,	/* xenloop_peer_backoff_ms() at least */
};

#define XENLOOP_PEER_MAX_ACTIONS 8

/* What CLOSING leads to. */
enum xenloop_peer_after {
	XENLOOP_AFTER_IDLE,
	XENLOOP_AFTER_PAUSE,	/* the peer ended it: a short breath */
	XENLOOP_AFTER_SILENT,
	XENLOOP_AFTER_BACKOFF,
};

struct xenloop_peer {
	bool listener;		/* our domid is the lower one */
	enum xenloop_peer_state state;
	enum xenloop_peer_after after;
	bool wanted;		/* traffic, or a request, came at a bad time */
	bool held;		/* by hand */
	unsigned int failures;	/* in a row */
};

struct xenloop_peer_step {
	enum xenloop_peer_action action[XENLOOP_PEER_MAX_ACTIONS];
	bool known;		/* the table has an entry for it */
	bool later;		/* the message was not dealt with: show it again */
};

#define XENLOOP_PEER_PAUSE_MS		100
#define XENLOOP_PEER_ANSWER_MS		10000
#define XENLOOP_PEER_BACKOFF_MIN_MS	1000
#define XENLOOP_PEER_BACKOFF_MAX_MS	30000

/* Changes *peer and says what is to be done. */
struct xenloop_peer_step xenloop_peer_step(struct xenloop_peer *peer,
					   enum xenloop_peer_event event);

/*
 * Milliseconds to wait after `failures` failures in a row (from 1): doubled
 * each time up to the maximum, then three quarters to all of it, by `random`.
 */
uint32_t xenloop_peer_backoff_ms(unsigned int failures, uint32_t random);

/* Is there, or is there about to be, a channel? */
bool xenloop_peer_has_chan(const struct xenloop_peer *peer);

/* "off", "idle", ... */
const char *xenloop_peer_state_name(enum xenloop_peer_state state);
const char *xenloop_peer_event_name(enum xenloop_peer_event event);

#endif /* XENLOOPD_PEER_H */
