/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_SIM_CLOCK_H
#define XENLOOP_SIM_CLOCK_H

#include <stdint.h>

/*
 * Virtual time and seeded chance. The daemons and libevent ask clock_gettime()
 * and getrandom(), which are this program's own.
 */

void sim_clock_init(uint32_t seed);
void sim_clock_advance(uint32_t ms);
uint64_t sim_now_ms(void);
/* 0 to below - 1 */
uint32_t sim_random(uint32_t below);
/* Seconds that this thread has really worked. */
double sim_cpu(void);

#endif
