// SPDX-License-Identifier: GPL-2.0
#include "stats.h"

#define NAME(id, name) [XENLOOP_STAT_##id] = name,

const char * const xenloop_chan_stat_names[XENLOOP_NR_CHAN_STATS] = {
	XENLOOP_CHAN_STATS(NAME)
};

const char * const xenloop_iface_stat_names[XENLOOP_NR_IFACE_STATS] = {
	XENLOOP_IFACE_STATS(NAME)
};
