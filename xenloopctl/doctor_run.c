// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The command doctor: gathers facts, has them judged, shows what came of it. */
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "doctor.h"

static size_t count_problems(const json_t *findings)
{
	const json_t *finding;
	size_t i, nr = 0;

	json_array_foreach(findings, i, finding)
		nr += !strcmp(xenloop_text_at(finding, "result"), "problem");
	return nr;
}

static json_t *diagnose(const struct xenloop_session *s,
			const char *const *args, size_t nr_args)
{
	struct xenloop_facts f = { .dom0 = s->dom0, .nr_who = nr_args };
	json_t *findings, *reply;

	for (size_t i = 0; i < nr_args; i++)
		f.who[i] = args[i];
	xenloop_facts_gather(&f, s->path, s->daemon, "");
	findings = xenloop_doctor(&f);
	reply = json_pack("{s:i, s:s, s:s, s:I, s:o}",
			  "schema", XENLOOP_CTL_SCHEMA, "command", "doctor",
			  "host", s->dom0 ? "dom0" : "guest", "problems",
			  (json_int_t)count_problems(findings), "findings",
			  findings);
	xenloop_facts_clear(&f);
	return reply;
}

int xenloop_run_doctor(const struct xenloop_session *s,
		       const struct xenloop_command *command,
		       const char *const *args, size_t nr_args)
{
	json_t *reply;
	int status;

	if (nr_args > 1 && !s->dom0) {
		fprintf(stderr, "xenloopctl: a guest knows of its own peers only; ask about two guests in Dom0\n");
		return XENLOOP_EXIT_USAGE;
	}
	reply = diagnose(s, args, nr_args);
	if (!reply) {
		fprintf(stderr, "xenloopctl: out of memory\n");
		return XENLOOP_EXIT_ERROR;
	}
	if (s->json)
		xenloop_print_json(s, reply, JSON_INDENT(2));
	else
		command->show(&s->output, reply);
	status = xenloop_number_at(reply, "problems") ? XENLOOP_EXIT_ERROR :
							XENLOOP_EXIT_OK;
	json_decref(reply);
	return status;
}
