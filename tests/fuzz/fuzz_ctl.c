// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A client of the control socket. The input is what it sends, in pieces that
 * end with a NUL, which is not sent. However it is cut, each line gets its
 * answer, in turn, until one is too long, or one subscribes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/ask.h"

#define SENT_MAX	65536
#define PATIENCE	(XENLOOP_CTL_TIMEOUT - 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct event_base *base;
static struct xenloop_ctl *ctl;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static char directory[] = "/tmp/xenloop-fuzz-XXXXXX";

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
	{ .verb = "monitor", .stream = true, .fn = answer },
	{ NULL }
};

static void clean_up(void)
{
	xenloop_ctl_free(ctl);
	event_base_free(base);
	rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (!mkdtemp(directory))
		abort();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control",
		 directory);
	base = event_base_new();
	ctl = base ? xenloop_ctl_new(base, address.sun_path, verbs, NULL) :
		     NULL;
	if (!ctl)
		abort();
	atexit(clean_up);
	return 0;
}

struct text {
	char *buf;
	size_t len;
	size_t room;
};

/* What a client has sent, has got, and should have. */
struct talk {
	int fd;
	char sent[SENT_MAX];
	size_t nr_sent;
	struct text got;
	struct text wanted;
	bool closed;
};

static void append(struct text *t, const char *more, size_t len)
{
	if (len > t->room - t->len) {
		t->room = 2 * (t->len + len);
		t->buf = realloc(t->buf, t->room);
		if (!t->buf)
			abort();
	}
	memcpy(t->buf + t->len, more, len);
	t->len += len;
}

/* Lets the server do what it can, and takes what it says. */
static void pump(struct talk *t)
{
	char buf[4096];
	ssize_t n;

	event_base_loop(base, EVLOOP_NONBLOCK);
	while ((n = recv(t->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		append(&t->got, buf, (size_t)n);
	t->closed = !n || errno != EAGAIN;
}

static void send_piece(struct talk *t, const uint8_t *data, size_t len)
{
	if (len > sizeof(t->sent) - t->nr_sent)
		len = sizeof(t->sent) - t->nr_sent;
	memcpy(t->sent + t->nr_sent, data, len);
	t->nr_sent += len;
	/* Socket buffers are larger than all of it; or the server has closed. */
	if (len && send(t->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len &&
	    errno != EPIPE && errno != ECONNRESET)
		abort();
	pump(t);
}

static void send_all(struct talk *t, const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *nul = memchr(data, '\0', size);
		size_t len = nul ? (size_t)(nul - data) : size;

		send_piece(t, data, len);
		len += nul != NULL;
		data += len;
		size -= len;
	}
}

/* The answer to one line of what was sent. True: there is a next one. */
static bool want(struct talk *t, const char *line, size_t len)
{
	bool fits = len < XENLOOP_CTL_MAX_REQUEST, stream;
	char *text = fuzz_ask(verbs, NULL, getuid(), line, fits ? len : 0,
			      &stream);

	append(&t->wanted, text, strlen(text));
	free(text);
	return fits && !stream;
}

/* Returns how many answers there should be. */
static unsigned int want_all(struct talk *t)
{
	const char *line = t->sent, *end = t->sent + t->nr_sent;
	unsigned int nr = 0;

	while (line < end) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((lf ? lf : end) - line);

		if (!lf && len < XENLOOP_CTL_MAX_REQUEST)
			break;	/* not complete yet */
		nr++;
		if (!want(t, line, len))
			break;
		line = lf ? lf + 1 : end;
	}
	return nr;
}

static void check(const struct talk *t)
{
	if (t->got.len != t->wanted.len ||
	    (t->got.len && memcmp(t->got.buf, t->wanted.buf, t->got.len)))
		abort();
}

static void dial(struct talk *t)
{
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd < 0 || connect(t->fd, (const struct sockaddr *)&address,
				 sizeof(address)))
		abort();
	pump(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	time_t start = time(NULL);
	static struct talk t;
	unsigned int nr;

	memset(&t, 0, sizeof(t));
	dial(&t);
	send_all(&t, data, size);
	nr = want_all(&t);
	/* Reading, answering and writing, each at a time of its own. */
	for (unsigned int i = 0; i < 4 * nr + 4 && !t.closed; i++)
		pump(&t);
	/* A machine that stood still has run into the server's deadline. */
	if (time(NULL) - start < PATIENCE)
		check(&t);
	close(t.fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	free(t.got.buf);
	free(t.wanted.buf);
	return 0;
}
