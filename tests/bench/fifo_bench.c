// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The FIFO alone, in userspace, against other ways from one thread to another:
 * two threads, each on a CPU of its own, and frames of one size from a private
 * buffer of the one to a private buffer of the other.
 *
 * For each round, frame size and way, in turns, one line of JSON on stdout:
 * how many frames went in how many seconds when sent without a pause, and
 * percentiles of the time from before put() to after get() when sent one by
 * one. Every frame's bytes depend on its number, and are checked: all of them
 * in frames before the clock starts, a word every 512 bytes while it runs.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/fifo_pages.h"
#include "contender.h"

#define WARM_UP		64u	/* frames that are checked byte by byte */
#define SINGLES		10000u	/* frames sent one by one, at most */
#define LEAST		200u	/* frames in any sample, at least */
#define SPARSE		512u	/* else a word after so many bytes is checked */

struct options {
	unsigned int rounds, milliseconds;
	size_t size;		/* bytes between the two sides */
	int cpu[2];
};

/* What the two threads share; each word has one writer. */
struct run {
	const struct contender *with;
	void *way;
	uint32_t len;
	bool one_by_one;
	pthread_barrier_t ready;
	int cpu[2];
	bool stop __attribute__((aligned(CACHE_LINE)));	/* the main thread's */
	uint64_t sent __attribute__((aligned(CACHE_LINE))); /* the producer's */
	double sent_at;
	uint64_t got __attribute__((aligned(CACHE_LINE))); /* the consumer's */
	double seconds;
	double late[SINGLES];
};

static const struct contender *const contenders[] = {
	&contender_fifo, &contender_fifo_scattered, &contender_memcpy,
	&contender_ck_ring, &contender_pipe,
};
static const uint32_t lengths[] = { 64, 256, 1514, 4096, 16384, FRAME_LARGEST };

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

void bench_die(int error, const char *what)
{
	fprintf(stderr, "fifo_bench: %s: %s\n", what, strerror(error));
	exit(1);
}

void *bench_pages(size_t size)
{
	size_t whole = (size + 4095) & ~(size_t)4095;
	void *pages = aligned_alloc(4096, whole);

	if (!pages)
		bench_die(errno, "memory");
	return memset(pages, 0, whole);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t word_of(uint64_t number, uint32_t offset)
{
	return (number + 1) * 0x9e3779b97f4a7c15u + offset;
}

/* Where the marked word after the one at @offset is; one ends the frame. */
static uint32_t next_word(uint32_t offset, uint32_t len)
{
	uint32_t last = len - (uint32_t)sizeof(uint64_t);

	if (offset == last)
		return len;
	return offset + 2 * SPARSE <= last ? offset + SPARSE : last;
}

static void mark(unsigned char *frame, uint32_t len, uint64_t number)
{
	uint32_t offset;
	uint64_t word;

	if (number < WARM_UP) {
		for (offset = 0; offset < len; offset++)
			frame[offset] = fifo_byte((uint32_t)number, offset);
		return;
	}
	for (offset = 0; offset < len; offset = next_word(offset, len)) {
		word = word_of(number, offset);
		memcpy(frame + offset, &word, sizeof(word));
	}
}

static bool right(const unsigned char *frame, uint32_t len, uint64_t number)
{
	uint32_t offset;
	uint64_t word;

	if (number < WARM_UP) {
		for (offset = 0; offset < len; offset++)
			if (frame[offset] != fifo_byte((uint32_t)number, offset))
				return false;
		return true;
	}
	for (offset = 0; offset < len; offset = next_word(offset, len)) {
		memcpy(&word, frame + offset, sizeof(word));
		if (word != word_of(number, offset))
			return false;
	}
	return true;
}

static void pin(int cpu)
{
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (err)
		bench_die(err, "pinning a thread");
}

static bool more(const struct run *r)
{
	if (r->one_by_one && r->sent == WARM_UP + SINGLES)
		return false;
	return r->sent < WARM_UP + LEAST ||
	       !__atomic_load_n(&r->stop, __ATOMIC_RELAXED);
}

static void await_receipt(const struct run *r)
{
	unsigned int spins = 0;

	while (__atomic_load_n(&r->got, __ATOMIC_ACQUIRE) != r->sent)
		bench_wait(&spins);
}

static void *produce(void *arg)
{
	struct run *r = arg;
	unsigned char *frame = bench_pages(r->len);

	pin(r->cpu[0]);
	pthread_barrier_wait(&r->ready);
	while (more(r)) {
		mark(frame, r->len, r->sent);
		if (r->one_by_one)
			r->sent_at = now();
		r->with->put(r->way, frame, r->len);
		r->sent++;
		if (r->one_by_one || r->sent == WARM_UP)
			await_receipt(r);
	}
	r->with->end(r->way);
	free(frame);
	return NULL;
}

static void *consume(void *arg)
{
	struct run *r = arg;
	void *buffer = bench_pages(r->len);
	const unsigned char *frame;
	double start = 0;

	pin(r->cpu[1]);
	pthread_barrier_wait(&r->ready);
	while ((frame = r->with->get(r->way, buffer, r->len))) {
		if (r->one_by_one && r->got >= WARM_UP)
			r->late[r->got - WARM_UP] = now() - r->sent_at;
		if (!right(frame, r->len, r->got)) {
			fprintf(stderr, "fifo_bench: %s damaged a frame\n",
				r->with->name);
			exit(1);
		}
		if (r->got + 1 == WARM_UP)
			start = now();
		__atomic_store_n(&r->got, r->got + 1, __ATOMIC_RELEASE);
	}
	r->seconds = now() - start;
	free(buffer);
	return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *), struct run *r)
{
	int err = pthread_create(thread, NULL, function, r);

	if (err)
		bench_die(err, "pthread_create");
}

/* Both threads from start to end. */
static void run(struct run *r, unsigned int milliseconds)
{
	struct timespec pause = {
		milliseconds / 1000, milliseconds % 1000 * 1000000L,
	};
	pthread_t producer, consumer;

	pthread_barrier_init(&r->ready, NULL, 2);
	start(&consumer, consume, r);
	start(&producer, produce, r);
	nanosleep(&pause, NULL);
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(producer, NULL);
	pthread_join(consumer, NULL);
	pthread_barrier_destroy(&r->ready);
	if (r->got != r->sent) {
		fprintf(stderr, "fifo_bench: %s lost frames\n", r->with->name);
		exit(1);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void one_run(struct run *r, const struct options *o,
		    const struct contender *with, uint32_t len, bool one_by_one)
{
	*r = (struct run){ .with = with, .len = len, .one_by_one = one_by_one,
			   .cpu = { o->cpu[0], o->cpu[1] } };
	r->way = with->open(o->size, len);
	run(r, o->milliseconds);
	with->close(r->way);
}

static void sample(const struct options *o, unsigned int round,
		   const struct contender *with, uint32_t len)
{
	static struct run r;
	uint64_t n;

	one_run(&r, o, with, len, false);
	printf("{\"round\": %u, \"way\": \"%s\", \"frame\": %u,"
	       " \"frames\": %llu, \"seconds\": %.9f", round, with->name, len,
	       (unsigned long long)(r.got - WARM_UP), r.seconds);
	one_run(&r, o, with, len, true);
	n = r.got - WARM_UP;
	qsort(r.late, n, sizeof(*r.late), by_value);
	printf(", \"p50_ns\": %.0f, \"p95_ns\": %.0f}\n",
	       r.late[n / 2] * 1e9, r.late[n * 95 / 100] * 1e9);
	fflush(stdout);
}

static void default_cpus(int *cpu)
{
	cpu_set_t set;
	int i, n = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		bench_die(errno, "sched_getaffinity");
	for (i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	if (n < 2)
		bench_die(ENODEV, "two CPUs are needed");
}

static void usage(void)
{
	fprintf(stderr, "usage: fifo_bench [--rounds N] [--ms N] [--size BYTES]"
			" [--cpus PRODUCER,CONSUMER]\n");
	exit(2);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "ms", required_argument, NULL, 'm' },
		{ "size", required_argument, NULL, 's' },
		{ "cpus", required_argument, NULL, 'c' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'r')
			o->rounds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (c == 'm')
			o->milliseconds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (c == 's')
			o->size = strtoul(optarg, NULL, 0);
		else if (c != 'c' || sscanf(optarg, "%d,%d", &o->cpu[0],
					    &o->cpu[1]) != 2)
			usage();
	}
	if (optind != argc || !o->rounds || !o->milliseconds)
		usage();
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 7, .milliseconds = 100,
			     .size = 512 << 10 };
	unsigned int round, i, j;

	default_cpus(o.cpu);
	parse(&o, argc, argv);
	for (round = 0; round < o.rounds; round++)
		for (i = 0; i < NR(lengths); i++)
			for (j = 0; j < NR(contenders); j++)
				sample(&o, round,
				       contenders[(round + j) % NR(contenders)],
				       lengths[i]);
	return 0;
}
