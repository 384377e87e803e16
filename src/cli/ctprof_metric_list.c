/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_metric_list.c - `ktstr ctprof metric-list`. */
#include <string.h>

#include "cli/cli.h"
#include "cli/ctprof.h"
#include "cli/ctprof_display.h"

static const char help_text[] =
	"usage: ktstr ctprof metric-list\n"
	"\n"
	"Every metric of threads, with its tags and what it is: those captured, and those made of them.\n"
	"Tags: [cfs-only] counted by the fair class alone; [fair-policy] of SCHED_OTHER, BATCH and EXT;\n"
	"[non-ext] not kept under sched_ext; [dead] no kernel of today changes it; the others are what\n"
	"the kernel must be configured with (CONFIG_...).\n";

int cli_ctprof_metric_list(int argc, char **argv)
{
	const struct ctprof_display display = {0};
	struct table_look look = ctprof_display_look(&display);
	AUTO(buf_done) struct buf text = {0};

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cli_help(help_text);
	if (argc > 1)
		return cli_usage("ctprof metric-list", "what is \"%s\"?", argv[1]);
	ctview_print_metrics(&look, &text);
	return ctprof_display_write(&text);
}
