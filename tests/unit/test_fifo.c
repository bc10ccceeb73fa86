// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The FIFO, one end after the other: boundaries, events, pull-back, lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fifo_pages.h"

#define SIZE	XENLOOP_FIFO_MIN_SIZE

static unsigned char buf[XENLOOP_FRAME_MAX];

static int setup(void **state)
{
	struct fifo_pages *f = calloc(1, sizeof(*f));

	fifo_pages_init(f, SIZE);
	*state = f;
	return 0;
}

static int setup_in_a_row(void **state)
{
	setup(state);
	fifo_pages_in_a_row(*state);
	return 0;
}

static int teardown(void **state)
{
	fifo_pages_free(*state);
	free(*state);
	return 0;
}

static void assert_frame(struct fifo_pages *f, u32 len, u32 seed)
{
	struct xenloop_frame frame;
	u32 i;

	assert_int_equal(fifo_get(&f->cons, buf, &frame), len);
	assert_int_equal(frame.vnet.csum_start, (__u16)seed);
	for (i = 0; i < len; i++)
		assert_int_equal(buf[i], fifo_byte(seed, i));
}

/* One frame through an empty FIFO. */
static void pass(struct fifo_pages *f, u32 len, u32 seed)
{
	assert_int_equal(fifo_put(&f->prod, len, seed), 0);
	xenloop_producer_publish(&f->prod);
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_frame(f, len, seed);
	xenloop_consumer_release(&f->cons);
}

static void sizes(void **state)
{
	assert_true(xenloop_fifo_size_ok(XENLOOP_FIFO_MIN_SIZE));
	assert_true(xenloop_fifo_size_ok(XENLOOP_FIFO_MAX_SIZE));
	assert_false(xenloop_fifo_size_ok(0));
	assert_false(xenloop_fifo_size_ok(XENLOOP_FIFO_MIN_SIZE / 2));
	assert_false(xenloop_fifo_size_ok(XENLOOP_FIFO_MAX_SIZE * 2));
	assert_false(xenloop_fifo_size_ok(XENLOOP_FIFO_MIN_SIZE + 4096));
}

static void abi_offsets(void **state)
{
	assert_int_equal(offsetof(struct xenloop_fifo_ctrl, prod), 64);
	assert_int_equal(offsetof(struct xenloop_fifo_ctrl, revoke_index), 80);
	assert_int_equal(offsetof(struct xenloop_fifo_ctrl, marker), 88);
	assert_int_equal(offsetof(struct xenloop_fifo_ctrl, cons), 128);
	assert_int_equal(offsetof(struct xenloop_fifo_ctrl, data_event), 192);
	assert_int_equal(offsetof(struct xenloop_fifo_ctrl, gref), 256);
	assert_true(sizeof(struct xenloop_fifo_ctrl) <= XENLOOP_PAGE_SIZE);
	assert_int_equal(sizeof(struct xenloop_frame), XENLOOP_FRAME_ALIGN);
}

static void empty(void **state)
{
	struct fifo_pages *f = *state;
	struct xenloop_frame frame;

	assert_false(xenloop_consumer_has_data(&f->cons));
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_int_equal(xenloop_consumer_peek(&f->cons, &frame), 0);
	assert_false(xenloop_consumer_release(&f->cons));
	assert_int_equal(xenloop_producer_pending(&f->prod), 0);
}

static void frame_lengths(void **state)
{
	struct fifo_pages *f = *state;

	assert_int_equal(fifo_put(&f->prod, XENLOOP_FRAME_MIN - 1, 0), -EMSGSIZE);
	assert_int_equal(fifo_put(&f->prod, XENLOOP_FRAME_MAX + 1, 0), -EMSGSIZE);
	assert_int_equal(fifo_put(&f->prod, UINT32_MAX, 0), -EMSGSIZE);
	pass(f, XENLOOP_FRAME_MIN, 1);
	pass(f, XENLOOP_FRAME_MAX, 2);
}

static u32 piece(struct fifo_pages *f, u32 offset, u32 len)
{
	u32 n = 0;
	char *to = xenloop_producer_chunk(&f->prod, offset, len, &n);
	u32 at = (u32)sizeof(struct xenloop_frame) + offset;

	assert_ptr_equal(to, (char *)f->page[at / 4096] + at % 4096);
	return n;
}

static void pieces_of_scattered_pages(void **state)
{
	assert_int_equal(piece(*state, 0, 65536), 4080);
	assert_int_equal(piece(*state, 4080, 65536), 4096);
	assert_int_equal(piece(*state, 4080, 100), 100);
}

/* One piece up to a page that is elsewhere, up to @len, up to the end. */
static void pieces_of_pages_in_a_row(void **state)
{
	struct fifo_pages *f = *state;
	u32 nr = SIZE / 4096;
	char *end = (char *)f->page[nr - 1] + 4096;

	assert_int_equal(piece(f, 0, 65536), 65536);
	assert_int_equal(piece(f, 0, 4080), 4080);
	assert_int_equal(piece(f, 0, 4081), 4081);
	f->page[nr] = end;	/* must not matter: the ring ends before */
	assert_int_equal(piece(f, SIZE - 16 - 5000, 65536), 5000);
	f->page[8] = f->page[2];
	assert_int_equal(piece(f, 100, 65536), 8 * 4096 - 16 - 100);
	assert_int_equal(piece(f, 8 * 4096 - 16, 65536), 4096);
	assert_int_equal(piece(f, 9 * 4096 - 16, 65536), 65536);
}

/* Every alignment of every frame end against pages and the end of the ring. */
static void every_boundary(void **state)
{
	static const u32 starts[] = {
		0, 4096 - 16, 4096 - 32, SIZE - 16, SIZE - 32, SIZE - 4096,
		UINT32_MAX - 15, UINT32_MAX - 31, UINT32_MAX - SIZE + 1,
	};
	struct fifo_pages *f = *state;
	u32 i, len;

	for (i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		for (len = XENLOOP_FRAME_MIN; len < 130; len++) {
			fifo_pages_start_at(f, starts[i]);
			pass(f, len, len);
		}
		for (len = 4096 - 48; len < 4096 + 48; len++) {
			fifo_pages_start_at(f, starts[i]);
			pass(f, len, len);
		}
		fifo_pages_start_at(f, starts[i]);
		pass(f, XENLOOP_FRAME_MAX, i);
	}
}

/* Fill to the last byte; the frame after that has no room; then it does. */
static void full(void **state)
{
	struct fifo_pages *f = *state;
	u32 len = 1024 - sizeof(struct xenloop_frame), n = SIZE / 1024, i;

	fifo_pages_start_at(f, UINT32_MAX - SIZE / 2 + 1);
	for (i = 0; i < n; i++)
		assert_int_equal(fifo_put(&f->prod, len, i), 0);
	assert_int_equal(fifo_put(&f->prod, XENLOOP_FRAME_MIN, 0), -ENOSPC);
	xenloop_producer_publish(&f->prod);
	assert_int_equal(xenloop_producer_pending(&f->prod), SIZE);
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_frame(f, len, 0);
	assert_int_equal(fifo_put(&f->prod, XENLOOP_FRAME_MIN, 0), -ENOSPC);
	xenloop_consumer_release(&f->cons);
	assert_int_equal(fifo_put(&f->prod, len, n), 0);
	assert_int_equal(fifo_put(&f->prod, XENLOOP_FRAME_MIN, 0), -ENOSPC);
	for (i = 1; i < n; i++)
		assert_frame(f, len, i);
}

static void nothing_shows_before_publish(void **state)
{
	struct fifo_pages *f = *state;
	struct xenloop_frame frame;

	assert_int_equal(fifo_put(&f->prod, 100, 1), 0);
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_int_equal(xenloop_consumer_peek(&f->cons, &frame), 0);
	xenloop_producer_publish(&f->prod);
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_int_equal(xenloop_consumer_peek(&f->cons, &frame), 1);
}

/* An event when the consumer sleeps, exactly one, none while it is busy. */
static void data_events(void **state)
{
	struct fifo_pages *f = *state;

	fifo_put(&f->prod, 100, 1);
	assert_true(xenloop_producer_publish(&f->prod));
	fifo_put(&f->prod, 100, 2);
	assert_false(xenloop_producer_publish(&f->prod));
	assert_true(xenloop_consumer_sleep(&f->cons));
	xenloop_consumer_claim(&f->cons);
	assert_frame(f, 100, 1);
	assert_frame(f, 100, 2);
	assert_false(xenloop_consumer_sleep(&f->cons));
	fifo_put(&f->prod, 100, 3);
	fifo_put(&f->prod, 100, 4);
	assert_true(xenloop_producer_publish(&f->prod));
	assert_false(xenloop_producer_publish(&f->prod));
}

/* A consumer that looks by itself is not rung, until it sleeps again. */
static void no_data_events(void **state)
{
	struct fifo_pages *f = *state;
	u32 i;

	assert_false(xenloop_consumer_sleep(&f->cons));
	xenloop_consumer_wake(&f->cons);
	for (i = 0; i < 3; i++) {
		fifo_put(&f->prod, 100, i);
		assert_false(xenloop_producer_publish(&f->prod));
		xenloop_consumer_claim(&f->cons);
		assert_frame(f, 100, i);
	}
	assert_false(xenloop_consumer_sleep(&f->cons));
	fifo_put(&f->prod, 100, 3);
	assert_true(xenloop_producer_publish(&f->prod));
}

/* The producer that waits is told once, when a quarter is free, not before. */
static void room_events(void **state)
{
	struct fifo_pages *f = *state;
	u32 len = 1024 - sizeof(struct xenloop_frame), n = SIZE / 1024, i;

	for (i = 0; i < n; i++)
		fifo_put(&f->prod, len, i);
	xenloop_producer_publish(&f->prod);
	assert_int_equal(xenloop_producer_want_room(&f->prod, 100), -ENOSPC);
	xenloop_consumer_claim(&f->cons);
	for (i = 0; i < n; i++) {
		assert_frame(f, len, i);
		assert_int_equal(xenloop_consumer_release(&f->cons),
				 i + 1 == n / 4);
	}
	assert_int_equal(xenloop_producer_want_room(&f->prod, 100), 0);
}

/* The largest frame waits for its own size, which exceeds a quarter. */
static void room_event_of_the_largest_frame(void **state)
{
	struct fifo_pages *f = *state;
	u32 span = xenloop_frame_span(XENLOOP_FRAME_MAX);
	bool told = false;

	while (!fifo_put(&f->prod, 4000, 1))
		;
	xenloop_producer_publish(&f->prod);
	assert_int_equal(xenloop_producer_want_room(&f->prod, XENLOOP_FRAME_MAX),
			 -ENOSPC);
	xenloop_consumer_claim(&f->cons);
	while (!told) {
		assert_frame(f, 4000, 1);
		told = xenloop_consumer_release(&f->cons);
	}
	assert_true(SIZE - (f->prod.prod - f->cons.cons) >= span);
	assert_int_equal(fifo_put(&f->prod, XENLOOP_FRAME_MAX, 2), 0);
}

/* One request at a time for what is to be consumed; the last one counts. */
static void consumed_events(void **state)
{
	struct fifo_pages *f = *state;

	fifo_put(&f->prod, 3000, 1);
	xenloop_producer_publish(&f->prod);
	assert_false(xenloop_producer_want_consumed(&f->prod));
	fifo_put(&f->prod, 3000, 2);
	xenloop_producer_publish(&f->prod);
	assert_false(xenloop_producer_want_consumed(&f->prod));
	assert_int_not_equal(f->prod.asked, f->prod.told);
	xenloop_consumer_claim(&f->cons);
	assert_frame(f, 3000, 1);
	assert_true(xenloop_consumer_release(&f->cons));
	assert_true(xenloop_producer_pending(&f->prod) > 0);
	assert_false(xenloop_producer_want_consumed(&f->prod));
	assert_int_equal(f->prod.asked, f->prod.told);
	assert_frame(f, 3000, 2);
	assert_true(xenloop_consumer_release(&f->cons));
	fifo_put(&f->prod, 3000, 3);
	xenloop_producer_publish(&f->prod);
	xenloop_consumer_claim(&f->cons);
	assert_frame(f, 3000, 3);
	xenloop_consumer_release(&f->cons);
	assert_true(xenloop_producer_want_consumed(&f->prod));
}

/* What was claimed stays the consumer's; the rest comes back, once, in order. */
static void pull_back(void **state)
{
	struct fifo_pages *f = *state;
	struct xenloop_consumer back;
	struct xenloop_frame frame;
	u32 i;

	for (i = 0; i < 3; i++)
		fifo_put(&f->prod, 100 + i, i);
	xenloop_producer_publish(&f->prod);
	xenloop_consumer_claim(&f->cons);
	for (; i < 6; i++)
		fifo_put(&f->prod, 100 + i, i);
	xenloop_producer_publish(&f->prod);

	xenloop_producer_revoke(&f->prod, &back);
	for (i = 3; i < 6; i++)
		assert_int_equal(fifo_get(&back, buf, &frame), 100 + i);
	assert_int_equal(fifo_get(&back, buf, &frame), 0);

	for (i = 0; i < 3; i++)
		assert_frame(f, 100 + i, i);
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_true(f->cons.ended);
	assert_int_equal(xenloop_consumer_peek(&f->cons, &frame), 0);
	assert_false(xenloop_consumer_has_data(&f->cons));
	assert_false(xenloop_consumer_sleep(&f->cons));
}

/* A consumer that saw "wanted" takes nothing new until the decision is there. */
static void pull_back_undecided(void **state)
{
	struct fifo_pages *f = *state;
	struct xenloop_frame frame;

	fifo_put(&f->prod, 100, 1);
	xenloop_producer_publish(&f->prod);
	f->ctrl->revoke_state = XENLOOP_REVOKE_WANTED;
	assert_int_equal(xenloop_consumer_claim(&f->cons), -EAGAIN);
	assert_int_equal(xenloop_consumer_peek(&f->cons, &frame), 0);
	f->ctrl->revoke_index = f->ctrl->prod;
	f->ctrl->revoke_state = XENLOOP_REVOKE_DONE;
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	assert_frame(f, 100, 1);
}

static void geometry(void **state)
{
	struct fifo_pages *f = *state;
	u32 gref[XENLOOP_FIFO_MAX_PAGES];

	f->ctrl->gref[0] = 7;
	f->ctrl->gref[SIZE / 4096 - 1] = 9;
	assert_int_equal(xenloop_fifo_read_ctrl(f->ctrl, SIZE, gref), 0);
	assert_int_equal(gref[0], 7);
	assert_int_equal(gref[SIZE / 4096 - 1], 9);
	assert_int_equal(xenloop_fifo_read_ctrl(f->ctrl, SIZE * 2, gref), -EPROTO);
	f->ctrl->version++;
	assert_int_equal(xenloop_fifo_read_ctrl(f->ctrl, SIZE, gref), -EPROTO);
	f->ctrl->version--;
	f->ctrl->magic ^= 1;
	assert_int_equal(xenloop_fifo_read_ctrl(f->ctrl, SIZE, gref), -EPROTO);
}

/* A producer that lies: what the consumer makes of prod, with cons at 4096. */
static void hostile_prod(void **state)
{
	static const struct { u32 prod; int claim; } t[] = {
		{ 4096, 0 }, { 4096 + 32, 0 }, { 4096 + SIZE, 0 },
		{ 4096 + SIZE + 16, -EPROTO }, { 4096 - 16, -EPROTO },
		{ 0, -EPROTO }, { 4096 + 8, -EPROTO }, { 4096 + 1, -EPROTO },
		{ UINT32_MAX, -EPROTO }, { UINT32_MAX - 15, -EPROTO },
		{ 0x80000000, -EPROTO },
	};
	struct fifo_pages *f = *state;
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fifo_pages_start_at(f, 4096);
		f->ctrl->prod = t[i].prod;
		assert_int_equal(xenloop_consumer_claim(&f->cons), t[i].claim);
		if (t[i].claim)
			assert_int_equal(f->cons.claim, 4096);
	}
}

/* prod may not move back behind what was claimed. */
static void hostile_prod_backwards(void **state)
{
	struct fifo_pages *f = *state;

	fifo_put(&f->prod, 1000, 1);
	xenloop_producer_publish(&f->prod);
	assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
	f->ctrl->prod -= 16;
	assert_int_equal(xenloop_consumer_claim(&f->cons), -EPROTO);
}

/* A consumer that lies: @cons as read by a producer with 4096..8192 in use. */
static void hostile_cons(void **state)
{
	static const struct { u32 cons; int pending; } t[] = {
		{ 4096, 4096 }, { 8192, 0 }, { 4096 + 16, 4080 },
		{ 8192 + 16, -EPROTO }, { 4096 - 16, -EPROTO },
		{ 4096 + 8, -EPROTO }, { 0, -EPROTO }, { UINT32_MAX, -EPROTO },
		{ 4096 - SIZE, -EPROTO }, { 8192 - SIZE, -EPROTO },
	};
	struct fifo_pages *f = *state;
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fifo_pages_start_at(f, 4096);
		assert_int_equal(fifo_put(&f->prod, 4080, 1), 0);
		xenloop_producer_publish(&f->prod);
		f->ctrl->cons = t[i].cons;
		assert_int_equal(xenloop_producer_pending(&f->prod), t[i].pending);
	}
}

/* Lengths in a header that was claimed as 1,024 bytes. */
static void hostile_length(void **state)
{
	static const struct { u32 len; int peek; } t[] = {
		{ 1008, 1 }, { 1000, 1 }, { XENLOOP_FRAME_MIN, 1 },
		{ 0, -EPROTO }, { 13, -EPROTO }, { 1009, -EPROTO },
		{ XENLOOP_FRAME_MAX, -EPROTO }, { XENLOOP_FRAME_MAX + 1, -EPROTO },
		{ UINT32_MAX, -EPROTO }, { UINT32_MAX - 15, -EPROTO },
		{ UINT32_MAX - 31, -EPROTO }, { 0x80000000, -EPROTO },
	};
	struct fifo_pages *f = *state;
	struct xenloop_frame frame;
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fifo_pages_start_at(f, 0);
		assert_int_equal(fifo_put(&f->prod, 1008, 1), 0);
		xenloop_producer_publish(&f->prod);
		((struct xenloop_frame *)f->page[0])->len = t[i].len;
		assert_int_equal(xenloop_consumer_claim(&f->cons), 0);
		assert_int_equal(xenloop_consumer_peek(&f->cons, &frame),
				 t[i].peek);
	}
}

/* Decisions about a pull-back that cannot be; claim is at 4096, prod at 8192. */
static void hostile_revoke(void **state)
{
	static const struct { u32 state, index; int claim; } t[] = {
		{ XENLOOP_REVOKE_DONE, 4096, 0 },
		{ XENLOOP_REVOKE_DONE, 8192, 0 },
		{ XENLOOP_REVOKE_DONE, 8192 + 16, -EPROTO },
		{ XENLOOP_REVOKE_DONE, 4096 - 16, -EPROTO },
		{ XENLOOP_REVOKE_DONE, 4096 + 4, -EPROTO },
		{ XENLOOP_REVOKE_DONE + 1, 4096, -EPROTO },
		{ UINT32_MAX, 4096, -EPROTO },
		{ XENLOOP_REVOKE_WANTED, 0, -EAGAIN },
	};
	struct fifo_pages *f = *state;
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fifo_pages_start_at(f, 4096);
		f->cons.ended = false;
		f->ctrl->prod = 8192;
		f->ctrl->revoke_state = t[i].state;
		f->ctrl->revoke_index = t[i].index;
		assert_int_equal(xenloop_consumer_claim(&f->cons), t[i].claim);
		assert_int_equal(f->cons.claim, t[i].claim ? 4096 : t[i].index);
	}
}

/* Claims that cannot be: the producer takes back all that was not released. */
static void hostile_claim(void **state)
{
	static const u32 t[] = { 4096 - 16, 8192 + 16, 4096 + 8, UINT32_MAX, 0 };
	struct fifo_pages *f = *state;
	struct xenloop_consumer back;
	struct xenloop_frame frame;
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		fifo_pages_start_at(f, 4096);
		f->ctrl->revoke_state = XENLOOP_REVOKE_NONE;
		assert_int_equal(fifo_put(&f->prod, 4080, 1), 0);
		xenloop_producer_publish(&f->prod);
		f->ctrl->claim = t[i];
		xenloop_producer_revoke(&f->prod, &back);
		assert_int_equal(f->ctrl->revoke_index, 4096);
		assert_int_equal(fifo_get(&back, buf, &frame), 4080);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ROW(f) cmocka_unit_test_setup_teardown(f, setup_in_a_row, teardown)
	const struct CMUnitTest tests[] = {
		T(sizes), T(abi_offsets), T(empty), T(frame_lengths),
		T(pieces_of_scattered_pages), ROW(pieces_of_pages_in_a_row),
		T(every_boundary), ROW(every_boundary), T(full), ROW(full),
		T(nothing_shows_before_publish),
		T(data_events), T(no_data_events), T(room_events),
		T(room_event_of_the_largest_frame), T(consumed_events),
		T(pull_back), ROW(pull_back),
		T(pull_back_undecided), T(geometry), T(hostile_prod),
		T(hostile_prod_backwards), T(hostile_cons), T(hostile_length),
		T(hostile_revoke), T(hostile_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
