/* SPDX-License-Identifier: BSD-2-Clause */
/* suite.h - running plans and reporting them: what `ktstr test` and `ktstr run` have in common. */
#ifndef CLI_SUITE_H
#define CLI_SUITE_H

#include "cli/drive.h"

struct suite_options {
	const char *output;                  /* NULL: stdout */
	const char *trace;                   /* Perfetto file of the one run; NULL: not traced */
	bool no_auto_repro;                  /* no second guest when a scheduler dies */
	bool repro;                          /* probes in every guest */
	struct strings probe_stack;          /* what they probe beside the rest */
	enum report_format format;
	enum dump_wish dump;
	uint32_t repeat;
};

enum { SUITE_OPT_REPEAT = DRIVE_OPT_END, SUITE_OPT_TRACE, SUITE_OPT_DUMP, SUITE_OPT_AUTO_REPRO,
       SUITE_OPT_NO_AUTO_REPRO, SUITE_OPT_REPRO, SUITE_OPT_PROBE_STACK, SUITE_OPT_JSON, SUITE_OPT_END };

#define SUITE_SHORT_OPTIONS DRIVE_SHORT_OPTIONS "f:o:"
#define SUITE_LONG_OPTIONS                                                                         \
	DRIVE_LONG_OPTIONS, {"repeat", required_argument, NULL, SUITE_OPT_REPEAT},                 \
		{"trace", required_argument, NULL, SUITE_OPT_TRACE},                              \
		{"dump", required_argument, NULL, SUITE_OPT_DUMP},                                \
		{"auto-repro", no_argument, NULL, SUITE_OPT_AUTO_REPRO},                           \
		{"no-auto-repro", no_argument, NULL, SUITE_OPT_NO_AUTO_REPRO},                     \
		{"repro", no_argument, NULL, SUITE_OPT_REPRO},                                     \
		{"probe-stack", required_argument, NULL, SUITE_OPT_PROBE_STACK},                   \
		{"json", no_argument, NULL, SUITE_OPT_JSON},                                       \
		{"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'}

extern const char suite_help_out[];

void suite_options_init(struct suite_options *suite);

/* One option, these or the drive's: 0, or the exit status. */
int suite_take_option(int option, struct drive_options *drive, struct suite_options *suite);

/* Run them all; `name` is the suite's in reports. The exit status. */
int suite_run(const struct drive_options *drive_options, const struct suite_options *suite,
	      struct test_plans *plans, const char *name);

#endif
