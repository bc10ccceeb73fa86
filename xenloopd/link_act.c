// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Carries out the actions of a link's state machine; see link.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenloopd/link.h"

#define BYE_MS		30000

/* A number that was not used before; by chance also across restarts. */
static uint32_t new_attempt(struct xenloop_links *links)
{
	while (!links->next_attempt)
		links->next_attempt = links->io->random(links->arg);
	return links->next_attempt++;
}

static struct xenloop_nl_peer peer_of(const struct xenloop_link *link)
{
	struct xenloop_nl_peer peer = {
		.ifindex = link->ifindex,
		.domid = link->key.domid,
		.vif = link->key.peer_vif,
	};

	memcpy(peer.mac, link->mac, sizeof(peer.mac));
	return peer;
}

static struct xenloop_msg new_msg(const struct xenloop_links *links,
				  const struct xenloop_link *link,
				  enum xenloop_verb verb)
{
	return (struct xenloop_msg){
		.verb = verb,
		.attempt = link->attempt,
		.from = links->epoch,
		.to = link->epoch,
		.size = link->chan.size,
		.gref = link->chan.local_gref,
		.port = link->chan.port,
	};
}

static int publish(struct xenloop_links *links, struct xenloop_link *link,
		   const struct xenloop_msg *msg)
{
	int err = links->io->publish(links->arg, link, msg);

	if (err)
		return err;
	link->published = true;
	link->bye = msg->verb == XENLOOP_VERB_BYE;
	links->io->bye_timer(links->arg, link, link->bye ? BYE_MS : 0);
	return 0;
}

void xenloop_link_clear(struct xenloop_links *links, struct xenloop_link *link)
{
	if (!link->published)
		return;
	/* A node that can't be removed now goes with the next message. */
	links->io->clear(links->arg, link);
	link->published = false;
	link->bye = false;
	links->io->bye_timer(links->arg, link, 0);
}

static int request(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_msg msg = new_msg(links, link, XENLOOP_VERB_REQUEST);

	msg.attempt = new_attempt(links);
	link->requested = msg.attempt;
	return publish(links, link, &msg);
}

static int offer(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_msg msg = new_msg(links, link, XENLOOP_VERB_OFFER);

	return publish(links, link, &msg);
}

static int pub_accept(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_msg msg = new_msg(links, link, XENLOOP_VERB_ACCEPT);

	return link->sm.listener ? 0 : publish(links, link, &msg);
}

/* Without an attempt that the peer knows of there is nothing to say. */
static int bye(struct xenloop_links *links, struct xenloop_link *link,
	       uint32_t attempt, const char *reason)
{
	struct xenloop_msg msg = new_msg(links, link, XENLOOP_VERB_BYE);

	if (!attempt) {
		xenloop_link_clear(links, link);
		return 0;
	}
	msg.attempt = attempt;
	snprintf(msg.reason, sizeof(msg.reason), "%s", reason);
	return publish(links, link, &msg);
}

/*
 * An answer to one that asks for a channel and gets none. A peer that asks too
 * often gets no answer for some time: Dom0 relays only so much of what we say
 * to all of them.
 */
static void decline(struct xenloop_links *links, struct xenloop_link *link,
		    const char *reason)
{
	uint64_t now = links->io->now(links->arg);

	if (xenloop_ratelimit_ok(&link->end_rate, now, NULL))
		bye(links, link, link->in.attempt, reason);
	else
		xenloop_link_clear(links, link);
}

/* What the peer waits for: the channel, or an answer to its request. */
static uint32_t awaited(const struct xenloop_link *link)
{
	if (link->attempt || link->in.verb != XENLOOP_VERB_REQUEST)
		return link->attempt;
	return link->in.attempt;
}

static void fill_chan(struct xenloop_nl_chan *chan,
		      const struct xenloop_link *link, uint32_t size)
{
	memset(chan, 0, sizeof(*chan));
	chan->ifindex = link->ifindex;
	memcpy(chan->peer_mac, link->mac, sizeof(chan->peer_mac));
	chan->size = size;
	chan->cookie = link->attempt;
	if (link->sm.listener)
		chan->cookie |= XENLOOP_COOKIE_LISTENER;
}

void xenloop_link_keep(struct xenloop_link *link,
		       const struct xenloop_nl_chan *chan)
{
	link->chan = (struct xenloop_link_chan){
		.id = chan->id,
		.size = chan->size,
		.local_gref = chan->local_gref,
		.port = chan->port,
		.active = chan->state == XENLOOP_CHAN_STATE_ACTIVE,
	};
	link->reason[0] = '\0';
}

static int do_listen(struct xenloop_links *links, struct xenloop_link *link)
{
	uint32_t attempt = new_attempt(links);
	struct xenloop_nl_chan chan;
	int err;

	link->attempt = attempt;
	fill_chan(&chan, link, links->fifo_size);
	err = links->io->listen(links->arg, &chan);
	if (err) {
		link->attempt = 0;
		return err;
	}
	xenloop_link_keep(link, &chan);
	return 0;
}

static int do_connect(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_nl_chan chan;
	int err;

	link->attempt = link->in.attempt;
	fill_chan(&chan, link, link->in.size);
	chan.remote_gref = link->in.gref;
	chan.port = link->in.port;
	err = links->io->connect(links->arg, &chan);
	if (!err)
		xenloop_link_keep(link, &chan);
	return err;
}

static int do_activate(struct xenloop_links *links, struct xenloop_link *link)
{
	int err;

	if (link->chan.active)
		return 0;
	err = links->io->activate(links->arg, link->chan.id);
	link->chan.active = !err;
	return err;
}

/* True: there is nothing (more) to wait for. */
static bool do_close(struct xenloop_links *links, struct xenloop_link *link,
		     bool drain)
{
	int err;

	if (!link->chan.id)
		return true;
	err = links->io->close(links->arg, link->chan.id, drain);
	return err == -ENOENT;
}

static void arm(struct xenloop_links *links, struct xenloop_link *link,
		uint32_t ms)
{
	links->io->timer(links->arg, link, ms);
}

/*
 * A pause that the peer's doing leads to: of ms, and longer when that has come
 * too often lately. By hand, and for closes of our own, there is none.
 */
static void arm_pause(struct xenloop_links *links, struct xenloop_link *link,
		      uint32_t ms)
{
	uint64_t now = links->io->now(links->arg);
	uint64_t wait = 0;

	if (!xenloop_ratelimit_ok(&link->end_rate, now, NULL))
		wait = xenloop_ratelimit_wait(&link->end_rate, now);
	arm(links, link, wait > ms ? (uint32_t)wait : ms);
}

static void arm_backoff(struct xenloop_links *links, struct xenloop_link *link)
{
	uint32_t random = links->io->random(links->arg);

	arm_pause(links, link,
		  xenloop_peer_backoff_ms(link->sm.failures, random));
}

int xenloop_link_add_peer(struct xenloop_links *links,
			  struct xenloop_link *link)
{
	struct xenloop_nl_peer peer = peer_of(link);
	int err = links->io->peer_add(links->arg, &peer);

	return err == -EEXIST ? 0 : err;
}

static void del_peer(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_link *other = xenloop_links_other(links, link);
	struct xenloop_nl_peer peer = peer_of(link);

	/* The MAC address has moved, and the kernel's peer is the other's. */
	if (other)
		xenloop_link_add_peer(links, other);
	else	/* fails when the interface has gone and taken its peers along */
		links->io->peer_del(links->arg, &peer);
}

static void forget(struct xenloop_link *link)
{
	memset(&link->chan, 0, sizeof(link->chan));
	link->attempt = 0;
}

/* Actions that may fail. */
static int act_hard(struct xenloop_links *links, struct xenloop_link *link,
		    enum xenloop_peer_action action)
{
	switch (action) {
	case XENLOOP_ACT_ADD_PEER:
		return xenloop_link_add_peer(links, link);
	case XENLOOP_ACT_REQUEST:
		return request(links, link);
	case XENLOOP_ACT_LISTEN:
		return do_listen(links, link);
	case XENLOOP_ACT_OFFER:
		return offer(links, link);
	case XENLOOP_ACT_CONNECT:
		return do_connect(links, link);
	case XENLOOP_ACT_PUB_ACCEPT:
		return pub_accept(links, link);
	case XENLOOP_ACT_ACCEPT:
		return links->io->accept(links->arg, link->chan.id,
					 link->in.gref);
	case XENLOOP_ACT_ACTIVATE:
		return do_activate(links, link);
	default:
		return 0;
	}
}

/* Actions on the way down: nothing can be done about their failure. */
static void act_soft(struct xenloop_links *links, struct xenloop_link *link,
		     enum xenloop_peer_action action)
{
	switch (action) {
	case XENLOOP_ACT_DEL_PEER:
		del_peer(links, link);
		break;
	case XENLOOP_ACT_FORGET:
		forget(link);
		break;
	case XENLOOP_ACT_CLEAR:
		xenloop_link_clear(links, link);
		break;
	case XENLOOP_ACT_BYE_IDLE:
		bye(links, link, link->attempt, "idle");
		break;
	case XENLOOP_ACT_BYE_REQUESTED:
		bye(links, link, link->attempt, "requested");
		break;
	case XENLOOP_ACT_BYE_TIMEOUT:
		bye(links, link, link->attempt, "timeout");
		break;
	case XENLOOP_ACT_BYE_ERROR:
		bye(links, link, awaited(link), "error");
		break;
	case XENLOOP_ACT_BYE_HELD:
		decline(links, link, "held");
		break;
	case XENLOOP_ACT_BYE_FULL:
		decline(links, link, "max-channels");
		break;
	default:
		break;
	}
}

static void act_timer(struct xenloop_links *links, struct xenloop_link *link,
		      enum xenloop_peer_action action)
{
	switch (action) {
	case XENLOOP_ACT_T_STOP:
		arm(links, link, 0);
		break;
	case XENLOOP_ACT_T_ANSWER:
		arm(links, link, XENLOOP_PEER_ANSWER_MS);
		break;
	case XENLOOP_ACT_T_CLOSE:
		arm(links, link, links->close_ms);
		break;
	case XENLOOP_ACT_T_PAUSE:
		arm_pause(links, link, XENLOOP_PEER_PAUSE_MS);
		break;
	case XENLOOP_ACT_T_BACKOFF:
		arm_backoff(links, link);
		break;
	default:
		break;
	}
}

enum xenloop_peer_event xenloop_link_act(struct xenloop_links *links,
					 struct xenloop_link *link,
					 const struct xenloop_peer_step *step)
{
	enum xenloop_peer_event follows = XENLOOP_PEER_NR_EVENTS;

	for (unsigned int i = 0; step->action[i]; i++) {
		enum xenloop_peer_action action = step->action[i];

		if (act_hard(links, link, action)) {
			snprintf(link->why, sizeof(link->why), "%s",
				 links->io->error(links->arg));
			return XENLOOP_EV_ERROR;
		}
		act_soft(links, link, action);
		act_timer(links, link, action);
		if (action == XENLOOP_ACT_INBOX)
			link->check_inbox = true;
		if (action == XENLOOP_ACT_CLOSE || action == XENLOOP_ACT_DRAIN)
			if (do_close(links, link, action == XENLOOP_ACT_DRAIN))
				follows = XENLOOP_EV_DOWN;
	}
	return follows;
}
