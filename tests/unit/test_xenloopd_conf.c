// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What the delivered file and the man page say of xenloopd's settings is so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conf.h"
#include "xenloopd/xenloopd.h"

#define NR_SETTINGS	10

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

/* Is setting `name` by default what `value` makes it? */
static void assert_default(const char *name, const char *value)
{
	const struct xenloop_conf_key *key = xenloopd_settings_key(name);
	struct xenloopd_settings defaults, s;
	char why[256];

	if (!key)
		fail_msg("there is no setting %s", name);
	xenloopd_settings_default(&defaults);
	s = defaults;
	if (xenloopd_settings_set(&s, name, value, why, sizeof(why)))
		fail_msg("%s = %s: %s", name, value, why);
	/* Interfaces are a list, all others but this one numbers. */
	if (s.nr_ifnames != defaults.nr_ifnames ||
	    s.verbose != defaults.verbose ||
	    (key->max && memcmp((char *)&s + key->offset,
				(char *)&defaults + key->offset,
				sizeof(uint32_t))))
		fail_msg("%s is not %s by default", name, value);
}

/* "#key = value", once for each; a comment has a blank after the sign. */
static void test_delivered_file(void **state)
{
	char *text = read_file("systemd/xenloopd.conf"), *save = NULL;
	char *line = strtok_r(text, "\n", &save);
	unsigned int settings = 0;
	char name[64], value[64];

	for (; line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#' && (line[1] == ' ' || !line[1]))
			continue;
		if (*line == '[')
			continue;
		assert_int_equal(sscanf(line, "#%63[a-z-] = %63s", name, value),
				 2);
		assert_default(name, value);
		settings++;
	}
	assert_int_equal(settings, NR_SETTINGS);
	free(text);
}

/* As people write it. */
static void format_bytes(uint32_t number, bool bytes, char *text, size_t size)
{
	if (bytes && number % (1 << 20) == 0)
		snprintf(text, size, "%uM", number >> 20);
	else
		snprintf(text, size, "%u", number);
}

static void without_backslashes(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (*text != '\\')
			*to++ = *text;
	*to = '\0';
}

/* `text`: all that the page says of it. */
static void assert_maximum(const char *name, const char *text)
{
	const struct xenloop_conf_key *key = xenloopd_settings_key(name);
	char max[16];

	format_bytes(key->max, key->suffix || key->call, max, sizeof(max));
	if (key->max && !strstr(text, max))
		fail_msg("%s: its maximum, %s, is missing", name, max);
}

/* .BR key " (default value)", and then how much it may be. */
static void test_man_page(void **state)
{
	char *page = read_file("docs/man/xenloopd.conf.5");
	unsigned int settings = 0;
	char name[64], value[64];
	char *text, *next;

	without_backslashes(page);
	for (text = strstr(page, ".TP\n"); text; text = next) {
		text += strlen(".TP\n");
		next = strstr(text, ".TP\n");
		if (next)
			*next = '\0';
		assert_int_equal(sscanf(text,
					".BR %63[a-z-] \" (default %63[^)])\"",
					name, value), 2);
		assert_default(name, value);
		assert_maximum(name, text);
		settings++;
	}
	assert_int_equal(settings, NR_SETTINGS);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delivered_file),
		cmocka_unit_test(test_man_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
