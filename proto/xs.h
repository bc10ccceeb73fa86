/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_XS_H
#define XENLOOP_XS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * XenStore, typed and bounded. All functions return 0 or more, or -errno; what
 * they return is the caller's copy. The I/O edge is an ops structure:
 * libxenstore's in the daemons, a tree in memory in unit tests.
 *
 * If the connection is lost (xenloop_xs_is_dead() of a returned error), nothing
 * is retried here: the caller closes, opens again when it sees fit, sets its
 * watches anew and reads everything again.
 */

#define XENLOOP_XS_PATH_SIZE 256
#define XENLOOP_XS_VALUE_MAX 1024	/* of our own nodes */
#define XENLOOP_XS_TXN_TRIES 16

typedef uint32_t xenloop_xs_txn;	/* 0: no transaction */

/* A directory's entries. */
struct xenloop_xs_dir {
	char **name;
	unsigned int nr;
	bool truncated;		/* there were more than the caller's limit */
};

/* A watch that fired. */
struct xenloop_xs_event {
	char path[XENLOOP_XS_PATH_SIZE];	/* relative if the watch was */
	char token[64];
};

/*
 * Raw operations; `h` is what open() left in *h. Return conventions are those
 * of the functions below. read() and directory() return malloc()ed memory.
 */
struct xenloop_xs_ops {
	int (*open)(void **h);
	void (*close)(void *h);
	/* *value is malloc()ed and has a NUL behind *len bytes. */
	int (*read)(void *h, xenloop_xs_txn t, const char *path, char **value,
		    size_t *len);
	int (*write)(void *h, xenloop_xs_txn t, const char *path,
		     const char *value, size_t len);
	int (*mkdir)(void *h, xenloop_xs_txn t, const char *path);
	int (*rm)(void *h, xenloop_xs_txn t, const char *path);
	/* *names is one malloc()ed block. */
	int (*directory)(void *h, xenloop_xs_txn t, const char *path,
			 char ***names, unsigned int *nr);
	int (*set_reader)(void *h, xenloop_xs_txn t, const char *path,
			  uint32_t domid);
	int (*watch)(void *h, const char *path, const char *token);
	int (*unwatch)(void *h, const char *path, const char *token);
	int (*fd)(void *h);
	/* 1 and *vec (path, token; one malloc()ed block), 0, or -errno. */
	int (*next_event)(void *h, char ***vec);
	int (*txn_start)(void *h, xenloop_xs_txn *t);
	int (*txn_end)(void *h, xenloop_xs_txn t, bool abort);
};

struct xenloop_xs {
	const struct xenloop_xs_ops *ops;
	void *h;		/* NULL while not connected */
};

extern const struct xenloop_xs_ops xenloop_xs_libxenstore;

/*
 * Is there a Xen below us? /sys/hypervisor/type, /proc/xen or /dev/xen/xenbus
 * tells. `root`, here and below, is "" but in tests.
 */
bool xenloop_xs_on_xen(const char *root);

/*
 * 1 in Dom0, 0 in another guest, -1 if neither /proc/xen nor /sys/hypervisor
 * tells.
 */
int xenloop_xs_in_dom0(const char *root);

/*
 * Does xenstored listen at this socket? 0, or -errno: -ENOENT, or -ECONNREFUSED
 * for one that was left behind.
 */
int xenloop_xs_probe(const char *path);

/*
 * Connects: by xenstored's socket in Dom0, by /dev/xen/xenbus in a guest. On
 * error *why (may be NULL) is a line for the user: "not a Xen guest", "no
 * XenStore: ...". -ENODEV means that trying again is of no use.
 */
int xenloop_xs_open(struct xenloop_xs *xs, const struct xenloop_xs_ops *ops,
		    const char **why);
void xenloop_xs_close(struct xenloop_xs *xs);

/* Does -errno say that the connection is gone? */
bool xenloop_xs_is_dead(int err);

/*
 * Does what a read returned leave open what is there, so that it is to be asked
 * again? No such node, and one that is too long or no text, are answers.
 */
bool xenloop_xs_is_unread(int ret);

/*
 * Reads into buf, which gets a NUL at its end. Returns the length; -ENOENT;
 * -E2BIG if it does not fit; -EBADMSG if there is a NUL inside.
 */
int xenloop_xs_read(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path,
		    char *buf, size_t size);

/* Reads a decimal number of at most `max` without sign or blanks. */
int xenloop_xs_read_u32(struct xenloop_xs *xs, xenloop_xs_txn t,
			const char *path, uint32_t max, uint32_t *value);

int xenloop_xs_write(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path,
		     const char *value);

/* 0 also if it is there already. */
int xenloop_xs_mkdir(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path);

/* With everything below; 0 also if there is nothing. */
int xenloop_xs_rm(struct xenloop_xs *xs, xenloop_xs_txn t, const char *path);

/* At most `max` entries, to be freed by xenloop_xs_dir_free(). */
int xenloop_xs_directory(struct xenloop_xs *xs, xenloop_xs_txn t,
			 const char *path, unsigned int max,
			 struct xenloop_xs_dir *dir);
void xenloop_xs_dir_free(struct xenloop_xs_dir *dir);

/* Owner Dom0 with no right for others, `domid` may read: "n0,rN". Dom0 only. */
int xenloop_xs_set_reader(struct xenloop_xs *xs, xenloop_xs_txn t,
			  const char *path, uint32_t domid);

int xenloop_xs_watch(struct xenloop_xs *xs, const char *path,
		     const char *token);
int xenloop_xs_unwatch(struct xenloop_xs *xs, const char *path,
		       const char *token);

/* Becomes readable when a watch fires; then drain xenloop_xs_next_event(). */
int xenloop_xs_fd(struct xenloop_xs *xs);

/*
 * Never blocks. 1 with *ev filled in, 0 when there is nothing (more), -errno
 * when the connection is gone.
 */
int xenloop_xs_next_event(struct xenloop_xs *xs, struct xenloop_xs_event *ev);

/*
 * Runs fn in a transaction and again, up to XENLOOP_XS_TXN_TRIES times, when
 * somebody else was faster (then -EAGAIN). An error of fn ends it without effect.
 */
int xenloop_xs_transaction(struct xenloop_xs *xs,
			   int (*fn)(struct xenloop_xs *xs, xenloop_xs_txn t,
				     void *arg),
			   void *arg);

#endif
