// SPDX-License-Identifier: GPL-2.0
/*
 * The sending half. A frame that finds no room waits, with its socket still
 * charged for it, so that send buffers and TCP small queues slow the sender
 * down; nothing overtakes it. Frames are freed outside the lock.
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/ip6_fib.h>
#include <net/route.h>
#include <net/tcp.h>

#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "offload.h"
#include "state.h"

/*
 * Larger frames stay charged to their socket until the peer has taken them, as
 * a network card would do it: TCP then fills its segments (autocorking, small
 * queues) instead of sending every write by itself, and a datagram socket
 * feels how fast the peer is. Smaller ones are not worth the bookkeeping.
 */
#define CHARGE_MIN	2048u

/* Acks that take longer, in us, come from behind the peer, or its CPU is crowded. */
#define ACK_LATE	20000u

/* A frame that waits longer than this no longer holds its socket up. */
#define ORPHAN_AFTER	(HZ / 4)

/* When TCP's acks came another way, that is taken to go on for so long. */
#define ACKS_AWAY	(60 * HZ)

/* While closing, so many frames may still queue up behind those that wait. */
#define STOP_MAX	4096

/* In skb->cb of a frame that is charged, or waits. */
struct tx_cb {
	u32 end;		/* charged: where it ends in the FIFO */
	unsigned long since;	/* waits or is charged: jiffies when that began */
	bool unpaced;		/* waits: it came without a socket */
};

#define TX_CB(skb)	((struct tx_cb *)(skb)->cb)

void xenloop_tx_init(struct xenloop_chan *chan)
{
	spin_lock_init(&chan->tx.lock);
	__skb_queue_head_init(&chan->tx.backlog);
	__skb_queue_head_init(&chan->tx.charged);
	chan->tx.mode = XENLOOP_TX_OFF;
	chan->tx.shortest = U32_MAX;
	chan->tx.least_mss = U16_MAX;
	chan->tx.acks_away_until = jiffies;
}

/*
 * Can the frame's header tell what @skb wants from its receiver, and will that
 * be taken? virtio_net_hdr_from_skb() looks at single bits of the GSO type.
 */
static bool is_plain(struct sk_buff *skb)
{
	const unsigned int harmless = SKB_GSO_TCP_ECN | SKB_GSO_DODGY;
	struct virtio_net_hdr vnet;
	unsigned int type;

	if (skb_is_gso(skb)) {
		type = skb_shinfo(skb)->gso_type & ~harmless;
		if ((type != SKB_GSO_TCPV4 && type != SKB_GSO_TCPV6) ||
		    skb->ip_summed != CHECKSUM_PARTIAL ||
		    skb->encapsulation || skb->len > XENLOOP_FRAME_MAX)
			return false;
	}
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return true;
	return !virtio_net_hdr_from_skb(skb, &vnet, true, false, 0) &&
	       xenloop_offload_ok(&vnet, skb->data, skb_headlen(skb));
}

/* Copy into the FIFO, and let taps and timestamps see it. Under tx->lock. */
static int put_frame(struct xenloop_chan *chan, struct sk_buff *skb)
{
	int err = xenloop_frame_write(&chan->tx.fifo, skb);

	if (err)
		return err;
	if (dev_nit_active(chan->iface->dev))
		dev_queue_xmit_nit(skb, chan->iface->dev);
	skb_tx_timestamp(skb);
	xenloop_inc(chan, TX_FRAMES);
	xenloop_add(chan, TX_BYTES, skb->len);
	chan->tx.shortest = min(chan->tx.shortest, skb->len);
	chan->tx.longest = max(chan->tx.longest, skb->len);
	if (skb_is_gso(skb)) {
		chan->tx.least_mss = min(chan->tx.least_mss,
					 skb_shinfo(skb)->gso_size);
		xenloop_inc(chan, TX_GSO_FRAMES);
	}
	return 0;
}

/*
 * A frame holds its socket up: the timed work is to look at it. It goes on by
 * itself until there is none, so this costs a kick once. Under tx->lock.
 */
static void watch(struct xenloop_chan *chan)
{
	if (chan->tx.watched)
		return;
	chan->tx.watched = true;
	xenloop_chan_time(chan, ORPHAN_AFTER);
}

/* Nothing slows down who sends it: this guest forwards it. ARP has no need. */
static bool is_unpaced(const struct sk_buff *skb)
{
	return !skb->sk && skb->protocol != htons(ETH_P_ARP);
}

/* Is there room to wait? Half of it is not for frames that nothing slows down. */
static bool may_wait(const struct xenloop_tx *tx, const struct sk_buff *skb)
{
	unsigned int most = READ_ONCE(xenloop.backlog_bytes);

	if (skb_queue_empty(&tx->backlog))
		return true;
	return tx->backlog_bytes + skb->truesize <= most &&
	       (!is_unpaced(skb) ||
		tx->unpaced_bytes + skb->truesize <= most / 2);
}

/* @skb waits from now on, or no longer. Under tx->lock. */
static void account(struct xenloop_tx *tx, const struct sk_buff *skb, int sign)
{
	int bytes = sign * (int)skb->truesize;

	WRITE_ONCE(tx->backlog_bytes, tx->backlog_bytes + bytes);
	if (TX_CB(skb)->unpaced)
		WRITE_ONCE(tx->unpaced_bytes, tx->unpaced_bytes + bytes);
}

/* Let @skb wait. Under tx->lock. */
static enum xenloop_tx_verdict keep_frame(struct xenloop_chan *chan, struct sk_buff *skb)
{
	struct xenloop_tx *tx = &chan->tx;

	if (!may_wait(tx, skb)) {
		if (skb->sk)
			xenloop_inc(chan, TX_DROP_BACKLOG);
		else
			xenloop_inc(chan, TX_DROP_FORWARDED);
		return XENLOOP_TX_DROPPED;
	}
	if (xenloop_frame_own(skb)) {
		xenloop_inc(chan, TX_DROP_NOMEM);
		return XENLOOP_TX_DROPPED;
	}
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	TX_CB(skb)->since = jiffies;
	TX_CB(skb)->unpaced = is_unpaced(skb);
	__skb_queue_tail(&tx->backlog, skb);
	account(tx, skb, 1);
	xenloop_inc(chan, TX_BACKLOGGED);
	watch(chan);
	return XENLOOP_TX_TAKEN;
}

/*
 * Is @skb to hold its socket up until the peer has it? One segment of TCP is
 * not: its ack may be delayed.
 */
static bool is_charged(const struct sk_buff *skb)
{
	return skb->sk && skb->len >= CHARGE_MIN &&
	       (skb_is_gso(skb) || !sk_is_tcp(skb->sk));
}

static bool has_gateway(const struct dst_entry *dst)
{
	if (dst->ops->family == AF_INET)
		return container_of(dst, struct rtable, dst)->rt_uses_gateway;
	return container_of(dst, struct rt6_info, dst)->rt6i_flags & RTF_GATEWAY;
}

/* Is the peer a router, by the way that @sk took last? */
static bool is_routed(const struct sock *sk)
{
	const struct dst_entry *dst;
	bool routed;

	rcu_read_lock();
	dst = rcu_dereference(sk->sk_dst_cache);
	routed = dst && has_gateway(dst);
	rcu_read_unlock();
	return routed;
}

/*
 * Will nobody say soon when @skb, which is charged, was taken? TCP has its acks
 * for that, unless they come from behind the peer, which is a router or changes
 * addresses, or were seen to come another way.
 */
static bool needs_event(const struct xenloop_tx *tx, const struct sk_buff *skb)
{
	if (!sk_is_tcp(skb->sk) || time_before(jiffies, tx->acks_away_until))
		return true;
	/* From NAPI the socket may be in use; any recent value will do. */
	return is_routed(skb->sk) ||
	       data_race(tcp_min_rtt(tcp_sk(skb->sk))) > ACK_LATE;
}

/* A frame was copied: free it now, or when the peer has it. Under tx->lock. */
static void settle(struct xenloop_chan *chan, struct sk_buff *skb,
		   struct sk_buff_head *done)
{
	struct xenloop_tx *tx = &chan->tx;

	/*
	 * What a clone shares, as with TCP, is for its other owner to complete;
	 * a managed frame's pages are not the frame's to give back.
	 */
	if (!skb_cloned(skb) && !skb_zcopy_managed(skb))
		skb_zcopy_clear(skb, false);
	if (!is_charged(skb)) {
		__skb_queue_tail(done, skb);
		return;
	}
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	TX_CB(skb)->end = tx->fifo.prod;
	TX_CB(skb)->since = jiffies;
	__skb_queue_tail(&tx->charged, skb);
	tx->want_reclaim |= needs_event(tx, skb);
	watch(chan);
}

/* Has the peer taken all before @index, as far as we know? Under tx->lock. */
static bool is_taken(const struct xenloop_tx *tx, u32 index)
{
	return (s32)(tx->fifo.cons - index) >= 0;
}

/* Frames that the peer has taken go to @done. Under tx->lock. */
static void reclaim(struct xenloop_chan *chan, struct sk_buff_head *done)
{
	struct xenloop_tx *tx = &chan->tx;
	struct sk_buff *skb = skb_peek(&tx->charged);

	if (!skb)
		return;
	if (xenloop_producer_pending(&tx->fifo) < 0) {
		xenloop_chan_fault(chan, XENLOOP_REASON_PROTOCOL);
		return;
	}
	while (skb && is_taken(tx, TX_CB(skb)->end)) {
		__skb_unlink(skb, &tx->charged);
		__skb_queue_tail(done, skb);
		skb = skb_peek(&tx->charged);
	}
	if (!skb || is_taken(tx, tx->fifo.asked))
		tx->reclaim_asked = false;
}

/*
 * Have the peer ring when there is room. That takes the place of a request for
 * charged frames, which is to be made again when nothing waits any more. Under
 * tx->lock; returns what xenloop_producer_want_room() does.
 */
static int want_room(struct xenloop_tx *tx, u32 len)
{
	tx->want_reclaim |= tx->reclaim_asked;
	tx->reclaim_asked = false;
	return xenloop_producer_want_room(&tx->fifo, len);
}

static struct sk_buff *next_kept(struct xenloop_tx *tx)
{
	struct sk_buff *skb = __skb_dequeue(&tx->backlog);

	if (skb)
		account(tx, skb, -1);
	return skb;
}

/*
 * Move frames that wait into the FIFO, as far as there is room; sent ones go
 * to @done. Under tx->lock.
 */
static void advance(struct xenloop_chan *chan, struct sk_buff_head *done)
{
	struct xenloop_tx *tx = &chan->tx;
	struct sk_buff *skb;
	int err;

	while (tx->mode == XENLOOP_TX_ON && (skb = skb_peek(&tx->backlog))) {
		err = put_frame(chan, skb);
		if (err == -ENOSPC) {
			err = want_room(tx, skb->len);
			if (!err)
				continue;
		}
		if (err == -ENOSPC)
			break;
		if (err == -EPROTO) {
			WRITE_ONCE(tx->mode, XENLOOP_TX_HOLD);
			xenloop_chan_fault(chan, XENLOOP_REASON_PROTOCOL);
			break;
		}
		skb = next_kept(tx);
		if (!err) {
			settle(chan, skb, done);
			continue;
		}
		xenloop_inc(chan, TX_DROP_NOMEM);
		__skb_queue_tail(done, skb);
	}
}

/*
 * Show what was put to the peer, and have it ring when it has taken frames that
 * a socket may be waiting for. Under tx->lock. True: ring the peer.
 */
static bool publish(struct xenloop_chan *chan, struct sk_buff_head *done)
{
	struct xenloop_tx *tx = &chan->tx;
	bool event = false;

	if (tx->fifo.prod != tx->fifo.told)
		event = xenloop_producer_publish(&tx->fifo);
	if (tx->want_reclaim && skb_queue_empty(&tx->backlog)) {
		tx->want_reclaim = false;
		if (xenloop_producer_want_consumed(&tx->fifo))
			reclaim(chan, done);
		else
			tx->want_reclaim = tx->fifo.asked != tx->fifo.told;
		tx->reclaim_asked = !tx->want_reclaim &&
				    !skb_queue_empty(&tx->charged);
	}
	return event;
}

static void free_sent(struct sk_buff_head *done)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(done)))
		dev_consume_skb_any(skb);
}

static void ring(struct xenloop_chan *chan)
{
	xenloop_inc(chan, TX_EVENTS);
	xenloop_evtchn_notify(&chan->evtchn);
}

/* Everything that needs the lock, for one plain frame. */
static enum xenloop_tx_verdict take(struct xenloop_chan *chan,
				    struct sk_buff *skb,
				    struct sk_buff_head *done)
{
	struct xenloop_tx *tx = &chan->tx;

	if (tx->mode == XENLOOP_TX_OFF)
		return XENLOOP_TX_REFUSED;
	reclaim(chan, done);
	if (tx->mode == XENLOOP_TX_ON && skb_queue_empty(&tx->backlog) &&
	    !put_frame(chan, skb)) {
		settle(chan, skb, done);
		return XENLOOP_TX_TAKEN;
	}
	if (keep_frame(chan, skb) == XENLOOP_TX_DROPPED)
		return XENLOOP_TX_DROPPED;
	advance(chan, done);
	return XENLOOP_TX_TAKEN;
}

static enum xenloop_tx_verdict send_plain(struct xenloop_chan *chan,
					  struct sk_buff *skb)
{
	enum xenloop_tx_verdict verdict;
	struct sk_buff_head done;
	bool event;

	__skb_queue_head_init(&done);
	spin_lock(&chan->tx.lock);
	verdict = take(chan, skb, &done);
	event = publish(chan, &done);
	spin_unlock(&chan->tx.lock);

	if (event)
		ring(chan);
	free_sent(&done);
	return verdict;
}

/* A frame whose checksum the header can't ask for: in software, before that. */
static enum xenloop_tx_verdict send_summed(struct xenloop_chan *chan,
					   struct sk_buff *skb)
{
	if (!is_plain(skb) && skb_csum_hwoffload_help(skb, 0)) {
		xenloop_inc(chan, TX_DROP_NOMEM);
		return XENLOOP_TX_DROPPED;
	}
	return send_plain(chan, skb);
}

/* One of several segments, each on its own way. */
static void send_segment(struct xenloop_chan *chan, struct sk_buff *skb)
{
	switch (send_summed(chan, skb)) {
	case XENLOOP_TX_REFUSED:
		xenloop_iface_send(chan->iface, skb);
		break;
	case XENLOOP_TX_DROPPED:
		kfree_skb(skb);
		break;
	case XENLOOP_TX_TAKEN:
		break;
	}
}

/* A GSO frame that has to be cut here. */
static enum xenloop_tx_verdict send_segments(struct xenloop_chan *chan,
					     struct sk_buff *skb)
{
	struct sk_buff *segs, *next;

	xenloop_inc(chan, TX_SEGMENTED);
	segs = skb_gso_segment(skb, NETIF_F_SG);
	if (IS_ERR_OR_NULL(segs)) {
		xenloop_inc(chan, TX_DROP_NOMEM);
		return XENLOOP_TX_DROPPED;
	}
	consume_skb(skb);
	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		send_segment(chan, segs);
	}
	return XENLOOP_TX_TAKEN;
}

/*
 * Offer a frame from the hook: data at the Ethernet header, addressed to the
 * channel's peer. One that is not taken is the caller's; its checksum may have
 * been filled in. BH off, RCU read lock.
 */
enum xenloop_tx_verdict xenloop_tx(struct xenloop_chan *chan,
				   struct sk_buff *skb)
{
	if (READ_ONCE(chan->tx.mode) == XENLOOP_TX_OFF)
		return XENLOOP_TX_REFUSED;
	WRITE_ONCE(chan->last_used, jiffies);
	if (likely(is_plain(skb)))
		return send_plain(chan, skb);
	return skb_is_gso(skb) ? send_segments(chan, skb) :
				 send_summed(chan, skb);
}

/* The peer may have taken frames: free those, move on others. From NAPI. */
void xenloop_tx_service(struct xenloop_chan *chan)
{
	struct sk_buff_head done;
	bool event;

	if (skb_queue_empty_lockless(&chan->tx.backlog) &&
	    skb_queue_empty_lockless(&chan->tx.charged))
		return;
	__skb_queue_head_init(&done);
	spin_lock(&chan->tx.lock);
	reclaim(chan, &done);
	advance(chan, &done);
	event = publish(chan, &done);
	spin_unlock(&chan->tx.lock);
	if (event)
		ring(chan);
	free_sent(&done);
}

/* Frames wait from now on, until the sending half starts. */
void xenloop_tx_prepare(struct xenloop_chan *chan)
{
	spin_lock_bh(&chan->tx.lock);
	WRITE_ONCE(chan->tx.mode, XENLOOP_TX_HOLD);
	spin_unlock_bh(&chan->tx.lock);
}

/* Do so many frames wait that the next ones may find no room? */
bool xenloop_tx_crowded(const struct xenloop_chan *chan)
{
	unsigned int most = READ_ONCE(xenloop.backlog_bytes);

	return READ_ONCE(chan->tx.backlog_bytes) > most / 2 ||
	       READ_ONCE(chan->tx.unpaced_bytes) > most / 4;
}

/* Open the sending half: frames take the channel from now on. */
void xenloop_tx_start(struct xenloop_chan *chan)
{
	spin_lock_bh(&chan->tx.lock);
	chan->tx.moved = jiffies;
	WRITE_ONCE(chan->tx.mode, XENLOOP_TX_ON);
	spin_unlock_bh(&chan->tx.lock);
	local_bh_disable();
	xenloop_tx_service(chan);
	local_bh_enable();
}

/* Put nothing more into the FIFO; what comes waits. */
void xenloop_tx_hold(struct xenloop_chan *chan)
{
	spin_lock_bh(&chan->tx.lock);
	if (chan->tx.mode == XENLOOP_TX_ON)
		WRITE_ONCE(chan->tx.mode, XENLOOP_TX_HOLD);
	spin_unlock_bh(&chan->tx.lock);
}

/* Nothing of ours is left in the FIFO, or the peer's word is no use. */
bool xenloop_tx_drained(struct xenloop_chan *chan)
{
	bool drained;

	if (!chan->foreign.nr)
		return true;
	spin_lock_bh(&chan->tx.lock);
	drained = xenloop_producer_pending(&chan->tx.fifo) <= 0;
	spin_unlock_bh(&chan->tx.lock);
	return drained;
}

/* Does the first frame that waits do so for longer than @age? */
static bool waits_since(const struct xenloop_tx *tx, unsigned long age)
{
	const struct sk_buff *skb = skb_peek(&tx->backlog);

	return skb && time_after(jiffies, TX_CB(skb)->since + age);
}

static bool is_old(const struct sk_buff *skb)
{
	return time_after_eq(jiffies, TX_CB(skb)->since + ORPHAN_AFTER);
}

/* The peer has this frame, and neither an ack nor an event has said so. */
static bool is_overlooked(struct xenloop_tx *tx, const struct sk_buff *skb)
{
	return xenloop_producer_pending(&tx->fifo) >= 0 &&
	       is_taken(tx, TX_CB(skb)->end);
}

/*
 * A peer that takes frames slowly must not keep the sockets of a service that
 * has other clients: frames that have waited for long, for room or in the FIFO,
 * are not charged any more. Returns after how many jiffies to look again; 0: when
 * the next one is there.
 */
unsigned long xenloop_tx_age(struct xenloop_chan *chan)
{
	struct xenloop_tx *tx = &chan->tx;
	struct sk_buff_head done;
	struct sk_buff *skb;
	bool watched;

	__skb_queue_head_init(&done);
	spin_lock_bh(&tx->lock);
	while ((skb = skb_peek(&tx->charged)) && is_old(skb)) {
		if (sk_is_tcp(skb->sk) && is_overlooked(tx, skb))
			tx->acks_away_until = jiffies + ACKS_AWAY;
		__skb_unlink(skb, &tx->charged);
		__skb_queue_tail(&done, skb);
	}
	skb_queue_walk(&tx->backlog, skb) {
		if (!is_old(skb))
			break;
		skb_orphan(skb);
	}
	watched = !skb_queue_empty(&tx->charged) ||
		  !skb_queue_empty(&tx->backlog);
	tx->watched = watched;
	spin_unlock_bh(&tx->lock);
	free_sent(&done);
	return watched ? ORPHAN_AFTER : 0;
}

/*
 * Has the peer left frames alone for longer than the stall timeout? An index
 * that makes no sense is a fault.
 */
bool xenloop_tx_stalled(struct xenloop_chan *chan)
{
	unsigned long limit = msecs_to_jiffies(xenloop.stall_ms);
	struct xenloop_tx *tx = &chan->tx;
	bool stalled;
	int pending;

	spin_lock_bh(&tx->lock);
	stalled = waits_since(tx, limit);
	pending = xenloop_producer_pending(&tx->fifo);
	if (pending < 0)
		xenloop_chan_fault(chan, XENLOOP_REASON_PROTOCOL);
	if (pending <= 0 || tx->fifo.cons != tx->seen_cons) {
		tx->seen_cons = tx->fifo.cons;
		tx->moved = jiffies;
	} else {
		stalled |= time_after(jiffies, tx->moved + limit);
	}
	spin_unlock_bh(&tx->lock);
	return stalled;
}

/* The Ethernet addresses of a channel's frames are not the peer's to choose. */
static void readdress(struct xenloop_chan *chan, struct sk_buff *skb)
{
	ether_addr_copy(eth_hdr(skb)->h_dest, chan->peer->key.mac);
	ether_addr_copy(eth_hdr(skb)->h_source, chan->iface->mac);
}

/*
 * Can this frame, which lay in the peer's memory, be one of ours? Frames that are
 * shorter than any of them, or ask for smaller segments, are the peer's doing, to
 * have this guest and Dom0 handle thousands for one; longer ones, to have netfront
 * complain.
 */
static bool is_returnable(struct xenloop_chan *chan, struct sk_buff *skb,
			  const struct xenloop_frame *frame)
{
	return frame->len >= chan->tx.shortest &&
	       frame->len <= chan->tx.longest &&
	       !eth_type_vlan(eth_hdr(skb)->h_proto) &&
	       xenloop_frame_offload(skb, frame) &&
	       (!skb_is_gso(skb) ||
		skb_shinfo(skb)->gso_size >= chan->tx.least_mss);
}

/* Send a frame that was taken back, or waited, by the standard path. */
static void send_returned(struct xenloop_chan *chan, struct sk_buff *skb,
			  unsigned long deadline)
{
	xenloop_inc(chan->iface, RETURNED);
	xenloop_iface_pace(chan->iface, deadline);
	xenloop_iface_send(chan->iface, skb);
}

/*
 * Take back what the peer has not claimed. These frames have lost their socket's
 * hash: a queueing discipline that serves flows separately, as fq_codel, takes
 * what follows for another flow, so none follows while they are queued.
 */
static void return_frames(struct xenloop_chan *chan, unsigned long deadline)
{
	struct xenloop_consumer back;
	struct xenloop_frame frame;
	struct sk_buff_head charged;
	struct sk_buff *skb;
	bool any = false;

	__skb_queue_head_init(&charged);
	spin_lock_bh(&chan->tx.lock);
	xenloop_producer_revoke(&chan->tx.fifo, &back);
	skb_queue_splice_init(&chan->tx.charged, &charged);
	spin_unlock_bh(&chan->tx.lock);
	__skb_queue_purge(&charged);
	while (xenloop_consumer_peek(&back, &frame) == 1) {
		cond_resched();
		skb = xenloop_frame_read(NULL, &back, &frame);
		xenloop_consumer_pop(&back, frame.len);
		if (!skb || !is_returnable(chan, skb, &frame)) {
			xenloop_inc(chan, TX_DROP_RETURN);
			kfree_skb(skb);
			continue;
		}
		readdress(chan, skb);
		xenloop_inc(chan, TX_RETURNED);
		send_returned(chan, skb, deadline);
		any = true;
	}
	if (back.cons != back.claim)
		xenloop_inc(chan, TX_DROP_RETURN);
	if (any)
		xenloop_iface_wait(chan->iface, 0, deadline);
}

/* The next frame that waits. Without one, or by @force, the half is off. */
static struct sk_buff *take_kept_or_stop(struct xenloop_tx *tx, bool force)
{
	struct sk_buff *skb;

	spin_lock_bh(&tx->lock);
	skb = next_kept(tx);
	if (!skb || force)
		WRITE_ONCE(tx->mode, XENLOOP_TX_OFF);
	spin_unlock_bh(&tx->lock);
	return skb;
}

/*
 * Shut the sending half: what the peer has not taken, then what waits, goes
 * out by the standard path, and only then may the hook let frames pass by,
 * unless a flood makes that endless. In process context.
 */
void xenloop_tx_stop(struct xenloop_chan *chan)
{
	/* An interface that goes sends no more, and RTNL is held. */
	unsigned long deadline = jiffies +
		(chan->iface_gone ? 0 : XENLOOP_PACE_MAX);
	struct xenloop_tx *tx = &chan->tx;
	struct sk_buff *skb;
	u32 n, most;

	xenloop_tx_hold(chan);
	if (chan->foreign.nr)
		return_frames(chan, deadline);
	most = skb_queue_len_lockless(&tx->backlog) + STOP_MAX;
	for (n = 0; (skb = take_kept_or_stop(tx, n >= most)); n++) {
		cond_resched();
		xenloop_inc(chan, TX_STANDARD);
		send_returned(chan, skb, deadline);
	}
}
