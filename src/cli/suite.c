/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

#define REPEAT_MAX 100000
#define FUNCTION_NAME_MAX 127

const char suite_help_out[] =
	"      --repeat N          each test N times; in det, rounds that differ are a failure\n"
	"      --trace FILE        of the one test: every scheduling event, for ui.perfetto.dev; in det\n"
	"                          and tcg the run is the same as without, unless --tracer is bpf\n"
	"      --dump WHEN         write what the guest's kernel was doing: failure (default), always, never\n"
	"      --no-auto-repro     when a scheduler dies: no second guest with probes (--auto-repro: one)\n"
	"      --repro             probes in every guest under a scheduler, from the beginning\n"
	"      --probe-stack F,G   kernel functions to probe, beside those that follow from a crash\n\n"
	"what comes out\n"
	"  -f, --format FORMAT     pretty (default), tap, junit, json (--json is short for it)\n"
	"  -o, --output FILE       there instead of on stdout\n\n"
	"Exit status: 0 passed or skipped, 1 failed, 2 inconclusive, 3 could not find out,\n"
	"4 no test matched, 64 wrong usage, 130 interrupted.\n";

void suite_options_init(struct suite_options *suite)
{
	*suite = (struct suite_options){.repeat = 1};
}

/* Names that the kernel may have: they go to a program of ours in the guest. */
static int take_probes(const char *command, struct suite_options *suite, struct sv names)
{
	while (names.len) {
		struct sv name = sv_split(&names, ',');

		for (size_t i = 0; i < name.len; i++) {
			char c = name.data[i];

			if (c != '_' && c != '.' && !isalnum((unsigned char)c))
				return cli_usage(command, "--probe-stack %s: function names, with commas",
						 optarg);
		}
		if (name.len == 0 || name.len > FUNCTION_NAME_MAX)
			return cli_usage(command, "--probe-stack %s: a name has 1 to %d bytes", optarg,
					 FUNCTION_NAME_MAX);
		strings_push(&suite->probe_stack, xstrndup(name.data, name.len));
	}
	return 0;
}

int suite_take_option(int option, struct drive_options *drive, struct suite_options *suite)
{
	struct sv value = sv_of(optarg ?: "");

	switch (option) {
	case SUITE_OPT_REPEAT:
		if (sv_u32(value, REPEAT_MAX, &suite->repeat) < 0 || suite->repeat == 0)
			return cli_usage(drive->command, "--repeat %s: a number from 1 to %d", optarg,
					 REPEAT_MAX);
		return 0;
	case SUITE_OPT_DUMP:
		if (!dump_wish_parse(value, &suite->dump))
			return cli_usage(drive->command, "--dump %s: it is failure, always or never", optarg);
		return 0;
	case SUITE_OPT_TRACE:
		suite->trace = optarg;
		return 0;
	case SUITE_OPT_AUTO_REPRO:
		suite->no_auto_repro = false;
		return 0;
	case SUITE_OPT_NO_AUTO_REPRO:
		suite->no_auto_repro = true;
		return 0;
	case SUITE_OPT_REPRO:
		suite->repro = true;
		return 0;
	case SUITE_OPT_PROBE_STACK:
		return take_probes(drive->command, suite, value);
	case 'f':
		if (!report_format_parse(value, &suite->format))
			return cli_usage(drive->command, "--format %s: it is pretty, tap, junit or json",
					 optarg);
		return 0;
	case SUITE_OPT_JSON:
		suite->format = REPORT_JSON;
		return 0;
	case 'o':
		suite->output = optarg;
		return 0;
	default:
		return drive_take_option(option, drive);
	}
}

static int open_output(const struct suite_options *suite, FILE **ret_out, struct ktstr_error *err)
{
	*ret_out = stdout;
	if (!suite->output)
		return 0;
	*ret_out = fopen(suite->output, "we");
	return *ret_out ? 0 : error_sys(err, "create %s", suite->output);
}

static void report_one(void *report, const struct result *result)
{
	report_result(report, result);
}

/* The exit status, or a negative errno. */
static int run(const struct drive_options *drive_options, const struct suite_options *suite,
	       struct test_plans *plans, const char *name, struct ktstr_error *err)
{
	AUTO(drive_done) struct drive drive = {.dir = {.lock_fd = -1}};
	struct report_config report_config = {.format = suite->format, .suite = name};
	struct report_totals totals = {0};
	struct run_config config;
	uint64_t began = clock_ns();
	int r = open_output(suite, &report_config.out, err), end;

	if (r == 0)
		r = drive_check_output(suite->trace, err);
	if (r == 0)
		r = drive_begin(drive_options, plans, &drive, err);
	if (r < 0)
		return r;
	drive_record(&drive, plans);
	config = drive_run_config(&drive, plans);
	config.rounds = suite->repeat;
	config.trace = suite->trace ? TRACE_ALWAYS : TRACE_AS_TESTS_WANT;
	config.trace_path = suite->trace;
	config.dump = suite->dump;
	config.auto_repro = !suite->no_auto_repro;
	config.probes = suite->repro;
	config.probe_stack = suite->probe_stack;
	report_config.test_count = run_count(&config);
	report_config.color = !suite->output && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	config.on_result = report_one;
	config.arg = report_begin(&report_config);
	config.progress = progress_begin(STDERR_FILENO, run_count(&config));
	r = run_tests(&config, &totals, err);
	progress_end(config.progress);
	totals.host_ns = clock_ns() - began;
	end = report_end(config.arg, &totals, r < 0 ? NULL : err);
	if (suite->output && fclose(report_config.out) == EOF && end == 0)
		end = error_sys(r < 0 ? NULL : err, "write %s", suite->output);
	if (r < 0 || end < 0)
		return r < 0 ? r : end;
	return report_exit_status(&totals);
}

int suite_run(const struct drive_options *drive_options, const struct suite_options *suite,
	      struct test_plans *plans, const char *name)
{
	struct ktstr_error err = {0};
	int r;

	if (suite->trace && plans->len * suite->repeat != 1)
		return cli_usage(drive_options->command, "--trace FILE: one run of one test, and these are %zu",
				 plans->len * suite->repeat);
	if (suite->trace && plans->at[0].host_only)
		return cli_usage(drive_options->command, "--trace FILE: test %s runs on the host",
				 plans->at[0].name);
	r = run(drive_options, suite, plans, name, &err);
	return r < 0 ? drive_trouble(&err) : r;
}
