/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof.c - `ktstr ctprof`: hands its words to the command's file. */
#include <string.h>

#include "base/base.h"
#include "cli/cli.h"
#include "cli/ctprof.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{"capture", cli_ctprof_capture, "write what every thread did so far to a file"},
	{"show", cli_ctprof_show, "the threads of a file, group by group"},
	{"compare", cli_ctprof_compare, "what differs between two files"},
	{"record", cli_ctprof_record, "write a snapshot every so often to one file"},
	{"top", cli_ctprof_top, "what changes now, on the terminal"},
	{"metric-list", cli_ctprof_metric_list, "what is known about threads"},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static int help(void)
{
	AUTO(buf_done) struct buf text = {0};

	buf_str(&text, "usage: ktstr ctprof COMMAND [...]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		buf_printf(&text, "  %-12s %s\n", commands[i].name, commands[i].what);
	buf_str(&text, "\n`ktstr ctprof COMMAND --help` says more.\n");
	return cli_help(buf_text(&text));
}

int cli_ctprof(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name)
		return cli_usage("ctprof", "which command?");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return help();
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return cli_usage("ctprof", "there is no command \"%s\"", name);
}
