/* SPDX-License-Identifier: BSD-2-Clause */
/* thresholds.c - `ktstr show-thresholds TEST PROGRAM...` */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/drive.h"

static int help(void)
{
	return cli_help("usage: ktstr show-thresholds [--json] TEST PROGRAM...\n\n"
			"Prints the limits by which TEST of the test PROGRAM is judged, and which layer set\n"
			"each: the built-in defaults, its scheduler's declaration, its own. \"off\" is a check\n"
			"that a layer switched off, \"none\" one that nobody switched on.\n\n"
			"      --json              the same as JSON\n\n"
			"Exit status: 0, 3 could not find out, 4 there is no such test, 64 wrong usage.\n");
}

static int print(const struct test_plans *plans, bool json)
{
	AUTO(buf_done) struct buf text = {0};

	vec_each(plan, plans) {
		if (json) {
			json_t *document = thresholds_to_json(plan);
			AUTO(free) char *lines = json_dumps(document, JSON_INDENT(2));

			json_decref(document);
			buf_printf(&text, "%s\n", lines);
		} else {
			thresholds_to_text(plan, &text);
		}
	}
	return cli_help(buf_text(&text));
}

int cli_thresholds(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct drive_options options = {.command = "show-thresholds"};
	bool json = false;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (option == 'h')
			return help();
		if (option != 'j')
			return cli_bad_option("show-thresholds", option, argv, long_options);
		json = true;
	}
	if (optind == argc)
		return cli_usage("show-thresholds", "of which test?");
	if (optind + 1 == argc)
		return cli_usage("show-thresholds", "which test program has \"%s\"?", argv[optind]);
	options.selection.exact = argv[optind];
	status = drive_plans(&options, argv + optind + 1, argc - optind - 1, &plans);
	return status ? status : print(&plans, json);
}
