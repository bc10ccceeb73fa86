// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Dom0's interfaces by rtnetlink: dumps and notifications; see netdevs.h. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/log.h"
#include "xendiscoverd/netdevs.h"

#define DUMP_TRIES 8
#define NOTIFY_BUFFER (1024 * 1024)

struct xenloop_netdevs_watch {
	struct nl_sock *notify;		/* multicast groups; never asked */
	struct nl_sock *dump;		/* asked; no groups */
	struct event *readable;
	struct event *pause;
	void (*changed)(void *arg);
	void *arg;
};

struct dump {
	struct xenloop_netdevs *table;
	int err;
};

static int on_link(struct nl_msg *msg, void *arg)
{
	struct dump *d = arg;
	int err = xenloop_netdevs_parse(d->table, nlmsg_hdr(msg));

	if (err && !d->err)
		d->err = err;
	return NL_OK;
}

static int send_dump(struct nl_sock *sk, unsigned char family, uint32_t mask)
{
	struct ifinfomsg ifi = { .ifi_family = family };
	struct nl_msg *msg;
	int err = -NLE_NOMEM;

	msg = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
	if (!msg)
		return err;
	if (!nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) &&
	    !nla_put_u32(msg, IFLA_EXT_MASK, mask))
		err = nl_send_auto(sk, msg);
	nlmsg_free(msg);
	return err < 0 ? err : 0;
}

static int dump_family(struct nl_sock *sk, struct xenloop_netdevs *table,
		       unsigned char family, uint32_t mask)
{
	struct dump d = { .table = table };
	int err;

	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_link, &d);
	err = send_dump(sk, family, mask);
	if (!err)
		err = nl_recvmsgs_default(sk);
	if (!err)
		return d.err;
	if (err == -NLE_DUMP_INTR)
		return -EAGAIN;
	log_err("netdevs", "rtnetlink: %s", nl_geterror(err));
	return -EIO;
}

static bool filters_vlans(const struct xenloop_netdevs *t)
{
	for (size_t i = 0; i < t->nr; i++)
		if (t->dev[i].vlan_filtering)
			return true;
	return false;
}

static int read_once(struct nl_sock *sk, struct xenloop_netdevs *t)
{
	int err = dump_family(sk, t, AF_UNSPEC, RTEXT_FILTER_SKIP_STATS);

	if (!err && filters_vlans(t))
		err = dump_family(sk, t, AF_BRIDGE, RTEXT_FILTER_BRVLAN);
	return err ? err : xenloop_netdevs_sort(t);
}

int xenloop_netdevs_read(struct xenloop_netdevs_watch *w,
			 struct xenloop_netdevs *t)
{
	struct xenloop_netdevs new = { .netfilter = t->netfilter };
	int err = -EAGAIN;

	/* A table that changes while it is dumped is dumped again. */
	for (int i = 0; i < DUMP_TRIES && err == -EAGAIN; i++) {
		new.nr = 0;
		err = read_once(w->dump, &new);
	}
	if (err) {
		xenloop_netdevs_clear(&new);
		return err;
	}
	xenloop_netdevs_clear(t);
	*t = new;
	return 0;
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
	struct xenloop_netdevs_watch *w = arg;

	(void)fd;
	(void)what;
	w->changed(w->arg);
}

/* What it says does not matter, nor that something was lost: all is read. */
static void on_notify(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval pause = {
		.tv_usec = XENLOOP_NETDEVS_PAUSE_MS * 1000
	};
	struct xenloop_netdevs_watch *w = arg;
	char buf[1];

	(void)what;
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC) >= 0 ||
	       errno == ENOBUFS || errno == EINTR)
		;
	if (!event_pending(w->pause, EV_TIMEOUT, NULL))
		event_add(w->pause, &pause);
}

static int open_sockets(struct xenloop_netdevs_watch *w)
{
	int err;

	w->notify = nl_socket_alloc();
	w->dump = nl_socket_alloc();
	if (!w->notify || !w->dump)
		return -NLE_NOMEM;
	nl_socket_disable_seq_check(w->notify);
	if (nl_connect(w->notify, NETLINK_ROUTE) ||
	    nl_connect(w->dump, NETLINK_ROUTE) ||
	    nl_socket_add_memberships(w->notify, RTNLGRP_LINK, 0))
		return -NLE_FAILURE;
	/* A group that the kernel does not have is an invalid one. */
	err = nl_socket_add_memberships(w->notify, RTNLGRP_BRVLAN, 0);
	if (err)
		return err == -NLE_INVAL ? -NLE_OPNOTSUPP : err;
	nl_socket_set_buffer_size(w->notify, NOTIFY_BUFFER, 0);
	return nl_socket_set_nonblocking(w->notify);
}

struct xenloop_netdevs_watch *
xenloop_netdevs_watch_new(struct event_base *base, void (*changed)(void *arg),
			  void *arg)
{
	struct xenloop_netdevs_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return NULL;
	w->changed = changed;
	w->arg = arg;
	err = open_sockets(w);
	if (!err) {
		w->pause = evtimer_new(base, on_pause, w);
		w->readable = event_new(base, nl_socket_get_fd(w->notify),
					EV_READ | EV_PERSIST, on_notify, w);
		if (w->pause && w->readable && !event_add(w->readable, NULL))
			return w;
	}
	xenloop_netdevs_watch_free(w);
	errno = err == -NLE_OPNOTSUPP ? EOPNOTSUPP : EIO;
	return NULL;
}

void xenloop_netdevs_watch_free(struct xenloop_netdevs_watch *w)
{
	if (!w)
		return;
	if (w->readable)
		event_free(w->readable);
	if (w->pause)
		event_free(w->pause);
	if (w->notify)
		nl_socket_free(w->notify);
	if (w->dump)
		nl_socket_free(w->dump);
	free(w);
}
