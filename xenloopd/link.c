// SPDX-License-Identifier: GPL-2.0 OR MIT
/* From events to actions, for one link; see link.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenloopd/link.h"

#define BYE_MS		30000
#define COOKIE_LISTENER	(1ull << 32)	/* the lower half is the attempt */

static void set_reason(struct xenloop_link *link, const char *reason)
{
	snprintf(link->reason, sizeof(link->reason), "%s", reason);
}

static void set_why(struct xenloop_link *link, const char *why)
{
	snprintf(link->why, sizeof(link->why), "%s", why);
}

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

static void clear(struct xenloop_links *links, struct xenloop_link *link)
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
		clear(links, link);
		return 0;
	}
	msg.attempt = attempt;
	snprintf(msg.reason, sizeof(msg.reason), "%s", reason);
	return publish(links, link, &msg);
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
		chan->cookie |= COOKIE_LISTENER;
}

static void keep_chan(struct xenloop_link *link,
		      const struct xenloop_nl_chan *chan)
{
	link->chan = (struct xenloop_link_chan){
		.id = chan->id,
		.size = chan->size,
		.local_gref = chan->local_gref,
		.port = chan->port,
		.active = chan->state == XENLOOP_CHAN_STATE_ACTIVE,
	};
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
	keep_chan(link, &chan);
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
		keep_chan(link, &chan);
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

static void arm_backoff(struct xenloop_links *links, struct xenloop_link *link)
{
	uint32_t random = links->io->random(links->arg);

	arm(links, link, xenloop_peer_backoff_ms(link->sm.failures, random));
}

static int add_peer(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_nl_peer peer = peer_of(link);
	int err = links->io->peer_add(links->arg, &peer);

	return err == -EEXIST ? 0 : err;
}

static void del_peer(struct xenloop_links *links, struct xenloop_link *link)
{
	struct xenloop_nl_peer peer = peer_of(link);

	/* Fails when the interface has gone and taken its peers along. */
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
		return add_peer(links, link);
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
		clear(links, link);
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
		bye(links, link, link->attempt, "error");
		break;
	case XENLOOP_ACT_BYE_HELD:
		bye(links, link, link->in.attempt, "held");
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
		arm(links, link, XENLOOP_PEER_PAUSE_MS);
		break;
	case XENLOOP_ACT_T_BACKOFF:
		arm_backoff(links, link);
		break;
	default:
		break;
	}
}

static const enum xenloop_peer_event no_event = XENLOOP_PEER_NR_EVENTS;

/* Carries a list out; returns the event that follows from it, or no_event. */
static enum xenloop_peer_event act(struct xenloop_links *links,
				   struct xenloop_link *link,
				   const struct xenloop_peer_step *step)
{
	enum xenloop_peer_event follows = no_event;

	for (unsigned int i = 0; step->action[i]; i++) {
		enum xenloop_peer_action action = step->action[i];

		if (act_hard(links, link, action)) {
			set_why(link, links->io->error(links->arg));
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

static void report(struct xenloop_links *links, struct xenloop_link *link,
		   enum xenloop_link_report what)
{
	links->io->report(links->arg, link, what);
}

/* What the step from state `was` means to those who watch. */
static void tell(struct xenloop_links *links, struct xenloop_link *link,
		 enum xenloop_peer_state was, enum xenloop_peer_event event)
{
	enum xenloop_peer_state is = link->sm.state;

	if (is == was)
		return;
	if (is == XENLOOP_PEER_UP) {
		link->announced = true;
		link->why[0] = '\0';
		report(links, link, event == XENLOOP_EV_ADOPT_UP ?
			       XENLOOP_REPORT_ADOPTED : XENLOOP_REPORT_UP);
	} else if (is == XENLOOP_PEER_CLOSING) {
		if (link->announced)
			report(links, link, XENLOOP_REPORT_DRAINING);
	} else if (link->announced) {
		link->announced = false;
		report(links, link, XENLOOP_REPORT_DOWN);
	} else if (is == XENLOOP_PEER_BACKOFF || is == XENLOOP_PEER_SILENT) {
		report(links, link, XENLOOP_REPORT_FAILED);
	}
}

/* Why there will be no channel, for events that say so by themselves. */
static void note(struct xenloop_link *link, enum xenloop_peer_event event,
		 const char *reason)
{
	if (reason)
		set_reason(link, reason);
	if (event == XENLOOP_EV_TIMEOUT && !link->announced &&
	    (link->sm.state == XENLOOP_PEER_REQUESTED ||
	     link->sm.state == XENLOOP_PEER_OFFERED ||
	     link->sm.state == XENLOOP_PEER_CONNECTED))
		set_why(link, "the peer did not answer");
	else if (event == XENLOOP_EV_BYE)
		snprintf(link->why, sizeof(link->why), "the peer gave up: %s",
			 link->in.reason);
	else if (event == XENLOOP_EV_FAULT || event == XENLOOP_EV_DOWN)
		snprintf(link->why, sizeof(link->why), "the channel ended: %s",
			 link->reason);
}

/* Returns whether the event, a message, has to be shown again later. */
static bool run(struct xenloop_links *links, struct xenloop_link *link,
		enum xenloop_peer_event event, const char *reason)
{
	struct xenloop_peer_step step;
	enum xenloop_peer_state was;
	bool later = false;
	bool first = true;

	while (event != no_event) {
		was = link->sm.state;
		note(link, event, reason);
		step = xenloop_peer_step(&link->sm, event);
		if (first)
			later = step.later;
		first = false;
		reason = NULL;
		tell(links, link, was, event);
		event = act(links, link, &step);
	}
	return later;
}

/* A look into the inbox may end in the wish for another one. */
static void look(struct xenloop_links *links, struct xenloop_link *link)
{
	if (!link->check_inbox)
		return;
	link->check_inbox = false;
	links->io->inbox(links->arg, link);
}

/* Would the event start a channel, and is there no room for it? */
static bool is_full(const struct xenloop_links *links,
		    struct xenloop_link *link, enum xenloop_peer_event event)
{
	if (event != XENLOOP_EV_WANTED && event != XENLOOP_EV_REQUEST &&
	    event != XENLOOP_EV_OFFER && event != XENLOOP_EV_CONNECT)
		return false;
	if (xenloop_peer_has_chan(&link->sm) ||
	    xenloop_links_count(links, true) < links->max_chans)
		return false;
	set_why(link, "max-channels reached");
	return true;
}

void xenloop_link_event(struct xenloop_links *links, struct xenloop_link *link,
			enum xenloop_peer_event event, const char *reason)
{
	if (is_full(links, link, event))
		return;
	run(links, link, event, reason);
	look(links, link);
}

static bool is_for_role(const struct xenloop_link *link,
			const struct xenloop_msg *msg)
{
	switch (msg->verb) {
	case XENLOOP_VERB_REQUEST:
	case XENLOOP_VERB_ACCEPT:
		return link->sm.listener;
	case XENLOOP_VERB_OFFER:
		return !link->sm.listener;
	default:
		return true;
	}
}

static void take_new(struct xenloop_links *links, struct xenloop_link *link,
		     enum xenloop_peer_event event, uint32_t *seen)
{
	uint32_t attempt = link->in.attempt;

	/* It may well be read more than once. */
	if (attempt == *seen || is_full(links, link, event))
		return;
	if (!run(links, link, event, NULL))
		*seen = attempt;
	look(links, link);
}

static void take_current(struct xenloop_links *links,
			 struct xenloop_link *link,
			 enum xenloop_peer_event event)
{
	if (link->in.attempt != link->attempt) {
		links->stale++;
		return;
	}
	if (event == XENLOOP_EV_ACCEPT && link->in.size != link->chan.size) {
		links->refused++;
		set_why(link, "the peer's FIFO has another size");
		event = XENLOOP_EV_ERROR;
	}
	xenloop_link_event(links, link, event, NULL);
}

void xenloop_link_message(struct xenloop_links *links,
			  struct xenloop_link *link,
			  const struct xenloop_msg *msg)
{
	if (msg->from != link->epoch || msg->to != links->epoch) {
		links->stale++;
		return;
	}
	if (!is_for_role(link, msg)) {
		links->refused++;
		return;
	}
	link->in = *msg;
	switch (msg->verb) {
	case XENLOOP_VERB_REQUEST:
		take_new(links, link, XENLOOP_EV_REQUEST, &link->seen_request);
		break;
	case XENLOOP_VERB_OFFER:
		take_new(links, link, XENLOOP_EV_OFFER, &link->seen_offer);
		break;
	case XENLOOP_VERB_ACCEPT:
		take_current(links, link, XENLOOP_EV_ACCEPT);
		break;
	case XENLOOP_VERB_BYE:
		take_current(links, link, XENLOOP_EV_BYE);
		break;
	}
}

void xenloop_link_bye_over(struct xenloop_links *links,
			   struct xenloop_link *link)
{
	if (link->bye)
		clear(links, link);
}

void xenloop_link_adopt(struct xenloop_links *links, struct xenloop_link *link,
			const struct xenloop_nl_chan *chan)
{
	bool ours = chan->listener == link->sm.listener &&
		    !(chan->cookie & COOKIE_LISTENER) == !chan->listener;
	enum xenloop_peer_event event = XENLOOP_EV_ADOPT_STALE;

	keep_chan(link, chan);
	link->attempt = (uint32_t)chan->cookie;
	if (!link->sm.listener)
		link->seen_offer = link->attempt;
	if (ours && link->chan.active && chan->peer_active)
		event = XENLOOP_EV_ADOPT_UP;
	else if (ours && (link->chan.active ||
			  chan->state == XENLOOP_CHAN_STATE_CONNECTED))
		event = XENLOOP_EV_ADOPT_HALF;
	xenloop_link_event(links, link, event, NULL);
}

void xenloop_link_reconcile(struct xenloop_links *links,
			    struct xenloop_link *link,
			    const struct xenloop_nl_chan *chans, int nr)
{
	const struct xenloop_nl_chan *chan = NULL;

	for (int i = 0; i < nr && !chan; i++)
		if (chans[i].id == link->chan.id)
			chan = &chans[i];
	if (!chan || chan->state == XENLOOP_CHAN_STATE_DEAD)
		xenloop_link_event(links, link, XENLOOP_EV_DOWN, NULL);
	else if (chan->state == XENLOOP_CHAN_STATE_DRAINING)
		xenloop_link_event(links, link, XENLOOP_EV_DRAINING,
				   xenloop_nl_reason_name(chan->reason));
	else if (chan->state == XENLOOP_CHAN_STATE_ACTIVE && chan->peer_active)
		xenloop_link_event(links, link, XENLOOP_EV_KERNEL_UP, NULL);
}

void xenloop_link_abandon(struct xenloop_links *links,
			  struct xenloop_link *link)
{
	/* An accept stays: with it the listener can finish without us. */
	if (link->sm.state == XENLOOP_PEER_CONNECTED)
		return;
	clear(links, link);
	if (link->sm.state == XENLOOP_PEER_OFFERED && link->chan.id)
		links->io->close(links->arg, link->chan.id, false);
}
