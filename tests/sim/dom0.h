/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_SIM_DOM0_H
#define XENLOOP_SIM_DOM0_H

#include <event2/event.h>

#include "tests/sim/store.h"

/* The host: domains, the toolstack, Dom0's interfaces, and xendiscoverd. */

struct dom0_counts {
	struct store_counts store;
	uint64_t rounds;	/* of work */
	uint64_t relayed, withdrawn, refused, deferred;
	uint64_t flushes;	/* guests whose nodes were written */
	double cpu;		/* seconds */
};

/* `dir` is a directory for what stands for sysfs. */
void dom0_start(struct event_base *base, const char *dir);
void dom0_stop(void);

/* A domain with one vif on xenbr0; its MAC address is that of `number`. */
void dom0_create(uint32_t domid, unsigned int number);
void dom0_destroy(uint32_t domid, unsigned int number);

struct dom0_counts dom0_counts(void);
/* What xendiscoverd knows takes so many bytes. */
size_t dom0_bytes(void);
/* Is there nothing to do? */
bool dom0_idle(void);

#endif
