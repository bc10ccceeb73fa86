/* SPDX-License-Identifier: GPL-2.0 */
/* Notifications to xenloopd; requests come in through netlink-gen.c. */
#ifndef XENLOOP_NETLINK_H
#define XENLOOP_NETLINK_H

#include <linux/xenloop.h>

struct xenloop_chan;
struct xenloop_iface;
struct xenloop_peer;

void xenloop_nl_event(enum xenloop_event event, struct xenloop_chan *chan);
void xenloop_nl_wanted(struct xenloop_peer *peer);
void xenloop_nl_global(enum xenloop_event event);
void xenloop_nl_iface_down(struct xenloop_iface *iface);
int xenloop_nl_init(void);
void xenloop_nl_exit(void);

#endif /* XENLOOP_NETLINK_H */
