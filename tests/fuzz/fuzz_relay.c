// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A hostile guest against xendiscoverd: the input is a list of "path NUL value
 * NUL", written by guest 1 below its data/xenloop; an empty value removes. The
 * other guests may see nothing but what docs/protocol.md allows.
 */
#include <stdarg.h>
#include <stdint.h>

#include "tests/fuzz/strings.h"
#include "tests/unit/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_be_quiet();
	return 0;
}

static void check_message(const char *path, const char *text)
{
	struct xenloop_node node;
	struct xenloop_msg msg;

	/* The true sender, an allowed link, current epochs, nothing else. */
	if (xenloop_node_parse(path, &node) || node.domid != 1 || node.vif ||
	    node.peer_vif || xenloop_msg_parse(text, strlen(text), &msg) ||
	    msg.from != host.d.model.guest[0]->hello.epoch || msg.to != 2)
		abort();
}

static void check(void)
{
	static const char inbox[] = "/local/domain/2/xenloop/from/";
	size_t len = sizeof(inbox) - 1;

	for (size_t i = 0; i < fake_xs.nr; i++) {
		const struct fake_xs_node *node = &fake_xs.node[i];

		if (!strncmp(node->path, inbox, len))
			check_message(node->path + len, node->value);
		if (!strncmp(node->path, "/local/domain/3/xenloop/from/", len))
			abort();
	}
}

static void play(const uint8_t *data, size_t size)
{
	static const char dir[] = "/local/domain/1/data/xenloop";
	char path[192], value[2048], full[XENLOOP_XS_PATH_SIZE];

	for (int i = 0; i < 64 && fuzz_next(&data, &size, path, sizeof(path));
	     i++) {
		if (!fuzz_next(&data, &size, value, sizeof(value)))
			*value = '\0';
		if (!fuzz_is_path(path))
			continue;
		snprintf(full, sizeof(full), "%s%s%s", dir, *path ? "/" : "",
			 path);
		if (*value)
			fake_xs_put(full, value);
		else
			fake_xs_del(full);
		if (host_run())
			abort();
		check();
	}
}

/* Guests 1 and 2 share xenbr0, 3 is elsewhere. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	host_new();
	for (uint32_t i = 1; i <= 3; i++) {
		char mac[32];

		snprintf(mac, sizeof(mac), "00:16:3e:00:00:%02x", i);
		host_domain(i, "g");
		host_vif(i, 0, mac, i == 3 ? 101 : 100);
		host_hello(i, i);
	}
	host_start("[limits]\nmax-messages = 4\n");
	if (host_run())
		abort();
	play(data, size);
	host_end();
	return 0;
}
