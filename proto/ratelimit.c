// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A token bucket; see ratelimit.h. */
#include <time.h>

#include "proto/ratelimit.h"

uint64_t xenloop_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void top_up(struct xenloop_ratelimit *rl, uint64_t now_ms)
{
	uint64_t now_us = now_ms * 1000;
	uint32_t room;
	uint64_t new;

	if (!rl->started) {
		rl->started = true;
		rl->tokens = rl->burst;
		rl->last_us = now_us;
		return;
	}
	if (!rl->interval_us) {
		rl->tokens = rl->burst;
		return;
	}
	if (now_us < rl->last_us)	/* a time from before */
		return;
	new = (now_us - rl->last_us) / rl->interval_us;
	rl->last_us += new * rl->interval_us;
	/* A reload may have made the bucket smaller than what is in it. */
	room = rl->burst > rl->tokens ? rl->burst - rl->tokens : 0;
	rl->tokens = new < room ? rl->tokens + new : rl->burst;
}

bool xenloop_ratelimit_ok(struct xenloop_ratelimit *rl, uint64_t now_ms,
			  uint32_t *suppressed)
{
	top_up(rl, now_ms);
	if (!rl->tokens) {
		rl->suppressed++;
		return false;
	}
	rl->tokens--;
	if (suppressed)
		*suppressed = rl->suppressed;
	rl->suppressed = 0;
	return true;
}

bool xenloop_ratelimit_is_full(struct xenloop_ratelimit *rl, uint64_t now_ms)
{
	if (rl->started)
		top_up(rl, now_ms);
	return !rl->started || rl->tokens >= rl->burst;
}

uint64_t xenloop_ratelimit_wait(const struct xenloop_ratelimit *rl,
				uint64_t now_ms)
{
	uint64_t due_us = rl->last_us + rl->interval_us;

	if (!rl->started || rl->tokens || due_us <= now_ms * 1000)
		return 0;
	return (due_us - now_ms * 1000 + 999) / 1000;
}
