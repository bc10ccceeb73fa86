// SPDX-License-Identifier: GPL-2.0 OR MIT
/* XenStore, typed and bounded; see xs.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/xs.h"

/* Does the first line of the file have this word? -1: there is no such file. */
static int file_says(const char *root, const char *path, const char *word)
{
	char buf[256] = "";
	bool found;
	FILE *f;

	snprintf(buf, sizeof(buf), "%s%s", root, path);
	f = fopen(buf, "re");
	if (!f)
		return -1;
	found = fgets(buf, sizeof(buf), f) && strstr(buf, word);
	fclose(f);
	return found;
}

static bool exists(const char *root, const char *path)
{
	char buf[256];

	snprintf(buf, sizeof(buf), "%s%s", root, path);
	return !access(buf, F_OK);
}

bool xenloop_xs_on_xen(const char *root)
{
	return file_says(root, "/sys/hypervisor/type", "xen") > 0 ||
	       exists(root, "/proc/xen/capabilities") ||
	       exists(root, "/dev/xen/xenbus");
}

/* Xen sets this feature for Dom0 alone (XENFEAT_dom0 in its public headers). */
#define DOM0_FEATURE	(1ul << 11)

/* -1: the kernel does not tell the features. */
static int has_dom0_feature(const char *root)
{
	unsigned long features;
	char path[256];
	int found;
	FILE *f;

	snprintf(path, sizeof(path), "%s/sys/hypervisor/properties/features",
		 root);
	f = fopen(path, "re");
	if (!f)
		return -1;
	found = fscanf(f, "%lx", &features);
	fclose(f);
	return found == 1 ? !!(features & DOM0_FEATURE) : -1;
}

int xenloop_xs_in_dom0(const char *root)
{
	int told = file_says(root, "/proc/xen/capabilities", "control_d");

	/* xenfs may be mounted late, and xenloopd's sandbox hides it. */
	return told >= 0 ? told : has_dom0_feature(root);
}

int xenloop_xs_probe(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: so many others ask that we would have to wait. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    errno != EAGAIN)
		err = -errno;
	close(fd);
	return err;
}

static const char *open_error(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return "no XenStore: permission denied";
	case -ENOENT:
	case -ECONNREFUSED:
		return "no XenStore: neither xenstored's socket nor /dev/xen/xenbus answers";
	default:
		return "no XenStore";
	}
}

int xenloop_xs_open(struct xenloop_xs *xs, const struct xenloop_xs_ops *ops,
		    const char **why)
{
	const char *text = NULL;
	int err;

	xs->ops = ops;
	xs->h = NULL;
	err = ops->open(&xs->h);
	if (err == -ENODEV)
		text = "not a Xen guest";
	else if (err)
		text = open_error(err);
	if (why)
		*why = text;
	return err;
}

void xenloop_xs_close(struct xenloop_xs *xs)
{
	if (xs->h)
		xs->ops->close(xs->h);
	xs->h = NULL;
}

bool xenloop_xs_is_dead(int err)
{
	switch (err) {
	case -EBADF:
	case -EPIPE:
	case -ECONNRESET:
	case -ENOTCONN:
		return true;
	default:
		return false;
	}
}

bool xenloop_xs_is_unread(int ret)
{
	return ret < 0 && ret != -ENOENT && ret != -E2BIG && ret != -EBADMSG;
}

int xenloop_xs_read(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path,
		    char *buf, size_t size)
{
	char *value = NULL;
	size_t len = 0;
	int err;

	if (!xs->h)
		return -ENOTCONN;
	err = xs->ops->read(xs->h, t, path, &value, &len);
	if (err)
		return err;
	if (len >= size)
		err = -E2BIG;
	else if (memchr(value, '\0', len))
		err = -EBADMSG;
	else
		memcpy(buf, value, len + 1);
	free(value);
	return err ? err : (int)len;
}

int xenloop_xs_read_u32(struct xenloop_xs *xs, xenloop_xs_txn t,
			const char *path, uint32_t max, uint32_t *value)
{
	char buf[12];
	uint64_t v = 0;
	int len;

	len = xenloop_xs_read(xs, t, path, buf, sizeof(buf));
	if (len < 0)
		return len;
	if (!len)
		return -EBADMSG;
	for (int i = 0; i < len; i++) {
		if (buf[i] < '0' || buf[i] > '9')
			return -EBADMSG;
		v = v * 10 + (uint64_t)(buf[i] - '0');
	}
	if (v > max)
		return -ERANGE;
	*value = (uint32_t)v;
	return 0;
}

int xenloop_xs_write(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path,
		     const char *value)
{
	if (!xs->h)
		return -ENOTCONN;
	return xs->ops->write(xs->h, t, path, value, strlen(value));
}

int xenloop_xs_mkdir(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path)
{
	int err;

	if (!xs->h)
		return -ENOTCONN;
	err = xs->ops->mkdir(xs->h, t, path);
	return err == -EEXIST ? 0 : err;
}

int xenloop_xs_rm(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path)
{
	int err;

	if (!xs->h)
		return -ENOTCONN;
	err = xs->ops->rm(xs->h, t, path);
	return err == -ENOENT ? 0 : err;
}

static char **copy_names(char **names, unsigned int nr)
{
	char **copy = calloc(nr ? nr : 1, sizeof(*copy));

	for (unsigned int i = 0; copy && i < nr; i++) {
		copy[i] = strdup(names[i]);
		if (copy[i])
			continue;
		while (i)
			free(copy[--i]);
		free(copy);
		return NULL;
	}
	return copy;
}

int xenloop_xs_directory(struct xenloop_xs *xs, xenloop_xs_txn t,
			 const char *path, unsigned int max,
			 struct xenloop_xs_dir *dir)
{
	char **names = NULL;
	unsigned int nr = 0;
	int err;

	memset(dir, 0, sizeof(*dir));
	if (!xs->h)
		return -ENOTCONN;
	err = xs->ops->directory(xs->h, t, path, &names, &nr);
	if (err)
		return err;
	dir->truncated = nr > max;
	dir->nr = nr > max ? max : nr;
	dir->name = copy_names(names, dir->nr);
	free(names);
	if (dir->name)
		return 0;
	dir->nr = 0;
	return -ENOMEM;
}

void xenloop_xs_dir_free(struct xenloop_xs_dir *dir)
{
	for (unsigned int i = 0; i < dir->nr; i++)
		free(dir->name[i]);
	free(dir->name);
	memset(dir, 0, sizeof(*dir));
}

int xenloop_xs_set_reader(struct xenloop_xs *xs, xenloop_xs_txn t,
			  const char *path, uint32_t domid)
{
	if (!xs->h)
		return -ENOTCONN;
	return xs->ops->set_reader(xs->h, t, path, domid);
}

int xenloop_xs_watch(struct xenloop_xs *xs, const char *path,
		     const char *token)
{
	if (!xs->h)
		return -ENOTCONN;
	return xs->ops->watch(xs->h, path, token);
}

int xenloop_xs_unwatch(struct xenloop_xs *xs, const char *path,
		       const char *token)
{
	if (!xs->h)
		return -ENOTCONN;
	return xs->ops->unwatch(xs->h, path, token);
}

int xenloop_xs_fd(struct xenloop_xs *xs)
{
	return xs->h ? xs->ops->fd(xs->h) : -1;
}

int xenloop_xs_next_event(struct xenloop_xs *xs, struct xenloop_xs_event *ev)
{
	char **vec = NULL;
	int ret;

	if (!xs->h)
		return -ENOTCONN;
	/* A path too long for us is of a node that we have no use for. */
	while ((ret = xs->ops->next_event(xs->h, &vec)) == 1) {
		bool fits = strlen(vec[0]) < sizeof(ev->path) &&
			    strlen(vec[1]) < sizeof(ev->token);

		if (fits) {
			strcpy(ev->path, vec[0]);
			strcpy(ev->token, vec[1]);
		}
		free(vec);
		if (fits)
			return 1;
	}
	return ret;
}

int xenloop_xs_transaction(struct xenloop_xs *xs,
			   int (*fn)(struct xenloop_xs *xs, xenloop_xs_txn t,
				     void *arg),
			   void *arg)
{
	if (!xs->h)
		return -ENOTCONN;
	for (int i = 0; i < XENLOOP_XS_TXN_TRIES; i++) {
		xenloop_xs_txn t;
		int err, end;

		err = xs->ops->txn_start(xs->h, &t);
		if (err)
			return err;
		err = fn(xs, t, arg);
		end = xs->ops->txn_end(xs->h, t, err != 0);
		if (err)
			return err;
		if (end != -EAGAIN)
			return end;
	}
	return -EAGAIN;
}
