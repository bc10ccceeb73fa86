// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What the toolstack, or somebody in its place, has in XenStore about guest 1,
 * read by xendiscoverd: the input is a list of "path NUL value NUL"; the path's
 * first character names a directory, an empty value removes. Instead of a path,
 * "?": the value is a line at the control socket. Whatever it is, guests get
 * well-formed nodes, guest 3 on its other bridge stays alone, and questions
 * change nothing.
 */
#include <stdarg.h>
#include <stdint.h>

#include "tests/fuzz/ask.h"
#include "tests/fuzz/strings.h"
#include "tests/unit/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *const dirs[] = {
	['b'] = "/local/domain/0/backend/vif/1",
	['d'] = "/local/domain/1",
	['l'] = "/libxl/1/device/vif",
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_be_quiet();
	return 0;
}

static void check_roster(uint32_t domid, const char *name, const char *text)
{
	struct xenloop_roster roster;
	uint32_t peer;

	if (xenloop_u32_parse(name, XENLOOP_DOMID_MAX, &peer) ||
	    xenloop_roster_parse(text, strlen(text), &roster) ||
	    peer == domid || peer == 3 || domid == 3)
		abort();
	for (unsigned int i = 0; i < roster.nr_links; i++)
		if (roster.link[i].vif > 1 || roster.link[i].peer_vif > 1)
			abort();	/* Dom0 has no such device */
}

static void check_self(uint32_t domid, const char *text)
{
	struct xenloop_self self;

	if (xenloop_self_parse(text, strlen(text), &self) ||
	    self.domid != domid)
		abort();
}

static void check(void)
{
	for (size_t i = 0; i < fake_xs.nr; i++) {
		const struct fake_xs_node *node = &fake_xs.node[i];
		uint32_t domid;
		char rest[64];

		if (sscanf(node->path, "/local/domain/%u/xenloop/%63s", &domid,
			   rest) != 2)
			continue;
		if (node->reader != (int)domid)
			abort();
		if (!strcmp(rest, "self"))
			check_self(domid, node->value);
		else if (!strncmp(rest, "roster/", 7))
			check_roster(domid, rest + 7, node->value);
	}
}

static void ask(const char *line)
{
	unsigned int writes = fake_xs.writes, removals = fake_xs.removals;
	bool stream;

	free(fuzz_ask(xenloop_discoverd_verbs, &host.d, 0, line, strlen(line),
		      &stream));
	if (host_run() || fake_xs.writes != writes ||
	    fake_xs.removals != removals)
		abort();
}

static void write_node(const char *path, const char *value)
{
	char full[XENLOOP_XS_PATH_SIZE];
	unsigned char dir = *path;

	if (dir >= sizeof(dirs) / sizeof(dirs[0]) || !dirs[dir] || !path[1] ||
	    !fuzz_is_path(path + 1) || !strncmp(path, "dxenloop", 8))
		return;	/* the last one is Dom0's own */
	snprintf(full, sizeof(full), "%s/%s", dirs[dir], path + 1);
	if (*value)
		fake_xs_put(full, value);
	else
		fake_xs_del(full);
	if (host_run())
		abort();
	check();
}

static void play(const uint8_t *data, size_t size)
{
	char path[160], value[2048];

	for (int i = 0; i < 64 && fuzz_next(&data, &size, path, sizeof(path));
	     i++) {
		if (!fuzz_next(&data, &size, value, sizeof(value)))
			*value = '\0';
		if (*path == '?')
			ask(value);
		else
			write_node(path, value);
	}
}

/* Guests 1 and 2 share xenbr0, the first with two vifs; 3 is elsewhere. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const macs[] = {
		"00:16:3e:00:00:01", "00:16:3e:00:00:02", "00:16:3e:00:00:03",
	};

	host_new();
	for (uint32_t i = 0; i < 3; i++) {
		host_domain(i + 1, "g");
		host_vif(i + 1, 0, macs[i], i == 2 ? 101 : 100);
		host_hello(i + 1, i + 1);
	}
	host_vif(1, 1, "00:16:3e:00:01:01", 100);
	host_start("");
	if (host_run())
		abort();
	play(data, size);
	host_end();
	return 0;
}
