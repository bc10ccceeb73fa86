/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_SIM_GUEST_H
#define XENLOOP_SIM_GUEST_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/store.h"

/* Guests that run xenloopd. `dir` has what stands for sysfs. */

enum guest_state {
	GUEST_ABSENT,
	GUEST_BOOTING,		/* the domain is there, its daemon is not */
	GUEST_RUNNING,
	GUEST_AWAY,		/* suspended: on another host, or in a file */
};

struct guest_counts {
	struct store_counts store;	/* of all guests */
	unsigned int max_nodes, max_watches, max_events;	/* of any */
};

void guests_init(unsigned int nr, struct event_base *base, const char *dir);
void guests_exit(void);

enum guest_state guest_state(unsigned int number);
/* Its daemon does, too. */
bool guest_runs(unsigned int number);
uint32_t guest_domid(unsigned int number);

/* The domain begins; its daemon starts `boot_ms` later. */
void guest_create(unsigned int number, uint32_t boot_ms);
/* Shut down in good order, or not; its domain is gone. */
void guest_destroy(unsigned int number);
/* Suspended and taken away; comes back as another domain. */
void guest_leave(unsigned int number);
void guest_return(unsigned int number);
/* Its daemon stops, or crashes, and starts again a second later. */
void guest_restart(unsigned int number, bool crash);

/* Links that its daemon has. */
unsigned int guest_links(unsigned int number);

struct guest_counts guest_counts(void);

#endif
