/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.c - `ktstr trace -o FILE PROGRAM|RESULT` */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/drive.h"
#include "cli/stored.h"

static const struct option long_options[] = {
	DRIVE_LONG_OPTIONS,
	{"output", required_argument, NULL, 'o'},
	{NULL, 0, NULL, 0},
};

struct options {
	struct drive_options drive;
	const char *output;
	bool help;
};

static int help(void)
{
	AUTO(free)
	char *text = xasprintf("usage: ktstr trace [OPTIONS] -o FILE PROGRAM\n"
			       "       ktstr trace [OPTIONS] -o FILE RESULT\n\n"
			       "Runs one test, or a stored result (result.json, or the directory "
			       "that has it) again, records\n"
			       "every scheduling event of the guest's kernel, writes FILE for "
			       "ui.perfetto.dev, and says who\n"
			       "waited for whom. det when no --mode is given. In det and tcg the guest "
			       "cannot tell: in det\n"
			       "it is the same run as without. In kvm, and with --tracer bpf, programs "
			       "in the guest record.\n\n"
			       "  -o, --output FILE       the trace\n\n"
			       "%s\n"
			       "%s"
			       "Exit status: as for ktstr test.\n",
			       drive_help_which, drive_help_how);

	return cli_help(text);
}

static int parse(int argc, char **argv, struct options *options)
{
	int status = drive_options_init("trace", &options->drive), option;

	opterr = 0;
	while (status == 0 && (option = getopt_long(argc, argv, ":" DRIVE_SHORT_OPTIONS "o:",
						    long_options, NULL)) != -1) {
		if (option == ':' || option == '?')
			return cli_bad_option("trace", option, argv, long_options);
		if (option == 'h' || option == DRIVE_OPT_HELP)
			options->help = true;
		else if (option == 'o')
			options->output = optarg;
		else
			status = drive_take_option(option, &options->drive);
	}
	if (status || options->help)
		return status;
	if (!options->output)
		return cli_usage("trace", "where to? -o FILE");
	if (optind + 1 != argc)
		return cli_usage("trace", "it takes one test program or stored result");
	return 0;
}

static bool is_result(const char *path)
{
	size_t len = strlen(path);
	struct stat st;

	return (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) ||
	       (len > strlen(".json") && strcmp(path + len - strlen(".json"), ".json") == 0);
}

static void show(void *arg, const struct result *result)
{
	(void)arg;
	printf("%s  %s\n", state_row(result->outcome.state)->word, result->identity.test);
	vec_each (detail, &result->outcome.details)
		printf("    %s: %s\n", kind_name(detail->kind), detail->text);
	if (result->trace_summary)
		printf("--- trace ---\n%s", result->trace_summary);
}

static int run(struct options *options, char *program, struct ktstr_error *err)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(drive_done) struct drive drive = {.dir = {.lock_fd = -1}};
	struct report_totals totals = {0};
	struct run_config config;
	int r = drive_plans(&options->drive, &program, 1, &plans);

	if (r)
		return r;
	if (plans.len != 1)
		return cli_usage("trace",
				 "one test at a time, and %zu match; choose with --exact NAME",
				 plans.len);
	if (plans.at[0].host_only)
		return cli_usage("trace", "test %s runs on the host; guests are traced",
				 plans.at[0].name);
	r = drive_check_output(options->output, err);
	if (r == 0)
		r = drive_begin(&options->drive, &plans, &drive, err);
	if (r < 0)
		return r;
	drive_record(&drive, &plans);
	config = drive_run_config(&drive, &plans);
	config.trace = TRACE_ALWAYS;
	config.trace_path = options->output;
	config.on_result = show;
	r = run_tests(&config, &totals, err);
	if (r < 0)
		return r;
	if (fflush(stdout) == EOF)
		return error_sys(err, "write to stdout");
	return report_exit_status(&totals);
}

int cli_trace(int argc, char **argv)
{
	struct options options = {0};
	struct ktstr_error err = {0};
	json_t *stored = NULL;
	char *program;
	int r = parse(argc, argv, &options);

	if (r)
		return r;
	if (options.help)
		return help();
	program = argv[optind];
	if (is_result(program)) {
		r = record_load(program, &stored, &err);
		if (r == 0)
			r = stored_options(stored, &options.drive, &err);
		program = (char *)record_text(stored, "binary");
	} else if (options.drive.mode_auto) {
		options.drive.mode_auto = false;
		options.drive.mode = VM_DET;
	}
	if (r == 0)
		r = run(&options, program, &err);
	json_decref(stored);
	return r < 0 ? drive_trouble(&err) : r;
}
