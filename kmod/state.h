/* SPDX-License-Identifier: GPL-2.0 */
/* What belongs to the module as a whole. */
#ifndef XENLOOP_STATE_H
#define XENLOOP_STATE_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/types.h>
#include <linux/workqueue.h>

/**
 * struct xenloop_state - the module's only global state
 * @lock: guards the interfaces, the peers, the channels' states and @epoch;
 *        taken inside RTNL, never around it
 * @noio: what memory could be waited for before, under @lock
 * @wq: runs the channels' service and timed work and the deferred end of grants
 * @epoch: random number that names this life (docs/protocol.md)
 * @lists_seq: new whenever interfaces or peers come or go, under @lock
 * @suspended: between freeze and thaw or restore; no new channel
 * @stall_ms: no progress for this long closes a channel
 * @drain_ms: longest wait for the peer at a graceful close
 * @hold_ms: longest wait for marker frames
 * @poll_us: longest look for the next frame in idle time; microseconds
 * @backlog_bytes: truesize of the frames that may wait in one channel
 * @chans_created: channels since load
 * @chans_destroyed: channels freed since load
 * @pages_granted: pages granted since load
 * @pages_freed: granted pages whose grant has ended
 * @pages_deferred: granted pages whose channel is gone, still mapped by a peer
 * @pages_mapped: foreign pages mapped now
 * @ports_bound: event channels bound now
 */
struct xenloop_state {
	struct mutex lock;
	unsigned int noio;
	struct workqueue_struct *wq;
	u64 epoch;
	u32 lists_seq;
	bool suspended;
	u32 stall_ms;
	u32 drain_ms;
	u32 hold_ms;
	u32 poll_us;
	u32 backlog_bytes;
	atomic64_t chans_created;
	atomic64_t chans_destroyed;
	atomic64_t pages_granted;
	atomic64_t pages_freed;
	atomic_t pages_deferred;
	atomic_t pages_mapped;
	atomic_t ports_bound;
};

extern struct xenloop_state xenloop;

/*
 * Who holds xenloop.lock does not wait for memory by way of I/O, which may be
 * that of a server whose frames wait for this very lock. May sleep.
 */
static inline void xenloop_lock(void)
{
	mutex_lock(&xenloop.lock);
	xenloop.noio = memalloc_noio_save();
}

static inline void xenloop_unlock(void)
{
	unsigned int noio = xenloop.noio;

	memalloc_noio_restore(noio);
	mutex_unlock(&xenloop.lock);
}

#endif /* XENLOOP_STATE_H */
