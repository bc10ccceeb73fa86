// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The state machine of one link; see peer.h.
 *
 * An event without an entry in the table changes nothing. Two pseudo-states
 * stand for what depends on the role or on what happened meanwhile:
 *
 *	START	listener: OFFERED, connector: REQUESTED
 *	SETTLE	HELD, BACKOFF, SILENT, START or IDLE, by the memory bits
 */
#include "xenloopd/peer.h"

enum {
	START = XENLOOP_PEER_NR_STATES,
	SETTLE,
};

enum {
	WANT = 1 << 0,		/* remember that there is traffic */
	SERVED = 1 << 1,	/* forget it */
	HOLD = 1 << 2,
	RELEASE = 1 << 3,
	FAILED = 1 << 4,	/* one failure more */
	GOOD = 1 << 5,		/* no failure in a row any more */
	LATER = 1 << 6,		/* the message stays unread */
	AFTER_IDLE = 1 << 7,
	AFTER_PAUSE = 1 << 8,
	AFTER_SILENT = 1 << 9,
	AFTER_BACKOFF = 1 << 10,
};

struct rule {
	bool set;
	uint8_t next;
	uint16_t flags;
	uint8_t action[XENLOOP_PEER_MAX_ACTIONS];
};

#define A(name)	XENLOOP_ACT_##name
#define ON(event)	[XENLOOP_EV_##event]
#define DO(state, bits, ...) \
	{ .set = true, .next = state, .flags = bits, .action = { __VA_ARGS__ } }
#define IN(state)	[XENLOOP_PEER_##state]
#define TO(state)	XENLOOP_PEER_##state

#define CONNECT_NOW \
	DO(TO(CONNECTED), SERVED, A(CONNECT), A(PUB_ACCEPT), A(ACTIVATE), \
	   A(T_ANSWER))
#define GIVE_UP(bits, ...) \
	DO(TO(CLOSING), bits, A(CLOSE), __VA_ARGS__, A(T_CLOSE))

/* Wherever the link is: it ends, by the roster, the interface or a suspend. */
#define ENDS \
	ON(LOST) = DO(TO(OFF), SERVED, A(T_STOP), A(CLEAR), A(DEL_PEER), \
		      A(FORGET)), \
	ON(SUSPENDED) = DO(TO(OFF), SERVED, A(T_STOP), A(FORGET))

static const struct rule
table[XENLOOP_PEER_NR_STATES][XENLOOP_PEER_NR_EVENTS] = {
	IN(OFF) = {
		ON(READY) = DO(SETTLE, SERVED | GOOD | AFTER_IDLE, A(ADD_PEER)),
		ON(ADOPT_UP) = DO(TO(UP), GOOD, A(CLEAR)),
		ON(ADOPT_HALF) = DO(TO(CONNECTED), 0, A(PUB_ACCEPT),
				    A(ACTIVATE), A(T_ANSWER)),
		ON(ADOPT_STALE) = DO(TO(CLOSING), AFTER_IDLE, A(DRAIN),
				     A(CLEAR), A(T_CLOSE)),
		ON(CONNECT) = DO(TO(OFF), RELEASE),
		ON(DISCONNECT) = DO(TO(OFF), HOLD),
		/* Early; READY looks at it again. */
		ON(REQUEST) = DO(TO(OFF), LATER),
		ON(OFFER) = DO(TO(OFF), LATER),
	},
	IN(IDLE) = {
		ENDS,
		ON(WANTED) = DO(START, 0),
		ON(REQUEST) = DO(START, 0),
		ON(OFFER) = CONNECT_NOW,
		ON(NO_ROOM) = DO(TO(IDLE), 0, A(BYE_FULL)),
		ON(CONNECT) = DO(START, GOOD),
		ON(DISCONNECT) = DO(TO(HELD), HOLD),
		ON(EPOCH) = DO(TO(IDLE), GOOD, A(CLEAR), A(INBOX)),
		ON(ERROR) = DO(TO(OFF), 0),	/* ADD_PEER; tried again */
	},
	IN(REQUESTED) = {
		ENDS,
		ON(WANTED) = DO(TO(REQUESTED), WANT),
		ON(OFFER) = CONNECT_NOW,
		ON(NO_ROOM) = DO(TO(IDLE), SERVED, A(BYE_FULL), A(T_STOP)),
		/* The listener makes no offer now. */
		ON(BYE) = DO(TO(SILENT), FAILED, A(CLEAR), A(T_BACKOFF)),
		ON(TIMEOUT) = DO(TO(SILENT), FAILED, A(CLEAR), A(T_BACKOFF)),
		ON(ERROR) = DO(TO(BACKOFF), FAILED, A(CLEAR), A(T_BACKOFF)),
		ON(DISCONNECT) = DO(TO(HELD), HOLD, A(CLEAR), A(T_STOP)),
		ON(EPOCH) = DO(SETTLE, WANT | GOOD | AFTER_IDLE, A(CLEAR)),
	},
	IN(OFFERED) = {
		ENDS,
		ON(WANTED) = DO(TO(OFFERED), WANT),
		/* It crossed our offer, which is its answer. */
		ON(REQUEST) = DO(TO(OFFERED), 0),
		ON(ACCEPT) = DO(TO(CONNECTED), SERVED, A(ACCEPT), A(ACTIVATE),
				A(CLEAR), A(T_ANSWER)),
		ON(BYE) = GIVE_UP(AFTER_BACKOFF, A(CLEAR)),
		ON(DRAINING) = DO(TO(CLOSING), AFTER_BACKOFF, A(CLEAR),
				  A(T_CLOSE)),
		ON(DOWN) = DO(TO(BACKOFF), FAILED, A(FORGET), A(CLEAR),
			      A(T_BACKOFF)),
		ON(FAULT) = DO(TO(BACKOFF), FAILED, A(FORGET), A(CLEAR),
			       A(T_BACKOFF)),
		ON(ERROR) = GIVE_UP(AFTER_BACKOFF, A(BYE_ERROR)),
		ON(TIMEOUT) = GIVE_UP(AFTER_SILENT, A(CLEAR)),
		ON(DISCONNECT) = GIVE_UP(HOLD | AFTER_IDLE, A(BYE_REQUESTED)),
		ON(EPOCH) = GIVE_UP(GOOD | AFTER_IDLE, A(CLEAR)),
	},
	IN(CONNECTED) = {
		ENDS,
		ON(WANTED) = DO(TO(CONNECTED), WANT),
		ON(KERNEL_UP) = DO(TO(UP), SERVED | GOOD, A(CLEAR), A(T_STOP)),
		/* The connector has started over. */
		ON(REQUEST) = GIVE_UP(WANT | AFTER_PAUSE, A(CLEAR)),
		/* The listener has started over. */
		ON(OFFER) = GIVE_UP(LATER | AFTER_PAUSE, A(CLEAR)),
		ON(BYE) = GIVE_UP(AFTER_BACKOFF, A(CLEAR)),
		ON(DRAINING) = DO(TO(CLOSING), AFTER_PAUSE, A(CLEAR),
				  A(T_CLOSE)),
		ON(DOWN) = DO(TO(BACKOFF), FAILED, A(FORGET), A(CLEAR),
			      A(T_BACKOFF)),
		ON(FAULT) = DO(TO(BACKOFF), FAILED, A(FORGET), A(CLEAR),
			       A(T_BACKOFF)),
		ON(ERROR) = GIVE_UP(AFTER_BACKOFF, A(BYE_ERROR)),
		ON(TIMEOUT) = GIVE_UP(AFTER_BACKOFF, A(BYE_TIMEOUT)),
		ON(DISCONNECT) = DO(TO(CLOSING), HOLD | AFTER_IDLE, A(DRAIN),
				    A(BYE_REQUESTED), A(T_CLOSE)),
		ON(EPOCH) = GIVE_UP(GOOD | AFTER_IDLE, A(CLEAR)),
	},
	/* A bye is ignored: a live channel closes through the shared pages. */
	IN(UP) = {
		ENDS,
		ON(DRAINING) = DO(TO(CLOSING), AFTER_PAUSE, A(T_CLOSE)),
		ON(DOWN) = DO(TO(BACKOFF), 0, A(FORGET), A(T_PAUSE)),
		ON(FAULT) = DO(TO(BACKOFF), FAILED, A(FORGET), A(T_BACKOFF)),
		ON(IDLE) = DO(TO(CLOSING), AFTER_IDLE, A(DRAIN), A(BYE_IDLE),
			      A(T_CLOSE)),
		ON(DISCONNECT) = DO(TO(CLOSING), HOLD | AFTER_IDLE, A(DRAIN),
				    A(BYE_REQUESTED), A(T_CLOSE)),
		ON(REQUEST) = DO(TO(CLOSING), WANT | AFTER_PAUSE, A(DRAIN),
				 A(T_CLOSE)),
		ON(OFFER) = DO(TO(CLOSING), LATER | AFTER_PAUSE, A(DRAIN),
			       A(T_CLOSE)),
		/* The peer that this channel led to is no more. */
		ON(EPOCH) = GIVE_UP(GOOD | AFTER_IDLE, A(CLEAR)),
	},
	/*
	 * A peer that was deleted before its channel had drained is gone from
	 * the kernel now, so it is added (again) in the end.
	 */
	IN(CLOSING) = {
		ENDS,
		ON(WANTED) = DO(TO(CLOSING), WANT),
		ON(REQUEST) = DO(TO(CLOSING), WANT),
		ON(OFFER) = DO(TO(CLOSING), LATER),
		ON(DOWN) = DO(SETTLE, 0, A(FORGET), A(ADD_PEER)),
		ON(FAULT) = DO(SETTLE, AFTER_BACKOFF, A(FORGET), A(ADD_PEER)),
		ON(TIMEOUT) = DO(TO(CLOSING), 0, A(CLOSE), A(T_CLOSE)),
		ON(CONNECT) = DO(TO(CLOSING), RELEASE | WANT | GOOD |
				 AFTER_IDLE),
		ON(DISCONNECT) = DO(TO(CLOSING), HOLD),
		ON(EPOCH) = DO(TO(CLOSING), GOOD | AFTER_IDLE, A(CLOSE),
			       A(CLEAR), A(T_CLOSE)),
	},
	IN(BACKOFF) = {
		ENDS,
		ON(ERROR) = DO(TO(OFF), 0, A(T_STOP)),
		ON(WANTED) = DO(TO(BACKOFF), WANT),
		ON(REQUEST) = DO(TO(BACKOFF), WANT),
		ON(OFFER) = DO(TO(BACKOFF), LATER),
		ON(TIMEOUT) = DO(SETTLE, 0),
		ON(CONNECT) = DO(START, GOOD, A(INBOX)),
		ON(DISCONNECT) = DO(TO(HELD), HOLD, A(T_STOP)),
		ON(EPOCH) = DO(TO(BACKOFF), GOOD, A(CLEAR), A(T_PAUSE)),
	},
	IN(SILENT) = {
		ENDS,
		ON(ERROR) = DO(TO(OFF), 0, A(T_STOP)),
		ON(WANTED) = DO(TO(SILENT), WANT),
		ON(REQUEST) = DO(START, 0),
		ON(OFFER) = CONNECT_NOW,
		ON(NO_ROOM) = DO(TO(SILENT), 0, A(BYE_FULL)),
		ON(TIMEOUT) = DO(SETTLE, 0),
		ON(CONNECT) = DO(START, GOOD, A(INBOX)),
		ON(DISCONNECT) = DO(TO(HELD), HOLD, A(T_STOP)),
		ON(EPOCH) = DO(TO(SILENT), WANT | GOOD, A(CLEAR), A(T_PAUSE)),
	},
	IN(HELD) = {
		ENDS,
		ON(ERROR) = DO(TO(OFF), 0, A(T_STOP)),
		ON(OFFER) = DO(TO(HELD), 0, A(BYE_HELD)),
		ON(REQUEST) = DO(TO(HELD), 0, A(BYE_HELD)),
		ON(CONNECT) = DO(START, RELEASE | GOOD, A(INBOX)),
		ON(RELEASE) = DO(TO(IDLE), RELEASE | GOOD, A(INBOX)),
		ON(EPOCH) = DO(TO(HELD), GOOD, A(CLEAR), A(INBOX)),
	},
};

static void add(struct xenloop_peer_step *step, enum xenloop_peer_action action)
{
	unsigned int i = 0;

	while (step->action[i])
		i++;
	step->action[i] = action;
}

static void remember(struct xenloop_peer *peer, unsigned int flags)
{
	if (flags & (WANT | SERVED))
		peer->wanted = flags & WANT;
	if (flags & (HOLD | RELEASE))
		peer->held = flags & HOLD;
	if (flags & FAILED)
		peer->failures++;
	if (flags & GOOD)
		peer->failures = 0;
	if (flags & AFTER_IDLE)
		peer->after = XENLOOP_AFTER_IDLE;
	if (flags & AFTER_PAUSE)
		peer->after = XENLOOP_AFTER_PAUSE;
	if (flags & AFTER_SILENT)
		peer->after = XENLOOP_AFTER_SILENT;
	if (flags & AFTER_BACKOFF)
		peer->after = XENLOOP_AFTER_BACKOFF;
}

static void start(struct xenloop_peer *peer, struct xenloop_peer_step *step)
{
	peer->wanted = false;
	if (peer->listener) {
		peer->state = XENLOOP_PEER_OFFERED;
		add(step, XENLOOP_ACT_LISTEN);
		add(step, XENLOOP_ACT_OFFER);
	} else {
		peer->state = XENLOOP_PEER_REQUESTED;
		add(step, XENLOOP_ACT_REQUEST);
	}
	add(step, XENLOOP_ACT_T_ANSWER);
}

static void fail(struct xenloop_peer *peer, struct xenloop_peer_step *step,
		 enum xenloop_peer_state state)
{
	peer->state = state;
	peer->failures++;
	add(step, XENLOOP_ACT_T_BACKOFF);
}

static void settle(struct xenloop_peer *peer, struct xenloop_peer_step *step)
{
	enum xenloop_peer_after after = peer->after;

	peer->after = XENLOOP_AFTER_IDLE;
	if (peer->held) {
		peer->state = XENLOOP_PEER_HELD;
		add(step, XENLOOP_ACT_T_STOP);
	} else if (after == XENLOOP_AFTER_PAUSE) {
		peer->state = XENLOOP_PEER_BACKOFF;
		add(step, XENLOOP_ACT_T_PAUSE);
	} else if (after == XENLOOP_AFTER_SILENT) {
		fail(peer, step, XENLOOP_PEER_SILENT);
	} else if (after == XENLOOP_AFTER_BACKOFF) {
		fail(peer, step, XENLOOP_PEER_BACKOFF);
	} else if (peer->wanted) {
		start(peer, step);
		add(step, XENLOOP_ACT_INBOX);
	} else {
		peer->state = XENLOOP_PEER_IDLE;
		add(step, XENLOOP_ACT_T_STOP);
		add(step, XENLOOP_ACT_INBOX);
	}
}

struct xenloop_peer_step xenloop_peer_step(struct xenloop_peer *peer,
					   enum xenloop_peer_event event)
{
	const struct rule *rule = &table[peer->state][event];
	struct xenloop_peer_step step = { .known = rule->set };

	if (!rule->set)
		return step;
	for (unsigned int i = 0; rule->action[i]; i++)
		step.action[i] = rule->action[i];
	step.later = rule->flags & LATER;
	remember(peer, rule->flags);
	if (rule->next == START)
		start(peer, &step);
	else if (rule->next == SETTLE)
		settle(peer, &step);
	else
		peer->state = rule->next;
	return step;
}

uint32_t xenloop_peer_backoff_ms(unsigned int failures, uint32_t random)
{
	unsigned int doubled = failures > 1 ? failures - 1 : 0;
	uint32_t ms = XENLOOP_PEER_BACKOFF_MAX_MS;

	if (doubled < 5)
		ms = XENLOOP_PEER_BACKOFF_MIN_MS << doubled;
	return ms - random % (ms / 4 + 1);
}

bool xenloop_peer_has_chan(const struct xenloop_peer *peer)
{
	return peer->state >= XENLOOP_PEER_OFFERED &&
	       peer->state <= XENLOOP_PEER_CLOSING;
}

const char *xenloop_peer_state_name(enum xenloop_peer_state state)
{
	static const char *const names[] = {
		[XENLOOP_PEER_OFF] = "off",
		[XENLOOP_PEER_IDLE] = "idle",
		[XENLOOP_PEER_REQUESTED] = "requested",
		[XENLOOP_PEER_OFFERED] = "offered",
		[XENLOOP_PEER_CONNECTED] = "connected",
		[XENLOOP_PEER_UP] = "up",
		[XENLOOP_PEER_CLOSING] = "closing",
		[XENLOOP_PEER_BACKOFF] = "backoff",
		[XENLOOP_PEER_SILENT] = "silent",
		[XENLOOP_PEER_HELD] = "held",
	};

	return names[state];
}

const char *xenloop_peer_event_name(enum xenloop_peer_event event)
{
	static const char *const names[] = {
		[XENLOOP_EV_READY] = "ready",
		[XENLOOP_EV_LOST] = "lost",
		[XENLOOP_EV_EPOCH] = "epoch",
		[XENLOOP_EV_WANTED] = "wanted",
		[XENLOOP_EV_REQUEST] = "request",
		[XENLOOP_EV_NO_ROOM] = "no-room",
		[XENLOOP_EV_OFFER] = "offer",
		[XENLOOP_EV_ACCEPT] = "accept",
		[XENLOOP_EV_BYE] = "bye",
		[XENLOOP_EV_KERNEL_UP] = "kernel-up",
		[XENLOOP_EV_DRAINING] = "draining",
		[XENLOOP_EV_DOWN] = "down",
		[XENLOOP_EV_FAULT] = "fault",
		[XENLOOP_EV_ERROR] = "error",
		[XENLOOP_EV_TIMEOUT] = "timeout",
		[XENLOOP_EV_IDLE] = "idle",
		[XENLOOP_EV_CONNECT] = "connect",
		[XENLOOP_EV_RELEASE] = "release",
		[XENLOOP_EV_DISCONNECT] = "disconnect",
		[XENLOOP_EV_SUSPENDED] = "suspended",
		[XENLOOP_EV_ADOPT_UP] = "adopt-up",
		[XENLOOP_EV_ADOPT_HALF] = "adopt-half",
		[XENLOOP_EV_ADOPT_STALE] = "adopt-stale",
	};

	return names[event];
}
