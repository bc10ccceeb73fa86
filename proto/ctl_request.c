// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Control socket: from a line to its answer, without any I/O. */
#include <stdio.h>
#include <string.h>

#include "ctl_request.h"

int xenloop_ctl_fail(struct xenloop_ctl_error *err, const char *code,
		     const char *fmt, ...)
{
	va_list args;

	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return -1;
}

int xenloop_ctl_fill(json_t *reply, json_t *members,
		     struct xenloop_ctl_error *err)
{
	int bad = json_object_update(reply, members);

	json_decref(members);
	return bad ? xenloop_ctl_fail(err, XENLOOP_CTL_FAILED, "out of memory") :
		     0;
}

static int read_args(const json_t *args, struct xenloop_ctl_request *req,
		     struct xenloop_ctl_error *err)
{
	size_t i;

	if (!args)
		return 0;
	if (!json_is_array(args) || json_array_size(args) > XENLOOP_CTL_MAX_ARGS)
		return xenloop_ctl_fail(err, XENLOOP_CTL_BAD_REQUEST,
					"args is not an array of at most %d strings",
					XENLOOP_CTL_MAX_ARGS);
	for (i = 0; i < json_array_size(args); i++) {
		req->args[i] = json_string_value(json_array_get(args, i));
		if (!req->args[i])
			return xenloop_ctl_fail(err, XENLOOP_CTL_BAD_REQUEST,
						"args[%zu] is not a string", i);
	}
	req->nr_args = i;
	return 0;
}

/* The strings in *req belong to root. */
static int read_request(const json_t *root, struct xenloop_ctl_request *req,
			struct xenloop_ctl_error *err)
{
	size_t known;

	req->command = json_string_value(json_object_get(root, "command"));
	if (!req->command)
		return xenloop_ctl_fail(err, XENLOOP_CTL_BAD_REQUEST,
					"not a JSON object with a command");
	known = json_object_get(root, "args") ? 2 : 1;
	if (json_object_size(root) != known)
		return xenloop_ctl_fail(err, XENLOOP_CTL_BAD_REQUEST,
					"members other than command and args");
	return read_args(json_object_get(root, "args"), req, err);
}

static const struct xenloop_ctl_verb *find(const struct xenloop_ctl_verb *verbs,
					   const char *command)
{
	for (; verbs->verb; verbs++)
		if (!strcmp(verbs->verb, command))
			return verbs;
	return NULL;
}

/* The verb that may be called, or NULL with *err filled in. */
static const struct xenloop_ctl_verb *
admit(const struct xenloop_ctl_verb *verbs,
      const struct xenloop_ctl_request *req, struct xenloop_ctl_error *err)
{
	const struct xenloop_ctl_verb *verb = find(verbs, req->command);

	if (!verb)
		xenloop_ctl_fail(err, XENLOOP_CTL_UNKNOWN,
				 "this daemon has no command %.40s",
				 req->command);
	else if (verb->privileged && req->uid != 0)
		xenloop_ctl_fail(err, XENLOOP_CTL_PERMISSION,
				 "%s is for root", verb->verb);
	else if (req->nr_args < verb->min_args || req->nr_args > verb->max_args)
		xenloop_ctl_fail(err, XENLOOP_CTL_USAGE,
				 "wrong number of arguments for %s",
				 verb->verb);
	else
		return verb;
	return NULL;
}

/* The verb's own answer, or NULL with *err filled in. */
static json_t *call(const struct xenloop_ctl_verb *verb, void *arg,
		    const struct xenloop_ctl_request *req,
		    struct xenloop_ctl_error *err)
{
	json_t *reply = json_pack("{s:i, s:s}", "schema", XENLOOP_CTL_SCHEMA,
				  "command", verb->verb);

	if (!reply) {
		xenloop_ctl_fail(err, XENLOOP_CTL_FAILED, "out of memory");
		return NULL;
	}
	if (!verb->fn(arg, req, reply, err))
		return reply;
	json_decref(reply);
	return NULL;
}

/* A message may quote what a client sent: keep it to one line of plain text. */
static json_t *error_reply(struct xenloop_ctl_error *err)
{
	char *c;

	for (c = err->message; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return json_pack("{s:i, s:{s:s, s:s}}", "schema", XENLOOP_CTL_SCHEMA,
			 "error", "code", err->code, "message", err->message);
}

json_t *xenloop_ctl_answer(const struct xenloop_ctl_verb *verbs, void *arg,
			   uid_t uid, const char *line, size_t len,
			   bool *stream)
{
	/* What goes wrong without a word about it has failed. */
	struct xenloop_ctl_error err = {
		.code = XENLOOP_CTL_FAILED, .message = "failed",
	};
	struct xenloop_ctl_request req = { .uid = uid };
	const struct xenloop_ctl_verb *verb = NULL;
	json_t *reply = NULL;
	json_t *root;

	*stream = false;
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (!read_request(root, &req, &err))
		verb = admit(verbs, &req, &err);
	if (verb)
		reply = call(verb, arg, &req, &err);
	if (reply)
		*stream = verb->stream;
	json_decref(root);
	return reply ? reply : error_reply(&err);
}
