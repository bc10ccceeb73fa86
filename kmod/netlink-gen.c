// SPDX-License-Identifier: GPL-2.0
/* Do not edit: made from proto/xenloop.yaml by proto/gen.py (make regen). */
#include "compat.h"
#include "netlink-gen.h"

static const struct nla_policy set_do_policy[XENLOOP_A_INFO_POLL_TIME + 1] = {
	[XENLOOP_A_INFO_STALL_TIMEOUT] = { .type = NLA_U32, },
	[XENLOOP_A_INFO_DRAIN_TIMEOUT] = { .type = NLA_U32, },
	[XENLOOP_A_INFO_HOLD_TIMEOUT] = { .type = NLA_U32, },
	[XENLOOP_A_INFO_BACKLOG_BYTES] = { .type = NLA_U32, },
	[XENLOOP_A_INFO_POLL_TIME] = { .type = NLA_U32, },
};

static const struct nla_policy iface_attach_do_policy[XENLOOP_A_IFACE_MAC + 1] = {
	[XENLOOP_A_IFACE_IFINDEX] = { .type = NLA_U32, },
	[XENLOOP_A_IFACE_VIF] = { .type = NLA_U32, },
	[XENLOOP_A_IFACE_MAC] = NLA_POLICY_EXACT_LEN(6),
};

static const struct nla_policy iface_detach_do_policy[XENLOOP_A_IFACE_IFINDEX + 1] = {
	[XENLOOP_A_IFACE_IFINDEX] = { .type = NLA_U32, },
};

static const struct nla_policy peer_add_do_policy[XENLOOP_A_PEER_VIF + 1] = {
	[XENLOOP_A_PEER_IFINDEX] = { .type = NLA_U32, },
	[XENLOOP_A_PEER_MAC] = NLA_POLICY_EXACT_LEN(6),
	[XENLOOP_A_PEER_DOMID] = { .type = NLA_U32, },
	[XENLOOP_A_PEER_VIF] = { .type = NLA_U32, },
};

static const struct nla_policy peer_del_do_policy[XENLOOP_A_PEER_MAC + 1] = {
	[XENLOOP_A_PEER_IFINDEX] = { .type = NLA_U32, },
	[XENLOOP_A_PEER_MAC] = NLA_POLICY_EXACT_LEN(6),
};

static const struct nla_policy listen_do_policy[XENLOOP_A_CHAN_SIZE + 1] = {
	[XENLOOP_A_CHAN_IFINDEX] = { .type = NLA_U32, },
	[XENLOOP_A_CHAN_PEER_MAC] = NLA_POLICY_EXACT_LEN(6),
	[XENLOOP_A_CHAN_COOKIE] = { .type = NLA_U64, },
	[XENLOOP_A_CHAN_SIZE] = { .type = NLA_U32, },
};

static const struct nla_policy connect_do_policy[XENLOOP_A_CHAN_PORT + 1] = {
	[XENLOOP_A_CHAN_IFINDEX] = { .type = NLA_U32, },
	[XENLOOP_A_CHAN_PEER_MAC] = NLA_POLICY_EXACT_LEN(6),
	[XENLOOP_A_CHAN_COOKIE] = { .type = NLA_U64, },
	[XENLOOP_A_CHAN_SIZE] = { .type = NLA_U32, },
	[XENLOOP_A_CHAN_REMOTE_GREF] = { .type = NLA_U32, },
	[XENLOOP_A_CHAN_PORT] = { .type = NLA_U32, },
};

static const struct nla_policy accept_do_policy[XENLOOP_A_CHAN_REMOTE_GREF + 1] = {
	[XENLOOP_A_CHAN_ID] = { .type = NLA_U32, },
	[XENLOOP_A_CHAN_REMOTE_GREF] = { .type = NLA_U32, },
};

static const struct nla_policy activate_do_policy[XENLOOP_A_CHAN_ID + 1] = {
	[XENLOOP_A_CHAN_ID] = { .type = NLA_U32, },
};

static const struct nla_policy close_do_policy[XENLOOP_A_CHAN_DRAIN + 1] = {
	[XENLOOP_A_CHAN_ID] = { .type = NLA_U32, },
	[XENLOOP_A_CHAN_DRAIN] = { .type = NLA_FLAG, },
};

const struct genl_ops xenloop_nl_ops[XENLOOP_NL_OPS_COUNT] = {
	{
		.cmd = XENLOOP_CMD_INFO,
		.doit = xenloop_nl_info_doit,
	},
	{
		.cmd = XENLOOP_CMD_SET,
		.doit = xenloop_nl_set_doit,
		.policy = set_do_policy,
		.maxattr = XENLOOP_A_INFO_POLL_TIME,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_IFACE_ATTACH,
		.doit = xenloop_nl_iface_attach_doit,
		.policy = iface_attach_do_policy,
		.maxattr = XENLOOP_A_IFACE_MAC,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_IFACE_DETACH,
		.doit = xenloop_nl_iface_detach_doit,
		.policy = iface_detach_do_policy,
		.maxattr = XENLOOP_A_IFACE_IFINDEX,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_IFACE_DUMP,
		.dumpit = xenloop_nl_iface_dump_dumpit,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_PEER_ADD,
		.doit = xenloop_nl_peer_add_doit,
		.policy = peer_add_do_policy,
		.maxattr = XENLOOP_A_PEER_VIF,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_PEER_DEL,
		.doit = xenloop_nl_peer_del_doit,
		.policy = peer_del_do_policy,
		.maxattr = XENLOOP_A_PEER_MAC,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_PEER_DUMP,
		.dumpit = xenloop_nl_peer_dump_dumpit,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_LISTEN,
		.doit = xenloop_nl_listen_doit,
		.policy = listen_do_policy,
		.maxattr = XENLOOP_A_CHAN_SIZE,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_CONNECT,
		.doit = xenloop_nl_connect_doit,
		.policy = connect_do_policy,
		.maxattr = XENLOOP_A_CHAN_PORT,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_ACCEPT,
		.doit = xenloop_nl_accept_doit,
		.policy = accept_do_policy,
		.maxattr = XENLOOP_A_CHAN_REMOTE_GREF,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_ACTIVATE,
		.doit = xenloop_nl_activate_doit,
		.policy = activate_do_policy,
		.maxattr = XENLOOP_A_CHAN_ID,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_CLOSE,
		.doit = xenloop_nl_close_doit,
		.policy = close_do_policy,
		.maxattr = XENLOOP_A_CHAN_DRAIN,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = XENLOOP_CMD_CHAN_DUMP,
		.dumpit = xenloop_nl_chan_dump_dumpit,
		.flags = GENL_ADMIN_PERM,
	},
};

const struct genl_multicast_group xenloop_nl_mcgrps[XENLOOP_NL_MCGRPS_COUNT] = {
	[XENLOOP_NLGRP_EVENTS] = { .name = XENLOOP_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN, },
};
