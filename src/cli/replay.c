/* SPDX-License-Identifier: BSD-2-Clause */
/* replay.c - `ktstr replay RESULT` */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/drive.h"
#include "cli/stored.h"
#include "outcome/difference.h"

static const char help_text[] =
	"usage: ktstr replay [-v] [--no-trace] RESULT\n\n"
	"Runs a stored result again (result.json, or the directory that has it) with its own program,\n"
	"test, kernel, topology, memory, mode, seed, disturber, instruction rate and options that\n"
	"changed it, and compares the outcomes. In det they are the same as long as program, kernel and\n"
	"QEMU are; in other modes they never are, and the difference is only shown.\n\n"
	"A failed det test is traced when it is replayed: it is the same run, and who waited for whom is\n"
	"shown and kept as trace.pb. --no-trace leaves that out. Where a tracer in the guest took part in\n"
	"the stored run, it takes part again.\n\n"
	"Exit status: 0 the same outcome, 1 another one, 3 it could not be run.\n";

struct replay {
	json_t *stored;
	char *difference;        /* of the outcomes; NULL: none */
	bool ran;
	char *dir;
	char *trace;             /* summary; NULL: not traced */
};

static void compare(void *arg, const struct result *result)
{
	struct replay *replay = arg;
	json_t *outcome = outcome_to_json(&result->outcome);

	replay->ran = true;
	replay->dir = xstrdup(result->run.dir);
	replay->trace = result->trace_summary ? xstrdup(result->trace_summary) : NULL;
	replay->difference = json_difference(json_object_get(replay->stored, "outcome"), outcome);
	json_decref(outcome);
}

/* Failed, and it will fail in the same way: then it costs nothing to look. */
static bool worth_a_trace(const json_t *stored)
{
	const char *mode = record_text(stored, "mode");
	const char *state = record_state(stored);

	return mode && state && strcmp(mode, vm_mode_name(VM_DET)) == 0 && strcmp(state, "pass") != 0 &&
	       strcmp(state, "skip") != 0;
}

/* The stored run had a tracer in its guest, and is no other run with it. */
static bool took_part(const json_t *stored)
{
	return record_text(stored, "tracer") != NULL;
}

static int run(const struct drive_options *options, bool no_trace, struct replay *replay, struct ktstr_error *err)
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
	config.trace = took_part(replay->stored) || (!no_trace && worth_a_trace(replay->stored))
			       ? TRACE_IF_POSSIBLE
			       : TRACE_AS_TESTS_WANT;
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
	if (replay->trace)
		printf("--- trace ---\n%s", replay->trace);
	if (fflush(stdout) == EOF)
		return error_sys(err, "write to stdout");
	return replay->difference ? 1 : 0;
}

int cli_replay(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"verbose", no_argument, NULL, 'v'},
		{"no-trace", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	struct drive_options options;
	struct replay replay = {0};
	struct ktstr_error err = {0};
	bool no_trace = false;
	int option, r = drive_options_init("replay", &options);

	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, ":hv", long_options, NULL)) != -1) {
		if (option == 'h')
			return cli_help(help_text);
		if (option == 'v')
			options.verbose = true;
		else if (option == 'n')
			no_trace = true;
		else
			return cli_bad_option("replay", option, argv, long_options);
	}
	if (r)
		return r;
	if (optind + 1 != argc)
		return cli_usage("replay", "it takes one stored result");
	r = record_load(argv[optind], &replay.stored, &err);
	options.tracer = TRACER_AUTO;        /* whatever the environment says: the stored run's, or none in the guest */
	if (r == 0)
		r = stored_options(replay.stored, &options, &err);
	if (r == 0)
		r = run(&options, no_trace, &replay, &err);
	free(replay.difference);
	free(replay.dir);
	free(replay.trace);
	json_decref(replay.stored);
	return r < 0 ? drive_trouble(&err) : r;
}
