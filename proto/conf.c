// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A strict reader of INI files; see conf.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conf.h"

#define MAX_LINE 1024
#define MAX_KEYS 64

struct parser {
	const char *name;		/* NULL: no file, but one value */
	unsigned int line;
	const struct xenloop_conf_key *keys;
	size_t nr_keys;
	const char *section;		/* of the table; NULL before the first */
	unsigned int seen[MAX_KEYS];	/* line of each key, 0 if not given */
	void *conf;
	struct xenloop_conf_error *err;
};

__attribute__((format(printf, 2, 3)))
static int fail(struct parser *p, const char *fmt, ...)
{
	size_t size = sizeof(p->err->text);
	va_list ap;
	int len = 0;

	if (p->name)
		len = snprintf(p->err->text, size, "%s:%u: ", p->name, p->line);
	if (len >= 0 && (size_t)len < size) {
		va_start(ap, fmt);
		vsnprintf(p->err->text + len, size - len, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *s)
{
	char *end;

	while (is_blank(*s))
		s++;
	end = s + strlen(s);
	while (end > s && is_blank(end[-1]))
		end--;
	*end = '\0';
	return s;
}

static void cut_comment(char *s)
{
	for (char *c = s; *c; c++) {
		if (*c == '#' && (c == s || is_blank(c[-1]))) {
			*c = '\0';
			return;
		}
	}
}

static int parse_bool(struct parser *p, const struct xenloop_conf_key *key,
		      const char *value)
{
	bool *field = (bool *)((char *)p->conf + key->offset);

	if (!strcmp(value, "yes"))
		*field = true;
	else if (!strcmp(value, "no"))
		*field = false;
	else
		return fail(p, "%s: neither yes nor no: %s", key->key, value);
	return 0;
}

static uint64_t suffix_factor(char c)
{
	switch (c) {
	case 'K':
		return 1024;
	case 'M':
		return 1024 * 1024;
	default:
		return 0;
	}
}

static int parse_u32(struct parser *p, const struct xenloop_conf_key *key,
		     const char *value)
{
	uint32_t *field = (uint32_t *)((char *)p->conf + key->offset);
	const char *c = value;
	uint64_t v = 0;

	/* Ten digits can't overflow 64 bits, even times 2^20. */
	while (*c >= '0' && *c <= '9' && c - value < 10)
		v = v * 10 + (uint64_t)(*c++ - '0');
	if (c == value)
		return fail(p, "%s: not a number: %s", key->key, value);
	if (key->suffix && suffix_factor(*c))
		v *= suffix_factor(*c++);
	if (*c)
		return fail(p, "%s: not a number: %s", key->key, value);
	if (v < key->min || v > key->max)
		return fail(p, "%s: %s is not within %u and %u", key->key,
			    value, key->min, key->max);
	*field = (uint32_t)v;
	return 0;
}

static int parse_call(struct parser *p, const struct xenloop_conf_key *key,
		      const char *value)
{
	char why[160] = "bad value";
	int err = key->call(p->conf, value, why, sizeof(why));

	if (err)
		fail(p, "%s: %s", key->key, why);
	return err;
}

static int parse_value(struct parser *p, const struct xenloop_conf_key *key,
		       const char *value)
{
	switch (key->type) {
	case XENLOOP_CONF_BOOL:
		return parse_bool(p, key, value);
	case XENLOOP_CONF_U32:
		return parse_u32(p, key, value);
	case XENLOOP_CONF_CALL:
		return parse_call(p, key, value);
	}
	return -EINVAL;
}

static int parse_section(struct parser *p, char *line)
{
	char *end = strchr(line, ']');

	if (!end || end[1])
		return fail(p, "section without ']' at its end");
	*end = '\0';
	for (size_t i = 0; i < p->nr_keys; i++) {
		if (!strcmp(p->keys[i].section, line + 1)) {
			p->section = p->keys[i].section;
			return 0;
		}
	}
	return fail(p, "unknown section [%s]", line + 1);
}

static size_t find_key(const struct parser *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->nr_keys; i++)
		if (!strcmp(p->keys[i].section, p->section) &&
		    !strcmp(p->keys[i].key, name))
			break;
	return i;
}

static int parse_setting(struct parser *p, char *line)
{
	char *eq = strchr(line, '=');
	const char *name, *value;
	size_t i;

	if (!eq)
		return fail(p, "neither [section] nor key = value");
	*eq = '\0';
	name = trim(line);
	value = trim(eq + 1);
	if (!p->section)
		return fail(p, "%s: before the first [section]", name);
	i = find_key(p, name);
	if (i == p->nr_keys)
		return fail(p, "unknown key in [%s]: %s", p->section, name);
	if (p->seen[i] && !p->keys[i].repeat)
		return fail(p, "%s: given before, in line %u", name,
			    p->seen[i]);
	p->seen[i] = p->line;
	if (!*value)
		return fail(p, "%s: no value", name);
	return parse_value(p, &p->keys[i], value);
}

static int parse_line(struct parser *p, const char *text, size_t len)
{
	char buf[MAX_LINE];
	char *line;

	p->line++;
	if (len && text[len - 1] == '\r')
		len--;
	if (len >= sizeof(buf))
		return fail(p, "line longer than %zu characters",
			    sizeof(buf) - 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail(p, "byte 0x%02x in column %zu", c, i + 1);
		buf[i] = text[i];
	}
	buf[len] = '\0';
	cut_comment(buf);
	line = trim(buf);
	if (!*line)
		return 0;
	return *line == '[' ? parse_section(p, line) : parse_setting(p, line);
}

int xenloop_conf_parse(const char *name, const char *text, size_t len,
		       const struct xenloop_conf_key *keys, size_t nr_keys,
		       void *conf, struct xenloop_conf_error *err)
{
	struct parser p = {
		.name = name, .keys = keys, .nr_keys = nr_keys,
		.conf = conf, .err = err,
	};

	if (nr_keys > MAX_KEYS)
		return fail(&p, "more than %d keys in the table", MAX_KEYS);
	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;
		int ret = parse_line(&p, text, n);

		if (ret)
			return ret;
		n += nl != NULL;
		text += n;
		len -= n;
	}
	return 0;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

int xenloop_conf_set(const char *key, const char *value,
		     const struct xenloop_conf_key *keys, size_t nr_keys,
		     void *conf, struct xenloop_conf_error *err)
{
	struct parser p = { .conf = conf, .err = err };

	for (size_t i = 0; i < nr_keys; i++) {
		if (strcmp(keys[i].key, key))
			continue;
		if (!value[strspn(value, " ")] || !is_printable(value))
			return fail(&p, "%s: not one line of text", key);
		return parse_value(&p, &keys[i], value);
	}
	fail(&p, "no such setting: %.64s", key);
	return -ENOENT;
}

static int load_file(const char *path, char *buf, size_t size, size_t *len)
{
	FILE *f = fopen(path, "re");
	int err = 0;

	if (!f)
		return -errno;
	errno = 0;
	*len = fread(buf, 1, size, f);
	if (ferror(f))
		err = errno ? -errno : -EIO;
	else if (*len == size)
		err = -EFBIG;
	fclose(f);
	return err;
}

int xenloop_conf_load(const char *path, const struct xenloop_conf_key *keys,
		      size_t nr_keys, void *conf,
		      struct xenloop_conf_error *err)
{
	char *buf = malloc(XENLOOP_CONF_MAX_FILE + 1);
	size_t len = 0;
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = load_file(path, buf, XENLOOP_CONF_MAX_FILE + 1, &len);
	if (ret)
		snprintf(err->text, sizeof(err->text), "%s: %s", path,
			 strerror(-ret));
	else
		ret = xenloop_conf_parse(path, buf, len, keys, nr_keys, conf,
					 err);
	free(buf);
	return ret;
}
