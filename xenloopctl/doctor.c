// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Doctor's reasoning: what is common to guests and Dom0; see doctor.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"

static void add(struct xenloop_findings *at, const char *result,
		const char *cause, const char *todo, const char *fmt,
		va_list args)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	json_array_append_new(at->list,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}",
					"check", at->check,
					"subject", at->subject,
					"result", result, "cause", cause,
					"text", text, "todo", todo));
}

void xenloop_find_ok(struct xenloop_findings *at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(at, "ok", "", "", fmt, args);
	va_end(args);
}

void xenloop_find(struct xenloop_findings *at, enum xenloop_result result,
		  const char *cause, const char *todo, const char *fmt, ...)
{
	static const char *const names[] = { "ok", "note", "problem" };
	va_list args;

	va_start(args, fmt);
	add(at, names[result], cause, todo, fmt, args);
	va_end(args);
}

void xenloop_find_no_module(struct xenloop_findings *at)
{
	xenloop_find(at, XENLOOP_PROBLEM, "module-not-loaded",
		     "modprobe xenloop; if there is none: dkms autoinstall, with the running kernel's headers",
		     "kernel module xenloop is not loaded");
}

void xenloop_fill_todo(char *todo, size_t size, const char *format,
		       const char *name)
{
	size_t used = 0;

	todo[0] = '\0';
	while (*format && used < size) {
		if (format[0] == '%' && format[1] == 's') {
			used += (size_t)snprintf(todo + used, size - used, "%s",
						 name);
			format += 2;
		} else {
			used += (size_t)snprintf(todo + used, size - used, "%c",
						 *format++);
		}
	}
}

bool xenloop_is_asked(const struct xenloop_facts *f, const json_t *guest)
{
	char domid[24];

	if (!f->nr_who)
		return true;
	snprintf(domid, sizeof(domid), "%" JSON_INTEGER_FORMAT,
		 xenloop_number_at(guest, "domid"));
	return !strcmp(f->who[0], xenloop_text_at(guest, "name")) ||
	       !strcmp(f->who[0], domid);
}

static const struct xenloop_vif_word vif_words[] = {
	{ "no-bridge", "vif-no-bridge", "is on no Linux bridge",
	  "only ports of a Linux bridge loop, not those of Open vSwitch: ip link set dev %s master BRIDGE, and bridge= in the guest's configuration",
	  true },
	{ "not-dom0", "vif-not-dom0", "has its backend in another domain than Dom0",
	  "only vifs on Dom0's bridges loop: no backend= in vif= of the guest's configuration",
	  false },
	{ "rate-limited", "vif-rate-limited",
	  "has rate=, which a channel would bypass",
	  "if it may: [eligible] rate-limited = yes in xendiscoverd.conf; systemctl reload xendiscoverd", false },
	{ "ip-filter", "vif-ip-filter",
	  "has ip=, whose anti-spoofing rules a channel would bypass",
	  "if it may: [eligible] ip-filter = yes in xendiscoverd.conf; systemctl reload xendiscoverd", false },
	{ "isolated", "vif-isolated", "is an isolated port of its bridge",
	  "if it need not be: bridge link set dev %s isolated off", false },
	{ "vlan", "vif-vlan", "has no VLAN for untagged frames on its bridge",
	  "bridge vlan add dev %s vid VLAN pvid untagged", true },
	{ "duplicate-mac", "vif-duplicate-mac",
	  "has the same MAC address as another vif on its network",
	  "give each vif a MAC address of its own", true },
	{ "down", "vif-down",
	  "is down, or its bridge is, or its port does not forward",
	  "ip link show dev %s; is the interface up in the guest?", true },
	{ "filtered", "vif-filtered",
	  "is on a bridge whose frames pass iptables or connection tracking, or on a locked port",
	  "locked port (bridge -d link show dev %s): if it need not be, bridge link set dev %s locked off; otherwise, if channels may bypass iptables: [eligible] bridge-netfilter = yes in xendiscoverd.conf; systemctl reload xendiscoverd",
	  false },
	{ "routed", "vif-routed",
	  "is routed, not bridged: its traffic stays on netfront",
	  "if it may be bridged: script=vif-bridge and bridge= in the guest's configuration",
	  false },
	{ "policy", "vif-policy", "is switched off by the policy",
	  "[policy] off in xendiscoverd.conf; systemctl reload xendiscoverd", false },
};

const struct xenloop_vif_word *xenloop_vif_word(const char *word)
{
	static const struct xenloop_vif_word unknown = {
		"", "vif-refused", "may not loop",
		"xendiscoverd is newer than this xenloopctl: upgrade it, and see xendiscoverd(8)",
		true,
	};

	for (size_t i = 0; i < sizeof(vif_words) / sizeof(vif_words[0]); i++)
		if (!strcmp(vif_words[i].word, word))
			return &vif_words[i];
	return &unknown;
}

/* Is this a machine for it at all? */
static bool check_xen(struct xenloop_findings *at,
		      const struct xenloop_facts *f)
{
	at->check = "xen";
	if (!f->error) {
		if (f->dom0)
			xenloop_find_ok(at, "this is Dom0");
		else if (!xenloop_number_at(f->status, "daemon.domid"))
			xenloop_find_ok(at, "this is a guest");
		else
			xenloop_find_ok(at, "this is a guest, domain %"
					JSON_INTEGER_FORMAT,
					xenloop_number_at(f->status,
							  "daemon.domid"));
		return true;
	}
	if (!f->on_xen) {
		xenloop_find(at, XENLOOP_PROBLEM, "not-xen",
			     "run it in a Xen guest or in Dom0",
			     "this machine does not run on Xen");
		return false;
	}
	xenloop_find_ok(at, "this is %s",
			f->control_domain ? "Dom0" : "a Xen guest");
	return true;
}

/* Has it failed? While systemd waits to start it again, only the result tells. */
static bool has_failed(const struct xenloop_facts *f)
{
	return !strcmp(f->unit_active, "failed") ||
	       (!strcmp(f->unit_active, "activating") && *f->unit_result &&
		strcmp(f->unit_result, "success"));
}

/* Nobody listens at the socket. */
static void find_stopped(struct xenloop_findings *at,
			 const struct xenloop_facts *f, const char *daemon)
{
	char todo[96];

	snprintf(todo, sizeof(todo), "systemctl start %s", daemon);
	if (!strcmp(f->unit_load, "not-found")) {
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-not-installed",
			     "install it", "%s is not installed", daemon);
	} else if (!strcmp(f->unit_load, "masked")) {
		snprintf(todo, sizeof(todo),
			 "systemctl unmask %s; systemctl start %s", daemon,
			 daemon);
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-masked", todo,
			     "%s is masked, so it cannot start", daemon);
	} else if (has_failed(f)) {
		snprintf(todo, sizeof(todo), "journalctl -xeu %s", daemon);
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-failed", todo,
			     "%s has failed (%s)", daemon, f->unit_result);
	} else if (f->dom0 && !strcmp(f->unit_active, "active")) {
		/* It listens when it has XenStore, not before. */
		xenloop_find(at, XENLOOP_PROBLEM, "no-xenstore",
			     XENLOOP_TODO_XENSTORE, "%s waits for XenStore",
			     daemon);
	} else {
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-stopped", todo,
			     "%s is not running", daemon);
	}
}

static void find_unreachable(struct xenloop_findings *at,
			     const struct xenloop_facts *f, const char *daemon)
{
	char todo[96];

	snprintf(todo, sizeof(todo), "journalctl -xeu %s; systemctl restart %s",
		 daemon, daemon);
	switch (f->error) {
	case -ENOENT:
	case -ECONNREFUSED:
		find_stopped(at, f, daemon);
		break;
	case -EACCES:
	case -EPERM:
		xenloop_find(at, XENLOOP_PROBLEM, "no-permission",
			     "be root, or join group xenloop",
			     "%s's control socket is closed to this user",
			     daemon);
		break;
	case -ETIMEDOUT:
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-hangs", todo,
			     "%s does not answer", daemon);
		break;
	case -EPROTO:
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-other-version",
			     todo, "%s does not understand this xenloopctl",
			     daemon);
		break;
	default:
		xenloop_find(at, XENLOOP_PROBLEM, "daemon-unreachable", todo,
			     "%s cannot be asked: %s", daemon,
			     strerror(-f->error));
	}
}

static void find_running(struct xenloop_findings *at,
			 const struct xenloop_facts *f, const char *daemon)
{
	const char *version = xenloop_text_at(f->status, "version");
	char todo[64];

	if (!strcmp(version, XENLOOP_VERSION)) {
		xenloop_find_ok(at, "%s %s runs", daemon, version);
		return;
	}
	snprintf(todo, sizeof(todo), "systemctl restart %s", daemon);
	xenloop_find(at, XENLOOP_NOTE, "daemon-version", todo,
		     "%s %s runs, but this xenloopctl is %s", daemon, version,
		     XENLOOP_VERSION);
}

/* What can be said of the module without the daemon. */
static void look_for_module(struct xenloop_findings *at,
			    const struct xenloop_facts *f)
{
	at->check = "module";
	if (f->module)
		xenloop_find_ok(at, "xenloop is loaded");
	else
		xenloop_find_no_module(at);
}

json_t *xenloop_doctor(const struct xenloop_facts *f)
{
	const char *daemon = f->dom0 ? "xendiscoverd" : "xenloopd";
	struct xenloop_findings at = { .list = json_array(), .subject = "" };

	if (!at.list || !check_xen(&at, f))
		return at.list;
	at.check = "daemon";
	if (f->error) {
		find_unreachable(&at, f, daemon);
		if (!f->dom0)
			look_for_module(&at, f);
		return at.list;
	}
	find_running(&at, f, daemon);
	if (f->dom0)
		xenloop_doctor_dom0(&at, f);
	else
		xenloop_doctor_guest(&at, f);
	return at.list;
}
