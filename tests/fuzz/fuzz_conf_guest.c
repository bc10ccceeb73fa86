// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Any xenloopd.conf is taken or refused by a line; taken, it holds what the module takes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "include/xenloop_fifo.h"
#include "xenloopd/xenloopd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct xenloopd_settings *s)
{
	uint32_t size = s->fifo_size;

	if (size & (size - 1) || size < XENLOOP_FIFO_MIN_SIZE ||
	    size > XENLOOP_FIFO_MAX_SIZE || !s->max_channels ||
	    s->backlog_bytes < 256 << 10 || s->backlog_bytes > 64 << 20 ||
	    s->hold_timeout > s->stall_timeout / 2 ||
	    s->nr_ifnames > XENLOOPD_MAX_IFNAMES)
		abort();
	for (unsigned int i = 0; i < s->nr_ifnames; i++)
		if (!s->ifname[i][0] ||
		    strlen(s->ifname[i]) >= XENLOOP_NL_IFNAME ||
		    !xenloopd_settings_has(s, s->ifname[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xenloopd_settings s;
	char why[256] = "";

	if (xenloopd_settings_parse(&s, "fuzz", (const char *)data, size, why,
				    sizeof(why)))
		check(&s);
	else if (strncmp(why, "fuzz:", 5) || strchr(why, '\n'))
		abort();
	return 0;
}
