// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Interfaces: which netfront stands for which vif, and which are attached.
 *
 * An interface is found by the vif it is (sysfs: device/nodename), never by its
 * MAC address, which bridges, bonds and macvlans share. What the module has is
 * read from it each time, so a restart of the daemon, a lost event or an
 * interface that moved to another namespace all end the same way.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/netlink.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

#define SYNC_PAUSE_MS	100	/* what else changes in this time is seen at once */

static bool read_line(const struct xenloopd *d, const char *ifname,
		      const char *file, char *buf, int size)
{
	char path[512];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s/%s", d->sysfs, ifname, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(buf, size, f);
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* Is it a vif's netfront, and of which handle? */
static bool read_vif(const struct xenloopd *d, const char *ifname,
		     uint32_t *vif, uint32_t *ifindex)
{
	static const char prefix[] = "device/vif/";
	char buf[64];

	return read_line(d, ifname, "device/nodename", buf, sizeof(buf)) &&
	       !strncmp(buf, prefix, strlen(prefix)) &&
	       !xenloop_u32_parse(buf + strlen(prefix), XENLOOP_VIF_MAX,
				  vif) &&
	       read_line(d, ifname, "ifindex", buf, sizeof(buf)) &&
	       !xenloop_u32_parse(buf, INT32_MAX, ifindex);
}

static struct xenloopd_iface *find_vif(struct xenloopd *d, uint32_t vif)
{
	for (unsigned int i = 0; i < d->nr_ifaces; i++)
		if (d->iface[i].vif == vif)
			return &d->iface[i];
	return NULL;
}

/* The vifs of self; what was known of each stays. */
static void take_self(struct xenloopd *d)
{
	struct xenloopd_iface list[XENLOOP_LINES_MAX];
	const struct xenloopd_iface *old;

	memset(list, 0, sizeof(list));
	for (unsigned int i = 0; i < d->self.nr_vifs; i++) {
		const struct xenloop_self_vif *v = &d->self.vif[i];

		old = find_vif(d, v->vif);
		if (old)
			list[i] = *old;
		list[i].vif = v->vif;
		memcpy(list[i].mac, v->mac, sizeof(v->mac));
		list[i].ok = !strcmp(v->state, "ok");
		list[i].ifindex = 0;
		snprintf(list[i].dom0, sizeof(list[i].dom0), "%s", v->state);
		snprintf(list[i].refusal, sizeof(list[i].refusal), "Dom0: %s",
			 v->state);
	}
	memcpy(d->iface, list, sizeof(list));
	d->nr_ifaces = d->self.nr_vifs;
}

static void scan_sysfs(struct xenloopd *d)
{
	struct xenloopd_iface *iface;
	uint32_t vif, ifindex;
	struct dirent *entry;
	DIR *dir = opendir(d->sysfs);

	if (!dir) {
		log_err("iface", "%s: %s", d->sysfs, strerror(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    !read_vif(d, entry->d_name, &vif, &ifindex))
			continue;
		iface = find_vif(d, vif);
		if (!iface)
			continue;
		iface->ifindex = ifindex;
		snprintf(iface->ifname, sizeof(iface->ifname), "%.*s",
			 XENLOOP_NL_IFNAME - 1, entry->d_name);
	}
	closedir(dir);
}

/*
 * Attached, and not seen: one that is just being renamed, or could not be read.
 * What leaves the network namespace the module gives up by itself.
 */
static void take_unseen(struct xenloopd_iface *iface,
			const struct xenloop_nl_iface *k)
{
	iface->ifindex = k->ifindex;
	snprintf(iface->ifname, sizeof(iface->ifname), "%s", k->ifname);
}

static void warn_unknown(struct xenloopd *d)
{
	for (unsigned int i = 0; i < d->settings.nr_ifnames; i++) {
		const char *name = d->settings.ifname[i];
		bool found = false;

		for (unsigned int j = 0; j < d->nr_ifaces; j++)
			found |= d->iface[j].ifindex &&
				 !strcmp(d->iface[j].ifname, name);
		if (!found && !d->warned[i])
			log_warn("iface",
				 "%s: named in %s, but there is no such Xen network interface",
				 name, d->conf_path);
		d->warned[i] = !found;
	}
}

/* Why an interface is not to be attached; NULL when it is. */
static const char *why_not(const struct xenloopd *d,
			   const struct xenloopd_iface *iface)
{
	if (!iface->ok)
		return iface->refusal;
	if (!iface->ifindex)
		return "no such interface in this network namespace";
	if (!xenloopd_settings_has(&d->settings, iface->ifname))
		return "excluded by the configuration";
	return NULL;
}

static bool is_same(const struct xenloopd_iface *iface,
		    const struct xenloop_nl_iface *k)
{
	return iface->ifindex == k->ifindex && iface->vif == k->vif &&
	       !memcmp(iface->mac, k->mac, sizeof(k->mac));
}

static void set_attached(struct xenloopd *d, struct xenloopd_iface *iface)
{
	iface->attached = true;
	iface->reason[0] = '\0';
	xenloopd_report_iface(d, iface);
}

/*
 * What the module has attached: ours, or to be detached. It refuses while frames
 * wait for the carrier after a resume; the next sync tries again, unless Dom0
 * has the interface in service by then.
 */
static void take_attached(struct xenloopd *d,
			  const struct xenloop_nl_iface *list, int nr)
{
	for (unsigned int i = 0; i < d->nr_ifaces; i++)
		d->iface[i].attached = false;
	for (int i = 0; i < nr; i++) {
		struct xenloopd_iface *iface = find_vif(d, list[i].vif);

		if (iface && !iface->ifindex)
			take_unseen(iface, &list[i]);
		if (iface && is_same(iface, &list[i]) && !why_not(d, iface)) {
			iface->attached = true;
			if (iface->reason[0])
				set_attached(d, iface);
			continue;
		}
		log_debug("iface", "%s: detaching", list[i].ifname);
		xenloop_loop_alive(d->loop); /* its channels drain first */
		d->nl->ops->iface_detach(d->nl, list[i].ifindex);
	}
}

static void set_reason(struct xenloopd *d, struct xenloopd_iface *iface,
		       const char *reason)
{
	if (!strcmp(iface->reason, reason))
		return;
	snprintf(iface->reason, sizeof(iface->reason), "%s", reason);
	xenloopd_report_iface(d, iface);
}

static void attach(struct xenloopd *d, struct xenloopd_iface *iface)
{
	struct xenloop_nl_iface request = {
		.ifindex = iface->ifindex,
		.vif = iface->vif,
	};

	memcpy(request.mac, iface->mac, sizeof(request.mac));
	if (d->nl->ops->iface_attach(d->nl, &request)) {
		set_reason(d, iface, d->nl->ops->error(d->nl));
		return;
	}
	set_attached(d, iface);
}

static void attach_missing(struct xenloopd *d)
{
	for (unsigned int i = 0; i < d->nr_ifaces; i++) {
		struct xenloopd_iface *iface = &d->iface[i];
		const char *why = why_not(d, iface);

		if (why)
			set_reason(d, iface, why);
		else if (!iface->attached)
			attach(d, iface);
	}
}

static void sync_links(struct xenloopd *d)
{
	struct xenloop_nl_chan *chans;
	int nr = d->nl->ops->chan_dump(d->nl, &chans);

	if (nr < 0) {
		xenloopd_kernel_failed(d, "channels");
		return;
	}
	if (d->nr_peers >= 0)
		xenloop_links_check_peers(&d->links, d->peers, d->nr_peers);
	for (struct xenloop_link *l = d->links.first; l; l = l->next) {
		const struct xenloopd_iface *i = find_vif(d, l->key.vif);

		if (i && i->attached)
			xenloop_link_iface(&d->links, l, i->ifindex, i->ifname,
					   chans, nr);
		else
			xenloop_link_iface(&d->links, l, 0, NULL, chans, nr);
	}
	free(chans);
}

void xenloopd_ifaces_sync(struct xenloopd *d)
{
	struct xenloop_nl_iface *list;
	int nr;

	/* Until Dom0 has spoken, what is attached stays attached. */
	if (!d->nl || !d->self_ok || d->suspended)
		return;
	/* After a resume that we have not heard of, nothing here is true. */
	if (!xenloopd_kernel_check(d))
		return;
	take_self(d);
	scan_sysfs(d);
	nr = d->nl->ops->iface_dump(d->nl, &list);
	if (nr < 0) {
		xenloopd_kernel_failed(d, "interfaces");
		return;
	}
	take_attached(d, list, nr);
	free(list);
	warn_unknown(d);
	attach_missing(d);
	xenloopd_kernel_list(d);
	sync_links(d);
	xenloopd_kernel_prune(d);
}

void xenloopd_ifaces_forget(struct xenloopd *d)
{
	memset(d->iface, 0, sizeof(d->iface));
	d->nr_ifaces = 0;
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
	xenloopd_later(arg, XENLOOPD_WORK_SYNC);
}

/* Interfaces that come, go, or are renamed; those of containers by the hundred. */
static void on_rtnetlink(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = { .tv_usec = SYNC_PAUSE_MS * 1000 };
	struct xenloopd *d = arg;

	/* What it says, or that it lost something, is all the same. */
	while (nl_recvmsgs_default(d->rt) >= 0)
		;
	if (!event_pending(d->rt_pause, EV_TIMEOUT, NULL))
		event_add(d->rt_pause, &pause);
}

int xenloopd_ifaces_open(struct xenloopd *d)
{
	d->rt = nl_socket_alloc();
	if (!d->rt)
		return -ENOMEM;
	nl_socket_disable_seq_check(d->rt);
	if (nl_connect(d->rt, NETLINK_ROUTE) < 0 ||
	    nl_socket_add_membership(d->rt, RTNLGRP_LINK) < 0 ||
	    nl_socket_set_nonblocking(d->rt) < 0)
		return -EIO;
	d->rt_event = event_new(d->base, nl_socket_get_fd(d->rt),
				EV_READ | EV_PERSIST, on_rtnetlink, d);
	d->rt_pause = evtimer_new(d->base, on_pause, d);
	if (!d->rt_pause || !d->rt_event || event_add(d->rt_event, NULL))
		return -ENOMEM;
	return 0;
}

void xenloopd_ifaces_close(struct xenloopd *d)
{
	if (d->rt_event)
		event_free(d->rt_event);
	d->rt_event = NULL;
	if (d->rt_pause)
		event_free(d->rt_pause);
	d->rt_pause = NULL;
	nl_socket_free(d->rt);
	d->rt = NULL;
}
