// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Completion scripts for bash and zsh, made from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

/*
 * What a shell runs to learn words that only the daemon knows: the answer to the
 * first of the commands that has some. A guest may have any name; those that a
 * shell could take for more than a word are left out.
 */
static const char names[] =
	"xenloopctl_names() { local verb found; "
	"for verb; do found=$(xenloopctl --json \"$verb\" 2>/dev/null | "
	"sed -n 's/^ *\"name\": \"\\([A-Za-z0-9._:@+-]*\\)\",*$/\\1/p' | sort -u); "
	"if [[ $found ]]; then echo \"$found\"; return; fi; done; }\n";

/* How bash gets the candidates for a word; NULL where there are none. */
static const char *bash_words(enum xenloop_word word)
{
	switch (word) {
	case XENLOOP_WORD_PEER:
		return "$(_xenloopctl_names status peers)";
	case XENLOOP_WORD_SETTING:
		return "$(_xenloopctl_names set)";
	case XENLOOP_WORD_SHELL:
		return "bash zsh";
	case XENLOOP_WORD_FILE:
	case XENLOOP_WORD_NONE:
	case XENLOOP_WORD_VALUE:
		break;
	}
	return NULL;
}

static void bash_options(FILE *out, const char *separator, bool with_arg)
{
	const struct xenloop_option *o;
	const char *before = "";

	for (o = xenloop_options; o->name; o++) {
		if (with_arg && !o->arg.name)
			continue;
		fprintf(out, "%s-%c%s--%s", before, o->letter, separator,
			o->name);
		before = separator;
	}
}

static void bash_command(FILE *out, const struct xenloop_command *command)
{
	for (size_t i = 0; command->args[i].name; i++) {
		enum xenloop_word word = command->args[i].word;
		const char *words = bash_words(word);

		if (words)
			fprintf(out, "\t%s:%zu) words=\"%s\" ;;\n",
				command->name, i, words);
		else if (word == XENLOOP_WORD_FILE)
			fprintf(out, "\t%s:%zu) compopt -o default; return ;;\n",
				command->name, i);
	}
}

static void print_bash(FILE *out)
{
	const struct xenloop_command *command;

	fprintf(out,
		"# bash completion for xenloopctl, made by: xenloopctl completion bash\n"
		"_%s\n"
		"_xenloopctl() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} command= nr=0 words= i\n"
		"\tCOMPREPLY=()\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n"
		"\t\t", names);
	bash_options(out, "|", true);
	fprintf(out,
		") i=$((i + 1)) ;;\n"
		"\t\t-*) ;;\n"
		"\t\t*) if [[ $command ]]; then nr=$((nr + 1)); else command=${COMP_WORDS[i]}; fi ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n"
		"\t");
	bash_options(out, "|", true);
	fprintf(out,
		") compopt -o default; return ;;\n"
		"\tesac\n"
		"\tif [[ $cur == -* ]]; then\n"
		"\t\tmapfile -t COMPREPLY < <(compgen -W \"");
	bash_options(out, " ", false);
	fprintf(out,
		"\" -- \"$cur\")\n"
		"\t\treturn\n"
		"\tfi\n"
		"\tcase $command:$nr in\n"
		"\t:0) words=\"");
	for (command = xenloop_commands; command->name; command++)
		fprintf(out, "%s%s", command == xenloop_commands ? "" : " ",
			command->name);
	fprintf(out, "\" ;;\n");
	for (command = xenloop_commands; command->name; command++)
		bash_command(out, command);
	fprintf(out,
		"\tesac\n"
		"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		"}\n"
		"complete -F _xenloopctl xenloopctl\n");
}

/* Completes one word; zsh's _arguments calls it. */
static const char *zsh_action(enum xenloop_word word)
{
	switch (word) {
	case XENLOOP_WORD_PEER:
		return "_xenloopctl_peers";
	case XENLOOP_WORD_SETTING:
		return "_xenloopctl_settings";
	case XENLOOP_WORD_SHELL:
		return "(bash zsh)";
	case XENLOOP_WORD_FILE:
		return "_files";
	case XENLOOP_WORD_VALUE:
	case XENLOOP_WORD_NONE:
		break;
	}
	return "";
}

/* For text within single quotes and brackets. */
static void zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else if (strchr("[]:\\", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void zsh_options(FILE *out)
{
	const struct xenloop_option *o;

	for (o = xenloop_options; o->name; o++) {
		fprintf(out, "\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter,
			o->name, o->letter, o->arg.name ? "+" : "", o->name,
			o->arg.name ? "=" : "");
		zsh_text(out, o->help);
		fputc(']', out);
		if (o->arg.name)
			fprintf(out, ":%s:%s", o->arg.name,
				zsh_action(o->arg.word));
		fprintf(out, "' \\\n");
	}
}

static void zsh_command(FILE *out, const struct xenloop_command *command)
{
	fprintf(out, "\t%s) _arguments", command->name);
	for (size_t i = 0; command->args[i].name; i++)
		fprintf(out, " '%zu:%s:%s'", i + 1, command->args[i].name,
			zsh_action(command->args[i].word));
	fprintf(out, " ;;\n");
}

static void print_zsh(FILE *out)
{
	const struct xenloop_command *command;

	fprintf(out,
		"#compdef xenloopctl\n"
		"# zsh completion for xenloopctl, made by: xenloopctl completion zsh\n"
		"_%s"
		"_xenloopctl_peers() {\n"
		"\tlocal -a names=(${(f)\"$(_xenloopctl_names status peers)\"})\n"
		"\tcompadd -a names\n"
		"}\n"
		"_xenloopctl_settings() {\n"
		"\tlocal -a names=(${(f)\"$(_xenloopctl_names set)\"})\n"
		"\tcompadd -a names\n"
		"}\n"
		"_xenloopctl() {\n"
		"\tlocal context state state_descr line\n"
		"\ttypeset -A opt_args\n"
		"\tlocal -a commands=(\n", names);
	for (command = xenloop_commands; command->name; command++) {
		fprintf(out, "\t\t'%s:", command->name);
		zsh_text(out, command->help);
		fprintf(out, "'\n");
	}
	fprintf(out,
		"\t)\n"
		"\t_arguments -C \\\n");
	zsh_options(out);
	fprintf(out,
		"\t\t'1:command:->command' '*::argument:->argument' && return\n"
		"\tif [[ $state == command ]]; then\n"
		"\t\t_describe command commands\n"
		"\t\treturn\n"
		"\tfi\n"
		"\tcase $line[1] in\n");
	for (command = xenloop_commands; command->name; command++)
		zsh_command(out, command);
	fprintf(out,
		"\tesac\n"
		"}\n"
		"if [[ $funcstack[1] == _xenloopctl ]]; then\n"
		"\t_xenloopctl \"$@\"\n"
		"else\n"
		"\tcompdef _xenloopctl xenloopctl\n"
		"fi\n");
}

int xenloop_run_completion(const struct xenloop_session *s,
			   const struct xenloop_command *command,
			   const char *const *args, size_t nr_args)
{
	if (!strcmp(args[0], "bash")) {
		print_bash(s->output.out);
	} else if (!strcmp(args[0], "zsh")) {
		print_zsh(s->output.out);
	} else {
		fprintf(stderr, "xenloopctl: no completion for %s; see: xenloopctl --help\n",
			args[0]);
		return XENLOOP_EXIT_USAGE;
	}
	return XENLOOP_EXIT_OK;
}
