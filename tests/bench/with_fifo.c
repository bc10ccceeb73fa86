// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * kmod/fifo.c, used as the module uses it: each frame is published when it is
 * put; the consumer claims all there is, and releases what it consumed when
 * that is used up, or after as many frames as a NAPI poll takes. Once with
 * pages in a row, which is what the module tries to have, and once with each
 * page elsewhere.
 */
#include "tests/unit/fifo_pages.h"
#include "contender.h"

#define BUDGET	64u

/* Each end on cache lines of its own: in two guests they are far apart. */
struct way {
	struct fifo_pages f;
	struct xenloop_producer prod __attribute__((aligned(CACHE_LINE)));
	struct xenloop_consumer cons __attribute__((aligned(CACHE_LINE)));
	u32 unreleased;		/* frames, of the consumer */
};

static void *open_scattered(size_t size, u32 len)
{
	struct way *way = bench_pages(sizeof(*way));

	fifo_pages_init(&way->f, (u32)size);
	xenloop_producer_init(&way->prod, &way->f.fifo);
	xenloop_consumer_init(&way->cons, &way->f.fifo);
	return way;
}

static void *open_in_a_row(size_t size, u32 len)
{
	struct way *way = open_scattered(size, len);

	fifo_pages_in_a_row(&way->f);
	return way;
}

static void put(void *arg, const void *from, u32 len)
{
	struct xenloop_producer *p = &((struct way *)arg)->prod;
	struct xenloop_frame frame = { .len = len };
	unsigned int spins = 0;
	u32 off, n;
	int err;

	while ((err = xenloop_producer_begin(p, len)) == -ENOSPC)
		bench_wait(&spins);
	if (err)
		bench_die(-err, "xenloop_producer_begin");
	for (off = 0; off < len; off += n) {
		void *to = xenloop_producer_chunk(p, off, len - off, &n);

		memcpy(to, (const char *)from + off, n);
	}
	xenloop_producer_end(p, &frame);
	xenloop_producer_publish(p);
}

static void end(void *arg)
{
	struct way *way = arg;

	virt_store_release(&way->f.ctrl->prod_state, XENLOOP_PROD_CLOSED);
}

/* Give back what was consumed, wait for more. False: nothing will come. */
static bool await_frame(struct way *way)
{
	struct xenloop_consumer *c = &way->cons;
	unsigned int spins = 0;

	xenloop_consumer_release(c);
	way->unreleased = 0;
	while (!xenloop_consumer_has_data(c)) {
		if (virt_load_acquire(&way->f.ctrl->prod_state) ==
		    XENLOOP_PROD_CLOSED)
			return xenloop_consumer_has_data(c);
		bench_wait(&spins);
	}
	return true;
}

static const void *get(void *arg, void *to, u32 len)
{
	struct way *way = arg;
	struct xenloop_consumer *c = &way->cons;
	struct xenloop_frame frame;
	u32 off, n;
	int err;

	if (c->cons == c->claim || way->unreleased == BUDGET) {
		if (!await_frame(way))
			return NULL;
		err = xenloop_consumer_claim(c);
		if (err)
			bench_die(-err, "xenloop_consumer_claim");
	}
	if (xenloop_consumer_peek(c, &frame) != 1 || frame.len != len)
		bench_die(EPROTO, "xenloop_consumer_peek");
	for (off = 0; off < frame.len; off += n) {
		const void *from = xenloop_consumer_chunk(c, off,
							  frame.len - off, &n);

		memcpy((char *)to + off, from, n);
	}
	xenloop_consumer_pop(c, frame.len);
	way->unreleased++;
	return to;
}

static void close_fifo(void *arg)
{
	struct way *way = arg;

	fifo_pages_free(&way->f);
	free(way);
}

const struct contender contender_fifo = {
	"fifo", open_in_a_row, put, end, get, close_fifo,
};

const struct contender contender_fifo_scattered = {
	"fifo_scattered", open_scattered, put, end, get, close_fifo,
};
