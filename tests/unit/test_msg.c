// SPDX-License-Identifier: GPL-2.0 OR MIT
/* proto/msg: what is taken, what is refused, and that both halves agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/msg.h"

#define E1 "0123456789abcdef"
#define E2 "fedcba9876543210"

/* Parsers see memory of exactly the right size: reading on is an ASan error. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

enum kind { HELLO, SELF, ROSTER, MSG };

static int parse(enum kind kind, const char *text, size_t len)
{
	char *copy = exact(text, len);
	struct xenloop_hello hello;
	struct xenloop_self self;
	struct xenloop_roster roster;
	struct xenloop_msg msg;
	int err = -ENOSYS;

	switch (kind) {
	case HELLO:
		err = xenloop_hello_parse(copy, len, &hello);
		break;
	case SELF:
		err = xenloop_self_parse(copy, len, &self);
		break;
	case ROSTER:
		err = xenloop_roster_parse(copy, len, &roster);
		break;
	case MSG:
		err = xenloop_msg_parse(copy, len, &msg);
		break;
	}
	free(copy);
	return err;
}

struct row {
	enum kind kind;
	int err;
	const char *text;
};

#define HEAD	"xenloop 1\n"
#define VIF	"vif 0 00:16:3e:00:00:01 ok\n"
#define SELF5	HEAD "domid 5\nepoch " E1 "\n"
#define ROST	HEAD "epoch " E1 "\nfeatures 00000000\nname web-2\n"
#define FT	" from=" E1 " to=" E2
#define OFFER	"offer attempt=12" FT " size=524288 gref=8 port=17 features=00000000\n"

static const struct row rows[] = {
	{ HELLO, 0, HEAD "epoch " E1 "\nfeatures 00000000\n" },
	{ HELLO, 0, HEAD "epoch " E1 "\nfeatures ffffffff\n" },
	{ HELLO, -EINVAL, "" },
	{ HELLO, -EINVAL, "xenloop 1" },
	{ HELLO, -EINVAL, HEAD },
	{ HELLO, -EINVAL, HEAD "epoch " E1 "\nfeatures 00000000" },
	{ HELLO, -EINVAL, HEAD "epoch " E1 "\nfeatures 00000000\n\n" },
	{ HELLO, -EINVAL, HEAD "epoch " E1 "\nfeatures 0000000\n" },
	{ HELLO, -EINVAL, HEAD "epoch " E1 "\nfeatures 0000000G\n" },
	{ HELLO, -EINVAL, HEAD "epoch 0123456789ABCDEF\nfeatures 00000000\n" },
	{ HELLO, -EINVAL, HEAD "epoch 0000000000000000\nfeatures 00000000\n" },
	{ HELLO, -EINVAL, HEAD "epoch 123\nfeatures 00000000\n" },
	{ HELLO, -EINVAL, HEAD "features 00000000\nepoch " E1 "\n" },
	{ HELLO, -EINVAL, HEAD "epoch  " E1 "\nfeatures 00000000\n" },
	{ HELLO, -EINVAL, "xenloop 01\nepoch " E1 "\nfeatures 00000000\n" },
	{ HELLO, -EINVAL, "Xenloop 1\nepoch " E1 "\nfeatures 00000000\n" },
	{ HELLO, -EINVAL, "xenloop 4294967296\nepoch " E1 "\n" },
	{ HELLO, -EPROTONOSUPPORT, "xenloop 2\nwhatever comes\n" },
	{ HELLO, -EPROTONOSUPPORT, "xenloop 0\n" },
	{ HELLO, -EPROTONOSUPPORT, "xenloop 4294967295\n" },

	{ SELF, 0, SELF5 },
	{ SELF, 0, SELF5 VIF },
	{ SELF, 0, HEAD "domid 0\nepoch 0000000000000000\n" VIF },
	{ SELF, 0, HEAD "domid 32751\nepoch " E1 "\n" },
	{ SELF, 0, SELF5 VIF "vif 65535 02:00:00:00:00:00 rate-limited\n" },
	{ SELF, -EINVAL, HEAD "domid 32752\nepoch " E1 "\n" },
	{ SELF, -EINVAL, HEAD "domid -1\nepoch " E1 "\n" },
	{ SELF, -EINVAL, HEAD "domid +1\nepoch " E1 "\n" },
	{ SELF, -EINVAL, HEAD "domid 05\nepoch " E1 "\n" },
	{ SELF, -EINVAL, HEAD "domid \nepoch " E1 "\n" },
	{ SELF, -EINVAL, HEAD "domid 99999999999999999999\nepoch " E1 "\n" },
	{ SELF, -EINVAL, SELF5 VIF VIF },
	{ SELF, -EINVAL, SELF5 "vif 0 00:16:3e:00:00:01 ok" },
	{ SELF, -EINVAL, SELF5 "vif 0 00:16:3e:00:00:01 \n" },
	{ SELF, -EINVAL, SELF5 "vif 0 00:16:3e:00:00:01 not ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 00:16:3e:00:00:01 OK\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 00:16:3E:00:00:01 ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 01:16:3e:00:00:01 ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 ff:ff:ff:ff:ff:ff ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 00:00:00:00:00:00 ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 00-16-3e-00-00-01 ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 0:16:3e:00:00:01 ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 65536 00:16:3e:00:00:01 ok\n" },
	{ SELF, -EINVAL, SELF5 "vif 0 00:16:3e:00:00:01 "
			       "a234567890123456789012345678901x\n" },
	{ SELF, 0, SELF5 "vif 0 00:16:3e:00:00:01 "
			 "a23456789012345678901234567890x\n" },

	{ ROSTER, 0, ROST },
	{ ROSTER, 0, ROST "link 0 0 00:16:3e:00:00:07\n"
			  "link 1 0 00:16:3e:00:00:08\n" },
	{ ROSTER, 0, ROST "link 0 0 00:16:3e:00:00:07\n"
			  "link 1 0 00:16:3e:00:00:07\n" },
	{ ROSTER, -EINVAL, ROST "link 0 0 00:16:3e:00:00:07\n"
				"link 0 0 00:16:3e:00:00:08\n" },
	{ ROSTER, -EINVAL, ROST "link 0 0 00:16:3e:00:00:07\n"
				"link 0 1 00:16:3e:00:00:07\n" },
	{ ROSTER, -EINVAL, ROST "link 0 00:16:3e:00:00:07\n" },
	{ ROSTER, -EINVAL, ROST "link 0 0 00:16:3e:00:00:07 \n" },
	{ ROSTER, -EINVAL, ROST "\nlink 0 0 00:16:3e:00:00:07\n" },
	{ ROSTER, -EINVAL, HEAD "epoch " E1 "\nfeatures 00000000\nname \n" },
	{ ROSTER, -EINVAL, HEAD "epoch " E1 "\nfeatures 00000000\nname a b\n" },
	{ ROSTER, -EINVAL, HEAD "epoch " E1 "\nfeatures 00000000\n"
				"name caf\xc3\xa9\n" },
	{ ROSTER, -EINVAL, HEAD "epoch " E1 "\nfeatures 00000000\n"
				"name a\x1b[2J\n" },
	{ ROSTER, -EINVAL, HEAD "epoch 0000000000000000\nfeatures 00000000\n"
				"name web\n" },

	{ MSG, 0, "request attempt=7" FT "\n" },
	{ MSG, 0, "request attempt=4294967295" FT "\n" },
	{ MSG, -EINVAL, "request attempt=4294967296" FT "\n" },
	{ MSG, -EINVAL, "request attempt=18446744073709551617" FT "\n" },
	{ MSG, -EINVAL, "request attempt=0" FT "\n" },
	{ MSG, -EINVAL, "request attempt=7 to=" E2 " from=" E1 "\n" },
	{ MSG, -EINVAL, "request attempt=7" FT },
	{ MSG, -EINVAL, "request attempt=7" FT " \n" },
	{ MSG, -EINVAL, "request attempt=7" FT "\nx" },
	{ MSG, -EINVAL, "request attempt=7" FT " size=524288\n" },
	{ MSG, -EINVAL, "request  attempt=7" FT "\n" },
	{ MSG, -EINVAL, "request attempt= 7" FT "\n" },
	{ MSG, -EINVAL, "request attempt=0x7" FT "\n" },
	{ MSG, -EINVAL, "requests attempt=7" FT "\n" },
	{ MSG, -EINVAL, " request attempt=7" FT "\n" },
	{ MSG, 0, OFFER },
	{ MSG, 0, "offer attempt=1" FT
		  " size=131072 gref=4294967295 port=131071 features=00000001\n" },
	{ MSG, 0, "offer attempt=1" FT
		  " size=2097152 gref=1 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=65536 gref=1 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=4194304 gref=1 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=524289 gref=1 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=0 gref=1 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=4295491584 gref=1 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=524288 gref=0 port=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=524288 gref=1 port=0 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=524288 gref=1 port=131072 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=524288 gref=1 features=00000000\n" },
	{ MSG, -EINVAL, "offer attempt=1" FT
			" size=524288 gref=1 port=1\n" },
	{ MSG, 0, "accept attempt=12" FT
		  " size=524288 gref=9 features=00000000\n" },
	{ MSG, -EINVAL, "accept attempt=12" FT
			" size=524288 gref=9 port=1 features=00000000\n" },
	{ MSG, 0, "bye attempt=12" FT " reason=idle\n" },
	{ MSG, -EINVAL, "bye attempt=12" FT "\n" },
	{ MSG, -EINVAL, "bye attempt=12" FT " reason=\n" },
	{ MSG, -EINVAL, "bye attempt=12" FT " reason=two words\n" },
	{ MSG, -EINVAL, "bye attempt=12" FT " reason=$(reboot)\n" },
	{ MSG, -EINVAL, "hello attempt=12" FT "\n" },
	{ MSG, -EINVAL, "\n" },
	{ MSG, -EINVAL, "" },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		int err = parse(r->kind, r->text, strlen(r->text));

		if (err != r->err)
			fail_msg("row %zu: %d, not %d: %s", i, err, r->err,
				 r->text);
	}
}

/* No beginning of a good value is good, except whole self and roster lines. */
static void test_prefixes(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (r->err || r->kind == SELF || r->kind == ROSTER)
			continue;
		for (size_t len = 0; len < strlen(r->text); len++)
			assert_int_equal(parse(r->kind, r->text, len),
					 -EINVAL);
	}
}

static void test_nul_inside(void **state)
{
	static const char text[] = "request attempt=7" FT "\0\n";

	assert_int_equal(parse(MSG, text, sizeof(text) - 1), -EINVAL);
}

static void test_too_long(void **state)
{
	char text[XENLOOP_MSG_MAX + 1];

	memset(text, 'a', sizeof(text));
	for (int kind = HELLO; kind <= MSG; kind++) {
		assert_int_equal(parse(kind, text, sizeof(text)), -EMSGSIZE);
		assert_int_equal(parse(kind, text, sizeof(text) - 1), -EINVAL);
	}
}

static void test_fields(void **state)
{
	struct xenloop_roster roster;
	struct xenloop_msg msg;
	static const char text[] = ROST "link 1 2 00:16:3e:00:00:08\n";
	static const uint8_t mac[] = { 0, 0x16, 0x3e, 0, 0, 8 };

	assert_int_equal(xenloop_msg_parse(OFFER, strlen(OFFER), &msg), 0);
	assert_int_equal(msg.verb, XENLOOP_VERB_OFFER);
	assert_int_equal(msg.attempt, 12);
	assert_true(msg.from == 0x0123456789abcdefull);
	assert_true(msg.to == 0xfedcba9876543210ull);
	assert_int_equal(msg.size, 524288);
	assert_int_equal(msg.gref, 8);
	assert_int_equal(msg.port, 17);
	assert_int_equal(xenloop_roster_parse(text, strlen(text), &roster), 0);
	assert_string_equal(roster.name, "web-2");
	assert_int_equal(roster.nr_links, 1);
	assert_int_equal(roster.link[0].vif, 1);
	assert_int_equal(roster.link[0].peer_vif, 2);
	assert_memory_equal(roster.link[0].mac, mac, sizeof(mac));
}

static void test_format(void **state)
{
	struct xenloop_hello hello = { .epoch = 1, .features = 2 };
	struct xenloop_msg msg = {
		.verb = XENLOOP_VERB_ACCEPT,
		.attempt = 12,
		.from = 0x0123456789abcdefull,
		.to = 0xfedcba9876543210ull,
		.size = 524288,
		.gref = 9,
	};
	char buf[XENLOOP_MSG_BUF];

	assert_int_equal(xenloop_hello_format(&hello, buf, sizeof(buf)), 51);
	assert_string_equal(buf, HEAD "epoch 0000000000000001\n"
				      "features 00000002\n");
	assert_true(xenloop_msg_format(&msg, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "accept attempt=12" FT
				 " size=524288 gref=9 features=00000000\n");
	msg.verb = XENLOOP_VERB_BYE;
	strcpy(msg.reason, "idle");
	assert_true(xenloop_msg_format(&msg, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "bye attempt=12" FT " reason=idle\n");
}

/* Nothing goes out that would not come in. */
static void test_format_refuses(void **state)
{
	struct xenloop_msg msg = { .verb = XENLOOP_VERB_REQUEST,
				   .from = 1, .to = 1 };
	struct xenloop_hello hello = { .epoch = 0 };
	char buf[XENLOOP_MSG_BUF];

	assert_int_equal(xenloop_hello_format(&hello, buf, sizeof(buf)),
			 -EINVAL);
	assert_int_equal(xenloop_msg_format(&msg, buf, sizeof(buf)), -EINVAL);
	msg.attempt = 1;
	assert_true(xenloop_msg_format(&msg, buf, sizeof(buf)) > 0);
	assert_int_equal(xenloop_msg_format(&msg, buf, 10), -EMSGSIZE);
	msg.verb = XENLOOP_VERB_BYE;
	strcpy(msg.reason, "no good");
	assert_int_equal(xenloop_msg_format(&msg, buf, sizeof(buf)), -EINVAL);
}

/* As many links as fit into a node, and one more. */
static void test_full_roster(void **state)
{
	struct xenloop_roster roster = { .epoch = 1, .name = "x" }, back;
	char buf[XENLOOP_MSG_BUF];
	int len, last = 0;

	while (roster.nr_links < XENLOOP_LINES_MAX) {
		struct xenloop_roster_link *l;

		l = &roster.link[roster.nr_links];
		l->peer_vif = roster.nr_links++;
		l->mac[5] = (uint8_t)roster.nr_links;
		len = xenloop_roster_format(&roster, buf, sizeof(buf));
		if (len < 0)
			break;
		last = len;
		assert_int_equal(xenloop_roster_parse(buf, (size_t)len, &back),
				 0);
		assert_int_equal(back.nr_links, roster.nr_links);
	}
	assert_int_equal(len, -EMSGSIZE);
	assert_in_range(last, XENLOOP_MSG_MAX - 30, XENLOOP_MSG_MAX);
	roster.nr_links = XENLOOP_LINES_MAX + 1;
	assert_int_equal(xenloop_roster_format(&roster, buf, sizeof(buf)),
			 -EMSGSIZE);
}

static void test_nodes(void **state)
{
	static const char *const bad[] = {
		"", "1", "1-2", "1-2-", "-1-2-3", "1-2-3-4", "1-2-3 ",
		"1--2-3", "01-2-3", "32752-0-0", "1-65536-0", "1-0-65536",
		"a-b-c", "1/2/3", "1-2-99999999999999999999",
	};
	struct xenloop_node node;
	char buf[XENLOOP_NODE_STR];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(xenloop_node_parse(bad[i], &node), -EINVAL);
	assert_int_equal(xenloop_node_parse("32751-65535-0", &node), 0);
	assert_int_equal(node.domid, 32751);
	assert_int_equal(node.vif, 65535);
	assert_int_equal(node.peer_vif, 0);
	assert_int_equal(xenloop_node_format(&node, buf, sizeof(buf)), 13);
	assert_string_equal(buf, "32751-65535-0");
	assert_int_equal(xenloop_node_format(&node, buf, 13), -EMSGSIZE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_nul_inside),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_refuses),
		cmocka_unit_test(test_full_roster),
		cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
