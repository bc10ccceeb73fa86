// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Messages in XenStore nodes; see msg.h.
 *
 * All input is foreign. A cursor runs over the bytes once and never passes
 * their end; each helper either takes exactly what it names and moves on, or
 * returns false and the whole value is refused. The formatters check what they
 * wrote with the parser, so that nobody sends what nobody accepts.
 */
#include <errno.h>
#include <string.h>

#include "include/xenloop_fifo.h"
#include "proto/msg.h"

struct cursor {
	const char *p;
	const char *end;
};

static bool at_end(const struct cursor *c)
{
	return c->p == c->end;
}

static bool take(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(c->end - c->p) < len || memcmp(c->p, text, len))
		return false;
	c->p += len;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal, no sign, no leading zeros; at most max. */
static bool take_u32(struct cursor *c, uint32_t max, uint32_t *out)
{
	const char *start = c->p;
	uint64_t v = 0;

	while (c->p < c->end && is_digit(*c->p) && v <= max)
		v = v * 10 + (uint64_t)(*c->p++ - '0');
	if (c->p == start || v > max || (*start == '0' && c->p - start > 1))
		return false;
	*out = (uint32_t)v;
	return true;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly `digits` (at most 16) lower-case hexadecimal digits. */
static bool take_hex(struct cursor *c, unsigned int digits, uint64_t *out)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < digits)
		return false;
	while (digits--) {
		int d = hex_value(*c->p++);

		if (d < 0)
			return false;
		v = v << 4 | (uint64_t)d;
	}
	*out = v;
	return true;
}

static bool take_epoch(struct cursor *c, uint64_t *out)
{
	return take_hex(c, 16, out) && *out;
}

static bool take_features(struct cursor *c, uint32_t *out)
{
	uint64_t v;

	if (!take_hex(c, 8, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool take_mac(struct cursor *c, uint8_t mac[XENLOOP_MAC_LEN])
{
	static const uint8_t zero[XENLOOP_MAC_LEN];

	for (int i = 0; i < XENLOOP_MAC_LEN; i++) {
		uint64_t v;

		if ((i && !take(c, ":")) || !take_hex(c, 2, &v))
			return false;
		mac[i] = (uint8_t)v;
	}
	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero));
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

static bool is_name_char(char c)
{
	return c > ' ' && c < 0x7f;
}

/* One to `max` characters of a kind; out has room for a NUL more. */
static bool take_text(struct cursor *c, bool (*kind)(char), size_t max,
		      char *out)
{
	size_t len = 0;

	while (c->p < c->end && kind(*c->p)) {
		if (len == max)
			return false;
		out[len++] = *c->p++;
	}
	out[len] = '\0';
	return len;
}

static bool take_word(struct cursor *c, char *out)
{
	return take_text(c, is_word_char, XENLOOP_WORD_MAX, out);
}

/* The line every multi-line node begins with. */
static int open_node(struct cursor *c, const char *buf, size_t len)
{
	uint32_t version;

	if (len > XENLOOP_MSG_MAX)
		return -EMSGSIZE;
	c->p = buf;
	c->end = buf + len;
	if (!take(c, "xenloop ") || !take_u32(c, UINT32_MAX, &version) ||
	    !take(c, "\n"))
		return -EINVAL;
	return version == XENLOOP_PROTO_VERSION ? 0 : -EPROTONOSUPPORT;
}

int xenloop_hello_parse(const char *buf, size_t len, struct xenloop_hello *out)
{
	struct cursor c;
	int err = open_node(&c, buf, len);

	if (err)
		return err;
	if (!take(&c, "epoch ") || !take_epoch(&c, &out->epoch) ||
	    !take(&c, "\nfeatures ") || !take_features(&c, &out->features) ||
	    !take(&c, "\n") || !at_end(&c))
		return -EINVAL;
	return 0;
}

static bool take_vif(struct cursor *c, struct xenloop_self *self)
{
	struct xenloop_self_vif *v = &self->vif[self->nr_vifs];

	if (self->nr_vifs == XENLOOP_LINES_MAX || !take(c, "vif ") ||
	    !take_u32(c, XENLOOP_VIF_MAX, &v->vif) || !take(c, " ") ||
	    !take_mac(c, v->mac) || !take(c, " ") || !take_word(c, v->state) ||
	    !take(c, "\n"))
		return false;
	for (unsigned int i = 0; i < self->nr_vifs; i++)
		if (self->vif[i].vif == v->vif)
			return false;
	self->nr_vifs++;
	return true;
}

int xenloop_self_parse(const char *buf, size_t len, struct xenloop_self *out)
{
	struct cursor c;
	int err = open_node(&c, buf, len);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	if (!take(&c, "domid ") ||
	    !take_u32(&c, XENLOOP_DOMID_MAX, &out->domid) ||
	    !take(&c, "\nepoch ") || !take_hex(&c, 16, &out->epoch) ||
	    !take(&c, "\n"))
		return -EINVAL;
	while (!at_end(&c))
		if (!take_vif(&c, out))
			return -EINVAL;
	return 0;
}

static bool take_link(struct cursor *c, struct xenloop_roster *roster)
{
	struct xenloop_roster_link *l = &roster->link[roster->nr_links];

	if (roster->nr_links == XENLOOP_LINES_MAX || !take(c, "link ") ||
	    !take_u32(c, XENLOOP_VIF_MAX, &l->vif) || !take(c, " ") ||
	    !take_u32(c, XENLOOP_VIF_MAX, &l->peer_vif) || !take(c, " ") ||
	    !take_mac(c, l->mac) || !take(c, "\n"))
		return false;
	for (unsigned int i = 0; i < roster->nr_links; i++) {
		const struct xenloop_roster_link *o = &roster->link[i];

		if (o->vif == l->vif &&
		    (o->peer_vif == l->peer_vif ||
		     !memcmp(o->mac, l->mac, sizeof(l->mac))))
			return false;
	}
	roster->nr_links++;
	return true;
}

int xenloop_roster_parse(const char *buf, size_t len,
			 struct xenloop_roster *out)
{
	struct cursor c;
	int err = open_node(&c, buf, len);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	if (!take(&c, "epoch ") || !take_epoch(&c, &out->epoch) ||
	    !take(&c, "\nfeatures ") || !take_features(&c, &out->features) ||
	    !take(&c, "\nname ") ||
	    !take_text(&c, is_name_char, XENLOOP_NAME_MAX, out->name) ||
	    !take(&c, "\n"))
		return -EINVAL;
	while (!at_end(&c))
		if (!take_link(&c, out))
			return -EINVAL;
	return 0;
}

static const char *const verbs[] = {
	[XENLOOP_VERB_REQUEST] = "request",
	[XENLOOP_VERB_OFFER] = "offer",
	[XENLOOP_VERB_ACCEPT] = "accept",
	[XENLOOP_VERB_BYE] = "bye",
};

#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

const char *xenloop_verb_name(enum xenloop_verb verb)
{
	return verbs[verb];
}

static bool take_verb(struct cursor *c, enum xenloop_verb *verb)
{
	for (unsigned int i = 0; i < NR_VERBS; i++) {
		if (take(c, verbs[i])) {
			*verb = (enum xenloop_verb)i;
			return true;
		}
	}
	return false;
}

static bool take_size(struct cursor *c, uint32_t *size)
{
	return take(c, " size=") &&
	       take_u32(c, XENLOOP_FIFO_MAX_SIZE, size) &&
	       *size >= XENLOOP_FIFO_MIN_SIZE && !(*size & (*size - 1));
}

static bool take_gref(struct cursor *c, uint32_t *gref)
{
	return take(c, " gref=") && take_u32(c, UINT32_MAX, gref) && *gref;
}

static bool take_args(struct cursor *c, struct xenloop_msg *m)
{
	switch (m->verb) {
	case XENLOOP_VERB_REQUEST:
		return true;
	case XENLOOP_VERB_OFFER:
		return take_size(c, &m->size) && take_gref(c, &m->gref) &&
		       take(c, " port=") &&
		       take_u32(c, XENLOOP_PORT_MAX, &m->port) && m->port &&
		       take(c, " features=") && take_features(c, &m->features);
	case XENLOOP_VERB_ACCEPT:
		return take_size(c, &m->size) && take_gref(c, &m->gref) &&
		       take(c, " features=") && take_features(c, &m->features);
	case XENLOOP_VERB_BYE:
		return take(c, " reason=") && take_word(c, m->reason);
	}
	return false;
}

int xenloop_msg_parse(const char *buf, size_t len, struct xenloop_msg *out)
{
	struct cursor c = { buf, buf + len };

	if (len > XENLOOP_MSG_MAX)
		return -EMSGSIZE;
	memset(out, 0, sizeof(*out));
	if (!take_verb(&c, &out->verb) || !take(&c, " attempt=") ||
	    !take_u32(&c, UINT32_MAX, &out->attempt) || !out->attempt ||
	    !take(&c, " from=") || !take_epoch(&c, &out->from) ||
	    !take(&c, " to=") || !take_epoch(&c, &out->to) ||
	    !take_args(&c, out) || !take(&c, "\n") || !at_end(&c))
		return -EINVAL;
	return 0;
}

int xenloop_node_parse(const char *name, struct xenloop_node *out)
{
	struct cursor c = { name, name + strlen(name) };

	if (!take_u32(&c, XENLOOP_DOMID_MAX, &out->domid) || !take(&c, "-") ||
	    !take_u32(&c, XENLOOP_VIF_MAX, &out->vif) || !take(&c, "-") ||
	    !take_u32(&c, XENLOOP_VIF_MAX, &out->peer_vif) || !at_end(&c))
		return -EINVAL;
	return 0;
}

int xenloop_u32_parse(const char *text, uint32_t max, uint32_t *out)
{
	struct cursor c = { text, text + strlen(text) };

	return take_u32(&c, max, out) && at_end(&c) ? 0 : -EINVAL;
}

int xenloop_mac_parse(const char *text, uint8_t mac[XENLOOP_MAC_LEN])
{
	struct cursor c = { text, text + strlen(text) };

	return take_mac(&c, mac) && at_end(&c) ? 0 : -EINVAL;
}
