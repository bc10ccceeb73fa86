// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Doctor's reasoning in Dom0: XenStore, bridges, guests, vifs, and a pair of guests. */
#include <stdio.h>
#include <string.h>

#include "doctor.h"

static bool check_xenstore(struct xenloop_findings *at,
			   const struct xenloop_facts *f)
{
	at->check = "xenstore";
	if (xenloop_flag_at(f->status, "daemon.xenstore")) {
		xenloop_find_ok(at, "XenStore is reachable");
		return true;
	}
	xenloop_find(at, XENLOOP_PROBLEM, "no-xenstore", XENLOOP_TODO_XENSTORE,
		     "xendiscoverd has no connection to XenStore");
	return false;
}

static void check_bridges(struct xenloop_findings *at,
			  const struct xenloop_facts *f)
{
	const json_t *bridge;
	size_t i;
	int vifs, sum = 0;

	at->check = "bridge";
	json_array_foreach(xenloop_at(f->status, "bridges"), i, bridge) {
		char todo[64];

		at->subject = xenloop_text_at(bridge, "bridge");
		vifs = (int)xenloop_number_at(bridge, "vifs");
		sum += vifs;
		xenloop_fill_todo(todo, sizeof(todo), "ip link set dev %s up",
				  at->subject);
		if (!xenloop_flag_at(bridge, "up") && vifs)
			xenloop_find(at, XENLOOP_PROBLEM, "bridge-down", todo,
				     "is down, with %d vifs", vifs);
		else
			xenloop_find_ok(at, "%d vif%s", vifs,
					vifs == 1 ? "" : "s");
	}
	at->subject = "";
	if (!sum)
		xenloop_find(at, XENLOOP_PROBLEM, "no-bridge",
			     "only vifs on a Linux bridge can loop: bridge= in the guests' configuration",
			     "no guest has a vif on a Linux bridge");
}

/* `grave`: somebody asked about this very guest. */
static void check_guest(struct xenloop_findings *at, const json_t *guest,
			bool grave)
{
	enum xenloop_result result = grave ? XENLOOP_PROBLEM : XENLOOP_NOTE;
	const char *hello = xenloop_text_at(guest, "hello");
	char todo[64];

	snprintf(todo, sizeof(todo), "xenstore-read /local/domain/%"
		 JSON_INTEGER_FORMAT "/data/xenloop/hello",
		 xenloop_number_at(guest, "domid"));
	at->check = "guest";
	at->subject = xenloop_text_at(guest, "name");
	if (!xenloop_flag_at(guest, "running"))
		xenloop_find(at, result, "guest-not-running",
			     "xl list shows its state; xl create boots it",
			     "is shut down, dying or not yet running");
	else if (xenloop_flag_at(guest, "peer"))
		xenloop_find_ok(at, "runs xenloopd");
	else if (!strcmp(hello, "other-version"))
		xenloop_find(at, XENLOOP_PROBLEM, "guest-other-version",
			     "upgrade the older of the two",
			     "its xenloopd speaks another version than xendiscoverd");
	else if (!strcmp(hello, "unreadable"))
		xenloop_find(at, XENLOOP_PROBLEM, "guest-bad-hello",
			     todo,
			     "what it says of itself in XenStore makes no sense");
	else
		xenloop_find(at, result, "guest-without-xenloop",
			     "in that guest: xenloopctl doctor",
			     "does not run xenloopd, or its module is not loaded");
}

static void check_vif(struct xenloop_findings *at, const json_t *guest,
		      const json_t *vif, bool grave)
{
	const char *word = xenloop_text_at(vif, "state");
	const struct xenloop_vif_word *w = xenloop_vif_word(word);
	const char *device = xenloop_text_at(vif, "device");
	char subject[96], todo[256];

	snprintf(subject, sizeof(subject), "%s/%d",
		 xenloop_text_at(guest, "name"),
		 (int)xenloop_number_at(vif, "vif"));
	xenloop_fill_todo(todo, sizeof(todo), w->todo,
			  *device ? device : "DEVICE");
	at->check = "vif";
	at->subject = subject;
	if (!strcmp(word, "ok"))
		xenloop_find_ok(at, "may loop on %s",
				xenloop_text_at(vif, "network"));
	else
		xenloop_find(at, w->fault || grave ? XENLOOP_PROBLEM :
						     XENLOOP_NOTE,
			     w->cause, todo, "may not loop (%s): %s", word,
			     w->text);
	at->subject = "";
}

static size_t count_ok_vifs(const json_t *guest)
{
	const json_t *vif;
	size_t i, nr = 0;

	json_array_foreach(json_object_get(guest, "vifs"), i, vif)
		nr += !strcmp(xenloop_text_at(vif, "state"), "ok");
	return nr;
}

static void check_vifs(struct xenloop_findings *at, const json_t *guest,
		       bool grave)
{
	const json_t *vif;
	size_t i;

	/* A guest that may loop by one vif is none to complain about. */
	grave = grave && !count_ok_vifs(guest);
	json_array_foreach(json_object_get(guest, "vifs"), i, vif)
		check_vif(at, guest, vif, grave);
	at->check = "vif";
	at->subject = xenloop_text_at(guest, "name");
	if (!json_array_size(json_object_get(guest, "vifs")))
		xenloop_find(at, grave ? XENLOOP_PROBLEM : XENLOOP_NOTE,
			     "no-vif", "xl network-attach; of other toolstacks than xl and libvirt nothing is seen",
			     "has no network interface");
}

static void check_guests(struct xenloop_findings *at,
			 const struct xenloop_facts *f)
{
	const json_t *guest;
	size_t i, nr = 0;

	json_array_foreach(xenloop_at(f->status, "guests"), i, guest) {
		if (!xenloop_is_asked(f, guest))
			continue;
		nr++;
		check_guest(at, guest, f->nr_who);
		check_vifs(at, guest, f->nr_who);
	}
	if (nr)
		return;
	at->check = "guest";
	at->subject = f->nr_who ? f->who[0] : "";
	if (f->nr_who)
		xenloop_find(at, XENLOOP_PROBLEM, "no-such-guest", "xl list",
			     "there is no such guest on this host");
	else
		xenloop_find(at, XENLOOP_NOTE, "no-guests", "",
			     "no guest is running");
}

static void check_links(struct xenloop_findings *at,
			const struct xenloop_facts *f)
{
	json_int_t nr = xenloop_number_at(f->status, "allowed_links");

	at->check = "links";
	at->subject = "";
	if (nr)
		xenloop_find_ok(at, "%" JSON_INTEGER_FORMAT
				" pairs of vifs may have a channel", nr);
	else
		xenloop_find(at, XENLOOP_PROBLEM, "no-links",
			     "xenloopctl doctor GUEST GUEST says why not",
			     "no two guests may have a channel");
}

/* "xenbr0/10": a bridge and a VLAN on it. */
static bool same_bridge(const char *a, const char *b)
{
	size_t len = strcspn(a, "/");

	return len && len == strcspn(b, "/") && !strncmp(a, b, len);
}

static void find_other_network(struct xenloop_findings *at,
			       enum xenloop_result result, const json_t *link)
{
	const char *a = xenloop_text_at(link, "a.network");
	const char *b = xenloop_text_at(link, "b.network");

	if (same_bridge(a, b))
		xenloop_find(at, result, "other-vlan",
			     "bridge vlan show; only vifs in one VLAN can loop",
			     "in different VLANs: %s and %s", a, b);
	else
		xenloop_find(at, result, "other-bridge",
			     "only vifs on one bridge can loop",
			     "on different bridges: %s and %s", a, b);
}

static void find_policy(struct xenloop_findings *at, enum xenloop_result result,
			const json_t *link)
{
	const char *key = xenloop_text_at(link, "policy");

	if (!strcmp(key, "default"))
		xenloop_find(at, result, "policy-default",
			     "allow = A B under [policy] in xendiscoverd.conf; systemctl reload xendiscoverd",
			     "the policy denies by default, and no rule allows these two");
	else
		xenloop_find(at, result, "policy-deny",
			     "[policy] in xendiscoverd.conf; systemctl reload xendiscoverd",
			     "a rule of the policy denies it: %s", key);
}

static void check_link(struct xenloop_findings *at, const json_t *link,
		       bool others)
{
	enum xenloop_result result = others ? XENLOOP_NOTE : XENLOOP_PROBLEM;
	const char *reason = xenloop_text_at(link, "reason");
	char subject[160];

	snprintf(subject, sizeof(subject), "%s/%d %s/%d",
		 xenloop_text_at(link, "a.name"),
		 (int)xenloop_number_at(link, "a.vif"),
		 xenloop_text_at(link, "b.name"),
		 (int)xenloop_number_at(link, "b.vif"));
	at->check = "pair";
	at->subject = subject;
	if (xenloop_flag_at(link, "allowed"))
		xenloop_find_ok(at, "may have a channel; in the guests: xenloopctl doctor PEER");
	else if (!strcmp(reason, "other-network"))
		find_other_network(at, result, link);
	else if (!strcmp(reason, "policy") &&
		 strcmp(xenloop_text_at(link, "policy"), "off"))
		find_policy(at, result, link);
	/* Anything else was told of the guest or the vif. */
	at->subject = "";
}

static bool any_allowed(const json_t *links)
{
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link)
		if (xenloop_flag_at(link, "allowed"))
			return true;
	return false;
}

static void check_pair(struct xenloop_findings *at,
		       const struct xenloop_facts *f)
{
	const json_t *links = xenloop_at(f->pair, "links");
	const json_t *guests = xenloop_at(f->pair, "guests");
	const json_t *item;
	size_t i;

	at->check = "guest";
	at->subject = "";
	if (xenloop_at(f->pair, "error")) {
		xenloop_find(at, XENLOOP_PROBLEM, "no-such-guest", "xl list",
			     "%s", xenloop_text_at(f->pair, "error.message"));
		return;
	}
	if (xenloop_number_at(json_array_get(guests, 0), "domid") ==
	    xenloop_number_at(json_array_get(guests, 1), "domid")) {
		xenloop_find(at, XENLOOP_PROBLEM, "same-guest",
			     "name two guests that differ",
			     "a guest has no channel with itself");
		return;
	}
	json_array_foreach(guests, i, item) {
		check_guest(at, item, true);
		check_vifs(at, item, true);
	}
	json_array_foreach(links, i, item)
		check_link(at, item, any_allowed(links));
}

void xenloop_doctor_dom0(struct xenloop_findings *at,
			 const struct xenloop_facts *f)
{
	if (!check_xenstore(at, f))
		return;
	if (f->nr_who == 2) {
		check_pair(at, f);
		return;
	}
	if (!f->nr_who)
		check_bridges(at, f);
	check_guests(at, f);
	if (!f->nr_who)
		check_links(at, f);
}
