/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Attributes of the family "xenloop" to structures; for nl.c and its tests.
 *
 * Each takes one generic netlink message, fills *out completely and returns 0,
 * or -EPROTO when an attribute that must be there is missing or malformed.
 * Attributes of a newer module are ignored.
 */
#ifndef XENLOOP_NL_CODEC_H
#define XENLOOP_NL_CODEC_H

#include <linux/netlink.h>

#include "proto/nl.h"

int xenloop_nl_parse_info(struct nlmsghdr *nlh, struct xenloop_nl_info *out);
int xenloop_nl_parse_iface(struct nlmsghdr *nlh, struct xenloop_nl_iface *out);
int xenloop_nl_parse_peer(struct nlmsghdr *nlh, struct xenloop_nl_peer *out);
/* Of a dump. */
int xenloop_nl_parse_chan(struct nlmsghdr *nlh, struct xenloop_nl_chan *out);
/* The reply to listen or connect: id, local_gref and, if there, port. */
int xenloop_nl_parse_new_chan(struct nlmsghdr *nlh,
			      struct xenloop_nl_chan *out);
int xenloop_nl_parse_event(struct nlmsghdr *nlh, struct xenloop_nl_event *out);

#endif /* XENLOOP_NL_CODEC_H */
