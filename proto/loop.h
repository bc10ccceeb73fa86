/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_LOOP_H
#define XENLOOP_LOOP_H

#include <event2/event.h>

/*
 * Concurrency model of both daemons
 *
 * One thread, one libevent base. Every callback (a descriptor, a timer, a
 * signal) runs to its end before the next one starts, so no data of ours needs
 * a lock. Signals arrive as events, never in the middle of something. The price:
 * whoever blocks, blocks everything. Requests to XenStore and to the kernel by
 * netlink are answered at once by parties we trust and are allowed to block;
 * nothing waits for another guest. When a callback hangs all the same, the
 * watchdog timer, which lives on the same base, does not fire, and systemd
 * restarts the daemon.
 *
 * libxenstore starts a thread of its own for watches. It touches no data of
 * ours: it fills libxenstore's queue and writes to a pipe that the base polls.
 *
 * Order on one wake-up is not defined; handlers set things to be done and a
 * timer does them, where it matters.
 */

struct xenloop_loop;

struct xenloop_loop_ops {
	/* SIGHUP; may be NULL. Runs between RELOADING=1 and READY=1. */
	void (*reload)(void *arg);
	/*
	 * SIGTERM or SIGINT, once; ends with xenloop_loop_exit(), now or later.
	 * NULL means exit with status 0 at once. A second signal always does.
	 */
	void (*stop)(void *arg);
};

/*
 * Base, signal handlers and, if systemd asks for it, the watchdog. NULL and
 * errno set on failure. `ops` must live as long as the loop; the caller owns
 * what is returned.
 */
struct xenloop_loop *xenloop_loop_new(const struct xenloop_loop_ops *ops,
				      void *arg);

/* NULL is fine. The caller has freed its own events before. */
void xenloop_loop_free(struct xenloop_loop *loop);

/* The base to hang events on; belongs to the loop. */
struct event_base *xenloop_loop_base(struct xenloop_loop *loop);

/* Runs until xenloop_loop_exit(); returns its status, or 1 on a loop error. */
int xenloop_loop_run(struct xenloop_loop *loop);

/* Lets xenloop_loop_run() return `status` after the current callback. */
void xenloop_loop_exit(struct xenloop_loop *loop, int status);

/*
 * A callback that takes long gets on: systemd's watchdog, if there is one, shall
 * wait. For work that is long but bounded; loop may be NULL.
 */
void xenloop_loop_alive(const struct xenloop_loop *loop);

/* Tells systemd that the start is complete; later calls do nothing. */
void xenloop_loop_ready(struct xenloop_loop *loop);

/* Status line for `systemctl status`; sent only when it changes. */
void xenloop_loop_status(struct xenloop_loop *loop, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
