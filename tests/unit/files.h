/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_TEST_FILES_H
#define XENLOOP_TEST_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Files and directories that stand for those of a system; no success, no test. */

static inline void make_dirs(const char *path)
{
	char buf[256];

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *s = buf + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		mkdir(buf, 0700);
		*s = '/';
	}
	mkdir(buf, 0700);
}

/* Writes `name` below `root`, and makes its directories. */
static inline void put_file(const char *root, const char *name,
			    const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	*strrchr(path, '/') = '\0';
	make_dirs(path);
	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

#endif
