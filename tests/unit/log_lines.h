/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_TEST_LOG_LINES_H
#define XENLOOP_TEST_LOG_LINES_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * What is logged between log_begin() and log_end(): standard error, which goes
 * to a file in the meantime.
 */

static struct {
	FILE *file;
	int saved;
	char text[65536];
} log_lines;

static inline void log_begin(void)
{
	fflush(stderr);
	log_lines.file = tmpfile();
	log_lines.saved = dup(STDERR_FILENO);
	dup2(fileno(log_lines.file), STDERR_FILENO);
}

static inline void log_end(void)
{
	size_t len;

	fflush(stderr);
	dup2(log_lines.saved, STDERR_FILENO);
	close(log_lines.saved);
	rewind(log_lines.file);
	len = fread(log_lines.text, 1, sizeof(log_lines.text) - 1,
		    log_lines.file);
	log_lines.text[len] = '\0';
	fclose(log_lines.file);
}

/* How often the words are in what was logged. */
static inline unsigned int log_count(const char *words)
{
	unsigned int nr = 0;

	for (const char *at = log_lines.text; (at = strstr(at, words));
	     at += strlen(words))
		nr++;
	return nr;
}

#endif
