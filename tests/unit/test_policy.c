// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xendiscoverd's configuration, and the policy it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xendiscoverd/settings.h"

static const uint8_t mac1[] = { 0, 0x16, 0x3e, 0, 0, 1 };
static const uint8_t mac2[] = { 0, 0x16, 0x3e, 0, 0, 2 };
static const uint8_t mac3[] = { 0, 0x16, 0x3e, 0, 0, 3 };

static const struct xenloop_party web1 = {
	"web-1", "11111111-1111-1111-1111-11111111111a", mac1
};
static const struct xenloop_party web2 = {
	"web-2", "22222222-2222-2222-2222-222222222222", mac2
};
static const struct xenloop_party db = {
	"db", "33333333-3333-3333-3333-333333333333", mac3
};

static struct xenloop_settings *parse(const char *text, const char **error)
{
	static struct xenloop_conf_error err;

	memset(&err, 0, sizeof(err));
	*error = err.text;
	return xenloop_settings_parse("f", text, strlen(text), &err);
}

/* Which of web1-web2, web1-db, web2-db may loop: bits 0 to 2. */
static int allowed(const struct xenloop_policy *p)
{
	const struct xenloop_party *pair[3][2] = {
		{ &web1, &web2 }, { &web1, &db }, { &web2, &db },
	};
	int bits = 0;

	for (int i = 0; i < 3; i++) {
		bool there = xenloop_policy_allows(p, pair[i][0], pair[i][1]);
		bool back = xenloop_policy_allows(p, pair[i][1], pair[i][0]);

		assert_int_equal(there, back);
		bits |= there << i;
	}
	return bits;
}

static void test_rules(void **state)
{
	static const struct {
		const char *text;
		int allowed;
	} cases[] = {
		{ "", 7 },
		{ "[policy]\ndefault = allow", 7 },
		{ "[policy]\ndefault = deny", 0 },
		{ "[policy]\ndeny = web-1 db", 5 },
		{ "[policy]\ndeny = db web-1", 5 },
		{ "[policy]\ndeny = db *", 1 },
		{ "[policy]\ndeny = *", 0 },
		{ "[policy]\ndeny = web-?", 6 },
		{ "[policy]\ndefault = deny\nallow = web-*", 1 },
		{ "[policy]\ndefault = deny\nallow = *\ndeny = db web-2", 3 },
		{ "[policy]\ndefault = deny\nallow = web-1 db\nallow = web-2 db", 6 },
		{ "[policy]\ndefault = deny\nallow = 11111111-1111-1111-1111-11111111111A db", 2 },
		{ "[policy]\ndefault = deny\nallow = 00:16:3E:00:00:02 db", 4 },
		{ "[policy]\ndeny = 00:16:3e:00:00:02 *", 2 },
		{ "[policy]\ndefault = deny\ngroup = g: web-2 00:16:3e:00:00:03\nallow = @g", 4 },
		{ "[policy]\ndefault = deny\nallow = @g web-1\ngroup = g: web-2 db", 3 },
		{ "[policy]\ndeny = web-[1-9] d[!a]*", 1 },
		{ "[policy]\ndeny = []w]eb-1 \\d\\b", 5 },
		{ "[policy]\ndeny = Web-1 *", 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *error;
		struct xenloop_settings *s = parse(cases[i].text, &error);

		if (!s)
			fail_msg("%s: %s", cases[i].text, error);
		if (allowed(&s->policy) != cases[i].allowed)
			fail_msg("%s: %d", cases[i].text, allowed(&s->policy));
		xenloop_settings_free(s);
	}
}

static void test_off(void **state)
{
	const char *error;
	struct xenloop_settings *s;

	(void)state;
	s = parse("[policy]\ngroup = g: db\noff = web-1 @g\noff = 00:16:3e:00:00:02",
		  &error);
	assert_non_null(s);
	assert_true(xenloop_policy_off(&s->policy, &web1));
	assert_true(xenloop_policy_off(&s->policy, &web2));
	assert_true(xenloop_policy_off(&s->policy, &db));
	xenloop_settings_free(s);
	s = parse("[policy]\noff = web-1", &error);
	assert_false(xenloop_policy_off(&s->policy, &web2));
	xenloop_settings_free(s);
}

/* Names that look odd, and are none the less. */
static void test_odd_names(void **state)
{
	static const char *const names[] = {
		"db-1", "cafe", "deadbeef", "a-1-2-3-4", "20240101120000",
		"1234567890", "fe-01", "web_1.example", "[d]eadbeef0001", "?",
		"00-16-3e-*", "a]", "\\[x", "-", "web-[[:digit:]]", "\\:",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *error;
		struct xenloop_settings *s;

		snprintf(text, sizeof(text), "[policy]\noff = %s", names[i]);
		s = parse(text, &error);
		if (!s)
			fail_msg("%s: %s", names[i], error);
		assert_int_equal(s->policy.off[0].kind, XENLOOP_SELECT_NAME);
		xenloop_settings_free(s);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "[policy]\ndefault = maybe", "f:2: default: neither allow nor deny: maybe" },
		{ "[policy]\nallow = a b c", "f:2: allow: takes one or two selectors" },
		{ "[policy]\nallow = @", "f:2: allow: neither name, UUID, MAC address nor @GROUP: @" },
		{ "[policy]\nallow = @g", "f: unknown group: @g" },
		{ "[policy]\noff = @g", "f: unknown group: @g" },
		{ "[policy]\ngroup = g web-1", "f:2: group: not NAME: SELECTOR..." },
		{ "[policy]\ngroup = : web-1", "f:2: group: not NAME: SELECTOR..." },
		{ "[policy]\ngroup = @g: web-1", "f:2: group: not NAME: SELECTOR..." },
		{ "[policy]\ngroup = g: @h", "f:2: group: a group can't hold a group: @h" },
		{ "[policy]\ngroup = g: a\ngroup = g: b", "f:3: group: group given before: g" },
		{ "[policy]\ngroup = shop:", "f:2: group: has no members: shop" },
		{ "[policy]\ngroup = shop:   # web-1", "f:2: group: has no members: shop" },
		{ "[policy]\ngroup = a,b: web-1", "f:2: group: not NAME: SELECTOR..." },
		{ "[policy]\ngroup = a: web-1, web-2", "f:2: group: a comma, where blanks separate: web-1," },
		{ "[policy]\noff = web-1,web-2", "f:2: off: a comma, where blanks separate: web-1,web-2" },
		/* In a name, ? stands for what can't be written. */
		{ "[policy]\ndeny = 00:16:3e:00:00:9 web-1", "f:2: deny: no MAC address: 00:16:3e:00:00:9" },
		{ "[policy]\noff = 01:00:5e:00:00:01", "f:2: off: no MAC address: 01:00:5e:00:00:01" },
		{ "[policy]\noff = 00:16:3e:*", "f:2: off: no MAC address: 00:16:3e:*" },
		{ "[policy]\noff = 00-16-3e-00-00-99", "f:2: off: neither MAC address nor UUID: 00-16-3e-00-00-99" },
		{ "[policy]\noff = 00163E000099", "f:2: off: neither MAC address nor UUID: 00163E000099" },
		{ "[policy]\noff = 11111111-1111-1111-1111-11111111111", "f:2: off: neither MAC address nor UUID: 11111111-1111-1111-1111-11111111111" },
		{ "[policy]\noff = 11111111111111111111111111111111", "f:2: off: neither MAC address nor UUID: 11111111111111111111111111111111" },
		{ "[policy]\nallow = web-[ab db", "f:2: allow: [ without ]: web-[ab" },
		{ "[policy]\nallow = web-[]", "f:2: allow: [ without ]: web-[]" },
		{ "[policy]\nallow = web\\", "f:2: allow: \\ at the end: web\\" },
		{ "[policy]\noff = w\xc3\xa9""b", "f:2: off: not ASCII; names have _ there: w\xc3\xa9""b" },
		{ "[limits]\nmax-messages = 0", "f:2: max-messages: 0 is not within 1 and 10000" },
		{ "[limits]\nmessages-per-second = many", "f:2: messages-per-second: not a number: many" },
		{ "[eligible]\nrate-limited = maybe", "f:2: rate-limited: neither yes nor no: maybe" },
		{ "[polcy]\ndefault = deny", "f:1: unknown section [polcy]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *error;

		assert_null(parse(cases[i].text, &error));
		assert_string_equal(error, cases[i].error);
	}
}

static char *read_delivered(size_t *len)
{
	FILE *f = fopen("systemd/xendiscoverd.conf", "r");
	char *text = calloc(1, 65536);

	assert_non_null(f);
	*len = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

static void assert_same(const struct xenloop_settings *a,
			const struct xenloop_settings *b)
{
	assert_int_equal(a->verbose, b->verbose);
	assert_memory_equal(&a->eligible, &b->eligible, sizeof(a->eligible));
	assert_int_equal(a->policy.deny_by_default, b->policy.deny_by_default);
	assert_int_equal(a->messages_per_second, b->messages_per_second);
	assert_int_equal(a->message_burst, b->message_burst);
	assert_int_equal(a->max_messages, b->max_messages);
}

/* The file as delivered says nothing; with "#key" made "key", the defaults. */
static void test_delivered_file(void **state)
{
	struct xenloop_settings *defaults, *delivered;
	const char *error;
	size_t len;
	char *text = read_delivered(&len);
	unsigned int settings = 0;

	(void)state;
	defaults = parse("", &error);
	delivered = parse(text, &error);
	if (!delivered)
		fail_msg("%s", error);
	assert_same(defaults, delivered);
	xenloop_settings_free(delivered);
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line == '#' && line[1] >= 'a' && line[1] <= 'z') {
			*line = ' ';
			settings++;
		}
	}
	delivered = parse(text, &error);
	if (!delivered)
		fail_msg("%s", error);
	assert_same(defaults, delivered);
	/* Each setting is there: 12 keys, those of policy with an example. */
	assert_int_equal(settings, 12);
	xenloop_settings_free(delivered);
	xenloop_settings_free(defaults);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_delivered_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
