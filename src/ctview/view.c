/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "ctview/derived.h"
#include "ctview/rows.h"

#define NAME_MAX_BYTES 4096

const char *const ctview_group_by_name[] = {"all", "pcomm", "cgroup", "comm", "comm-exact", NULL};

const char *const ctview_section_name[CTVIEW_SECTIONS + 1] = {
	[CTVIEW_PRIMARY] = "primary",
	[CTVIEW_TASKSTATS_DELAY] = "taskstats-delay",
	[CTVIEW_DERIVED] = "derived",
	[CTVIEW_CGROUP_STATS] = "cgroup-stats",
	[CTVIEW_CGROUP_LIMITS] = "cgroup-limits",
	[CTVIEW_MEMORY_STAT] = "memory-stat",
	[CTVIEW_MEMORY_EVENTS] = "memory-events",
	[CTVIEW_PRESSURE] = "pressure",
	[CTVIEW_HOST_PRESSURE] = "host-pressure",
	[CTVIEW_SMAPS_ROLLUP] = "smaps-rollup",
	[CTVIEW_SCHED_EXT] = "sched-ext",
};

const char *const ctview_column_name[CTVIEW_COLUMNS + 1] = {
	[CTVIEW_GROUP] = "group",
	[CTVIEW_THREADS] = "threads",
	[CTVIEW_METRIC] = "metric",
	[CTVIEW_VALUE] = "value",
	[CTVIEW_BASELINE] = "baseline",
	[CTVIEW_CANDIDATE] = "candidate",
	[CTVIEW_DELTA] = "delta",
	[CTVIEW_PERCENT] = "%",
	[CTVIEW_ARROW] = "arrow",
	[CTVIEW_TAGS] = "tags",
	[CTVIEW_UPTIME] = "uptime",
};

void ctview_sort_done(struct ctview_sort *sort)
{
	free(sort->metric);
}

void ctview_config_done(struct ctview_config *config)
{
	strings_done(&config->flatten);
	strings_done(&config->metrics);
	ctview_sorts_done(&config->sort);
}

void ctview_done(struct ctview *view)
{
	ctview_groups_done(&view->groups);
	ctview_rows_done(&view->rows);
	for (unsigned side = 0; side < CTVIEW_SIDES; side++)
		ctview_groups_done(&view->only[side]);
	strings_done(&view->texts);
}

bool ctview_metric_exists(struct sv name)
{
	return ctprof_metric_find(name) || ctview_derived_find(name) || ctview_other_metric_exists(name);
}

/* --- taking groups and rows -------------------------------------------------------------------------- */

const char *ctview_keep(struct ctview *view, char *text)
{
	return *strings_push(&view->texts, text);
}

const char *ctview_keep_clean(struct ctview *view, const char *text)
{
	char *clean = text_clean(sv_of(text), NAME_MAX_BYTES);

	/* rows are lines */
	for (char *c = clean; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = '?';
	return ctview_keep(view, clean);
}

bool ctview_put_group(struct ctview_build *build, struct ctview_group group, size_t *ret_group)
{
	struct ctview *view = build->view;

	if (view->sides == 2 && group.domain != CTVIEW_OF_HOST) {
		for (unsigned side = 0; side < 2; side++) {
			if (group.threads[1 - side] > 0)
				continue;
			ctview_groups_push(&view->only[side], group);
			return false;
		}
	}
	*ret_group = view->groups.len;
	ctview_groups_push(&view->groups, group);
	return true;
}

static bool is_asked_for(const struct ctview_config *config, enum ctview_section section, const char *metric)
{
	if (config->sections && !(config->sections & 1u << section))
		return false;
	vec_each(name, &config->metrics)
		if (strcmp(*name, metric) == 0)
			return true;
	return config->metrics.len == 0;
}

static bool is_sorted_by(const struct ctview_config *config, const char *metric)
{
	vec_each(sort, &config->sort)
		if (strcmp(sort->metric, metric) == 0)
			return true;
	return false;
}

bool ctview_wants(const struct ctview_build *build, enum ctview_section section, const char *metric)
{
	return is_asked_for(build->config, section, metric) || is_sorted_by(build->config, metric);
}

static bool is_silent(const struct ctview *view, const struct ctview_row *row)
{
	if (view->sides == 1)
		return ctview_cell_is_zero(&row->side[0]);
	switch (row->delta.kind) {
	case CTVIEW_DELTA_NUMBER:
		return row->delta.value == 0;
	case CTVIEW_DELTA_SAME:
		return true;
	case CTVIEW_DELTA_DIFFERS:
		return false;
	case CTVIEW_DELTA_NONE:
		break;
	}
	return row->side[0].kind == row->side[1].kind;        /* both absent */
}

struct ctview_row *ctview_find_row(struct ctview_rows *rows, const char *metric)
{
	vec_each(row, rows)
		if (strcmp(row->metric, metric) == 0)
			return row;
	return NULL;
}

void ctview_put_row(struct ctview_build *build, struct ctview_row row)
{
	const struct ctview_config *config = build->config;

	if (!ctview_wants(build, row.section, row.metric))
		return;
	if (build->view->sides == 2)
		row.delta = ctview_cell_delta(&row.side[0], &row.side[1]);
	if (!config->keep_silent && config->metrics.len == 0 && is_silent(build->view, &row) &&
	    !is_sorted_by(config, row.metric)) {
		build->view->silent[row.section]++;
		return;
	}
	ctview_rows_push(&build->view->rows, row);
}

/* --- order ------------------------------------------------------------------------------------------- */

struct order {
	const struct ctview *view;
	const struct ctview_config *config;
	/* of each group and sort: its row, or NULL; group * sorts + sort */
	const struct ctview_row **key;
};

static int sign(double value)
{
	return value > 0 ? 1 : value < 0 ? -1 : 0;
}

/* A row's number to sort groups by. */
static bool sort_number(const struct ctview *view, const struct ctview_row *row, double *ret_number)
{
	if (!row)
		return false;
	if (view->sides == 1)
		return ctview_cell_number(&row->side[0], ret_number);
	*ret_number = row->delta.kind == CTVIEW_DELTA_NUMBER ? row->delta.value :
							      row->delta.kind == CTVIEW_DELTA_DIFFERS;
	return row->delta.kind != CTVIEW_DELTA_NONE;
}

static int by_words(const struct ctview_row *left, const struct ctview_row *right)
{
	if (left && right && left->side[0].kind == CTVIEW_WORD && right->side[0].kind == CTVIEW_WORD)
		return strcmp(right->side[0].word, left->side[0].word);
	return 0;
}

/* Groups by the metrics asked for: greatest first. */
static int by_sort(const struct order *order, size_t left, size_t right)
{
	size_t sorts = order->config->sort.len;

	for (size_t i = 0; i < sorts; i++) {
		const struct ctview_row *a = order->key[left * sorts + i], *b = order->key[right * sorts + i];
		double x = 0, y = 0;
		bool has_x = sort_number(order->view, a, &x), has_y = sort_number(order->view, b, &y);
		int result = has_x && has_y ? sign(y - x) : 0;

		if (has_x != has_y)
			return has_x ? -1 : 1;
		if (!has_x)
			result = by_words(a, b);
		if (result)
			return order->config->sort.at[i].ascending ? -result : result;
	}
	return 0;
}

static int by_name(const struct order *order, size_t left, size_t right)
{
	int result = strcmp(order->view->groups.at[left].name, order->view->groups.at[right].name);

	return result ? result : (left > right) - (left < right);
}

/*
 * How great a change is beside others: its share of the baseline. A baseline of 0 has none, and
 * stands for one event, a millisecond, a MiB or a percent: what was nothing yesterday and is a lot
 * today must come before what grew by half, and one event more after it.
 */
static double weight(const struct ctview_row *row)
{
	static const double least[] = {
		[CTVIEW_UNIT_NONE] = 1,       [CTVIEW_UNIT_COUNT] = 1,      [CTVIEW_UNIT_NS] = 1e6,
		[CTVIEW_UNIT_US] = 1000,      [CTVIEW_UNIT_BYTES] = 1 << 20,[CTVIEW_UNIT_TICKS] = 1,
		[CTVIEW_UNIT_RATIO] = 1,      [CTVIEW_UNIT_CENTI] = 100,
	};

	if (row->delta.has_percent)
		return fabs(row->delta.percent);
	return 100 * fabs(row->delta.value) / least[row->unit];
}

/* Which CPU somebody ran on last is no amount: CPU 2 is not twice CPU 1, and on an idle host all move about. */
static bool is_place(const char *metric)
{
	return strcmp(metric, "processor") == 0;
}

/* 0: a number; 1: another word or place, or only one side has it; 2: unchanged */
static unsigned change_class(const struct ctview *view, const struct ctview_row *row)
{
	if (is_silent(view, row))
		return 2;
	return row->delta.kind != CTVIEW_DELTA_NUMBER || is_place(row->metric);
}

static int by_change(const struct ctview *view, const struct ctview_row *left, const struct ctview_row *right)
{
	unsigned a = change_class(view, left), b = change_class(view, right);

	if (a != b)
		return a < b ? -1 : 1;
	return a == 0 ? sign(weight(right) - weight(left)) : 0;
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct ctview_row *left = a, *right = b;
	const struct order *order = arg;
	const struct ctview_group *groups = order->view->groups.at;
	int result = 0;

	if (left->section != right->section)
		return left->section < right->section ? -1 : 1;
	if (order->config->sort.len > 0)
		result = left->group == right->group ? 0 : by_sort(order, left->group, right->group);
	else if (order->view->sides == 2)
		result = by_change(order->view, left, right);
	else if (groups[left->group].run_time_ns[0] != groups[right->group].run_time_ns[0])
		result = groups[left->group].run_time_ns[0] > groups[right->group].run_time_ns[0] ? -1 : 1;
	if (result == 0)
		result = by_name(order, left->group, right->group);
	return result ? result : (left->place > right->place) - (left->place < right->place);
}

static void sort_rows(const struct ctview_config *config, struct ctview *view)
{
	size_t sorts = config->sort.len;
	struct order order = {.view = view, .config = config};
	AUTO(free) const struct ctview_row **key = xcalloc(view->groups.len * sorts + 1, sizeof(*key));
	AUTO(ctview_rows_done) struct ctview_rows sorted = {0};

	vec_each(row, &view->rows) {
		for (size_t i = 0; i < sorts; i++)
			if (strcmp(config->sort.at[i].metric, row->metric) == 0)
				key[row->group * sorts + i] = row;
		ctview_rows_push(&sorted, *row);        /* the keys stay where they are meanwhile */
	}
	order.key = key;
	if (sorted.len > 0)
		qsort_r(sorted.at, sorted.len, sizeof(*sorted.at), compare_rows, &order);
	ctview_rows_done(&view->rows);
	view->rows = TAKE(sorted, (struct ctview_rows){0});
}

static int by_run_time(const void *a, const void *b, void *arg)
{
	const struct ctview_group *left = a, *right = b;
	unsigned side = *(const unsigned *)arg;

	if (left->domain != right->domain)
		return left->domain < right->domain ? -1 : 1;
	if (left->run_time_ns[side] != right->run_time_ns[side])
		return left->run_time_ns[side] > right->run_time_ns[side] ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* Takes out rows that are there for sorting alone, and what passes the limit. */
static void cut(const struct ctview_config *config, struct ctview *view)
{
	size_t shown[CTVIEW_SECTIONS] = {0}, kept = 0;

	vec_each(row, &view->rows) {
		if (!is_asked_for(config, row->section, row->metric))
			continue;
		if (config->limit && shown[row->section] == config->limit) {
			view->over[row->section]++;
			continue;
		}
		shown[row->section]++;
		view->rows.at[kept++] = *row;
	}
	view->rows.len = kept;
}

void ctview_build(const struct ctview_config *config, const struct ctprof_snapshot *a,
		  const struct ctprof_snapshot *b, struct ctview *ret_view)
{
	struct ctview view = {.sides = b ? 2 : 1};
	struct ctview_build build = {.config = config, .snapshot = {a, b}, .view = &view};

	ctview_thread_rows(&build);
	ctview_cgroup_rows(&build);
	ctview_host_rows(&build);
	sort_rows(config, &view);
	cut(config, &view);
	for (unsigned side = 0; side < CTVIEW_SIDES; side++)
		if (view.only[side].len > 0)
			qsort_r(view.only[side].at, view.only[side].len, sizeof(*view.only[side].at), by_run_time, &side);
	*ret_view = view;
}
