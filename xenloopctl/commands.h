/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOPCTL_COMMANDS_H
#define XENLOOPCTL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "render.h"

/* Exit codes; the man page lists them. */
enum xenloop_exit {
	XENLOOP_EXIT_OK = 0,
	XENLOOP_EXIT_ERROR = 1,		/* the daemon refused or answered nonsense */
	XENLOOP_EXIT_USAGE = 2,
	XENLOOP_EXIT_NO_DAEMON = 3,
	XENLOOP_EXIT_NOT_FOUND = 4,	/* no such peer, guest or link */
};

struct xenloop_session {
	const char *path;	/* of the control socket */
	const char *daemon;	/* who listens there, for messages */
	bool json;
	struct xenloop_output output;
};

/* A command: help, usage checks and completion all come from this table. */
struct xenloop_command {
	const char *name;
	const char *args;	/* for help: "PEER", or "" */
	size_t nr_args;
	const char *help;
	/* Returns an exit code; args has nr_args strings. */
	int (*run)(const struct xenloop_session *s,
		   const struct xenloop_command *command,
		   const char *const *args);
	/* Shows a reply to people; NULL where run() does it. */
	void (*show)(const struct xenloop_output *o, const json_t *reply);
};

/* Ends with a NULL name. */
extern const struct xenloop_command xenloop_commands[];

/* NULL if there is no such command. */
const struct xenloop_command *xenloop_command_find(const char *name);

/* How replies look, in show.c. */
void xenloop_show_peers(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_status(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_stats(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_done(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_event(const struct xenloop_output *o, const json_t *event);

#endif
