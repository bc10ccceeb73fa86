// SPDX-License-Identifier: GPL-2.0 OR MIT
/* XenStore for many clients; see store.h. */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/store.h"

#define BUCKETS	(1u << 20)

struct node {
	struct node *hash_next;
	struct node *parent, *child, *next, **at;
	char *value;
	size_t len;
	uint32_t owner;
	struct store_conn *pays;	/* whose quota it counts for, or NULL */
	char path[];
};

struct store_watch {
	struct store_watch *hash_next, *conn_next;
	struct store_conn *conn;
	bool relative;
	char token[64];
	char full[XENLOOP_XS_PATH_SIZE];
	char path[XENLOOP_XS_PATH_SIZE];	/* as the client gave it */
};

struct store_event {
	struct store_event *next;
	const char *token;		/* behind path */
	char path[];
};

struct store_conn *store_opening;
size_t store_nodes, store_bytes, store_max_value;

static struct node *nodes[BUCKETS];
static struct store_watch *watches[BUCKETS];

static void must(bool what, const char *text)
{
	if (what)
		return;
	fprintf(stdout, "store: %s\n", text);
	abort();
}

static void *get(size_t size)
{
	void *p = calloc(1, size);

	must(p, "out of memory");
	store_bytes += malloc_usable_size(p);
	return p;
}

static void put(void *p)
{
	store_bytes -= malloc_usable_size(p);
	free(p);
}

static uint32_t hash(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 16777619u;
	return (h ^ h >> 15) & (BUCKETS - 1);
}

static struct node *find(const char *path)
{
	struct node *n = nodes[hash(path)];

	while (n && strcmp(n->path, path))
		n = n->hash_next;
	return n;
}

static const char *full_path(uint32_t domid, const char *path, char *buf)
{
	int len;

	if (*path == '/' || *path == '@')
		len = snprintf(buf, XENLOOP_XS_PATH_SIZE, "%s", path);
	else
		len = snprintf(buf, XENLOOP_XS_PATH_SIZE,
			       "/local/domain/%u/%s", domid, path);
	must(len > 0 && len < XENLOOP_XS_PATH_SIZE, "path too long");
	return buf;
}

static void queue(struct store_watch *w, const char *path)
{
	struct store_conn *c = w->conn;
	size_t len = strlen(path) + 1;
	struct store_event *ev = get(sizeof(*ev) + len + strlen(w->token) + 1);

	memcpy(ev->path, path, len);
	ev->token = strcpy(ev->path + len, w->token);
	*c->last = ev;
	c->last = &ev->next;
	c->counts.events++;
	if (++c->queued > c->max_events)
		c->max_events = c->queued;
	must(!c->domid || c->queued <= STORE_MAX_EVENTS,
	     "too many events are queued for a guest");
	c->notify(c->arg);
}

/* Watches on `at`, which is `path` or above it. */
static void fire_at(const char *at, const char *path)
{
	struct store_watch *w = watches[hash(at)];

	for (; w; w = w->hash_next)
		if (!strcmp(w->full, at))
			queue(w, w->relative ? path + strlen(w->full) -
					       strlen(w->path) : path);
}

static void fire(const char *path)
{
	char at[XENLOOP_XS_PATH_SIZE];
	char *slash;

	strcpy(at, path);
	fire_at(at, path);
	while ((slash = strrchr(at, '/')) && slash > at) {
		*slash = '\0';
		fire_at(at, path);
	}
}

static void account(struct node *n, struct store_conn *conn)
{
	n->pays = conn && conn->domid ? conn : NULL;
	if (!n->pays)
		return;
	if (++conn->nodes > conn->max_nodes)
		conn->max_nodes = conn->nodes;
	must(conn->nodes <= STORE_MAX_NODES, "a guest owns too many nodes");
}

static struct node *make(const char *path, struct store_conn *conn)
{
	char above[XENLOOP_XS_PATH_SIZE];
	struct node *n = find(path), *parent = NULL;
	uint32_t h = hash(path);

	if (n)
		return n;
	strcpy(above, path);
	*strrchr(above, '/') = '\0';
	if (*above)
		parent = make(above, conn);
	n = get(sizeof(*n) + strlen(path) + 1);
	strcpy(n->path, path);
	n->value = get(1);
	n->hash_next = nodes[h];
	nodes[h] = n;
	n->parent = parent;
	if (parent) {
		n->next = parent->child;
		if (n->next)
			n->next->at = &n->next;
		n->at = &parent->child;
		parent->child = n;
	}
	account(n, conn);
	store_nodes++;
	return n;
}

static void set(const char *path, const char *value, size_t len,
		struct store_conn *conn)
{
	struct node *n = make(path, conn);

	if (len > store_max_value)
		store_max_value = len;
	put(n->value);
	n->value = get(len + 1);
	memcpy(n->value, value, len);
	n->len = len;
	fire(path);
}

static void forget(struct node *n)
{
	struct node **at = &nodes[hash(n->path)];

	while (n->child)
		forget(n->child);
	while (*at != n)
		at = &(*at)->hash_next;
	*at = n->hash_next;
	if (n->at) {
		*n->at = n->next;
		if (n->next)
			n->next->at = n->at;
	}
	if (n->pays)
		n->pays->nodes--;
	put(n->value);
	put(n);
	store_nodes--;
}

/* Watches on what goes with its parent. */
static void fire_below(const struct node *n)
{
	for (n = n->child; n; n = n->next) {
		fire_at(n->path, n->path);
		fire_below(n);
	}
}

static int del(const char *path)
{
	struct node *n = find(path);

	if (!n)
		return -ENOENT;
	fire_below(n);
	forget(n);
	fire(path);
	return 0;
}

#define FORMAT(buf, fmt) do { \
	va_list ap_; \
	va_start(ap_, fmt); \
	must(vsnprintf(buf, sizeof(buf), fmt, ap_) < (int)sizeof(buf), \
	     "path too long"); \
	va_end(ap_); \
} while (0)

void store_put(const char *value, const char *fmt, ...)
{
	char path[XENLOOP_XS_PATH_SIZE];

	FORMAT(path, fmt);
	set(path, value, strlen(value), NULL);
}

void store_del(const char *fmt, ...)
{
	char path[XENLOOP_XS_PATH_SIZE];

	FORMAT(path, fmt);
	del(path);
}

void store_special(const char *name)
{
	fire_at(name, name);
}

const char *store_get(const char *fmt, ...)
{
	char path[XENLOOP_XS_PATH_SIZE];
	const struct node *n;

	FORMAT(path, fmt);
	n = find(path);
	return n ? n->value : NULL;
}

unsigned int store_children(const char *fmt, ...)
{
	char path[XENLOOP_XS_PATH_SIZE];
	const struct node *n;
	unsigned int nr = 0;

	FORMAT(path, fmt);
	n = find(path);
	for (n = n ? n->child : NULL; n; n = n->next)
		nr++;
	return nr;
}

/* The requests of clients. */

/* A guest may write below its data only, and only while it has a home. */
static int may_write(const struct store_conn *c, const char *path)
{
	char data[64];

	if (!c->domid)
		return 0;
	snprintf(data, sizeof(data), "/local/domain/%u", c->domid);
	if (!find(data))
		return -ENOENT;
	strcat(data, "/data/");
	must(!strncmp(path, data, strlen(data)),
	     "a guest writes where it may not");
	return 0;
}

static int store_open(void **h)
{
	struct store_conn *c = store_opening;

	c->first = NULL;
	c->last = &c->first;
	*h = c;
	return 0;
}

static void close_conn(void *h)
{
	store_close(h);
}

static int store_read(void *h, xenloop_xs_txn t, const char *path,
		      char **value, size_t *len)
{
	struct store_conn *c = h;
	char full[XENLOOP_XS_PATH_SIZE];
	const struct node *n;

	c->counts.ops++;
	n = find(full_path(c->domid, path, full));
	if (!n)
		return -ENOENT;
	*value = malloc(n->len + 1);
	memcpy(*value, n->value, n->len + 1);
	*len = n->len;
	return 0;
}

static int store_write(void *h, xenloop_xs_txn t, const char *path,
		       const char *value, size_t len)
{
	struct store_conn *c = h;
	char full[XENLOOP_XS_PATH_SIZE];
	int err = may_write(c, full_path(c->domid, path, full));

	c->counts.ops++;
	c->counts.writes++;
	must(len <= STORE_MAX_VALUE, "a value is too long");
	if (!err)
		set(full, value, len, c);
	return err;
}

static int store_mkdir(void *h, xenloop_xs_txn t, const char *path)
{
	struct store_conn *c = h;
	char full[XENLOOP_XS_PATH_SIZE];

	c->counts.ops++;
	full_path(c->domid, path, full);
	if (!find(full)) {
		make(full, c);
		fire(full);
	}
	return 0;
}

static int store_rm(void *h, xenloop_xs_txn t, const char *path)
{
	struct store_conn *c = h;
	char full[XENLOOP_XS_PATH_SIZE];
	int err = may_write(c, full_path(c->domid, path, full));

	c->counts.ops++;
	c->counts.writes++;
	return err ? err : del(full);
}

static int store_directory(void *h, xenloop_xs_txn t, const char *path,
			   char ***names, unsigned int *nr)
{
	struct store_conn *c = h;
	char full[XENLOOP_XS_PATH_SIZE];
	const struct node *dir, *n;
	size_t size = 1;
	char *text;

	c->counts.ops++;
	dir = find(full_path(c->domid, path, full));
	if (!dir)
		return -ENOENT;
	*nr = 0;
	for (n = dir->child; n; n = n->next, (*nr)++)
		size += sizeof(char *) + strlen(n->path) - strlen(full);
	*names = malloc(size);
	text = (char *)(*names + *nr);
	*nr = 0;
	for (n = dir->child; n; n = n->next) {
		(*names)[(*nr)++] = text;
		text = stpcpy(text, n->path + strlen(full) + 1) + 1;
	}
	return 0;
}

static int store_set_reader(void *h, xenloop_xs_txn t, const char *path,
			    uint32_t domid)
{
	struct store_conn *c = h;

	c->counts.ops++;
	must(!c->domid && find(path), "a reader of nothing");
	return 0;
}

static void link_watch(struct store_watch *w)
{
	struct store_watch **at = &watches[hash(w->full)];

	w->hash_next = *at;
	*at = w;
}

static void unlink_watch(struct store_watch *w)
{
	struct store_watch **at = &watches[hash(w->full)];

	while (*at != w)
		at = &(*at)->hash_next;
	*at = w->hash_next;
}

/* As the real one, a new watch fires at once. */
static int store_watch(void *h, const char *path, const char *token)
{
	struct store_watch *w = get(sizeof(*w));
	struct store_conn *c = h;

	c->counts.ops++;
	w->conn = c;
	w->relative = *path != '/' && *path != '@';
	strcpy(w->path, path);
	strcpy(w->token, token);
	full_path(c->domid, path, w->full);
	w->conn_next = c->watch;
	c->watch = w;
	link_watch(w);
	if (++c->watches > c->max_watches)
		c->max_watches = c->watches;
	must(!c->domid || c->watches <= STORE_MAX_WATCHES,
	     "a guest has too many watches");
	queue(w, path);
	return 0;
}

static int store_unwatch(void *h, const char *path, const char *token)
{
	struct store_conn *c = h;
	struct store_watch **at = &c->watch, *w;

	c->counts.ops++;
	while ((w = *at) && (strcmp(w->path, path) || strcmp(w->token, token)))
		at = &w->conn_next;
	if (!w)
		return -ENOENT;
	*at = w->conn_next;
	unlink_watch(w);
	put(w);
	c->watches--;
	return 0;
}

static int store_fd(void *h)
{
	return -1;	/* notify() instead */
}

static int store_next_event(void *h, char ***vec)
{
	struct store_conn *c = h;
	struct store_event *ev = c->first;
	size_t size;

	if (!ev)
		return 0;
	c->first = ev->next;
	if (!c->first)
		c->last = &c->first;
	c->queued--;
	size = strlen(ev->path) + strlen(ev->token) + 2;
	*vec = malloc(2 * sizeof(char *) + size);
	(*vec)[0] = (char *)(*vec + 2);
	memcpy((*vec)[0], ev->path, size);
	(*vec)[1] = (*vec)[0] + strlen(ev->path) + 1;
	put(ev);
	return 1;
}

static int store_txn_start(void *h, xenloop_xs_txn *t)
{
	struct store_conn *c = h;

	c->counts.ops++;
	*t = (xenloop_xs_txn)c->counts.writes + 1;
	return 0;
}

/* Writes take effect at once, so only one without any may be given up. */
static int store_txn_end(void *h, xenloop_xs_txn t, bool undo)
{
	struct store_conn *c = h;

	c->counts.ops++;
	must(!undo || t == (xenloop_xs_txn)c->counts.writes + 1,
	     "a transaction with writes is given up");
	return 0;
}

const struct xenloop_xs_ops store_ops = {
	.open = store_open,
	.close = close_conn,
	.read = store_read,
	.write = store_write,
	.mkdir = store_mkdir,
	.rm = store_rm,
	.directory = store_directory,
	.set_reader = store_set_reader,
	.watch = store_watch,
	.unwatch = store_unwatch,
	.fd = store_fd,
	.next_event = store_next_event,
	.txn_start = store_txn_start,
	.txn_end = store_txn_end,
};

void store_move(struct store_conn *conn, uint32_t domid)
{
	struct store_watch *w;

	for (w = conn->watch; w; w = w->conn_next) {
		unlink_watch(w);
		full_path(domid, w->path, w->full);
		link_watch(w);
	}
	conn->domid = domid;
}

void store_close(struct store_conn *conn)
{
	struct store_watch *w;
	struct store_event *ev;

	while ((w = conn->watch)) {
		conn->watch = w->conn_next;
		unlink_watch(w);
		put(w);
	}
	while ((ev = conn->first)) {
		conn->first = ev->next;
		put(ev);
	}
	conn->last = &conn->first;
	conn->watches = conn->queued = 0;
}
