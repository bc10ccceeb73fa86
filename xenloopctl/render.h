/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOPCTL_RENDER_H
#define XENLOOPCTL_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/*
 * What people see, made from the same JSON that programs get. A member that is
 * missing, null or empty is shown as "-", so an older daemon does no harm.
 */

enum xenloop_cell {
	XENLOOP_CELL_TEXT,	/* strings, numbers, yes/no as they are */
	XENLOOP_CELL_STATE,	/* the same, coloured by meaning */
	XENLOOP_CELL_NUMBER,	/* to the right */
	XENLOOP_CELL_BYTES,	/* 1.5 MiB */
	XENLOOP_CELL_MS,	/* milliseconds as 3m05s */
};

/* A column: member of each row, "a.name" for a member of a member. */
struct xenloop_column {
	const char *title;
	const char *path;
	enum xenloop_cell kind;
};

struct xenloop_output {
	FILE *out;
	bool colour;
};

/* Rows are the objects of the array `rows`; columns end with a NULL title. */
void xenloop_render_table(const struct xenloop_output *o, const json_t *rows,
			  const struct xenloop_column *columns);

/* A state, coloured by its meaning, and blanks up to `width`. */
void xenloop_render_word(const struct xenloop_output *o, const char *word,
			 int width);

/* What is printable ASCII; a question mark for the rest. */
void xenloop_render_text(const struct xenloop_output *o, const char *text);

/*
 * The members of an object, one per line, except arrays and those named in
 * `skip` (NULL-terminated); objects inside are indented. Members that end in _ms
 * or _bytes get units.
 */
void xenloop_render_members(const struct xenloop_output *o,
			    const json_t *object, const char *const *skip);

#endif
