/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_FUZZ_ASK_H
#define XENLOOP_FUZZ_ASK_H

#include <stdlib.h>
#include <string.h>

#include "proto/ctl_request.h"

/* For fuzzers that ask a daemon what its control socket would be asked. */

/* An answer in the words of the verb, or an error in one line of plain text. */
static inline void fuzz_check_reply(const json_t *reply)
{
	const json_t *error = json_object_get(reply, "error");
	const char *text = json_string_value(json_object_get(error ? error :
							     reply, error ?
							     "message" :
							     "command"));

	if (json_integer_value(json_object_get(reply, "schema")) !=
	    XENLOOP_CTL_SCHEMA || !text)
		abort();
	if (error && !json_is_string(json_object_get(error, "code")))
		abort();
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

/*
 * The daemon's answer to a line of user uid, with its newline, as it would be
 * sent: the caller's to free. *stream as by xenloop_ctl_answer().
 */
static inline char *fuzz_ask(const struct xenloop_ctl_verb *verbs, void *arg,
			     uid_t uid, const char *line, size_t len,
			     bool *stream)
{
	json_t *reply = xenloop_ctl_answer(verbs, arg, uid, line, len, stream);
	char *text = json_dumps(reply, JSON_COMPACT);

	fuzz_check_reply(reply);
	json_decref(reply);
	/* One line: or the next answer would be taken for its rest. */
	if (!text || strchr(text, '\n'))
		abort();
	text = realloc(text, strlen(text) + 2);
	return text ? strcat(text, "\n") : NULL;
}

#endif
