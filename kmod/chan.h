/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel: two FIFOs and an event channel between one local and one remote
 * vif. docs/locking.md tells who may touch what, and when.
 */
#ifndef XENLOOP_CHAN_H
#define XENLOOP_CHAN_H

#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <linux/xenloop.h>

#include "evtchn.h"
#include "fifo.h"
#include "grant.h"
#include "poller.h"
#include "stats.h"

struct netlink_ext_ack;
struct xenloop_iface;
struct xenloop_peer;

/* What happens to a frame that the hook brings. */
enum xenloop_tx_mode {
	XENLOOP_TX_OFF,		/* not taken: standard path */
	XENLOOP_TX_ON,		/* into the FIFO, or behind those that wait */
	XENLOOP_TX_HOLD,	/* behind those that wait: before it opens, and while
				 * it closes
				 */
};

/* What became of it. */
enum xenloop_tx_verdict {
	XENLOOP_TX_REFUSED,	/* the caller's again */
	XENLOOP_TX_TAKEN,	/* copied, or waits */
	XENLOOP_TX_DROPPED,	/* counted; the caller frees it */
};

/**
 * struct xenloop_tx - the sending half
 * @lock: guards this struct; taken with BH off
 * @mode: enum xenloop_tx_mode, also read without the lock as a hint
 * @fifo: producer's end of the peer's FIFO
 * @backlog: frames that wait for room
 * @backlog_bytes: truesize of @backlog
 * @unpaced_bytes: of those in it that came without a socket
 * @charged: frames in the FIFO that their sockets still pay for
 * @want_reclaim: one of those has nobody to say when it was taken; an event is
 *	to be asked for
 * @reclaim_asked: it is asked for, and due at @fifo.asked
 * @acks_away_until: jiffies until when TCP's acks are not relied on to come by
 *	the channel
 * @watched: the timed work is to look at what waits or is charged
 * @shortest: bytes of the shortest frame that was put
 * @longest: and of the longest
 * @least_mss: smallest segment size of those with GSO
 * @seen_cons: the peer's index when the watchdog last looked
 * @moved: jiffies when it was last seen to have moved
 */
struct xenloop_tx {
	spinlock_t lock;
	enum xenloop_tx_mode mode;
	struct xenloop_producer fifo;
	struct sk_buff_head backlog;
	u32 backlog_bytes;
	u32 unpaced_bytes;
	struct sk_buff_head charged;
	bool want_reclaim;
	bool reclaim_asked;
	unsigned long acks_away_until;
	bool watched;
	u32 shortest;
	u32 longest;
	u16 least_mss;
	u32 seen_cons;
	unsigned long moved;
};

/**
 * struct xenloop_rx - the receiving half; NAPI's alone once it runs, but for the
 *	fields that are about markers: those are the ingress hook's and the
 *	timed work's, too, and so is @hold
 * @fifo: consumer's end of our own FIFO
 * @hold: markers are outstanding: leave frames where they are
 * @later: frames are there, but a timer or marker has to start the next poll
 * @hold_until: jiffies when @hold ends anyway; valid while @holding
 * @holding: @hold_until is set
 * @undecided: the producer takes frames back and has not said which
 * @decide_until: jiffies when that is no longer credible
 * @refused: frames that the peer was not entitled to send
 * @markers: bit per marker frame that arrived
 * @settling: all of them did; frames that they have overtaken may follow
 * @settle_until: jiffies when that is waited for no longer
 * @strays: frames of the peer by the standard path since then
 * @seen_strays: @strays at the last look
 * @quiet: looks in a row at which there was no new one
 * @seen_peer_active: the peer announced its first frame
 */
struct xenloop_rx {
	struct xenloop_consumer fifo;
	bool hold;
	bool later;
	bool holding;
	unsigned long hold_until;
	bool undecided;
	unsigned long decide_until;
	u32 refused;
	unsigned long markers;
	bool settling;
	unsigned long settle_until;
	unsigned int strays;
	unsigned int seen_strays;
	unsigned int quiet;
	bool seen_peer_active;
};

/**
 * struct xenloop_chan - a channel
 * @id: key in the table of channels
 * @cookie: the daemon's mark
 * @iface: local interface; outlives the channel
 * @peer: remote vif; outlives the channel
 * @size: bytes of each FIFO
 * @listener: this side allocated the event channel
 * @remote_gref: control page of the peer's FIFO
 * @offer_port: port as given by or to the daemon
 * @state: enum xenloop_chan_state, under xenloop.lock
 * @reason: why it closes, under xenloop.lock
 * @iface_gone: the interface sends no more, whatever @reason is; under
 *	xenloop.lock
 * @up_told: event "up" was sent, under xenloop.lock
 * @fault: enum xenloop_reason found by a fast path, for the service work
 * @born: jiffies when it became active
 * @last_used: jiffies of the last frame, either way
 * @drain_until: jiffies when draining ends anyway
 * @refreshed: jiffies when the bridge last saw a frame of ours
 * @own: our FIFO's pages
 * @foreign: the peer's FIFO's pages: [0] is the control page
 * @evtchn: doorbell
 * @eoi_prod: rx.fifo.claim at the last acknowledged interrupt
 * @eoi_cons: tx.fifo.cons at the same moment
 * @poller: polls under load, and in idle time
 * @napi: receives, and takes the backlog on when there is room
 * @tx: sending half
 * @rx: receiving half
 * @stats: per CPU counters
 * @work: service work: time limits, the peer's state, closing
 * @time_work: what is due by time and must not wait for xenloop.lock
 * @gone: among those that end together, under xenloop.lock
 * @free_work: last step, outside xenloop.lock
 * @rcu: the hook may still look at a channel that is gone
 */
struct xenloop_chan {
	u32 id;
	u64 cookie;
	struct xenloop_iface *iface;
	struct xenloop_peer *peer;
	u32 size;
	bool listener;
	u32 remote_gref;
	u32 offer_port;
	enum xenloop_chan_state state;
	enum xenloop_reason reason;
	bool iface_gone;
	bool up_told;
	u32 fault;
	unsigned long born;
	unsigned long last_used;
	unsigned long drain_until;
	unsigned long refreshed;
	struct xenloop_granted own;
	struct xenloop_mapped foreign;
	struct xenloop_evtchn evtchn;
	u32 eoi_prod;
	u32 eoi_cons;
	struct xenloop_poller poller;
	struct napi_struct napi;
	struct xenloop_tx tx;
	struct xenloop_rx rx;
	struct xenloop_chan_stats __percpu *stats;
	struct delayed_work work;
	struct delayed_work time_work;
	struct list_head gone;
	struct work_struct free_work;
	struct rcu_head rcu;
};

extern struct xarray xenloop_chans;

/* chan.c: life; all need xenloop.lock */
struct xenloop_chan *xenloop_chan_find(u32 id);
int xenloop_chan_listen(struct xenloop_peer *peer, u32 size, u64 cookie,
			struct kthread_worker *thread,
			struct xenloop_chan **chan,
			struct netlink_ext_ack *extack);
int xenloop_chan_connect(struct xenloop_peer *peer, u32 size, u64 cookie,
			 u32 remote_gref, u32 port,
			 struct kthread_worker *thread,
			 struct xenloop_chan **chan,
			 struct netlink_ext_ack *extack);
int xenloop_chan_accept(struct xenloop_chan *chan, u32 remote_gref,
			struct netlink_ext_ack *extack);
int xenloop_chan_activate(struct xenloop_chan *chan,
			  struct netlink_ext_ack *extack);
void xenloop_chan_free(struct xenloop_chan *chan);
int xenloop_chan_init(void);
void xenloop_chan_exit(void);

/* service.c */
void xenloop_chan_work(struct work_struct *work);
void xenloop_chan_kick(struct xenloop_chan *chan, unsigned long delay);
void xenloop_chan_time_work(struct work_struct *work);
void xenloop_chan_time(struct xenloop_chan *chan, unsigned long delay);
void xenloop_chan_fault(struct xenloop_chan *chan, enum xenloop_reason reason);
void xenloop_chan_close(struct xenloop_chan *chan, enum xenloop_reason reason,
			bool drain);
void xenloop_chan_finish_all(const struct xenloop_iface *iface);
void xenloop_chan_watch(struct xenloop_chan *chan);

/* tx.c */
void xenloop_tx_init(struct xenloop_chan *chan);
enum xenloop_tx_verdict xenloop_tx(struct xenloop_chan *chan,
				   struct sk_buff *skb);
void xenloop_tx_service(struct xenloop_chan *chan);
void xenloop_tx_prepare(struct xenloop_chan *chan);
bool xenloop_tx_crowded(const struct xenloop_chan *chan);
void xenloop_tx_start(struct xenloop_chan *chan);
void xenloop_tx_hold(struct xenloop_chan *chan);
bool xenloop_tx_drained(struct xenloop_chan *chan);
unsigned long xenloop_tx_age(struct xenloop_chan *chan);
bool xenloop_tx_stalled(struct xenloop_chan *chan);
void xenloop_tx_stop(struct xenloop_chan *chan);

/* rx.c */
int xenloop_rx_poll(struct napi_struct *napi, int budget);
irqreturn_t xenloop_rx_interrupt(int irq, void *data);
void xenloop_rx_finish(struct xenloop_chan *chan);
bool xenloop_rx_drained(struct xenloop_chan *chan);

/* frame.c */
struct sk_buff *xenloop_frame_read(struct napi_struct *napi,
				   const struct xenloop_consumer *c,
				   const struct xenloop_frame *frame);
bool xenloop_frame_offload(struct sk_buff *skb,
			   const struct xenloop_frame *frame);
int xenloop_frame_write(struct xenloop_producer *p, struct sk_buff *skb);
int xenloop_frame_own(struct sk_buff *skb);

/* marker.c */
void xenloop_marker_send(struct xenloop_chan *chan, u64 cookie, u16 count);
bool xenloop_marker_receive(struct xenloop_iface *iface, struct sk_buff *skb);
bool xenloop_marker_settling(struct xenloop_chan *chan);

/* Control page that the peer reads and we own. */
static inline struct xenloop_fifo_ctrl *
xenloop_own_ctrl(const struct xenloop_chan *chan)
{
	return chan->own.addr[0];
}

/* Control page of the peer's FIFO; only while it is mapped. */
static inline struct xenloop_fifo_ctrl *
xenloop_foreign_ctrl(const struct xenloop_chan *chan)
{
	return chan->foreign.addr[0];
}

#endif /* XENLOOP_CHAN_H */
