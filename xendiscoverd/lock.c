// SPDX-License-Identifier: GPL-2.0 OR MIT
/* One xendiscoverd at a time: a lock that dies with the process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xendiscoverd/xendiscoverd.h"

#ifndef XENLOOP_RUNDIR
#define XENLOOP_RUNDIR "/run"
#endif

int xenloop_lock(void)
{
	int fd, err;

	if (mkdir(XENLOOP_RUNDIR "/xendiscoverd", 0755) && errno != EEXIST)
		return -errno;
	fd = open(XENLOOP_RUNDIR "/xendiscoverd/lock",
		  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;	/* open, and thereby locked, until we end */
	err = -errno;
	close(fd);
	return err;
}
