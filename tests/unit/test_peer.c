// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The state machine: what has to hold everywhere, and the ways that matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "xenloopd/peer.h"

#define S(name)	XENLOOP_PEER_##name
#define E(name)	XENLOOP_EV_##name
#define A(name)	XENLOOP_ACT_##name

static bool has(const struct xenloop_peer_step *step,
		enum xenloop_peer_action action)
{
	for (unsigned int i = 0; step->action[i]; i++)
		if (step->action[i] == action)
			return true;
	return false;
}

static bool is_timer(enum xenloop_peer_action action)
{
	return action >= XENLOOP_ACT_T_STOP;
}

/* The timer as a step leaves it: an action, or NONE for "as it was". */
static enum xenloop_peer_action timer_of(const struct xenloop_peer_step *step)
{
	enum xenloop_peer_action last = XENLOOP_ACT_NONE;

	for (unsigned int i = 0; step->action[i]; i++)
		if (is_timer(step->action[i]))
			last = step->action[i];
	return last;
}

static bool waits(enum xenloop_peer_state state)
{
	return state == S(REQUESTED) || state == S(OFFERED) ||
	       state == S(CONNECTED) || state == S(CLOSING) ||
	       state == S(BACKOFF) || state == S(SILENT);
}

/* An event that this role never gets in this state. */
static bool is_impossible(const struct xenloop_peer *p,
			  enum xenloop_peer_event event)
{
	if (p->listener)
		return event == E(OFFER) || p->state == S(REQUESTED);
	return event == E(REQUEST) || event == E(ACCEPT) ||
	       p->state == S(OFFERED);
}

static void for_all(void (*check)(const struct xenloop_peer *before,
				  enum xenloop_peer_event event,
				  const struct xenloop_peer *after,
				  const struct xenloop_peer_step *step))
{
	struct xenloop_peer before, after;
	struct xenloop_peer_step step;

	for (unsigned int bits = 0; bits < 32; bits++) {
		memset(&before, 0, sizeof(before));
		before.listener = bits & 1;
		before.wanted = bits & 2;
		before.held = bits & 4;
		before.after = bits >> 3;
		for (int s = 0; s < XENLOOP_PEER_NR_STATES; s++) {
			before.state = s;
			for (int e = 0; e < XENLOOP_PEER_NR_EVENTS; e++) {
				if (is_impossible(&before, e))
					continue;
				after = before;
				step = xenloop_peer_step(&after, e);
				check(&before, e, &after, &step);
			}
		}
	}
}

static void is_sane(const struct xenloop_peer *before,
		    enum xenloop_peer_event event,
		    const struct xenloop_peer *after,
		    const struct xenloop_peer_step *step)
{
	assert_in_range(after->state, 0, XENLOOP_PEER_NR_STATES - 1);
	assert_int_equal(step->action[XENLOOP_PEER_MAX_ACTIONS - 1],
			 XENLOOP_ACT_NONE);
	if (!step->known) {
		assert_memory_equal(before, after, sizeof(*after));
		assert_int_equal(step->action[0], XENLOOP_ACT_NONE);
	}
	/* Each side does its own part only. */
	if (after->listener) {
		assert_false(has(step, A(REQUEST)));
		assert_false(has(step, A(CONNECT)));
	} else {
		assert_false(has(step, A(LISTEN)));
		assert_false(has(step, A(OFFER)));
		assert_false(has(step, A(ACCEPT)));
	}
}

static void test_sane(void **state)
{
	for_all(is_sane);
}

/* Nothing hangs: whoever waits has a timer, and an answer to its end. */
static void is_bounded(const struct xenloop_peer *before,
		       enum xenloop_peer_event event,
		       const struct xenloop_peer *after,
		       const struct xenloop_peer_step *step)
{
	enum xenloop_peer_action timer = timer_of(step);
	struct xenloop_peer copy = *after;

	if (waits(after->state)) {
		assert_int_not_equal(timer, A(T_STOP));
		if (after->state != before->state)
			assert_int_not_equal(timer, A(NONE));
		assert_true(xenloop_peer_step(&copy, E(TIMEOUT)).known);
	} else if (waits(before->state)) {
		/* Nor does a timer run on where nobody expects it. */
		assert_int_equal(timer, A(T_STOP));
	}
}

static void test_bounded(void **state)
{
	for_all(is_bounded);
}

/* A channel that is left behind is closed, or gone already. */
static void leaks_nothing(const struct xenloop_peer *before,
			  enum xenloop_peer_event event,
			  const struct xenloop_peer *after,
			  const struct xenloop_peer_step *step)
{
	bool had = xenloop_peer_has_chan(before);
	bool has_now = xenloop_peer_has_chan(after);

	if (had && !has_now)
		assert_true(has(step, A(FORGET)));
	if (had && after->state == S(CLOSING) && before->state != S(CLOSING) &&
	    event != E(DRAINING))
		assert_true(has(step, A(CLOSE)) || has(step, A(DRAIN)));
	if (had && has_now && before->state != S(CLOSING))
		assert_false(has(step, A(LISTEN)) || has(step, A(CONNECT)));
}

static void test_leaks_nothing(void **state)
{
	for_all(leaks_nothing);
}

static void ends_anywhere(const struct xenloop_peer *before,
			  enum xenloop_peer_event event,
			  const struct xenloop_peer *after,
			  const struct xenloop_peer_step *step)
{
	if (before->state == S(OFF))
		return;
	if (event == E(LOST)) {
		assert_int_equal(after->state, S(OFF));
		assert_true(has(step, A(DEL_PEER)));
		assert_true(has(step, A(CLEAR)));
	}
	if (event == E(SUSPENDED)) {
		assert_int_equal(after->state, S(OFF));
		/* The kernel has done it all; XenStore may be another one. */
		assert_false(has(step, A(DEL_PEER)));
		assert_false(has(step, A(CLOSE)));
		assert_false(has(step, A(CLEAR)));
	}
	/* Held and HELD: only these two events say so. */
	if (event == E(DISCONNECT) && before->state != S(HELD))
		assert_true(after->held);
	else if (event != E(CONNECT) && event != E(RELEASE))
		assert_int_equal(after->held, before->held);
}

static void test_ends_anywhere(void **state)
{
	for_all(ends_anywhere);
}

/* A way through the table: events, and the states they lead to. */
struct stage {
	enum xenloop_peer_event event;
	enum xenloop_peer_state state;
	enum xenloop_peer_action action[XENLOOP_PEER_MAX_ACTIONS];
};

static void walk(bool listener, const struct stage *s, size_t n)
{
	struct xenloop_peer p = { .listener = listener };

	for (size_t i = 0; i < n; i++) {
		struct xenloop_peer_step step;

		step = xenloop_peer_step(&p, s[i].event);
		if (p.state != s[i].state)
			fail_msg("stage %zu: %s leads to %s, not to %s", i,
				 xenloop_peer_event_name(s[i].event),
				 xenloop_peer_state_name(p.state),
				 xenloop_peer_state_name(s[i].state));
		for (unsigned int j = 0; j < XENLOOP_PEER_MAX_ACTIONS; j++)
			if (step.action[j] != s[i].action[j])
				fail_msg("stage %zu: action %u is %d, not %d",
					 i, j, step.action[j], s[i].action[j]);
	}
}

#define WALK(listener, ...) do {					\
	static const struct stage stages[] = { __VA_ARGS__ };		\
	walk(listener, stages, sizeof(stages) / sizeof(stages[0]));	\
} while (0)

#define READY	{ E(READY), S(IDLE), { A(ADD_PEER), A(T_STOP), A(INBOX) } }
#define ASK	{ A(REQUEST), A(T_ANSWER) }
#define GIVE	{ A(LISTEN), A(OFFER), A(T_ANSWER) }
#define TAKE	{ A(CONNECT), A(PUB_ACCEPT), A(ACTIVATE), A(T_ANSWER) }
#define GOT	{ A(ACCEPT), A(ACTIVATE), A(CLEAR), A(T_ANSWER) }
#define IS_UP	{ E(KERNEL_UP), S(UP), { A(CLEAR), A(T_STOP) } }
#define OVER	{ A(FORGET), A(ADD_PEER), A(T_STOP), A(INBOX) }

static void test_connector(void **state)
{
	WALK(false, READY,
	     { E(WANTED), S(REQUESTED), ASK },
	     { E(WANTED), S(REQUESTED), { 0 } },
	     { E(OFFER), S(CONNECTED), TAKE },
	     IS_UP,
	     { E(WANTED), S(UP), { 0 } },
	     { E(BYE), S(UP), { 0 } },
	     { E(IDLE), S(CLOSING), { A(DRAIN), A(BYE_IDLE), A(T_CLOSE) } },
	     { E(DRAINING), S(CLOSING), { 0 } },
	     { E(DOWN), S(IDLE), OVER });
}

static void test_listener(void **state)
{
	WALK(true, READY,
	     { E(WANTED), S(OFFERED), GIVE },
	     { E(REQUEST), S(OFFERED), { 0 } },
	     { E(ACCEPT), S(CONNECTED), GOT },
	     { E(ACCEPT), S(CONNECTED), { 0 } },
	     IS_UP,
	     { E(DRAINING), S(CLOSING), { A(T_CLOSE) } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_PAUSE) } },
	     { E(REQUEST), S(BACKOFF), { 0 } },
	     { E(TIMEOUT), S(OFFERED), { A(LISTEN), A(OFFER), A(T_ANSWER),
					 A(INBOX) } });
}

/* First traffic after an idle close brings the channel back at once. */
static void test_idle_and_back(void **state)
{
	WALK(true, READY,
	     { E(REQUEST), S(OFFERED), GIVE },
	     { E(ACCEPT), S(CONNECTED), GOT }, IS_UP,
	     { E(IDLE), S(CLOSING), { A(DRAIN), A(BYE_IDLE), A(T_CLOSE) } },
	     { E(WANTED), S(CLOSING), { 0 } },
	     { E(DOWN), S(OFFERED), { A(FORGET), A(ADD_PEER), A(LISTEN),
				      A(OFFER), A(T_ANSWER), A(INBOX) } });
}

/*
 * A new offer while the old channel lives: that one goes first, and then there
 * is a pause as after any other close by the peer.
 */
static void test_new_offer(void **state)
{
	WALK(false, READY,
	     { E(OFFER), S(CONNECTED), TAKE }, IS_UP,
	     { E(OFFER), S(CLOSING), { A(DRAIN), A(T_CLOSE) } },
	     { E(OFFER), S(CLOSING), { 0 } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_PAUSE) } },
	     { E(TIMEOUT), S(IDLE), { A(T_STOP), A(INBOX) } },
	     { E(OFFER), S(CONNECTED), TAKE },
	     { E(OFFER), S(CLOSING), { A(CLOSE), A(CLEAR), A(T_CLOSE) } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_PAUSE) } },
	     { E(TIMEOUT), S(IDLE), { A(T_STOP), A(INBOX) } });
}

/*
 * An offer at a bad time stays unread, and what comes before the link is ready;
 * every other message is dealt with.
 */
static void is_later(const struct xenloop_peer *before,
		     enum xenloop_peer_event event,
		     const struct xenloop_peer *after,
		     const struct xenloop_peer_step *step)
{
	bool bad_time = before->state == S(CLOSING) ||
			before->state == S(BACKOFF) ||
			before->state == S(CONNECTED) || before->state == S(UP);

	if (before->state == S(OFF))
		bad_time = event == E(OFFER) || event == E(REQUEST);
	else
		bad_time &= event == E(OFFER);
	assert_int_equal(step->later, bad_time);
}

static void test_later(void **state)
{
	for_all(is_later);
}

static void test_new_request(void **state)
{
	WALK(true, READY,
	     { E(WANTED), S(OFFERED), GIVE },
	     { E(ACCEPT), S(CONNECTED), GOT },
	     { E(REQUEST), S(CLOSING), { A(CLOSE), A(CLEAR), A(T_CLOSE) } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_PAUSE) } },
	     { E(TIMEOUT), S(OFFERED), { A(LISTEN), A(OFFER), A(T_ANSWER),
					 A(INBOX) } });
}

static void test_failures(void **state)
{
	WALK(true, READY,
	     { E(WANTED), S(OFFERED), GIVE },
	     { E(ERROR), S(CLOSING), { A(CLOSE), A(BYE_ERROR), A(T_CLOSE) } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_BACKOFF) } },
	     { E(WANTED), S(BACKOFF), { 0 } },
	     { E(TIMEOUT), S(OFFERED), { A(LISTEN), A(OFFER), A(T_ANSWER),
					 A(INBOX) } },
	     { E(TIMEOUT), S(CLOSING), { A(CLOSE), A(CLEAR), A(T_CLOSE) } },
	     { E(TIMEOUT), S(CLOSING), { A(CLOSE), A(T_CLOSE) } },
	     { E(DOWN), S(SILENT), { A(FORGET), A(ADD_PEER), A(T_BACKOFF) } },
	     { E(REQUEST), S(OFFERED), GIVE },
	     { E(BYE), S(CLOSING), { A(CLOSE), A(CLEAR), A(T_CLOSE) } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_BACKOFF) } });
	WALK(false, READY,
	     { E(WANTED), S(REQUESTED), ASK },
	     { E(TIMEOUT), S(SILENT), { A(CLEAR), A(T_BACKOFF) } },
	     { E(OFFER), S(CONNECTED), TAKE },
	     { E(TIMEOUT), S(CLOSING), { A(CLOSE), A(BYE_TIMEOUT),
					 A(T_CLOSE) } },
	     { E(DOWN), S(BACKOFF), { A(FORGET), A(ADD_PEER), A(T_BACKOFF) } },
	     { E(OFFER), S(BACKOFF), { 0 } },
	     { E(TIMEOUT), S(IDLE), { A(T_STOP), A(INBOX) } });
	WALK(false, READY,
	     { E(WANTED), S(REQUESTED), ASK },
	     { E(BYE), S(SILENT), { A(CLEAR), A(T_BACKOFF) } },
	     { E(OFFER), S(CONNECTED), TAKE });
}

/* A channel that breaks is not brought back at once, again and again. */
static void test_fault(void **state)
{
	struct xenloop_peer p = { .state = S(UP) };

	xenloop_peer_step(&p, E(FAULT));
	assert_int_equal(p.state, S(BACKOFF));
	assert_int_equal(p.failures, 1);
	xenloop_peer_step(&p, E(WANTED));
	assert_int_equal(p.state, S(BACKOFF));
	xenloop_peer_step(&p, E(TIMEOUT));
	assert_int_equal(p.state, S(REQUESTED));
	xenloop_peer_step(&p, E(TIMEOUT));
	assert_int_equal(p.failures, 2);
	xenloop_peer_step(&p, E(OFFER));
	xenloop_peer_step(&p, E(KERNEL_UP));
	assert_int_equal(p.failures, 0);
}

static void test_by_hand(void **state)
{
	WALK(true, READY,
	     { E(WANTED), S(OFFERED), GIVE },
	     { E(DISCONNECT), S(CLOSING), { A(CLOSE), A(BYE_REQUESTED),
					    A(T_CLOSE) } },
	     { E(WANTED), S(CLOSING), { 0 } },
	     { E(DOWN), S(HELD), { A(FORGET), A(ADD_PEER), A(T_STOP) } },
	     { E(WANTED), S(HELD), { 0 } },
	     { E(REQUEST), S(HELD), { A(BYE_HELD) } },
	     /* It stays held when the interface comes and goes. */
	     { E(LOST), S(OFF), { A(T_STOP), A(CLEAR), A(DEL_PEER),
				  A(FORGET) } },
	     { E(READY), S(HELD), { A(ADD_PEER), A(T_STOP) } },
	     { E(CONNECT), S(OFFERED), { A(INBOX), A(LISTEN), A(OFFER),
					 A(T_ANSWER) } });
	WALK(false, READY,
	     { E(DISCONNECT), S(HELD), { 0 } },
	     { E(OFFER), S(HELD), { A(BYE_HELD) } },
	     { E(CONNECT), S(REQUESTED), { A(INBOX), A(REQUEST),
					   A(T_ANSWER) } });
	WALK(false, READY,
	     { E(DISCONNECT), S(HELD), { 0 } },
	     { E(RELEASE), S(IDLE), { A(INBOX) } },
	     { E(DOWN), S(IDLE), { 0 } });
}

/* Afterwards nothing is held, wherever a link can be that was. */
static void is_released(const struct xenloop_peer *before,
			enum xenloop_peer_event event,
			const struct xenloop_peer *after,
			const struct xenloop_peer_step *step)
{
	bool can_be = before->state == S(OFF) || before->state == S(CLOSING) ||
		      before->state == S(HELD);

	if (event == E(CONNECT) && can_be)
		assert_false(after->held);
}

static void test_released(void **state)
{
	for_all(is_released);
}

static void test_epoch(void **state)
{
	WALK(false, READY,
	     { E(OFFER), S(CONNECTED), TAKE }, IS_UP,
	     { E(EPOCH), S(CLOSING), { A(CLOSE), A(CLEAR), A(T_CLOSE) } },
	     { E(WANTED), S(CLOSING), { 0 } },
	     { E(DOWN), S(REQUESTED), { A(FORGET), A(ADD_PEER), A(REQUEST),
					A(T_ANSWER), A(INBOX) } },
	     /* The request was for the old one. */
	     { E(EPOCH), S(REQUESTED), { A(CLEAR), A(REQUEST), A(T_ANSWER),
					 A(INBOX) } });
}

static void test_adoption(void **state)
{
	WALK(false, { E(ADOPT_UP), S(UP), { A(CLEAR) } },
	     { E(IDLE), S(CLOSING), { A(DRAIN), A(BYE_IDLE), A(T_CLOSE) } });
	WALK(false, { E(ADOPT_HALF), S(CONNECTED), { A(PUB_ACCEPT),
						     A(ACTIVATE),
						     A(T_ANSWER) } },
	     IS_UP);
	WALK(true, { E(ADOPT_STALE), S(CLOSING), { A(DRAIN), A(CLEAR),
						   A(T_CLOSE) } },
	     { E(DOWN), S(IDLE), OVER });
}

static void test_backoff(void **state)
{
	static const struct {
		unsigned int failures;
		uint32_t most;
	} rows[] = {
		{ 0, 1000 }, { 1, 1000 }, { 2, 2000 }, { 3, 4000 },
		{ 5, 16000 }, { 6, 30000 }, { 7, 30000 }, { 1000, 30000 },
		{ UINT32_MAX, 30000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t low = UINT32_MAX, high = 0;

		for (uint32_t r = 0; r < 100000; r++) {
			uint32_t ms = xenloop_peer_backoff_ms(rows[i].failures,
							      r);
			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		assert_int_equal(high, rows[i].most);
		assert_int_equal(low, rows[i].most - rows[i].most / 4);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sane),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_leaks_nothing),
		cmocka_unit_test(test_ends_anywhere),
		cmocka_unit_test(test_connector),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_idle_and_back),
		cmocka_unit_test(test_new_offer),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_new_request),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_released),
		cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
