/* SPDX-License-Identifier: GPL-2.0 */
/* Do not edit: made from proto/xenloop.yaml by proto/gen.py (make regen). */
#ifndef XENLOOP_NETLINK_GEN_H
#define XENLOOP_NETLINK_GEN_H

#include <net/genetlink.h>
#include <net/netlink.h>

#include <linux/xenloop.h>

#define XENLOOP_NL_OPS_COUNT 14
#define XENLOOP_NL_MCGRPS_COUNT 1

/* Indices into xenloop_nl_mcgrps[]. */
enum {
	XENLOOP_NLGRP_EVENTS,
};

extern const struct genl_ops xenloop_nl_ops[XENLOOP_NL_OPS_COUNT];
extern const struct genl_multicast_group xenloop_nl_mcgrps[XENLOOP_NL_MCGRPS_COUNT];

/* Written by hand in netlink.c. */
int xenloop_nl_info_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_set_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_iface_attach_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_iface_detach_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_iface_dump_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int xenloop_nl_peer_add_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_peer_dump_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int xenloop_nl_listen_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_connect_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_accept_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_activate_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_close_doit(struct sk_buff *skb, struct genl_info *info);
int xenloop_nl_chan_dump_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* XENLOOP_NETLINK_GEN_H */
