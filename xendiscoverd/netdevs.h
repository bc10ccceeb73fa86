/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_NETDEVS_H
#define XENDISCOVERD_NETDEVS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <netlink/msg.h>

/*
 * What Dom0's kernel says about its interfaces: which are bridges, which are
 * ports of them, and how. Read whole by rtnetlink at start and again, after a
 * short pause that collects what belongs together, whenever a notification
 * tells of a change or that notifications were lost.
 */

#define XENLOOP_NETDEVS_PAUSE_MS 100

struct xenloop_netdev {
	uint32_t ifindex;
	uint32_t master;	/* ifindex; 0: none */
	char name[IFNAMSIZ];
	bool up;		/* administratively, and it has a carrier */
	bool is_bridge;
	/* A bridge's. */
	bool vlan_filtering;
	bool netfilter;		/* it alone passes frames to iptables or ip6tables */
	/* A bridge port's. */
	bool is_port;
	bool forwarding;	/* spanning tree lets it send and receive */
	bool isolated;
	bool locked;		/* only authenticated MACs may send */
	uint32_t pvid;		/* untagged frames' VLAN; 0: none */
	bool pvid_untagged;	/* and that VLAN leaves without a tag */
};

struct xenloop_netdevs {
	struct xenloop_netdev *dev;	/* by name; owned */
	struct xenloop_netdev **by_index;	/* the same; NULL while it grows */
	size_t nr;
	size_t room;
	bool netfilter;		/* all bridges pass frames to iptables or conntrack */
};

/* NULL if there is none. Stays the table's, until the next change of it. */
const struct xenloop_netdev *
xenloop_netdevs_by_name(const struct xenloop_netdevs *t, const char *name);
const struct xenloop_netdev *
xenloop_netdevs_by_index(const struct xenloop_netdevs *t, uint32_t ifindex);
void xenloop_netdevs_clear(struct xenloop_netdevs *t);

/* Sorts; to be called after the last xenloop_netdevs_parse(). 0 or -ENOMEM. */
int xenloop_netdevs_sort(struct xenloop_netdevs *t);

/*
 * Takes one RTM_NEWLINK message of a dump into the table: of family AF_UNSPEC,
 * which adds an interface, or of AF_BRIDGE, which adds VLANs to one that is
 * there. 0, -ENOMEM, or -EBADMSG.
 */
int xenloop_netdevs_parse(struct xenloop_netdevs *t, struct nlmsghdr *nlh);

struct xenloop_netdevs_watch;

/*
 * Opens rtnetlink; `changed` is called from the loop after a change, and is to
 * call xenloop_netdevs_read(). NULL and errno on failure: EOPNOTSUPP when the
 * kernel does not tell of VLANs of bridge ports. The caller owns it.
 */
struct xenloop_netdevs_watch *
xenloop_netdevs_watch_new(struct event_base *base, void (*changed)(void *arg),
			  void *arg);
void xenloop_netdevs_watch_free(struct xenloop_netdevs_watch *w);

/*
 * Dumps everything into *t, which is replaced on success only, except for
 * .netfilter, which stays. 0 or -errno.
 */
int xenloop_netdevs_read(struct xenloop_netdevs_watch *w,
			 struct xenloop_netdevs *t);

/*
 * Is br_netfilter or bridge conntrack at work for all bridges, so that a TCP
 * connection begun on a channel would die in Dom0 at a fallback? There is no
 * notification for this: look now and then. `root` is "" but in tests.
 */
bool xenloop_netdevs_netfilter(const char *root);

#endif
