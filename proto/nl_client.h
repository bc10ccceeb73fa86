/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What nl.c (transport) and nl_ops.c (requests) share, and nobody else. */
#ifndef XENLOOP_NL_CLIENT_H
#define XENLOOP_NL_CLIENT_H

#include <netlink/netlink.h>

#include "proto/nl.h"

struct xenloop_nl_client {
	struct xenloop_nl nl;		/* first */
	struct nl_sock *cmd;
	struct nl_sock *ev;
	struct nl_cb *cmd_cb;
	int family;
	const struct xenloop_nl_handler *handler;
	void *arg;
	char error[256];

	/* The request on its way. */
	int (*valid)(struct nlmsghdr *nlh, void *arg);
	void *valid_arg;
	int err;
	bool done;
};


static inline struct xenloop_nl_client *
xenloop_nl_client_of(struct xenloop_nl *nl)
{
	return (struct xenloop_nl_client *)nl;
}

extern const struct xenloop_nl_ops xenloop_nl_libnl_ops;

/* A request for transact() to send; NULL when there is no memory. */
struct nl_msg *xenloop_nl_request(struct xenloop_nl_client *c, uint8_t cmd,
				  int flags);

/*
 * Sends msg (NULL: there was no memory for it), frees it and waits for the
 * end. Each reply goes to valid (may be NULL).
 */
int xenloop_nl_transact(struct xenloop_nl_client *c, struct nl_msg *msg,
			int (*valid)(struct nlmsghdr *nlh, void *arg),
			void *arg);

/*
 * The number of objects of `size` bytes in *out, which is the caller's to free,
 * or -errno.
 */
int xenloop_nl_dump(struct xenloop_nl_client *c, uint8_t cmd, size_t size,
		    int (*parse)(struct nlmsghdr *nlh, void *out), void **out);

/* Makes c->cmd_cb tell c what comes in. */
void xenloop_nl_client_listen(struct xenloop_nl_client *c);
/* The same of c->ev. */
void xenloop_nl_client_hear(struct xenloop_nl_client *c);

const char *xenloop_nl_client_error(const struct xenloop_nl *nl);
int xenloop_nl_client_fd(const struct xenloop_nl *nl);
int xenloop_nl_client_dispatch(struct xenloop_nl *nl);
void xenloop_nl_client_free(struct xenloop_nl *nl);

#endif /* XENLOOP_NL_CLIENT_H */
