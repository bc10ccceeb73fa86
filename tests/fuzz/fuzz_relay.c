// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A hostile guest against xendiscoverd: the input is a list of "path NUL value
 * NUL", written by guest 1 below its data/xenloop; an empty value removes. The
 * other guests may see nothing but what docs/protocol.md allows.
 */
#include <stdarg.h>
#include <stdint.h>

#include "tests/unit/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Our log lines only; libFuzzer and the sanitizers have their own way out. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	stderr = fopen("/dev/null", "w");
	return 0;
}

/* The next string of the input, at most as long as XenStore lets it be. */
static bool next(const uint8_t **data, size_t *size, char *buf, size_t max)
{
	const uint8_t *nul = memchr(*data, '\0', *size);
	size_t len = nul ? (size_t)(nul - *data) : *size;

	if (!*size)
		return false;
	snprintf(buf, max, "%.*s", (int)len, (const char *)*data);
	len += nul != NULL;
	*data += len;
	*size -= len;
	return true;
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

	for (int i = 0; i < 64 && next(&data, &size, path, sizeof(path)); i++) {
		if (!next(&data, &size, value, sizeof(value)))
			*value = '\0';
		if (strstr(path, "//") || *path == '/' ||
		    (*path && path[strlen(path) - 1] == '/'))
			continue;	/* XenStore takes no such path */
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
