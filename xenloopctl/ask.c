// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Asking the daemon, and what becomes of its answer. */
#include <errno.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#define TIMEOUT_MS 10000

void xenloop_print_json(const struct xenloop_session *s, const json_t *message,
			size_t flags)
{
	json_dumpf(message, s->output.out, flags);
	fputc('\n', s->output.out);
	fflush(s->output.out);
}

/* The request did not get through: says why and what to do about it. */
static int no_answer(const struct xenloop_session *s, int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		fprintf(stderr,
			"xenloopctl: %s is not running; start it by: systemctl start %s\n",
			s->daemon, s->daemon);
		return XENLOOP_EXIT_NO_DAEMON;
	case -EACCES:
		fprintf(stderr,
			"xenloopctl: %s: permission denied; be root or in group xenloop\n",
			s->path);
		return XENLOOP_EXIT_ERROR;
	case -ETIMEDOUT:
		fprintf(stderr,
			"xenloopctl: %s does not answer; see: journalctl -u %s\n",
			s->daemon, s->daemon);
		return XENLOOP_EXIT_ERROR;
	default:
		fprintf(stderr, "xenloopctl: %s: %s\n", s->path,
			strerror(-err));
		return XENLOOP_EXIT_ERROR;
	}
}

/* Exit code for a reply; tells an error, if that is what it is. */
static int verdict(const struct xenloop_session *s, const json_t *reply)
{
	const json_t *error = json_object_get(reply, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *code = json_string_value(json_object_get(error, "code"));

	if (json_integer_value(json_object_get(reply, "schema")) !=
	    XENLOOP_CTL_SCHEMA) {
		fprintf(stderr,
			"xenloopctl: %s speaks another version of the protocol\n",
			s->daemon);
		return XENLOOP_EXIT_ERROR;
	}
	if (!error)
		return XENLOOP_EXIT_OK;
	fprintf(stderr, "xenloopctl: %s\n", message ? message : "failed");
	if (code && !strcmp(code, XENLOOP_CTL_NOT_FOUND))
		return XENLOOP_EXIT_NOT_FOUND;
	if (code && !strcmp(code, XENLOOP_CTL_USAGE))
		return XENLOOP_EXIT_USAGE;
	return XENLOOP_EXIT_ERROR;
}

int xenloop_ask(const struct xenloop_session *s,
		const struct xenloop_command *command, const char *request,
		const char *const *args, size_t nr_args)
{
	json_t *reply;
	int status;
	int err;

	err = xenloop_ctl_request(s->path, request, args, nr_args, TIMEOUT_MS,
				  &reply);
	if (err)
		return no_answer(s, err);
	status = verdict(s, reply);
	if (s->json)
		xenloop_print_json(s, reply, JSON_INDENT(2));
	else if (status == XENLOOP_EXIT_OK)
		command->show(&s->output, reply);
	json_decref(reply);
	return status;
}

int xenloop_run_request(const struct xenloop_session *s,
			const struct xenloop_command *command,
			const char *const *args, size_t nr_args)
{
	return xenloop_ask(s, command, command->name, args, nr_args);
}

struct monitor {
	const struct xenloop_session *session;
	bool started;		/* the answer is here, events follow */
	int status;
};

static int on_message(void *arg, json_t *message)
{
	struct monitor *m = arg;

	if (!m->started) {
		m->started = true;
		m->status = verdict(m->session, message);
		return m->status;
	}
	if (m->session->json)
		xenloop_print_json(m->session, message, JSON_COMPACT);
	else
		xenloop_show_event(&m->session->output, message);
	return 0;
}

/* Ends when the daemon does, which is an error, or when the user has enough. */
int xenloop_run_monitor(const struct xenloop_session *s,
			const struct xenloop_command *command,
			const char *const *args, size_t nr_args)
{
	struct monitor m = { .session = s };
	int err;

	err = xenloop_ctl_stream(s->path, command->name, TIMEOUT_MS,
				 on_message, &m);
	if (err < 0)
		return no_answer(s, err);
	if (m.status)
		return m.status;
	fprintf(stderr, "xenloopctl: %s has closed the connection\n",
		s->daemon);
	return XENLOOP_EXIT_NO_DAEMON;
}

