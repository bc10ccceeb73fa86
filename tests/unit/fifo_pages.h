/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A FIFO over ordinary memory, and both ends of it: for tests and fuzzers. */
#ifndef XENLOOP_TEST_FIFO_PAGES_H
#define XENLOOP_TEST_FIFO_PAGES_H

#include <stdlib.h>

#include "kmod/fifo.h"

struct fifo_pages {
	struct xenloop_fifo_ctrl *ctrl;
	char *data;
	void *page[XENLOOP_FIFO_MAX_PAGES];
	struct xenloop_fifo fifo;
	struct xenloop_producer prod;
	struct xenloop_consumer cons;
};

/* Page by page and out of order, so that a frame that runs on is found out. */
static inline void fifo_pages_init(struct fifo_pages *f, u32 size)
{
	u32 i, nr = size / XENLOOP_PAGE_SIZE;

	f->ctrl = aligned_alloc(XENLOOP_PAGE_SIZE, XENLOOP_PAGE_SIZE);
	f->data = aligned_alloc(XENLOOP_PAGE_SIZE, size);
	memset(f->ctrl, 0, XENLOOP_PAGE_SIZE);
	memset(f->data, 0, size);
	for (i = 0; i < nr; i++)
		f->page[i] = f->data + (size_t)(nr - 1 - i) * XENLOOP_PAGE_SIZE;
	f->fifo = (struct xenloop_fifo){ f->ctrl, f->page, size };
	xenloop_fifo_init_ctrl(f->ctrl, size);
	xenloop_producer_init(&f->prod, &f->fifo);
	xenloop_consumer_init(&f->cons, &f->fifo);
}

/* The same with pages in a row; before the first use. */
static inline void fifo_pages_in_a_row(struct fifo_pages *f)
{
	u32 i;

	for (i = 0; i < f->fifo.size / XENLOOP_PAGE_SIZE; i++)
		f->page[i] = f->data + (size_t)i * XENLOOP_PAGE_SIZE;
}

static inline void fifo_pages_free(struct fifo_pages *f)
{
	free(f->ctrl);
	free(f->data);
}

/* Both ends as if @index bytes had passed already. */
static inline void fifo_pages_start_at(struct fifo_pages *f, u32 index)
{
	f->ctrl->prod = f->ctrl->cons = f->ctrl->claim = index;
	f->ctrl->data_event = index + 1;
	f->ctrl->room_event = index;
	f->prod.prod = f->prod.told = f->prod.cons = index;
	f->cons.cons = f->cons.told = f->cons.claim = index;
}

static inline unsigned char fifo_byte(u32 seed, u32 i)
{
	return (unsigned char)(seed * 31 + i * 7 + (i >> 8));
}

/* Write a frame of @len bytes that @seed determines; not published. */
static inline int fifo_put(struct xenloop_producer *p, u32 len, u32 seed)
{
	struct xenloop_frame frame = { .len = len };
	int err = xenloop_producer_begin(p, len);
	u32 off, n, i;

	if (err)
		return err;
	for (off = 0; off < len; off += n) {
		unsigned char *to = xenloop_producer_chunk(p, off, len - off, &n);

		for (i = 0; i < n; i++)
			to[i] = fifo_byte(seed, off + i);
	}
	frame.vnet.csum_start = (__u16)seed;
	xenloop_producer_end(p, &frame);
	return 0;
}

/* Read the next claimed frame into @buf; its length, 0 or an error. */
static inline int fifo_get(struct xenloop_consumer *c, unsigned char *buf,
			   struct xenloop_frame *frame)
{
	int ret = xenloop_consumer_peek(c, frame);
	u32 off, n;

	if (ret <= 0)
		return ret;
	for (off = 0; off < frame->len; off += n) {
		const void *from = xenloop_consumer_chunk(c, off,
							  frame->len - off, &n);

		memcpy(buf + off, from, n);
	}
	xenloop_consumer_pop(c, frame->len);
	return (int)frame->len;
}

#endif /* XENLOOP_TEST_FIFO_PAGES_H */
