// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * XenLoop's FIFO between two processes: copies standard input to standard
 * output by shared memory. What is read here as memory of two processes may as
 * well be pages that two guests share; eventfds then are event channels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod/fifo.h"

#define SIZE	XENLOOP_FIFO_MIN_SIZE
#define CHUNK	8000u

/* A frame has at least XENLOOP_FRAME_MIN bytes; this header makes sure. */
struct message {
	uint32_t len;
	uint32_t pad[3];
};

static struct xenloop_fifo fifo;
static void *page[SIZE / XENLOOP_PAGE_SIZE];
static int data_event, room_event;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void ring(int event)
{
	if (eventfd_write(event, 1))
		fail("eventfd");
}

static void wait_for(int event)
{
	eventfd_t count;

	if (eventfd_read(event, &count))
		fail("eventfd");
}

/* The consumer owns the pages and prepares them. */
static void make_fifo(void)
{
	char *memory = mmap(NULL, XENLOOP_PAGE_SIZE + SIZE,
			    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (uint32_t i = 0; i < SIZE / XENLOOP_PAGE_SIZE; i++)
		page[i] = memory + (i + 1) * XENLOOP_PAGE_SIZE;
	fifo = (struct xenloop_fifo){ (void *)memory, page, SIZE };
	xenloop_fifo_init_ctrl(fifo.ctrl, SIZE);
	data_event = eventfd(0, 0);
	room_event = eventfd(0, 0);
	if (data_event < 0 || room_event < 0)
		fail("eventfd");
}

static void write_at(struct xenloop_producer *p, uint32_t offset,
		     const void *from, uint32_t len)
{
	for (uint32_t done = 0, n; done < len; done += n) {
		void *to = xenloop_producer_chunk(p, offset + done, len - done,
						  &n);

		memcpy(to, (const char *)from + done, n);
	}
}

static void put(struct xenloop_producer *p, const void *data, uint32_t len)
{
	struct message message = { .len = len };
	struct xenloop_frame frame = { .len = sizeof(message) + len };
	int err = xenloop_producer_begin(p, frame.len);

	while (err == -ENOSPC) {
		err = xenloop_producer_want_room(p, frame.len);
		if (err == -ENOSPC)
			wait_for(room_event);
	}
	if (err) {
		fputs("the consumer broke the rules\n", stderr);
		exit(1);
	}
	write_at(p, 0, &message, sizeof(message));
	write_at(p, sizeof(message), data, len);
	xenloop_producer_end(p, &frame);
	if (xenloop_producer_publish(p))
		ring(data_event);
}

static void produce(void)
{
	struct xenloop_producer producer;
	char buffer[CHUNK];
	size_t n;

	xenloop_producer_init(&producer, &fifo);
	while ((n = fread(buffer, 1, sizeof(buffer), stdin)))
		put(&producer, buffer, (uint32_t)n);
	put(&producer, buffer, 0);	/* the end */
}

static void read_at(const struct xenloop_consumer *c, uint32_t offset,
		    void *to, uint32_t len)
{
	for (uint32_t done = 0, n; done < len; done += n) {
		const void *from = xenloop_consumer_chunk(c, offset + done,
							  len - done, &n);

		memcpy((char *)to + done, from, n);
	}
}

/* False at the end. What comes is copied first, then checked, then used. */
static bool take(struct xenloop_consumer *c, const struct xenloop_frame *frame)
{
	struct message message;
	char buffer[CHUNK];

	if (frame->len >= sizeof(message))
		read_at(c, 0, &message, sizeof(message));
	if (frame->len < sizeof(message) || message.len > sizeof(buffer) ||
	    message.len != frame->len - sizeof(message)) {
		fputs("not a message of ours\n", stderr);
		exit(1);
	}
	read_at(c, sizeof(message), buffer, message.len);
	fwrite(buffer, 1, message.len, stdout);
	return message.len;
}

static void consume(void)
{
	struct xenloop_consumer consumer;
	struct xenloop_frame frame;
	bool more = true;
	int got = 0;

	xenloop_consumer_init(&consumer, &fifo);
	while (more) {
		if (!xenloop_consumer_sleep(&consumer))
			wait_for(data_event);
		if (xenloop_consumer_claim(&consumer))
			got = -EPROTO;
		while (more && !got) {
			got = xenloop_consumer_peek(&consumer, &frame);
			if (got != 1)
				break;
			more = take(&consumer, &frame);
			xenloop_consumer_pop(&consumer, frame.len);
			got = 0;
		}
		if (got < 0) {
			fputs("the producer broke the rules\n", stderr);
			exit(1);
		}
		if (xenloop_consumer_release(&consumer))
			ring(room_event);
	}
}

int main(void)
{
	int status;
	pid_t pid;

	make_fifo();
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		produce();
		return 0;
	}
	consume();
	if (fflush(stdout) || waitpid(pid, &status, 0) != pid)
		fail("copy");
	return status ? 1 : 0;
}
