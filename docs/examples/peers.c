// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Which guests on this host may this guest reach by shared memory? Prints one
 * line per link and, with -f, prints them again whenever they change. Runs in a
 * guest beside xenloopd, as root or as another who may open /dev/xen/xenbus.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "proto/msg.h"
#include "proto/xs.h"

/* Paths are relative: the domid in an absolute one changes with a migration. */
#define ROSTER		"xenloop/roster"
#define MAX_PEERS	4096

static void print_roster(const char *domid, const struct xenloop_roster *roster)
{
	char mac[XENLOOP_MAC_STR];

	for (unsigned int i = 0; i < roster->nr_links; i++)
		printf("%s domain %s: vif %" PRIu32 " to vif %" PRIu32 " %s\n",
		       roster->name, domid, roster->link[i].vif,
		       roster->link[i].peer_vif,
		       xenloop_mac_format(roster->link[i].mac, mac));
}

/* A peer that went between the directory and the read is no error. */
static int print_peer(struct xenloop_xs *xs, const char *domid)
{
	char path[XENLOOP_XS_PATH_SIZE], text[XENLOOP_MSG_BUF];
	struct xenloop_roster roster;
	int len;

	snprintf(path, sizeof(path), ROSTER "/%s", domid);
	len = xenloop_xs_read(xs, 0, path, text, sizeof(text));
	if (len < 0)
		return len == -ENOENT ? 0 : len;
	if (xenloop_roster_parse(text, (size_t)len, &roster))
		fprintf(stderr, "%s: not understood\n", path);
	else
		print_roster(domid, &roster);
	return 0;
}

static int print_peers(struct xenloop_xs *xs)
{
	struct xenloop_xs_dir dir;
	int err = xenloop_xs_directory(xs, 0, ROSTER, MAX_PEERS, &dir);

	if (err == -ENOENT)
		return 0;	/* Dom0 has not spoken to this guest */
	if (err < 0)
		return err;
	err = 0;
	for (unsigned int i = 0; i < dir.nr && !err; i++)
		err = print_peer(xs, dir.name[i]);
	xenloop_xs_dir_free(&dir);
	fflush(stdout);
	return err;
}

/* Waits for a change; several that came together count as one. */
static int wait_for_change(struct xenloop_xs *xs)
{
	struct pollfd fd = { .fd = xenloop_xs_fd(xs), .events = POLLIN };
	struct xenloop_xs_event event;
	int got = 0, err;

	while (!got) {
		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return -errno;
		while ((err = xenloop_xs_next_event(xs, &event)) > 0)
			got = 1;
		if (err < 0)
			return err;
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool follow = argc > 1 && !strcmp(argv[1], "-f");
	struct xenloop_xs xs;
	const char *why;
	int err;

	if (xenloop_xs_open(&xs, &xenloop_xs_libxenstore, &why)) {
		fprintf(stderr, "peers: %s\n", why);
		return 1;
	}
	/* A new watch fires at once. */
	err = follow ? xenloop_xs_watch(&xs, ROSTER, "roster") : 0;
	do {
		if (!err && follow)
			err = wait_for_change(&xs);
		if (!err)
			err = print_peers(&xs);
	} while (!err && follow);
	if (err)
		fprintf(stderr, "peers: %s\n", strerror(-err));
	xenloop_xs_close(&xs);
	return err ? 1 : 0;
}
