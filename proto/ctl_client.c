// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Control socket, the asking side: blocking, with a timeout. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"
#include "ratelimit.h"

/* A host full of guests is a few hundred KiB; this is only against endless lines. */
#define MAX_ANSWER (64u << 20)

struct reader {
	int fd;
	char *buf;
	size_t len;		/* bytes in buf */
	size_t room;		/* allocated */
	size_t used;		/* of them, already handed out */
};

/* A connected socket, or -errno; -ETIMEDOUT if the daemon takes no client. */
static int open_socket(const char *path, int timeout_ms)
{
	const struct timeval tv = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int err;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* How long connect() waits for room among those not accepted yet. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return err;
}

/* The request as a line, for the caller to free; NULL when out of memory. */
static char *format_request(const char *command, const char *const *args,
			    size_t nr_args)
{
	json_t *list = json_array();
	char *text = NULL;
	json_t *root;
	size_t i;

	for (i = 0; i < nr_args; i++)
		json_array_append_new(list, json_string(args[i]));
	root = json_pack("{s:s, s:o}", "command", command, "args", list);
	if (root)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return text;
}

/* A request fits into an empty socket buffer, so this does not block. */
static int send_request(int fd, const char *command, const char *const *args,
			size_t nr_args)
{
	char *text = format_request(command, args, nr_args);
	size_t len = text ? strlen(text) : 0;
	int err = 0;

	if (!text)
		return -ENOMEM;
	text[len++] = '\n';	/* in place of the NUL */
	if (len > XENLOOP_CTL_MAX_REQUEST)
		err = -E2BIG;
	else if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		err = errno == EPIPE ? 0 : -EIO;	/* refused: the answer says why */
	free(text);
	return err;
}

static int make_room(struct reader *r)
{
	size_t room = r->room ? r->room * 2 : 16384;
	char *buf;

	if (r->used) {
		memmove(r->buf, r->buf + r->used, r->len - r->used);
		r->len -= r->used;
		r->used = 0;
	}
	if (r->len < r->room)
		return 0;
	if (room > MAX_ANSWER)
		return -EPROTO;
	buf = realloc(r->buf, room);
	if (!buf)
		return -ENOMEM;
	r->buf = buf;
	r->room = room;
	return 0;
}

/* Waits until `deadline` (xenloop_now_ms(), 0: for ever). Bytes, 0 at the end, or -errno. */
static ssize_t fill(struct reader *r, uint64_t deadline)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	uint64_t now = deadline ? xenloop_now_ms() : 0;
	ssize_t n;
	int err;

	err = make_room(r);
	if (err)
		return err;
	if (deadline && now >= deadline)
		return -ETIMEDOUT;
	n = poll(&p, 1, deadline ? (int)(deadline - now) : -1);
	if (n == 0)
		return -ETIMEDOUT;
	if (n > 0)
		n = recv(r->fd, r->buf + r->len, r->room - r->len, 0);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	r->len += n;
	return n;
}

/* The next line as JSON: 1 and *message, 0 at the end, or -errno. */
static int next_message(struct reader *r, uint64_t deadline, json_t **message)
{
	char *start = NULL;
	char *end = NULL;
	ssize_t n;

	for (;;) {
		if (r->len > r->used) {
			start = r->buf + r->used;
			end = memchr(start, '\n', r->len - r->used);
		}
		if (end)
			break;
		n = fill(r, deadline);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n;
	}
	r->used += end - start + 1;
	*message = json_loadb(start, end - start, 0, NULL);
	if (json_is_object(*message))
		return 1;
	json_decref(*message);
	*message = NULL;
	return -EPROTO;
}

static int ask(const char *path, const char *command, const char *const *args,
	       size_t nr_args, int timeout_ms, struct reader *r)
{
	int err;

	r->fd = open_socket(path, timeout_ms);
	if (r->fd < 0)
		return r->fd;
	err = send_request(r->fd, command, args, nr_args);
	if (err)
		close(r->fd);
	return err;
}

static void reader_close(struct reader *r)
{
	close(r->fd);
	free(r->buf);
}

int xenloop_ctl_request(const char *path, const char *command,
			const char *const *args, size_t nr_args,
			int timeout_ms, json_t **reply)
{
	struct reader r = { .fd = -1 };
	int err;

	err = ask(path, command, args, nr_args, timeout_ms, &r);
	if (err)
		return err;
	err = next_message(&r, xenloop_now_ms() + timeout_ms, reply);
	reader_close(&r);
	if (err == 0)
		return -EPROTO;
	return err < 0 ? err : 0;
}

int xenloop_ctl_stream(const char *path, const char *command, int timeout_ms,
		       int (*fn)(void *arg, json_t *message), void *arg)
{
	uint64_t deadline = xenloop_now_ms() + timeout_ms;
	struct reader r = { .fd = -1 };
	json_t *message;
	int err;

	err = ask(path, command, NULL, 0, timeout_ms, &r);
	if (err)
		return err;
	while ((err = next_message(&r, deadline, &message)) > 0) {
		err = fn(arg, message);
		json_decref(message);
		if (err)
			break;
		deadline = 0;
	}
	reader_close(&r);
	return err;
}
