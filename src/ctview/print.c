/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <math.h>
#include <time.h>

#include "ctview/derived.h"
#include "ctview/print.h"

#define LABEL_BYTES 200
#define TICKS_PER_S 100             /* USER_HZ */
#define GROUP_LEAST 16
#define METRIC_LEAST 12
#define TAGS_LEAST 12
#define WORD_LEAST 10               /* values: CPU lists may be long */

enum direction { UP, DOWN, EQUAL, DIFFERENT, NOTHING };

const char *const ctview_arrow[] = {
	[UP] = "↑", [DOWN] = "↓", [EQUAL] = "=", [DIFFERENT] = "≠", [NOTHING] = "-",
};

unsigned ctview_direction(const struct ctview_delta *delta)
{
	switch (delta->kind) {
	case CTVIEW_DELTA_NUMBER:
		return delta->value > 0 ? UP : delta->value < 0 ? DOWN : EQUAL;
	case CTVIEW_DELTA_SAME:
		return EQUAL;
	case CTVIEW_DELTA_DIFFERS:
		return DIFFERENT;
	case CTVIEW_DELTA_NONE:
		break;
	}
	return NOTHING;
}

void ctview_uptime_format(uint64_t ticks, struct buf *out)
{
	unsigned long long s = ticks / TICKS_PER_S;

	if (s < 60)
		buf_printf(out, "%llu.%02llus", s, (unsigned long long)ticks % TICKS_PER_S);
	else if (s < 3600)
		buf_printf(out, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(out, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		buf_printf(out, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

unsigned ctview_columns(const struct ctview *view, const struct ctview_config *config)
{
	const unsigned of_show = 1u << CTVIEW_VALUE;
	const unsigned of_compare = 1u << CTVIEW_BASELINE | 1u << CTVIEW_CANDIDATE | 1u << CTVIEW_DELTA |
				    1u << CTVIEW_PERCENT | 1u << CTVIEW_ARROW;
	unsigned all = (1u << CTVIEW_COLUMNS) - 1;

	if (config->columns)
		all &= config->columns;
	return all & ~(view->sides == 1 ? of_compare : of_show);
}

/* --- header --------------------------------------------------------------------------------------------- */

static const char *kernel_of(const struct ctprof_snapshot *snapshot)
{
	return snapshot->host ? snapshot->host->kernel_release : NULL;
}

bool ctview_kernels_differ(const struct ctview_origin origin[CTVIEW_SIDES])
{
	const char *a = kernel_of(origin[0].snapshot), *b = kernel_of(origin[1].snapshot);

	return a && b && strcmp(a, b) != 0;
}

/* The label is a line's end, whatever is in it. */
static void put_label(const char *label, struct buf *out)
{
	AUTO(free) char *clean = text_clean(sv_of(label), LABEL_BYTES);

	for (char *c = clean; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = '?';
	buf_printf(out, "  %s", clean);
}

static void put_origin(const char *word, const struct ctview_origin *origin, struct buf *out)
{
	const struct ctprof_snapshot *snapshot = origin->snapshot;
	time_t s = (time_t)(snapshot->captured_at_unix_ns / NS_PER_S);
	char when[64] = "unknown time";
	struct tm tm;

	if (gmtime_r(&s, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	buf_printf(out, "%-9s  %s  %s  %zu threads  %s", word, origin->label, when, snapshot->threads.len,
		   kernel_of(snapshot) ?: "kernel unknown");
	if (snapshot->label)
		put_label(snapshot->label, out);
	buf_char(out, '\n');
}

static void put_host(const struct ctview_origin origin[CTVIEW_SIDES], struct buf *out)
{
	const struct host_context *a = origin[0].snapshot->host, *b = origin[1].snapshot->host;
	AUTO(buf_done) struct buf changes = {0};

	if (!a || !b) {
		buf_printf(out, "host: no host context in %s; the hosts are not compared\n",
			   a ? "the candidate" : b ? "the baseline" : "either");
		return;
	}
	host_context_diff(a, b, &changes);
	if (changes.len == 0)
		buf_str(out, "host: the same\n");
	else
		buf_printf(out, "host:\n%s", buf_text(&changes));
	if (ctview_kernels_differ(origin))
		buf_printf(out, "Two kernels: %s and %s. They may count differently under one name.\n",
			   a->kernel_release, b->kernel_release);
}

static void put_header(const struct ctview *view, const struct ctview_origin origin[CTVIEW_SIDES], struct buf *out)
{
	const struct host_context *host = origin[0].snapshot->host;

	if (view->sides == 2) {
		put_origin("baseline", &origin[0], out);
		put_origin("candidate", &origin[1], out);
		put_host(origin, out);
		return;
	}
	put_origin("snapshot", &origin[0], out);
	if (!host)
		buf_str(out, "host: no host context\n");
	else
		buf_printf(out, "host: %s, %llu CPUs, %llu MiB\n", host->cpu_model ?: "(unknown)",
			   (unsigned long long)host->online_cpus.value,
			   (unsigned long long)host->total_memory_kb.value / 1024);
}

/* --- rows ----------------------------------------------------------------------------------------------- */

static void threads_format(const struct ctview *view, const struct ctview_group *group, struct buf *out)
{
	if (view->sides == 2 && group->threads[0] != group->threads[1])
		buf_printf(out, "%llu→%llu", (unsigned long long)group->threads[0],
			   (unsigned long long)group->threads[1]);
	else
		buf_printf(out, "%llu", (unsigned long long)group->threads[0]);
}

static void percent_format(const struct ctview_delta *delta, struct buf *out)
{
	if (delta->has_percent)
		buf_printf(out, "%+.1f%%", delta->percent == 0 ? 0.0 : delta->percent);
	else
		buf_char(out, '-');
}

static void cell_text(const struct ctview *view, const struct ctview_row *row, enum ctview_column column,
		      struct buf *out)
{
	const struct ctview_group *group = &view->groups.at[row->group];

	switch (column) {
	case CTVIEW_GROUP:
		buf_str(out, group->name);
		break;
	case CTVIEW_THREADS:
		threads_format(view, group, out);
		break;
	case CTVIEW_METRIC:
		buf_str(out, row->metric);
		break;
	case CTVIEW_VALUE:
	case CTVIEW_BASELINE:
		ctview_cell_format(&row->side[0], row->unit, out);
		break;
	case CTVIEW_CANDIDATE:
		ctview_cell_format(&row->side[1], row->unit, out);
		break;
	case CTVIEW_DELTA:
		ctview_delta_format(&row->delta, row->unit, out);
		break;
	case CTVIEW_PERCENT:
		percent_format(&row->delta, out);
		break;
	case CTVIEW_ARROW:
		buf_str(out, ctview_arrow[ctview_direction(&row->delta)]);
		break;
	case CTVIEW_TAGS:
		ctprof_tags_format(row->tags, out);
		break;
	case CTVIEW_UPTIME:
		if (group->domain == CTVIEW_OF_THREADS)
			ctview_uptime_format(group->uptime_ticks, out);
		break;
	case CTVIEW_COLUMNS:
		assert(!"a column");
	}
}

static void add_column(struct table *table, enum ctview_column column, enum ctview_section section)
{
	static const struct table_column shape[CTVIEW_COLUMNS] = {
		[CTVIEW_GROUP] = {.gives = TABLE_GIVES_SECOND, .least = GROUP_LEAST},
		[CTVIEW_THREADS] = {.right = true},
		[CTVIEW_METRIC] = {.gives = TABLE_GIVES_LAST, .least = METRIC_LEAST},
		[CTVIEW_VALUE] = {.right = true, .gives = TABLE_GIVES_LAST, .least = WORD_LEAST},
		[CTVIEW_BASELINE] = {.right = true, .gives = TABLE_GIVES_LAST, .least = WORD_LEAST},
		[CTVIEW_CANDIDATE] = {.right = true, .gives = TABLE_GIVES_LAST, .least = WORD_LEAST},
		[CTVIEW_DELTA] = {.right = true},
		[CTVIEW_PERCENT] = {.right = true},
		[CTVIEW_ARROW] = {.right = false},
		[CTVIEW_TAGS] = {.gives = TABLE_GIVES_FIRST, .least = TAGS_LEAST, .optional = true},
		[CTVIEW_UPTIME] = {.right = true, .optional = true},
	};
	struct table_column made = shape[column];

	made.title = ctview_column_name[column];
	if (column == CTVIEW_ARROW)
		made.title = "";
	if (column == CTVIEW_THREADS && section >= CTVIEW_CGROUP_STATS && section <= CTVIEW_PRESSURE)
		made.title = "cgroups";
	table_column(table, made);
}

static enum table_style style_of(const struct ctview_row *row, enum ctview_column column)
{
	unsigned direction = ctview_direction(&row->delta);

	if (column == CTVIEW_TAGS || column == CTVIEW_UPTIME)
		return TABLE_DIM;
	if (column == CTVIEW_DELTA || column == CTVIEW_PERCENT || column == CTVIEW_ARROW)
		return direction == UP ? TABLE_UP : direction == DOWN ? TABLE_DOWN : TABLE_PLAIN;
	return TABLE_PLAIN;
}

/* Columns that would be empty all the way down are no columns. */
static unsigned section_columns(unsigned columns, const struct ctview_row *rows, size_t count, enum ctview_section section)
{
	unsigned tags = 0;

	for (size_t i = 0; i < count; i++)
		tags |= rows[i].tags;
	if (!tags)
		columns &= ~(1u << CTVIEW_TAGS);
	if (section >= CTVIEW_CGROUP_STATS && section != CTVIEW_SMAPS_ROLLUP)
		columns &= ~(1u << CTVIEW_UPTIME);
	return columns;
}

static void put_section(const struct ctview *view, unsigned columns, const struct ctview_row *rows, size_t count,
			const struct table_look *look, struct buf *out)
{
	AUTO(table_done) struct table table = {0};
	AUTO(buf_done) struct buf text = {0};
	enum ctview_section section = rows->section;

	columns = section_columns(columns, rows, count, section);
	for (unsigned column = 0; column < CTVIEW_COLUMNS; column++)
		if (columns & 1u << column)
			add_column(&table, (enum ctview_column)column, section);
	for (size_t i = 0; i < count; i++) {
		for (unsigned column = 0; column < CTVIEW_COLUMNS; column++) {
			if (!(columns & 1u << column))
				continue;
			cell_text(view, &rows[i], (enum ctview_column)column, &text);
			table_cell_take(&table, &text, style_of(&rows[i], (enum ctview_column)column));
		}
	}
	table_print(&table, look, out);
}

static void put_left_out(const struct ctview *view, enum ctview_section section, struct buf *out)
{
	if (view->over[section])
		buf_printf(out, "(%zu rows more: --limit 0 shows all)\n", view->over[section]);
	if (view->silent[section])
		buf_printf(out, "(%zu rows that %s left out: --metrics shows what it names)\n", view->silent[section],
			   view->sides == 1 ? "are 0" : "did not change");
}

static size_t section_len(const struct ctview *view, size_t from)
{
	size_t to = from;

	while (to < view->rows.len && view->rows.at[to].section == view->rows.at[from].section)
		to++;
	return to - from;
}

void ctview_print_rows(const struct ctview *view, const struct ctview_config *config, const struct table_look *look,
		       struct buf *out)
{
	for (size_t from = 0, count; from < view->rows.len; from += count) {
		count = section_len(view, from);
		put_section(view, ctview_columns(view, config), &view->rows.at[from], count, look, out);
	}
}

static void put_sections(const struct ctview *view, const struct ctview_config *config, const struct table_look *look,
			 struct buf *out)
{
	unsigned columns = ctview_columns(view, config);
	bool any = false;

	for (size_t from = 0, count; from < view->rows.len; from += count) {
		enum ctview_section section = view->rows.at[from].section;

		count = section_len(view, from);
		buf_printf(out, "\n%s== %s ==%s\n", look->colour ? "\033[1m" : "", ctview_section_name[section],
			   look->colour ? "\033[0m" : "");
		put_section(view, columns, &view->rows.at[from], count, look, out);
		put_left_out(view, section, out);
		any = true;
	}
	if (!any)
		buf_printf(out, "\n%s\n", view->sides == 1 ? "No such rows." : "No change.");
}

/* --- groups of one side -------------------------------------------------------------------------------- */

static size_t domain_len(const struct ctview_groups *groups, size_t from)
{
	size_t to = from;

	while (to < groups->len && groups->at[to].domain == groups->at[from].domain)
		to++;
	return to - from;
}

static void put_only(const struct ctview_group *groups, size_t count, unsigned side, size_t limit,
		     const struct table_look *look, struct buf *out)
{
	AUTO(table_done) struct table table = {0};
	AUTO(buf_done) struct buf text = {0};
	bool of_threads = groups->domain == CTVIEW_OF_THREADS;
	size_t shown = limit && limit < count ? limit : count;

	buf_printf(out, "\nonly in the %s: %zu %s\n", side ? "candidate" : "baseline", count,
		   of_threads ? "groups of threads" : "groups of cgroups");
	table_column(&table, (struct table_column){.title = "group", .gives = TABLE_GIVES_FIRST, .least = GROUP_LEAST});
	table_column(&table, (struct table_column){.title = of_threads ? "threads" : "cgroups", .right = true});
	table_column(&table, (struct table_column){.title = "CPU time", .right = true});
	for (size_t i = 0; i < shown; i++) {
		table_cell(&table, groups[i].name, TABLE_PLAIN);
		buf_printf(&text, "%llu", (unsigned long long)groups[i].threads[side]);
		table_cell_take(&table, &text, TABLE_PLAIN);
		ctview_number_format((double)groups[i].run_time_ns[side], CTVIEW_UNIT_NS, false, &text);
		table_cell_take(&table, &text, TABLE_PLAIN);
	}
	table_print(&table, look, out);
	if (shown < count)
		buf_printf(out, "(%zu groups more: --limit 0 shows all)\n", count - shown);
}

/* Of threads if sections of threads are shown, of cgroups if theirs are. */
static bool is_domain_shown(const struct ctview_config *config, enum ctview_domain domain)
{
	const unsigned threads = 1u << CTVIEW_PRIMARY | 1u << CTVIEW_TASKSTATS_DELAY | 1u << CTVIEW_DERIVED |
				 1u << CTVIEW_SMAPS_ROLLUP;
	const unsigned cgroups = 1u << CTVIEW_CGROUP_STATS | 1u << CTVIEW_CGROUP_LIMITS | 1u << CTVIEW_MEMORY_STAT |
				 1u << CTVIEW_MEMORY_EVENTS | 1u << CTVIEW_PRESSURE;
	unsigned sections = config->sections ?: ~0u;

	return sections & (domain == CTVIEW_OF_THREADS ? threads : cgroups);
}

void ctview_print_text(const struct ctview *view, const struct ctview_config *config,
		       const struct ctview_origin origin[CTVIEW_SIDES], const struct table_look *look, struct buf *out)
{
	put_header(view, origin, out);
	put_sections(view, config, look, out);
	for (unsigned side = 0; side < view->sides; side++) {
		const struct ctview_groups *only = &view->only[side];

		for (size_t from = 0; from < only->len; from += domain_len(only, from))
			if (is_domain_shown(config, only->at[from].domain))
				put_only(&only->at[from], domain_len(only, from), side, config->limit, look, out);
	}
}

/* --- registries ------------------------------------------------------------------------------------------ */

void ctview_print_metrics(const struct table_look *look, struct buf *out)
{
	AUTO(table_done) struct table table = {0};
	AUTO(buf_done) struct buf tags = {0};

	table_column(&table, (struct table_column){.title = "metric", .gives = TABLE_GIVES_LAST, .least = METRIC_LEAST});
	table_column(&table, (struct table_column){.title = "section"});
	table_column(&table, (struct table_column){.title = "tags", .gives = TABLE_GIVES_SECOND, .least = TAGS_LEAST});
	table_column(&table, (struct table_column){.title = "description", .gives = TABLE_GIVES_FIRST,
						   .least = METRIC_LEAST});
	for (size_t i = 0; i < ctprof_metric_count; i++) {
		const struct ctprof_metric *metric = &ctprof_metrics[i];
		bool primary = metric->section == CTPROF_SECTION_PRIMARY;

		table_cell(&table, metric->name, TABLE_PLAIN);
		table_cell(&table, ctview_section_name[primary ? CTVIEW_PRIMARY : CTVIEW_TASKSTATS_DELAY], TABLE_DIM);
		ctprof_tags_format(metric->tags, &tags);
		table_cell_take(&table, &tags, TABLE_DIM);
		table_cell(&table, metric->description, TABLE_PLAIN);
	}
	for (size_t i = 0; i < ctview_derived_count; i++) {
		table_cell(&table, ctview_deriveds[i].name, TABLE_PLAIN);
		table_cell(&table, ctview_section_name[CTVIEW_DERIVED], TABLE_DIM);
		ctprof_tags_format(ctview_deriveds[i].tags, &tags);
		table_cell_take(&table, &tags, TABLE_DIM);
		table_cell(&table, ctview_deriveds[i].description, TABLE_PLAIN);
	}
	table_print(&table, look, out);
}
