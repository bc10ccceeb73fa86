// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The writing half of msg.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/msg.h"

struct text {
	char *buf;
	size_t size;
	size_t len;
	bool full;
};

static struct text text_of(char *buf, size_t size)
{
	if (size > XENLOOP_MSG_BUF)
		size = XENLOOP_MSG_BUF;
	return (struct text){ .buf = buf, .size = size };
}

__attribute__((format(printf, 2, 3)))
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

/* The length, or the error of the parser that read the text back. */
static int finish(const struct text *t, int err)
{
	if (t->full)
		return -EMSGSIZE;
	return err ? -EINVAL : (int)t->len;
}

char *xenloop_mac_format(const uint8_t mac[XENLOOP_MAC_LEN],
			 char buf[XENLOOP_MAC_STR])
{
	snprintf(buf, XENLOOP_MAC_STR, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

int xenloop_hello_format(const struct xenloop_hello *hello, char *buf,
			 size_t size)
{
	struct text t = text_of(buf, size);
	struct xenloop_hello back;

	add(&t, "xenloop %d\nepoch %016" PRIx64 "\nfeatures %08" PRIx32 "\n",
	    XENLOOP_PROTO_VERSION, hello->epoch, hello->features);
	return finish(&t, xenloop_hello_parse(buf, t.len, &back));
}

int xenloop_self_format(const struct xenloop_self *self, char *buf,
			size_t size)
{
	struct text t = text_of(buf, size);
	struct xenloop_self back;
	char mac[XENLOOP_MAC_STR];

	if (self->nr_vifs > XENLOOP_LINES_MAX)
		return -EMSGSIZE;
	add(&t, "xenloop %d\ndomid %" PRIu32 "\nepoch %016" PRIx64 "\n",
	    XENLOOP_PROTO_VERSION, self->domid, self->epoch);
	for (unsigned int i = 0; i < self->nr_vifs; i++)
		add(&t, "vif %" PRIu32 " %s %s\n", self->vif[i].vif,
		    xenloop_mac_format(self->vif[i].mac, mac),
		    self->vif[i].state);
	return finish(&t, xenloop_self_parse(buf, t.len, &back));
}

int xenloop_roster_format(const struct xenloop_roster *roster, char *buf,
			  size_t size)
{
	struct text t = text_of(buf, size);
	struct xenloop_roster back;
	char mac[XENLOOP_MAC_STR];

	if (roster->nr_links > XENLOOP_LINES_MAX)
		return -EMSGSIZE;
	add(&t, "xenloop %d\nepoch %016" PRIx64 "\nfeatures %08" PRIx32
	    "\nname %s\n", XENLOOP_PROTO_VERSION, roster->epoch,
	    roster->features, roster->name);
	for (unsigned int i = 0; i < roster->nr_links; i++)
		add(&t, "link %" PRIu32 " %" PRIu32 " %s\n",
		    roster->link[i].vif, roster->link[i].peer_vif,
		    xenloop_mac_format(roster->link[i].mac, mac));
	return finish(&t, xenloop_roster_parse(buf, t.len, &back));
}

static void add_args(struct text *t, const struct xenloop_msg *msg)
{
	switch (msg->verb) {
	case XENLOOP_VERB_REQUEST:
		break;
	case XENLOOP_VERB_OFFER:
		add(t, " size=%" PRIu32 " gref=%" PRIu32 " port=%" PRIu32
		    " features=%08" PRIx32, msg->size, msg->gref, msg->port,
		    msg->features);
		break;
	case XENLOOP_VERB_ACCEPT:
		add(t, " size=%" PRIu32 " gref=%" PRIu32 " features=%08" PRIx32,
		    msg->size, msg->gref, msg->features);
		break;
	case XENLOOP_VERB_BYE:
		add(t, " reason=%s", msg->reason);
		break;
	}
}

int xenloop_msg_format(const struct xenloop_msg *msg, char *buf, size_t size)
{
	struct text t = text_of(buf, size);
	struct xenloop_msg back;

	add(&t, "%s attempt=%" PRIu32 " from=%016" PRIx64 " to=%016" PRIx64,
	    xenloop_verb_name(msg->verb), msg->attempt, msg->from, msg->to);
	add_args(&t, msg);
	add(&t, "\n");
	return finish(&t, xenloop_msg_parse(buf, t.len, &back));
}

int xenloop_node_format(const struct xenloop_node *node, char *buf,
			size_t size)
{
	struct text t = text_of(buf, size);
	struct xenloop_node back;

	add(&t, "%" PRIu32 "-%" PRIu32 "-%" PRIu32, node->domid, node->vif,
	    node->peer_vif);
	if (t.full)
		return -EMSGSIZE;
	return finish(&t, xenloop_node_parse(buf, &back));
}
