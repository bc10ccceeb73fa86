// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The command metrics: to standard output, or into a file that is replaced whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "metrics.h"

static int fail(const char *what, int err)
{
	fprintf(stderr, "xenloopctl: %s: %s\n", what, strerror(-err));
	return XENLOOP_EXIT_ERROR;
}

/* Writes all of it, or removes what there is. */
static int write_to(int fd, const struct xenloop_facts *f)
{
	FILE *out = fdopen(fd, "w");
	int err;

	if (!out) {
		err = -errno;
		close(fd);
		return err;
	}
	err = xenloop_metrics(out, f);
	if (!err && (fflush(out) || fchmod(fd, 0644)))
		err = -errno;
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

/* The collector sees the old file or the new one; it reads *.prom only. */
static int replace(const char *path, const struct xenloop_facts *f)
{
	char *temporary = NULL;
	int err, fd;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	err = fd < 0 ? -errno : write_to(fd, f);
	if (!err && rename(temporary, path))
		err = -errno;
	if (err && fd >= 0)
		unlink(temporary);
	free(temporary);
	return err;
}

int xenloop_run_metrics(const struct xenloop_session *s,
			const struct xenloop_command *command,
			const char *const *args, size_t nr_args)
{
	struct xenloop_facts f = { .dom0 = s->dom0 };
	int status = XENLOOP_EXIT_OK;
	int err;

	xenloop_facts_gather(&f, s->path, s->daemon, "");
	if (f.error == -EACCES || f.error == -EPERM) {
		/* That says nothing about the daemon. */
		status = fail(s->path, f.error);
	} else {
		err = nr_args ? replace(args[0], &f) :
				xenloop_metrics(s->output.out, &f);
		if (err)
			status = fail(nr_args ? args[0] : "metrics", err);
	}
	xenloop_facts_clear(&f);
	return status;
}
