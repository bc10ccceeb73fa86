// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Messages from guest to guest: what is relayed, what is not, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_host.h"

#define E1 0x1111111111111111u
#define E2 0x2222222222222222u
#define E3 0x3333333333333333u

#define REQUEST "request attempt=7 from=1111111111111111 to=2222222222222222\n"
#define OFFER \
	"offer attempt=12 from=1111111111111111 to=2222222222222222" \
	" size=524288 gref=8 port=17 features=00000000\n"

#define OUT "/local/domain/1/data/xenloop/to/"
#define IN "/local/domain/2/xenloop/from/"

static int setup(void **state)
{
	(void)state;
	host_new();
	host_domain(1, "a");
	host_vif(1, 0, "00:16:3e:00:00:01", 100);
	host_vif(1, 1, "00:16:3e:00:01:01", 101);
	host_hello(1, E1);
	host_domain(2, "b");
	host_vif(2, 0, "00:16:3e:00:00:02", 100);
	host_vif(2, 1, "00:16:3e:00:01:02", 101);
	host_hello(2, E2);
	host_start("[limits]\nmessages-per-second = 10\nmessage-burst = 20\n"
		   "max-messages = 8\n");
	assert_int_equal(host_run(), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_end();
	return 0;
}

static void put_and_run(const char *path, const char *value)
{
	fake_xs_put(path, value);
	assert_int_equal(host_run(), 0);
}

static void test_relayed(void **state)
{
	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	assert_int_equal(fake_xs_find(IN "1-0-0")->reader, 2);
	put_and_run(OUT "2-0-0", OFFER);
	assert_string_equal(fake_xs_get(IN "1-0-0"), OFFER);
	assert_int_equal(host.d.relay.relayed, 2);
	fake_xs_del(OUT "2-0-0");
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
	assert_int_equal(host.d.relay.withdrawn, 1);
	assert_int_equal(host.d.model.guest[0]->outbox.nr, 0);
}

/* Local vif first on both sides, so V and W change places. */
static void test_names(void **state)
{
	(void)state;
	host_vif(2, 7, "00:16:3e:00:07:02", 100);
	assert_int_equal(host_run(), 0);
	put_and_run(OUT "2-0-7", REQUEST);
	assert_string_equal(fake_xs_get(IN "1-7-0"), REQUEST);
	put_and_run(OUT "2-1-1", OFFER);
	assert_string_equal(fake_xs_get(IN "1-1-1"), OFFER);
}

static void test_whole_outbox_goes(void **state)
{
	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	put_and_run(OUT "2-1-1", OFFER);
	fake_xs_del("/local/domain/1/data/xenloop/to");
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
	assert_null(fake_xs_get(IN "1-1-1"));
	put_and_run(OUT "2-0-0", REQUEST);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	fake_xs_del("/local/domain/1/data");
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
}

/* What can't be read is not refused: it stays, and is read when it can be. */
static void test_unreadable(void **state)
{
	uint64_t wait;

	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	host_unreadable(OUT "2-0-0");
	fake_xs_put(OUT "2-0-0", OFFER);
	fake_xs_put(OUT "2-1-1", REQUEST);
	assert_int_equal(host_run(), -EIO);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	assert_string_equal(fake_xs_get(IN "1-1-1"), REQUEST);
	assert_int_equal(host.d.relay.refused, 0);
	host_unreadable(NULL);
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), OFFER);
	assert_int_equal(host.d.relay.refused, 0);
}

/* Why this message of domain 1 was not relayed. */
static const char *verdict(const char *name)
{
	struct xenloop_outbox_entry *entry;
	struct xenloop_node node;

	assert_int_equal(xenloop_node_parse(name, &node), 0);
	entry = xenloop_outbox_find(&host.d.model.guest[0]->outbox, &node);
	assert_non_null(entry);
	return entry->refused ? entry->refused : "relayed";
}

static void test_refused(void **state)
{
	static const struct {
		const char *node, *text, *why;
	} cases[] = {
		{ "2-0-0", "", "malformed" },
		{ "2-0-0", "offer\n", "malformed" },
		{ "2-0-0", REQUEST REQUEST, "malformed" },
		{ "2-0-1", REQUEST, "no-link" },
		{ "2-1-0", REQUEST, "no-link" },
		{ "2-2-0", REQUEST, "no-vif" },
		{ "2-0-2", REQUEST, "no-vif" },
		{ "3-0-0", REQUEST, "no-peer" },
		{ "1-0-0", REQUEST, "no-link" },
		{ "2-0-0", "bye attempt=1 from=1111111111111112 to=2222222222222222 reason=idle\n", "sender-epoch" },
		{ "2-0-0", "bye attempt=1 from=1111111111111111 to=2222222222222223 reason=idle\n", "receiver-epoch" },
		{ "2-0-0", "bye attempt=1 from=2222222222222222 to=1111111111111111 reason=idle\n", "sender-epoch" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct xenloop_outbox *box = &host.d.model.guest[0]->outbox;
		char path[64];

		/* A good one first: what is refused also takes it away. */
		host.d.model.guest[0]->message_rate.started = false;
		snprintf(path, sizeof(path), OUT "%s", cases[i].node);
		put_and_run(OUT "2-0-0", REQUEST);
		put_and_run(path, cases[i].text);
		assert_int_equal(host.d.relay.refused, i + 1);
		assert_string_equal(verdict(cases[i].node), cases[i].why);
		if (!strcmp(cases[i].node, "2-0-0"))
			assert_null(fake_xs_get(IN "1-0-0"));
		fake_xs_del(path);
		fake_xs_del(OUT "2-0-0");
		assert_int_equal(host_run(), 0);
		assert_int_equal(box->nr, 0);
		assert_null(fake_xs_get(IN "1-0-0"));
	}
}

static void test_hostile_bytes(void **state)
{
	char big[1026];

	(void)state;
	fake_xs_put_bytes(OUT "2-0-0", REQUEST "\0", sizeof(REQUEST));
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
	memset(big, 'a', 1025);
	big[1025] = '\0';
	put_and_run(OUT "2-0-0", big);
	assert_null(fake_xs_get(IN "1-0-0"));
	assert_int_equal(host.d.relay.refused, 2);
}

static void test_hostile_names(void **state)
{
	static const char *const names[] = {
		"2-0", "2-0-0-0", "02-0-0", "2-0-0 ", "-1-0-0", "2-0-65536",
		"99999-0-0", "x", "2-0-0/below", "self",
	};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), OUT "%s", names[i]);
		put_and_run(path, REQUEST);
	}
	assert_null(fake_xs_get(IN "1-0-0"));
	assert_int_equal(host.d.relay.relayed, 0);
	assert_true(host.d.relay.ignored >= 9);
}

/* The epoch changes: what was for the old one goes at once. */
static void test_epoch_changes(void **state)
{
	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	host_hello(2, E3);
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
	host_hello(2, E2);
	assert_int_equal(host_run(), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	host_hello(1, E3);
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
}

static void test_link_revoked(void **state)
{
	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	put_and_run(OUT "2-1-1", REQUEST);
	host_netdev("vif2.0")->isolated = true;
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
	assert_string_equal(fake_xs_get(IN "1-1-1"), REQUEST);
	host_netdev("vif2.0")->isolated = false;
	assert_int_equal(host_run(), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
}

/* The message is there before the receiver is. */
static void test_early(void **state)
{
	(void)state;
	fake_xs_del("/local/domain/2/data/xenloop/hello");
	assert_int_equal(host_run(), 0);
	put_and_run(OUT "2-0-0", REQUEST);
	assert_null(fake_xs_get("/local/domain/2/xenloop"));
	host_hello(2, E2);
	assert_int_equal(host_run(), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
}

/* What is on its way is relayed anew, and nothing else. */
static void test_restart(void **state)
{
	unsigned int writes, removals;

	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	host_stop();
	writes = fake_xs.writes;
	removals = fake_xs.removals;
	host_start("");
	assert_int_equal(host_run(), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	assert_int_equal(fake_xs_find(IN "1-0-0")->reader, 2);
	assert_int_equal(fake_xs.writes, writes + 1);
	assert_int_equal(fake_xs.removals, removals + 2);
}

/* More than XenStore can list, as guests with many vifs bring about. */
static void test_restart_many(void **state)
{
	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	host_stop();
	for (int i = 0; i < 1024; i++)
		host_put(REQUEST, IN "1-%d-%d", i / 32, i % 32);
	host_start("");
	assert_int_equal(host_run(), 0);
	assert_false(fake_xs.dead);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	assert_null(fake_xs_get(IN "1-1-0"));
}

/* A new guest finds what its predecessor with the same domid got: nothing. */
static void test_sender_destroyed(void **state)
{
	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	host_destroy(1);
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get(IN "1-0-0"));
	assert_null(fake_xs_get("/local/domain/2/xenloop/roster/1"));
}

static void test_flood(void **state)
{
	struct xenloop_guest *guest = host.d.model.guest[0];
	char text[128];
	uint64_t wait;
	unsigned int relayed;

	(void)state;
	for (int i = 1; i <= 100; i++) {
		snprintf(text, sizeof(text), "request attempt=%d from=1111111111111111 to=2222222222222222\n",
			 i);
		put_and_run(OUT "2-0-0", text);
	}
	relayed = (unsigned int)host.d.relay.relayed;
	assert_in_range(relayed, 15, 25);
	assert_true(host.d.relay.deferred > 0);
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_true(wait <= 100);
	/* The other guest is not held up by this one. */
	fake_xs_put("/local/domain/2/data/xenloop/to/1-0-0",
		    "bye attempt=1 from=2222222222222222 to=1111111111111111 reason=idle\n");
	assert_int_equal(host_run(), 0);
	assert_non_null(fake_xs_get("/local/domain/1/xenloop/from/2-0-0"));
	/* Deferred, not lost: the last state comes through. */
	guest->message_rate.last_us -= 100 * 1000ull;
	assert_int_equal(host_run(), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), text);
}

/* One message that changes all the time does not keep back the others. */
static void test_turns(void **state)
{
	struct xenloop_ratelimit *rl = &host.d.model.guest[0]->message_rate;
	char text[128];

	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	rl->tokens = 0;
	put_and_run(OUT "2-1-1", REQUEST);
	for (int i = 1; i <= 4; i++) {
		snprintf(text, sizeof(text), "request attempt=%d from=1111111111111111 to=2222222222222222\n",
			 i);
		rl->last_us -= 100 * 1000ull;
		put_and_run(OUT "2-0-0", text);
	}
	assert_string_equal(fake_xs_get(IN "1-1-1"), REQUEST);
	assert_string_not_equal(fake_xs_get(IN "1-0-0"), REQUEST);
}

/* Others that come and go don't change whose turn it is. */
static void test_turn_is_kept(void **state)
{
	struct xenloop_outbox box = { 0 };

	(void)state;
	for (uint32_t domid = 2; domid <= 4; domid++)
		assert_non_null(xenloop_outbox_add(&box, &(struct xenloop_node){
						   .domid = domid }, 8));
	box.next = 1;
	assert_int_equal(box.entry[box.next].node.domid, 3);
	assert_non_null(xenloop_outbox_add(&box, &(struct xenloop_node){
					   .domid = 1 }, 8));
	assert_int_equal(box.entry[box.next].node.domid, 3);
	xenloop_outbox_remove(&box, 0);
	assert_int_equal(box.entry[box.next].node.domid, 3);
	xenloop_outbox_remove(&box, 2);
	assert_int_equal(box.entry[box.next].node.domid, 3);
	xenloop_outbox_free(&box);
}

/* Whatever it is set to, that many come through in a while. */
static void test_rates(void **state)
{
	static const uint32_t rates[] = { 1, 3, 300, 501, 700, 999, 1000 };
	struct xenloop_guest *guest = host.d.model.guest[0];

	(void)state;
	host.d.settings->message_burst = 10000;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct xenloop_ratelimit *rl = &guest->message_rate;
		uint64_t now_ms;

		host.d.settings->messages_per_second = rates[i];
		put_and_run(OUT "2-0-0", REQUEST);
		rl->tokens = 0;
		now_ms = rl->last_us / 1000;
		assert_false(xenloop_ratelimit_ok(rl, now_ms, NULL));
		assert_true(xenloop_ratelimit_ok(rl, now_ms + 9001, NULL));
		assert_in_range(rl->tokens + 1, 9 * rates[i],
				9 * rates[i] + 1 + rates[i] / 100);
		rl->started = false;
	}
}

/* By a reload, for a guest that is quiet since then; with or without tokens. */
static void test_lower_burst(void **state)
{
	struct xenloop_guest *guest = host.d.model.guest[0];
	uint64_t before;
	char text[128];

	(void)state;
	for (uint32_t left = 0; left < 20; left += 19) {
		put_and_run(OUT "2-0-0", REQUEST);
		guest->message_rate.tokens = left;
		host.d.settings->message_burst = 5;
		guest->message_rate.last_us -= 10000 * 1000ull;
		before = host.d.relay.relayed;
		for (uint32_t i = 1; i <= 30; i++) {
			snprintf(text, sizeof(text), "request attempt=%u from=1111111111111111 to=2222222222222222\n",
				 100 * left + i);
			put_and_run(OUT "2-0-0", text);
		}
		assert_in_range(host.d.relay.relayed - before, 5, 10);
		host.d.settings->message_burst = 20;
		guest->message_rate.last_us -= 10000 * 1000ull;
	}
}

/* A guest that has no message can make us read its directory no more often. */
static void test_empty_flood(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		put_and_run("/local/domain/1/data/xenloop/to", "x");
	assert_true(host.d.model.guest[0]->outbox.rescan);
}

/* As each start of xenloopd does it: that costs a read for each message, not for each link. */
static void test_outbox_removed(void **state)
{
	unsigned int reads;

	(void)state;
	put_and_run(OUT "2-0-0", REQUEST);
	reads = fake_xs.reads;
	fake_xs_del("/local/domain/1/data/xenloop/to");
	assert_int_equal(host_run(), 0);
	/* The message, and who is told that it is gone. */
	assert_int_equal(fake_xs.reads, reads + 2);
	put_and_run("/local/domain/1/data/xenloop/to", "");
	assert_int_equal(fake_xs.reads, reads + 2);
	put_and_run(OUT "2-0-0", REQUEST);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
}

/* Nor can one whose names are more than XenStore can list. */
static void test_long_listing(void **state)
{
	char path[XENLOOP_XS_PATH_SIZE];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), OUT "%0220d", i);
		put_and_run(path, "x");
	}
	fake_xs_put(OUT "2-0-0", REQUEST);
	put_and_run("/local/domain/1/data/xenloop/to", "x");
	assert_false(fake_xs.dead);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
}

/* Nor begin rounds of work as often as it writes. */
static void test_flood_rounds(void **state)
{
	struct event_base *base = event_base_new();
	bool fired;
	uint64_t wait;

	(void)state;
	put_and_run("/local/domain/1/data/xenloop/to", "x");
	host.d.model.guest[0]->message_rate.tokens = 0;
	host.d.work = evtimer_new(base, on_work, NULL);
	host.d.connected = true;
	fake_xs_put("/local/domain/1/data/xenloop/to", "x");
	assert_int_equal(host_step(&fired, &wait), 0);
	assert_true(event_pending(host.d.work, EV_TIMEOUT, NULL));
	assert_true(host.d.due_ms > xenloop_now_ms() + 50);
	/* Another guest need not wait for that. */
	fake_xs_put("/local/domain/2/data/xenloop/to", "x");
	assert_int_equal(host_step(&fired, &wait), 0);
	assert_true(host.d.due_ms <= xenloop_now_ms());
	event_free(host.d.work);
	event_base_free(base);
}

/* What is no message, or has no room, is no reason for a round at all. */
static void test_junk_rounds(void **state)
{
	static const char *const junk[] = {
		"junk", "to/junk", "to/2-0-0/below", "tomorrow", "hello/below",
		"to/2-99-9",
	};
	struct event_base *base = event_base_new();
	char path[64];
	uint64_t wait;
	bool fired;

	(void)state;
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), OUT "2-%d-9", i);
		put_and_run(path, REQUEST);
	}
	host.d.model.guest[0]->message_rate.started = false;
	host.d.work = evtimer_new(base, on_work, NULL);
	host.d.connected = true;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		snprintf(path, sizeof(path), "/local/domain/1/data/xenloop/%s",
			 junk[i]);
		fake_xs_put(path, "x");
		assert_int_equal(host_step(&fired, &wait), 0);
		assert_true(fired);
		if (event_pending(host.d.work, EV_TIMEOUT, NULL))
			fail_msg("%s begins a round", junk[i]);
	}
	put_and_run(OUT "2-0-9", REQUEST);
	assert_true(event_pending(host.d.work, EV_TIMEOUT, NULL));
	event_free(host.d.work);
	event_base_free(base);
}

static void test_too_many(void **state)
{
	struct xenloop_outbox *box = &host.d.model.guest[0]->outbox;
	char path[64];
	uint64_t wait;
	bool fired;

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), OUT "2-%d-9", i);
		put_and_run(path, REQUEST);
	}
	assert_int_equal(box->nr, 8);
	assert_int_equal(host.d.relay.ignored, 4);
	put_and_run(OUT "2-0-0", REQUEST);
	assert_null(fake_xs_get(IN "1-0-0"));
	/* Room again: what was ignored is found. */
	host.d.model.guest[0]->message_rate.started = false;
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), OUT "2-%d-9", i);
		fake_xs_del(path);
	}
	assert_int_equal(host_step(&fired, &wait), 0);
	assert_true(box->rescan);
	assert_int_equal(wait, 100);
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_string_equal(fake_xs_get(IN "1-0-0"), REQUEST);
	assert_false(box->rescan);
	assert_int_equal(wait, UINT64_MAX);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_relayed), T(test_names), T(test_whole_outbox_goes),
		T(test_unreadable),
		T(test_refused), T(test_hostile_bytes), T(test_hostile_names),
		T(test_epoch_changes), T(test_link_revoked), T(test_early),
		T(test_restart), T(test_restart_many), T(test_sender_destroyed),
		T(test_flood), T(test_turns), T(test_turn_is_kept),
		T(test_rates), T(test_lower_burst), T(test_empty_flood), T(test_outbox_removed),
		T(test_long_listing), T(test_flood_rounds),
		T(test_junk_rounds), T(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
