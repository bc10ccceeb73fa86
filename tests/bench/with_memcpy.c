// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The bare minimum, and so the limit: memcpy into a slot and memcpy out of it,
 * in one piece of memory, and an index for each side. No headers, no checks,
 * no way to sleep. Each side reads the other's index only when it has to.
 */
#include <stdlib.h>
#include <string.h>

#include "contender.h"

struct way {
	char *slots;
	size_t stride;
	uint64_t nr;
	/* the producer's */
	struct {
		uint64_t count, seen;
		size_t at;
	} prod __attribute__((aligned(CACHE_LINE)));
	/* the consumer's */
	struct {
		uint64_t count, seen;
		size_t at;
	} cons __attribute__((aligned(CACHE_LINE)));
	/* shared */
	uint64_t put __attribute__((aligned(CACHE_LINE)));
	bool ended;
	uint64_t taken __attribute__((aligned(CACHE_LINE)));
};

static void *open_slots(size_t size, uint32_t len)
{
	struct way *way = bench_pages(sizeof(*way));

	way->stride = (len + 15u) & ~15u;
	way->nr = size / way->stride;
	way->slots = bench_pages(size);
	return way;
}

static size_t following(const struct way *way, size_t at)
{
	return at + way->stride == way->nr * way->stride ? 0 : at + way->stride;
}

static void put(void *arg, const void *from, uint32_t len)
{
	struct way *way = arg;
	unsigned int spins = 0;

	while (way->prod.count - way->prod.seen == way->nr) {
		way->prod.seen = __atomic_load_n(&way->taken, __ATOMIC_ACQUIRE);
		if (way->prod.count - way->prod.seen == way->nr)
			bench_wait(&spins);
	}
	memcpy(way->slots + way->prod.at, from, len);
	way->prod.at = following(way, way->prod.at);
	__atomic_store_n(&way->put, ++way->prod.count, __ATOMIC_RELEASE);
}

static void end(void *arg)
{
	__atomic_store_n(&((struct way *)arg)->ended, true, __ATOMIC_RELEASE);
}

static bool look(struct way *way)
{
	way->cons.seen = __atomic_load_n(&way->put, __ATOMIC_ACQUIRE);
	return way->cons.seen != way->cons.count;
}

static const void *get(void *arg, void *to, uint32_t len)
{
	struct way *way = arg;
	unsigned int spins = 0;

	while (way->cons.count == way->cons.seen && !look(way)) {
		if (__atomic_load_n(&way->ended, __ATOMIC_ACQUIRE) &&
		    !look(way))
			return NULL;
		bench_wait(&spins);
	}
	memcpy(to, way->slots + way->cons.at, len);
	way->cons.at = following(way, way->cons.at);
	__atomic_store_n(&way->taken, ++way->cons.count, __ATOMIC_RELEASE);
	return to;
}

static void close_slots(void *arg)
{
	struct way *way = arg;

	free(way->slots);
	free(way);
}

const struct contender contender_memcpy = {
	"memcpy", open_slots, put, end, get, close_slots,
};
