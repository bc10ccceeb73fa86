// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The requests of nl.h as messages; nl.c carries them. */
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "proto/nl_client.h"
#include "proto/nl_codec.h"

static int parse_info(struct nlmsghdr *nlh, void *arg)
{
	return xenloop_nl_parse_info(nlh, arg);
}

static int parse_iface(struct nlmsghdr *nlh, void *arg)
{
	return xenloop_nl_parse_iface(nlh, arg);
}

static int parse_peer(struct nlmsghdr *nlh, void *arg)
{
	return xenloop_nl_parse_peer(nlh, arg);
}

static int parse_chan(struct nlmsghdr *nlh, void *arg)
{
	return xenloop_nl_parse_chan(nlh, arg);
}

static int parse_new_chan(struct nlmsghdr *nlh, void *arg)
{
	return xenloop_nl_parse_new_chan(nlh, arg);
}

/* The requests below stay far under the page that a message has. */

static void put_mac(struct nl_msg *msg, int type, const uint8_t *mac)
{
	nla_put(msg, type, XENLOOP_NL_MAC_LEN, mac);
}

static void put_tunable(struct nl_msg *msg, int type, int64_t value)
{
	if (value >= 0)
		nla_put_u32(msg, type, (uint32_t)value);
}

static int op_info(struct xenloop_nl *nl, struct xenloop_nl_info *info)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);

	return xenloop_nl_transact(c,
				   xenloop_nl_request(c, XENLOOP_CMD_INFO, 0),
				   parse_info, info);
}

static int op_set(struct xenloop_nl *nl, const struct xenloop_nl_tunables *tun)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = xenloop_nl_request(c, XENLOOP_CMD_SET, 0);

	if (msg) {
		put_tunable(msg, XENLOOP_A_INFO_STALL_TIMEOUT,
			    tun->stall_timeout);
		put_tunable(msg, XENLOOP_A_INFO_DRAIN_TIMEOUT,
			    tun->drain_timeout);
		put_tunable(msg, XENLOOP_A_INFO_HOLD_TIMEOUT,
			    tun->hold_timeout);
		put_tunable(msg, XENLOOP_A_INFO_BACKLOG_BYTES,
			    tun->backlog_bytes);
		put_tunable(msg, XENLOOP_A_INFO_POLL_TIME, tun->poll_time);
	}
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static int op_iface_attach(struct xenloop_nl *nl,
			   const struct xenloop_nl_iface *iface)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = xenloop_nl_request(c, XENLOOP_CMD_IFACE_ATTACH, 0);

	if (msg) {
		nla_put_u32(msg, XENLOOP_A_IFACE_IFINDEX, iface->ifindex);
		nla_put_u32(msg, XENLOOP_A_IFACE_VIF, iface->vif);
		put_mac(msg, XENLOOP_A_IFACE_MAC, iface->mac);
	}
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static int op_iface_detach(struct xenloop_nl *nl, uint32_t ifindex)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = xenloop_nl_request(c, XENLOOP_CMD_IFACE_DETACH, 0);

	if (msg)
		nla_put_u32(msg, XENLOOP_A_IFACE_IFINDEX, ifindex);
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static int op_peer_add(struct xenloop_nl *nl,
		       const struct xenloop_nl_peer *peer)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = xenloop_nl_request(c, XENLOOP_CMD_PEER_ADD, 0);

	if (msg) {
		nla_put_u32(msg, XENLOOP_A_PEER_IFINDEX, peer->ifindex);
		put_mac(msg, XENLOOP_A_PEER_MAC, peer->mac);
		nla_put_u32(msg, XENLOOP_A_PEER_DOMID, peer->domid);
		nla_put_u32(msg, XENLOOP_A_PEER_VIF, peer->vif);
	}
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static int op_peer_del(struct xenloop_nl *nl,
		       const struct xenloop_nl_peer *peer)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = xenloop_nl_request(c, XENLOOP_CMD_PEER_DEL, 0);

	if (msg) {
		nla_put_u32(msg, XENLOOP_A_PEER_IFINDEX, peer->ifindex);
		put_mac(msg, XENLOOP_A_PEER_MAC, peer->mac);
	}
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static struct nl_msg *chan_request(struct xenloop_nl_client *c, uint8_t cmd,
				   const struct xenloop_nl_chan *chan)
{
	struct nl_msg *msg = xenloop_nl_request(c, cmd, 0);

	if (msg) {
		nla_put_u32(msg, XENLOOP_A_CHAN_IFINDEX, chan->ifindex);
		put_mac(msg, XENLOOP_A_CHAN_PEER_MAC, chan->peer_mac);
		nla_put_u32(msg, XENLOOP_A_CHAN_SIZE, chan->size);
		nla_put_u64(msg, XENLOOP_A_CHAN_COOKIE, chan->cookie);
	}
	return msg;
}

static int op_listen(struct xenloop_nl *nl, struct xenloop_nl_chan *chan)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);

	return xenloop_nl_transact(c, chan_request(c, XENLOOP_CMD_LISTEN, chan),
				   parse_new_chan, chan);
}

static int op_connect(struct xenloop_nl *nl, struct xenloop_nl_chan *chan)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = chan_request(c, XENLOOP_CMD_CONNECT, chan);

	if (msg) {
		nla_put_u32(msg, XENLOOP_A_CHAN_REMOTE_GREF, chan->remote_gref);
		nla_put_u32(msg, XENLOOP_A_CHAN_PORT, chan->port);
	}
	return xenloop_nl_transact(c, msg, parse_new_chan, chan);
}

static struct nl_msg *id_request(struct xenloop_nl_client *c, uint8_t cmd,
				 uint32_t id)
{
	struct nl_msg *msg = xenloop_nl_request(c, cmd, 0);

	if (msg)
		nla_put_u32(msg, XENLOOP_A_CHAN_ID, id);
	return msg;
}

static int op_accept(struct xenloop_nl *nl, uint32_t id, uint32_t remote_gref)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = id_request(c, XENLOOP_CMD_ACCEPT, id);

	if (msg)
		nla_put_u32(msg, XENLOOP_A_CHAN_REMOTE_GREF, remote_gref);
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static int op_activate(struct xenloop_nl *nl, uint32_t id)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);

	return xenloop_nl_transact(c, id_request(c, XENLOOP_CMD_ACTIVATE, id),
				   NULL, NULL);
}

static int op_close(struct xenloop_nl *nl, uint32_t id, bool drain)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	struct nl_msg *msg = id_request(c, XENLOOP_CMD_CLOSE, id);

	if (msg && drain)
		nla_put_flag(msg, XENLOOP_A_CHAN_DRAIN);
	return xenloop_nl_transact(c, msg, NULL, NULL);
}

static int op_iface_dump(struct xenloop_nl *nl, struct xenloop_nl_iface **list)
{
	return xenloop_nl_dump(xenloop_nl_client_of(nl), XENLOOP_CMD_IFACE_DUMP,
			       sizeof(**list), parse_iface, (void **)list);
}

static int op_peer_dump(struct xenloop_nl *nl, struct xenloop_nl_peer **list)
{
	return xenloop_nl_dump(xenloop_nl_client_of(nl), XENLOOP_CMD_PEER_DUMP,
			       sizeof(**list), parse_peer, (void **)list);
}

static int op_chan_dump(struct xenloop_nl *nl, struct xenloop_nl_chan **list)
{
	return xenloop_nl_dump(xenloop_nl_client_of(nl), XENLOOP_CMD_CHAN_DUMP,
			       sizeof(**list), parse_chan, (void **)list);
}

const struct xenloop_nl_ops xenloop_nl_libnl_ops = {
	.info = op_info,
	.set = op_set,
	.iface_attach = op_iface_attach,
	.iface_detach = op_iface_detach,
	.peer_add = op_peer_add,
	.peer_del = op_peer_del,
	.listen = op_listen,
	.connect = op_connect,
	.accept = op_accept,
	.activate = op_activate,
	.close = op_close,
	.iface_dump = op_iface_dump,
	.peer_dump = op_peer_dump,
	.chan_dump = op_chan_dump,
	.error = xenloop_nl_client_error,
	.fd = xenloop_nl_client_fd,
	.dispatch = xenloop_nl_client_dispatch,
	.free = xenloop_nl_client_free,
};
