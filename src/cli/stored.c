/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/stored.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

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
		{"flags", required_argument, NULL, DRIVE_OPT_FLAGS},
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

int stored_options(const json_t *json, struct drive_options *options, struct ktstr_error *err)
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
	options->selection.recorded = true;
	options->kernel = options->kernel ?: record_text(json, "kernel_release");
	options->disturb = json_is_true(json_object_get(json, "disturbed"));
	if (record_text(json, "tracer") && options->tracer != TRACER_BOTH)
		options->tracer = TRACER_BPF;        /* it took part in the run */
	options->icount_shift = (int)record_number(json, "icount_shift");
	return recorded_options(json, options, err);
}
