/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters: per CPU, so that every context may count without a lock. The
 * names are what xenloopctl shows.
 */
#ifndef XENLOOP_STATS_H
#define XENLOOP_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

/* What a channel counts. */
#define XENLOOP_CHAN_STATS(X)						\
	X(TX_FRAMES, "tx-frames")		/* into the FIFO */	\
	X(TX_BYTES, "tx-bytes")						\
	X(TX_GSO_FRAMES, "tx-gso-frames")				\
	X(TX_EVENTS, "tx-events")		/* sent, for data */	\
	X(TX_ROOM_EVENTS, "tx-room-events")	/* sent, for room */	\
	X(TX_BACKLOGGED, "tx-backlogged")	/* had to wait */	\
	X(TX_SEGMENTED, "tx-segmented")		/* split in software */	\
	X(TX_RETURNED, "tx-returned")		/* pulled back */	\
	X(TX_STANDARD, "tx-standard")		/* left by netfront */	\
	X(TX_DROP_BACKLOG, "tx-drop-backlog")	/* backlog full */	\
	X(TX_DROP_FORWARDED, "tx-drop-forwarded") /* same, no socket */	\
	X(TX_DROP_NOMEM, "tx-drop-nomem")				\
	X(TX_DROP_RETURN, "tx-drop-return")	/* damaged by the peer */ \
	X(RX_FRAMES, "rx-frames")		/* to the stack */	\
	X(RX_BYTES, "rx-bytes")						\
	X(RX_GSO_FRAMES, "rx-gso-frames")				\
	X(RX_EVENTS, "rx-events")		/* interrupts */	\
	X(RX_POLLS, "rx-polls")						\
	X(RX_PACED, "rx-paced")		/* polls left to the thread */ \
	X(RX_IDLE_POLLS, "rx-idle-polls")	/* found frames in idle time */ \
	X(RX_MARKERS, "rx-markers")					\
	X(RX_HOLD_TIMEOUTS, "rx-hold-timeouts")	/* marker lost */	\
	X(RX_NOMEM, "rx-nomem")			/* tried again later */	\
	X(RX_DROP_NOMEM, "rx-drop-nomem")	/* at the very end */	\
	X(RX_DROP_SRC_MAC, "rx-drop-src-mac")	/* not the peer's */	\
	X(RX_DROP_DST_MAC, "rx-drop-dst-mac")	/* not ours */		\
	X(RX_DROP_VLAN, "rx-drop-vlan")		/* tagged */		\
	X(RX_DROP_META, "rx-drop-meta")		/* offload fields lie */ \
	X(RX_DROP_IFACE_DOWN, "rx-drop-iface-down")

/*
 * What an interface counts: why frames did not even look for room, what of a
 * peer's made a channel impossible, and why channels ended; the latter in the
 * order of enum xenloop_reason.
 */
#define XENLOOP_IFACE_STATS(X)						\
	X(PASS_MULTICAST, "pass-multicast")				\
	X(PASS_NO_PEER, "pass-no-peer")					\
	X(PASS_NO_CHANNEL, "pass-no-channel")				\
	X(PASS_FOREIGN_SRC, "pass-foreign-src")				\
	X(PASS_VLAN, "pass-vlan")					\
	X(PASS_TOO_LARGE, "pass-too-large")				\
	X(PASS_CRYPTO, "pass-crypto")	/* IPsec or TLS offload */	\
	X(MARKERS_SENT, "markers-sent")					\
	X(MARKERS_UNKNOWN, "markers-unknown")				\
	X(RETURNED, "returned")	/* taken by a channel, left by netfront */ \
	X(HELD, "held")				/* over a suspend */	\
	X(HELD_DROPPED, "held-dropped")					\
	X(REFUSED_GRANT, "refused-grant")	/* reference not valid */ \
	X(REFUSED_FIFO, "refused-fifo")		/* page is no such FIFO */ \
	X(REFUSED_PORT, "refused-port")		/* not for us */	\
	X(REFUSED_PAGES, "refused-pages")	/* too many still mapped */ \
	X(ENDED_REQUESTED, "ended-requested")				\
	X(ENDED_PEER_CLOSED, "ended-peer-closed")			\
	X(ENDED_STALLED, "ended-stalled")				\
	X(ENDED_PROTOCOL, "ended-protocol")				\
	X(ENDED_SUSPEND, "ended-suspend")				\
	X(ENDED_IFACE_GONE, "ended-iface-gone")				\
	X(ENDED_UNLOAD, "ended-unload")					\
	X(ENDED_ASIDE, "ended-aside")

#define XENLOOP_STAT_ENUM(id, name) XENLOOP_STAT_##id,
enum xenloop_chan_stat {
	XENLOOP_CHAN_STATS(XENLOOP_STAT_ENUM)
	XENLOOP_NR_CHAN_STATS
};

enum xenloop_iface_stat {
	XENLOOP_IFACE_STATS(XENLOOP_STAT_ENUM)
	XENLOOP_NR_IFACE_STATS
};

extern const char * const xenloop_chan_stat_names[XENLOOP_NR_CHAN_STATS];
extern const char * const xenloop_iface_stat_names[XENLOOP_NR_IFACE_STATS];

struct xenloop_chan_stats {
	u64 v[XENLOOP_NR_CHAN_STATS];
};

struct xenloop_iface_stats {
	u64 v[XENLOOP_NR_IFACE_STATS];
};

/* Count @n of counter @id, or of number @nr, in @obj->stats; any context. */
#define xenloop_add_nr(obj, nr, n)	this_cpu_add((obj)->stats->v[nr], n)
#define xenloop_add(obj, id, n)	xenloop_add_nr(obj, XENLOOP_STAT_##id, n)
#define xenloop_inc(obj, id)	xenloop_add(obj, id, 1)

/* Sum of counter number @id over all CPUs. */
#define xenloop_stat_sum(obj, id) ({					\
	u64 _sum = 0;							\
	int _cpu;							\
									\
	for_each_possible_cpu(_cpu)					\
		_sum += READ_ONCE(per_cpu_ptr((obj)->stats, _cpu)->v[id]); \
	_sum;								\
})

#endif /* XENLOOP_STATS_H */
