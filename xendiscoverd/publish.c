// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The nodes that Dom0 writes for a guest; see publish.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/msg.h"
#include "xendiscoverd/publish.h"

#define MAX_NODES 16384		/* of one directory that we wrote ourselves */
#define BATCH 64		/* nodes in one transaction */

static const char *const dirs[] = { "roster", "from" };

static void node_path(char *buf, size_t size, uint32_t domid, const char *name)
{
	snprintf(buf, size, "/local/domain/%u/xenloop%s%s", domid,
		 *name ? "/" : "", name);
}

static size_t lower_bound(const struct xenloop_pub *pub, const char *name)
{
	size_t lo = 0, hi = pub->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(pub->node[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct xenloop_pub_node *find(const struct xenloop_pub *pub,
				     const char *name)
{
	size_t i = lower_bound(pub, name);

	if (i == pub->nr || strcmp(pub->node[i].name, name))
		return NULL;
	return &pub->node[i];
}

static bool make_room(struct xenloop_pub *pub)
{
	size_t room = pub->room ? 2 * pub->room : 8;
	struct xenloop_pub_node *grown;

	if (pub->nr < pub->room)
		return true;
	grown = reallocarray(pub->node, room, sizeof(*grown));
	if (!grown)
		return false;
	pub->node = grown;
	pub->room = room;
	return true;
}

static struct xenloop_pub_node *add(struct xenloop_pub *pub, const char *name)
{
	size_t i = lower_bound(pub, name);
	struct xenloop_pub_node *node;

	if (strlen(name) >= sizeof(node->name) || !make_room(pub))
		return NULL;
	node = &pub->node[i];
	memmove(node + 1, node, (pub->nr - i) * sizeof(*node));
	memset(node, 0, sizeof(*node));
	strcpy(node->name, name);
	pub->nr++;
	return node;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void free_want(struct xenloop_pub_node *node)
{
	if (node->want != node->have)
		free(node->want);
	node->want = NULL;
}

static void free_node(struct xenloop_pub_node *node)
{
	free_want(node);
	free(node->have);
}

/* What is wanted is what is there: one text is enough for both. */
static void settle_node(struct xenloop_pub_node *node)
{
	if (node->want == node->have)
		return;
	free(node->have);
	node->have = node->want;
}

const char *xenloop_pub_get(const struct xenloop_pub *pub, const char *name)
{
	const struct xenloop_pub_node *node = find(pub, name);

	return node ? node->want : NULL;
}

int xenloop_pub_set(struct xenloop_pub *pub, const char *name,
		    const char *text, unsigned int links)
{
	struct xenloop_pub_node *node = find(pub, name);
	char *copy = NULL;

	if (!node && !text)
		return 0;
	if (node && same(node->want, text))
		return 0;
	if (text && !(copy = strdup(text)))
		return -ENOMEM;
	if (!node)
		node = add(pub, name);
	if (!node) {
		free(copy);
		return -ENOMEM;
	}
	free_want(node);
	node->want = copy;
	pub->links += links - node->links;
	node->links = links;
	pub->dirty = true;
	return 0;
}

void xenloop_pub_drop(struct xenloop_pub *pub, const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = lower_bound(pub, prefix); i < pub->nr; i++) {
		if (strncmp(pub->node[i].name, prefix, len))
			break;
		xenloop_pub_set(pub, pub->node[i].name, NULL, 0);
	}
}

/* A node that an earlier run wrote: both there and, for now, wanted. */
static int adopt(struct xenloop_pub *pub, const char *name, const char *text)
{
	struct xenloop_roster roster;
	unsigned int links = 0;
	int err;

	if (!strncmp(name, "roster/", 7) &&
	    !xenloop_roster_parse(text, strlen(text), &roster))
		links = roster.nr_links;
	err = xenloop_pub_set(pub, name, text, links);
	if (!err)
		settle_node(find(pub, name));
	return err;
}

static int load_node(struct xenloop_xs *xs, uint32_t domid,
		     struct xenloop_pub *pub, const char *name)
{
	char path[XENLOOP_XS_PATH_SIZE], buf[XENLOOP_XS_VALUE_MAX + 1];
	int ret;

	node_path(path, sizeof(path), domid, name);
	ret = xenloop_xs_read(xs, 0, path, buf, sizeof(buf));
	if (ret == -ENOENT)
		return 0;
	if (ret == -E2BIG || ret == -EBADMSG)	/* not of our making */
		return xenloop_xs_rm(xs, 0, path);
	return ret < 0 ? ret : adopt(pub, name, buf);
}

static int load_roster(struct xenloop_xs *xs, uint32_t domid,
		       struct xenloop_pub *pub)
{
	char path[XENLOOP_XS_PATH_SIZE], name[XENLOOP_PUB_NAME];
	struct xenloop_xs_dir entries;
	int err;

	node_path(path, sizeof(path), domid, "roster");
	err = xenloop_xs_directory(xs, 0, path, MAX_NODES, &entries);
	if (err)
		return err == -ENOENT ? 0 : err;
	for (unsigned int i = 0; i < entries.nr && !err; i++) {
		int len = snprintf(name, sizeof(name), "roster/%s",
				   entries.name[i]);

		if (len > 0 && (size_t)len < sizeof(name))
			err = load_node(xs, domid, pub, name);
	}
	xenloop_xs_dir_free(&entries);
	return err;
}

int xenloop_pub_load(struct xenloop_xs *xs, uint32_t domid,
		     struct xenloop_pub *pub)
{
	char path[XENLOOP_XS_PATH_SIZE];
	int err = load_node(xs, domid, pub, "self");

	if (!err)
		err = load_roster(xs, domid, pub);
	node_path(path, sizeof(path), domid, "from");
	if (!err)
		err = xenloop_xs_rm(xs, 0, path);
	pub->dirty = false;
	return err;
}

static int make_dir(struct xenloop_xs *xs, xenloop_xs_txn t, uint32_t domid,
		    const char *name)
{
	char path[XENLOOP_XS_PATH_SIZE];
	int err;

	node_path(path, sizeof(path), domid, name);
	err = xenloop_xs_mkdir(xs, t, path);
	return err ? err : xenloop_xs_set_reader(xs, t, path, domid);
}

static int write_node(struct xenloop_xs *xs, xenloop_xs_txn t, uint32_t domid,
		      const struct xenloop_pub_node *node)
{
	char path[XENLOOP_XS_PATH_SIZE];
	int err;

	node_path(path, sizeof(path), domid, node->name);
	if (!node->want)
		return xenloop_xs_rm(xs, t, path);
	err = xenloop_xs_write(xs, t, path, node->want);
	if (err || node->have)
		return err;
	return xenloop_xs_set_reader(xs, t, path, domid);
}

/* Some nodes of one guest, written at once. */
struct batch {
	struct xenloop_pub *pub;
	uint32_t domid;
	size_t first;
	size_t end;		/* behind the last one looked at */
};

/*
 * Everything is done in one transaction with a look at whether the domain still
 * has a home: or a write that comes late would create one again for a domain
 * that is gone.
 */
static int flush_batch(struct xenloop_xs *xs, xenloop_xs_txn t, void *arg)
{
	struct batch *b = arg;
	char path[XENLOOP_XS_PATH_SIZE], buf[XENLOOP_XS_VALUE_MAX + 1];
	size_t done = 0;
	int ret;

	snprintf(path, sizeof(path), "/local/domain/%u/domid", b->domid);
	ret = xenloop_xs_read(xs, t, path, buf, sizeof(buf));
	if (ret < 0)
		return ret;
	if (!b->pub->made) {
		ret = make_dir(xs, t, b->domid, "");
		for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
			ret = ret < 0 ? ret :
			      make_dir(xs, t, b->domid, dirs[i]);
		if (ret < 0)
			return ret;
	}
	for (b->end = b->first; b->end < b->pub->nr && done < BATCH; b->end++) {
		const struct xenloop_pub_node *node = &b->pub->node[b->end];

		if (same(node->have, node->want))
			continue;
		ret = write_node(xs, t, b->domid, node);
		if (ret)
			return ret;
		done++;
	}
	return 0;
}

/* Forgets what was not wanted and is not there. */
static void sweep(struct xenloop_pub *pub)
{
	size_t kept = 0;

	for (size_t i = 0; i < pub->nr; i++)
		if (pub->node[i].want)
			pub->node[kept++] = pub->node[i];
	pub->nr = kept;
}

int xenloop_pub_flush(struct xenloop_xs *xs, uint32_t domid,
		      struct xenloop_pub *pub)
{
	struct batch b = { .pub = pub, .domid = domid };

	if (!pub->dirty)
		return 0;
	while (b.first < pub->nr) {
		int err = xenloop_xs_transaction(xs, flush_batch, &b);

		if (err)
			return err;
		pub->made = true;
		/* If the next batch fails, this one is there all the same. */
		for (; b.first < b.end; b.first++)
			settle_node(&pub->node[b.first]);
	}
	sweep(pub);
	pub->dirty = false;
	return 0;
}

int xenloop_pub_remove(struct xenloop_xs *xs, uint32_t domid,
		       struct xenloop_pub *pub)
{
	char path[XENLOOP_XS_PATH_SIZE];
	int err;

	node_path(path, sizeof(path), domid, "");
	err = xenloop_xs_rm(xs, 0, path);
	if (!err)
		xenloop_pub_free(pub);
	return err;
}

void xenloop_pub_free(struct xenloop_pub *pub)
{
	for (size_t i = 0; i < pub->nr; i++)
		free_node(&pub->node[i]);
	free(pub->node);
	memset(pub, 0, sizeof(*pub));
}
