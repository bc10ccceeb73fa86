// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The FIFO against a hostile other end. The input is a program: each byte picks
 * a step of ours, or a write of the other's into a shared word or the ring, so
 * that memory changes between any two steps, also in the middle of a frame. The
 * first byte picks which end we are. Pages are allocations of their own, or of a
 * few in a row, and frames are copied to buffers of their exact length: ASan
 * sees any step beyond.
 */
#include <stdlib.h>

#include "kmod/fifo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define SIZE	XENLOOP_FIFO_MIN_SIZE
#define PAGES	(SIZE / XENLOOP_PAGE_SIZE)
#define WORDS	64	/* of the control page; behind them are references */

/* Steps during which the other end writes, too. */
#define PUT	0
#define TAKE	1

static struct xenloop_fifo fifo;
static struct xenloop_fifo_ctrl *ctrl;

static const uint8_t *input;
static size_t left;

/* What the end under test owns, as indices of words: all others stay. */
static const u32 producer_words[] = { 16, 17, 18, 19, 20, 22, 23 };
static const u32 consumer_words[] = { 32, 33, 48, 49 };

static u32 shared[WORDS];

static u32 *word(u32 index)
{
	return (u32 *)ctrl + index;
}

static void must(bool what)
{
	if (!what)
		abort();
}

static u32 next(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

static u32 next16(void)
{
	u32 low = next();

	return low | next() << 8;
}

/* A value near an index that is in use, or any. */
static u32 value(u32 near)
{
	u32 kind = next();

	if (kind & 1)
		return next16() << 16 | next16();
	if (kind & 2)
		return near + ((u32)(int16_t)next16() << 4);
	return near + (u32)(int8_t)next();
}

static void hostile_word(u32 near)
{
	u32 index = next() % WORDS;

	*word(index) = value(near);
}

/* A few bytes into the ring: most of the time, over a header. */
static void hostile_bytes(u32 near)
{
	u32 at = near + ((u32)(int8_t)next() << 4), n = next() % 17;

	for (; n; n--, at++)
		((uint8_t *)fifo.page[at % SIZE / XENLOOP_PAGE_SIZE])
			[at % XENLOOP_PAGE_SIZE] = next();
}

/* A header of the length and at the place that is wanted next. */
static void hostile_frame(u32 at)
{
	struct xenloop_frame frame = { .len = value(XENLOOP_FRAME_MIN) };

	at &= ~(XENLOOP_FRAME_ALIGN - 1);
	memcpy((char *)fifo.page[at % SIZE / XENLOOP_PAGE_SIZE] +
	       at % XENLOOP_PAGE_SIZE, &frame, sizeof(frame));
}

static void hostile(u32 step, u32 near)
{
	if (step % 3 == 0)
		hostile_word(near);
	else if (step % 3 == 1)
		hostile_bytes(near);
	else
		hostile_frame(near);
}

static void remember(void)
{
	memcpy(shared, ctrl, sizeof(shared));
}

/* Our end has changed no words but its own. */
static void only(const u32 *own, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		shared[own[i]] = *word(own[i]);
	must(!memcmp(shared, ctrl, sizeof(shared)));
}

static void sound_consumer(const struct xenloop_consumer *c)
{
	must(c->claim - c->cons <= SIZE);
	must(!((c->claim | c->cons | c->told) & (XENLOOP_FRAME_ALIGN - 1)));
}

/* As xenloop_frame_read() does it; the other end writes meanwhile. */
static void copy_frame(const struct xenloop_consumer *c, u32 len)
{
	char *to = malloc(len);
	u32 off, n;

	must(to);
	for (off = 0; off < len; off += n) {
		const void *from = xenloop_consumer_chunk(c, off, len - off,
							  &n);

		must(n && n <= len - off);
		memcpy(to + off, from, n);
		if (next() & 1)
			hostile(next(), c->cons);
	}
	free(to);
}

static void take_frame(struct xenloop_consumer *c)
{
	u32 avail = c->claim - c->cons;
	struct xenloop_frame frame;
	int ret = xenloop_consumer_peek(c, &frame);

	must(ret == 1 || (ret == 0) == !avail);
	if (ret != 1)
		return;
	must(frame.len >= XENLOOP_FRAME_MIN && frame.len <= XENLOOP_FRAME_MAX);
	must(xenloop_frame_span(frame.len) <= avail);
	copy_frame(c, frame.len);
	xenloop_consumer_pop(c, frame.len);
}

static void consumer_step(struct xenloop_consumer *c, u32 step)
{
	const struct xenloop_consumer was = *c;

	switch (step) {
	case 0:
		if (xenloop_consumer_claim(c))
			must(!memcmp(c, &was, sizeof(was)));
		break;
	case TAKE:
		take_frame(c);
		break;
	case 2:
		xenloop_consumer_release(c);
		must(c->told == c->cons);
		break;
	case 3:
		xenloop_consumer_sleep(c);
		break;
	default:
		xenloop_consumer_has_data(c);
	}
	/* Nothing moves backwards. */
	must(c->claim - was.claim <= SIZE && c->cons - was.cons <= SIZE);
	must(!was.ended || (c->ended && c->claim == was.claim));
}

static void be_consumer(u32 start)
{
	struct xenloop_consumer c;

	xenloop_consumer_init(&c, &fifo);
	c.cons = c.told = c.claim = start;
	while (left) {
		u32 step = next();

		if (step & 1) {
			hostile(step >> 1, step & 0x80 ? c.claim : c.cons);
			continue;
		}
		remember();
		consumer_step(&c, (step >> 1) % 5);
		if ((step >> 1) % 5 != TAKE)
			only(consumer_words, 4);
		sound_consumer(&c);
	}
}

static void sound_producer(const struct xenloop_producer *p)
{
	must(p->prod - p->cons <= SIZE);
	must(p->told - p->cons <= p->prod - p->cons);
	must(!((p->prod | p->told | p->cons) & (XENLOOP_FRAME_ALIGN - 1)));
}

static void put_frame(struct xenloop_producer *p, u32 len)
{
	struct xenloop_frame frame = { .len = len };
	int err = xenloop_producer_begin(p, len);
	u32 off, n;

	if (err) {
		must(err == -ENOSPC || err == -EMSGSIZE || err == -EPROTO);
		return;
	}
	must(len >= XENLOOP_FRAME_MIN && len <= XENLOOP_FRAME_MAX);
	must(p->prod - p->cons + xenloop_frame_span(len) <= SIZE);
	for (off = 0; off < len; off += n) {
		void *to = xenloop_producer_chunk(p, off, len - off, &n);

		must(n && n <= len - off);
		memset(to, (int)off, n);
		if (next() & 1)
			hostile(next(), p->cons);
	}
	xenloop_producer_end(p, &frame);
}

static u32 length(void)
{
	u32 kind = next();

	return kind & 1 ? value(XENLOOP_FRAME_MAX) : kind << 4 | next();
}

static void producer_step(struct xenloop_producer *p, u32 step)
{
	const struct xenloop_producer was = *p;
	int ret;

	switch (step) {
	case PUT:
		put_frame(p, length());
		break;
	case 1:
		xenloop_producer_publish(p);
		must(p->told == p->prod);
		break;
	case 2:
		xenloop_producer_want_room(p, length());
		break;
	case 3:
		xenloop_producer_want_consumed(p);
		break;
	default:
		ret = xenloop_producer_pending(p);
		must(ret == -EPROTO || (ret >= 0 && ret <= (int)SIZE));
	}
	must(p->cons - was.cons <= was.told - was.cons);
}

/* What is taken back is read with the same distrust as anything. */
static void take_back(struct xenloop_producer *p)
{
	struct xenloop_consumer back;
	u32 before;

	remember();
	xenloop_producer_revoke(p, &back);
	only(producer_words, 7);
	must(ctrl->revoke_state == XENLOOP_REVOKE_DONE);
	must(ctrl->revoke_index == back.cons && back.claim == p->told);
	must(back.cons - p->cons <= p->told - p->cons);
	do {
		before = back.cons;
		sound_consumer(&back);
		take_frame(&back);
	} while (back.cons != before);
}

static void be_producer(u32 start)
{
	struct xenloop_producer p;

	xenloop_producer_init(&p, &fifo);
	p.prod = p.told = p.cons = start;
	while (left) {
		u32 step = next();

		if (step & 1) {
			hostile(step >> 1, step & 0x80 ? p.prod : p.cons);
			continue;
		}
		remember();
		producer_step(&p, (step >> 1) % 5);
		if ((step >> 1) % 5 != PUT)
			only(producer_words, 7);
		sound_producer(&p);
	}
	take_back(&p);
}

/* The producer's look at a foreign control page, before anything is mapped. */
static void read_references(void)
{
	u32 *gref = malloc(PAGES * sizeof(*gref));
	int err;

	must(gref);
	err = xenloop_fifo_read_ctrl(ctrl, SIZE, gref);
	must(!err == (ctrl->magic == XENLOOP_FIFO_MAGIC &&
		      ctrl->version == XENLOOP_FIFO_VERSION &&
		      ctrl->nr_pages == PAGES));
	free(gref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 role, start;

	input = data;
	left = size;
	memset(ctrl, 0, XENLOOP_PAGE_SIZE);
	for (u32 i = 0; i < PAGES; i++)
		memset(fifo.page[i], 0, XENLOOP_PAGE_SIZE);
	xenloop_fifo_init_ctrl(ctrl, SIZE);
	role = next();
	start = role & 2 ? 0u - (next() << 4) : 0;
	ctrl->prod = ctrl->cons = ctrl->claim = start;
	if (role & 1)
		be_producer(start);
	else
		be_consumer(start);
	read_references();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	void **page = malloc(PAGES * sizeof(*page));
	char *block;

	must(page);
	ctrl = aligned_alloc(XENLOOP_PAGE_SIZE, XENLOOP_PAGE_SIZE);
	must(ctrl);
	/* Alone, and in blocks of 2 and 4. */
	for (u32 i = 0, n; i < PAGES; i += n) {
		n = min(1u << i % 3, PAGES - i);
		block = aligned_alloc(XENLOOP_PAGE_SIZE, n * XENLOOP_PAGE_SIZE);
		must(block);
		for (u32 k = 0; k < n; k++)
			page[i + k] = block + k * XENLOOP_PAGE_SIZE;
	}
	fifo = (struct xenloop_fifo){ ctrl, page, SIZE };
	return 0;
}
