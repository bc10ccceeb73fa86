// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Doctor's reasoning in a guest: module, XenStore, xendiscoverd, interfaces, peers. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"

/* Links of a chain: what comes behind a broken one cannot be judged. */
static bool check_module(struct xenloop_findings *at,
			 const struct xenloop_facts *f)
{
	const char *reason = xenloop_text_at(f->status, "kernel.reason");
	const char *module = xenloop_text_at(f->status, "kernel.module_version");
	const char *daemon = xenloop_text_at(f->status, "version");

	at->check = "module";
	if (!xenloop_flag_at(f->status, "kernel.loaded")) {
		if (!strcmp(reason, "other-version"))
			xenloop_find(at, XENLOOP_PROBLEM, "module-other-version",
				     "modprobe -r xenloop && modprobe xenloop",
				     "module xenloop and xenloopd do not understand each other");
		else if (!strcmp(reason, "failed"))
			xenloop_find(at, XENLOOP_PROBLEM, "module-unusable",
				     "journalctl -xeu xenloopd",
				     "module xenloop cannot be used: %s",
				     xenloop_text_at(f->status, "kernel.error"));
		else if (strcmp(reason, "not-asked"))
			xenloop_find_no_module(at);
		return false;
	}
	if (strcmp(module, daemon))
		xenloop_find(at, XENLOOP_NOTE, "module-version",
			     "when it suits: systemctl stop xenloopd; rmmod xenloop; systemctl start xenloopd",
			     "module xenloop is %s still, but xenloopd is %s",
			     module, daemon);
	else
		xenloop_find_ok(at, "xenloop %s is loaded", module);
	return true;
}

static bool check_xenstore(struct xenloop_findings *at,
			   const struct xenloop_facts *f)
{
	const char *error = xenloop_text_at(f->status, "daemon.xenstore_error");

	at->check = "xenstore";
	if (!strcmp(xenloop_text_at(f->status, "daemon.xenstore"),
		    "connected")) {
		if (!*error) {
			xenloop_find_ok(at, "XenStore is reachable");
			return true;
		}
		xenloop_find(at, XENLOOP_PROBLEM, "xenstore-refuses",
			     strstr(error, "quota") ? XENLOOP_TODO_QUOTA :
						      "journalctl -xeu xenloopd",
			     "this guest can't make itself known: %s", error);
		return false;
	}
	xenloop_find(at, XENLOOP_PROBLEM, "no-xenstore",
		     "ls -l /dev/xen/xenbus (user xenloop has to own it); udevadm trigger",
		     "XenStore is out of reach: %s", error);
	return false;
}

static bool check_discovery(struct xenloop_findings *at,
			    const struct xenloop_facts *f)
{
	at->check = "discovery";
	if (xenloop_flag_at(f->status, "daemon.suspended")) {
		xenloop_find(at, XENLOOP_NOTE, "suspended", "",
			     "this guest is being suspended or migrated");
		return false;
	}
	if (xenloop_flag_at(f->status, "discovery.seen")) {
		xenloop_find_ok(at, "xendiscoverd in Dom0 knows this guest");
		return true;
	}
	xenloop_find(at, XENLOOP_PROBLEM, "no-discovery",
		     "in Dom0: systemctl start xendiscoverd; xenloopctl doctor",
		     "xendiscoverd in Dom0 has not told of this guest");
	return false;
}

/* The module's words, and how to take away what each stands for. */
static void find_aside(struct xenloop_findings *at, const char *ifname,
		       const char *reason)
{
	static const struct {
		const char *reason;
		const char *cause;
		const char *todo;
	} rows[] = {
		{ "XDP program", "aside-xdp", "ip link set dev %s xdp off" },
		{ "root qdisc", "aside-qdisc", "tc qdisc del dev %s root" },
		{ "queue qdisc", "aside-qdisc",
		  "tc qdisc replace dev %s root pfifo; tc qdisc del dev %s root" },
		{ "fq qdisc", "aside-fq",
		  "sysctl -w net.core.default_qdisc=fq_codel; "
		  "tc qdisc replace dev %s root pfifo; tc qdisc del dev %s root" },
		{ "tc egress program", "aside-egress",
		  "tc filter show dev %s egress; bpftool net show dev %s" },
		{ "bond or team port", "aside-port", "ip link set dev %s nomaster" },
	};
	const char *cause = "aside";
	const char *format = "the module is newer than this xenloopctl: upgrade it, and see xenloop(4)";
	char todo[160];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!strcmp(rows[i].reason, reason)) {
			cause = rows[i].cause;
			format = rows[i].todo;
		}
	}
	xenloop_fill_todo(todo, sizeof(todo), format, ifname);
	xenloop_find(at, XENLOOP_PROBLEM, cause, todo,
		     "stands aside: a channel would pass by its %s", reason);
}

/* A vif that Dom0 has refused: usually somebody's wish, unless it is the last one. */
static void find_refused(struct xenloop_findings *at, const char *word,
			 const char *device, bool others)
{
	const struct xenloop_vif_word *w = xenloop_vif_word(word);
	char there[256], todo[272];

	xenloop_fill_todo(there, sizeof(there), w->todo, device);
	snprintf(todo, sizeof(todo), "in Dom0: %s", there);
	xenloop_find(at, w->fault || !others ? XENLOOP_PROBLEM : XENLOOP_NOTE,
		     w->cause, todo,
		     "Dom0 lets it have no channel (%s): its vif %s", word,
		     w->text);
}

static bool is_attached(const json_t *iface)
{
	return !strcmp(xenloop_text_at(iface, "state"), "attached");
}

static void check_iface(struct xenloop_findings *at, json_int_t domid,
			const json_t *iface, bool others)
{
	const char *ifname = xenloop_text_at(iface, "ifname");
	const char *reason = xenloop_text_at(iface, "reason");
	const char *dom0 = xenloop_text_at(iface, "dom0");
	int number = (int)xenloop_number_at(iface, "vif");
	char vif[24], device[48];

	snprintf(vif, sizeof(vif), "vif %d", number);
	/* Unless it has vifname=, which only Dom0 knows. */
	snprintf(device, sizeof(device), "vif%" JSON_INTEGER_FORMAT ".%d",
		 domid, number);
	at->subject = *ifname ? ifname : vif;
	if (is_attached(iface))
		xenloop_find_ok(at, "is attached");
	else if (!strcmp(xenloop_text_at(iface, "state"), "aside"))
		find_aside(at, ifname, reason);
	else if (strcmp(dom0, "ok"))
		find_refused(at, dom0, device, others);
	else if (!xenloop_flag_at(iface, "present"))
		xenloop_find(at, XENLOOP_PROBLEM, "no-interface",
			     "is it in another network namespace, or without xen-netfront?",
			     "no interface here stands for this vif");
	else if (!xenloop_flag_at(iface, "configured"))
		xenloop_find(at, others ? XENLOOP_NOTE : XENLOOP_PROBLEM,
			     "interface-excluded",
			     "xenloopctl set interfaces all, or the same in xenloopd.conf",
			     "xenloopd's settings leave it out");
	else if (strstr(reason, "MAC address"))
		xenloop_find(at, XENLOOP_PROBLEM, "attach-mac",
			     "ip link set dev INTERFACE address MAC, as Dom0 has it, or mac= in xl.cfg; as a port of a bond or team it stays on netfront",
			     "cannot be attached: %s", reason);
	else
		xenloop_find(at, XENLOOP_PROBLEM, "attach-failed",
			     "dmesg; journalctl -xeu xenloopd",
			     "cannot be attached: %s", reason);
}

static void check_ifaces(struct xenloop_findings *at,
			 const struct xenloop_facts *f)
{
	const json_t *list = xenloop_at(f->status, "interfaces");
	const json_t *iface;
	bool others = false;
	size_t i;

	at->check = "interface";
	json_array_foreach(list, i, iface)
		others |= is_attached(iface);
	json_array_foreach(list, i, iface)
		check_iface(at, xenloop_number_at(f->status, "daemon.domid"),
			    iface, others);
	at->subject = "";
	if (!json_array_size(list))
		xenloop_find(at, XENLOOP_PROBLEM, "no-vif",
			     "xl network-attach, in Dom0",
			     "Dom0 knows no network interface of this guest");
}

/* Channels that there are, and channels that there may be. */
static json_int_t count_channels(const struct xenloop_facts *f)
{
	const json_t *peer;
	json_int_t nr = 0;
	size_t i;

	json_array_foreach(xenloop_at(f->peers, "peers"), i, peer)
		nr += xenloop_number_at(peer, "channel") != 0;
	return nr;
}

static bool at_the_cap(const struct xenloop_facts *f)
{
	json_int_t max = xenloop_number_at(f->status, "settings.max_channels");

	return max && count_channels(f) >= max;
}

static void check_cap(struct xenloop_findings *at,
		      const struct xenloop_facts *f)
{
	json_int_t max = xenloop_number_at(f->status, "settings.max_channels");
	size_t peers = json_array_size(xenloop_at(f->peers, "peers"));

	at->check = "channels";
	at->subject = "";
	if (at_the_cap(f) && peers > (size_t)max)
		xenloop_find(at, XENLOOP_PROBLEM, "max-channels",
			     "xenloopctl set max-channels N, or the same in xenloopd.conf",
			     "all %" JSON_INTEGER_FORMAT " channels are in use, for %zu peers",
			     max, peers);
	else
		xenloop_find_ok(at, "%" JSON_INTEGER_FORMAT " of %"
				JSON_INTEGER_FORMAT " channels are in use",
				count_channels(f), max);
}

static void find_failing(struct xenloop_findings *at, const json_t *peer)
{
	const char *reason = xenloop_text_at(peer, "reason");
	json_int_t failures = xenloop_number_at(peer, "failures");

	if (strstr(reason, "out of grants"))
		xenloop_find(at, XENLOOP_PROBLEM, "out-of-grants",
			     "fewer or smaller channels (max-channels, fifo-size), or max_grant_frames= in the guest's xl.cfg",
			     "no channel: %s", reason);
	else if (strstr(reason, "max_maptrack_frames"))
		xenloop_find(at, XENLOOP_PROBLEM, "out-of-maptrack",
			     "fewer or smaller channels (max-channels here, fifo-size there), or max_maptrack_frames= in this guest's xl.cfg",
			     "no channel: %s", reason);
	else if (strstr(reason, "quota"))
		xenloop_find(at, XENLOOP_PROBLEM, "xenstore-quota",
			     XENLOOP_TODO_QUOTA, "no channel: %s", reason);
	else
		xenloop_find(at, XENLOOP_PROBLEM, "peer-failing",
			     "it is tried again by itself; journalctl -xeu xenloopd, here and there",
			     "backs off after %" JSON_INTEGER_FORMAT
			     " failures: %s", failures, reason);
}

/* Neither up nor off: by the words of xenloop_peer_state_name(). */
static void check_link(struct xenloop_findings *at,
		       const struct xenloop_facts *f, const json_t *peer)
{
	const char *state = xenloop_text_at(peer, "state");
	const char *reason = xenloop_text_at(peer, "reason");
	char todo[128];

	if (!strcmp(state, "held")) {
		snprintf(todo, sizeof(todo), "xenloopctl connect %s",
			 at->subject);
		xenloop_find(at, XENLOOP_PROBLEM, "held", todo,
			     "held down by xenloopctl disconnect");
	} else if (!xenloop_number_at(peer, "channel") && at_the_cap(f)) {
		xenloop_find(at, XENLOOP_PROBLEM, "max-channels",
			     "xenloopctl set max-channels N, or the same in xenloopd.conf",
			     "all channels that max-channels allows are in use");
	} else if (!strcmp(state, "idle") &&
		   xenloop_number_at(peer, "failures")) {
		xenloop_find(at, XENLOOP_NOTE, "peer-failed", "",
			     "the last attempt failed: %s; the next frame makes another",
			     reason);
	} else if (!strcmp(reason, "the peer gave up: held")) {
		xenloop_find(at, XENLOOP_PROBLEM, "peer-held",
			     "there: xenloopctl connect THIS-GUEST",
			     "held down there by xenloopctl disconnect");
	} else if (!strcmp(state, "silent")) {
		xenloop_find(at, XENLOOP_PROBLEM, "peer-silent",
			     "there: xenloopctl doctor; in Dom0: systemctl status xendiscoverd",
			     "%s", reason);
	} else if (xenloop_number_at(peer, "failures")) {
		find_failing(at, peer);
	} else if (!strcmp(state, "idle")) {
		xenloop_find_ok(at, "no traffic; the next frame brings up a channel");
	} else {
		xenloop_find(at, XENLOOP_NOTE, "in-between", "",
			     "a channel is coming or going (%s)", state);
	}
}

static void check_peer(struct xenloop_findings *at,
		       const struct xenloop_facts *f, const json_t *peer)
{
	const char *ifname = xenloop_text_at(peer, "ifname");
	const char *state = xenloop_text_at(peer, "state");

	at->subject = xenloop_text_at(peer, "name");
	if (!strcmp(state, "up"))
		xenloop_find_ok(at, "channel by %s is up", ifname);
	else if (!strcmp(state, "off"))
		xenloop_find(at, XENLOOP_PROBLEM, "peer-off",
			     "see the interfaces above",
			     "vif %d to this peer cannot be used: %s",
			     (int)xenloop_number_at(peer, "vif"),
			     xenloop_text_at(peer, "reason"));
	else
		check_link(at, f, peer);
}

static void check_peers(struct xenloop_findings *at,
			const struct xenloop_facts *f)
{
	const json_t *peer;
	size_t i, nr = 0;

	at->check = "peer";
	json_array_foreach(xenloop_at(f->peers, "peers"), i, peer) {
		if (!xenloop_is_asked(f, peer))
			continue;
		check_peer(at, f, peer);
		nr++;
	}
	at->subject = f->nr_who ? f->who[0] : "";
	if (!nr && f->nr_who)
		xenloop_find(at, XENLOOP_PROBLEM, "not-on-roster",
			     "there: xenloopctl doctor; in Dom0: xenloopctl doctor THIS-GUEST THAT-GUEST",
			     "not on the roster: not on this host, no xenloopd, another network, or refused by policy");
	else if (!nr)
		xenloop_find(at, XENLOOP_PROBLEM, "no-peers",
			     "in Dom0: xenloopctl doctor THIS-GUEST THAT-GUEST says why",
			     "the roster is empty: nobody here runs xenloopd, is on the same network, and may loop");
}

static void check_grants(struct xenloop_findings *at,
			 const struct xenloop_facts *f)
{
	json_int_t held = xenloop_number_at(f->status, "kernel.pages_deferred");

	at->check = "grants";
	at->subject = "";
	if (!held)
		xenloop_find_ok(at, "none is left over");
	else
		xenloop_find(at, XENLOOP_PROBLEM, "grants-left",
			     "they end when that peer lets go, or is destroyed",
			     "%" JSON_INTEGER_FORMAT
			     " pages of closed channels are still mapped by a peer",
			     held);
}

static json_int_t sum_drops(const struct xenloop_facts *f, const char *prefix)
{
	const json_t *channel;
	const char *name;
	uint64_t sum = 0;
	json_t *value;
	size_t i;

	json_array_foreach(xenloop_at(f->stats, "channels"), i, channel)
		json_object_foreach(json_object_get(channel, "stats"), name,
				    value)
			if (!strncmp(name, prefix, strlen(prefix)))
				sum += (uint64_t)json_integer_value(value);
	return (json_int_t)sum;
}

/* Drops say nothing against a channel, but people ask. */
static void check_drops(struct xenloop_findings *at,
			const struct xenloop_facts *f)
{
	json_int_t tx = sum_drops(f, "tx-drop-"), rx = sum_drops(f, "rx-drop-");

	at->check = "frames";
	if (!tx && !rx)
		xenloop_find_ok(at, "none was dropped");
	else
		xenloop_find(at, XENLOOP_NOTE, "drops",
			     "xenloopctl stats names the reasons; xenloop(4) explains them",
			     "dropped by the channels that are up: %"
			     JSON_INTEGER_FORMAT " sent, %" JSON_INTEGER_FORMAT
			     " received", tx, rx);
}

void xenloop_doctor_guest(struct xenloop_findings *at,
			  const struct xenloop_facts *f)
{
	bool module = check_module(at, f);

	if (!check_xenstore(at, f) || !module || !check_discovery(at, f))
		return;
	check_ifaces(at, f);
	check_peers(at, f);
	check_cap(at, f);
	check_grants(at, f);
	check_drops(at, f);
}
