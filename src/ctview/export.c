/* SPDX-License-Identifier: BSD-2-Clause */
/* export.c - views for programs: JSON and CSV, in the units of the registry, unscaled. */
#include <assert.h>

#include "base/json_out.h"
#include "ctview/print.h"

#define SCHEMA 1

static const char *const side_name[CTVIEW_SIDES] = {"baseline", "candidate"};
static const char *const direction_name[] = {"up", "down", "equal", "different", NULL};

/* --- JSON ------------------------------------------------------------------------------------------------ */

static void put_cell(struct json_out *json, const char *key, const struct ctview_cell *cell)
{
	switch (cell->kind) {
	case CTVIEW_ABSENT:
		jout_null(json, key);
		break;
	case CTVIEW_WHOLE:
		jout_i64(json, key, cell->low);
		break;
	case CTVIEW_REAL:
		jout_real(json, key, cell->real);
		break;
	case CTVIEW_RANGE:
		jout_object(json, key);
		jout_i64(json, "low", cell->low);
		jout_i64(json, "high", cell->high);
		jout_end(json);
		break;
	case CTVIEW_WORD:
		jout_string(json, key, cell->word);
		break;
	}
}

static void put_number(struct json_out *json, const char *key, double value)
{
	if (value >= -9e15 && value <= 9e15 && value == (double)(int64_t)value)
		jout_i64(json, key, (int64_t)value);
	else
		jout_real(json, key, value);
}

static void put_delta(struct json_out *json, const struct ctview_delta *delta)
{
	if (delta->kind == CTVIEW_DELTA_NUMBER)
		put_number(json, "delta", delta->value);
	else
		jout_null(json, "delta");
	if (delta->has_percent)
		jout_real(json, "percent", delta->percent);
	else
		jout_null(json, "percent");
	jout_string(json, "change", direction_name[ctview_direction(delta)]);
}

static void put_threads(struct json_out *json, const struct ctview *view, const struct ctview_group *group)
{
	if (view->sides == 1) {
		jout_u64(json, "threads", group->threads[0]);
		return;
	}
	jout_object(json, "threads");
	for (unsigned side = 0; side < 2; side++)
		jout_u64(json, side_name[side], group->threads[side]);
	jout_end(json);
}

static void put_row(struct json_out *json, const struct ctview *view, const struct ctview_row *row)
{
	const struct ctview_group *group = &view->groups.at[row->group];
	AUTO(buf_done) struct buf tags = {0};

	jout_object(json, NULL);
	jout_string(json, "section", ctview_section_name[row->section]);
	jout_string(json, "group", group->name);
	put_threads(json, view, group);
	jout_string(json, "metric", row->metric);
	jout_string(json, "unit", ctview_unit_name[row->unit]);
	if (view->sides == 1) {
		put_cell(json, "value", &row->side[0]);
	} else {
		put_cell(json, "baseline", &row->side[0]);
		put_cell(json, "candidate", &row->side[1]);
		put_delta(json, &row->delta);
	}
	ctprof_tags_format(row->tags, &tags);
	jout_string(json, "tags", buf_text(&tags));
	if (group->domain == CTVIEW_OF_THREADS)
		jout_u64(json, "uptime_ticks", group->uptime_ticks);
	jout_end(json);
}

static void put_origin(struct json_out *json, const char *key, const struct ctview_origin *origin)
{
	const struct host_context *host = origin->snapshot->host;

	jout_object(json, key);
	jout_string(json, "source", origin->label);
	if (origin->snapshot->label)
		jout_string(json, "label", origin->snapshot->label);
	jout_u64(json, "captured_at_unix_ns", origin->snapshot->captured_at_unix_ns);
	jout_u64(json, "threads", origin->snapshot->threads.len);
	jout_string(json, "kernel_release", host ? host->kernel_release : NULL);
	jout_end(json);
}

/* The lines of the host contexts' difference; null where one is missing. */
static void put_host(struct json_out *json, const struct ctview_origin origin[CTVIEW_SIDES])
{
	const struct host_context *a = origin[0].snapshot->host, *b = origin[1].snapshot->host;
	AUTO(buf_done) struct buf changes = {0};
	struct sv rest, line;

	if (!a || !b) {
		jout_null(json, "host_diff");
		return;
	}
	host_context_diff(a, b, &changes);
	rest = sv_of(buf_text(&changes));
	jout_array(json, "host_diff");
	while (sv_line(&rest, &line))
		jout_string_bytes(json, NULL, sv_trim(line).data, sv_trim(line).len);
	jout_end(json);
}

static void put_only(struct json_out *json, const char *key, const struct ctview_groups *groups, unsigned side)
{
	jout_array(json, key);
	vec_each(group, groups) {
		jout_object(json, NULL);
		jout_string(json, "of", group->domain == CTVIEW_OF_THREADS ? "threads" : "cgroups");
		jout_string(json, "group", group->name);
		jout_u64(json, "threads", group->threads[side]);
		jout_i64(json, "run_time_ns", group->run_time_ns[side]);
		jout_end(json);
	}
	jout_end(json);
}

static size_t total(const size_t *count)
{
	size_t all = 0;

	for (unsigned section = 0; section < CTVIEW_SECTIONS; section++)
		all += count[section];
	return all;
}

void ctview_print_json(const struct ctview *view, const struct ctview_config *config,
		       const struct ctview_origin origin[CTVIEW_SIDES], struct buf *out)
{
	struct json_out json = {.buf = out};

	jout_object(&json, NULL);
	jout_u64(&json, "schema", SCHEMA);
	jout_string(&json, "group_by", ctview_group_by_name[config->group_by]);
	if (view->sides == 1) {
		put_origin(&json, "snapshot", &origin[0]);
	} else {
		put_origin(&json, side_name[0], &origin[0]);
		put_origin(&json, side_name[1], &origin[1]);
		jout_bool(&json, "kernels_differ", ctview_kernels_differ(origin));
		put_host(&json, origin);
	}
	jout_array(&json, "rows");
	vec_each(row, &view->rows)
		put_row(&json, view, row);
	jout_end(&json);
	if (view->sides == 2) {
		put_only(&json, "only_baseline", &view->only[0], 0);
		put_only(&json, "only_candidate", &view->only[1], 1);
	}
	jout_u64(&json, "rows_over_limit", total(view->over));
	jout_end(&json);
	buf_char(out, '\n');
}

/* --- CSV: RFC 4180, but lines end in a newline alone -------------------------------------------------- */

static void put_field(const char *text, bool *first, struct buf *out)
{
	if (!*first)
		buf_char(out, ',');
	*first = false;
	if (!strpbrk(text, ",\"\r\n")) {
		buf_str(out, text);
		return;
	}
	buf_char(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_char(out, '"');
		buf_char(out, *text);
	}
	buf_char(out, '"');
}

static void put_csv_titles(const struct ctview *view, unsigned columns, struct buf *out)
{
	bool first = true;

	put_field("section", &first, out);
	for (unsigned column = 0; column < CTVIEW_COLUMNS; column++) {
		if (!(columns & 1u << column))
			continue;
		if (column == CTVIEW_THREADS && view->sides == 2) {
			put_field("threads_baseline", &first, out);
			put_field("threads_candidate", &first, out);
		} else if (column == CTVIEW_PERCENT) {
			put_field("percent", &first, out);
		} else if (column == CTVIEW_ARROW) {
			put_field("change", &first, out);
		} else if (column == CTVIEW_UPTIME) {
			put_field("uptime_ticks", &first, out);
		} else {
			put_field(ctview_column_name[column], &first, out);
		}
		if (column == CTVIEW_METRIC)
			put_field("unit", &first, out);
	}
	buf_char(out, '\n');
}

static void put_count(uint64_t count, bool *first, struct buf *out)
{
	AUTO(buf_done) struct buf text = {0};

	buf_printf(&text, "%llu", (unsigned long long)count);
	put_field(buf_text(&text), first, out);
}

static void put_csv_cell(const struct ctview *view, const struct ctview_row *row, enum ctview_column column,
			 bool *first, struct buf *out)
{
	const struct ctview_group *group = &view->groups.at[row->group];
	AUTO(buf_done) struct buf text = {0};

	switch (column) {
	case CTVIEW_GROUP:
		buf_str(&text, group->name);
		break;
	case CTVIEW_THREADS:
		if (view->sides == 2)
			put_count(group->threads[0], first, out);
		put_count(group->threads[view->sides - 1], first, out);
		return;
	case CTVIEW_METRIC:
		put_field(row->metric, first, out);
		buf_str(&text, ctview_unit_name[row->unit]);
		break;
	case CTVIEW_VALUE:
	case CTVIEW_BASELINE:
		ctview_cell_raw(&row->side[0], &text);
		break;
	case CTVIEW_CANDIDATE:
		ctview_cell_raw(&row->side[1], &text);
		break;
	case CTVIEW_DELTA:
		if (row->delta.kind == CTVIEW_DELTA_NUMBER)
			buf_printf(&text, "%.17g", row->delta.value);
		break;
	case CTVIEW_PERCENT:
		if (row->delta.has_percent)
			buf_printf(&text, "%.17g", row->delta.percent);
		break;
	case CTVIEW_ARROW:
		buf_str(&text, direction_name[ctview_direction(&row->delta)] ?: "");
		break;
	case CTVIEW_TAGS:
		ctprof_tags_format(row->tags, &text);
		break;
	case CTVIEW_UPTIME:
		if (group->domain == CTVIEW_OF_THREADS)
			buf_printf(&text, "%llu", (unsigned long long)group->uptime_ticks);
		break;
	case CTVIEW_COLUMNS:
		assert(!"a column");
	}
	put_field(buf_text(&text), first, out);
}

void ctview_print_csv(const struct ctview *view, const struct ctview_config *config, struct buf *out)
{
	unsigned columns = ctview_columns(view, config);

	put_csv_titles(view, columns, out);
	vec_each(row, &view->rows) {
		bool first = true;

		put_field(ctview_section_name[row->section], &first, out);
		for (unsigned column = 0; column < CTVIEW_COLUMNS; column++)
			if (columns & 1u << column)
				put_csv_cell(view, row, (enum ctview_column)column, &first, out);
		buf_char(out, '\n');
	}
}
