// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xenloopctl: options, and which daemon to ask. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"

static void print_help(void)
{
	const struct xenloop_command *command;
	char words[48];

	printf("usage: xenloopctl [--json] [--socket PATH] COMMAND [ARGUMENT]\n\n"
	       "Asks xenloopd (in a guest) or xendiscoverd (in Dom0).\n\n"
	       "commands:\n");
	for (command = xenloop_commands; command->name; command++) {
		snprintf(words, sizeof(words), "%s %s", command->name,
			 command->args);
		printf("  %-18s %s\n", words, command->help);
	}
	printf("\noptions:\n"
	       "  -j, --json         the answer as JSON, for programs\n"
	       "  -s, --socket PATH  control socket, instead of the running daemon's\n"
	       "  -h, --help         this text\n"
	       "  -V, --version      version\n\n"
	       "exit status: 0 done, 1 error, 2 wrong usage, 3 daemon not running,\n"
	       "4 no such peer or guest\n");
}

static int usage(const char *problem, const char *word)
{
	fprintf(stderr, "xenloopctl: %s%s; see: xenloopctl --help\n", problem,
		word);
	return XENLOOP_EXIT_USAGE;
}

/* Dom0's kernel says so; anything else is a guest, or no Xen at all. */
static bool in_dom0(void)
{
	char text[64] = "";
	FILE *file = fopen("/proc/xen/capabilities", "re");

	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strstr(text, "control_d") != NULL;
}

/* The socket that is there decides; if none is, what this machine is. */
static void choose_daemon(struct xenloop_session *s)
{
	bool dom0;

	if (s->path) {
		s->daemon = strstr(s->path, "xendiscoverd") ? "xendiscoverd" :
							      "xenloopd";
		return;
	}
	if (!access(XENLOOP_CTL_GUEST_PATH, F_OK))
		dom0 = false;
	else if (!access(XENLOOP_CTL_DOM0_PATH, F_OK))
		dom0 = true;
	else
		dom0 = in_dom0();
	s->path = dom0 ? XENLOOP_CTL_DOM0_PATH : XENLOOP_CTL_GUEST_PATH;
	s->daemon = dom0 ? "xendiscoverd" : "xenloopd";
}

static int run_command(struct xenloop_session *s, int argc, char **argv)
{
	const struct xenloop_command *command;

	if (argc < 1)
		return usage("no command", "");
	command = xenloop_command_find(argv[0]);
	if (!command)
		return usage("no such command: ", argv[0]);
	if ((size_t)argc - 1 != command->nr_args)
		return usage(command->nr_args ? "give one " : "no arguments for ",
			     command->nr_args ? command->args : argv[0]);
	choose_daemon(s);
	return command->run(s, command, (const char *const *)argv + 1);
}

/* What was said only counts if it arrived, on a full disk for instance. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	perror("xenloopctl: standard output");
	return XENLOOP_EXIT_ERROR;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL }
	};
	struct xenloop_session s = { .output.out = stdout };
	int c;

	s.output.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	while ((c = getopt_long(argc, argv, "js:hV", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			s.json = true;
			break;
		case 's':
			s.path = optarg;
			break;
		case 'h':
			print_help();
			return finish(XENLOOP_EXIT_OK);
		case 'V':
			printf("xenloopctl %s\n", XENLOOP_VERSION);
			return finish(XENLOOP_EXIT_OK);
		default:
			return usage("unknown option", "");
		}
	}
	return finish(run_command(&s, argc - optind, argv + optind));
}
