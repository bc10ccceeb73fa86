// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The INI reader: what it takes, and where it says what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/conf.h"

struct settings {
	bool flag;
	uint32_t number;
	uint32_t size;
	char name[8];
	unsigned int calls;
};

static int count_call(void *conf, const char *value, char *why, size_t size)
{
	struct settings *s = conf;

	s->calls++;
	if (strcmp(value, "bad"))
		return 0;
	snprintf(why, size, "I don't like it");
	return -EINVAL;
}

static int take_name(void *conf, const char *value, char *why, size_t size)
{
	struct settings *s = conf;

	snprintf(s->name, sizeof(s->name), "%s", value);
	return 0;
}

static const struct xenloop_conf_key keys[] = {
	{ .section = "a", .key = "flag", .type = XENLOOP_CONF_BOOL,
	  .offset = offsetof(struct settings, flag) },
	{ .section = "a", .key = "number", .type = XENLOOP_CONF_U32, .min = 2,
	  .max = 100, .offset = offsetof(struct settings, number) },
	{ .section = "a", .key = "size", .type = XENLOOP_CONF_U32,
	  .suffix = true, .min = 1, .max = UINT32_MAX,
	  .offset = offsetof(struct settings, size) },
	{ .section = "b", .key = "name", .type = XENLOOP_CONF_CALL,
	  .call = take_name },
	{ .section = "b", .key = "call", .type = XENLOOP_CONF_CALL,
	  .call = count_call, .repeat = true },
};

#define NR (sizeof(keys) / sizeof(keys[0]))

static int parse(const char *text, struct settings *s,
		 struct xenloop_conf_error *err)
{
	memset(s, 0, sizeof(*s));
	memset(err, 0, sizeof(*err));
	return xenloop_conf_parse("f", text, strlen(text), keys, NR, s, err);
}

static void test_good(void **state)
{
	struct xenloop_conf_error err;
	struct settings s;

	(void)state;
	assert_int_equal(parse("# comment\n\n[a]\nflag = yes # indeed\r\n"
			       "\tnumber=100\nsize = 4M\n[b]\nname = a#b c\n"
			       "call = 1\ncall = 2\n[a]",
			       &s, &err), 0);
	assert_true(s.flag);
	assert_int_equal(s.number, 100);
	assert_int_equal(s.size, 4 << 20);
	assert_string_equal(s.name, "a#b c");
	assert_int_equal(s.calls, 2);
	assert_int_equal(parse("", &s, &err), 0);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "x = 1", "f:1: x: before the first [section]" },
		{ "[c]", "f:1: unknown section [c]" },
		{ "[a", "f:1: section without ']' at its end" },
		{ "[a] x", "f:1: section without ']' at its end" },
		{ "[a]\nname = x", "f:2: unknown key in [a]: name" },
		{ "[a]\nnonsense", "f:2: neither [section] nor key = value" },
		{ "[a]\nflag =", "f:2: flag: no value" },
		{ "[a]\nflag = # x", "f:2: flag: no value" },
		{ "[a]\nflag = 1", "f:2: flag: neither yes nor no: 1" },
		{ "[a]\nflag = yes\n\nflag = yes", "f:4: flag: given before, in line 2" },
		{ "[a]\nnumber = 1", "f:2: number: 1 is not within 2 and 100" },
		{ "[a]\nnumber = 101", "f:2: number: 101 is not within 2 and 100" },
		{ "[a]\nnumber = -3", "f:2: number: not a number: -3" },
		{ "[a]\nnumber = 0x10", "f:2: number: not a number: 0x10" },
		{ "[a]\nnumber = 7 8", "f:2: number: not a number: 7 8" },
		{ "[a]\nnumber = 7K", "f:2: number: not a number: 7K" },
		{ "[a]\nnumber = 4294967298", "f:2: number: 4294967298 is not within 2 and 100" },
		{ "[a]\nnumber = 18446744073709551618", "f:2: number: not a number: 18446744073709551618" },
		{ "[a]\nsize = 4096M", "f:2: size: 4096M is not within 1 and 4294967295" },
		{ "[a]\nsize = 4MM", "f:2: size: not a number: 4MM" },
		{ "[b]\nname = x\nname = y", "f:3: name: given before, in line 2" },
		{ "[b]\ncall = bad", "f:2: call: I don't like it" },
		{ "[b]\nname = \001", "f:2: byte 0x01 in column 8" },
	};
	struct xenloop_conf_error err;
	struct settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, &s, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].error);
	}
}

static void test_bytes(void **state)
{
	static const char nul[] = "[a]\nflag = y\0es\n";
	struct xenloop_conf_error err;
	char *line = malloc(5000);
	struct settings s;

	(void)state;
	assert_int_equal(xenloop_conf_parse("f", nul, sizeof(nul) - 1, keys,
					    NR, &s, &err), -EINVAL);
	assert_string_equal(err.text, "f:2: byte 0x00 in column 9");
	memset(line, 'x', 5000);
	assert_int_equal(xenloop_conf_parse("f", line, 5000, keys, NR, &s,
					    &err), -EINVAL);
	assert_string_equal(err.text, "f:1: line longer than 1023 characters");
	free(line);
}

static void test_file(void **state)
{
	char path[] = "/tmp/xenloop-test-XXXXXX";
	struct xenloop_conf_error err;
	struct settings s = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[a]\nnumber = 5\n", 15), 15);
	assert_int_equal(xenloop_conf_load(path, keys, NR, &s, &err), 0);
	assert_int_equal(s.number, 5);
	assert_int_equal(ftruncate(fd, XENLOOP_CONF_MAX_FILE + 1), 0);
	assert_int_equal(xenloop_conf_load(path, keys, NR, &s, &err), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(xenloop_conf_load(path, keys, NR, &s, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_true(xenloop_conf_load("/tmp", keys, NR, &s, &err) < 0);
}

static void test_set(void **state)
{
	struct xenloop_conf_error err = { .text = "" };
	struct settings s = { .number = 7 };

	(void)state;
	assert_int_equal(xenloop_conf_set("number", "9", keys, NR, &s, &err),
			 0);
	assert_int_equal(s.number, 9);
	assert_int_equal(xenloop_conf_set("number", "1", keys, NR, &s, &err),
			 -EINVAL);
	assert_string_equal(err.text, "number: 1 is not within 2 and 100");
	assert_int_equal(xenloop_conf_set("name", "a\tb", keys, NR, &s, &err),
			 -EINVAL);
	assert_string_equal(err.text, "name: not one line of text");
	assert_int_equal(xenloop_conf_set("name", "  ", keys, NR, &s, &err),
			 -EINVAL);
	assert_int_equal(xenloop_conf_set("nonsense", "1", keys, NR, &s, &err),
			 -ENOENT);
	assert_string_equal(err.text, "no such setting: nonsense");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
