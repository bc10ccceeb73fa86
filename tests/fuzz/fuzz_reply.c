// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xenloopctl against a daemon that answers anything: the input is what comes
 * from the control socket. What is an answer is shown in every way there is,
 * and what is shown is printable.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/ctl.h"
#include "xenloopctl/commands.h"
#include "xenloopctl/doctor.h"
#include "xenloopctl/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char dir[] = "/tmp/xenloop-fuzz-XXXXXX";
static char path[64];
static int listener;
static const uint8_t *answer;
static size_t answer_size;
static sem_t served;

static void clean(void)
{
	unlink(path);
	rmdir(dir);
}

/* Takes one client after the other; ends with the process. */
static void *serve(void *arg)
{
	char request[256];
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (recv(fd, request, sizeof(request), 0) > 0)
			send(fd, answer, answer_size, MSG_NOSIGNAL);
		close(fd);
		sem_post(&served);
	}
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/control", dir);
	strcpy(address.sun_path, path);
	atexit(clean);
	sem_init(&served, 0, 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1) ||
	    pthread_create(&thread, NULL, serve, NULL))
		abort();
	return 0;
}

/* Metrics are not for a terminal: any text may be in them. */
static void measure(const struct xenloop_facts *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out || xenloop_metrics(out, f))
		abort();
	fclose(out);
	free(text);
}

/* The same answer to every question. */
static void conclude(const struct xenloop_output *o, const json_t *reply)
{
	struct xenloop_facts f = {
		.status = (json_t *)reply, .peers = (json_t *)reply,
		.stats = (json_t *)reply, .pair = (json_t *)reply,
		.who = { "g1", "g2" },
	};

	for (int dom0 = 0; dom0 < 2; dom0++)
		for (f.nr_who = 0; f.nr_who < 3; f.nr_who++) {
			json_t *findings;

			f.dom0 = dom0;
			findings = json_pack("{s:o}", "findings",
					     xenloop_doctor(&f));
			xenloop_show_doctor(o, findings);
			json_decref(findings);
			measure(&f);
		}
}

static void show(const json_t *reply)
{
	struct xenloop_output o = { 0 };
	char *text = NULL;
	size_t len = 0;

	o.out = open_memstream(&text, &len);
	if (!o.out)
		abort();
	xenloop_show_peers(&o, reply);
	xenloop_show_status(&o, reply);
	xenloop_show_stats(&o, reply);
	xenloop_show_done(&o, reply);
	xenloop_show_settings(&o, reply);
	xenloop_show_doctor(&o, reply);
	xenloop_show_event(&o, reply);
	conclude(&o, reply);
	fclose(o.out);
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
			abort();
	free(text);
}

static int shown(void *arg, json_t *message)
{
	show(message);
	return 0;
}

/* The server has done with the answer. The fuzzer's own clock interrupts. */
static void wait_until_served(void)
{
	while (sem_wait(&served))
		if (errno != EINTR)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *reply;

	answer = data;
	answer_size = size;
	if (!xenloop_ctl_request(path, "status", NULL, 0, 5000, &reply)) {
		show(reply);
		json_decref(reply);
	}
	wait_until_served();
	xenloop_ctl_stream(path, "monitor", 5000, shown, NULL);
	wait_until_served();
	return 0;
}
