/* SPDX-License-Identifier: BSD-2-Clause */
/* run.c - `ktstr run NAME...` and `ktstr list`: the scenarios of the catalogue. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalogue/catalogue.h"
#include "cli/cli.h"
#include "cli/helpers.h"
#include "cli/suite.h"

/* --- run ------------------------------------------------------------------------------------------- */

enum { OPT_ALL = SUITE_OPT_END };

static const struct option run_options[] = {
	SUITE_LONG_OPTIONS,
	{"filter", required_argument, NULL, 'k'},
	{"all", no_argument, NULL, OPT_ALL},
	{NULL, 0, NULL, 0},
};

struct options {
	struct drive_options drive;
	struct suite_options suite;
	bool all, help;
};

static int run_help(void)
{
	AUTO(free) char *text = xasprintf(
		"usage: ktstr run [OPTIONS] NAME...\n"
		"       ktstr run [OPTIONS] --filter SUB | --all\n\n"
		"Runs scenarios of the catalogue (`ktstr list` names them), each in a guest of its own, and\n"
		"judges what the scheduler did with their workers.\n\n"
		"which scenarios\n"
		"  -k, --filter SUB        names that contain SUB, or match it when it has * ? [\n"
		"      --all               the whole catalogue\n\n"
		"%s"
		"      --host              no guests: on this machine, under the scheduler that runs here, in\n"
		"                          cgroups of its own (root, cgroup v2)\n\n"
		"%s%s",
		drive_help_load, drive_help_how, suite_help_out);

	return cli_help(text);
}

static int take_option(int option, struct options *options)
{
	switch (option) {
	case OPT_ALL:
		options->all = true;
		return 0;
	case 'h':
	case DRIVE_OPT_HELP:
		options->help = true;
		return 0;
	default:
		return suite_take_option(option, &options->drive, &options->suite);
	}
}

static int parse(int argc, char **argv, struct options *options)
{
	int status = drive_options_init("run", &options->drive);
	int option;

	suite_options_init(&options->suite);
	opterr = 0;
	while (status == 0 && (option = getopt_long(argc, argv, ":" SUITE_SHORT_OPTIONS, run_options,
						    NULL)) != -1) {
		if (option == ':' || option == '?')
			return cli_bad_option("run", option, argv, run_options);
		status = take_option(option, options);
	}
	if (status || options->help)
		return status;
	if (optind == argc && !options->all && !options->drive.selection.pattern)
		return cli_usage("run", "which scenarios? `ktstr list` names them; --all runs them all");
	if (optind < argc && (options->all || options->drive.selection.pattern))
		return cli_usage("run", "names, or --filter, or --all");
	if (options->drive.selection.on_host && options->drive.selection.scheduler)
		return cli_usage("run", "--host: the scheduler is the one that runs on this machine");
	if (options->drive.selection.on_host && options->drive.selection.topology)
		return cli_usage("run", "--host: the topology is this machine's");
	options->drive.selection.names = argv + optind;
	return 0;
}

static const char *nearest_scenario(const char *name)
{
	struct nearest nearest = {.word = name};

	for (size_t i = 0; i < ktstr_catalogue_count; i++)
		nearest_offer(&nearest, ktstr_catalogue[i].name);
	return nearest.best;
}

/* A mistyped name is told before anything starts. */
static int check_names(char *const *names)
{
	for (; *names; names++) {
		const char *like;

		if (ktstr_catalogue_find(*names))
			continue;
		like = nearest_scenario(*names);
		log_error("run: there is no scenario \"%s\"%s%s%s", *names, like ? "; did you mean " : "",
			  like ?: "", like ? "?" : " (`ktstr list` names them)");
		return EXIT_NO_TEST;
	}
	return 0;
}

int cli_run(int argc, char **argv)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(free) char *program = NULL;
	struct ktstr_error err = {0};
	struct options options = {0};
	int status = parse(argc, argv, &options);

	if (status)
		return status;
	if (options.help)
		return run_help();
	status = check_names(options.drive.selection.names);
	if (status)
		return status;
	if (helper_find(CATALOGUE_PROGRAM, &program, &err) < 0)
		return drive_trouble(&err);
	status = drive_plans(&options.drive, &program, 1, &plans);
	if (status)
		return status;
	return suite_run(&options.drive, &options.suite, &plans, "catalogue");
}

/* --- list ------------------------------------------------------------------------------------------ */

static const char list_help_text[] =
	"usage: ktstr list [--filter SUB] [--json]\n\n"
	"Names the scenarios of the catalogue, which `ktstr run` runs.\n";

static void print_entry(const struct ktstr_catalogue_entry *entry, const char **category)
{
	if (!*category || strcmp(*category, entry->category) != 0)
		printf("%s%s\n", *category ? "\n" : "", entry->category);
	*category = entry->category;
	printf("  %-40s %s\n", entry->name, entry->what);
}

static void put_entry(struct json_out *json, const struct ktstr_catalogue_entry *entry)
{
	jout_object(json, NULL);
	jout_string(json, "name", entry->name);
	jout_string(json, "category", entry->category);
	jout_string(json, "what", entry->what);
	jout_string(json, "topology", entry->topology);
	jout_end(json);
}

static int list(const char *filter, bool as_json)
{
	AUTO(buf_done) struct buf text = {0};
	struct json_out json = {.buf = &text};
	const char *category = NULL;
	size_t listed = 0;

	if (as_json)
		jout_array(&json, NULL);
	for (size_t i = 0; i < ktstr_catalogue_count; i++) {
		const struct ktstr_catalogue_entry *entry = &ktstr_catalogue[i];

		if (filter && !strstr(entry->name, filter))
			continue;
		listed++;
		if (as_json)
			put_entry(&json, entry);
		else
			print_entry(entry, &category);
	}
	if (as_json) {
		jout_end(&json);
		puts(buf_text(&text));
	}
	if (listed || as_json)
		return cli_finish(0);
	log_error("list: no scenario's name contains \"%s\"", filter);
	return EXIT_NO_TEST;
}

int cli_list(int argc, char **argv)
{
	static const struct option options[] = {
		{"filter", required_argument, NULL, 'k'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *filter = NULL;
	bool json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":k:h", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			filter = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return cli_help(list_help_text);
		default:
			return cli_bad_option("list", option, argv, options);
		}
	}
	if (optind < argc)
		return cli_usage("list", "it takes no names; --filter SUB chooses");
	return list(filter, json);
}
