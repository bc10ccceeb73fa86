// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Asking the daemon, and what becomes of its answer. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
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

/* To people on standard error, and as the daemon would have said it in JSON. */
__attribute__((format(printf, 4, 5)))
static int no_reply(const struct xenloop_session *s, int status,
		    const char *code, const char *fmt, ...)
{
	char message[256];
	json_t *reply;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	fprintf(stderr, "xenloopctl: %s\n", message);
	if (!s->json)
		return status;
	reply = json_pack("{s:i, s:{s:s, s:s}}", "schema", XENLOOP_CTL_SCHEMA,
			  "error", "code", code, "message", message);
	/* NULL for a path that is not UTF-8. */
	if (reply)
		xenloop_print_json(s, reply, JSON_COMPACT);
	json_decref(reply);
	return status;
}

/* The request did not get through: says why and what to do about it. */
static int no_answer(const struct xenloop_session *s, int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return no_reply(s, XENLOOP_EXIT_NO_DAEMON, "not-running",
				"%s is not running; start it by: systemctl start %s",
				s->daemon, s->daemon);
	case -EACCES:
		return no_reply(s, XENLOOP_EXIT_ERROR, XENLOOP_CTL_PERMISSION,
				"%s: permission denied; be root or in group xenloop",
				s->path);
	case -ETIMEDOUT:
		return no_reply(s, XENLOOP_EXIT_ERROR, "no-answer",
				"%s does not answer; see: journalctl -u %s",
				s->daemon, s->daemon);
	default:
		return no_reply(s, XENLOOP_EXIT_ERROR, XENLOOP_CTL_FAILED,
				"%s: %s", s->path, strerror(-err));
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
		if (m->status && m->session->json)
			xenloop_print_json(m->session, message, JSON_COMPACT);
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

