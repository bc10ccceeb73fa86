// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * XenStore: what we publish and what Dom0 tells us (docs/protocol.md).
 *
 * Paths are relative, so they mean the same after a migration. There is one
 * watch, for everything below `xenloop`. The values come from Dom0, which we
 * trust, but messages contain what other guests wrote: each goes through
 * proto/msg, and what does not parse is ignored, counted, and logged now and
 * then.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

#define INBOX		"xenloop"
#define HELLO		XENLOOPD_OUTBOX "/hello"
#define TO		XENLOOPD_OUTBOX "/to"
#define TOKEN		"xenloopd"
#define MAX_ENTRIES	4096

static void lost_if_dead(struct xenloopd *d, int err)
{
	if (xenloop_xs_is_dead(err))
		xenloopd_later(d, XENLOOPD_WORK_STORE_LOST);
}

static const char *problem_text(int err)
{
	switch (err) {
	case -EPROTONOSUPPORT:
		return "unknown protocol version";
	case -E2BIG:
		return "too long";
	default:
		return strerror(-err);
	}
}

/* `what` happens to the path because of err. */
static void complain(struct xenloopd *d, const char *path, const char *what,
		     int err)
{
	uint32_t more;

	d->ignored++;
	if (xenloop_ratelimit_ok(&d->log_limit, xenloop_now_ms(), &more))
		log_warn("store", "%s: %s: %s (and %" PRIu32 " others)", path,
			 what, problem_text(err), more);
}

static void ignore(struct xenloopd *d, const char *path, int err)
{
	complain(d, path, "ignored", err);
}

/* Length of the text, or -errno. */
static int read_node(struct xenloopd *d, const char *path,
		     char buf[XENLOOP_MSG_BUF])
{
	int len = xenloop_xs_read(&d->xs, 0, path, buf, XENLOOP_MSG_BUF);

	if (len < 0)
		lost_if_dead(d, len);
	if (len < 0 && len != -ENOENT && !xenloop_xs_is_dead(len))
		ignore(d, path, len);
	return len;
}

static void read_self(struct xenloopd *d)
{
	char buf[XENLOOP_MSG_BUF];
	struct xenloop_self self;
	int len = read_node(d, INBOX "/self", buf);
	int err;

	d->self_unread = xenloop_xs_is_unread(len);
	/* Dom0 has taken it back: what is attached stays, and waits for it. */
	if (len == -ENOENT) {
		d->self_ok = false;
		xenloopd_later(d, XENLOOPD_WORK_SYNC);
	}
	if (len < 0)
		return;
	err = xenloop_self_parse(buf, (size_t)len, &self);
	if (err) {
		ignore(d, INBOX "/self", err);
		return;
	}
	/* Not about us, or not about this life of ours (yet). */
	d->self_ok = self.epoch == d->links.epoch &&
		     self.domid == d->links.domid;
	if (!d->self_ok)
		return;
	d->self = self;
	xenloopd_later(d, XENLOOPD_WORK_SYNC);
}

/* An entry, which may be none, or make no sense. A sync is to follow. */
static void read_roster(struct xenloopd *d, const char *name)
{
	char path[XENLOOP_XS_PATH_SIZE];
	struct xenloop_roster roster;
	char buf[XENLOOP_MSG_BUF];
	uint32_t domid;
	int len, err;

	snprintf(path, sizeof(path), INBOX "/roster/%.32s", name);
	if (xenloop_u32_parse(name, XENLOOP_DOMID_MAX, &domid)) {
		ignore(d, path, -EINVAL);
		return;
	}
	len = read_node(d, path, buf);
	if (len == -ENOENT) {
		xenloop_links_update(&d->links, domid, NULL);
		return;
	}
	if (xenloop_xs_is_unread(len))
		d->roster_err = len;
	if (len < 0)
		return;
	err = xenloop_roster_parse(buf, (size_t)len, &roster);
	if (!err)
		err = xenloop_links_update(&d->links, domid, &roster);
	if (err)
		ignore(d, path, err);
}

void xenloopd_store_inbox(struct xenloopd *d, struct xenloop_link *link)
{
	char path[XENLOOP_XS_PATH_SIZE];
	char buf[XENLOOP_MSG_BUF];
	struct xenloop_msg msg;
	int len, err;

	if (!d->xs.h)
		return;
	snprintf(path, sizeof(path),
		 INBOX "/from/%" PRIu32 "-%" PRIu32 "-%" PRIu32,
		 link->key.domid, link->key.vif, link->key.peer_vif);
	len = read_node(d, path, buf);
	if (len < 0)
		return;
	err = xenloop_msg_parse(buf, (size_t)len, &msg);
	if (err)
		ignore(d, path, err);
	else
		xenloop_link_message(&d->links, link, &msg);
}

static void read_from(struct xenloopd *d, const char *name)
{
	struct xenloop_link *link;
	struct xenloop_node node;

	if (xenloop_node_parse(name, &node)) {
		ignore(d, INBOX "/from", -EINVAL);
		return;
	}
	/* Without a link it is early or late; the roster decides. */
	link = xenloop_links_find(&d->links, &node);
	if (link)
		xenloopd_store_inbox(d, link);
}

/*
 * 0 or -errno. E2BIG: more than 4,096 bytes of names, and a xenstored without
 * DIRECTORY_PART (docs/scale.md).
 */
static int list(struct xenloopd *d, const char *path,
		struct xenloop_xs_dir *dir)
{
	int err = xenloop_xs_directory(&d->xs, 0, path, MAX_ENTRIES, dir);

	if (err < 0)
		lost_if_dead(d, err);
	if (err < 0 && err != -ENOENT && !xenloop_xs_is_dead(err))
		complain(d, path, "can't be listed", err);
	if (dir->truncated)
		complain(d, path, "not listed to its end", -E2BIG);
	return err;
}

static void scan_roster(struct xenloopd *d)
{
	struct xenloop_xs_dir dir;
	uint32_t domid;
	int err = list(d, INBOX "/roster", &dir);

	d->roster_err = err == -ENOENT ? 0 : err;
	if (d->roster_err)
		return;
	/* First who has left: a MAC address may have moved to another domid. */
	xenloop_links_unmark(&d->links);
	for (unsigned int i = 0; !err && i < dir.nr; i++)
		if (!xenloop_u32_parse(dir.name[i], XENLOOP_DOMID_MAX, &domid))
			xenloop_links_mark(&d->links, domid);
	xenloop_links_sweep(&d->links);
	if (err)
		return;
	for (unsigned int i = 0; i < dir.nr; i++)
		read_roster(d, dir.name[i]);
	xenloop_xs_dir_free(&dir);
	xenloopd_later(d, XENLOOPD_WORK_SYNC);
}

bool xenloopd_store_failed(const struct xenloopd *d)
{
	return d->roster_err && d->roster_err != -E2BIG;
}

void xenloopd_store_complete(struct xenloopd *d)
{
	if (!d->xs.h || !d->hello)
		return;
	/* One that is too long stays so: no line about it every few seconds. */
	if (xenloopd_store_failed(d))
		scan_roster(d);
	if (d->self_unread)
		read_self(d);
}

void xenloopd_store_ask(struct xenloopd *d, uint32_t domid)
{
	char name[16];

	if (!d->xs.h || d->roster_err != -E2BIG)
		return;
	snprintf(name, sizeof(name), "%" PRIu32, domid);
	read_roster(d, name); /* within a sync */
}

static void scan_from(struct xenloopd *d)
{
	struct xenloop_xs_dir dir;

	if (list(d, INBOX "/from", &dir) < 0)
		return;
	for (unsigned int i = 0; i < dir.nr; i++)
		read_from(d, dir.name[i]);
	xenloop_xs_dir_free(&dir);
}

static void scan(struct xenloopd *d)
{
	read_self(d);
	scan_roster(d);
	scan_from(d);
}

/* The rest of path after prefix and a slash; "" when they are equal; or NULL. */
static const char *below(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(path, prefix, len))
		return NULL;
	if (!path[len])
		return path + len;
	return path[len] == '/' ? path + len + 1 : NULL;
}

static void changed(struct xenloopd *d, const char *path)
{
	const char *name;

	if ((name = below(path, INBOX "/roster"))) {
		*name ? read_roster(d, name) : scan_roster(d);
		xenloopd_later(d, XENLOOPD_WORK_SYNC);
	} else if ((name = below(path, INBOX "/from")))
		*name ? read_from(d, name) : scan_from(d);
	else if (below(path, INBOX "/self"))
		read_self(d);
	else
		scan(d);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct xenloop_xs_event event;
	struct xenloopd *d = arg;
	int err;

	while ((err = xenloop_xs_next_event(&d->xs, &event)) > 0) {
		/* Before hello, and while suspended, nothing is about us. */
		if (d->hello)
			changed(d, event.path);
	}
	if (err < 0)
		xenloopd_later(d, XENLOOPD_WORK_STORE_LOST);
}

static int start_watch(struct xenloopd *d)
{
	int err = xenloop_xs_watch(&d->xs, INBOX, TOKEN);

	if (err)
		return err;
	d->xs_event = event_new(d->base, xenloop_xs_fd(&d->xs),
				EV_READ | EV_PERSIST, on_watch, d);
	if (!d->xs_event || event_add(d->xs_event, NULL))
		return -ENOMEM;
	return 0;
}

static int read_domid(struct xenloopd *d, const char **why)
{
	uint32_t domid;
	int err = xenloop_xs_read_u32(&d->xs, 0, "domid", XENLOOP_DOMID_MAX,
				      &domid);

	if (err) {
		*why = "XenStore does not tell this guest's domid";
		return err;
	}
	if (!domid) {
		*why = "this is Dom0: run xendiscoverd here, and xenloopd in guests";
		return -ENODEV;
	}
	d->links.domid = domid;
	return 0;
}

int xenloopd_store_open(struct xenloopd *d, const char **why)
{
	int err = xenloop_xs_open(&d->xs, d->xs_ops, why);

	if (err)
		return err;
	err = read_domid(d, why);
	if (!err) {
		*why = "XenStore refuses a watch";
		err = start_watch(d);
	}
	if (err)
		xenloopd_store_close(d);
	return err;
}

void xenloopd_store_close(struct xenloopd *d)
{
	if (d->xs_event)
		event_free(d->xs_event);
	d->xs_event = NULL;
	if (d->xs.h)
		xenloop_xs_close(&d->xs);
	d->xs.h = NULL;
	d->hello = false;
}

const char *xenloopd_store_explain(int err, char *buf, size_t size)
{
	if (err == -ENOSPC || err == -EDQUOT || err == -E2BIG)
		return "XenStore refuses more nodes: this guest's quota is used up";
	if (err == -EINVAL)
		return "XenStore refused the message (quota?)";
	snprintf(buf, size, "XenStore: %s", strerror(-err));
	return buf;
}

/* value NULL: remove the node. */
int xenloopd_store_write(struct xenloopd *d, const char *path,
			 const char *value)
{
	int err;

	if (!d->xs.h)
		return -ENOTCONN;
	if (value)
		err = xenloop_xs_write(&d->xs, 0, path, value);
	else
		err = xenloop_xs_rm(&d->xs, 0, path);
	if (err < 0)
		lost_if_dead(d, err);
	return err < 0 ? err : 0;
}

int xenloopd_store_start(struct xenloopd *d)
{
	const struct xenloop_hello hello = {
		.epoch = d->links.epoch,
		.features = d->info.features,
	};
	char buf[XENLOOP_MSG_BUF], text[64];
	const char *why = "";
	int err;

	/* It changes with a migration. */
	err = read_domid(d, &why);
	if (!err && xenloop_hello_format(&hello, buf, sizeof(buf)) < 0)
		err = -EINVAL;
	if (!err)
		err = xenloopd_store_write(d, HELLO, buf);
	if (err) {
		snprintf(d->xs_error, sizeof(d->xs_error), "%s",
			 *why ? why : xenloopd_store_explain(err, text,
							     sizeof(text)));
		if (xenloop_ratelimit_ok(&d->log_limit, xenloop_now_ms(), NULL))
			log_err("store", "hello: %s", d->xs_error);
		return err;
	}
	d->xs_error[0] = '\0';
	d->hello = true;
	log_info("store", "domain %" PRIu32 " says hello", d->links.domid);
	scan(d);
	return 0;
}

int xenloopd_store_clean(struct xenloopd *d, bool all)
{
	return xenloopd_store_write(d, all ? XENLOOPD_OUTBOX : TO, NULL);
}
