/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOPCTL_DOCTOR_H
#define XENLOOPCTL_DOCTOR_H

#include "facts.h"

/*
 * The reasoning of `xenloopctl doctor`, without any I/O: from facts to findings
 * in the order of the chain. Each finding is an object with
 *
 *	check	"module", "interface", "peer", ...
 *	subject	which one: "eth0", "web-2"; may be empty
 *	result	"ok", "note" (worth knowing) or "problem"
 *	cause	a word for programs; empty if ok
 *	text	what was found, in one line
 *	todo	what to do about it; empty if there is nothing
 *
 * An array for the caller to release, or NULL when out of memory.
 */
json_t *xenloop_doctor(const struct xenloop_facts *f);

/* doctor.c, for doctor_guest.c and doctor_dom0.c */

enum xenloop_result { XENLOOP_OK, XENLOOP_NOTE, XENLOOP_PROBLEM };

/* Where the next finding goes, and what it is about. */
struct xenloop_findings {
	json_t *list;
	const char *check;
	const char *subject;
};

__attribute__((format(printf, 2, 3)))
void xenloop_find_ok(struct xenloop_findings *at, const char *fmt, ...);
__attribute__((format(printf, 5, 6)))
void xenloop_find(struct xenloop_findings *at, enum xenloop_result result,
		  const char *cause, const char *todo, const char *fmt, ...);

/* In a guest. */
#define XENLOOP_TODO_QUOTA \
	"in Dom0: quota of xenstored; in this guest: xenstore-ls data"
/* In Dom0: Debian's xen starts xenstored. */
#define XENLOOP_TODO_XENSTORE \
	"systemctl status xen; journalctl -xeu xendiscoverd"

void xenloop_find_no_module(struct xenloop_findings *at);
/* Each "%s" of `format` becomes `name`: for this very one. */
void xenloop_fill_todo(char *todo, size_t size, const char *format,
		       const char *name);
/* Is a guest or peer, by its name or domid, the first one asked about? Yes, if nobody was. */
bool xenloop_is_asked(const struct xenloop_facts *f, const json_t *guest);

void xenloop_doctor_guest(struct xenloop_findings *at,
			  const struct xenloop_facts *f);
void xenloop_doctor_dom0(struct xenloop_findings *at,
			 const struct xenloop_facts *f);

/* What Dom0 says of a vif that may not loop. */
struct xenloop_vif_word {
	const char *word;	/* docs/protocol.md, section self */
	const char *cause;
	const char *text;	/* "has rate=, which ..." */
	const char *todo;	/* in Dom0; %s is the vif's interface there */
	bool fault;		/* nobody wants that, while others are a choice */
};

/* One that says nothing for a word that is new. */
const struct xenloop_vif_word *xenloop_vif_word(const char *word);

#endif
