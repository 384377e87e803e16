/* SPDX-License-Identifier: BSD-2-Clause */
/* test.c - `ktstr test PROGRAM...` */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/suite.h"

enum { OPT_LIST = SUITE_OPT_END };

static const struct option long_options[] = {
	SUITE_LONG_OPTIONS,
	{"list", no_argument, NULL, OPT_LIST},
	{NULL, 0, NULL, 0},
};

struct options {
	struct drive_options drive;
	struct suite_options suite;
	bool list, help;
};

static int help(void)
{
	AUTO(free) char *text = xasprintf(
		"usage: ktstr test [OPTIONS] PROGRAM...\n\n"
		"Runs the tests of each PROGRAM, every test in a guest of its own. A test program run by\n"
		"itself does the same for its own tests.\n\n"
		"%s"
		"      --list              name them and run nothing\n\n"
		"%s%s%s",
		drive_help_which, drive_help_load, drive_help_how, suite_help_out);

	return cli_help(text);
}

/* 0, or the exit status */
static int take_option(int option, struct options *options)
{
	switch (option) {
	case OPT_LIST:
		options->list = true;
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
	int status = drive_options_init("test", &options->drive);
	int option;

	suite_options_init(&options->suite);
	opterr = 0;
	while (status == 0 && (option = getopt_long(argc, argv, ":" SUITE_SHORT_OPTIONS, long_options,
						    NULL)) != -1) {
		if (option == ':' || option == '?')
			return cli_bad_option("test", option, argv, long_options);
		status = take_option(option, options);
	}
	if (status == 0 && !options->help && optind == argc)
		return cli_usage("test", "which test programs?");
	return status;
}

static char *suite_name(int count, char **programs)
{
	AUTO(buf_done) struct buf name = {0};

	for (int i = 0; i < count; i++) {
		const char *slash = strrchr(programs[i], '/');

		buf_printf(&name, "%s%s", i ? " " : "", slash ? slash + 1 : programs[i]);
	}
	return buf_take(&name);
}

static int list(const struct test_plans *plans)
{
	vec_each(plan, plans)
		printf("ktstr/%s: test\n", plan->name);
	return cli_finish(0);
}

int cli_test(int argc, char **argv)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(free) char *suite = NULL;
	struct options options = {0};
	int status = parse(argc, argv, &options);

	if (status)
		return status;
	if (options.help)
		return help();
	suite = suite_name(argc - optind, argv + optind);
	status = drive_plans(&options.drive, argv + optind, argc - optind, &plans);
	if (status)
		return status;
	if (options.list)
		return list(&plans);
	return suite_run(&options.drive, &options.suite, &plans, suite);
}
