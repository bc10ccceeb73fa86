// SPDX-License-Identifier: GPL-2.0 OR MIT
/* docs/examples/peers.c on a XenStore in memory. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fake_xs.h"

static int fake_poll(struct pollfd *fd, nfds_t nr, int timeout);

static int peers_main(int argc, char **argv);

#define xenloop_xs_libxenstore fake_xs_ops
#define poll fake_poll
#define main peers_main
#include "docs/examples/peers.c"
#undef main
#undef poll

#define ROSTER_7	"xenloop 1\nepoch fedcba9876543210\nfeatures 00000000\nname web-2\n" \
			"link 0 0 00:16:3e:00:00:07\nlink 1 0 00:16:3e:00:00:08\n"
#define ROSTER_9	"xenloop 1\nepoch fedcba9876543211\nfeatures 00000000\nname db\n" \
			"link 0 1 00:16:3e:00:00:09\n"
#define LINES_7		"web-2 domain 7: vif 0 to vif 0 00:16:3e:00:00:07\n" \
			"web-2 domain 7: vif 1 to vif 0 00:16:3e:00:00:08\n"
#define LINES_9		"db domain 9: vif 0 to vif 1 00:16:3e:00:00:09\n"

static int polls;

/* The new watch fires; then a peer comes; then the connection is lost. */
static int fake_poll(struct pollfd *fd, nfds_t nr, int timeout)
{
	assert_int_equal(fd->events, POLLIN);
	polls++;
	if (polls == 2)
		fake_xs_put("xenloop/roster/9", ROSTER_9);
	if (polls == 3)
		fake_xs.dead = true;
	return 1;
}

static int setup(void **state)
{
	fake_xs_reset("/local/domain/5");
	polls = 0;
	return 0;
}

static int teardown(void **state)
{
	fake_xs_reset("");
	return 0;
}

/* Runs the program; what it printed is in `output`. */
static int peers(const char *argument, char *output, size_t size)
{
	char *argv[] = { "peers", (char *)argument, NULL };
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO), status;
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	status = peers_main(argument ? 2 : 1, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	n = fread(output, 1, size - 1, file);
	output[n] = '\0';
	fclose(file);
	return status;
}

static void prints_links(void **state)
{
	char output[1024];

	fake_xs_put("xenloop/roster/7", ROSTER_7);
	assert_int_equal(peers(NULL, output, sizeof(output)), 0);
	assert_string_equal(output, LINES_7);
}

static void before_dom0_has_spoken(void **state)
{
	char output[1024];

	assert_int_equal(peers(NULL, output, sizeof(output)), 0);
	assert_string_equal(output, "");
}

static void damaged_node(void **state)
{
	char output[1024];

	fake_xs_put("xenloop/roster/7", "xenloop 1\nname web-2\n");
	fake_xs_put("xenloop/roster/9", ROSTER_9);
	assert_int_equal(peers(NULL, output, sizeof(output)), 0);
	assert_string_equal(output, LINES_9);
}

static void follows(void **state)
{
	char output[1024];

	fake_xs_put("xenloop/roster/7", ROSTER_7);
	assert_int_equal(peers("-f", output, sizeof(output)), 1);
	assert_string_equal(output, LINES_7 LINES_7 LINES_9);
	assert_int_equal(polls, 3);
}

static void no_xenstore(void **state)
{
	char output[1024];

	fake_xs.absent = true;
	assert_int_equal(peers(NULL, output, sizeof(output)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(prints_links, setup, teardown),
		cmocka_unit_test_setup_teardown(before_dom0_has_spoken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(damaged_node, setup, teardown),
		cmocka_unit_test_setup_teardown(follows, setup, teardown),
		cmocka_unit_test_setup_teardown(no_xenstore, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
