/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The text that XenStore nodes hold (docs/protocol.md): parse and format.
 *
 * Pure functions, no allocation, no I/O. Every parser takes (buf, len), needs
 * no NUL at the end, accepts exactly the grammar of docs/protocol.md and
 * nothing else, and leaves *out undefined when it fails. All return 0 or
 *
 *	-EMSGSIZE		longer than XENLOOP_MSG_MAX
 *	-EPROTONOSUPPORT	first line names another protocol version
 *	-EINVAL			anything else
 *
 * Every formatter writes a NUL-terminated text and returns its length without
 * the NUL, -EMSGSIZE when it does not fit into size or XENLOOP_MSG_MAX, or
 * -EINVAL when the structure holds what the parser would refuse.
 */
#ifndef XENLOOP_MSG_H
#define XENLOOP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XENLOOP_PROTO_VERSION	1
#define XENLOOP_MSG_MAX		1024	/* bytes of a node's value */
#define XENLOOP_MSG_BUF		(XENLOOP_MSG_MAX + 1)
#define XENLOOP_MAC_LEN		6
#define XENLOOP_MAC_STR		18	/* xx:xx:xx:xx:xx:xx and NUL */
#define XENLOOP_NAME_MAX	63	/* bytes of a domain's name */
#define XENLOOP_WORD_MAX	31	/* bytes of a state or reason */
#define XENLOOP_LINES_MAX	40	/* more don't fit into a value */
#define XENLOOP_NODE_STR	24	/* P-V-W and NUL */

#define XENLOOP_DOMID_MAX	0x7fefu	/* below DOMID_FIRST_RESERVED */
#define XENLOOP_VIF_MAX		65535u
#define XENLOOP_PORT_MAX	((1u << 17) - 1)

/* data/xenloop/hello */
struct xenloop_hello {
	uint64_t epoch;			/* never 0 */
	uint32_t features;
};

struct xenloop_self_vif {
	uint32_t vif;			/* handle */
	uint8_t mac[XENLOOP_MAC_LEN];	/* unicast, never all zero */
	char state[XENLOOP_WORD_MAX + 1]; /* "ok", or why not */
};

/* xenloop/self */
struct xenloop_self {
	uint32_t domid;
	uint64_t epoch;			/* 0: Dom0 has read no hello yet */
	unsigned int nr_vifs;
	struct xenloop_self_vif vif[XENLOOP_LINES_MAX]; /* no handle twice */
};

struct xenloop_roster_link {
	uint32_t vif;			/* local handle */
	uint32_t peer_vif;
	uint8_t mac[XENLOOP_MAC_LEN];	/* the peer vif's */
};

/* xenloop/roster/P */
struct xenloop_roster {
	uint64_t epoch;			/* the peer's, never 0 */
	uint32_t features;
	char name[XENLOOP_NAME_MAX + 1]; /* printable ASCII, no blanks */
	unsigned int nr_links;
	/* no (vif, peer_vif) and no (vif, mac) twice */
	struct xenloop_roster_link link[XENLOOP_LINES_MAX];
};

enum xenloop_verb {
	XENLOOP_VERB_REQUEST,
	XENLOOP_VERB_OFFER,
	XENLOOP_VERB_ACCEPT,
	XENLOOP_VERB_BYE,
};

/* data/xenloop/to/P-V-W and xenloop/from/P-V-W */
struct xenloop_msg {
	enum xenloop_verb verb;
	uint32_t attempt;		/* all verbs; 1 to 2^32 - 1 */
	uint64_t from;			/* sender's epoch, never 0 */
	uint64_t to;			/* receiver's epoch, never 0 */
	uint32_t size;			/* offer, accept: bytes of the data area */
	uint32_t gref;			/* offer, accept; never 0 */
	uint32_t port;			/* offer; 1 to XENLOOP_PORT_MAX */
	uint32_t features;		/* offer, accept */
	char reason[XENLOOP_WORD_MAX + 1]; /* bye */
};

/* The name P-V-W of a message node. */
struct xenloop_node {
	uint32_t domid;			/* the other domain */
	uint32_t vif;			/* V: the node's owner's vif */
	uint32_t peer_vif;		/* W: the other domain's vif */
};

int xenloop_hello_parse(const char *buf, size_t len, struct xenloop_hello *out);
int xenloop_hello_format(const struct xenloop_hello *hello, char *buf,
			 size_t size);

int xenloop_self_parse(const char *buf, size_t len, struct xenloop_self *out);
int xenloop_self_format(const struct xenloop_self *self, char *buf,
			size_t size);

int xenloop_roster_parse(const char *buf, size_t len,
			 struct xenloop_roster *out);
int xenloop_roster_format(const struct xenloop_roster *roster, char *buf,
			  size_t size);

int xenloop_msg_parse(const char *buf, size_t len, struct xenloop_msg *out);
int xenloop_msg_format(const struct xenloop_msg *msg, char *buf, size_t size);

/* "request", "offer", "accept" or "bye". */
const char *xenloop_verb_name(enum xenloop_verb verb);

/* P-V-W; name is NUL-terminated. */
int xenloop_node_parse(const char *name, struct xenloop_node *out);
int xenloop_node_format(const struct xenloop_node *node, char *buf,
			size_t size);

/* One decimal number without sign, blanks or leading zeros, at most max. */
int xenloop_u32_parse(const char *text, uint32_t max, uint32_t *out);

/* xx:xx:xx:xx:xx:xx, lower case, unicast, not all zero. */
int xenloop_mac_parse(const char *text, uint8_t mac[XENLOOP_MAC_LEN]);
/* Returns buf. */
char *xenloop_mac_format(const uint8_t mac[XENLOOP_MAC_LEN],
			 char buf[XENLOOP_MAC_STR]);

#endif /* XENLOOP_MSG_H */
