/* SPDX-License-Identifier: BSD-2-Clause */
/* replay.c - `ktstr replay RESULT` */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/drive.h"
#include "outcome/difference.h"

static const char help_text[] =
	"usage: ktstr replay [-v] RESULT\n\n"
	"Runs a stored result again (result.json, or the directory that has it) with its own program,\n"
	"test, kernel, topology, memory, mode, seed, disturber, instruction rate and what `ktstr run` was\n"
	"told of scheduler and load, and compares the outcomes. In det they are the same as long as program, kernel and QEMU are; in other modes\n"
	"they never are, and the difference is only shown.\n\n"
	"Exit status: 0 the same outcome, 1 another one, 3 it could not be run.\n";

struct replay {
	json_t *stored;
	char *difference;        /* of the outcomes; NULL: none */
	bool ran;
	char *dir;
};

/*
 * What the user had changed of the test's declaration. Only these can be there (run/plan.c); words
 * of a record may come from anywhere, and no others are taken. argv ends with NULL.
 */
static int take_options(int argc, char **argv, struct drive_options *options, struct ktstr_error *err)
{
	static const struct option known[] = {
		{"scheduler", required_argument, NULL, DRIVE_OPT_SCHEDULER},
		{"scheduler-arg", required_argument, NULL, DRIVE_OPT_SCHEDULER_ARG},
		{"duration-ms", required_argument, NULL, DRIVE_OPT_DURATION_MS},
		{"workers", required_argument, NULL, DRIVE_OPT_WORKERS},
		{"work-type", required_argument, NULL, DRIVE_OPT_WORK_TYPE},
		{"host", no_argument, NULL, DRIVE_OPT_HOST},
		{NULL, 0, NULL, 0},
	};
	int option;

	optind = 0;        /* begin again, with another argv */
	while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		if (option == ':' || option == '?' || drive_take_option(option, options))
			return error_set(err, -EBADMSG, "the result's option \"%s\" is not understood",
					 argv[optind - 1]);
	}
	if (optind < argc)
		return error_set(err, -EBADMSG, "the result's option \"%s\" is not understood",
				 argv[optind]);
	return 0;
}

static int recorded_options(const json_t *json, struct drive_options *options, struct ktstr_error *err)
{
	const json_t *list = json_object_get(json, "options");
	int count = (int)json_array_size(list);
	AUTO(free) char **argv = xcalloc((size_t)count + 2, sizeof(char *));

	argv[0] = (char *)options->command;
	for (int i = 0; i < count; i++) {
		argv[i + 1] = (char *)json_string_value(json_array_get(list, (size_t)i));
		if (!argv[i + 1])
			return error_set(err, -EBADMSG, "the result's options are not words");
	}
	return take_options(count + 1, argv, options, err);
}

/* The identity of the stored result as the options that make it. */
static int options_of(const json_t *json, struct drive_options *options, struct ktstr_error *err)
{
	const char *mode = record_text(json, "mode"), *seed = record_text(json, "seed");

	if (!record_text(json, "binary") || !record_text(json, "test_name") || !mode || !seed ||
	    sv_u64(sv_of(seed), UINT64_MAX, &options->seed) < 0)
		return error_set(err, -EBADMSG, "the result does not say what was run");
	options->mode_auto = false;
	if (strcmp(mode, "host") != 0 && !vm_mode_parse(sv_of(mode), &options->mode))
		return error_set(err, -EBADMSG, "the result's mode is \"%s\"", mode);
	options->selection.exact = record_text(json, "test_name");
	options->selection.topology = record_text(json, "topology");
	options->selection.memory_mib = record_number(json, "memory_mib");
	options->kernel = options->kernel ?: record_text(json, "kernel_release");
	options->disturb = json_is_true(json_object_get(json, "disturbed"));
	options->icount_shift = (int)record_number(json, "icount_shift");
	return recorded_options(json, options, err);
}

static void compare(void *arg, const struct result *result)
{
	struct replay *replay = arg;
	json_t *outcome = outcome_to_json(&result->outcome);

	replay->ran = true;
	replay->dir = xstrdup(result->run.dir);
	replay->difference = json_difference(json_object_get(replay->stored, "outcome"), outcome);
	json_decref(outcome);
}

static int run(const struct drive_options *options, struct replay *replay, struct ktstr_error *err)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(drive_done) struct drive drive = {.dir = {.lock_fd = -1}};
	char *program = (char *)record_text(replay->stored, "binary");
	struct report_totals totals = {0};
	struct run_config config;
	int r = drive_plans(options, &program, 1, &plans);

	if (r)
		return r;
	r = drive_begin(options, &plans, &drive, err);
	if (r < 0)
		return r;
	drive_record(&drive, &plans);
	config = drive_run_config(&drive, &plans);
	config.on_result = compare;
	config.arg = replay;
	r = run_tests(&config, &totals, err);
	if (r < 0)
		return r;
	if (!replay->ran)
		return EXIT_INTERRUPTED;
	printf("%s  %s\n", replay->difference ? "another outcome" : "the same outcome",
	       record_text(replay->stored, "test_name"));
	if (replay->difference)
		printf("    the first difference: %s\n    in %s\n", replay->difference, replay->dir);
	if (fflush(stdout) == EOF)
		return error_sys(err, "write to stdout");
	return replay->difference ? 1 : 0;
}

int cli_replay(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	struct drive_options options;
	struct replay replay = {0};
	struct ktstr_error err = {0};
	int option, r = drive_options_init("replay", &options);

	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "hv", long_options, NULL)) != -1) {
		if (option == 'h')
			return cli_help(help_text);
		if (option == 'v')
			options.verbose = true;
		else
			return drive_bad_option(&options, option, argv[optind - 1]);
	}
	if (r)
		return r;
	if (optind + 1 != argc)
		return cli_usage("replay", "it takes one stored result");
	r = record_load(argv[optind], &replay.stored, &err);
	if (r == 0)
		r = options_of(replay.stored, &options, &err);
	if (r == 0)
		r = run(&options, &replay, &err);
	free(replay.difference);
	free(replay.dir);
	json_decref(replay.stored);
	return r < 0 ? drive_trouble(&err) : r;
}
