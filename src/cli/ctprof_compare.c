/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_compare.c - `ktstr ctprof compare`. */
#include <string.h>

#include "cli/cli.h"
#include "cli/ctprof.h"
#include "cli/ctprof_display.h"

static const char help_text[] =
	"usage: ktstr ctprof compare BASELINE CANDIDATE [OPTIONS]\n"
	"       ktstr ctprof compare FILE@N..M [OPTIONS]\n"
	"\n"
	"What differs between two snapshots, group by group (by all unless told otherwise), the greatest\n"
	"relative change first. A group that only one of them has is listed apart. The snapshots may be\n"
	"of two machines: threads meet by their groups' names, not by tid.\n"
	"\n";

static int compare(struct ctprof_display *display, const struct ctview_origin origin[CTVIEW_SIDES])
{
	AUTO(ctview_done) struct ctview view = {0};

	display->config.keep_silent = display->format != CTPROF_FORMAT_TABLE;
	ctview_build(&display->config, origin[0].snapshot, origin[1].snapshot, &view);
	return ctprof_display_print(display, &view, origin);
}

static int open_and_compare(struct ctprof_display *display, const char *a, const char *b)
{
	AUTO(ctprof_input_done) struct ctprof_input baseline = {0}, candidate = {0};
	struct ctview_origin origin[CTVIEW_SIDES] = {{.label = a, .snapshot = &baseline.last},
						     {.label = b ?: a, .snapshot = &candidate.last}};
	struct ktstr_error err = {0};

	if (ctprof_input_open(a, &baseline, &err) < 0 || (b && ctprof_input_open(b, &candidate, &err) < 0)) {
		log_error("ctprof compare: %s", err.msg);
		return EXIT_TROUBLE;
	}
	if (!b && !baseline.is_range)
		return cli_usage("ctprof compare", "%s and which other file? (or FILE@N..M)", a);
	if (b && (baseline.is_range || candidate.is_range))
		return cli_usage("ctprof compare", "FILE@N..M is both sides; two files have one snapshot each");
	if (!b) {
		origin[0].snapshot = &baseline.first;
		origin[1].snapshot = &baseline.last;
	}
	return compare(display, origin);
}

int cli_ctprof_compare(int argc, char **argv)
{
	AUTO(ctprof_display_done) struct ctprof_display display = {
		.config = {.group_by = CTVIEW_BY_ALL, .limit = CTVIEW_LIMIT},
	};
	int status;

	if (!ctprof_display_parse("ctprof compare", help_text, argc, argv, &display, &status))
		return status;
	if (optind == argc || argc - optind > 2)
		return cli_usage("ctprof compare", "two files, please, or FILE@N..M");
	return open_and_compare(&display, argv[optind], argv[optind + 1]);
}
