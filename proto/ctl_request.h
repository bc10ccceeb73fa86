/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_CTL_REQUEST_H
#define XENLOOP_CTL_REQUEST_H

#include "ctl.h"

/*
 * Turns one line of len bytes from a client into its answer: parses, looks the
 * verb up, checks rights and arguments, calls the handler. Always an object, for
 * the caller to release, except NULL when out of memory. *stream is set when the
 * request was granted and the verb subscribes.
 */
json_t *xenloop_ctl_answer(const struct xenloop_ctl_verb *verbs, void *arg,
			   uid_t uid, const char *line, size_t len,
			   bool *stream);

#endif
