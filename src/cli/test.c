/* SPDX-License-Identifier: BSD-2-Clause */
/* test.c - `ktstr test PROGRAM...` */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/drive.h"

#define REPEAT_MAX 100000

enum { OPT_LIST = DRIVE_OPT_END, OPT_REPEAT };

static const struct option long_options[] = {
	DRIVE_LONG_OPTIONS,
	{"list", no_argument, NULL, OPT_LIST},
	{"repeat", required_argument, NULL, OPT_REPEAT},
	{"format", required_argument, NULL, 'f'},
	{"output", required_argument, NULL, 'o'},
	{NULL, 0, NULL, 0},
};

struct options {
	struct drive_options drive;
	bool list, help;
	const char *output;
	enum report_format format;
	uint32_t repeat;
};

static int help(void)
{
	AUTO(free) char *text = xasprintf(
		"usage: ktstr test [OPTIONS] PROGRAM...\n\n"
		"Runs the tests of each PROGRAM, every test in a guest of its own. A test program run by\n"
		"itself does the same for its own tests.\n\n"
		"%s"
		"      --list              name them and run nothing\n\n"
		"%s"
		"      --repeat N          each test N times; in det, rounds that differ are a failure\n\n"
		"what comes out\n"
		"  -f, --format FORMAT     pretty (default), tap, junit, json\n"
		"  -o, --output FILE       there instead of on stdout\n\n"
		"Exit status: 0 passed or skipped, 1 failed, 2 inconclusive, 3 could not find out,\n"
		"4 no test matched, 64 wrong usage, 130 interrupted.\n",
		drive_help_which, drive_help_how);

	return cli_help(text);
}

/* 0, or the exit status */
static int take_option(int option, struct options *options)
{
	struct sv value = sv_of(optarg ?: "");

	switch (option) {
	case OPT_LIST:
		options->list = true;
		return 0;
	case OPT_REPEAT:
		if (sv_u32(value, REPEAT_MAX, &options->repeat) < 0 || options->repeat == 0)
			return cli_usage("test", "--repeat %s: a number from 1 to %d", optarg, REPEAT_MAX);
		return 0;
	case 'f':
		if (!report_format_parse(value, &options->format))
			return cli_usage("test", "--format %s: it is pretty, tap, junit or json", optarg);
		return 0;
	case 'o':
		options->output = optarg;
		return 0;
	case 'h':
	case DRIVE_OPT_HELP:
		options->help = true;
		return 0;
	default:
		return drive_take_option(option, &options->drive);
	}
}

static int parse(int argc, char **argv, struct options *options)
{
	int status = drive_options_init("test", &options->drive);
	int option;

	options->repeat = 1;
	opterr = 0;
	while (status == 0 && (option = getopt_long(argc, argv, ":" DRIVE_SHORT_OPTIONS "f:o:",
						    long_options, NULL)) != -1) {
		if (option == ':' || option == '?')
			return drive_bad_option(&options->drive, option, argv[optind - 1]);
		status = take_option(option, options);
	}
	if (status == 0 && !options->help && optind == argc)
		return cli_usage("test", "which test programs?");
	return status;
}

static int open_output(const struct options *options, FILE **ret_out, struct ktstr_error *err)
{
	*ret_out = stdout;
	if (!options->output)
		return 0;
	*ret_out = fopen(options->output, "we");
	return *ret_out ? 0 : error_sys(err, "create %s", options->output);
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

static void report_one(void *report, const struct result *result)
{
	report_result(report, result);
}

/* The exit status, or a negative errno. */
static int run(const struct options *options, struct test_plans *plans, const char *suite,
	       struct ktstr_error *err)
{
	AUTO(drive_done) struct drive drive = {.dir = {.lock_fd = -1}};
	struct report_config report_config = {.format = options->format, .suite = suite};
	struct report_totals totals = {0};
	struct run_config config;
	uint64_t began = clock_ns();
	int r = drive_begin(&options->drive, plans, &drive, err), end;

	if (r == 0)
		r = open_output(options, &report_config.out, err);
	if (r < 0)
		return r;
	drive_record(&drive, plans);
	config = drive_run_config(&drive, plans);
	config.rounds = options->repeat;
	report_config.test_count = run_count(&config);
	report_config.color = !options->output && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	config.on_result = report_one;
	config.arg = report_begin(&report_config);
	config.progress = progress_begin(STDERR_FILENO, run_count(&config));
	r = run_tests(&config, &totals, err);
	progress_end(config.progress);
	totals.host_ns = clock_ns() - began;
	end = report_end(config.arg, &totals, r < 0 ? NULL : err);
	if (options->output && fclose(report_config.out) == EOF && end == 0)
		end = error_sys(r < 0 ? NULL : err, "write %s", options->output);
	if (r < 0 || end < 0)
		return r < 0 ? r : end;
	return report_exit_status(&totals);
}

static int list(const struct test_plans *plans)
{
	vec_each(plan, plans)
		printf("ktstr/%s: test\n", plan->name);
	return fflush(stdout) == EOF ? EXIT_TROUBLE : 0;
}

int cli_test(int argc, char **argv)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(free) char *suite = NULL;
	struct ktstr_error err = {0};
	struct options options = {0};
	int status = parse(argc, argv, &options);
	int r;

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
	r = run(&options, &plans, suite, &err);
	return r < 0 ? drive_trouble(&err) : r;
}
