/* SPDX-License-Identifier: BSD-2-Clause */
/* print.h - views as text for people, and as JSON and CSV for programs (docs/ctprof.md). */
#ifndef CTVIEW_PRINT_H
#define CTVIEW_PRINT_H

#include <regex.h>

#include "ctview/table.h"
#include "ctview/view.h"

/* Where a side came from, for the header; all borrowed. */
struct ctview_origin {
	const char *label;                          /* the file, as the user wrote it */
	const struct ctprof_snapshot *snapshot;
};

void ctview_print_text(const struct ctview *view, const struct ctview_config *config,
		       const struct ctview_origin origin[CTVIEW_SIDES], const struct table_look *look, struct buf *out);
/* The rows alone, a table a section, for a place that has words of its own around them. */
void ctview_print_rows(const struct ctview *view, const struct ctview_config *config, const struct table_look *look,
		       struct buf *out);
void ctview_print_json(const struct ctview *view, const struct ctview_config *config,
		       const struct ctview_origin origin[CTVIEW_SIDES], struct buf *out);
void ctview_print_csv(const struct ctview *view, const struct ctview_config *config, struct buf *out);

/* Names, tags and descriptions of both registries. */
void ctview_print_metrics(const struct table_look *look, struct buf *out);

/*
 * One line a group with its value of each metric, in the order of the rows of the first, which the
 * view must hold with keep_silent; `filter` (NULL: none) is searched for in group names. Metrics that
 * the width has no room for are left out, the first never. Returns how many groups there are;
 * `skip` are left out at the top, and at most `lines` printed below a title line.
 */
struct ctview_frame {
	const char *const *metrics;
	size_t metric_count;
	const regex_t *filter;
	size_t skip, lines;
};
size_t ctview_print_frame(const struct ctview *view, const struct ctview_frame *frame,
			  const struct table_look *look, struct buf *out);

void ctview_uptime_format(uint64_t ticks, struct buf *out);          /* "12.34s", "5m07s", "3h02m", "4d01h" */
extern const char *const ctview_arrow[];                             /* by ctview_direction() */
/* Up, down, equal, different, nothing: an index of ctview_arrow. */
unsigned ctview_direction(const struct ctview_delta *delta);
bool ctview_kernels_differ(const struct ctview_origin origin[CTVIEW_SIDES]);
/* The columns of this view, as bits. */
unsigned ctview_columns(const struct ctview *view, const struct ctview_config *config);

#endif
