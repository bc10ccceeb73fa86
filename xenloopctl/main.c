// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xenloopctl: options, and which daemon to ask. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "xs.h"

static void print_help(void)
{
	const struct xenloop_command *command;
	const struct xenloop_option *option;
	char words[64];

	printf("usage: xenloopctl [--json] [--socket PATH] COMMAND [ARGUMENT]...\n\n"
	       "Asks xenloopd (in a guest) or xendiscoverd (in Dom0).\n\n"
	       "commands:\n");
	for (command = xenloop_commands; command->name; command++) {
		xenloop_command_synopsis(command, words, sizeof(words));
		printf("  %-23s %s\n", words, command->help);
	}
	printf("\noptions:\n");
	for (option = xenloop_options; option->name; option++) {
		snprintf(words, sizeof(words), "-%c, --%s %s", option->letter,
			 option->name,
			 option->arg.name ? option->arg.name : "");
		printf("  %-23s %s\n", words, option->help);
	}
	printf("\nexit status: 0 done, 1 error or a problem found, 2 wrong usage,\n"
	       "3 daemon not running, 4 no such peer, guest or setting\n");
}

static int usage(const char *problem, const char *word)
{
	fprintf(stderr, "xenloopctl: %s%s; see: xenloopctl --help\n", problem,
		word);
	return XENLOOP_EXIT_USAGE;
}

/* The socket that is there decides; if none is, what this machine is. */
static void choose_daemon(struct xenloop_session *s)
{
	if (s->path)
		s->dom0 = strstr(s->path, "xendiscoverd") != NULL;
	else if (!access(XENLOOP_CTL_GUEST_PATH, F_OK))
		s->dom0 = false;
	else if (!access(XENLOOP_CTL_DOM0_PATH, F_OK))
		s->dom0 = true;
	else
		s->dom0 = xenloop_xs_in_dom0("") > 0; /* else a guest, or no Xen */
	if (!s->path)
		s->path = s->dom0 ? XENLOOP_CTL_DOM0_PATH :
				    XENLOOP_CTL_GUEST_PATH;
	s->daemon = s->dom0 ? "xendiscoverd" : "xenloopd";
}

static int wrong_arguments(const struct xenloop_command *command)
{
	char text[64];

	xenloop_command_synopsis(command, text, sizeof(text));
	return usage("usage: xenloopctl ", text);
}

/* JSON, by which the daemons are asked, has no other. */
static bool is_text(const char *argument)
{
	json_t *string = json_string(argument);

	json_decref(string);
	return string;
}

static int run_command(struct xenloop_session *s, int argc, char **argv)
{
	const struct xenloop_command *command;
	size_t nr_args;

	if (argc < 1)
		return usage("no command", "");
	command = xenloop_command_find(argv[0]);
	if (!command)
		return usage("no such command: ", argv[0]);
	nr_args = (size_t)argc - 1;
	if (nr_args < command->min_args ||
	    nr_args > xenloop_command_max_args(command))
		return wrong_arguments(command);
	for (int i = 1; i < argc; i++)
		if (command->args[i - 1].word != XENLOOP_WORD_FILE &&
		    !is_text(argv[i]))
			return usage("an argument is not UTF-8", "");
	choose_daemon(s);
	if (s->dom0 && command->of_guests) {
		fprintf(stderr, "xenloopctl: %s is for guests; this is Dom0\n",
			command->name);
		return XENLOOP_EXIT_USAGE;
	}
	return command->run(s, command, (const char *const *)argv + 1,
			    nr_args);
}

/* What was said only counts if it arrived, on a full disk for instance. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	perror("xenloopctl: standard output");
	return XENLOOP_EXIT_ERROR;
}

#define MAX_OPTIONS 8

/* What getopt_long() wants, from the table. */
static void fill_options(struct option options[MAX_OPTIONS],
			 char letters[2 * MAX_OPTIONS])
{
	for (size_t i = 0; xenloop_options[i].name; i++) {
		const struct xenloop_option *o = &xenloop_options[i];
		bool arg = o->arg.name != NULL;

		options[i] = (struct option){
			o->name, arg ? required_argument : no_argument, NULL,
			o->letter,
		};
		*letters++ = o->letter;
		if (arg)
			*letters++ = ':';
	}
}

/* https://no-color.org: set and not empty. */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

int main(int argc, char **argv)
{
	struct xenloop_session s = { .output.out = stdout };
	struct option options[MAX_OPTIONS] = { { NULL } };
	char letters[2 * MAX_OPTIONS] = "";
	int c;

	fill_options(options, letters);
	s.output.colour = wants_colour();
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
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
