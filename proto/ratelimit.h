/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_RATELIMIT_H
#define XENLOOP_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket: `burst` things at once, then one per `interval_us`. For log
 * lines and for work that foreign input can cause.
 */
struct xenloop_ratelimit {
	uint32_t burst;
	uint32_t interval_us;
	uint32_t tokens;
	uint32_t suppressed;	/* refused since the last one that passed */
	uint64_t last_us;	/* when tokens was last topped up */
	bool started;
};

#define XENLOOP_RATELIMIT_INIT(b, interval_ms) \
	{ .burst = (b), .interval_us = (interval_ms) * 1000u }

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t xenloop_now_ms(void);

/*
 * Takes a token if there is one. When it returns true and `suppressed` is not
 * NULL, *suppressed is the number of refusals since the last true.
 */
bool xenloop_ratelimit_ok(struct xenloop_ratelimit *rl, uint64_t now_ms,
			  uint32_t *suppressed);

/* Is it as good as a new one? */
bool xenloop_ratelimit_is_full(struct xenloop_ratelimit *rl, uint64_t now_ms);

/* Milliseconds until xenloop_ratelimit_ok() can be true; 0 when it is now. */
uint64_t xenloop_ratelimit_wait(const struct xenloop_ratelimit *rl,
				uint64_t now_ms);

#endif
