// SPDX-License-Identifier: GPL-2.0
/*
 * The receiving half: an event starts NAPI, which claims frames, copies them
 * out and hands them to the stack on the real interface. What the peer wrote
 * is checked on the copy. It is also where room in the peer's FIFO is used.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/sched/clock.h>

#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "state.h"

/* Without memory, or while the peer ponders, look again after this. */
#define LATER	msecs_to_jiffies(10)
/* When the channel ends, look so often, each half a millisecond or more later. */
#define DECIDE_TRIES	20
/* A producer decides within microseconds, unless its CPU is taken from it. */
#define DECIDE_WITHIN	(2 * HZ)

/*
 * So many frames that the peer was not entitled to send end its channel. An
 * honest peer puts none: its hook takes only frames from the address that its
 * roster has for it, to the one that it has for us, without a tag, and does in
 * software what the header can't tell truthfully. Only while the two rosters
 * differ, after Dom0 gave a vif another address, may some come; then nothing of
 * that channel arrives, and the standard path is better.
 */
#define REFUSED_MAX	64

irqreturn_t xenloop_rx_interrupt(int irq, void *data)
{
	struct xenloop_chan *chan = data;

	xenloop_inc(chan, RX_EVENTS);
	WRITE_ONCE(chan->evtchn.eoi_due, true);
	xenloop_poller_interrupt(chan);
	return IRQ_HANDLED;
}

/* Is the peer entitled to send this frame, to us, and is it a sound one? */
static bool frame_ok(struct xenloop_chan *chan, struct sk_buff *skb,
		     const struct xenloop_frame *frame)
{
	const struct ethhdr *eth = eth_hdr(skb);

	if (!ether_addr_equal(eth->h_source, chan->peer->key.mac)) {
		xenloop_inc(chan, RX_DROP_SRC_MAC);
		return false;
	}
	if (!ether_addr_equal(eth->h_dest, chan->iface->mac)) {
		xenloop_inc(chan, RX_DROP_DST_MAC);
		return false;
	}
	if (eth_type_vlan(eth->h_proto)) {
		xenloop_inc(chan, RX_DROP_VLAN);
		return false;
	}
	if (!xenloop_frame_offload(skb, frame)) {
		xenloop_inc(chan, RX_DROP_META);
		return false;
	}
	return true;
}

/* One frame more that the peer should not have sent. */
static void count_refused(struct xenloop_chan *chan)
{
	if (++chan->rx.refused == REFUSED_MAX)
		xenloop_chan_fault(chan, XENLOOP_REASON_PROTOCOL);
}

/* Make a copied frame ready for the stack; false: dropped, counted. */
static bool admit(struct xenloop_chan *chan, struct sk_buff *skb,
		  const struct xenloop_frame *frame)
{
	if (!frame_ok(chan, skb, frame)) {
		count_refused(chan);
		kfree_skb(skb);
		return false;
	}
	if (!netif_running(chan->iface->dev)) {
		xenloop_inc(chan, RX_DROP_IFACE_DOWN);
		kfree_skb(skb);
		return false;
	}
	xenloop_inc(chan, RX_FRAMES);
	xenloop_add(chan, RX_BYTES, frame->len);
	if (skb_is_gso(skb))
		xenloop_inc(chan, RX_GSO_FRAMES);
	skb->protocol = eth_type_trans(skb, chan->iface->dev);
	return true;
}

static void look_later(struct xenloop_chan *chan, unsigned long delay)
{
	WRITE_ONCE(chan->rx.later, true);
	xenloop_chan_time(chan, delay);
}

/* The producer has taken back all that we have not claimed. */
static bool is_revoked(const struct xenloop_chan *chan)
{
	return READ_ONCE(xenloop_own_ctrl(chan)->revoke_state) ==
	       XENLOOP_REVOKE_DONE;
}

/*
 * May frames be taken yet? While markers are outstanding earlier frames are
 * still on the standard path; the wait starts with the first frame, and ends
 * when there is none any more: a claim then learns that.
 */
static bool held(struct xenloop_chan *chan)
{
	struct xenloop_rx *rx = &chan->rx;
	unsigned long hold = msecs_to_jiffies(READ_ONCE(xenloop.hold_ms));

	if (!READ_ONCE(rx->hold) || is_revoked(chan))
		return false;
	if (!rx->holding) {
		rx->holding = true;
		rx->hold_until = jiffies + hold;
	}
	if (time_after_eq(jiffies, rx->hold_until)) {
		xenloop_inc(chan, RX_HOLD_TIMEOUTS);
		WRITE_ONCE(rx->hold, false);
		return false;
	}
	look_later(chan, rx->hold_until - jiffies);
	return true;
}

/* The producer takes frames back: it says which ones soon, or is broken. */
static int await_decision(struct xenloop_chan *chan)
{
	struct xenloop_rx *rx = &chan->rx;

	if (!rx->undecided) {
		rx->undecided = true;
		rx->decide_until = jiffies + DECIDE_WITHIN;
	}
	if (time_after(jiffies, rx->decide_until))
		return -EPROTO;
	look_later(chan, LATER);
	return 0;
}

/* Claim what is there. False: nothing to consume now. */
static bool claim(struct xenloop_chan *chan)
{
	int err;

	if (!xenloop_consumer_has_data(&chan->rx.fifo) || held(chan))
		return false;
	err = xenloop_consumer_claim(&chan->rx.fifo);
	if (err == -EAGAIN)
		err = await_decision(chan);
	else
		chan->rx.undecided = false;
	if (err)
		xenloop_chan_fault(chan, XENLOOP_REASON_PROTOCOL);
	return !err;
}

/* Consume up to @budget claimed frames; returns how many. */
static int consume(struct xenloop_chan *chan, int budget)
{
	struct xenloop_consumer *c = &chan->rx.fifo;
	struct xenloop_frame frame;
	struct sk_buff *skb;
	int work = 0, more;

	while (work < budget && (more = xenloop_consumer_peek(c, &frame))) {
		if (more < 0) {
			xenloop_chan_fault(chan, XENLOOP_REASON_PROTOCOL);
			break;
		}
		skb = xenloop_frame_read(&chan->napi, c, &frame);
		if (!skb) {
			xenloop_inc(chan, RX_NOMEM);
			look_later(chan, LATER);
			break;
		}
		xenloop_consumer_pop(c, frame.len);
		work++;
		if (admit(chan, skb, &frame))
			napi_gro_receive(&chan->napi, skb);
		else if (READ_ONCE(chan->fault))
			break;
	}
	return work;
}

static int receive(struct xenloop_chan *chan, int budget)
{
	int work = 0;

	WRITE_ONCE(chan->rx.later, false);
	if (READ_ONCE(chan->fault) || !claim(chan))
		return 0;
	work = consume(chan, budget);
	if (work)
		WRITE_ONCE(chan->last_used, jiffies);
	if (xenloop_consumer_release(&chan->rx.fifo)) {
		xenloop_inc(chan, TX_ROOM_EVENTS);
		xenloop_evtchn_notify(&chan->evtchn);
	}
	return work;
}

/* Does a socket's busy polling own this poll? It can't be completed then. */
static bool is_busy_polled(const struct xenloop_chan *chan)
{
	return test_bit(NAPI_STATE_IN_BUSY_POLL, &chan->napi.state);
}

/* Is there work that nobody else will start? Else an event will tell. */
static bool go_on(struct xenloop_chan *chan)
{
	if (chan->rx.later || READ_ONCE(chan->fault) || is_busy_polled(chan))
		return false;
	if (xenloop_poller_awake(chan)) {
		xenloop_consumer_wake(&chan->rx.fifo);
		return false;
	}
	return xenloop_consumer_sleep(&chan->rx.fifo);
}

/*
 * Let the next event in, if one is due to be acknowledged. It was spurious if
 * neither direction moved since the one before.
 */
static void acknowledge(struct xenloop_chan *chan)
{
	u32 prod = chan->rx.fifo.claim;
	u32 cons = READ_ONCE(chan->tx.fifo.cons);
	bool moved = prod != chan->eoi_prod || cons != chan->eoi_cons;

	if (!READ_ONCE(chan->evtchn.eoi_due))
		return;
	chan->eoi_prod = prod;
	chan->eoi_cons = cons;
	xenloop_evtchn_eoi(&chan->evtchn, !moved);
}

/*
 * Everything that decides about the next poll happens before this one is
 * complete, while no other CPU can poll.
 */
int xenloop_rx_poll(struct napi_struct *napi, int budget)
{
	struct xenloop_chan *chan = container_of(napi, struct xenloop_chan,
						 napi);
	u64 start = local_clock();
	int work;

	if (!budget)
		return 0;
	xenloop_inc(chan, RX_POLLS);
	xenloop_tx_service(chan);
	work = receive(chan, budget);
	xenloop_chan_watch(chan);
	if (work == budget && !is_busy_polled(chan)) {
		/* false: scheduled again meanwhile, so not ours to keep */
		if (napi_complete_done(napi, work - 1))
			xenloop_poller_pace(chan);
		return work - 1;
	}
	if (work == budget || go_on(chan))
		return budget;
	if (chan->poller.armed)
		xenloop_poller_sleep(chan, work, start);
	acknowledge(chan); /* the next interrupt may run from here on */
	napi_complete_done(napi, work);
	return work;
}

/*
 * If the peer was undecided about some frames when we last looked, it may have
 * left them to us since, and it decides within microseconds, unless its CPU is
 * taken from it just then. One that never decides gets no more of our time.
 */
static void claim_last(struct xenloop_chan *chan)
{
	int tries;

	for (tries = 0; tries < DECIDE_TRIES; tries++) {
		if (xenloop_consumer_claim(&chan->rx.fifo) != -EAGAIN)
			break;
		usleep_range(500, 1000);
	}
}

/*
 * The channel ends: deliver the frames that are ours already, since the peer
 * does not take claimed ones back. NAPI is disabled; may sleep.
 */
void xenloop_rx_finish(struct xenloop_chan *chan)
{
	struct xenloop_consumer *c = &chan->rx.fifo;
	struct xenloop_frame frame;
	struct sk_buff *skb;

	if (chan->rx.undecided)
		claim_last(chan);
	while (!READ_ONCE(chan->fault) && xenloop_consumer_peek(c, &frame) == 1) {
		cond_resched();
		skb = xenloop_frame_read(NULL, c, &frame);
		xenloop_consumer_pop(c, frame.len);
		if (!skb) {
			xenloop_inc(chan, RX_DROP_NOMEM);
			continue;
		}
		if (!admit(chan, skb, &frame))
			continue;
		local_bh_disable();
		netif_receive_skb(skb);
		local_bh_enable();
	}
	xenloop_consumer_release(c);
}

/* Has the peer put its last frame, and was it consumed? */
bool xenloop_rx_drained(struct xenloop_chan *chan)
{
	u32 state = virt_load_acquire(&xenloop_own_ctrl(chan)->prod_state);

	return state != XENLOOP_PROD_ACTIVE &&
	       !xenloop_consumer_has_data(&chan->rx.fifo);
}
