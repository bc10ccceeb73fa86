// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What happens to one link; see link.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenloopd/link.h"

static const char full_text[] = "max-channels reached";

static void set_why(struct xenloop_link *link, const char *why)
{
	snprintf(link->why, sizeof(link->why), "%s", why);
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

static bool is_shaking_hands(const struct xenloop_link *link)
{
	return link->sm.state == XENLOOP_PEER_REQUESTED ||
	       link->sm.state == XENLOOP_PEER_OFFERED ||
	       link->sm.state == XENLOOP_PEER_CONNECTED;
}

static bool is_end(enum xenloop_peer_event event)
{
	return event == XENLOOP_EV_FAULT || event == XENLOOP_EV_DOWN ||
	       event == XENLOOP_EV_DRAINING;
}

/* Why there will be no channel, for events that say so by themselves. */
static void note(struct xenloop_link *link, enum xenloop_peer_event event,
		 const char *reason)
{
	if (event == XENLOOP_EV_BYE)
		reason = "peer-closed";
	/* It knows nothing of the channel that is up. */
	if ((event == XENLOOP_EV_REQUEST || event == XENLOOP_EV_OFFER) &&
	    link->sm.state == XENLOOP_PEER_UP)
		reason = "peer-restarted";
	if (reason)
		snprintf(link->reason, sizeof(link->reason), "%s", reason);
	if (event == XENLOOP_EV_TIMEOUT && is_shaking_hands(link))
		set_why(link, "the peer did not answer");
	else if ((event == XENLOOP_EV_REQUEST || event == XENLOOP_EV_OFFER) &&
		 link->sm.state == XENLOOP_PEER_CONNECTED)
		set_why(link, "the peer has started over");
	else if (event == XENLOOP_EV_BYE && is_shaking_hands(link))
		snprintf(link->why, sizeof(link->why), "the peer gave up: %s",
			 link->in.reason);
	else if (is_end(event) && (link->announced || is_shaking_hands(link)))
		snprintf(link->why, sizeof(link->why), "the channel ended: %s",
			 link->reason[0] ? link->reason : "unknown");
}

/* Returns whether the event, a message, has to be shown again later. */
static bool run(struct xenloop_links *links, struct xenloop_link *link,
		enum xenloop_peer_event event, const char *reason)
{
	struct xenloop_peer_step step;
	enum xenloop_peer_state was;
	bool later = false;
	bool first = true;

	while (event != XENLOOP_PEER_NR_EVENTS) {
		was = link->sm.state;
		note(link, event, reason);
		step = xenloop_peer_step(&link->sm, event);
		if (first)
			later = step.later;
		first = false;
		reason = NULL;
		tell(links, link, was, event);
		event = xenloop_link_act(links, link, &step);
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

static bool is_on_its_way(const struct xenloop_peer *sm)
{
	return sm->state == XENLOOP_PEER_REQUESTED || xenloop_peer_has_chan(sm);
}

/* Would the event start a channel, or take one up, if there is room for it? */
static bool is_start(const struct xenloop_link *link,
		     enum xenloop_peer_event event)
{
	struct xenloop_peer then = link->sm;

	switch (event) {
	case XENLOOP_EV_WANTED:
	case XENLOOP_EV_REQUEST:
	case XENLOOP_EV_OFFER:
	case XENLOOP_EV_CONNECT:
	case XENLOOP_EV_TIMEOUT:
		break;
	default:
		return false;
	}
	xenloop_peer_step(&then, event);
	return then.state != link->sm.state && is_on_its_way(&then) &&
	       !xenloop_peer_has_chan(&link->sm);
}

static bool is_full(const struct xenloop_links *links,
		    const struct xenloop_link *link,
		    enum xenloop_peer_event event)
{
	return is_start(link, event) &&
	       xenloop_links_count(links, true) >= links->max_chans;
}

/* Of a link once, until something else is to be said of it. */
static void tell_full(struct xenloop_links *links, struct xenloop_link *link)
{
	bool told = !strcmp(link->why, full_text);

	set_why(link, full_text);
	if (!told && xenloop_ratelimit_ok(&links->full_rate,
					  links->io->now(links->arg), NULL))
		report(links, link, XENLOOP_REPORT_FULL);
}

/* What becomes of the event without the channel. */
static void be_full(struct xenloop_links *links, struct xenloop_link *link,
		    enum xenloop_peer_event event)
{
	tell_full(links, link);
	if (event == XENLOOP_EV_CONNECT) {
		run(links, link, XENLOOP_EV_RELEASE, NULL);
	} else if (event == XENLOOP_EV_REQUEST ||
		   event == XENLOOP_EV_OFFER) {
		run(links, link, XENLOOP_EV_NO_ROOM, NULL);
	} else if (event == XENLOOP_EV_TIMEOUT) {
		/* The module, or the peer, will ask again. */
		link->sm.wanted = false;
		run(links, link, event, NULL);
	}
}

bool xenloop_link_event(struct xenloop_links *links, struct xenloop_link *link,
			enum xenloop_peer_event event, const char *reason)
{
	bool full = is_full(links, link, event);

	if (full)
		be_full(links, link, event);
	else
		run(links, link, event, reason);
	look(links, link);
	return !full;
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
	bool later = false;

	/* It may well be read more than once. */
	if (attempt == *seen)
		return;
	if (is_full(links, link, event))
		be_full(links, link, event);
	else
		later = run(links, link, event, NULL);
	if (!later)
		*seen = attempt;
	look(links, link);
}

/* A listener that can't make an offer says goodbye to the request. */
static bool is_current(const struct xenloop_link *link)
{
	if (link->in.verb == XENLOOP_VERB_BYE &&
	    link->sm.state == XENLOOP_PEER_REQUESTED)
		return link->in.attempt == link->requested;
	return link->in.attempt == link->attempt;
}

static void take_current(struct xenloop_links *links,
			 struct xenloop_link *link,
			 enum xenloop_peer_event event)
{
	if (!is_current(link)) {
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
		xenloop_link_clear(links, link);
}

void xenloop_link_adopt(struct xenloop_links *links, struct xenloop_link *link,
			const struct xenloop_nl_chan *chan)
{
	bool ours = chan->listener == link->sm.listener &&
		    !(chan->cookie & XENLOOP_COOKIE_LISTENER) == !chan->listener;
	enum xenloop_peer_event event = XENLOOP_EV_ADOPT_STALE;

	if (xenloop_link_add_peer(links, link)) {
		xenloop_link_event(links, link, XENLOOP_EV_READY, NULL);
		return;
	}
	xenloop_link_keep(link, chan);
	link->attempt = (uint32_t)chan->cookie;
	if (!link->sm.listener)
		link->seen_offer = link->attempt;
	if (link->sm.held)
		event = XENLOOP_EV_ADOPT_STALE;
	else if (ours && link->chan.active && chan->peer_active)
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
	xenloop_link_clear(links, link);
	if (link->sm.state == XENLOOP_PEER_OFFERED && link->chan.id)
		links->io->close(links->arg, link->chan.id, false);
}
