// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: creation in either role, connection, activation, and the table.
 * The way down is in service.c.
 */
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "aside.h"
#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "state.h"

/* Pages that a peer may keep mapped from gone channels before we say no. */
#define DEFERRED_MAX_PER_PEER	(2 * (XENLOOP_FIFO_MAX_PAGES + 1))
#define DEFERRED_MAX		(16 * (XENLOOP_FIFO_MAX_PAGES + 1))

/* Channels by id; changed under xenloop.lock. */
DEFINE_XARRAY_ALLOC1(xenloop_chans);

static u32 next_id;

/* NAPI wants a device of its own: the channels' instances hang on this one. */
static struct net_device *napi_dev;

static DECLARE_WAIT_QUEUE_HEAD(all_freed);

/* Returns the channel, valid while xenloop.lock is held, or NULL. */
struct xenloop_chan *xenloop_chan_find(u32 id)
{
	lockdep_assert_held(&xenloop.lock);
	return xa_load(&xenloop_chans, id);
}

/* May a channel to this peer be made at all? */
static int check_new(struct xenloop_peer *peer, u32 size,
		     struct netlink_ext_ack *extack)
{
	const char *aside;

	if (xenloop.suspended) {
		NL_SET_ERR_MSG(extack, "the guest is being suspended");
		return -EAGAIN;
	}
	aside = xenloop_aside(peer->iface->dev);
	if (aside) {
		NL_SET_ERR_MSG_FMT(extack, "the interface stands aside: %s",
				   aside);
		return -EPERM;
	}
	if (peer->iface->dying || !netif_running(peer->iface->dev)) {
		NL_SET_ERR_MSG(extack, "the interface is down");
		return -ENETDOWN;
	}
	if (!xenloop_fifo_size_ok(size)) {
		NL_SET_ERR_MSG(extack,
			       "FIFO size is not a power of two from 128 KiB to 2 MiB");
		return -ERANGE;
	}
	if (rcu_access_pointer(peer->chan) || peer->dying) {
		NL_SET_ERR_MSG(extack, "there is a channel to this peer");
		return -EBUSY;
	}
	if (xenloop_grant_deferred(peer->domid) > DEFERRED_MAX_PER_PEER ||
	    atomic_read(&xenloop.pages_deferred) > DEFERRED_MAX) {
		xenloop_inc(peer->iface, REFUSED_PAGES);
		NL_SET_ERR_MSG(extack,
			       "too many pages of old channels are still mapped");
		return -EDQUOT;
	}
	return 0;
}

static struct xenloop_chan *alloc_chan(struct xenloop_peer *peer, u32 size,
				       u64 cookie)
{
	struct xenloop_chan *chan = kzalloc(sizeof(*chan), GFP_KERNEL);

	if (!chan)
		return NULL;
	chan->stats = alloc_percpu(struct xenloop_chan_stats);
	if (!chan->stats) {
		kfree(chan);
		return NULL;
	}
	chan->peer = peer;
	chan->iface = peer->iface;
	chan->size = size;
	chan->cookie = cookie;
	chan->last_used = jiffies;
	chan->rx.hold = true;
	INIT_DELAYED_WORK(&chan->work, xenloop_chan_work);
	INIT_DELAYED_WORK(&chan->time_work, xenloop_chan_time_work);
	xenloop_tx_init(chan);
	atomic64_inc(&xenloop.chans_created);
	return chan;
}

static void free_rcu_chan(struct rcu_head *rcu)
{
	struct xenloop_chan *chan = container_of(rcu, struct xenloop_chan, rcu);

	free_percpu(chan->stats);
	kfree(chan);
	atomic64_inc(&xenloop.chans_destroyed);
	wake_up(&all_freed);
}

/* Last step; nobody but RCU readers can still see the channel. */
void xenloop_chan_free(struct xenloop_chan *chan)
{
	call_rcu(&chan->rcu, free_rcu_chan);
}

/* Grant our own FIFO: the control page and the data pages that it names. */
static int make_own_fifo(struct xenloop_chan *chan)
{
	u32 i, nr = chan->size >> XENLOOP_PAGE_SHIFT;
	struct xenloop_fifo_ctrl *ctrl;
	struct xenloop_fifo fifo;
	int err;

	BUILD_BUG_ON(sizeof(*ctrl) > PAGE_SIZE);
	err = xenloop_grant(&chan->own, chan->peer->domid, nr + 1);
	if (err)
		return err;
	ctrl = xenloop_own_ctrl(chan);
	for (i = 0; i < nr; i++)
		ctrl->gref[i] = chan->own.ref[i + 1];
	xenloop_fifo_init_ctrl(ctrl, chan->size);
	fifo = (struct xenloop_fifo){ ctrl, chan->own.addr + 1, chan->size };
	xenloop_consumer_init(&chan->rx.fifo, &fifo);
	return 0;
}

/* Map the peer's control page only, to learn its data pages. */
static int read_foreign_grefs(struct xenloop_chan *chan, u32 *gref)
{
	struct xenloop_mapped first;
	int err = xenloop_map(&first, chan->peer->domid, &chan->remote_gref, 1);

	if (err)
		return err;
	gref[0] = chan->remote_gref;
	err = xenloop_fifo_read_ctrl(first.addr[0], chan->size, gref + 1);
	xenloop_unmap(&first);
	return err;
}

/* Map the peer's FIFO. Returns 0, -ENXIO, -EPROTO or -ENOMEM. */
static int map_foreign_fifo(struct xenloop_chan *chan,
			    struct netlink_ext_ack *extack)
{
	u32 nr = (chan->size >> XENLOOP_PAGE_SHIFT) + 1;
	u32 *gref = kvcalloc(nr, sizeof(*gref), GFP_KERNEL);
	struct xenloop_fifo fifo;
	int err = gref ? read_foreign_grefs(chan, gref) : -ENOMEM;

	if (!err)
		err = xenloop_map(&chan->foreign, chan->peer->domid, gref, nr);
	kvfree(gref);
	if (err == -ENXIO) {
		xenloop_inc(chan->iface, REFUSED_GRANT);
		NL_SET_ERR_MSG(extack, "the peer's grant references are not valid");
	}
	if (err == -ENOSPC)
		NL_SET_ERR_MSG(extack, "this guest can map no more grants (Xen's max_maptrack_frames)");
	if (err == -EPROTO) {
		xenloop_inc(chan->iface, REFUSED_FIFO);
		NL_SET_ERR_MSG(extack, "the peer's page is not a FIFO of this size");
	}
	if (err)
		return err;
	fifo = (struct xenloop_fifo){
		xenloop_foreign_ctrl(chan), chan->foreign.addr + 1, chan->size
	};
	xenloop_producer_init(&chan->tx.fifo, &fifo);
	return 0;
}

/* Undo what both roles begin with; nobody has seen the channel yet. */
static void drop_chan(struct xenloop_chan *chan)
{
	xenloop_evtchn_close(&chan->evtchn, chan);
	__netif_napi_del(&chan->napi); /* xenloop_chan_free() is by RCU */
	xenloop_poller_undo(chan);
	xenloop_unmap(&chan->foreign);
	xenloop_ungrant(&chan->own);
	xenloop_chan_free(chan);
}

/* What both roles begin with: checks, an object, its FIFO, NAPI not enabled. */
static struct xenloop_chan *new_chan(struct xenloop_peer *peer, u32 size,
				     u64 cookie, struct kthread_worker *thread,
				     struct netlink_ext_ack *extack)
{
	int err = check_new(peer, size, extack);
	struct xenloop_chan *chan;

	lockdep_assert_held(&xenloop.lock);
	if (err)
		return ERR_PTR(err);
	chan = alloc_chan(peer, size, cookie);
	if (!chan)
		return ERR_PTR(-ENOMEM);
	err = make_own_fifo(chan);
	if (err == -ENOSPC)
		NL_SET_ERR_MSG(extack, "out of grants");
	if (err) {
		xenloop_ungrant(&chan->own);
		xenloop_chan_free(chan);
		return ERR_PTR(err);
	}
	xenloop_poller_init(chan, thread);
	netif_napi_add(napi_dev, &chan->napi, xenloop_rx_poll);
	return chan;
}

/*
 * Enter the table: from here on the hook and netlink find the channel. NAPI
 * begins only now that the interrupt's number is known, with a poll for the
 * events that came before.
 */
static int add_chan(struct xenloop_chan *chan, enum xenloop_chan_state state)
{
	int err = xa_alloc_cyclic(&xenloop_chans, &chan->id, chan,
				  xa_limit_31b, &next_id, GFP_KERNEL);

	if (err < 0)
		return err;
	WRITE_ONCE(chan->state, state);
	rcu_assign_pointer(chan->peer->chan, chan);
	napi_enable(&chan->napi);
	xenloop_poller_poll(chan);
	return 0;
}

/*
 * Create a channel as listener. Returns 0 with @chan set, -ERANGE, -EBUSY,
 * -ENOSPC, -ENOMEM, or -EDQUOT when the peer hoards old pages. Takes over
 * @thread (xenloop_poller_thread()), unless it fails. May sleep.
 */
int xenloop_chan_listen(struct xenloop_peer *peer, u32 size, u64 cookie,
			struct kthread_worker *thread,
			struct xenloop_chan **chan,
			struct netlink_ext_ack *extack)
{
	struct xenloop_chan *c = new_chan(peer, size, cookie, thread, extack);
	int err;

	if (IS_ERR(c))
		return PTR_ERR(c);
	c->listener = true;
	err = xenloop_evtchn_listen(&c->evtchn, peer->domid,
				    xenloop_rx_interrupt, c);
	if (err)
		NL_SET_ERR_MSG(extack, "no event channel to be had");
	else
		err = add_chan(c, XENLOOP_CHAN_STATE_LISTENING);
	if (err) {
		drop_chan(c);
		return err;
	}
	c->offer_port = c->evtchn.port;
	*chan = c;
	return 0;
}

/* Connector: bind to the port that the peer offers. */
static int connect_port(struct xenloop_chan *chan,
			struct netlink_ext_ack *extack)
{
	int err = xenloop_evtchn_connect(&chan->evtchn, chan->peer->domid,
					 chan->offer_port, xenloop_rx_interrupt,
					 chan);

	if (err == -ENOSPC || err == -ENOMEM) {
		NL_SET_ERR_MSG(extack, "no event channel to be had");
	} else if (err) {
		xenloop_inc(chan->iface, REFUSED_PORT);
		NL_SET_ERR_MSG(extack, "the peer's port is not for us");
	}
	return err;
}

/* Create a channel as connector; besides the above: -ENXIO, -EPROTO. */
int xenloop_chan_connect(struct xenloop_peer *peer, u32 size, u64 cookie,
			 u32 remote_gref, u32 port,
			 struct kthread_worker *thread,
			 struct xenloop_chan **chan,
			 struct netlink_ext_ack *extack)
{
	struct xenloop_chan *c = new_chan(peer, size, cookie, thread, extack);
	int err;

	if (IS_ERR(c))
		return PTR_ERR(c);
	c->remote_gref = remote_gref;
	c->offer_port = port;
	err = map_foreign_fifo(c, extack);
	if (!err)
		err = connect_port(c, extack);
	if (!err)
		err = add_chan(c, XENLOOP_CHAN_STATE_CONNECTED);
	if (err) {
		drop_chan(c);
		return err;
	}
	*chan = c;
	return 0;
}

/* Listener: the connector granted its FIFO. -EINVAL in any other state. */
int xenloop_chan_accept(struct xenloop_chan *chan, u32 remote_gref,
			struct netlink_ext_ack *extack)
{
	int err;

	lockdep_assert_held(&xenloop.lock);
	if (chan->state != XENLOOP_CHAN_STATE_LISTENING) {
		NL_SET_ERR_MSG(extack, "the channel is not listening");
		return -EINVAL;
	}
	chan->remote_gref = remote_gref;
	err = map_foreign_fifo(chan, extack);
	if (err)
		return err;
	smp_store_release(&chan->state, XENLOOP_CHAN_STATE_CONNECTED);
	return 0;
}

/*
 * Older frames may be in a queueing discipline that lets a marker pass by. They
 * are few, since new ones wait with us, as far as there is room; where others
 * keep the interface busy, its queue is never empty.
 */
static void wait_for_older(struct xenloop_chan *chan)
{
	unsigned long until = jiffies + HZ / 10;

	while (time_before(jiffies, until) && !xenloop_tx_crowded(chan) &&
	       !xenloop_iface_wait(chan->iface, 0, jiffies + 1))
		;
}

/*
 * Let frames take a connected channel. Those that come meanwhile wait, so that
 * the markers are the last of ours on the standard path.
 */
int xenloop_chan_activate(struct xenloop_chan *chan,
			  struct netlink_ext_ack *extack)
{
	u64 cookie = get_random_u64() | 1; /* zero means none */
	struct xenloop_fifo_ctrl *ctrl;

	lockdep_assert_held(&xenloop.lock);
	if (chan->state != XENLOOP_CHAN_STATE_CONNECTED) {
		NL_SET_ERR_MSG(extack, "the channel is not connected");
		return -EINVAL;
	}
	ctrl = xenloop_foreign_ctrl(chan);
	chan->born = jiffies;
	chan->refreshed = jiffies;
	xenloop_tx_prepare(chan);
	synchronize_net();
	wait_for_older(chan);
	ctrl->marker = cookie;
	virt_store_release(&ctrl->prod_state, XENLOOP_PROD_ACTIVE);
	WRITE_ONCE(chan->state, XENLOOP_CHAN_STATE_ACTIVE);
	xenloop_marker_send(chan, cookie,
			    chan->iface->dev->real_num_tx_queues);
	xenloop_tx_start(chan);
	xenloop_evtchn_notify(&chan->evtchn);
	xenloop_chan_kick(chan, 0);
	return 0;
}

int xenloop_chan_init(void)
{
	napi_dev = alloc_netdev_dummy(0);
	return napi_dev ? 0 : -ENOMEM;
}

/* No channel is left in the table; wait until the last one is freed. */
void xenloop_chan_exit(void)
{
	wait_event(all_freed, atomic64_read(&xenloop.chans_created) ==
			      atomic64_read(&xenloop.chans_destroyed));
	rcu_barrier();
	xenloop_free_dummy(napi_dev);
}
