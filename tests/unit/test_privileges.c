// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Giving up root: what can be opened before, and that nothing is left after.
 * Each case runs in a child. What needs root can be seen as root only; as
 * another user, the cases see that they are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xendiscoverd/privileges.h"

#define USER "nobody"

static char secret[] = "/tmp/xenloop-test-XXXXXX";	/* only its owner's */

/* Ends the child with the line of what is not so. */
#define MUST(x) ((x) ? (void)0 : _exit(complain(__LINE__, #x)))

static int complain(int line, const char *text)
{
	fprintf(stderr, "line %d: not so: %s: %s\n", line, text,
		strerror(errno));
	return 1;
}

static void in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool opens_secret(void)
{
	int fd = open(secret, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Does /proc/self/status have this line? */
static bool status_says(const char *line)
{
	char text[8192] = "";
	FILE *f = fopen("/proc/self/status", "re");

	MUST(f);
	MUST(fread(text, 1, sizeof(text) - 1, f));
	fclose(f);
	return strstr(text, line);
}

static void must_be_powerless(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = 1 << CAP_DAC_OVERRIDE,
		  .permitted = 1 << CAP_DAC_OVERRIDE },
	};

	MUST(status_says("\nCapInh:\t0000000000000000\n"));
	MUST(status_says("\nCapPrm:\t0000000000000000\n"));
	MUST(status_says("\nCapEff:\t0000000000000000\n"));
	MUST(status_says("\nCapAmb:\t0000000000000000\n"));
	MUST(status_says("\nNoNewPrivs:\t1\n"));
	MUST(setresuid(0, 0, 0) && errno == EPERM);
	MUST(syscall(SYS_capset, &header, data) && errno == EPERM);
}

static void as_root(void)
{
	const struct passwd *user = getpwnam(USER);
	gid_t gid[3] = { 0 };
	uid_t uid[3];

	MUST(user && !setgroups(1, gid));
	MUST(!xenloop_privileges_limit(USER));
	MUST(!getresuid(&uid[0], &uid[1], &uid[2]));
	MUST(!getresgid(&gid[0], &gid[1], &gid[2]));
	for (int i = 0; i < 3; i++)
		MUST(uid[i] == user->pw_uid && gid[i] == user->pw_gid);
	MUST(getgroups(0, NULL) == 0);
	MUST(status_says("\nCapPrm:\t0000000000000002\n"));
	MUST(status_says("\nCapEff:\t0000000000000002\n"));
	MUST(opens_secret());

	/* As systemd starts it: another user, with that capability. */
	MUST(!xenloop_privileges_limit("xenloop-nobody"));
	MUST(opens_secret());

	MUST(!xenloop_privileges_drop());
	MUST(!opens_secret() && errno == EACCES);
	must_be_powerless();
	MUST(xenloop_privileges_limit(USER) == -EPERM);
}

static void as_nobody(void)
{
	MUST(geteuid() || !setresuid(65534, 65534, 65534));
	MUST(xenloop_privileges_limit(USER) == -EPERM);
	MUST(!xenloop_privileges_drop());
	must_be_powerless();
}

static void without_the_user(void)
{
	MUST(xenloop_privileges_limit("xenloop-nobody") ==
	     (geteuid() ? -EPERM : -ENOENT));
	MUST(geteuid() || opens_secret());
}

/* Dropping is not enough: who forgot to limit root must not go on as root. */
static void drop_alone(void)
{
	MUST(xenloop_privileges_drop() == (geteuid() ? 0 : -EPERM));
}

static void test_root(void **state)
{
	(void)state;
	in_child(geteuid() ? as_nobody : as_root);
}

static void test_nobody(void **state)
{
	(void)state;
	in_child(as_nobody);
}

static void test_no_user(void **state)
{
	(void)state;
	in_child(without_the_user);
}

static void test_drop_alone(void **state)
{
	(void)state;
	in_child(drop_alone);
}

static int setup(void **state)
{
	int fd = mkstemp(secret);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_no_user),
		cmocka_unit_test(test_drop_alone),
	};

	if (geteuid())
		print_message("not root: only what is refused is tested\n");
	return cmocka_run_group_tests(tests, setup, teardown);
}
