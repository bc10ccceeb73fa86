// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Virtual time; see clock.h. */
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/clock.h"

static uint64_t now_ms = 1000000;
static uint64_t state;

void sim_clock_init(uint32_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ull | 1;
}

void sim_clock_advance(uint32_t ms)
{
	now_ms += ms;
}

uint64_t sim_now_ms(void)
{
	return now_ms;
}

/* xorshift64* */
uint32_t sim_random(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull >> 32) % below);
}

double sim_cpu(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	ts->tv_sec = (time_t)(now_ms / 1000);
	ts->tv_nsec = (long)(now_ms % 1000) * 1000000;
	return 0;
}

ssize_t getrandom(void *buf, size_t size, unsigned int flags)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] = (uint8_t)sim_random(256);
	return (ssize_t)size;
}
