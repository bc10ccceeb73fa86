/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_CONF_H
#define XENLOOP_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A strict reader of INI files: [section], key = value, comments from '#' at
 * the beginning of a line or after a blank. What it does not know is an error,
 * told as "file:line: text": unknown section or key, a key before the first
 * section, a key given twice, an empty value, a number that is not one or is
 * out of range, a line too long, a byte that is not printable.
 *
 * The caller describes its settings by a table and fills a new structure with
 * defaults before each load, so that a reload is: build new, swap, or keep the
 * old one.
 */

enum xenloop_conf_type {
	XENLOOP_CONF_BOOL,	/* bool: yes, no */
	XENLOOP_CONF_U32,	/* uint32_t within [min, max]; suffix K or M if .suffix */
	XENLOOP_CONF_CALL,	/* .call parses the value; .min, .max, .offset are its own */
};

struct xenloop_conf_error {
	char text[256];		/* "file:line: what", one line */
};

struct xenloop_conf_key {
	const char *section;
	const char *key;
	enum xenloop_conf_type type;
	uint32_t min;
	uint32_t max;
	bool suffix;		/* U32: 512K and 4M are understood (1024, 1024^2) */
	bool repeat;		/* CALL: may be given more than once */
	size_t offset;		/* of the field in the caller's structure */
	/*
	 * 0, or -errno with a short text in why[size] (without file and line).
	 * `conf` is the caller's structure, value is without blanks at its ends.
	 */
	int (*call)(void *conf, const char *value, char *why, size_t size);
};

/*
 * Parses text of len bytes (no NUL needed at its end) into conf; `name` is for
 * messages. 0, or -EINVAL (err filled in), or what a .call returned. On error
 * conf holds a part of the settings and is to be thrown away.
 */
int xenloop_conf_parse(const char *name, const char *text, size_t len,
		       const struct xenloop_conf_key *keys, size_t nr_keys,
		       void *conf, struct xenloop_conf_error *err);

/*
 * The same from a file of at most XENLOOP_CONF_MAX_FILE bytes. -ENOENT when
 * there is no such file: it is for the caller to say whether defaults will do.
 */
#define XENLOOP_CONF_MAX_FILE (256 * 1024)
int xenloop_conf_load(const char *path, const struct xenloop_conf_key *keys,
		      size_t nr_keys, void *conf,
		      struct xenloop_conf_error *err);

/*
 * Sets one key, given by its name without a section, in a structure that is
 * valid already. 0, -ENOENT when there is no such key, or as above; err->text
 * then has no file and line. On error conf is to be thrown away.
 */
int xenloop_conf_set(const char *key, const char *value,
		     const struct xenloop_conf_key *keys, size_t nr_keys,
		     void *conf, struct xenloop_conf_error *err);

#endif
