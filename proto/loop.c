// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The event loop both daemons run on; see loop.h. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "proto/log.h"
#include "proto/loop.h"

#define CALLBACKS_AT_ONCE 16

enum { SIG_TERM, SIG_INT, SIG_HUP, NR_SIG };

static const int signals[NR_SIG] = { SIGTERM, SIGINT, SIGHUP };

struct xenloop_loop {
	struct event_base *base;
	struct event *sig[NR_SIG];
	struct event *watchdog;		/* NULL if systemd wants none */
	const struct xenloop_loop_ops *ops;
	void *arg;
	int status;			/* of xenloop_loop_run() */
	bool ready;
	bool stopping;
	char text[128];			/* last STATUS= */
};

static void notify_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

static void on_reload(struct xenloop_loop *loop)
{
	if (!loop->ops->reload || loop->stopping)
		return;
	notify_reloading();
	loop->ops->reload(loop->arg);
	sd_notify(0, "READY=1");
}

static void on_stop(struct xenloop_loop *loop)
{
	bool again = loop->stopping;

	loop->stopping = true;
	sd_notify(0, "STOPPING=1");
	if (again || !loop->ops->stop)
		xenloop_loop_exit(loop, 0);
	else
		loop->ops->stop(loop->arg);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	log_info("loop", "%s", strsignal((int)sig));
	if (sig == SIGHUP)
		on_reload(arg);
	else
		on_stop(arg);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static int add_signals(struct xenloop_loop *loop)
{
	for (int i = 0; i < NR_SIG; i++) {
		loop->sig[i] = evsignal_new(loop->base, signals[i], on_signal,
					    loop);
		if (!loop->sig[i] || event_add(loop->sig[i], NULL))
			return -1;
	}
	return 0;
}

static int add_watchdog(struct xenloop_loop *loop)
{
	struct timeval half;
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	half.tv_sec = usec / 2 / 1000000;
	half.tv_usec = usec / 2 % 1000000;
	loop->watchdog = event_new(loop->base, -1, EV_PERSIST, on_watchdog,
				   loop);
	return loop->watchdog && !event_add(loop->watchdog, &half) ? 0 : -1;
}

/*
 * Timers and file descriptors get their turn after CALLBACKS_AT_ONCE, also when
 * a callback activates its own event again because it has more to do.
 */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	if (!event_config_set_max_dispatch_interval(config, NULL,
						    CALLBACKS_AT_ONCE, 0))
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct xenloop_loop *xenloop_loop_new(const struct xenloop_loop_ops *ops,
				      void *arg)
{
	struct xenloop_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	/* libevent writes to clients that may be gone by then */
	signal(SIGPIPE, SIG_IGN);
	loop->ops = ops;
	loop->arg = arg;
	loop->base = new_base();
	if (loop->base && !add_signals(loop) && !add_watchdog(loop))
		return loop;
	xenloop_loop_free(loop);
	errno = ENOMEM;
	return NULL;
}

void xenloop_loop_free(struct xenloop_loop *loop)
{
	if (!loop)
		return;
	for (int i = 0; i < NR_SIG; i++)
		if (loop->sig[i])
			event_free(loop->sig[i]);
	if (loop->watchdog)
		event_free(loop->watchdog);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

struct event_base *xenloop_loop_base(struct xenloop_loop *loop)
{
	return loop->base;
}

int xenloop_loop_run(struct xenloop_loop *loop)
{
	if (event_base_dispatch(loop->base) < 0) {
		log_err("loop", "event loop failed: %s", strerror(errno));
		return 1;
	}
	return loop->status;
}

void xenloop_loop_exit(struct xenloop_loop *loop, int status)
{
	loop->status = status;
	event_base_loopbreak(loop->base);
}

void xenloop_loop_alive(const struct xenloop_loop *loop)
{
	if (loop && loop->watchdog)
		sd_notify(0, "WATCHDOG=1");
}

void xenloop_loop_ready(struct xenloop_loop *loop)
{
	if (loop->ready)
		return;
	loop->ready = true;
	sd_notify(0, "READY=1");
}

void xenloop_loop_status(struct xenloop_loop *loop, const char *fmt, ...)
{
	char text[sizeof(loop->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strcmp(text, loop->text))
		return;
	memcpy(loop->text, text, sizeof(text));
	sd_notifyf(0, "STATUS=%s", text);
}
