/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_TEST_FAKE_XS_H
#define XENLOOP_TEST_FAKE_XS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/xs.h"

/*
 * XenStore in memory, for tests: a tree, permissions as far as we set them,
 * watches, transactions. One program includes it, and opens it by
 *
 *	fake_xs_reset("/local/domain/5");	(home of relative paths, or "")
 *	xenloop_xs_open(&xs, &fake_xs_ops, NULL);
 *
 * fake_xs_put() and fake_xs_del() are what others do: they fire watches, too.
 */

#define FAKE_XS_NODES 4096
#define FAKE_XS_WATCHES 256
#define FAKE_XS_EVENTS 8192

struct fake_xs_node {
	char path[XENLOOP_XS_PATH_SIZE];
	char *value;
	size_t len;
	int reader;		/* domid that may read; -1: nobody but Dom0 */
};

struct fake_xs_event {
	char path[XENLOOP_XS_PATH_SIZE];
	char token[96];
};

static struct fake_xs {
	char home[64];
	struct fake_xs_node node[FAKE_XS_NODES];
	size_t nr;
	struct fake_xs_event watch[FAKE_XS_WATCHES];
	size_t nr_watches;
	struct fake_xs_event event[FAKE_XS_EVENTS];
	size_t nr_events, next_event;
	int pipe[2];
	/* A transaction is undone by putting this back. */
	struct fake_xs_node *saved;
	size_t nr_saved, events_saved;
	/* Knobs and counters. */
	bool dead;		/* the connection is lost */
	bool absent;		/* open() fails */
	int conflicts;		/* so many commits fail by EAGAIN */
	int read_error;		/* of all reads, e.g. -EINVAL */
	int list_error;		/* of all directories */
	unsigned int reads, writes, removals, commits;
} fake_xs;

static inline void fake_xs_fits(int len, size_t size)
{
	if (len < 0 || (size_t)len >= size)
		abort();
}

static inline const char *fake_xs_path(const char *path, char *buf)
{
	if (*path == '/' || *path == '@')
		snprintf(buf, XENLOOP_XS_PATH_SIZE, "%s", path);
	else
		fake_xs_fits(snprintf(buf, XENLOOP_XS_PATH_SIZE, "%s/%s",
				      fake_xs.home, path),
			     XENLOOP_XS_PATH_SIZE);
	return buf;
}

static inline bool fake_xs_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) &&
	       (!path[len] || path[len] == '/' || !strcmp(dir, "/"));
}

static inline struct fake_xs_node *fake_xs_find(const char *path)
{
	char buf[XENLOOP_XS_PATH_SIZE];

	fake_xs_path(path, buf);
	for (size_t i = 0; i < fake_xs.nr; i++)
		if (!strcmp(fake_xs.node[i].path, buf))
			return &fake_xs.node[i];
	return NULL;
}

static inline void fake_xs_queue(const char *path, const char *token)
{
	struct fake_xs_event *ev = &fake_xs.event[fake_xs.nr_events++];

	if (fake_xs.nr_events > FAKE_XS_EVENTS)
		abort();
	fake_xs_fits(snprintf(ev->path, sizeof(ev->path), "%s", path),
		     sizeof(ev->path));
	fake_xs_fits(snprintf(ev->token, sizeof(ev->token), "%s", token),
		     sizeof(ev->token));
	if (write(fake_xs.pipe[1], "", 1) != 1)
		abort();
}

static inline void fake_xs_fire(const char *path, bool removed)
{
	size_t home = strlen(fake_xs.home) + 1;

	for (size_t i = 0; i < fake_xs.nr_watches; i++) {
		const char *watch = fake_xs.watch[i].path;
		char full[XENLOOP_XS_PATH_SIZE];
		bool relative = *watch != '/' && *watch != '@';

		fake_xs_path(watch, full);
		if (fake_xs_below(path, full))
			fake_xs_queue(relative ? path + home : path,
				      fake_xs.watch[i].token);
		else if (removed && fake_xs_below(full, path))
			fake_xs_queue(watch, fake_xs.watch[i].token);
	}
}

/* With its parents, each with the rights of the one above. */
static inline struct fake_xs_node *fake_xs_make(const char *path)
{
	struct fake_xs_node *node = fake_xs_find(path), *parent;
	char dir[XENLOOP_XS_PATH_SIZE];
	int reader;

	if (node)
		return node;
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	parent = *dir ? fake_xs_make(dir) : NULL;
	reader = parent ? parent->reader : -1;
	if (fake_xs.nr == FAKE_XS_NODES)
		abort();
	node = &fake_xs.node[fake_xs.nr++];
	snprintf(node->path, sizeof(node->path), "%s", path);
	node->value = calloc(1, 1);
	node->len = 0;
	node->reader = reader;
	return node;
}

static inline void fake_xs_put_bytes(const char *path, const char *value,
				     size_t len)
{
	char buf[XENLOOP_XS_PATH_SIZE];
	struct fake_xs_node *node = fake_xs_make(fake_xs_path(path, buf));

	free(node->value);
	node->value = malloc(len + 1);
	memcpy(node->value, value, len);
	node->value[len] = '\0';
	node->len = len;
	fake_xs_fire(buf, false);
}

static inline void fake_xs_put(const char *path, const char *value)
{
	fake_xs_put_bytes(path, value, strlen(value));
}

static inline int fake_xs_del(const char *path)
{
	char buf[XENLOOP_XS_PATH_SIZE];
	size_t kept = 0;

	fake_xs_path(path, buf);
	if (!fake_xs_find(buf))
		return -ENOENT;
	for (size_t i = 0; i < fake_xs.nr; i++) {
		if (fake_xs_below(fake_xs.node[i].path, buf))
			free(fake_xs.node[i].value);
		else
			fake_xs.node[kept++] = fake_xs.node[i];
	}
	fake_xs.nr = kept;
	fake_xs_fire(buf, true);
	return 0;
}

/* NULL if there is no such node. */
static inline const char *fake_xs_get(const char *path)
{
	struct fake_xs_node *node = fake_xs_find(path);

	return node ? node->value : NULL;
}

/* As for @introduceDomain. */
static inline void fake_xs_special(const char *name)
{
	fake_xs_fire(name, false);
}

static inline void fake_xs_free_nodes(struct fake_xs_node *node, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(node[i].value);
}

static inline void fake_xs_reset(const char *home)
{
	fake_xs_free_nodes(fake_xs.node, fake_xs.nr);
	if (fake_xs.pipe[1]) {
		close(fake_xs.pipe[0]);
		close(fake_xs.pipe[1]);
	}
	memset(&fake_xs, 0, sizeof(fake_xs));
	snprintf(fake_xs.home, sizeof(fake_xs.home), "%s", home);
	if (pipe(fake_xs.pipe))
		abort();
}

static inline int fake_xs_open(void **h)
{
	if (fake_xs.absent)
		return -ENOENT;
	fake_xs.dead = false;
	fake_xs.nr_watches = 0;
	fake_xs.nr_events = 0;
	fake_xs.next_event = 0;
	*h = &fake_xs;
	return 0;
}

static inline void fake_xs_close(void *h)
{
	(void)h;
}

static inline int fake_xs_read(void *h, xenloop_xs_txn t, const char *path,
			       char **value, size_t *len)
{
	struct fake_xs_node *node = fake_xs_find(path);

	(void)h;
	(void)t;
	fake_xs.reads++;
	if (fake_xs.dead)
		return -EBADF;
	if (fake_xs.read_error)
		return fake_xs.read_error;
	if (!node)
		return -ENOENT;
	*value = malloc(node->len + 1);
	memcpy(*value, node->value, node->len + 1);
	*len = node->len;
	return 0;
}

static inline int fake_xs_write(void *h, xenloop_xs_txn t, const char *path,
				const char *value, size_t len)
{
	(void)h;
	(void)t;
	if (fake_xs.dead)
		return -EBADF;
	fake_xs.writes++;
	fake_xs_put_bytes(path, value, len);
	return 0;
}

static inline int fake_xs_mkdir(void *h, xenloop_xs_txn t, const char *path)
{
	char buf[XENLOOP_XS_PATH_SIZE];

	(void)h;
	(void)t;
	if (fake_xs.dead)
		return -EBADF;
	fake_xs_make(fake_xs_path(path, buf));
	return 0;
}

static inline int fake_xs_rm(void *h, xenloop_xs_txn t, const char *path)
{
	(void)h;
	(void)t;
	if (fake_xs.dead)
		return -EBADF;
	fake_xs.removals++;
	return fake_xs_del(path);
}

static inline bool fake_xs_is_child(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/' &&
	       !strchr(path + len + 1, '/');
}

/* A longer list ends the connection, as oxenstored's and libxenstore's do in Dom0. */
#define FAKE_XS_PAYLOAD_MAX 4096

static inline int fake_xs_directory(void *h, xenloop_xs_txn t,
				    const char *path, char ***names,
				    unsigned int *nr)
{
	char dir[XENLOOP_XS_PATH_SIZE], *text;
	size_t len = 0;

	(void)h;
	(void)t;
	if (fake_xs.dead)
		return -EBADF;
	if (fake_xs.list_error)
		return fake_xs.list_error;
	if (!fake_xs_find(path))
		return -ENOENT;
	fake_xs_path(path, dir);
	*names = malloc(fake_xs.nr * (sizeof(char *) + XENLOOP_XS_PATH_SIZE));
	text = (char *)(*names + fake_xs.nr);
	*nr = 0;
	for (size_t i = 0; i < fake_xs.nr; i++) {
		if (!fake_xs_is_child(fake_xs.node[i].path, dir))
			continue;
		(*names)[(*nr)++] = text;
		strcpy(text, fake_xs.node[i].path + strlen(dir) + 1);
		len += strlen(text) + 1;
		text += XENLOOP_XS_PATH_SIZE;
	}
	if (len <= FAKE_XS_PAYLOAD_MAX)
		return 0;
	free(*names);
	fake_xs.dead = true;
	return -EINVAL;
}

static inline int fake_xs_set_reader(void *h, xenloop_xs_txn t,
				     const char *path, uint32_t domid)
{
	struct fake_xs_node *node = fake_xs_find(path);

	(void)h;
	(void)t;
	if (fake_xs.dead)
		return -EBADF;
	if (!node)
		return -ENOENT;
	node->reader = (int)domid;
	return 0;
}

/* As the real one, a new watch fires at once. */
static inline int fake_xs_watch(void *h, const char *path, const char *token)
{
	struct fake_xs_event *w = &fake_xs.watch[fake_xs.nr_watches++];

	(void)h;
	if (fake_xs.dead)
		return -EBADF;
	if (fake_xs.nr_watches > FAKE_XS_WATCHES)
		abort();
	snprintf(w->path, sizeof(w->path), "%s", path);
	snprintf(w->token, sizeof(w->token), "%s", token);
	fake_xs_queue(path, token);
	return 0;
}

static inline int fake_xs_unwatch(void *h, const char *path, const char *token)
{
	(void)h;
	for (size_t i = 0; i < fake_xs.nr_watches; i++) {
		struct fake_xs_event *w = &fake_xs.watch[i];

		if (strcmp(w->path, path) || strcmp(w->token, token))
			continue;
		*w = fake_xs.watch[--fake_xs.nr_watches];
		return 0;
	}
	return -ENOENT;
}

static inline int fake_xs_fd(void *h)
{
	(void)h;
	return fake_xs.pipe[0];
}

static inline int fake_xs_next_event(void *h, char ***vec)
{
	struct fake_xs_event *ev = &fake_xs.event[fake_xs.next_event];
	char byte;

	(void)h;
	if (fake_xs.dead)
		return -ENOTCONN;
	if (fake_xs.next_event == fake_xs.nr_events)
		return 0;
	if (read(fake_xs.pipe[0], &byte, 1) != 1)
		abort();
	if (++fake_xs.next_event == fake_xs.nr_events)
		fake_xs.next_event = fake_xs.nr_events = 0;
	*vec = malloc(2 * sizeof(char *) + sizeof(*ev));
	(*vec)[0] = (char *)(*vec + 2);
	strcpy((*vec)[0], ev->path);
	(*vec)[1] = (*vec)[0] + sizeof(ev->path);
	strcpy((*vec)[1], ev->token);
	return 1;
}

static inline int fake_xs_txn_start(void *h, xenloop_xs_txn *t)
{
	(void)h;
	if (fake_xs.dead)
		return -EBADF;
	fake_xs.saved = malloc((fake_xs.nr + 1) * sizeof(*fake_xs.saved));
	fake_xs.nr_saved = fake_xs.nr;
	fake_xs.events_saved = fake_xs.nr_events;
	for (size_t i = 0; i < fake_xs.nr; i++) {
		fake_xs.saved[i] = fake_xs.node[i];
		fake_xs.saved[i].value = malloc(fake_xs.node[i].len + 1);
		memcpy(fake_xs.saved[i].value, fake_xs.node[i].value,
		       fake_xs.node[i].len + 1);
	}
	*t = 1;
	return 0;
}

static inline void fake_xs_undo(void)
{
	char byte;

	fake_xs_free_nodes(fake_xs.node, fake_xs.nr);
	memcpy(fake_xs.node, fake_xs.saved,
	       fake_xs.nr_saved * sizeof(*fake_xs.saved));
	fake_xs.nr = fake_xs.nr_saved;
	for (; fake_xs.nr_events > fake_xs.events_saved; fake_xs.nr_events--)
		if (read(fake_xs.pipe[0], &byte, 1) != 1)
			abort();
}

static inline int fake_xs_txn_end(void *h, xenloop_xs_txn t, bool undo)
{
	int err = 0;

	(void)h;
	(void)t;
	if (fake_xs.dead)
		err = -EBADF;
	else if (!undo && fake_xs.conflicts > 0 && fake_xs.conflicts--)
		err = -EAGAIN;
	if (err || undo)
		fake_xs_undo();
	else
		fake_xs_free_nodes(fake_xs.saved, fake_xs.nr_saved);
	fake_xs.commits += !err && !undo;
	free(fake_xs.saved);
	fake_xs.saved = NULL;
	return err;
}

static const struct xenloop_xs_ops fake_xs_ops = {
	.open = fake_xs_open,
	.close = fake_xs_close,
	.read = fake_xs_read,
	.write = fake_xs_write,
	.mkdir = fake_xs_mkdir,
	.rm = fake_xs_rm,
	.directory = fake_xs_directory,
	.set_reader = fake_xs_set_reader,
	.watch = fake_xs_watch,
	.unwatch = fake_xs_unwatch,
	.fd = fake_xs_fd,
	.next_event = fake_xs_next_event,
	.txn_start = fake_xs_txn_start,
	.txn_end = fake_xs_txn_end,
};

#endif
