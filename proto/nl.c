// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Client of the family "xenloop" over libnl; see nl.h.
 *
 * Two sockets: one for requests, blocking, and one for events, non-blocking,
 * so that an event can never be taken for an answer. libnl's error numbers
 * lose information; the kernel's errno and its extack text are taken from the
 * error message itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/family.h>
#include <netlink/genl/genl.h>

#include "proto/nl_client.h"
#include "proto/nl_codec.h"

#define DUMP_TRIES	10
#define EVENT_RCVBUF	(1 << 20)	/* bytes */

static void set_error(struct xenloop_nl_client *c, const char *text)
{
	snprintf(c->error, sizeof(c->error), "%s", text);
}

static int fail(struct xenloop_nl_client *c, int err)
{
	set_error(c, strerror(-err));
	return err;
}

static int fail_nl(struct xenloop_nl_client *c, int nlerr)
{
	set_error(c, nl_geterror(nlerr));
	switch (-nlerr) {
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	default:
		return -EIO;
	}
}

/* The kernel's words behind the error, if it added any. */
static const char *extack_text(struct nlmsgerr *err, struct nlattr **tb)
{
	struct nlmsghdr *nlh =
		(struct nlmsghdr *)((char *)err - NLMSG_HDRLEN);
	size_t skip = NLMSG_HDRLEN + sizeof(*err);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - sizeof(err->msg);
	if (nlh->nlmsg_len <= skip ||
	    nla_parse(tb, NLMSGERR_ATTR_MAX,
		      (struct nlattr *)((char *)nlh + skip),
		      (int)(nlh->nlmsg_len - skip), NULL) < 0 ||
	    !tb[NLMSGERR_ATTR_MSG])
		return NULL;
	return nla_get_string(tb[NLMSGERR_ATTR_MSG]);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	struct xenloop_nl_client *c = arg;
	const char *text = extack_text(err, tb);

	(void)from;
	fail(c, err->error);
	if (text)
		set_error(c, text);
	c->err = err->error;
	c->done = true;
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct xenloop_nl_client *c = arg;

	(void)msg;
	c->done = true;
	return NL_STOP;
}

/* The end of a dump carries the dump's own error. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct xenloop_nl_client *c = arg;
	int err = 0;

	if (nlmsg_datalen(nlh) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(nlh), sizeof(err));
	if (err < 0 && !c->err)
		c->err = fail(c, err);
	c->done = true;
	return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct xenloop_nl_client *c = arg;
	int err;

	if (!c->valid)
		return NL_OK;
	err = c->valid(nlmsg_hdr(msg), c->valid_arg);
	if (err && !c->err)
		c->err = fail(c, err);
	return NL_OK;
}

struct nl_msg *xenloop_nl_request(struct xenloop_nl_client *c, uint8_t cmd,
				  int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg)
		return NULL;
	if (genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, c->family, 0, flags,
			cmd, XENLOOP_FAMILY_VERSION))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int xenloop_nl_transact(struct xenloop_nl_client *c, struct nl_msg *msg,
			int (*valid)(struct nlmsghdr *nlh, void *arg),
			void *arg)
{
	int err;

	if (!msg)
		return fail(c, -ENOMEM);
	c->valid = valid;
	c->valid_arg = arg;
	c->err = 0;
	c->done = false;
	c->error[0] = '\0';
	err = nl_send_auto(c->cmd, msg);
	nlmsg_free(msg);
	while (err >= 0 && !c->done)
		err = nl_recvmsgs(c->cmd, c->cmd_cb);
	if (err == -NLE_DUMP_INTR)
		return fail(c, -EAGAIN);
	if (err < 0 && !c->err)
		return fail_nl(c, err);
	return c->err;
}

/* An array that grows while a dump comes in. */
struct list {
	char *item;
	size_t size;			/* of one */
	int nr;
	int room;
	int (*parse)(struct nlmsghdr *nlh, void *out);
};

static int add_item(struct nlmsghdr *nlh, void *arg)
{
	struct list *l = arg;
	int err;

	if (l->nr == l->room) {
		int room = l->room ? l->room * 2 : 8;
		void *p = realloc(l->item, (size_t)room * l->size);

		if (!p)
			return -ENOMEM;
		l->item = p;
		l->room = room;
	}
	err = l->parse(nlh, l->item + (size_t)l->nr * l->size);
	if (!err)
		l->nr++;
	return err;
}

int xenloop_nl_dump(struct xenloop_nl_client *c, uint8_t cmd, size_t size,
		    int (*parse)(struct nlmsghdr *nlh, void *out), void **out)
{
	struct list l = { .size = size, .parse = parse };
	int err = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && err == -EAGAIN; i++) {
		l.nr = 0;
		err = xenloop_nl_transact(c, xenloop_nl_request(c, cmd,
								NLM_F_DUMP),
					  add_item, &l);
	}
	if (err || !l.nr) {
		free(l.item);
		l.item = NULL;
	}
	*out = l.item;
	return err ? err : l.nr;
}

const char *xenloop_nl_client_error(const struct xenloop_nl *nl)
{
	return ((const struct xenloop_nl_client *)nl)->error;
}

int xenloop_nl_client_fd(const struct xenloop_nl *nl)
{
	return nl_socket_get_fd(((const struct xenloop_nl_client *)nl)->ev);
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct xenloop_nl_client *c = arg;
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct xenloop_nl_event event;

	/* Only the kernel has port 0. */
	if (nlmsg_get_src(msg)->nl_pid || nlh->nlmsg_type != c->family ||
	    !genlmsg_valid_hdr(nlh, 0) ||
	    genlmsg_hdr(nlh)->cmd != XENLOOP_CMD_EVENT)
		return NL_SKIP;
	if (!xenloop_nl_parse_event(nlh, &event))
		c->handler->event(c->arg, &event);
	return NL_OK;
}

/*
 * ENOBUFS, which libnl turns into NLE_NOMEM, means that the kernel had to drop
 * events; the socket works on. Real lack of memory is answered alike.
 */
int xenloop_nl_client_dispatch(struct xenloop_nl *nl)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);
	bool lost = false;
	int err;

	do {
		err = nl_recvmsgs_default(c->ev);
		lost |= err == -NLE_NOMEM;
	} while (err >= 0 || err == -NLE_NOMEM);
	if (lost)
		c->handler->resync(c->arg);
	return err == -NLE_AGAIN ? 0 : fail_nl(c, err);
}

void xenloop_nl_client_free(struct xenloop_nl *nl)
{
	struct xenloop_nl_client *c = xenloop_nl_client_of(nl);

	if (c->cmd_cb)
		nl_cb_put(c->cmd_cb);
	nl_socket_free(c->cmd);
	nl_socket_free(c->ev);
	free(c);
}

static int check_version(struct xenloop_nl_client *c)
{
	struct genl_family *family;
	struct nl_cache *cache;
	unsigned int version;
	int err = genl_ctrl_alloc_cache(c->cmd, &cache);

	if (err < 0)
		return fail_nl(c, err);
	family = genl_ctrl_search_by_name(cache, XENLOOP_FAMILY_NAME);
	version = family ? genl_family_get_version(family) : 0;
	nl_object_put((struct nl_object *)family);
	nl_cache_free(cache);
	if (!family)
		return -ENOENT;
	return version == XENLOOP_FAMILY_VERSION ? 0 : -EPROTO;
}

void xenloop_nl_client_listen(struct xenloop_nl_client *c)
{
	nl_cb_set(c->cmd_cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, c);
	nl_cb_set(c->cmd_cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, c);
	nl_cb_set(c->cmd_cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, c);
	nl_cb_err(c->cmd_cb, NL_CB_CUSTOM, on_error, c);
}

/* The kernel would start modprobe each time it is asked for a family that is not there. */
static bool has_module(void)
{
	return !access("/sys/module/xenloop", F_OK);
}

static int open_requests(struct xenloop_nl_client *c)
{
	int one = 1;
	int err;

	if (!has_module())
		return -ENOENT;
	c->cmd = nl_socket_alloc();
	c->cmd_cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!c->cmd || !c->cmd_cb)
		return -ENOMEM;
	err = genl_connect(c->cmd);
	if (err < 0)
		return fail_nl(c, err);
	if (setsockopt(nl_socket_get_fd(c->cmd), SOL_NETLINK, NETLINK_EXT_ACK,
		       &one, sizeof(one)))
		return -errno;
	xenloop_nl_client_listen(c);
	c->family = genl_ctrl_resolve(c->cmd, XENLOOP_FAMILY_NAME);
	return c->family < 0 ? fail_nl(c, c->family) : check_version(c);
}

void xenloop_nl_client_hear(struct xenloop_nl_client *c)
{
	nl_socket_disable_seq_check(c->ev);
	nl_socket_modify_cb(c->ev, NL_CB_VALID, NL_CB_CUSTOM, on_event, c);
}

static int open_events(struct xenloop_nl_client *c)
{
	int group = genl_ctrl_resolve_grp(c->cmd, XENLOOP_FAMILY_NAME,
					  XENLOOP_MCGRP_EVENTS);
	int err;

	if (group < 0)
		return fail_nl(c, group);
	c->ev = nl_socket_alloc();
	if (!c->ev)
		return -ENOMEM;
	xenloop_nl_client_hear(c);
	err = genl_connect(c->ev);
	if (err >= 0)
		err = nl_socket_set_buffer_size(c->ev, EVENT_RCVBUF, 0);
	if (err >= 0)
		err = nl_socket_set_nonblocking(c->ev);
	if (err >= 0)
		err = nl_socket_add_membership(c->ev, group);
	return err < 0 ? fail_nl(c, err) : 0;
}

int xenloop_nl_open(const struct xenloop_nl_handler *handler, void *arg,
		    struct xenloop_nl **out)
{
	struct xenloop_nl_client *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->nl.ops = &xenloop_nl_libnl_ops;
	c->handler = handler;
	c->arg = arg;
	err = open_requests(c);
	if (!err)
		err = open_events(c);
	if (err) {
		xenloop_nl_client_free(&c->nl);
		return err;
	}
	*out = &c->nl;
	return 0;
}
