// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One round of work: facts, then states, then what the guests are told, then
 * messages, then XenStore. Everything that is stale when it begins is up to date
 * when it ends, but for what the rate limits put off. It may fail anywhere and
 * be called again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "xendiscoverd/events.h"
#include "xendiscoverd/roster.h"
#include "xendiscoverd/scan.h"
#include "xendiscoverd/xendiscoverd.h"

#define RESCAN_MS 100

/* Others must not go on speaking of a guest that is no peer any more. */
static void forget(struct xenloop_discoverd *d, uint32_t domid)
{
	for (size_t i = 0; i < d->model.nr; i++)
		xenloop_roster_forget(d->model.guest[i], domid);
}

static void announce(struct xenloop_guest *guest, bool joined)
{
	if (guest->announced == joined)
		return;
	guest->announced = joined;
	xenloop_event_guest(guest, joined);
}

static void remove_guest(struct xenloop_discoverd *d,
			 struct xenloop_guest *guest)
{
	uint32_t domid = guest->domid;

	guest->alive = false;
	announce(guest, false);
	forget(d, domid);
	xenloop_watches_remove_guest(&d->xs, domid);
	xenloop_model_remove(&d->model, domid);
}

static bool remove_unseen(struct xenloop_discoverd *d)
{
	bool removed = false;

	for (size_t i = d->model.nr; i-- > 0;) {
		if (d->model.guest[i]->seen)
			continue;
		remove_guest(d, d->model.guest[i]);
		removed = true;
	}
	return removed;
}

/* A guest that is new to us; an earlier run may have left nodes for it. */
static int adopt(struct xenloop_discoverd *d, struct xenloop_guest *guest)
{
	int err;

	if (guest->watched)
		return 0;
	xenloop_loop_alive(d->loop); /* thousands of nodes on a large host */
	err = xenloop_watches_add_guest(&d->xs, guest->domid);
	if (!err)
		err = xenloop_pub_load(&d->xs, guest->domid, &guest->pub);
	if (err)
		return err;
	guest->watched = true;
	guest->changed = true;
	guest->unpruned = true;
	return 0;
}

static int list_domains(struct xenloop_discoverd *d)
{
	struct xenloop_dominfo *list;
	size_t nr;
	int err;

	err = d->xen_ops->list(d->xen, &list, &nr);
	if (err)
		return err;
	err = xenloop_scan_domains(&d->model, list, nr);
	/* A domid that was used again: what is unseen goes, and is found anew. */
	if (!err && remove_unseen(d))
		err = xenloop_scan_domains(&d->model, list, nr);
	free(list);
	for (size_t i = 0; i < d->model.nr && !err; i++)
		err = adopt(d, d->model.guest[i]);
	if (!err)
		d->domains_stale = false;
	return err;
}

static int read_hello(struct xenloop_discoverd *d, struct xenloop_guest *guest,
		      uint64_t now_ms, uint64_t *wait_ms)
{
	uint64_t wait = xenloop_guest_hello_wait(guest, now_ms);

	if (!wait && xenloop_ratelimit_ok(&guest->hello_rate, now_ms, NULL)) {
		/* After a cancelled suspend nothing else tells that it lives. */
		d->domains_stale |= !guest->alive;
		return xenloop_scan_hello(&d->xs, guest);
	}
	if (wait < *wait_ms)
		*wait_ms = wait;
	return 0;
}

static int scan_guest(struct xenloop_discoverd *d, struct xenloop_guest *guest,
		      uint64_t now_ms, uint64_t *wait_ms)
{
	int err = 0;

	if (guest->facts_stale) {
		err = xenloop_scan_facts(&d->xs, guest);
		xenloop_scan_devices(d->sysfs, guest);
	}
	if (!err && guest->hello_stale)
		err = read_hello(d, guest, now_ms, wait_ms);
	return err;
}

/*
 * What of a guest can't be read stays as it was, and is none of the others'
 * business: `unread` says why.
 */
static int scan_guests(struct xenloop_discoverd *d, uint64_t now_ms,
		       uint64_t *wait_ms, int *unread)
{
	*unread = 0;
	for (size_t i = 0; i < d->model.nr; i++) {
		int err = scan_guest(d, d->model.guest[i], now_ms, wait_ms);

		if (xenloop_xs_is_dead(err))
			return err;
		if (err)
			*unread = err;
	}
	return 0;
}

static int scan(struct xenloop_discoverd *d, uint64_t now_ms,
		uint64_t *wait_ms, int *unread)
{
	int err = 0;

	/* Twice, since a hello can tell that the list of domains is old. */
	for (int i = 0; i < 2 && !err; i++) {
		if (d->domains_stale)
			err = list_domains(d);
		if (!err)
			err = scan_guests(d, now_ms, wait_ms, unread);
	}
	return err;
}

static int read_netdevs(struct xenloop_discoverd *d)
{
	int err;

	if (!d->netdevs_stale || !d->netdevs_watch)
		return 0;
	err = xenloop_netdevs_read(d->netdevs_watch, &d->netdevs);
	if (err)
		return err;
	for (size_t i = 0; i < d->model.nr; i++)
		xenloop_scan_devices(d->sysfs, d->model.guest[i]);
	d->netdevs_stale = false;
	return 0;
}

/* Both directions of all pairs that this guest is part of. */
static int update_pairs(struct xenloop_discoverd *d,
			struct xenloop_guest *guest)
{
	const struct xenloop_policy *policy = &d->settings->policy;
	int err = xenloop_roster_self(guest);

	for (size_t i = 0; i < d->model.nr && !err; i++) {
		struct xenloop_guest *peer = d->model.guest[i];

		/* The other one's turn does the pair, too. */
		if (peer == guest ||
		    (peer->changed && peer->domid > guest->domid))
			continue;
		err = xenloop_roster_peer(policy, guest, peer, guest);
		if (!err)
			err = xenloop_roster_peer(policy, peer, guest, guest);
	}
	return err;
}

static int update_rosters(struct xenloop_discoverd *d)
{
	int err = 0;

	for (size_t i = 0; i < d->model.nr && !err; i++) {
		struct xenloop_guest *guest = d->model.guest[i];

		if (!guest->changed)
			continue;
		xenloop_loop_alive(d->loop); /* each pair is judged by policy */
		announce(guest, xenloop_guest_is_peer(guest));
		err = update_pairs(d, guest);
	}
	return err;
}

/* What judging made stale again, or the rate limit left, is for another round. */
static void look_again(const struct xenloop_discoverd *d, uint64_t *wait_ms)
{
	for (size_t i = 0; i < d->model.nr; i++)
		if (d->model.guest[i]->outbox.rescan && *wait_ms > RESCAN_MS)
			*wait_ms = RESCAN_MS;
}

/* What can't be read waits, and is none of the others' business, as above. */
static int read_messages(struct xenloop_discoverd *d, uint64_t now_ms,
			 uint64_t *wait_ms, int *unread)
{
	for (size_t i = 0; i < d->model.nr; i++) {
		int err;

		if (d->model.guest[i]->outbox.unbilled)
			xenloop_loop_alive(d->loop);
		err = xenloop_relay_read(&d->xs, d->model.guest[i],
					 d->settings, &d->relay, now_ms,
					 wait_ms);
		if (xenloop_xs_is_dead(err))
			return err;
		if (err)
			*unread = err;
	}
	return 0;
}

static int relay(struct xenloop_discoverd *d, uint64_t now_ms,
		 uint64_t *wait_ms, int *unread)
{
	int err = read_messages(d, now_ms, wait_ms, unread);

	for (size_t i = 0; i < d->model.nr && !err; i++)
		err = xenloop_relay_judge(&d->model, &d->settings->policy,
					  d->model.guest[i], &d->relay,
					  now_ms);
	look_again(d, wait_ms);
	return err;
}

/* A guest that is no peer has no nodes at all. */
static int flush_guest(struct xenloop_discoverd *d,
		       struct xenloop_guest *guest)
{
	struct xenloop_pub *pub = &guest->pub;
	int err;

	if (!xenloop_guest_is_peer(guest))
		return pub->nr ? xenloop_pub_remove(&d->xs, guest->domid, pub) :
				 0;
	if (!pub->dirty)
		return 0;
	d->flushes++;
	xenloop_loop_alive(d->loop);
	err = xenloop_pub_flush(&d->xs, guest->domid, pub);
	if (err != -ENOENT)
		return err;
	/* Its home went first; the list of domains will tell. */
	d->domains_stale = true;
	return 0;
}

/* A guest that can't be written to is none of the others' business. */
static int flush(struct xenloop_discoverd *d)
{
	int first = 0;

	for (size_t i = 0; i < d->model.nr; i++) {
		struct xenloop_guest *guest = d->model.guest[i];
		int err;

		if (guest->unpruned)
			xenloop_roster_prune(&d->model, guest);
		guest->unpruned = false;
		err = flush_guest(d, guest);
		if (xenloop_xs_is_dead(err))
			return err;
		if (!err)
			guest->changed = false;
		else if (!first)
			first = err;
	}
	return first;
}

int xenloop_work(struct xenloop_discoverd *d, uint64_t *wait_ms)
{
	uint64_t now_ms = xenloop_now_ms();
	int err, unread = 0;

	*wait_ms = UINT64_MAX;
	err = scan(d, now_ms, wait_ms, &unread);
	if (!err)
		err = read_netdevs(d);
	if (!err)
		err = xenloop_model_evaluate(&d->model, &d->netdevs,
					     &d->settings->policy,
					     &d->settings->eligible, now_ms,
					     wait_ms);
	if (!err)
		err = update_rosters(d);
	if (!err)
		err = relay(d, now_ms, wait_ms, &unread);
	if (!err)
		err = flush(d);
	return err ? err : unread;
}
