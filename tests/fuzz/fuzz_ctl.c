// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Any line at the control socket gets an answer with a schema, or an error with a code. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/ctl_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int answer(void *arg, const struct xenloop_ctl_request *req,
		  json_t *reply, struct xenloop_ctl_error *err)
{
	if (req->nr_args)
		return xenloop_ctl_fail(err, XENLOOP_CTL_NOT_FOUND,
					"no peer %s", req->args[0]);
	return 0;
}

static const struct xenloop_ctl_verb verbs[] = {
	{ .verb = "peers", .fn = answer },
	{ .verb = "connect", .privileged = true, .min_args = 1, .max_args = 1,
	  .fn = answer },
	{ NULL }
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool stream;
	json_t *reply = xenloop_ctl_answer(verbs, NULL, size & 1,
					   (const char *)data, size, &stream);

	if (json_integer_value(json_object_get(reply, "schema")) != 1 || stream)
		abort();
	json_decref(reply);
	return 0;
}
