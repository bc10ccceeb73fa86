// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Everything that xenloopd reads from XenStore, while its module says what it
 * likes. The input is a list of "path NUL value NUL", written below `xenloop`;
 * an empty value removes. Instead of a path:
 *
 *	!E	the value's numbers are a channel: event E of the module
 *	.	a second passes, and every timer of every link is over
 *	?U	the value is a line at the control socket, of user U
 *
 * Whatever comes, the daemon has peers from the roster alone, what it publishes
 * is well-formed and in its own name, and it obeys nobody but root.
 */
#include <sys/stat.h>
#include <stdint.h>

#include "tests/fuzz/ask.h"
#include "tests/fuzz/strings.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/fake_xs.h"
#include "xenloopd/xenloopd.h"

#define HOME	"/local/domain/5"
#define EPOCH	0x0123456789abcdefull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct xenloopd d;
static struct xenloop_loop *loop;
static uint32_t most;	/* channels that there may ever have been */
static char sysfs[] = "/tmp/xenloop-fuzz-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/eth0/%s", sysfs, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void remove_sysfs(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", sysfs);
	if (system(command))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct xenloop_loop_ops ops;
	char path[96];

	fuzz_be_quiet();
	loop = xenloop_loop_new(&ops, &d);
	if (!loop || !mkdtemp(sysfs))
		abort();
	atexit(remove_sysfs);
	snprintf(path, sizeof(path), "%s/eth0", sysfs);
	mkdir(path, 0755);
	strcat(path, "/device");
	mkdir(path, 0755);
	put_file("device/nodename", "device/vif/0\n");
	put_file("ifindex", "2\n");
	return 0;
}

/* Lets everything happen that is due now. */
static void pump(void)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(d.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

static void start(void)
{
	fake_xs_reset(HOME);
	fake_xs_put("domid", "5");
	fake_nl_reset(EPOCH);
	memset(&d, 0, sizeof(d));
	d.loop = loop;
	d.base = xenloop_loop_base(loop);
	d.nl_open = fake_nl_open;
	d.xs_ops = &fake_xs_ops;
	d.sysfs = sysfs;
	d.conf_path = "";
	xenloopd_settings_default(&d.settings);
	d.settings.max_channels = most = 4;
	if (xenloopd_init(&d))
		abort();
	pump();
}

static void module_says(uint32_t event, const char *numbers)
{
	struct xenloop_nl_chan chan = { .ifindex = 2 };
	const struct xenloop_nl_chan *known;
	unsigned int id = 0, reason = 0, state = 0;

	sscanf(numbers, "%u %u %u", &id, &reason, &state);
	known = fake_nl_chan(id);
	if (known)
		chan = *known;
	else if (d.links.first)
		memcpy(chan.peer_mac, d.links.first->mac, 6);
	chan.id = id;
	chan.reason = reason;
	chan.state = state;
	chan.peer_active = state & 1;
	if (known && event == XENLOOP_EVENT_DOWN)
		fake_nl_end(id, reason);
	else
		fake_nl_send(event, &chan);
}

static void second(void)
{
	struct xenloop_link *l, *next;

	for (l = d.links.first; l; l = next) {
		next = l->next;
		if (l->timer)
			xenloop_link_event(&d.links, l, XENLOOP_EV_TIMEOUT,
					   NULL);
		if (l->bye_timer)
			xenloop_link_bye_over(&d.links, l);
	}
	event_active(d.tick, 0, 0);
}

static void ask(uid_t uid, const char *line)
{
	const struct xenloopd_settings old = d.settings;
	bool stream;

	free(fuzz_ask(xenloopd_verbs, &d, uid, line, strlen(line), &stream));
	if (uid && memcmp(&old, &d.settings, sizeof(old)))
		abort();
	/* Those that are there stay when the limit is lowered. */
	if (d.settings.max_channels > most)
		most = d.settings.max_channels;
}

static void write_node(const char *name, const char *value)
{
	char path[XENLOOP_XS_PATH_SIZE];

	if (!fuzz_is_path(name))
		return;
	snprintf(path, sizeof(path), "xenloop%s%s", *name ? "/" : "", name);
	if (*value)
		fake_xs_put(path, value);
	else
		fake_xs_del(path);
}

static bool in_roster(const struct xenloop_nl_peer *peer)
{
	const struct xenloop_link *l = d.links.first;

	while (l && (l->key.domid != peer->domid ||
		     l->key.peer_vif != peer->vif ||
		     memcmp(l->mac, peer->mac, sizeof(l->mac))))
		l = l->next;
	return l;
}

static void check_outbox(const struct fake_xs_node *node)
{
	static const char to[] = HOME "/data/xenloop/to/";
	struct xenloop_node name;
	struct xenloop_msg msg;

	if (strncmp(node->path, to, sizeof(to) - 1))
		return;
	if (xenloop_node_parse(node->path + sizeof(to) - 1, &name) ||
	    xenloop_msg_parse(node->value, node->len, &msg) ||
	    msg.from != EPOCH || name.domid == 5)
		abort();
}

/* After a resume, what the module has stays until Dom0 has spoken. */
static void check_peers(void)
{
	if (!d.self_ok || d.suspended)
		return;
	for (int i = 0; i < fake_nl.nr_peers; i++)
		if (fake_nl.peer[i].domid == 5 || !in_roster(&fake_nl.peer[i]))
			abort();
}

static void check(void)
{
	check_peers();
	for (size_t i = 0; i < fake_xs.nr; i++)
		check_outbox(&fake_xs.node[i]);
	if (xenloop_links_count(&d.links, true) > most)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[160], value[2048];

	start();
	for (int i = 0; i < 64 && fuzz_next(&data, &size, path, sizeof(path));
	     i++) {
		if (!fuzz_next(&data, &size, value, sizeof(value)))
			*value = '\0';
		if (*path == '!')
			module_says(path[1] - '0', value);
		else if (!strcmp(path, "."))
			second();
		else if (*path == '?')
			ask(path[1] != '0', value);
		else
			write_node(path, value);
		pump();
		check();
	}
	xenloopd_exit(&d);
	return 0;
}
