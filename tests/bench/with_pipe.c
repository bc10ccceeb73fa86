// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The same header in front of each frame, through a pipe: one writev() for a
 * frame, one read() for as many frames as there are. The kernel makes the two
 * copies, and puts the sides to sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "xenloop_fifo.h"
#include "contender.h"

#define BUFFER	(4 * FRAME_LARGEST)

struct way {
	int in, out;		/* ends of the pipe */
	char *buffer;		/* the consumer's */
	size_t start, filled;	/* what it read and has not handed out */
};

static void *open_pipe(size_t size, uint32_t len)
{
	struct way *way = bench_pages(sizeof(*way));
	int end[2];

	if (pipe(end) || fcntl(end[1], F_SETPIPE_SZ, (int)size) < 0)
		bench_die(errno, "pipe");
	way->out = end[0];
	way->in = end[1];
	way->buffer = bench_pages(BUFFER);
	return way;
}

static void put(void *arg, const void *from, uint32_t len)
{
	struct xenloop_frame frame = { .len = len };
	struct iovec parts[] = {
		{ .iov_base = &frame, .iov_len = sizeof(frame) },
		{ .iov_base = (void *)from, .iov_len = len },
	};
	ssize_t all = (ssize_t)(sizeof(frame) + len);

	if (writev(((struct way *)arg)->in, parts, 2) != all)
		bench_die(errno, "writev");
}

static void end(void *arg)
{
	close(((struct way *)arg)->in);
}

/* Have @wanted bytes in a row. False: the pipe has ended. */
static bool fill(struct way *way, size_t wanted)
{
	ssize_t n;

	if (way->start + wanted > BUFFER) {
		memmove(way->buffer, way->buffer + way->start, way->filled);
		way->start = 0;
	}
	while (way->filled < wanted) {
		size_t used = way->start + way->filled;

		n = read(way->out, way->buffer + used, BUFFER - used);
		if (n < 0)
			bench_die(errno, "read");
		if (!n)
			return false;
		way->filled += (size_t)n;
	}
	return true;
}

static const void *get(void *arg, void *to, uint32_t len)
{
	struct way *way = arg;
	struct xenloop_frame frame;
	const char *payload;

	if (!fill(way, sizeof(frame)))
		return NULL;
	memcpy(&frame, way->buffer + way->start, sizeof(frame));
	if (frame.len != len || !fill(way, sizeof(frame) + len))
		bench_die(EPROTO, "frame from the pipe");
	payload = way->buffer + way->start + sizeof(frame);
	way->start += sizeof(frame) + len;
	way->filled -= sizeof(frame) + len;
	if (!way->filled)
		way->start = 0;
	return payload;
}

static void close_pipe(void *arg)
{
	struct way *way = arg;

	close(way->out);
	free(way->buffer);
	free(way);
}

const struct contender contender_pipe = {
	"pipe", open_pipe, put, end, get, close_pipe,
};
