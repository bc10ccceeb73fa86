/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_FUZZ_STRINGS_H
#define XENLOOP_FUZZ_STRINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* For fuzzers whose input is a list of strings: paths and values. */

/* Our log lines go nowhere; libFuzzer and the sanitizers have their own way out. */
static inline void fuzz_be_quiet(void)
{
	stderr = fopen("/dev/null", "w");
}

/* The next string of the input, cut at max - 1 bytes. False at the end. */
static inline bool fuzz_next(const uint8_t **data, size_t *size, char *buf,
			     size_t max)
{
	const uint8_t *nul = memchr(*data, '\0', *size);
	size_t len = nul ? (size_t)(nul - *data) : *size;

	if (!*size)
		return false;
	snprintf(buf, max, "%.*s", (int)len, (const char *)*data);
	len += nul != NULL;
	*data += len;
	*size -= len;
	return true;
}

/* Would XenStore take that as the rest of a path? */
static inline bool fuzz_is_path(const char *path)
{
	return !strstr(path, "//") && *path != '/' &&
	       (!*path || path[strlen(path) - 1] != '/');
}

#endif
