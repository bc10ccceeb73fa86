// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Both ends of the FIFO on two threads; also built with ThreadSanitizer. Events
 * are semaphores, so a lost wake-up hangs the test (the runner ends it).
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fifo_pages.h"

#define FRAMES	40000u

/* What the two threads share besides the pages. */
struct run {
	struct fifo_pages f;
	sem_t data, room;
	u32 frames;		/* to be sent */
	u32 revoke_at;		/* the producer takes back after so many */
	u32 returned;		/* frames that came back */
	u32 first_returned;
	u32 received;
	u32 damaged;
};

static u32 frame_len(u32 i)
{
	return i % 97 ? XENLOOP_FRAME_MIN + (i * 37) % 1500 : XENLOOP_FRAME_MAX;
}

/* Every sixteenth byte: speed is needed more than thoroughness here. */
static bool frame_right(const struct xenloop_consumer *c,
			const struct xenloop_frame *frame, u32 i)
{
	u32 off, n;

	if (frame->len != frame_len(i) || frame->vnet.csum_start != (__u16)i)
		return false;
	for (off = 0; off < frame->len; off += 16) {
		const unsigned char *p =
			xenloop_consumer_chunk(c, off, 1, &n);

		if (*p != (unsigned char)(i + off))
			return false;
	}
	return true;
}

static int put(struct xenloop_producer *p, u32 i)
{
	struct xenloop_frame frame = { .len = frame_len(i) };
	int err = xenloop_producer_begin(p, frame.len);
	u32 off, n;

	if (err)
		return err;
	for (off = 0; off < frame.len; off += 16)
		*(unsigned char *)xenloop_producer_chunk(p, off, 1, &n) =
			(unsigned char)(i + off);
	frame.vnet.csum_start = (__u16)i;
	xenloop_producer_end(p, &frame);
	return 0;
}

static void take_back(struct run *r)
{
	struct xenloop_consumer back;
	struct xenloop_frame frame;
	u32 next = 0;

	xenloop_producer_revoke(&r->f.prod, &back);
	while (xenloop_consumer_peek(&back, &frame) == 1) {
		if (!r->returned)
			while (!frame_right(&back, &frame, next))
				next++;
		if (!r->returned++)
			r->first_returned = next;
		else if (!frame_right(&back, &frame, ++next))
			r->damaged++;
		xenloop_consumer_pop(&back, frame.len);
	}
}

static void *produce(void *arg)
{
	struct run *r = arg;
	struct xenloop_producer *p = &r->f.prod;
	u32 i;

	for (i = 0; i < r->frames; i++) {
		while (put(p, i) == -ENOSPC) {
			if (xenloop_producer_publish(p))
				sem_post(&r->data);
			if (xenloop_producer_want_room(p, frame_len(i)))
				sem_wait(&r->room);
		}
		if (i % 3 == 0 && xenloop_producer_publish(p))
			sem_post(&r->data);
	}
	xenloop_producer_publish(p);
	if (r->revoke_at)
		take_back(r);
	virt_store_release(&p->fifo.ctrl->prod_state, XENLOOP_PROD_CLOSED);
	sem_post(&r->data);
	return NULL;
}

static bool finished(struct run *r)
{
	return virt_load_acquire(&r->f.ctrl->prod_state) ==
	       XENLOOP_PROD_CLOSED && !xenloop_consumer_has_data(&r->f.cons);
}

static void consume(struct run *r)
{
	struct xenloop_consumer *c = &r->f.cons;
	struct xenloop_frame frame;

	if (xenloop_consumer_claim(c) == -EPROTO)
		r->damaged++;
	while (xenloop_consumer_peek(c, &frame) == 1) {
		if (!frame_right(c, &frame, r->received++))
			r->damaged++;
		xenloop_consumer_pop(c, frame.len);
		if (r->received % 5 == 0 && xenloop_consumer_release(c))
			sem_post(&r->room);
	}
	if (xenloop_consumer_release(c))
		sem_post(&r->room);
}

static void run(struct run *r)
{
	pthread_t producer;

	fifo_pages_init(&r->f, XENLOOP_FIFO_MIN_SIZE);
	fifo_pages_start_at(&r->f, UINT32_MAX - 1000 * 16 + 1);
	sem_init(&r->data, 0, 0);
	sem_init(&r->room, 0, 0);
	pthread_create(&producer, NULL, produce, r);
	while (!finished(r)) {
		consume(r);
		if (!finished(r) && !xenloop_consumer_sleep(&r->f.cons))
			sem_wait(&r->data);
	}
	pthread_join(producer, NULL);
	fifo_pages_free(&r->f);
}

static void stream(void **state)
{
	struct run r = { .frames = FRAMES };

	run(&r);
	assert_int_equal(r.damaged, 0);
	assert_int_equal(r.received, FRAMES);
}

/* Taken back while the consumer runs: each frame exactly once, in order. */
static void pull_back_race(void **state)
{
	u32 i, split = 0;

	for (i = 0; i < 300; i++) {
		struct run r = { .frames = 20 + i % 60, .revoke_at = 1 };

		run(&r);
		assert_int_equal(r.damaged, 0);
		assert_int_equal(r.received + r.returned, r.frames);
		if (r.returned)
			assert_int_equal(r.first_returned, r.received);
		split += r.received && r.returned;
	}
	print_message("both sides got some in %u of %u runs\n", split, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream),
		cmocka_unit_test(pull_back_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
