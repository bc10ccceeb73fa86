// SPDX-License-Identifier: GPL-2.0
/*
 * Service work of a channel, in process context: what the fast paths found,
 * what the peer announced in the shared pages, time limits, and the way down:
 * hold, drain, give back, free.
 */
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include "chan.h"
#include "iface.h"
#include "netlink.h"
#include "state.h"

/* How often a draining channel is looked at, besides its events. */
#define DRAIN_POLL	msecs_to_jiffies(8)
/* A bridge forgets a MAC address after 300 s without a frame from it. */
#define REFRESH		(60 * HZ)

/* Has somebody asked for the service work, at once? */
static bool is_urgent(const struct xenloop_chan *chan, unsigned long delay)
{
	return READ_ONCE(chan->fault) ||
	       (READ_ONCE(chan->state) == XENLOOP_CHAN_STATE_DRAINING &&
		delay > DRAIN_POLL);
}

/* Would @delay bring forward what waits for its time? It is never put off. */
static bool is_earlier(const struct delayed_work *work, unsigned long delay)
{
	return timer_pending(&work->timer) &&
	       time_before(jiffies + delay, READ_ONCE(work->timer.expires));
}

/* Run the service work after @delay jiffies, or earlier if it is due. */
void xenloop_chan_kick(struct xenloop_chan *chan, unsigned long delay)
{
	if (queue_delayed_work(xenloop.wq, &chan->work, delay))
		return;
	if (delay && !is_earlier(&chan->work, delay))
		return;
	mod_delayed_work(xenloop.wq, &chan->work, delay);
	/* It may have been made due since: that was undone just now. */
	if (delay && is_urgent(chan, delay))
		mod_delayed_work(xenloop.wq, &chan->work, 0);
}

/*
 * Do what is due by time (xenloop_chan_time_work()) after @delay jiffies, or
 * earlier if something else is. Any context.
 */
void xenloop_chan_time(struct xenloop_chan *chan, unsigned long delay)
{
	if (!queue_delayed_work(xenloop.wq, &chan->time_work, delay) &&
	    is_earlier(&chan->time_work, delay))
		mod_delayed_work(xenloop.wq, &chan->time_work, delay);
}

/* A fast path cannot go on: close for @reason. Any context. */
void xenloop_chan_fault(struct xenloop_chan *chan, enum xenloop_reason reason)
{
	if (!cmpxchg(&chan->fault, 0, reason))
		mod_delayed_work(xenloop.wq, &chan->work, 0);
}

/* What the peer says about itself, in both FIFOs. */
static bool peer_closes(struct xenloop_chan *chan)
{
	if (READ_ONCE(xenloop_own_ctrl(chan)->prod_state) == XENLOOP_PROD_CLOSED)
		return true;
	return chan->foreign.nr &&
	       READ_ONCE(xenloop_foreign_ctrl(chan)->cons_state) !=
	       XENLOOP_CONS_OPEN;
}

static bool peer_active(struct xenloop_chan *chan)
{
	return READ_ONCE(xenloop_own_ctrl(chan)->prod_state) ==
	       XENLOOP_PROD_ACTIVE;
}

/* From NAPI: does the peer's state ask for the service work? */
void xenloop_chan_watch(struct xenloop_chan *chan)
{
	bool news = false;

	switch (smp_load_acquire(&chan->state)) {
	case XENLOOP_CHAN_STATE_CONNECTED:
	case XENLOOP_CHAN_STATE_ACTIVE:
		news = peer_closes(chan);
		if (!chan->rx.seen_peer_active && peer_active(chan)) {
			chan->rx.seen_peer_active = true;
			news = true;
		}
		break;
	case XENLOOP_CHAN_STATE_DRAINING:
		news = !READ_ONCE(chan->rx.later); /* that has a time of its own */
		break;
	default:
		break;
	}
	if (news)
		xenloop_chan_kick(chan, 0);
}

/* Say in both FIFOs that this is the end, and ring. */
static void announce_close(struct xenloop_chan *chan, u32 cons_state)
{
	if (chan->foreign.nr)
		virt_store_release(&xenloop_foreign_ctrl(chan)->prod_state,
				   XENLOOP_PROD_CLOSED);
	virt_store_release(&xenloop_own_ctrl(chan)->cons_state, cons_state);
	xenloop_evtchn_notify(&chan->evtchn);
}

/*
 * Begin to close, or hurry up a channel that drains already. With @drain the
 * service work waits for the peer up to the drain timeout; event "down" tells
 * when it is over. Needs xenloop.lock.
 */
void xenloop_chan_close(struct xenloop_chan *chan, enum xenloop_reason reason,
			bool drain)
{
	unsigned long wait = drain ? msecs_to_jiffies(xenloop.drain_ms) : 0;

	lockdep_assert_held(&xenloop.lock);
	if (chan->state == XENLOOP_CHAN_STATE_DEAD)
		return;
	chan->iface_gone |= reason == XENLOOP_REASON_IFACE_GONE;
	if (chan->state != XENLOOP_CHAN_STATE_DRAINING) {
		chan->reason = reason;
		chan->drain_until = jiffies + wait;
		WRITE_ONCE(chan->state, XENLOOP_CHAN_STATE_DRAINING);
		xenloop_tx_hold(chan);
		announce_close(chan, XENLOOP_CONS_CLOSING);
		xenloop_nl_event(XENLOOP_EVENT_DRAINING, chan);
	} else if (!drain) {
		chan->drain_until = jiffies;
	}
	mod_delayed_work(xenloop.wq, &chan->work, 0);
}

/* The peer will not take what it has not claimed, ever. */
static bool peer_gone(struct xenloop_chan *chan)
{
	return chan->foreign.nr &&
	       READ_ONCE(xenloop_foreign_ctrl(chan)->cons_state) ==
	       XENLOOP_CONS_GONE;
}

static bool drained(struct xenloop_chan *chan)
{
	if (READ_ONCE(chan->fault) ||
	    time_after_eq(jiffies, chan->drain_until))
		return true;
	return (xenloop_tx_drained(chan) || peer_gone(chan)) &&
	       xenloop_rx_drained(chan);
}

static void free_work(struct work_struct *work)
{
	struct xenloop_chan *chan = container_of(work, struct xenloop_chan,
						 free_work);

	cancel_delayed_work_sync(&chan->work);
	cancel_delayed_work_sync(&chan->time_work);
	xenloop_chan_free(chan);
}

/* The interface goes on counting where the channel ends. */
static void keep_counters(struct xenloop_chan *chan)
{
	int i;

	for (i = 0; i < XENLOOP_NR_CHAN_STATS; i++)
		chan->iface->past.v[i] += xenloop_stat_sum(chan, i);
}

/* The interface counts its channels' ends by reason; there is one by now. */
static void count_end(struct xenloop_chan *chan)
{
	BUILD_BUG_ON(XENLOOP_STAT_ENDED_ASIDE - XENLOOP_STAT_ENDED_REQUESTED !=
		     XENLOOP_REASON_ASIDE - XENLOOP_REASON_REQUESTED);
	xenloop_add_nr(chan->iface, XENLOOP_STAT_ENDED_REQUESTED +
		       (chan->reason - XENLOOP_REASON_REQUESTED), 1);
}

/*
 * First half of the end: what we have claimed is delivered, frames that the peer
 * has not claimed go out by the standard path, and nobody finds the channel any
 * more. Waits for NAPI.
 */
static void unlink_chan(struct xenloop_chan *chan)
{
	napi_disable(&chan->napi);
	if (READ_ONCE(chan->fault) != XENLOOP_REASON_PROTOCOL)
		xenloop_rx_finish(chan);
	announce_close(chan, XENLOOP_CONS_GONE);
	xenloop_tx_stop(chan);
	rcu_assign_pointer(chan->peer->chan, NULL);
	xa_erase(&xenloop_chans, chan->id);
}

/*
 * Second half, when RCU readers have left: pages and port are given back, event
 * "down" is sent. Waits for the interrupt handler and the polling thread. What
 * NAPI needs until other readers have left goes with the channel, by RCU.
 */
static void release_chan(struct xenloop_chan *chan)
{
	xenloop_evtchn_notify(&chan->evtchn);
	xenloop_evtchn_close(&chan->evtchn, chan);
	xenloop_poller_exit(chan);
	__netif_napi_del(&chan->napi);
	xenloop_unmap(&chan->foreign);
	xenloop_ungrant(&chan->own);
	keep_counters(chan);
	count_end(chan);
	WRITE_ONCE(chan->state, XENLOOP_CHAN_STATE_DEAD);
	xenloop_nl_event(XENLOOP_EVENT_DOWN, chan);
	xenloop_peer_unlink(chan->peer);
	INIT_WORK(&chan->free_work, free_work);
	queue_work(xenloop.wq, &chan->free_work);
}

/* Close for good, now. Needs xenloop.lock; may sleep. */
static void finish(struct xenloop_chan *chan)
{
	unlink_chan(chan);
	synchronize_net();
	release_chan(chan);
}

/*
 * Close all channels of @iface for good, or all there are if it is NULL; they
 * wait for RCU readers together. Needs xenloop.lock; may sleep.
 */
void xenloop_chan_finish_all(const struct xenloop_iface *iface)
{
	struct xenloop_chan *chan, *next;
	unsigned long id;
	LIST_HEAD(gone);

	lockdep_assert_held(&xenloop.lock);
	xa_for_each(&xenloop_chans, id, chan) {
		if (iface && chan->iface != iface)
			continue;
		unlink_chan(chan);
		list_add_tail(&chan->gone, &gone);
	}
	if (!list_empty(&gone))
		synchronize_net();
	list_for_each_entry_safe(chan, next, &gone, gone)
		release_chan(chan);
}

static void tell_up(struct xenloop_chan *chan)
{
	if (chan->up_told || chan->state != XENLOOP_CHAN_STATE_ACTIVE ||
	    !peer_active(chan))
		return;
	chan->up_told = true;
	xenloop_nl_event(XENLOOP_EVENT_UP, chan);
}

/* Frames wait for a timer: is it time? */
static void poll_again(struct xenloop_chan *chan)
{
	if (!READ_ONCE(chan->rx.later))
		return;
	xenloop_poller_poll(chan);
}

/* One look at a channel that is not closing; returns when to look again. */
static unsigned long look(struct xenloop_chan *chan)
{
	u32 fault = READ_ONCE(chan->fault);

	if (fault) {
		xenloop_chan_close(chan, fault, false);
		return 0;
	}
	if (peer_closes(chan)) {
		xenloop_chan_close(chan, XENLOOP_REASON_PEER_CLOSED, true);
		return 0;
	}
	tell_up(chan);
	/* No event announces what was taken while nobody asked. */
	local_bh_disable();
	xenloop_tx_service(chan);
	local_bh_enable();
	if (chan->state != XENLOOP_CHAN_STATE_ACTIVE)
		return HZ;
	if (xenloop_tx_stalled(chan)) {
		xenloop_nl_event(XENLOOP_EVENT_STALLED, chan);
		xenloop_chan_close(chan, XENLOOP_REASON_STALLED, false);
		return 0;
	}
	if (time_after(jiffies, chan->refreshed + REFRESH)) {
		chan->refreshed = jiffies;
		xenloop_marker_send(chan, 0, 1);
	}
	return clamp(msecs_to_jiffies(xenloop.stall_ms) / 4, HZ / 20, HZ);
}

void xenloop_chan_work(struct work_struct *work)
{
	struct xenloop_chan *chan = container_of(to_delayed_work(work),
						 struct xenloop_chan, work);
	unsigned long again = 0;

	xenloop_lock();
	switch (chan->state) {
	case XENLOOP_CHAN_STATE_DEAD:
		break;
	case XENLOOP_CHAN_STATE_DRAINING:
		if (drained(chan))
			finish(chan);
		else
			again = DRAIN_POLL;
		break;
	default:
		again = look(chan);
	}
	if (again)
		xenloop_chan_kick(chan, again);
	xenloop_unlock();
}

/*
 * Without xenloop.lock, which another channel's end or beginning may hold for
 * long: polls for frames that wait, the end of markers, sockets that are charged
 * too long. At this channel's end it does nothing: NAPI is disabled then, and
 * nothing waits any more.
 */
void xenloop_chan_time_work(struct work_struct *work)
{
	struct xenloop_chan *chan = container_of(to_delayed_work(work),
						 struct xenloop_chan, time_work);
	unsigned long again = xenloop_tx_age(chan);

	if (xenloop_marker_settling(chan))
		again = 1;
	poll_again(chan); /* hold-timeout may end before that */
	if (again)
		xenloop_chan_time(chan, again);
}
