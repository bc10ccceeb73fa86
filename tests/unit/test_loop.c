// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The event loop and what it tells systemd; log lines and journal events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/loop.h"

static struct test {
	char path[64];
	int notify;		/* systemd's end of NOTIFY_SOCKET */
	struct xenloop_loop *loop;
	int reloads, stops;
} t;

static void on_reload(void *arg)
{
	assert_ptr_equal(arg, &t);
	t.reloads++;
}

static void on_stop(void *arg)
{
	assert_ptr_equal(arg, &t);
	t.stops++;
}

static const struct xenloop_loop_ops ops = {
	.reload = on_reload, .stop = on_stop,
};

static int setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	memset(&t, 0, sizeof(t));
	strcpy(t.path, "/tmp/xenloop-test-XXXXXX");
	assert_non_null(mkdtemp(t.path));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify",
		 t.path);
	t.notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(t.notify, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	setenv("WATCHDOG_USEC", "40000", 1);
	t.loop = xenloop_loop_new(&ops, &t);
	return t.loop ? 0 : -1;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	xenloop_loop_free(t.loop);
	snprintf(path, sizeof(path), "%s/notify", t.path);
	unlink(path);
	rmdir(t.path);
	close(t.notify);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	return 0;
}

/* What systemd is told next, "" for nothing. */
static const char *told(void)
{
	static char buf[256];
	ssize_t len = recv(t.notify, buf, sizeof(buf) - 1, 0);

	buf[len < 0 ? 0 : len] = '\0';
	return buf;
}

static void turn(void)
{
	event_base_loop(xenloop_loop_base(t.loop), EVLOOP_NONBLOCK);
}

static void test_notify(void **state)
{
	(void)state;
	xenloop_loop_ready(t.loop);
	xenloop_loop_ready(t.loop);
	assert_string_equal(told(), "READY=1");
	xenloop_loop_status(t.loop, "%d guests", 2);
	xenloop_loop_status(t.loop, "2 guests");
	assert_string_equal(told(), "STATUS=2 guests");
	assert_string_equal(told(), "");
}

static void test_watchdog(void **state)
{
	(void)state;
	event_base_loop(xenloop_loop_base(t.loop), EVLOOP_ONCE);
	assert_string_equal(told(), "WATCHDOG=1");
}

static void test_reload(void **state)
{
	(void)state;
	raise(SIGHUP);
	turn();
	assert_int_equal(t.reloads, 1);
	assert_int_equal(strncmp(told(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	assert_string_equal(told(), "READY=1");
}

static void test_stop(void **state)
{
	(void)state;
	raise(SIGTERM);
	turn();
	assert_int_equal(t.stops, 1);
	assert_string_equal(told(), "STOPPING=1");
	/* No reload any more, and the second one ends it at once. */
	raise(SIGHUP);
	turn();
	assert_int_equal(t.reloads, 0);
	raise(SIGINT);
	assert_int_equal(xenloop_loop_run(t.loop), 0);
	assert_int_equal(t.stops, 1);
}

static void exit_7(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	xenloop_loop_exit(arg, 7);
}

static void test_exit_status(void **state)
{
	struct timeval now = { 0 };

	(void)state;
	event_base_once(xenloop_loop_base(t.loop), -1, EV_TIMEOUT, exit_7,
			t.loop, &now);
	assert_int_equal(xenloop_loop_run(t.loop), 7);
}

static struct event *busy;

static void again(evutil_socket_t fd, short what, void *arg)
{
	event_active(busy, EV_READ, 0);
}

/* An event that always has more to do does not keep timers waiting. */
static void test_busy(void **state)
{
	struct event_base *base = xenloop_loop_base(t.loop);
	struct timeval soon = { .tv_usec = 1000 };

	(void)state;
	busy = event_new(base, -1, 0, again, NULL);
	event_active(busy, EV_READ, 0);
	event_base_once(base, -1, EV_TIMEOUT, exit_7, t.loop, &soon);
	alarm(10);
	assert_int_equal(xenloop_loop_run(t.loop), 7);
	alarm(0);
	event_free(busy);
}

/* What these calls write to stderr. */
static const char *captured(void (*fn)(void))
{
	static char buf[2048];
	FILE *saved = stderr;
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	memset(buf, 0, sizeof(buf));
	stderr = f;
	fn();
	stderr = saved;
	fclose(f);
	return buf;
}

/* A client that is gone is no reason to end. */
static void test_broken_pipe(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(write(fd[1], "x", 1), -1);
	close(fd[1]);
}

static void log_some(void)
{
	xenloop_log_init("prog", false);
	log_err("xs", "bad %d", 1);
	log_debug("xs", "not shown");
	xenloop_log_set_verbose(true);
	log_debug("xs", "shown");
}

static void log_event(void)
{
	struct xenloop_log_event ev;
	char big[300];

	memset(big, 'x', sizeof(big));
	big[299] = '\0';
	xenloop_log_event_init(&ev, XENLOOP_LOG_INFO, "chan",
			       "00000000000000000000000000000001", "up");
	for (int i = 0; i < 20; i++)
		xenloop_log_event_add(&ev, "XENLOOP_REASON", "%s", big);
	assert_int_equal(ev.nr_fields, XENLOOP_LOG_MAX_FIELDS);
	assert_string_equal(ev.field[1], "XENLOOP_EVENT=up");
	assert_int_equal(strlen(ev.field[2]), XENLOOP_LOG_FIELD_SIZE - 1);
	xenloop_log_event_send(&ev, "channel to %s is up", "b");
}

static void test_log(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(captured(log_some),
			    "<3>prog: xs: bad 1\n<7>prog: xs: shown\n");
	assert_string_equal(captured(log_event),
			    "<6>prog: chan: channel to b is up\n");
	assert_string_equal(xenloop_log_safe(buf, sizeof(buf), "a\n\033\xff%s b",
					     8), "a???%s ");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_notify), T(test_watchdog), T(test_reload),
		T(test_stop), T(test_exit_status), T(test_busy),
		T(test_broken_pipe),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
