// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The operations of xs.h by libxenstore. */
#include <errno.h>
#include <stdlib.h>
#include <xenstore.h>

#include "proto/xs.h"

/* libxenstore tells by errno; a failure without one must not look like success. */
static int last_error(void)
{
	return errno ? -errno : -EIO;
}

static int result(bool ok)
{
	return ok ? 0 : last_error();
}

/*
 * In Dom0, libxenstore falls back to /dev/xen/xenbus while xenstored is not
 * there, whether it has left its socket behind or not, and then the first
 * request hangs until it is. 0, or -errno.
 */
static int ask_for_xenstored(void)
{
	if (xenloop_xs_in_dom0("") != 1)
		return 0;
	return xenloop_xs_probe(xs_daemon_socket());
}

static int lib_open(void **h)
{
	int err = ask_for_xenstored();

	if (err)
		return err;
	*h = xs_open(0);
	if (*h)
		return 0;
	err = last_error();
	return xenloop_xs_on_xen("") ? err : -ENODEV;
}

static void lib_close(void *h)
{
	xs_close(h);
}

static int lib_read(void *h, xenloop_xs_txn t, const char *path, char **value,
		    size_t *len)
{
	unsigned int n = 0;

	*value = xs_read(h, t, path, &n);
	*len = n;
	return result(*value);
}

static int lib_write(void *h, xenloop_xs_txn t, const char *path,
		     const char *value, size_t len)
{
	return result(xs_write(h, t, path, value, (unsigned int)len));
}

static int lib_mkdir(void *h, xenloop_xs_txn t, const char *path)
{
	return result(xs_mkdir(h, t, path));
}

static int lib_rm(void *h, xenloop_xs_txn t, const char *path)
{
	return result(xs_rm(h, t, path));
}

static int lib_directory(void *h, xenloop_xs_txn t, const char *path,
			 char ***names, unsigned int *nr)
{
	*names = xs_directory(h, t, path, nr);
	return result(*names);
}

static int lib_set_reader(void *h, xenloop_xs_txn t, const char *path,
			  uint32_t domid)
{
	struct xs_permissions perms[2] = {
		{ .id = 0, .perms = XS_PERM_NONE },
		{ .id = domid, .perms = XS_PERM_READ },
	};

	return result(xs_set_permissions(h, t, path, perms, 2));
}

static int lib_watch(void *h, const char *path, const char *token)
{
	return result(xs_watch(h, path, token));
}

static int lib_unwatch(void *h, const char *path, const char *token)
{
	return result(xs_unwatch(h, path, token));
}

static int lib_fd(void *h)
{
	return xs_fileno(h);
}

static int lib_next_event(void *h, char ***vec)
{
	*vec = xs_check_watch(h);
	if (*vec)
		return 1;
	if (errno == EAGAIN)
		return 0;
	/* Nothing but a lost connection makes this fail. */
	return errno == ENOMEM ? -ENOMEM : -ENOTCONN;
}

static int lib_txn_start(void *h, xenloop_xs_txn *t)
{
	*t = xs_transaction_start(h);
	return result(*t != XBT_NULL);
}

static int lib_txn_end(void *h, xenloop_xs_txn t, bool abort)
{
	return result(xs_transaction_end(h, t, abort));
}

const struct xenloop_xs_ops xenloop_xs_libxenstore = {
	.open = lib_open,
	.close = lib_close,
	.read = lib_read,
	.write = lib_write,
	.mkdir = lib_mkdir,
	.rm = lib_rm,
	.directory = lib_directory,
	.set_reader = lib_set_reader,
	.watch = lib_watch,
	.unwatch = lib_unwatch,
	.fd = lib_fd,
	.next_event = lib_next_event,
	.txn_start = lib_txn_start,
	.txn_end = lib_txn_end,
};
