/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.c - a view with metrics side by side, as `ktstr ctprof top` shows it. */
#include <assert.h>
#include <stdlib.h>

#include "ctview/print.h"

#define GROUP_LEAST 16
#define THREADS_WIDTH 9             /* with the gap */
#define CELL_WIDTH 10               /* "999.999KiB" */
#define GAP 2

static size_t metrics_that_fit(const struct ctview_frame *frame, size_t width)
{
	size_t used = GROUP_LEAST + THREADS_WIDTH, count = 0;

	if (width == TABLE_WIDTH_ANY)
		return frame->metric_count;
	for (; count < frame->metric_count; count++) {
		size_t title = strlen(frame->metrics[count]);

		used += GAP + (title > CELL_WIDTH ? title : CELL_WIDTH);
		if (used > width && count > 0)
			break;
	}
	return count;
}

static bool is_metric(const struct ctview_row *row, const char *metric)
{
	return strcmp(row->metric, metric) == 0;
}

/* By group and metric: its row, or NULL. */
static const struct ctview_row **index_rows(const struct ctview *view, const struct ctview_frame *frame, size_t metrics)
{
	const struct ctview_row **rows = xcalloc(view->groups.len * metrics + 1, sizeof(*rows));

	vec_each(row, &view->rows)
		for (size_t i = 0; i < metrics; i++)
			if (is_metric(row, frame->metrics[i]))
				rows[row->group * metrics + i] = row;
	return rows;
}

static void put_line(struct table *table, const struct ctview_group *group, const struct ctview_row **rows,
		     size_t metrics)
{
	AUTO(buf_done) struct buf text = {0};

	table_cell(table, group->name, TABLE_PLAIN);
	buf_printf(&text, "%llu", (unsigned long long)group->threads[0]);
	table_cell_take(table, &text, TABLE_PLAIN);
	for (size_t i = 0; i < metrics; i++) {
		const struct ctview_row *row = rows[i];
		bool nothing = !row || ctview_cell_is_zero(&row->side[0]);

		if (row)
			ctview_cell_format(&row->side[0], row->unit, &text);
		table_cell_take(table, &text, i == 0 && !nothing ? TABLE_BOLD : nothing ? TABLE_DIM : TABLE_PLAIN);
	}
}

size_t ctview_print_frame(const struct ctview *view, const struct ctview_frame *frame,
			  const struct table_look *look, struct buf *out)
{
	size_t metrics = metrics_that_fit(frame, look->width), matched = 0, printed = 0;
	AUTO(free) const struct ctview_row **rows = index_rows(view, frame, metrics);
	AUTO(table_done) struct table table = {0};

	assert(frame->metric_count > 0);
	table_column(&table, (struct table_column){.title = "group", .gives = TABLE_GIVES_FIRST, .least = GROUP_LEAST});
	table_column(&table, (struct table_column){.title = "threads", .right = true});
	for (size_t i = 0; i < metrics; i++)
		table_column(&table, (struct table_column){.title = frame->metrics[i], .right = true,
							   .gives = TABLE_GIVES_LAST, .least = CELL_WIDTH});
	vec_each(row, &view->rows) {
		const struct ctview_group *group = &view->groups.at[row->group];

		if (!is_metric(row, frame->metrics[0]))
			continue;
		if (frame->filter && regexec(frame->filter, group->name, 0, NULL, 0) != 0)
			continue;
		if (matched++ < frame->skip || printed == frame->lines)
			continue;
		put_line(&table, group, &rows[row->group * metrics], metrics);
		printed++;
	}
	table_print(&table, look, out);
	return matched;
}
