/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_show.c - `ktstr ctprof show`. */
#include <string.h>

#include "cli/cli.h"
#include "cli/ctprof.h"
#include "cli/ctprof_display.h"

static const char help_text[] =
	"usage: ktstr ctprof show FILE [OPTIONS]\n"
	"\n"
	"What the threads of a snapshot did since they began, group by group (by pcomm unless told\n"
	"otherwise), most CPU time first; then cgroups, pressure and sched_ext.\n"
	"FILE@N..M is what they did between two snapshots of a series.\n"
	"\n";

static int show(struct ctprof_display *display, const char *spec)
{
	AUTO(ctprof_input_done) struct ctprof_input input = {0};
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot changes = {0};
	AUTO(ctview_done) struct ctview view = {0};
	struct ctview_origin origin[CTVIEW_SIDES] = {{.label = spec, .snapshot = &input.last}};
	struct ktstr_error err = {0};

	if (ctprof_input_open(spec, &input, &err) < 0) {
		log_error("ctprof show: %s", err.msg);
		return EXIT_TROUBLE;
	}
	if (input.is_range)
		ctview_changes(&input.first, &input.last, &changes);
	display->config.keep_silent = display->format != CTPROF_FORMAT_TABLE;
	ctview_build(&display->config, input.is_range ? &changes : &input.last, NULL, &view);
	return ctprof_display_print(display, &view, origin);
}

int cli_ctprof_show(int argc, char **argv)
{
	AUTO(ctprof_display_done) struct ctprof_display display = {
		.config = {.group_by = CTVIEW_BY_PCOMM, .limit = CTVIEW_LIMIT},
	};
	int status;

	if (!ctprof_display_parse("ctprof show", help_text, argc, argv, &display, &status))
		return status;
	if (optind + 1 != argc)
		return cli_usage("ctprof show", optind == argc ? "which file?" : "one file, please");
	return show(&display, argv[optind]);
}
