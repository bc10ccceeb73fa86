// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ConcurrencyKit's ring for one producer and one consumer: pointers to buffers
 * allocated beforehand, and the same two copies. Buffers are used in turns, one
 * more than there are slots, so none has to be handed back.
 */
#include <ck_ring.h>
#include <stdlib.h>
#include <string.h>

#include "contender.h"

struct way {
	ck_ring_t ring;
	ck_ring_buffer_t *slots;
	char *buffers;
	size_t stride;
	unsigned int nr;
	unsigned int next __attribute__((aligned(CACHE_LINE))); /* producer's */
	char last[CACHE_LINE];
};

static char no_more;

static void *open_ring(size_t size, uint32_t len)
{
	struct way *way = bench_pages(sizeof(*way));
	unsigned int slots = 2;

	way->stride = (len + 15u) & ~15u;
	while (2 * slots * way->stride <= size)
		slots *= 2;
	way->nr = slots + 1;
	ck_ring_init(&way->ring, slots);
	way->slots = bench_pages(slots * sizeof(*way->slots));
	way->buffers = bench_pages(way->nr * way->stride);
	return way;
}

static void enqueue(struct way *way, void *buffer)
{
	unsigned int spins = 0;

	while (!ck_ring_enqueue_spsc(&way->ring, way->slots, buffer))
		bench_wait(&spins);
}

static void put(void *arg, const void *from, uint32_t len)
{
	struct way *way = arg;
	char *buffer = way->buffers + way->next * way->stride;

	memcpy(buffer, from, len);
	enqueue(way, buffer);
	way->next = way->next + 1 == way->nr ? 0 : way->next + 1;
}

static void end(void *arg)
{
	enqueue(arg, &no_more);
}

static const void *get(void *arg, void *to, uint32_t len)
{
	struct way *way = arg;
	unsigned int spins = 0;
	void *buffer;

	while (!ck_ring_dequeue_spsc(&way->ring, way->slots, &buffer))
		bench_wait(&spins);
	if (buffer == &no_more)
		return NULL;
	memcpy(to, buffer, len);
	return to;
}

static void close_ring(void *arg)
{
	struct way *way = arg;

	free(way->buffers);
	free(way->slots);
	free(way);
}

const struct contender contender_ck_ring = {
	"ck_ring", open_ring, put, end, get, close_ring,
};
