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
	XENLOOP_EXIT_NOT_FOUND = 4,	/* no such peer, guest, link or setting */
};

struct xenloop_session {
	const char *path;	/* of the control socket */
	const char *daemon;	/* who listens there, for messages */
	bool dom0;		/* that is xendiscoverd */
	bool json;
	struct xenloop_output output;
};

/* What a word on the command line stands for; tells the shell how to complete it. */
enum xenloop_word {
	XENLOOP_WORD_NONE,	/* no word at all, or nothing to complete */
	XENLOOP_WORD_PEER,
	XENLOOP_WORD_SETTING,
	XENLOOP_WORD_VALUE,
	XENLOOP_WORD_SHELL,
	XENLOOP_WORD_FILE,
};

struct xenloop_arg {
	const char *name;	/* for help: "PEER" */
	enum xenloop_word word;
};

#define XENLOOP_MAX_ARGS 2

/* A command: parsing, help and completion all come from this table. */
struct xenloop_command {
	const char *name;
	struct xenloop_arg args[XENLOOP_MAX_ARGS + 1];	/* ends with a NULL name */
	size_t min_args;
	bool of_guests;		/* xendiscoverd has nothing like it */
	const char *help;
	/* Returns an exit code. */
	int (*run)(const struct xenloop_session *s,
		   const struct xenloop_command *command,
		   const char *const *args, size_t nr_args);
	/* Shows a reply to people; NULL where run() does it. */
	void (*show)(const struct xenloop_output *o, const json_t *reply);
};

/* Ends with a NULL name. */
extern const struct xenloop_command xenloop_commands[];

/* NULL if there is no such command. */
const struct xenloop_command *xenloop_command_find(const char *name);
size_t xenloop_command_max_args(const struct xenloop_command *command);
/* "set [SETTING [VALUE]]" */
void xenloop_command_synopsis(const struct xenloop_command *command,
			      char *text, size_t size);

struct xenloop_option {
	char letter;
	const char *name;
	struct xenloop_arg arg;		/* NULL name: takes none */
	const char *help;
};

/* Ends with a NULL name. */
extern const struct xenloop_option xenloop_options[];

/* ask.c: what the commands have in common */
/* Asks, shows the answer by command->show or as JSON. An exit code. */
int xenloop_ask(const struct xenloop_session *s,
		const struct xenloop_command *command, const char *request,
		const char *const *args, size_t nr_args);
/* The same with the command's own name. */
int xenloop_run_request(const struct xenloop_session *s,
			const struct xenloop_command *command,
			const char *const *args, size_t nr_args);
int xenloop_run_monitor(const struct xenloop_session *s,
			const struct xenloop_command *command,
			const char *const *args, size_t nr_args);
void xenloop_print_json(const struct xenloop_session *s, const json_t *message,
			size_t flags);

/* doctor_run.c, metrics_run.c, completion.c: commands with a file of their own */
int xenloop_run_doctor(const struct xenloop_session *s,
		       const struct xenloop_command *command,
		       const char *const *args, size_t nr_args);
int xenloop_run_metrics(const struct xenloop_session *s,
			const struct xenloop_command *command,
			const char *const *args, size_t nr_args);
int xenloop_run_completion(const struct xenloop_session *s,
			   const struct xenloop_command *command,
			   const char *const *args, size_t nr_args);

/* show.c: how replies look */
void xenloop_show_peers(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_status(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_stats(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_done(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_settings(const struct xenloop_output *o,
			   const json_t *reply);
void xenloop_show_doctor(const struct xenloop_output *o, const json_t *reply);
void xenloop_show_event(const struct xenloop_output *o, const json_t *event);

#endif
