/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_CTL_H
#define XENLOOP_CTL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <event2/event.h>
#include <jansson.h>

/*
 * The control socket: how xenloopctl asks a daemon. AF_UNIX stream, one JSON
 * object per line in each direction:
 *
 *	{"command":"disconnect","args":["web-2"]}
 *	{"schema":1,"command":"disconnect",...}
 *	{"schema":1,"error":{"code":"not-found","message":"no peer web-2"}}
 *
 * A connection may ask again after each answer. Who is connected is as hostile
 * as any local user: requests are bounded in length and time, clients in
 * number, and a client that does not read is dropped. Privileged verbs are for
 * uid 0 only, by SO_PEERCRED.
 */

#define XENLOOP_CTL_SCHEMA 1
#define XENLOOP_CTL_MAX_REQUEST 4096	/* bytes, with the newline */
#define XENLOOP_CTL_MAX_ARGS 8
#define XENLOOP_CTL_MAX_CLIENTS 32
#define XENLOOP_CTL_ROOT_CLIENTS 4	/* of these, for uid 0 only */
#define XENLOOP_CTL_MAX_BACKLOG (256 * 1024)	/* bytes a subscriber may lag */
#define XENLOOP_CTL_TIMEOUT 5	/* seconds for a request, and for reading an answer */

#define XENLOOP_CTL_GUEST_PATH "/run/xenloopd/control"
#define XENLOOP_CTL_DOM0_PATH "/run/xendiscoverd/control"

/* Codes of errors; scripts and xenloopctl's exit status rely on them. */
#define XENLOOP_CTL_BAD_REQUEST "bad-request"	/* not a request at all */
#define XENLOOP_CTL_UNKNOWN "unknown-command"
#define XENLOOP_CTL_USAGE "usage"		/* wrong arguments */
#define XENLOOP_CTL_PERMISSION "permission"
#define XENLOOP_CTL_NOT_FOUND "not-found"	/* no such peer, guest, link */
#define XENLOOP_CTL_BUSY "busy"			/* too many clients; try again */
#define XENLOOP_CTL_TOO_MANY "too-many"		/* for one answer; ask for less */
#define XENLOOP_CTL_FAILED "failed"		/* understood, tried, refused */

/* A request that was parsed and checked; lives until the handler returns. */
struct xenloop_ctl_request {
	const char *command;
	size_t nr_args;
	const char *args[XENLOOP_CTL_MAX_ARGS];
	uid_t uid;		/* who asks, by the kernel's word */
};

/* Why a handler refuses. */
struct xenloop_ctl_error {
	const char *code;	/* one of XENLOOP_CTL_*, static */
	char message[256];	/* one line for the user */
};

/* Fills *err in and returns -1, so that a handler can `return` it. */
int xenloop_ctl_fail(struct xenloop_ctl_error *err, const char *code,
		     const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Adds `members`, which it takes over and which may be NULL for want of memory,
 * to a handler's reply. 0, or -1 with *err filled in.
 */
int xenloop_ctl_fill(json_t *reply, json_t *members,
		     struct xenloop_ctl_error *err);

/* A verb: one row of the daemon's table, which ends with a NULL verb. */
struct xenloop_ctl_verb {
	const char *verb;
	bool privileged;	/* uid 0 only */
	bool stream;		/* after the answer the client gets all events */
	size_t min_args;
	size_t max_args;
	/*
	 * Adds its members to reply, an object that has "schema" and "command"
	 * already and belongs to the caller. 0, or -1 with *err filled in.
	 */
	int (*fn)(void *arg, const struct xenloop_ctl_request *req,
		  json_t *reply, struct xenloop_ctl_error *err);
};

struct xenloop_ctl;

/*
 * Listens on path (its directory is made when missing; mode 0660, root and group
 * "xenloop" when run by root). `verbs` must live as long as the server. NULL
 * and errno on failure: EADDRINUSE when another daemon answers there. The caller
 * owns what is returned.
 */
struct xenloop_ctl *xenloop_ctl_new(struct event_base *base, const char *path,
				    const struct xenloop_ctl_verb *verbs,
				    void *arg);

/* Drops all clients and removes the socket. NULL is fine. */
void xenloop_ctl_free(struct xenloop_ctl *ctl);

/* Is anybody subscribed? Spares the building of events that nobody gets. */
bool xenloop_ctl_has_subscribers(const struct xenloop_ctl *ctl);

/*
 * Sends an event to all subscribers. `event` is an object with at least
 * "event" (a string) and "time_ms" (Unix time); "schema" and "command":
 * "monitor" are added to what is sent. Steals the reference, also on failure;
 * NULL (out of memory) is ignored.
 */
void xenloop_ctl_event(struct xenloop_ctl *ctl, json_t *event);

/*
 * Client: asks once and waits for the answer, at most timeout_ms. `args` are
 * nr_args strings. 0 and *reply, an object for the caller to release, which may
 * hold "error"; or -errno: -ENOENT and -ECONNREFUSED when no daemon listens,
 * -EACCES, -ETIMEDOUT, -EPROTO when what came is no answer, -E2BIG when the
 * request is too long.
 */
int xenloop_ctl_request(const char *path, const char *command,
			const char *const *args, size_t nr_args,
			int timeout_ms, json_t **reply);

/*
 * Client: asks and hands the answer and then each event to fn (borrowed
 * reference) until fn returns non-zero, which is returned, or -errno as above;
 * 0 when the daemon closes the connection.
 */
int xenloop_ctl_stream(const char *path, const char *command, int timeout_ms,
		       int (*fn)(void *arg, json_t *message), void *arg);

#endif
