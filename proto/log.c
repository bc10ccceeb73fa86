// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Log lines and journal events; see log.h. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "proto/log.h"

static const char *log_ident = "xenloop";
static bool log_verbose;
static bool log_journal;
static bool log_terminal;

/* systemd tells which stream is the journal's: JOURNAL_STREAM=device:inode. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return !fstat(STDERR_FILENO, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

void xenloop_log_init(const char *ident, bool verbose)
{
	log_ident = ident;
	log_verbose = verbose;
	log_journal = stderr_is_journal();
	log_terminal = isatty(STDERR_FILENO);
}

void xenloop_log_set_verbose(bool verbose)
{
	log_verbose = verbose;
}

static struct iovec text_iov(char *text)
{
	return (struct iovec){ .iov_base = text, .iov_len = strlen(text) };
}

static bool send_journal(enum xenloop_log_level level, const char *subsys,
			 const char *line, const struct xenloop_log_event *ev)
{
	struct iovec iov[4 + XENLOOP_LOG_MAX_FIELDS];
	char message[XENLOOP_LOG_LINE_SIZE + 8];
	char priority[16], ident[64], token[64];
	int n = 0;

	snprintf(message, sizeof(message), "MESSAGE=%s", line);
	snprintf(priority, sizeof(priority), "PRIORITY=%d", level);
	snprintf(ident, sizeof(ident), "SYSLOG_IDENTIFIER=%s", log_ident);
	snprintf(token, sizeof(token), "XENLOOP_SUBSYS=%s", subsys);
	iov[n++] = text_iov(message);
	iov[n++] = text_iov(priority);
	iov[n++] = text_iov(ident);
	iov[n++] = text_iov(token);
	for (size_t i = 0; ev && i < ev->nr_fields; i++)
		iov[n++] = text_iov((char *)ev->field[i]);
	return sd_journal_sendv(iov, n) >= 0;
}

static void send_line(enum xenloop_log_level level, const char *subsys,
		      const char *line, const struct xenloop_log_event *ev)
{
	char priority[16] = "";

	if (log_journal && send_journal(level, subsys, line, ev))
		return;
	if (!log_terminal)
		snprintf(priority, sizeof(priority), "<%d>", level);
	fprintf(stderr, "%s%s: %s: %s\n", priority, log_ident, subsys, line);
}

void xenloop_log(enum xenloop_log_level level, const char *subsys,
		 const char *fmt, ...)
{
	char line[XENLOOP_LOG_LINE_SIZE];
	int saved = errno;
	va_list ap;

	if (level == XENLOOP_LOG_DEBUG && !log_verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	send_line(level, subsys, line, NULL);
	errno = saved;
}

void xenloop_log_event_init(struct xenloop_log_event *ev,
			    enum xenloop_log_level level, const char *subsys,
			    const char *message_id, const char *event)
{
	ev->level = level;
	ev->subsys = subsys;
	ev->nr_fields = 0;
	xenloop_log_event_add(ev, "MESSAGE_ID", "%s", message_id);
	xenloop_log_event_add(ev, "XENLOOP_EVENT", "%s", event);
}

void xenloop_log_event_add(struct xenloop_log_event *ev, const char *key,
			   const char *fmt, ...)
{
	char *field;
	va_list ap;
	int len;

	if (ev->nr_fields == XENLOOP_LOG_MAX_FIELDS)
		return;
	field = ev->field[ev->nr_fields];
	len = snprintf(field, XENLOOP_LOG_FIELD_SIZE, "%s=", key);
	if (len < 0 || len >= XENLOOP_LOG_FIELD_SIZE)
		return;
	va_start(ap, fmt);
	vsnprintf(field + len, XENLOOP_LOG_FIELD_SIZE - len, fmt, ap);
	va_end(ap);
	ev->nr_fields++;
}

void xenloop_log_event_send(const struct xenloop_log_event *ev,
			    const char *fmt, ...)
{
	char line[XENLOOP_LOG_LINE_SIZE];
	va_list ap;

	if (ev->level == XENLOOP_LOG_DEBUG && !log_verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	send_line(ev->level, ev->subsys, line, ev);
}

const char *xenloop_log_safe(char *buf, size_t size, const char *text,
			     size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < size; i++)
		buf[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	buf[i] = '\0';
	return buf;
}
