// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The XenStore wrapper, on the tree in memory, and the token bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/ratelimit.h"
#include "tests/unit/fake_xs.h"

static struct xenloop_xs xs;

static int setup(void **state)
{
	(void)state;
	fake_xs_reset("/local/domain/5");
	return xenloop_xs_open(&xs, &fake_xs_ops, NULL);
}

static int teardown(void **state)
{
	(void)state;
	xenloop_xs_close(&xs);
	fake_xs_reset("");
	return 0;
}

static void test_open(void **state)
{
	struct xenloop_xs other;
	const char *why = NULL;
	char buf[8];

	(void)state;
	fake_xs.absent = true;
	assert_int_equal(xenloop_xs_open(&other, &fake_xs_ops, &why), -ENOENT);
	assert_non_null(strstr(why, "no XenStore"));
	assert_int_equal(xenloop_xs_read(&other, 0, "x", buf, sizeof(buf)),
			 -ENOTCONN);
	assert_int_equal(xenloop_xs_fd(&other), -1);
}

/* A socket whose xenstored was killed is still there; nobody answers at it. */
static void test_probe(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/xenloop-xs-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	assert_int_equal(xenloop_xs_probe(address.sun_path), -ENOENT);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(xenloop_xs_probe(address.sun_path), -ECONNREFUSED);
	assert_int_equal(listen(fd, 0), 0);
	/* Busy is not missing. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(xenloop_xs_probe(address.sun_path), 0);
	close(fd);
	assert_int_equal(xenloop_xs_probe(address.sun_path), -ECONNREFUSED);
	unlink(address.sun_path);
	rmdir(dir);
	assert_int_equal(xenloop_xs_probe("/a/path/that/is/much/too/long/for/"
					  "the/address/of/a/socket/which/has/"
					  "room/for/one/hundred/and/eight/"
					  "bytes/only"), -ENAMETOOLONG);
}

static void test_read(void **state)
{
	char buf[5];

	(void)state;
	assert_int_equal(xenloop_xs_read(&xs, 0, "x", buf, 5), -ENOENT);
	fake_xs_put("x", "abcd");
	assert_int_equal(xenloop_xs_read(&xs, 0, "x", buf, 5), 4);
	assert_string_equal(buf, "abcd");
	fake_xs_put("x", "abcde");
	assert_int_equal(xenloop_xs_read(&xs, 0, "x", buf, 5), -E2BIG);
	fake_xs_put_bytes("x", "a\0b", 3);
	assert_int_equal(xenloop_xs_read(&xs, 0, "x", buf, 5), -EBADMSG);
	fake_xs_put("x", "");
	assert_int_equal(xenloop_xs_read(&xs, 0, "x", buf, 5), 0);
}

static void test_read_u32(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint32_t value;
	} cases[] = {
		{ "0", 0, 0 }, { "65535", 0, 65535 }, { "65536", -ERANGE, 0 },
		{ "99999999999", -ERANGE, 0 }, { "999999999999", -E2BIG, 0 },
		{ "", -EBADMSG, 0 }, { "-1", -EBADMSG, 0 },
		{ " 1", -EBADMSG, 0 }, { "1\n", -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t value = 0;

		fake_xs_put("n", cases[i].text);
		assert_int_equal(xenloop_xs_read_u32(&xs, 0, "n", 65535,
						     &value), cases[i].ret);
		assert_int_equal(value, cases[i].value);
	}
}

static void test_directory(void **state)
{
	struct xenloop_xs_dir dir;
	char path[16];

	(void)state;
	assert_int_equal(xenloop_xs_directory(&xs, 0, "d", 3, &dir), -ENOENT);
	xenloop_xs_dir_free(&dir);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		fake_xs_put(path, "");
	}
	assert_int_equal(xenloop_xs_directory(&xs, 0, "d", 4, &dir), 0);
	assert_int_equal(dir.nr, 4);
	assert_false(dir.truncated);
	assert_string_equal(dir.name[3], "3");
	xenloop_xs_dir_free(&dir);
	assert_int_equal(xenloop_xs_directory(&xs, 0, "d", 3, &dir), 0);
	assert_int_equal(dir.nr, 3);
	assert_true(dir.truncated);
	xenloop_xs_dir_free(&dir);
}

static void test_rm(void **state)
{
	(void)state;
	fake_xs_put("a/b", "1");
	assert_int_equal(xenloop_xs_rm(&xs, 0, "a"), 0);
	assert_null(fake_xs_get("a/b"));
	assert_int_equal(xenloop_xs_rm(&xs, 0, "a"), 0);
}

static void test_watch(void **state)
{
	struct xenloop_xs_event ev;

	(void)state;
	assert_int_equal(xenloop_xs_watch(&xs, "xenloop", "t"), 0);
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 1);
	assert_string_equal(ev.path, "xenloop");
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 0);
	fake_xs_put("xenloop/self", "x");
	fake_xs_put("xenloops", "x");
	fake_xs_del("/local/domain/5");
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 1);
	assert_string_equal(ev.path, "xenloop/self");
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 1);
	assert_string_equal(ev.path, "xenloop");
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 0);
	assert_int_equal(xenloop_xs_unwatch(&xs, "xenloop", "t"), 0);
	fake_xs_put("xenloop/self", "x");
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 0);
}

static void test_long_event(void **state)
{
	struct xenloop_xs_event ev;
	char token[80];

	(void)state;
	memset(token, 'x', sizeof(token));
	token[64] = '\0';
	fake_xs_queue("a", token);
	fake_xs_queue("b", token + 1);
	/* What can't come from our watches is passed over, not an error. */
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 1);
	assert_string_equal(ev.token, token + 1);
	assert_string_equal(ev.path, "b");
	assert_int_equal(xenloop_xs_next_event(&xs, &ev), 0);
}

static int bump(struct xenloop_xs *x, xenloop_xs_txn t, void *arg)
{
	int *calls = arg;

	assert_int_not_equal(t, 0);
	++*calls;
	xenloop_xs_write(x, t, "n", "1");
	return *calls > 100 ? -EPERM : 0;
}

static void test_transaction(void **state)
{
	int calls = 0;

	(void)state;
	fake_xs.conflicts = 3;
	assert_int_equal(xenloop_xs_transaction(&xs, bump, &calls), 0);
	assert_int_equal(calls, 4);
	assert_string_equal(fake_xs_get("n"), "1");
	fake_xs_del("n");
	calls = 0;
	fake_xs.conflicts = 1000;
	assert_int_equal(xenloop_xs_transaction(&xs, bump, &calls), -EAGAIN);
	assert_int_equal(calls, XENLOOP_XS_TXN_TRIES);
	assert_null(fake_xs_get("n"));
	fake_xs.conflicts = 0;
	calls = 100;
	assert_int_equal(xenloop_xs_transaction(&xs, bump, &calls), -EPERM);
	assert_null(fake_xs_get("n"));
}

static void test_dead(void **state)
{
	struct xenloop_xs_event ev;
	char buf[8];

	(void)state;
	fake_xs.dead = true;
	assert_true(xenloop_xs_is_dead(xenloop_xs_read(&xs, 0, "x", buf, 8)));
	assert_true(xenloop_xs_is_dead(xenloop_xs_write(&xs, 0, "x", "")));
	assert_true(xenloop_xs_is_dead(xenloop_xs_rm(&xs, 0, "x")));
	assert_true(xenloop_xs_is_dead(xenloop_xs_next_event(&xs, &ev)));
	assert_false(xenloop_xs_is_dead(-ENOENT));
	assert_false(xenloop_xs_is_dead(-EAGAIN));
	assert_false(xenloop_xs_is_dead(0));
}

static void test_bucket(void **state)
{
	struct xenloop_ratelimit rl = XENLOOP_RATELIMIT_INIT(3, 100);
	uint32_t missed = 7;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(xenloop_ratelimit_ok(&rl, 1000, &missed));
	assert_int_equal(missed, 0);
	assert_false(xenloop_ratelimit_ok(&rl, 1000, NULL));
	assert_false(xenloop_ratelimit_ok(&rl, 1099, NULL));
	assert_int_equal(xenloop_ratelimit_wait(&rl, 1099), 1);
	assert_int_equal(xenloop_ratelimit_wait(&rl, 1100), 0);
	assert_true(xenloop_ratelimit_ok(&rl, 1100, &missed));
	assert_int_equal(missed, 2);
	assert_false(xenloop_ratelimit_ok(&rl, 1150, NULL));
	/* However long it takes, no more than the burst. */
	for (int i = 0; i < 3; i++)
		assert_true(xenloop_ratelimit_ok(&rl, 1000000, NULL));
	assert_false(xenloop_ratelimit_ok(&rl, 1000000, NULL));
	assert_false(xenloop_ratelimit_is_full(&rl, 1000299));
	assert_true(xenloop_ratelimit_is_full(&rl, 1000300));
}

/* The limit becomes stricter while the bucket is full. */
static void test_bucket_shrinks(void **state)
{
	struct xenloop_ratelimit rl = XENLOOP_RATELIMIT_INIT(100, 10);

	(void)state;
	assert_true(xenloop_ratelimit_ok(&rl, 1000, NULL));
	rl.burst = 5;
	for (int i = 0; i < 5; i++)
		assert_true(xenloop_ratelimit_ok(&rl, 3600000, NULL));
	assert_false(xenloop_ratelimit_ok(&rl, 3600000, NULL));
	rl.burst = 7;
	assert_true(xenloop_ratelimit_ok(&rl, 3600010, NULL));
	assert_false(xenloop_ratelimit_ok(&rl, 3600010, NULL));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_open), T(test_probe), T(test_read), T(test_read_u32),
		T(test_directory), T(test_rm), T(test_watch),
		T(test_long_event), T(test_transaction), T(test_dead),
		T(test_bucket), T(test_bucket_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
