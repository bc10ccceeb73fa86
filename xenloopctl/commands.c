// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The commands and options: one table each. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

#define PEER	{ "PEER", XENLOOP_WORD_PEER }

/* One reply lists the settings, another tells of a change. */
static void show_set(const struct xenloop_output *o, const json_t *reply)
{
	if (json_object_get(reply, "settings"))
		xenloop_show_settings(o, reply);
	else
		xenloop_show_done(o, reply);
}

static int run_set(const struct xenloop_session *s,
		   const struct xenloop_command *command,
		   const char *const *args, size_t nr_args)
{
	return xenloop_ask(s, command, nr_args == 2 ? "set" : "settings",
			   args, nr_args);
}

const struct xenloop_command xenloop_commands[] = {
	{
		.name = "peers", .args = { PEER },
		.help = "channels and known peers; in Dom0, pairs of vifs",
		.run = xenloop_run_request, .show = xenloop_show_peers,
	},
	{
		.name = "status",
		.help = "the daemon, the module, interfaces; in Dom0, guests",
		.run = xenloop_run_request, .show = xenloop_show_status,
	},
	{
		.name = "stats",
		.of_guests = true,
		.help = "counters of interfaces and channels",
		.run = xenloop_run_request, .show = xenloop_show_stats,
	},
	{
		.name = "monitor",
		.of_guests = true,
		.help = "events as they come, until interrupted",
		.run = xenloop_run_monitor,
	},
	{
		.name = "connect", .args = { PEER }, .min_args = 1,
		.of_guests = true,
		.help = "bring up the channels to a peer now (root)",
		.run = xenloop_run_request, .show = xenloop_show_done,
	},
	{
		.name = "disconnect", .args = { PEER }, .min_args = 1,
		.of_guests = true,
		.help = "close the channels to a peer (root)",
		.run = xenloop_run_request, .show = xenloop_show_done,
	},
	{
		.name = "set",
		.args = { { "SETTING", XENLOOP_WORD_SETTING },
			  { "VALUE", XENLOOP_WORD_VALUE } },
		.of_guests = true,
		.help = "show settings; change one until a reload or restart (root)",
		.run = run_set, .show = show_set,
	},
	{
		.name = "doctor", .args = { PEER, PEER },
		.help = "what works, what does not, and what to do",
		.run = xenloop_run_doctor, .show = xenloop_show_doctor,
	},
	{
		.name = "metrics", .args = { { "FILE", XENLOOP_WORD_FILE } },
		.help = "counters in Prometheus' text format",
		.run = xenloop_run_metrics,
	},
	{
		.name = "completion",
		.args = { { "bash|zsh", XENLOOP_WORD_SHELL } }, .min_args = 1,
		.help = "a completion script for that shell",
		.run = xenloop_run_completion,
	},
	{ NULL }
};

const struct xenloop_option xenloop_options[] = {
	{ 'j', "json", { NULL }, "the answer as JSON, for programs" },
	{ 's', "socket", { "PATH", XENLOOP_WORD_FILE },
	  "control socket, instead of the running daemon's" },
	{ 'h', "help", { NULL }, "this text" },
	{ 'V', "version", { NULL }, "version" },
	{ 0 }
};

const struct xenloop_command *xenloop_command_find(const char *name)
{
	const struct xenloop_command *command;

	for (command = xenloop_commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

size_t xenloop_command_max_args(const struct xenloop_command *command)
{
	size_t nr = 0;

	while (command->args[nr].name)
		nr++;
	return nr;
}

void xenloop_command_synopsis(const struct xenloop_command *command,
			      char *text, size_t size)
{
	size_t max = xenloop_command_max_args(command);
	int len = snprintf(text, size, "%s", command->name);

	for (size_t i = 0; i < max; i++)
		len += snprintf(text + len, size - len, " %s%s",
				i < command->min_args ? "" : "[",
				command->args[i].name);
	for (size_t i = command->min_args; i < max; i++)
		len += snprintf(text + len, size - len, "]");
}
