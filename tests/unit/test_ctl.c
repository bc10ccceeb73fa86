// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The control socket: requests by table, hostile clients, the asking side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/ctl.h"
#include "proto/ctl_request.h"

static int echo(void *arg, const struct xenloop_ctl_request *req,
		json_t *reply, struct xenloop_ctl_error *err)
{
	size_t i;

	json_object_set_new(reply, "nr_args", json_integer(req->nr_args));
	for (i = 0; i < req->nr_args; i++)
		json_object_set_new(reply, "last", json_string(req->args[i]));
	return 0;
}

static int not_there(void *arg, const struct xenloop_ctl_request *req,
		     json_t *reply, struct xenloop_ctl_error *err)
{
	return xenloop_ctl_fail(err, XENLOOP_CTL_NOT_FOUND, "no peer %s",
				req->nr_args ? req->args[0] : "");
}

static int big(void *arg, const struct xenloop_ctl_request *req,
	       json_t *reply, struct xenloop_ctl_error *err)
{
	char *text = calloc(1, 1000001);

	memset(text, 'x', 1000000);
	json_object_set_new(reply, "text", json_string(text));
	free(text);
	return 0;
}

static const struct xenloop_ctl_verb verbs[] = {
	{ .verb = "echo", .max_args = 8, .fn = echo },
	{ .verb = "fail", .max_args = 1, .fn = not_there },
	{ .verb = "big", .fn = big },
	{ .verb = "secret", .privileged = true, .min_args = 1, .max_args = 1,
	  .fn = echo },
	{ .verb = "monitor", .stream = true, .fn = echo },
	{ NULL }
};

/* Each line, asked by uid, and what the answer must be. */
static const struct {
	const char *line;
	uid_t uid;
	const char *answer;
} table[] = {
	{ "{\"command\":\"echo\"}", 1,
	  "{\"schema\":1,\"command\":\"echo\",\"nr_args\":0}" },
	{ "{\"args\":[\"a\",\"b\"],\"command\":\"echo\"}", 1,
	  "{\"schema\":1,\"command\":\"echo\",\"nr_args\":2,\"last\":\"b\"}" },
	{ "{\"command\":\"fail\",\"args\":[\"g2\"]}", 1,
	  "{\"schema\":1,\"error\":{\"code\":\"not-found\",\"message\":\"no peer g2\"}}" },
	{ "{\"command\":\"fail\",\"args\":[\"\\u001b[2J\\n\"]}", 1,
	  "{\"schema\":1,\"error\":{\"code\":\"not-found\",\"message\":\"no peer ?[2J?\"}}" },
	{ "{\"command\":\"secret\",\"args\":[\"x\"]}", 1,
	  "{\"schema\":1,\"error\":{\"code\":\"permission\",\"message\":\"secret is for root\"}}" },
	{ "{\"command\":\"secret\",\"args\":[\"x\"]}", 0,
	  "{\"schema\":1,\"command\":\"secret\",\"nr_args\":1,\"last\":\"x\"}" },
	{ "{\"command\":\"secret\"}", 0,
	  "{\"schema\":1,\"error\":{\"code\":\"usage\",\"message\":\"wrong number of arguments for secret\"}}" },
	{ "{\"command\":\"nonsense\"}", 0,
	  "{\"schema\":1,\"error\":{\"code\":\"unknown-command\",\"message\":\"this daemon has no command nonsense\"}}" },
};

static void answers(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool stream = true;
		json_t *reply = xenloop_ctl_answer(verbs, NULL, table[i].uid,
						   table[i].line,
						   strlen(table[i].line),
						   &stream);
		char *text = json_dumps(reply, JSON_COMPACT);

		assert_string_equal(text, table[i].answer);
		assert_false(stream);
		free(text);
		json_decref(reply);
	}
}

static const char *const hostile[] = {
	"", " ", "{", "[]", "null", "1", "\"echo\"", "{}",
	"{\"command\":1}", "{\"command\":null}", "{\"command\":[\"echo\"]}",
	"{\"command\":\"echo\",\"command\":\"fail\"}",
	"{\"command\":\"echo\"} x", "{\"command\":\"ec\\u0000ho\"}",
	"{\"command\":\"echo\",\"uid\":0}",
	"{\"command\":\"echo\",\"args\":{}}",
	"{\"command\":\"echo\",\"args\":\"a\"}",
	"{\"command\":\"echo\",\"args\":[1]}",
	"{\"command\":\"echo\",\"args\":[[\"a\"]]}",
	"{\"command\":\"echo\",\"args\":[\"\xff\"]}",
	"{\"command\":\"echo\",\"args\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
};

static const char *code_of(const json_t *reply)
{
	return json_string_value(json_object_get(json_object_get(reply, "error"),
						 "code"));
}

static void hostile_lines(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		bool stream;
		json_t *reply = xenloop_ctl_answer(verbs, NULL, 0, hostile[i],
						   strlen(hostile[i]), &stream);

		assert_string_equal(code_of(reply), XENLOOP_CTL_BAD_REQUEST);
		json_decref(reply);
	}
}

static void deep_nesting(void **state)
{
	char line[XENLOOP_CTL_MAX_REQUEST];
	bool stream;
	json_t *reply;

	memset(line, '[', sizeof(line));
	reply = xenloop_ctl_answer(verbs, NULL, 0, line, sizeof(line), &stream);
	assert_string_equal(code_of(reply), XENLOOP_CTL_BAD_REQUEST);
	json_decref(reply);
}

/* A server in this process, driven step by step, and raw sockets to it. */
struct server {
	char directory[32];
	char path[64];
	struct event_base *base;
	struct xenloop_ctl *ctl;
};

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	strcpy(s->directory, "/tmp/xenloop-ctl-XXXXXX");
	assert_non_null(mkdtemp(s->directory));
	snprintf(s->path, sizeof(s->path), "%s/run/control", s->directory);
	s->base = event_base_new();
	s->ctl = xenloop_ctl_new(s->base, s->path, verbs, s);
	assert_non_null(s->ctl);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;
	char run[64];

	xenloop_ctl_free(s->ctl);
	assert_int_equal(access(s->path, F_OK), -1);
	event_base_free(s->base);
	snprintf(run, sizeof(run), "%s/run", s->directory);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(rmdir(s->directory), 0);
	free(s);
	return 0;
}

static int dial(const struct server *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, s->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 sizeof(address)), 0);
	return fd;
}

static void pump(struct server *s)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static void say(struct server *s, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
	pump(s);
}

/* What has arrived, as a string; "" at the end, "-" when there is nothing yet. */
static const char *hear(int fd)
{
	static char text[8192];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return "-";
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

#define ECHO "{\"command\":\"echo\"}\n"
#define ECHOED "{\"schema\":1,\"command\":\"echo\",\"nr_args\":0}\n"

static void request_in_pieces(void **state)
{
	struct server *s = *state;
	int fd = dial(s);

	say(s, fd, "{\"command\":");
	assert_string_equal(hear(fd), "-");
	say(s, fd, "\"echo\"}\n");
	assert_string_equal(hear(fd), ECHOED);
	close(fd);
}

static void requests_together(void **state)
{
	struct server *s = *state;
	int fd = dial(s);

	say(s, fd, ECHO ECHO "nonsense\n" ECHO);
	assert_string_equal(hear(fd), ECHOED ECHOED
			    "{\"schema\":1,\"error\":{\"code\":\"bad-request\",\"message\":\"not a JSON object with a command\"}}\n"
			    ECHOED);
	close(fd);
}

static void half_closed_client_gets_its_answer(void **state)
{
	struct server *s = *state;
	int fd = dial(s);

	say(s, fd, ECHO);
	shutdown(fd, SHUT_WR);
	pump(s);
	assert_string_equal(hear(fd), ECHOED);
	assert_string_equal(hear(fd), "");
	close(fd);
}

static void too_long_ends_it(void **state)
{
	struct server *s = *state;
	char text[XENLOOP_CTL_MAX_REQUEST + 1];
	int fd = dial(s);

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	say(s, fd, text);
	assert_non_null(strstr(hear(fd), "bad-request"));
	assert_string_equal(hear(fd), "");
	close(fd);
}

static void too_many_clients(void **state)
{
	const int most = XENLOOP_CTL_MAX_CLIENTS -
			 (getuid() ? XENLOOP_CTL_ROOT_CLIENTS : 0);
	struct server *s = *state;
	int fd[XENLOOP_CTL_MAX_CLIENTS + 1];
	int i;

	for (i = 0; i <= most; i++) {
		fd[i] = dial(s);
		pump(s);
	}
	assert_non_null(strstr(hear(fd[i - 1]), "\"busy\""));
	close(fd[--i]);
	close(fd[0]);
	pump(s);
	fd[0] = dial(s);
	say(s, fd[0], ECHO);
	assert_string_equal(hear(fd[0]), ECHOED);
	while (i--)
		close(fd[i]);
	pump(s);
}

/* Who may only look can't keep root from acting. (Only root can be others.) */
static void others_leave_room_for_root(void **state)
{
	const int most = XENLOOP_CTL_MAX_CLIENTS - XENLOOP_CTL_ROOT_CLIENTS;
	struct server *s = *state;
	int fd[XENLOOP_CTL_MAX_CLIENTS + 1];

	if (getuid())
		skip();
	assert_int_equal(chmod(s->directory, 0755), 0);
	assert_int_equal(chmod(s->path, 0666), 0);
	for (int i = 0; i <= XENLOOP_CTL_MAX_CLIENTS; i++) {
		assert_int_equal(seteuid(i <= most ? 65534 : 0), 0);
		fd[i] = dial(s);
		assert_int_equal(seteuid(0), 0);
		say(s, fd[i], "{\"command\":\"monitor\"}\n");
		assert_int_equal(!!strstr(hear(fd[i]), "\"busy\""),
				 i == most);
	}
	for (int i = 0; i <= XENLOOP_CTL_MAX_CLIENTS; i++)
		close(fd[i]);
	pump(s);
}

static void slow_request_is_dropped(void **state)
{
	struct server *s = *state;
	int fd = dial(s);

	say(s, fd, "{\"comm");
	/* The loop has nothing but the deadline to wait for. */
	event_base_loop(s->base, EVLOOP_ONCE);
	assert_string_equal(hear(fd), "");
	close(fd);
}

static json_t *event(const char *text)
{
	return json_pack("{s:s, s:i, s:s}", "event", "up", "time_ms", 1,
			 "peer", text);
}

static void subscriber_gets_events(void **state)
{
	struct server *s = *state;
	int other = dial(s);
	int fd = dial(s);

	say(s, other, ECHO);
	hear(other);
	assert_false(xenloop_ctl_has_subscribers(s->ctl));
	say(s, fd, "{\"command\":\"monitor\"}\n");
	assert_true(xenloop_ctl_has_subscribers(s->ctl));
	assert_non_null(strstr(hear(fd), "\"command\":\"monitor\""));
	xenloop_ctl_event(s->ctl, event("g2"));
	pump(s);
	assert_string_equal(hear(fd), "{\"schema\":1,\"command\":\"monitor\",\"event\":\"up\",\"time_ms\":1,\"peer\":\"g2\"}\n");
	assert_string_equal(hear(other), "-");
	xenloop_ctl_event(s->ctl, NULL);
	close(fd);
	close(other);
	pump(s);
	assert_false(xenloop_ctl_has_subscribers(s->ctl));
}

#define LINES_MAX	1000

/* Sends so many empty requests and then this, and reads nothing. */
static int say_after_empty(struct server *s, size_t lines, const char *text)
{
	char requests[LINES_MAX + 64];
	int fd = dial(s);

	memset(requests, '\n', lines);
	snprintf(requests + lines, sizeof(requests) - lines, "%s", text);
	say(s, fd, requests);
	for (size_t i = 0; i < lines / 20; i++)
		pump(s);
	return fd;
}

/* How many answers to empty requests a socket takes when nobody reads them. */
static size_t answers_that_fit(struct server *s)
{
	int fd = say_after_empty(s, LINES_MAX, "");
	const char *text;
	size_t n = 0;

	while (*(text = hear(fd)) != '-')
		for (; *text; text++)
			n += *text == '\n';
	close(fd);
	pump(s);
	return n;
}

/* Its answer waits for room in the socket when it says more: it gets that one, and has to go. */
static void subscriber_says_more(void **state)
{
	struct server *s = *state;
	size_t fit = answers_that_fit(s);
	bool told = false;
	const char *text;
	int fd;

	assert_in_range(fit, 1, LINES_MAX - 1);
	fd = say_after_empty(s, fit, "{\"command\":\"monitor\"}\n");
	say(s, fd, "more");
	while (*(text = hear(fd)) && *text != '-') {
		told |= strstr(text, "\"command\":\"monitor\"") != NULL;
		pump(s);
	}
	assert_true(told);
	assert_string_equal(text, "");
	assert_false(xenloop_ctl_has_subscribers(s->ctl));
	close(fd);
}

static void slow_subscriber_is_dropped(void **state)
{
	struct server *s = *state;
	char text[4096];
	int fd = dial(s);
	int i;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	say(s, fd, "{\"command\":\"monitor\"}\n");
	for (i = 0; i < 1000 && xenloop_ctl_has_subscribers(s->ctl); i++) {
		xenloop_ctl_event(s->ctl, event(text));
		pump(s);
	}
	assert_in_range(i, XENLOOP_CTL_MAX_BACKLOG / sizeof(text), 999);
	close(fd);
}

static void second_daemon_is_told(void **state)
{
	struct server *s = *state;
	struct stat status;

	assert_null(xenloop_ctl_new(s->base, s->path, verbs, s));
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(stat(s->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static void stale_socket_is_replaced(void **state)
{
	struct server *s = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	xenloop_ctl_free(s->ctl);
	strcpy(address.sun_path, s->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	close(fd);
	s->ctl = xenloop_ctl_new(s->base, s->path, verbs, s);
	assert_non_null(s->ctl);
}

static void bad_paths(void **state)
{
	struct event_base *base = event_base_new();
	char path[200];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_null(xenloop_ctl_new(base, path, verbs, NULL));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_null(xenloop_ctl_new(base, "/nowhere/at/all", verbs, NULL));
	assert_int_equal(errno, ENOENT);
	event_base_free(base);
}

/* The asking side blocks, so the server runs in a child. */
static pid_t serve(struct server *s)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	event_reinit(s->base);
	alarm(60);
	event_base_dispatch(s->base);
	_exit(0);
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void client_asks(void **state)
{
	static const char *const args[] = { "a", "g\n2" };
	struct server *s = *state;
	pid_t pid = serve(s);
	json_t *reply = NULL;

	assert_int_equal(xenloop_ctl_request(s->path, "echo", args, 2, 10000,
					     &reply), 0);
	assert_string_equal(json_string_value(json_object_get(reply, "last")),
			    "g\n2");
	json_decref(reply);
	assert_int_equal(xenloop_ctl_request(s->path, "big", NULL, 0, 10000,
					     &reply), 0);
	assert_int_equal(json_string_length(json_object_get(reply, "text")),
			 1000000);
	json_decref(reply);
	stop(pid);
}

static void client_errors(void **state)
{
	static char longest[XENLOOP_CTL_MAX_REQUEST];
	const char *const args[] = { longest };
	struct server *s = *state;
	json_t *reply = NULL;

	assert_int_equal(xenloop_ctl_request("/nowhere/control", "echo", NULL,
					     0, 100, &reply), -ENOENT);
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(xenloop_ctl_request(s->path, "echo", args, 1, 50,
					     &reply), -E2BIG);
	/* Nobody runs the loop: connected, but never answered; then no room. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(xenloop_ctl_request(s->path, "echo", NULL, 0,
						     50, &reply), -ETIMEDOUT);
	assert_null(reply);
}

static int first_message(void *arg, json_t *message)
{
	*(bool *)arg = !!json_object_get(message, "nr_args");
	return 7;
}

static void client_streams(void **state)
{
	struct server *s = *state;
	pid_t pid = serve(s);
	bool seen = false;

	assert_int_equal(xenloop_ctl_stream(s->path, "monitor", 10000,
					    first_message, &seen), 7);
	assert_true(seen);
	stop(pid);
}

#define on_server(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(hostile_lines),
		cmocka_unit_test(deep_nesting),
		cmocka_unit_test(bad_paths),
		on_server(request_in_pieces),
		on_server(requests_together),
		on_server(half_closed_client_gets_its_answer),
		on_server(too_long_ends_it),
		on_server(too_many_clients),
		on_server(others_leave_room_for_root),
		on_server(slow_request_is_dropped),
		on_server(subscriber_gets_events),
		on_server(subscriber_says_more),
		on_server(slow_subscriber_is_dropped),
		on_server(second_daemon_is_told),
		on_server(stale_socket_is_replaced),
		on_server(client_asks),
		on_server(client_errors),
		on_server(client_streams),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemons do */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
