/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A way to hand frames from one thread to another, as the benchmark sees it. */
#ifndef XENLOOP_BENCH_CONTENDER_H
#define XENLOOP_BENCH_CONTENDER_H

#include <ck_pr.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE	64
#define FRAME_LARGEST	65536u

/**
 * struct contender - one way; every call of one side comes from one thread
 * @name: what samples are labelled with
 * @open: something for frames of @len bytes with about @size bytes of memory
 *        between the two sides; NULL without memory
 * @put: copy a frame in and show it to the other side; waits for room
 * @end: no frame follows
 * @get: copy the next frame to @to, which has room for it, or to memory of its
 *       own, and return where it is until the next call; waits for it. NULL
 *       after the last one
 * @close: free it; both threads are done
 */
struct contender {
	const char *name;
	void *(*open)(size_t size, uint32_t len);
	void (*put)(void *way, const void *frame, uint32_t len);
	void (*end)(void *way);
	const void *(*get)(void *way, void *to, uint32_t len);
	void (*close)(void *way);
};

extern const struct contender contender_fifo;
extern const struct contender contender_fifo_scattered;
extern const struct contender contender_memcpy;
extern const struct contender contender_ck_ring;
extern const struct contender contender_pipe;

/* Pages of memory that were touched; ends the program without memory. */
void *bench_pages(size_t size);
/* Says what failed with which errno, and ends the program. */
void bench_die(int error, const char *what) __attribute__((noreturn));

/*
 * How all ways in memory wait: spin, and after some microseconds leave the CPU
 * to others after each look. @spins is zero when the wait begins.
 */
static inline void bench_wait(unsigned int *spins)
{
	if (++*spins < 500)
		ck_pr_stall();
	else
		sched_yield();
}

#endif /* XENLOOP_BENCH_CONTENDER_H */
