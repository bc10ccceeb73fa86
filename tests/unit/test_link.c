// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Two sides of the handshake in a simulated world (sim_guests.h): that they
 * find each other, that they do again after any mishap, and that they leave
 * nothing behind. XENLOOP_SIM_SEED=N runs one seed, XENLOOP_SIM_RUNS=N more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sim_guests.h"

#define A (&sim.guest[0])	/* listens */
#define B (&sim.guest[1])

static enum xenloop_peer_state state_of(struct sim_guest *g, int slot)
{
	struct xenloop_link *link = sim_link(g, slot);

	return link ? link->sm.state : XENLOOP_PEER_OFF;
}

static void print_world(void)
{
	for (int slot = 0; slot < SIM_LINKS; slot++)
		print_error("link %d: %s and %s; outboxes: %s %s", slot,
			    xenloop_peer_state_name(state_of(A, slot)),
			    xenloop_peer_state_name(state_of(B, slot)),
			    A->out[slot], B->out[slot]);
}

/* Both ends say so, and mean the same channel. */
static bool is_up(int slot)
{
	struct sim_chan *a = sim_slot_chan(A, slot);
	struct sim_chan *b = sim_slot_chan(B, slot);

	return state_of(A, slot) == XENLOOP_PEER_UP &&
	       state_of(B, slot) == XENLOOP_PEER_UP && a && b &&
	       a->other == b->id && b->other == a->id &&
	       sim_link(A, slot)->chan.id == a->id &&
	       sim_link(B, slot)->chan.id == b->id &&
	       (uint32_t)a->cookie == (uint32_t)b->cookie;
}

static bool all_up(void)
{
	return is_up(0) && is_up(1);
}

/* No channel, no message, everybody at rest. */
static bool is_quiet(void)
{
	for (int i = 0; i < 2; i++) {
		struct sim_guest *g = &sim.guest[i];

		for (int slot = 0; slot < SIM_LINKS; slot++)
			if (state_of(g, slot) != XENLOOP_PEER_IDLE ||
			    sim_slot_chan(g, slot) || g->out[slot][0] ||
			    g->in[slot][0] || !g->peer[slot])
				return false;
	}
	return true;
}

static void start(uint32_t seed)
{
	sim_reset(seed);
	sim_run(1000);
}

static void come_up(void)
{
	sim.traffic = true;
	sim_run(2000);
	assert_true(all_up());
}

static void test_both_sides_begin(void **state)
{
	for (uint32_t seed = 1; seed < 200; seed++) {
		start(seed);
		assert_true(is_quiet());
		come_up();
		/* One channel each: crossing attempts make one channel. */
		assert_int_equal(sim.handshakes, 2 * SIM_LINKS);
		assert_int_equal(sim.reports[XENLOOP_REPORT_UP], 2 * SIM_LINKS);
		assert_int_equal(sim.reports[XENLOOP_REPORT_FAILED], 0);
		/* The answered messages are gone. */
		sim_run(1000);
		for (int slot = 0; slot < SIM_LINKS; slot++) {
			assert_string_equal(A->out[slot], "");
			assert_string_equal(B->out[slot], "");
		}
	}
}

/*
 * Traffic from the first moment, and all takes its time: one side asks before
 * the other is ready, and need not wait until it gives up.
 */
static void test_early(void **state)
{
	for (uint32_t seed = 1; seed < 100; seed++) {
		sim_reset(seed);
		sim.slow = 500;
		sim.traffic = true;
		sim_run(8000);
		if (!all_up())
			print_world();
		assert_true(all_up());
		assert_int_equal(sim.reports[XENLOOP_REPORT_FAILED], 0);
	}
}

/* Only one of them has traffic. */
static void one_side_begins(struct sim_guest *g)
{
	for (uint32_t seed = 1; seed < 50; seed++) {
		start(seed);
		xenloop_link_event(&g->links, sim_link(g, 0),
				   XENLOOP_EV_WANTED, NULL);
		sim_run(2000);
		assert_true(is_up(0));
		assert_int_equal(state_of(A, 1), XENLOOP_PEER_IDLE);
		assert_int_equal(sim.handshakes, 2);
	}
}

static void test_listener_begins(void **state)
{
	one_side_begins(A);
}

static void test_connector_begins(void **state)
{
	one_side_begins(B);
}

static void test_idle(void **state)
{
	for (uint32_t seed = 1; seed < 50; seed++) {
		start(seed);
		come_up();
		sim.traffic = false;
		sim_run(SIM_IDLE_MS + 50000);
		assert_true(is_quiet());
		assert_int_equal(sim.reports[XENLOOP_REPORT_DOWN],
				 2 * SIM_LINKS);
		come_up();
	}
}

/* A restart of a daemon costs no channel, whether it was told or killed. */
static void test_adoption(void **state)
{
	for (uint32_t seed = 1; seed < 100; seed++) {
		unsigned int handshakes;

		start(seed);
		come_up();
		handshakes = sim.handshakes;
		sim_restart(A, seed & 1);
		if (seed & 2)
			sim_restart(B, seed & 4);
		sim_run(10000);
		assert_true(all_up());
		assert_int_equal(sim.handshakes, handshakes);
		assert_int_equal(sim.reports[XENLOOP_REPORT_DOWN], 0);
		assert_int_equal(sim.reports[XENLOOP_REPORT_ADOPTED],
				 seed & 2 ? 2 * SIM_LINKS : SIM_LINKS);
	}
}

/* In the middle of a handshake, too, it converges. */
static void test_restart_in_handshake(void **state)
{
	for (uint32_t seed = 1; seed < 300; seed++) {
		start(seed);
		sim.traffic = true;
		sim.slow = 300;
		sim_run(seed * 7 % 1500);
		sim_restart(seed & 1 ? A : B, seed & 2);
		sim.slow = 20;
		sim_run(40000);
		if (!all_up())
			print_world();
		assert_true(all_up());
	}
}

static void test_suspend(void **state)
{
	for (uint32_t seed = 1; seed < 100; seed++) {
		start(seed);
		come_up();
		sim_suspend(seed & 1 ? A : B);
		sim_run(15000);
		assert_true(all_up());
		assert_int_equal(sim_link(A, 0)->epoch, B->epoch);
		assert_int_equal(sim_link(B, 0)->epoch, A->epoch);
	}
}

/* While xendiscoverd is away nothing new comes up, and nothing goes down. */
static void test_no_relay(void **state)
{
	start(1);
	come_up();
	sim.relay_stopped = true;
	xenloop_link_event(&A->links, sim_link(A, 1), XENLOOP_EV_DISCONNECT,
			   "disconnected");
	sim_run(60000);
	assert_true(is_up(0));
	assert_int_equal(state_of(A, 1), XENLOOP_PEER_HELD);
	xenloop_link_event(&A->links, sim_link(A, 1), XENLOOP_EV_CONNECT,
			   NULL);
	sim_run(120000);
	assert_true(is_up(0));
	assert_false(is_up(1));
	/* Neither of them may spin meanwhile. */
	assert_in_range(sim.handshakes, 1, 20);
	sim.relay_stopped = false;
	sim_discover(A, 0, 0);
	sim_run(45000);
	assert_true(all_up());
}

/* A side whose kernel refuses gets slower and slower, and recovers. */
static void test_failing(void **state)
{
	unsigned int before;

	for (uint32_t seed = 1; seed < 20; seed++) {
		start(seed);
		sim.traffic = true;
		sim.fail = 1000;
		sim_run(120000);
		assert_false(is_up(0) || is_up(1));
		assert_null(sim_slot_chan(A, 0));
		before = sim.handshakes;
		sim_run(120000);
		/* Two links, about every half a minute, on one side or two. */
		assert_in_range(sim.handshakes - before, 4, 40);
		sim.fail = 0;
		sim_run(60000);
		assert_true(all_up());
	}
}

/* A listener that can't make an offer says so, and the other need not wait. */
static void test_no_offer(void **state)
{
	for (uint32_t seed = 1; seed < 50; seed++) {
		start(seed);
		A->dying[0] = true;	/* listening fails */
		xenloop_link_event(&B->links, sim_link(B, 0),
				   XENLOOP_EV_WANTED, NULL);
		sim_run(200);
		assert_int_equal(state_of(B, 0), XENLOOP_PEER_SILENT);
		assert_string_equal(sim_link(B, 0)->why,
				    "the peer gave up: error");
		A->dying[0] = false;
		xenloop_link_event(&B->links, sim_link(B, 0),
				   XENLOOP_EV_WANTED, NULL);
		sim_run(4000);
		assert_true(is_up(0));
		assert_string_equal(A->out[0], "");
	}
}

static void test_disconnect(void **state)
{
	for (uint32_t seed = 1; seed < 40; seed++) {
		struct sim_guest *g = seed & 1 ? A : B;
		struct xenloop_link *link;

		start(seed);
		come_up();
		link = sim_link(g, 0);
		xenloop_link_event(&g->links, link, XENLOOP_EV_DISCONNECT,
				   "disconnected");
		sim_run(20000);
		assert_int_equal(link->sm.state, XENLOOP_PEER_HELD);
		assert_null(sim_slot_chan(A, 0));
		assert_null(sim_slot_chan(B, 0));
		assert_string_equal(link->reason, "disconnected");
		assert_string_equal(sim_link(g == A ? B : A, 0)->reason,
				    "peer-closed");
		assert_true(is_up(1));
		xenloop_link_event(&g->links, link, XENLOOP_EV_CONNECT, NULL);
		sim_run(45000);
		assert_true(all_up());
	}
}

/* Who holds a link down says so when asked, and can bring it up at any time. */
static void test_held_answers(void **state)
{
	struct xenloop_link *held, *other;

	for (uint32_t seed = 1; seed < 40; seed++) {
		struct sim_guest *g = seed & 1 ? A : B;

		start(seed);
		held = sim_link(g, 0);
		other = sim_link(g == A ? B : A, 0);
		xenloop_link_event(&g->links, held, XENLOOP_EV_DISCONNECT,
				   "disconnected");
		sim.traffic = true;
		sim_run(2000);
		assert_string_equal(other->why, "the peer gave up: held");
		/* Not in a loop. */
		sim_run(120000);
		assert_in_range(other->sm.failures, 5, 12);
		assert_int_equal(held->sm.state, XENLOOP_PEER_HELD);
		xenloop_link_event(&g->links, held, XENLOOP_EV_CONNECT, NULL);
		sim_run(g == A ? 2000 : 45000);
		assert_true(is_up(0));
	}
}

/*
 * One that asks all the time is not answered all the time: what a guest says to
 * all of them is limited.
 */
static void test_answers_are_limited(void **state)
{
	struct xenloop_link *held;
	struct xenloop_msg ask;
	unsigned int answers = 0;

	start(1);
	held = sim_link(A, 0);
	xenloop_link_event(&A->links, held, XENLOOP_EV_DISCONNECT,
			   "disconnected");
	ask = (struct xenloop_msg){
		.verb = XENLOOP_VERB_REQUEST, .from = held->epoch,
		.to = A->links.epoch,
	};
	for (ask.attempt = 1; ask.attempt <= 2000; ask.attempt++) {
		char mine[32];

		sim_run(50);
		snprintf(mine, sizeof(mine), "bye attempt=%u ", ask.attempt);
		xenloop_link_message(&A->links, held, &ask);
		answers += !strncmp(A->out[0], mine, strlen(mine));
	}
	assert_in_range(answers, 200, 200 + 2000 * 50 / 5000);
	/* Nothing is left of the others. */
	sim_run(5000);
	xenloop_link_message(&A->links, held, &ask);
	assert_string_not_equal(A->out[0], "");
	ask.attempt++;
	xenloop_link_message(&A->links, held, &ask);
	assert_string_equal(A->out[0], "");
}

/*
 * Down and up by hand, many times in a row and by either side: never slower
 * than the close takes, although the other side only sees a peer that closes.
 */
static void test_disconnect_often(void **state)
{
	start(3);
	sim.drain = 100;
	come_up();
	for (int i = 0; i < 400; i++) {
		struct sim_guest *g = i < 200 ? A : B;
		uint64_t end = sim.now + 600;

		xenloop_link_event(&g->links, sim_link(g, 0),
				   XENLOOP_EV_DISCONNECT, "disconnected");
		xenloop_link_event(&g->links, sim_link(g, 0),
				   XENLOOP_EV_CONNECT, NULL);
		assert_false(is_up(0));
		while (!is_up(0) && sim.now < end)
			sim_run(10);
		assert_true(is_up(0));
	}
}

/* A peer that closes each channel as soon as it is up and asks for the next. */
static unsigned int flaps(struct sim_guest *hostile, unsigned int seconds)
{
	uint64_t end = sim.now + seconds * 1000;
	unsigned int n = 0;

	while (sim.now < end) {
		sim_run(10);
		if (is_up(0)) {
			sim_close(hostile, sim_slot_chan(hostile, 0),
				  XENLOOP_REASON_REQUESTED, false);
			n++;
		} else if (state_of(hostile, 0) == XENLOOP_PEER_BACKOFF) {
			xenloop_link_event(&hostile->links,
					   sim_link(hostile, 0),
					   XENLOOP_EV_CONNECT, NULL);
		}
	}
	return n;
}

/* What that costs is bounded. Channels that last are the way back. */
static void test_flapping(void **state)
{
	/* One pause is short for each that is as long as it takes. */
	const unsigned int most = 2 * 100 / 5 + 5;

	for (int i = 0; i < 2; i++) {
		struct sim_guest *hostile = i ? A : B, *victim = i ? B : A;

		start(1);
		sim.drain = 10;
		come_up();
		assert_in_range(flaps(hostile, 100), 200, 200 + most);
		assert_in_range(flaps(hostile, 100), 10, most);
		/* To leave the roster for a moment is none. */
		xenloop_links_update(&victim->links, hostile->domid, NULL);
		sim_run(2000);
		sim_roster(victim, 0, 0);
		assert_in_range(flaps(hostile, 100), 10, most);
		sim_run(15000);
		assert_true(all_up());
		sim_run(500 * 1000);
		assert_true(all_up());
		assert_in_range(flaps(hostile, 20), 50, 200);
	}
}

static void test_max_channels(void **state)
{
	start(5);
	A->links.max_chans = 1;
	sim.traffic = true;
	sim_run(60000);
	assert_int_equal(is_up(0) + is_up(1), 1);
	A->links.max_chans = 2;
	sim_run(60000);
	assert_true(all_up());
}

/* A listener without room says so, and brings the channel up when there is. */
static void test_max_channels_answers(void **state)
{
	struct xenloop_link *asking;

	for (uint32_t seed = 1; seed < 40; seed++) {
		start(seed);
		A->links.max_chans = 0;
		asking = sim_link(B, 0);
		xenloop_link_event(&B->links, asking, XENLOOP_EV_WANTED, NULL);
		sim_run(500);
		assert_int_equal(asking->sm.state, XENLOOP_PEER_SILENT);
		assert_string_equal(asking->why,
				    "the peer gave up: max-channels");
		assert_string_equal(sim_link(A, 0)->why,
				    "max-channels reached");
		A->links.max_chans = 1;
		xenloop_link_event(&A->links, sim_link(A, 0),
				   XENLOOP_EV_WANTED, NULL);
		sim_run(2000);
		assert_true(is_up(0));
	}
}

/* So does a connector, asked or not, whose listener has its pages back then. */
static void test_max_channels_declined(void **state)
{
	struct xenloop_link *offering, *full;

	for (uint32_t seed = 1; seed < 40; seed++) {
		start(seed);
		offering = sim_link(A, 0);
		full = sim_link(B, 0);
		if (seed & 1) {
			xenloop_link_event(&B->links, full, XENLOOP_EV_WANTED,
					   NULL);
			assert_int_equal(full->sm.state,
					 XENLOOP_PEER_REQUESTED);
		}
		B->links.max_chans = 0;
		xenloop_link_event(&A->links, offering, XENLOOP_EV_WANTED,
				   NULL);
		sim_run(500);
		assert_int_equal(offering->sm.state, XENLOOP_PEER_BACKOFF);
		assert_null(sim_slot_chan(A, 0));
		assert_string_equal(offering->why,
				    "the peer gave up: max-channels");
		assert_int_equal(full->sm.state, XENLOOP_PEER_IDLE);
		assert_string_equal(full->why, "max-channels reached");
		B->links.max_chans = 1;
		xenloop_link_event(&B->links, full, XENLOOP_EV_CONNECT, NULL);
		sim_run(2000);
		assert_true(is_up(0));
	}
}

/* Of channels that are there. */
static bool is_adoption(enum xenloop_peer_event event)
{
	return event == XENLOOP_EV_ADOPT_UP || event == XENLOOP_EV_ADOPT_HALF ||
	       event == XENLOOP_EV_ADOPT_STALE;
}

/* Wherever a link is without a channel, whatever comes. */
static void test_max_channels_never(void **state)
{
	for (int i = 0; i < 2 * 2 * XENLOOP_PEER_NR_STATES; i++) {
		struct sim_guest *g = i & 1 ? A : B;

		for (int e = 0; e < XENLOOP_PEER_NR_EVENTS; e++) {
			struct xenloop_link *link;

			start(1);
			g->links.max_chans = 0;
			link = sim_link(g, 0);
			link->sm.state = i >> 2;
			link->sm.wanted = i & 2;
			if (xenloop_peer_has_chan(&link->sm) ||
			    is_adoption(e) ||
			    (g == A && link->sm.state == XENLOOP_PEER_REQUESTED))
				continue;
			xenloop_link_event(&g->links, link, e, NULL);
			assert_false(xenloop_peer_has_chan(&link->sm));
		}
	}
}

/* Nor by a new life of a peer that was waited for. */
static void test_max_channels_epoch(void **state)
{
	struct xenloop_link *link;

	start(1);
	link = sim_link(A, 0);
	link->sm.state = XENLOOP_PEER_SILENT;
	xenloop_link_event(&A->links, link, XENLOOP_EV_EPOCH, NULL);
	A->links.max_chans = 0;
	sim_run(1000);
	assert_int_equal(link->sm.state, XENLOOP_PEER_IDLE);
	assert_string_equal(link->why, "max-channels reached");
	A->links.max_chans = 1;
	link->sm.state = XENLOOP_PEER_SILENT;
	xenloop_link_event(&A->links, link, XENLOOP_EV_EPOCH, NULL);
	sim_run(1000);
	assert_true(is_up(0));
	assert_int_equal(sim.reports[XENLOOP_REPORT_FAILED], 0);
}

/* What was wanted while there was room does not come up when there is none. */
static void test_max_channels_later(void **state)
{
	struct xenloop_link *link;

	start(1);
	A->links.max_chans = 1;
	sim.relay_stopped = true;
	link = sim_link(A, 0);
	link->sm.state = XENLOOP_PEER_BACKOFF;
	xenloop_link_event(&A->links, link, XENLOOP_EV_WANTED, NULL);
	assert_true(link->sm.wanted);
	xenloop_link_event(&A->links, sim_link(A, 1), XENLOOP_EV_WANTED, NULL);
	assert_int_equal(state_of(A, 1), XENLOOP_PEER_OFFERED);
	xenloop_link_event(&A->links, link, XENLOOP_EV_TIMEOUT, NULL);
	assert_int_equal(link->sm.state, XENLOOP_PEER_IDLE);
	assert_string_equal(link->why, "max-channels reached");
}

/* Connect by hand: that there is no room is said; nothing is held any more. */
static void test_max_channels_by_hand(void **state)
{
	struct xenloop_link *link;

	for (int i = 0; i < 2; i++) {
		struct sim_guest *g = i ? A : B;

		start(1);
		come_up();
		link = sim_link(g, 0);
		xenloop_link_event(&g->links, link, XENLOOP_EV_DISCONNECT,
				   "disconnected");
		sim_run(SIM_DRAIN_MS + 1000);
		assert_int_equal(link->sm.state, XENLOOP_PEER_HELD);
		g->links.max_chans = 1;
		/* For now that does not matter to it. */
		xenloop_link_event(&g->links, link, XENLOOP_EV_WANTED, NULL);
		assert_string_equal(link->why,
				    "the channel ended: disconnected");
		assert_false(xenloop_link_event(&g->links, link,
						XENLOOP_EV_CONNECT, NULL));
		assert_string_equal(link->why, "max-channels reached");
		assert_int_equal(link->sm.state, XENLOOP_PEER_IDLE);
		g->links.max_chans = 2;
		sim_run(15000);
		assert_true(all_up());
		assert_true(xenloop_link_event(&g->links, link,
					       XENLOOP_EV_CONNECT, NULL));
	}
}

/* Held down before there was a channel, which then is found in the module. */
static void test_adopt_held(void **state)
{
	struct xenloop_nl_chan list[SIM_CHANS];
	struct xenloop_link *link;

	start(1);
	come_up();
	link = sim_link(A, 0);
	link->sm.state = XENLOOP_PEER_OFF;
	xenloop_link_event(&A->links, link, XENLOOP_EV_DISCONNECT, NULL);
	assert_int_equal(link->sm.state, XENLOOP_PEER_OFF);
	xenloop_link_iface(&A->links, link, 2, "eth0", list, sim_dump(A, list));
	assert_int_equal(link->sm.state, XENLOOP_PEER_CLOSING);
	sim_run(SIM_DRAIN_MS + 1000);
	assert_int_equal(link->sm.state, XENLOOP_PEER_HELD);
}

/* Messages that do not belong here change nothing and are counted. */
static void test_foreign_messages(void **state)
{
	static const enum xenloop_verb verbs[] = {
		XENLOOP_VERB_REQUEST, XENLOOP_VERB_OFFER, XENLOOP_VERB_ACCEPT,
		XENLOOP_VERB_BYE,
	};
	struct xenloop_msg msg = { .attempt = 5, .size = 524288, .gref = 1,
				   .port = 1, .reason = "idle" };

	start(1);
	come_up();
	for (int i = 0; i < 4 * 3; i++) {
		msg.verb = verbs[i % 4];
		msg.from = i / 4 == 0 ? 999 : B->epoch;
		msg.to = i / 4 == 1 ? 999 : A->epoch;
		if (i / 4 == 2 && msg.verb == XENLOOP_VERB_REQUEST)
			continue;	/* that one would be right */
		xenloop_link_message(&A->links, sim_link(A, 0), &msg);
		assert_true(is_up(0));
	}
	assert_int_equal(A->links.stale, 8 + 2);
	assert_int_equal(A->links.refused, 1);
	assert_int_equal(sim.handshakes, 2 * SIM_LINKS);
}

/* The peer names a FIFO of another size in its accept. */
static void test_wrong_size(void **state)
{
	struct xenloop_link *link;
	struct xenloop_msg msg;

	start(1);
	link = sim_link(A, 0);
	sim.relay_stopped = true;
	xenloop_link_event(&A->links, link, XENLOOP_EV_WANTED, NULL);
	assert_int_equal(link->sm.state, XENLOOP_PEER_OFFERED);
	msg = (struct xenloop_msg){ .verb = XENLOOP_VERB_ACCEPT,
				    .attempt = link->attempt,
				    .from = B->epoch, .to = A->epoch,
				    .size = 131072, .gref = 1 };
	xenloop_link_message(&A->links, link, &msg);
	assert_int_equal(link->sm.state, XENLOOP_PEER_CLOSING);
	assert_int_equal(A->links.refused, 1);
	sim_run(100);
	assert_int_equal(link->sm.state, XENLOOP_PEER_BACKOFF);
	assert_string_equal(link->why, "the peer's FIFO has another size");
}

/* Connected to a listener that does not hear of it. */
static struct xenloop_link *half_up(void)
{
	struct xenloop_link *link;

	start(1);
	link = sim_link(B, 0);
	xenloop_link_event(&A->links, sim_link(A, 0), XENLOOP_EV_WANTED, NULL);
	for (int i = 0; i < 100 && link->sm.state == XENLOOP_PEER_IDLE; i++)
		sim_run(1);
	sim.relay_stopped = true;
	assert_int_equal(link->sm.state, XENLOOP_PEER_CONNECTED);
	return link;
}

/* Each failure has a reason, and not that of an older one. */
static void test_why_half_up(void **state)
{
	struct xenloop_link *link = half_up();
	const struct xenloop_msg again = {
		.verb = XENLOOP_VERB_OFFER, .attempt = link->attempt + 1,
		.from = A->epoch, .to = B->epoch, .size = link->chan.size,
		.gref = 1, .port = 1,
	};

	xenloop_link_message(&B->links, link, &again);
	assert_int_equal(link->sm.state, XENLOOP_PEER_CLOSING);
	assert_string_equal(link->why, "the peer has started over");
	link = half_up();
	xenloop_link_event(&B->links, link, XENLOOP_EV_DRAINING, "peer-closed");
	assert_int_equal(link->sm.state, XENLOOP_PEER_CLOSING);
	assert_string_equal(link->why, "the channel ended: peer-closed");
}

/* The peer leaves the roster and comes back, live channels and all. */
static void test_gone(void **state)
{
	for (uint32_t seed = 1; seed < 50; seed++) {
		uint64_t known;

		start(seed);
		come_up();
		known = B->known;
		B->known = 0;
		sim_roster(A, 0, 0);
		B->known = known;
		assert_int_equal(xenloop_links_count(&A->links, false), 0);
		sim_run(seed * 60);
		sim_roster(A, 0, 0);
		sim_run(45000);
		if (!all_up())
			print_world();
		assert_true(all_up());
	}
}

static struct xenloop_msg message(enum xenloop_verb verb, uint32_t attempt)
{
	return (struct xenloop_msg){ .verb = verb, .attempt = attempt,
				     .from = B->epoch, .to = A->epoch,
				     .size = 524288, .gref = 1,
				     .reason = "idle" };
}

/* A node is read more often than it is written. */
static void test_seen(void **state)
{
	struct xenloop_msg msg = message(XENLOOP_VERB_REQUEST, 77);
	struct xenloop_link *link;

	start(1);
	sim.relay_stopped = true;
	link = sim_link(A, 0);
	sim.fail = 1000;
	xenloop_link_message(&A->links, link, &msg);
	assert_int_equal(sim.handshakes, 1);
	sim_run(10000);
	assert_int_equal(link->sm.state, XENLOOP_PEER_IDLE);
	xenloop_link_message(&A->links, link, &msg);
	assert_int_equal(sim.handshakes, 1);
	assert_int_equal(link->sm.state, XENLOOP_PEER_IDLE);
	/* In a new life the same number is a new attempt. */
	B->epoch = B->known = 999;
	sim_roster(A, 0, 0);
	msg.from = 999;
	xenloop_link_message(&A->links, link, &msg);
	assert_int_equal(sim.handshakes, 2);
}

/* A goodbye for a channel that is gone says nothing about the next one. */
static void test_old_bye(void **state)
{
	struct xenloop_link *link;
	struct xenloop_msg msg;
	uint32_t old;

	start(1);
	come_up();
	link = sim_link(A, 0);
	old = link->attempt;
	xenloop_link_event(&A->links, link, XENLOOP_EV_IDLE, "idle");
	sim.traffic = false;
	sim_run(5000);
	assert_int_equal(link->attempt, 0);
	msg = message(XENLOOP_VERB_BYE, old);
	xenloop_link_message(&A->links, link, &msg);
	assert_int_equal(A->links.stale, 1);
	sim.relay_stopped = true;
	xenloop_link_event(&A->links, link, XENLOOP_EV_WANTED, NULL);
	xenloop_link_message(&A->links, link, &msg);
	assert_int_equal(A->links.stale, 2);
	assert_int_equal(link->sm.state, XENLOOP_PEER_OFFERED);
}

/* The kernel lost the channel, and its event was lost as well. */
static void test_close_nothing(void **state)
{
	struct xenloop_link *link;

	start(1);
	come_up();
	link = sim_link(A, 0);
	sim_slot_chan(A, 0)->id = 0;
	xenloop_link_event(&A->links, link, XENLOOP_EV_DISCONNECT, "by-hand");
	assert_int_equal(link->sm.state, XENLOOP_PEER_HELD);
	assert_int_equal(link->chan.id, 0);
	assert_string_equal(link->reason, "by-hand");
}

/* What a new daemon makes of the channels it finds. */
static void test_adopt_each(void **state)
{
	static const struct {
		uint32_t chan_state;
		bool peer_active;
		uint64_t cookie;
		enum xenloop_peer_state state;
		bool accept;		/* is published (again) */
	} rows[] = {
		{ XENLOOP_CHAN_STATE_ACTIVE, true, 9, XENLOOP_PEER_UP, false },
		{ XENLOOP_CHAN_STATE_ACTIVE, false, 9, XENLOOP_PEER_CONNECTED,
		  true },
		{ XENLOOP_CHAN_STATE_CONNECTED, false, 9,
		  XENLOOP_PEER_CONNECTED, true },
		{ XENLOOP_CHAN_STATE_CONNECTED, true, 9,
		  XENLOOP_PEER_CONNECTED, true },
		{ XENLOOP_CHAN_STATE_DRAINING, true, 9, XENLOOP_PEER_CLOSING,
		  false },
		/* Made when our domid was the lower one. */
		{ XENLOOP_CHAN_STATE_ACTIVE, true, XENLOOP_COOKIE_LISTENER | 9,
		  XENLOOP_PEER_CLOSING, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xenloop_link *link;
		struct sim_chan *c = &B->chan[9];
		struct xenloop_nl_chan chan = {
			.id = 50, .ifindex = 2, .size = 131072,
			.local_gref = 4, .cookie = rows[i].cookie,
			.state = rows[i].chan_state,
			.peer_active = rows[i].peer_active,
		};

		start(i + 1);
		sim.relay_stopped = true;
		link = sim_link(B, 0);
		xenloop_link_event(&B->links, link, XENLOOP_EV_LOST, NULL);
		assert_false(B->peer[0]);
		*c = (struct sim_chan){ .id = 50, .state = chan.state };
		xenloop_link_adopt(&B->links, link, &chan);
		assert_int_equal(link->sm.state, rows[i].state);
		assert_int_equal(link->attempt, 9);
		assert_int_equal(link->seen_offer, 9);
		assert_true(B->peer[0]);
		assert_int_equal(!!B->out[0][0], rows[i].accept);
		if (rows[i].accept)
			assert_non_null(strstr(B->out[0],
					       "accept attempt=9 "));
		if (rows[i].state == XENLOOP_PEER_CONNECTED)
			assert_int_equal(c->state, XENLOOP_CHAN_STATE_ACTIVE);
	}
}

/* A guest gets a new domid; its MAC address stays. */
static void test_new_domid(void **state)
{
	struct xenloop_roster roster = {
		.epoch = 55, .name = "other", .nr_links = 1,
		.link = { { .mac = { 2, 0, 0, 0, 1, 0 } } },
	};
	const struct xenloop_node key = { .domid = 8 };
	struct xenloop_nl_chan none[1];

	start(1);
	/* The new one is read first: the peer now is its. */
	assert_int_equal(xenloop_links_update(&A->links, 8, &roster), 0);
	xenloop_link_iface(&A->links, xenloop_links_find(&A->links, &key), 2,
			   "eth0", none, 0);
	assert_true(A->peer[0]);
	assert_int_equal(xenloop_links_update(&A->links, 7, NULL), 0);
	assert_true(A->peer[0]);
	assert_false(A->peer[1]);
	assert_int_equal(xenloop_links_update(&A->links, 8, NULL), 0);
	assert_false(A->peer[0]);
	/* Itself is nobody's peer. */
	assert_int_equal(xenloop_links_update(&A->links, A->domid, &roster), 0);
	assert_int_equal(xenloop_links_count(&A->links, false), 0);
}

static void test_sweep(void **state)
{
	start(1);
	xenloop_links_unmark(&A->links);
	xenloop_links_mark(&A->links, 7);
	xenloop_links_sweep(&A->links);
	assert_int_equal(xenloop_links_count(&A->links, false), SIM_LINKS);
	xenloop_links_unmark(&A->links);
	xenloop_links_mark(&A->links, 6);
	xenloop_links_sweep(&A->links);
	assert_int_equal(xenloop_links_count(&A->links, false), 0);
	assert_false(A->peer[0] || A->peer[1]);
}

/* The interface goes, and comes back as another one. */
static void test_iface(void **state)
{
	struct xenloop_nl_chan none[1];

	start(1);
	come_up();
	xenloop_link_iface(&A->links, sim_link(A, 1), 0, NULL, none, 0);
	assert_int_equal(state_of(A, 1), XENLOOP_PEER_OFF);
	assert_string_equal(sim_link(A, 1)->reason, "iface-gone");
	assert_true(is_up(0));
	sim_run(15000);
	assert_true(all_up());
}

static void mishap(void)
{
	struct sim_guest *g = &sim.guest[sim_random() & 1];
	struct xenloop_link *link = sim_link(g, sim_random() & 1);

	switch (sim_random() % 10) {
	case 0:
	case 1:
		sim_restart(g, sim_random() & 1);
		break;
	case 2:
		sim_suspend(g);
		break;
	case 3:
		sim.relay_stopped = true;
		break;
	case 4:
		sim.relay_stopped = false;
		sim_discover(g, 0, 0);
		break;
	case 5:
		sim.fail = sim_random() % 500;
		break;
	case 6:
		sim.lose = sim_random() % 500;
		break;
	case 7:
		sim.slow = 1 + sim_random() % 2000;
		break;
	case 8:
		if (link)
			xenloop_link_event(&g->links, link,
					   sim_random() & 1 ?
						   XENLOOP_EV_DISCONNECT :
						   XENLOOP_EV_CONNECT, NULL);
		break;
	case 9:
		sim.traffic = !sim.traffic;
		break;
	}
}

static void all_is_well(void)
{
	sim.relay_stopped = false;
	sim.fail = sim.lose = 0;
	sim.slow = 20;
	sim.traffic = true;
	sim_discover(A, 0, 0);
	for (int i = 0; i < 4; i++) {
		struct sim_guest *g = &sim.guest[i & 1];
		struct xenloop_link *link = sim_link(g, i >> 1);

		if (link && link->sm.held)
			xenloop_link_event(&g->links, link, XENLOOP_EV_CONNECT,
					   NULL);
	}
}

static void chaos(uint32_t seed)
{
	unsigned int before;

	start(seed);
	for (int i = 0; i < 60; i++) {
		mishap();
		sim_run(sim_random() % 4000);
	}
	all_is_well();
	sim_run(5000);
	all_is_well();
	before = sim.handshakes;
	sim_run(100000);
	if (!all_up()) {
		print_world();
		fail_msg("seed %u: not up again", seed);
	}
	assert_in_range(sim.handshakes - before, 0, 60);
	sim.traffic = false;
	sim_run(SIM_IDLE_MS + 60000);
	if (!is_quiet()) {
		print_world();
		fail_msg("seed %u: something is left behind", seed);
	}
}

static void test_chaos(void **state)
{
	const char *seed = getenv("XENLOOP_SIM_SEED");
	const char *runs = getenv("XENLOOP_SIM_RUNS");
	uint32_t last = runs ? (uint32_t)atoi(runs) : 300;

	if (seed) {
		chaos((uint32_t)atoi(seed));
		return;
	}
	for (uint32_t i = 1; i <= last; i++)
		chaos(i);
}

static int teardown(void **state)
{
	sim_drop_daemon(A);
	sim_drop_daemon(B);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides_begin),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_listener_begins),
		cmocka_unit_test(test_connector_begins),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_restart_in_handshake),
		cmocka_unit_test(test_suspend),
		cmocka_unit_test(test_no_relay),
		cmocka_unit_test(test_failing),
		cmocka_unit_test(test_no_offer),
		cmocka_unit_test(test_disconnect),
		cmocka_unit_test(test_held_answers),
		cmocka_unit_test(test_answers_are_limited),
		cmocka_unit_test(test_disconnect_often),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_max_channels),
		cmocka_unit_test(test_max_channels_answers),
		cmocka_unit_test(test_max_channels_declined),
		cmocka_unit_test(test_max_channels_never),
		cmocka_unit_test(test_max_channels_epoch),
		cmocka_unit_test(test_max_channels_later),
		cmocka_unit_test(test_max_channels_by_hand),
		cmocka_unit_test(test_adopt_held),
		cmocka_unit_test(test_foreign_messages),
		cmocka_unit_test(test_wrong_size),
		cmocka_unit_test(test_why_half_up),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_old_bye),
		cmocka_unit_test(test_close_nothing),
		cmocka_unit_test(test_adopt_each),
		cmocka_unit_test(test_new_domid),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_iface),
		cmocka_unit_test(test_chaos),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
