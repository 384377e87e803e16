/* SPDX-License-Identifier: BSD-2-Clause */
/* rows.h - inside the room: how view.c is handed groups and rows, before anything is left out. */
#ifndef CTVIEW_ROWS_H
#define CTVIEW_ROWS_H

#include "ctview/view.h"

struct ctview_build {
	const struct ctview_config *config;
	const struct ctprof_snapshot *snapshot[CTVIEW_SIDES];
	struct ctview *view;
};

/* Whether a row of this metric is shown or sorted by, so must be made. */
bool ctview_wants(const struct ctview_build *build, enum ctview_section section, const char *metric);

/*
 * A row for a group, from the cells of the sides; its delta is made here. A row that nobody wants
 * is dropped.
 */
void ctview_put_row(struct ctview_build *build, struct ctview_row row);

/* The one of this metric; NULL: there is none. */
struct ctview_row *ctview_find_row(struct ctview_rows *rows, const char *metric);

/* A group that all sides have: its index; or one that only one side has: put aside, false. */
bool ctview_put_group(struct ctview_build *build, struct ctview_group group, size_t *ret_group);

const char *ctview_keep(struct ctview *view, char *text);          /* takes it; the view's from here on */
const char *ctview_keep_clean(struct ctview *view, const char *text);          /* a copy fit to print */

void ctview_thread_rows(struct ctview_build *build);
void ctview_cgroup_rows(struct ctview_build *build);
void ctview_host_rows(struct ctview_build *build);

/* Of cgroups and the host; memory.stat.* and the like too. */
bool ctview_other_metric_exists(struct sv name);

#endif
