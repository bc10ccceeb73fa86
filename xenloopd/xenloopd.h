/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOPD_H
#define XENLOOPD_H

#include <event2/event.h>

#include "proto/conf.h"
#include "proto/ctl.h"
#include "proto/loop.h"
#include "proto/nl.h"
#include "proto/ratelimit.h"
#include "proto/xs.h"
#include "xenloopd/link.h"

#ifndef XENLOOP_SYSCONFDIR
#define XENLOOP_SYSCONFDIR "/etc/xenloop"
#endif
#ifndef XENLOOP_RUNDIR
#define XENLOOP_RUNDIR "/run"
#endif

#define XENLOOPD_CONF	XENLOOP_SYSCONFDIR "/xenloopd.conf"
#define XENLOOPD_RUNDIR	XENLOOP_RUNDIR "/xenloopd"

/* Exit statuses. */
enum xenloopd_exit {
	XENLOOPD_OK,
	XENLOOPD_FAILED,	/* at run time */
	XENLOOPD_USAGE,		/* or a bad configuration file */
	XENLOOPD_ENVIRONMENT,	/* not a Xen guest, or Dom0 */
	XENLOOPD_RUNNING,	/* another one is running */
};

#define XENLOOPD_MAX_IFNAMES	32

struct nl_sock;

struct xenloopd_settings {
	uint32_t fifo_size;		/* bytes, of each direction */
	uint32_t idle_timeout;		/* seconds; 0: never */
	uint32_t max_channels;
	uint32_t stall_timeout;		/* ms */
	uint32_t drain_timeout;		/* ms */
	uint32_t hold_timeout;		/* ms */
	uint32_t backlog_bytes;
	uint32_t poll_time;		/* us; 0: off */
	bool verbose;
	unsigned int nr_ifnames;	/* 0: all */
	char ifname[XENLOOPD_MAX_IFNAMES][XENLOOP_NL_IFNAME];
};

/* A vif of this guest that `self` names. */
struct xenloopd_iface {
	uint32_t vif;
	uint8_t mac[XENLOOP_MAC_LEN];	/* by Dom0 */
	bool ok;			/* by Dom0 */
	char dom0[XENLOOP_WORD_MAX + 1]; /* its word for that */
	char refusal[XENLOOP_WORD_MAX + 8]; /* the same as a text */
	uint32_t ifindex;		/* 0: no such interface here */
	char ifname[XENLOOP_NL_IFNAME];
	bool attached;
	char reason[XENLOOP_LINK_TEXT];	/* why it is not attached */
};

/* Things to be done soon, but not in the callback that noticed. */
enum xenloopd_work {
	XENLOOPD_WORK_KERNEL_LOST = 1 << 0,
	XENLOOPD_WORK_STORE_LOST = 1 << 1,
	XENLOOPD_WORK_RESUMED = 1 << 2,
	XENLOOPD_WORK_START = 1 << 3,
	XENLOOPD_WORK_SYNC = 1 << 4,	/* interfaces, peers, channels */
};

struct xenloopd {
	const char *conf_path;
	bool conf_required;		/* it was named on the command line */
	bool verbose;			/* so was this */
	struct xenloopd_settings settings;

	struct xenloop_loop *loop;
	struct event_base *base;
	struct event *tick;		/* every second */
	struct event *work;
	unsigned int todo;		/* enum xenloopd_work */
	unsigned int ticks;
	uint64_t started_ms;
	struct xenloop_ctl *ctl;

	/* The kernel. NULL while the module is not loaded. */
	struct xenloop_nl *nl;
	struct event *nl_event;
	struct xenloop_nl_info info;
	int nl_errno;			/* why it could not be opened */
	int (*nl_open)(const struct xenloop_nl_handler *handler, void *arg,
		       struct xenloop_nl **out);
	bool suspended;
	struct xenloop_nl_peer *peers;	/* its list, during a sync; else NULL */
	int nr_peers;

	/* XenStore. xs.h is NULL while there is no connection. */
	struct xenloop_xs xs;
	const struct xenloop_xs_ops *xs_ops;
	struct event *xs_event;
	char xs_error[96];		/* why there is no connection, or hello */
	bool hello;			/* published, of this epoch */
	bool self_ok;			/* self below is ours */
	struct xenloop_self self;
	bool self_unread;		/* it could not be read */
	int roster_err;			/* why not all of the roster was read */
	uint64_t ignored;		/* nodes that are not what they should be */
	struct xenloop_ratelimit log_limit;
	struct xenloop_ratelimit kernel_log_limit;

	/* Interfaces. */
	const char *sysfs;		/* "/sys/class/net" */
	struct event *rt_event;
	struct event *rt_pause;
	struct nl_sock *rt;
	struct xenloopd_iface iface[XENLOOP_LINES_MAX];
	unsigned int nr_ifaces;
	bool warned[XENLOOPD_MAX_IFNAMES]; /* settings.ifname is not here */

	struct xenloop_links links;
	const char *io_error;		/* why the links' last action failed */
	char io_text[192];
};

/* daemon.c: what happens when */
int xenloopd_init(struct xenloopd *d);
void xenloopd_exit(struct xenloopd *d);
void xenloopd_later(struct xenloopd *d, enum xenloopd_work work);
/* SIGTERM: leaves channels as they are. */
void xenloopd_stop(void *arg);
/*
 * --flush, instead of a start: no channel, no interface, nobody's peer. An exit
 * status, after telling why.
 */
int xenloopd_flush(struct xenloopd *d);

/* kernel.c: the module */
int xenloopd_kernel_open(struct xenloopd *d);
void xenloopd_kernel_close(struct xenloopd *d);
/* Hands the settings to the module, if it is there. 0 or -errno, logged. */
int xenloopd_kernel_tune(struct xenloopd *d);
/* Is the module there, and in the life that we know? Acts if not. */
bool xenloopd_kernel_check(struct xenloopd *d);
/* Tells what could not be had of the module, and why; not again and again. */
void xenloopd_kernel_failed(struct xenloopd *d, const char *what);
/* Channels: what was missed, and who is idle. */
void xenloopd_kernel_poll(struct xenloopd *d);
/*
 * Around a sync, the module's peers are read once; at its end those that no
 * link stands for are taken out.
 */
void xenloopd_kernel_list(struct xenloopd *d);
void xenloopd_kernel_prune(struct xenloopd *d);
/* Closes and detaches everything. 0 or -errno. */
int xenloopd_kernel_flush(struct xenloopd *d);

/* io.c: the links' actions */
extern const struct xenloop_link_io xenloopd_io;

/* store.c: XenStore */
#define XENLOOPD_OUTBOX "data/xenloop"	/* all that we write is in there */

/* 0; -ENODEV: hopeless; other -errno: try again. *why is a line for the user. */
int xenloopd_store_open(struct xenloopd *d, const char **why);
void xenloopd_store_close(struct xenloopd *d);
/* Publishes hello and reads everything. */
int xenloopd_store_start(struct xenloopd *d);
int xenloopd_store_write(struct xenloopd *d, const char *path,
			 const char *value);
/* What a refusal means; `buf` may hold it. */
const char *xenloopd_store_explain(int err, char *buf, size_t size);
/* Removes our messages, or with `all` whatever we wrote. 0 or -errno. */
int xenloopd_store_clean(struct xenloopd *d, bool all);
void xenloopd_store_inbox(struct xenloopd *d, struct xenloop_link *link);
/* Could some of the roster not be read, even entry by entry? */
bool xenloopd_store_failed(const struct xenloopd *d);
/* Reads again what could not be read. */
void xenloopd_store_complete(struct xenloopd *d);
/* Reads a domain's entry of a roster that is too long to be listed. */
void xenloopd_store_ask(struct xenloopd *d, uint32_t domid);

/* ifaces.c: interfaces */
int xenloopd_ifaces_open(struct xenloopd *d);
void xenloopd_ifaces_close(struct xenloopd *d);
/* Attaches and detaches as self, sysfs and the settings want it. */
void xenloopd_ifaces_sync(struct xenloopd *d);
/* The module has forgotten all interfaces. */
void xenloopd_ifaces_forget(struct xenloopd *d);

/* report.c: the journal, and those who monitor */
void xenloopd_report_link(struct xenloopd *d, struct xenloop_link *link,
			  enum xenloop_link_report report);
/* As iface->attached says. */
void xenloopd_report_iface(struct xenloopd *d,
			   const struct xenloopd_iface *iface);
/* As d->suspended says. */
void xenloopd_report_suspend(struct xenloopd *d);

/* settings.c */
void xenloopd_settings_default(struct xenloopd_settings *s);
/*
 * Fills *s from a file. False when that is impossible; why[] says it. A file
 * that does not exist is fine unless it is required.
 */
bool xenloopd_settings_load(struct xenloopd_settings *s, const char *path,
			    bool required, char *why, size_t size);
/* The same from text of len bytes; for tests. */
bool xenloopd_settings_parse(struct xenloopd_settings *s, const char *name,
			     const char *text, size_t len, char *why,
			     size_t size);
bool xenloopd_settings_has(const struct xenloopd_settings *s,
			   const char *ifname);
/* What the file may say about a setting; NULL if there is none of that name. */
const struct xenloop_conf_key *xenloopd_settings_key(const char *name);
/* Changes one in *s, checked as in the file. 0, or -errno and why[]. */
int xenloopd_settings_set(struct xenloopd_settings *s, const char *name,
			  const char *value, char *why, size_t size);
/* Makes *s the settings in force. 0, or -errno if the module refuses them. */
int xenloopd_settings_apply(struct xenloopd *d,
			    const struct xenloopd_settings *s);
void xenloopd_reload(void *arg);

/* tune.c: the control socket's verbs about settings */
int xenloopd_tune_list(void *arg, const struct xenloop_ctl_request *req,
		       json_t *reply, struct xenloop_ctl_error *err);
int xenloopd_tune_set(void *arg, const struct xenloop_ctl_request *req,
		      json_t *reply, struct xenloop_ctl_error *err);

/* status.c: the control socket's verbs */
extern const struct xenloop_ctl_verb xenloopd_verbs[];

#endif /* XENLOOPD_H */
