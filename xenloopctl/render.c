// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Tables and lists for people. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "render.h"

#define CELL_SIZE 96
#define MAX_COLUMNS 16

/* Printable ASCII only: what is shown may have come from another guest. */
static bool is_shown(char c)
{
	return c >= ' ' && c <= '~';
}

static void format_text(char *cell, const char *text)
{
	size_t i;

	for (i = 0; text[i] && i < CELL_SIZE - 1; i++)
		cell[i] = is_shown(text[i]) ? text[i] : '?';
	cell[i] = '\0';
}

static void format_bytes(char *cell, uint64_t bytes)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = bytes / 1024.0;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(cell, CELL_SIZE, "%" PRIu64 " B", bytes);
		return;
	}
	for (; value >= 1023.95 && i < 4; i++)
		value /= 1024;
	snprintf(cell, CELL_SIZE, "%.1f %s", value, unit[i]);
}

static void format_ms(char *cell, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		snprintf(cell, CELL_SIZE, "%" PRIu64 ".%" PRIu64 "s", s,
			 ms % 1000 / 100);
	else if (s < 3600)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "m%02" PRIu64 "s", s / 60,
			 s % 60);
	else if (s < 86400)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "h%02" PRIu64 "m",
			 s / 3600, s / 60 % 60);
	else
		snprintf(cell, CELL_SIZE, "%" PRIu64 "d%02" PRIu64 "h",
			 s / 86400, s / 3600 % 24);
}

static void format_value(char *cell, const json_t *value,
			 enum xenloop_cell kind)
{
	json_int_t n = json_integer_value(value);

	if (json_is_integer(value) && kind == XENLOOP_CELL_BYTES)
		format_bytes(cell, n < 0 ? 0 : n);
	else if (json_is_integer(value) && kind == XENLOOP_CELL_MS)
		format_ms(cell, n < 0 ? 0 : n);
	else if (json_is_integer(value))
		snprintf(cell, CELL_SIZE, "%" JSON_INTEGER_FORMAT, n);
	else if (json_is_boolean(value))
		strcpy(cell, json_is_true(value) ? "yes" : "no");
	else if (json_string_length(value))
		format_text(cell, json_string_value(value));
	else
		strcpy(cell, "-");
}

static const json_t *lookup(const json_t *row, const char *path)
{
	const char *dot = strchr(path, '.');
	char head[32];

	if (!dot)
		return json_object_get(row, path);
	snprintf(head, sizeof(head), "%.*s", (int)(dot - path), path);
	return json_object_get(json_object_get(row, head), dot + 1);
}

/* Green for what works, yellow for what is on its way or stands aside, red for the rest. */
static const char *colour_of(const char *state)
{
	static const char *const good[] = { "up", "ok", "attached", "yes" };
	static const char *const bad[] = { "down", "failed", "error", "no",
					   "problem" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!strcmp(state, good[i]))
			return "\033[32m";
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!strcmp(state, bad[i]))
			return "\033[31m";
	return "\033[33m";
}

static bool to_the_right(enum xenloop_cell kind)
{
	return kind >= XENLOOP_CELL_NUMBER;
}

/* `last` cells get no blanks behind them. */
static void print_cell(const struct xenloop_output *o, const char *text,
		       enum xenloop_cell kind, int width, bool last)
{
	bool coloured = o->colour && kind == XENLOOP_CELL_STATE;
	int pad = width - (int)strlen(text);

	if (to_the_right(kind))
		fprintf(o->out, "%*s", pad, "");
	fprintf(o->out, "%s%s%s", coloured ? colour_of(text) : "", text,
		coloured ? "\033[0m" : "");
	if (!last)
		fprintf(o->out, "%*s", to_the_right(kind) ? 2 : pad + 2, "");
}

void xenloop_render_word(const struct xenloop_output *o, const char *word,
			 int width)
{
	char cell[CELL_SIZE];

	format_text(cell, word);
	print_cell(o, cell, XENLOOP_CELL_STATE, width - 2, false);
}

void xenloop_render_text(const struct xenloop_output *o, const char *text)
{
	for (; *text; text++)
		fputc(is_shown(*text) ? *text : '?', o->out);
}

static void measure(const json_t *rows, const struct xenloop_column *columns,
		    int *width)
{
	char cell[CELL_SIZE];
	const json_t *row;
	size_t i, r;

	for (i = 0; columns[i].title; i++) {
		width[i] = strlen(columns[i].title);
		json_array_foreach(rows, r, row) {
			format_value(cell, lookup(row, columns[i].path),
				     columns[i].kind);
			if ((int)strlen(cell) > width[i])
				width[i] = strlen(cell);
		}
	}
}

static void print_row(const struct xenloop_output *o, const json_t *row,
		      const struct xenloop_column *columns, const int *width)
{
	char cell[CELL_SIZE];
	size_t i;

	for (i = 0; columns[i].title; i++) {
		format_value(cell, lookup(row, columns[i].path),
			     columns[i].kind);
		print_cell(o, cell, columns[i].kind, width[i],
			   !columns[i + 1].title);
	}
	fputc('\n', o->out);
}

void xenloop_render_table(const struct xenloop_output *o, const json_t *rows,
			  const struct xenloop_column *columns)
{
	int width[MAX_COLUMNS];
	const json_t *row;
	size_t i, r;

	measure(rows, columns, width);
	for (i = 0; columns[i].title; i++)
		/* A title is never coloured. */
		print_cell(o, columns[i].title,
			   to_the_right(columns[i].kind) ? columns[i].kind :
							   XENLOOP_CELL_TEXT,
			   width[i], !columns[i + 1].title);
	fputc('\n', o->out);
	json_array_foreach(rows, r, row)
		print_row(o, row, columns, width);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);

	return len >= strlen(end) && !strcmp(text + len - strlen(end), end);
}

static enum xenloop_cell kind_of(const char *key)
{
	if (ends_with(key, "_ms"))
		return XENLOOP_CELL_MS;
	if (ends_with(key, "_bytes") || strstr(key, "_size"))
		return XENLOOP_CELL_BYTES;
	return XENLOOP_CELL_TEXT;
}

static bool skipped(const char *key, const json_t *value,
		    const char *const *skip)
{
	if (json_is_array(value))
		return true;
	for (; *skip; skip++)
		if (!strcmp(key, *skip))
			return true;
	return false;
}

/* The name for people: without the unit, which the value has. */
static void print_member(const struct xenloop_output *o, const char *key,
			 const json_t *value, int indent)
{
	char name[CELL_SIZE];
	char cell[CELL_SIZE];
	size_t len;
	char *c;

	format_text(name, key);
	len = strlen(name);
	if (ends_with(name, "_ms"))
		name[len - 3] = '\0';
	else if (ends_with(name, "_bytes"))
		name[len - 6] = '\0';
	for (c = name; *c; c++)
		if (*c == '_')
			*c = ' ';
	format_value(cell, value, kind_of(key));
	fprintf(o->out, "%*s%-*s%s\n", indent, "", 24 - indent, name, cell);
}

void xenloop_render_members(const struct xenloop_output *o,
			    const json_t *object, const char *const *skip)
{
	const char *key, *inner_key;
	json_t *value, *inner;
	char name[CELL_SIZE];

	json_object_foreach((json_t *)object, key, value) {
		if (skipped(key, value, skip))
			continue;
		if (!json_is_object(value)) {
			print_member(o, key, value, 0);
			continue;
		}
		format_text(name, key);
		fprintf(o->out, "%s\n", name);
		json_object_foreach(value, inner_key, inner)
			print_member(o, inner_key, inner, 2);
	}
}
