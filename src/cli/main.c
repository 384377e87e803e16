/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/cli.h"
#include "cli/helpers.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{"test", cli_test, "run the tests of test programs in guests"},
	{"run", cli_run, "run scenarios of the catalogue in guests, or on this machine"},
	{"list", cli_list, "name the scenarios of the catalogue"},
	{"shell", cli_shell, "a shell, or a command, in a guest"},
	{"explore", cli_explore, "run tests across many seeds, and list the seeds that fail"},
	{"replay", cli_replay, "run a stored result again and compare"},
	{"show-thresholds", cli_thresholds, "the limits that a test is judged by, and who set each"},
	{"stats", cli_stats, "list, show and compare stored results"},
	{"ctprof", cli_ctprof, "every thread of a machine: what it did, kept in a file"},
	{"trace", cli_trace, "record every scheduling event of a test, for ui.perfetto.dev"},
	{"kernel", cli_kernel, "fetch, list and remove the kernels that guests boot"},
	{"show-host", cli_show_host, "what results say about this host"},
	{"template", cli_template, "list the booted guests that tests are cloned from"},
	{"topo", cli_topo, "this host's CPUs, last-level caches and NUMA nodes"},
	{"clean", cli_clean, "remove old results, kernels, templates, leftovers"},
	{"cleanup", cli_cleanup, "remove cgroups that killed runs left on this machine"},
	{"completions", cli_completions, "a script that lets the tab key complete ktstr's words"},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static int no_such_command(const char *name)
{
	struct nearest nearest = {.word = name};

	for (size_t i = 0; i < COMMANDS; i++)
		nearest_offer(&nearest, commands[i].name);
	return cli_usage(NULL, "there is no command \"%s\"%s%s%s", name, nearest.best ? "; did you mean " : "",
			 nearest.best ?: "", nearest.best ? "?" : "");
}

static int help(void)
{
	AUTO(buf_done) struct buf text = {0};

	buf_str(&text, "ktstr " KTSTR_VERSION " - tests Linux process schedulers in VMs\n\n"
		       "usage: ktstr COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		buf_printf(&text, "  %-15s %s\n", commands[i].name, commands[i].what);
	buf_str(&text,
		"\nktstr COMMAND --help says more about one.\n\n"
		"Exit status: 0 passed or skipped, 1 failed, 2 inconclusive, 3 could not find out,\n"
		"4 no test matched, 64 wrong usage, 130 interrupted.\n\n"
		"Environment (docs/environment.md has all): KTSTR_KERNEL (kernel to boot), KTSTR_CACHE_DIR,\n"
		"KTSTR_RUNS_DIR, KTSTR_QEMU (QEMU program), KTSTR_SCHEDULER (scheduler program), KTSTR_MODE,\n"
		"KTSTR_TRACER (who records scheduling events),\n"
		"KTSTR_SEED, KTSTR_BUSYBOX_PATH, KTSTR_BOOT_TIMEOUT_S (host seconds that a boot may take),\n"
		"KTSTR_NO_TEMPLATE (boot every guest), KTSTR_TEMPLATES_MAX_MIB (disk for all templates, default\n"
		"8192), KTSTR_NO_SKIP_MODE (a skip is a failure), KTSTR_VERBOSE=1 (the guest's kernel prints\n"
		"everything), KTSTR_LOG=debug, KTSTR_CI (results say that a CI job found them).\n");
	return cli_help(buf_text(&text));
}

/* `help COMMAND` is `COMMAND --help`. */
static int help_about(const char *name)
{
	char *argv[] = {(char *)name, (char *)"--help", NULL};
	const struct command *command = find_command(name);

	return command ? command->run(2, argv) : no_such_command(name);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *command;

	if (fd_keep_standard() < 0)
		return EXIT_TROUBLE;
	helpers_export();
	if (!name)
		return cli_usage(NULL, "which command?");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return argc > 2 ? help_about(argv[2]) : help();
	if (strcmp(name, "--version") == 0)
		return cli_help("ktstr " KTSTR_VERSION "\n");
	command = find_command(name);
	return command ? command->run(argc - 1, argv + 1) : no_such_command(name);
}
