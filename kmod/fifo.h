/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The FIFO: one direction, one producer, one consumer, over pages shared with
 * a side that is not trusted. docs/protocol.md, "Shared pages", has the rules.
 *
 * Nothing here takes a lock or sleeps. Calls on one struct xenloop_producer or
 * one struct xenloop_consumer must be serialised by the caller.
 */
#ifndef XENLOOP_KMOD_FIFO_H
#define XENLOOP_KMOD_FIFO_H

#include "xenloop_port.h"
#include "xenloop_fifo.h"

/**
 * struct xenloop_fifo - private view of the shared pages
 * @ctrl: control page
 * @page: addresses of the data pages
 * @size: bytes in the data pages, a power of two
 */
struct xenloop_fifo {
	struct xenloop_fifo_ctrl *ctrl;
	void *const *page;
	u32 size;
};

/**
 * struct xenloop_producer - the writing end
 * @fifo: the shared pages
 * @prod: end of the last frame written, published or not
 * @told: value of @prod when it was last published
 * @cons: the consumer's index when it was last read and checked
 * @asked: where the last event that we asked for is due
 */
struct xenloop_producer {
	struct xenloop_fifo fifo;
	u32 prod;
	u32 told;
	u32 cons;
	u32 asked;
};

/**
 * struct xenloop_consumer - the reading end
 * @fifo: the shared pages
 * @cons: start of the next frame
 * @told: value of @cons when it was last released
 * @claim: frames before this index are ours for sure
 * @ended: the producer took back what lies beyond @claim; nothing follows
 */
struct xenloop_consumer {
	struct xenloop_fifo fifo;
	u32 cons;
	u32 told;
	u32 claim;
	bool ended;
};

bool xenloop_fifo_size_ok(u32 size);
void xenloop_fifo_init_ctrl(struct xenloop_fifo_ctrl *ctrl, u32 size);
int xenloop_fifo_read_ctrl(const struct xenloop_fifo_ctrl *ctrl, u32 size,
			   u32 *gref);

void xenloop_producer_init(struct xenloop_producer *p,
			   const struct xenloop_fifo *fifo);
int xenloop_producer_begin(struct xenloop_producer *p, u32 len);
void *xenloop_producer_chunk(const struct xenloop_producer *p, u32 offset,
			     u32 len, u32 *n);
void xenloop_producer_end(struct xenloop_producer *p,
			  const struct xenloop_frame *frame);
bool xenloop_producer_publish(struct xenloop_producer *p);
int xenloop_producer_want_room(struct xenloop_producer *p, u32 len);
bool xenloop_producer_want_consumed(struct xenloop_producer *p);
int xenloop_producer_pending(struct xenloop_producer *p);
void xenloop_producer_revoke(struct xenloop_producer *p,
			     struct xenloop_consumer *back);

void xenloop_consumer_init(struct xenloop_consumer *c,
			   const struct xenloop_fifo *fifo);
bool xenloop_consumer_has_data(const struct xenloop_consumer *c);
int xenloop_consumer_claim(struct xenloop_consumer *c);
int xenloop_consumer_peek(const struct xenloop_consumer *c,
			  struct xenloop_frame *frame);
const void *xenloop_consumer_chunk(const struct xenloop_consumer *c,
				   u32 offset, u32 len, u32 *n);
void xenloop_consumer_pop(struct xenloop_consumer *c, u32 len);
bool xenloop_consumer_release(struct xenloop_consumer *c);
bool xenloop_consumer_sleep(const struct xenloop_consumer *c);
void xenloop_consumer_wake(const struct xenloop_consumer *c);

#endif /* XENLOOP_KMOD_FIFO_H */
