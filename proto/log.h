/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOP_LOG_H
#define XENLOOP_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Log lines and journal events of the daemons and tools. Under systemd (stderr
 * is the journal's stream) they go to the journal with structured fields,
 * otherwise to stderr, one line each, with a <N> priority prefix unless it is a
 * terminal.
 *
 * Text that came from a guest is never logged raw: see xenloop_log_safe().
 */

/* Same numbers as syslog. */
enum xenloop_log_level {
	XENLOOP_LOG_ERR = 3,
	XENLOOP_LOG_WARNING = 4,
	XENLOOP_LOG_NOTICE = 5,
	XENLOOP_LOG_INFO = 6,
	XENLOOP_LOG_DEBUG = 7,
};

/*
 * To be called once at start; before it, lines go to stderr. `ident` must live
 * as long as the process. `verbose` lets debug lines through.
 */
void xenloop_log_init(const char *ident, bool verbose);

/* Turn debug lines on or off; for a reload. */
void xenloop_log_set_verbose(bool verbose);

/* One line, without a newline at its end. `subsys` is a short token ("xs"). */
void xenloop_log(enum xenloop_log_level level, const char *subsys,
		 const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_err(subsys, ...) xenloop_log(XENLOOP_LOG_ERR, subsys, __VA_ARGS__)
#define log_warn(subsys, ...) \
	xenloop_log(XENLOOP_LOG_WARNING, subsys, __VA_ARGS__)
#define log_notice(subsys, ...) \
	xenloop_log(XENLOOP_LOG_NOTICE, subsys, __VA_ARGS__)
#define log_info(subsys, ...) xenloop_log(XENLOOP_LOG_INFO, subsys, __VA_ARGS__)
#define log_debug(subsys, ...) \
	xenloop_log(XENLOOP_LOG_DEBUG, subsys, __VA_ARGS__)

#define XENLOOP_LOG_MAX_FIELDS 16
#define XENLOOP_LOG_FIELD_SIZE 128
#define XENLOOP_LOG_LINE_SIZE 512

/*
 * A journal event: a line with a MESSAGE_ID and fields of its own, so that
 * `journalctl XENLOOP_EVENT=up` finds it. Built on the caller's stack:
 *
 *	struct xenloop_log_event ev;
 *
 *	xenloop_log_event_init(&ev, XENLOOP_LOG_INFO, "chan", CHAN_UP_ID, "up");
 *	xenloop_log_event_add(&ev, "XENLOOP_PEER_DOMID", "%u", domid);
 *	xenloop_log_event_send(&ev, "channel to %s is up", name);
 *
 * Names in use: XENLOOP_DOMID, XENLOOP_NAME, XENLOOP_UUID, XENLOOP_EPOCH,
 * XENLOOP_VIF, XENLOOP_MAC, XENLOOP_IFNAME, XENLOOP_NETWORK, XENLOOP_CHANNEL,
 * XENLOOP_PEER_DOMID, XENLOOP_PEER_NAME, XENLOOP_PEER_VIF, XENLOOP_REASON;
 * _init() sets MESSAGE_ID and XENLOOP_EVENT.
 */
struct xenloop_log_event {
	enum xenloop_log_level level;
	const char *subsys;
	size_t nr_fields;
	char field[XENLOOP_LOG_MAX_FIELDS][XENLOOP_LOG_FIELD_SIZE];
};

/* `message_id` is 32 hexadecimal digits (systemd's SD_ID128 text form). */
void xenloop_log_event_init(struct xenloop_log_event *ev,
			    enum xenloop_log_level level, const char *subsys,
			    const char *message_id, const char *event);

/* Fields beyond the maximum are left out; a value too long is cut. */
void xenloop_log_event_add(struct xenloop_log_event *ev, const char *key,
			   const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends it, whole; the text is the event's MESSAGE. */
void xenloop_log_event_send(const struct xenloop_log_event *ev,
			    const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Copies foreign text into buf, everything that is not a printable ASCII
 * character as '?', cut to fit. Returns buf.
 */
const char *xenloop_log_safe(char *buf, size_t size, const char *text,
			     size_t len);

#endif
