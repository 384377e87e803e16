/* SPDX-License-Identifier: BSD-2-Clause */
/* other_rows.c - what has no threads: cgroups, pressure, sched_ext. */
#include <assert.h>
#include <stdlib.h>

#include "ctview/flatten.h"
#include "ctview/pattern.h"
#include "ctview/rows.h"

/* --- the registry of cgroups' metrics ---------------------------------------------------------------- */

#define AT(field) offsetof(struct ctprof_cgroup, field)

enum how {
	SUM,                /* uint64_t */
	OPTIONAL_SUM,       /* struct ctprof_optional, absent as 0 */
	LIMIT,              /* struct ctprof_optional: one for all, a range, or "mixed" */
	PERIOD,             /* uint64_t; says something beside a quota alone */
};

static const struct field {
	const char *name;
	enum ctview_section section;
	enum how how;
	enum ctview_unit unit;
	size_t offset;
} fields[] = {
	{"cpu.usage_usec", CTVIEW_CGROUP_STATS, SUM, CTVIEW_UNIT_US, AT(cpu.usage_usec)},
	{"cpu.nr_throttled", CTVIEW_CGROUP_STATS, SUM, CTVIEW_UNIT_COUNT, AT(cpu.nr_throttled)},
	{"cpu.throttled_usec", CTVIEW_CGROUP_STATS, SUM, CTVIEW_UNIT_US, AT(cpu.throttled_usec)},
	{"memory.current", CTVIEW_CGROUP_STATS, SUM, CTVIEW_UNIT_BYTES, AT(memory.current)},
	{"pids.current", CTVIEW_CGROUP_STATS, OPTIONAL_SUM, CTVIEW_UNIT_COUNT, AT(pids.current)},
	{"cpu.max_quota_us", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_US, AT(cpu.max_quota_us)},
	{"cpu.max_period_us", CTVIEW_CGROUP_LIMITS, PERIOD, CTVIEW_UNIT_US, AT(cpu.max_period_us)},
	{"cpu.weight", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_NONE, AT(cpu.weight)},
	{"cpu.weight_nice", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_NONE, AT(cpu.weight_nice)},
	{"memory.max", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_BYTES, AT(memory.max)},
	{"memory.high", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_BYTES, AT(memory.high)},
	{"memory.low", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_BYTES, AT(memory.low)},
	{"memory.min", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_BYTES, AT(memory.min)},
	{"pids.max", CTVIEW_CGROUP_LIMITS, LIMIT, CTVIEW_UNIT_NONE, AT(pids.max)},
};

#define FIELDS (sizeof(fields) / sizeof(*fields))

static const char *const ext_metric[] = {"state", "switch_all", "nr_rejected", "hotplug_seq", "enable_seq"};

#define EXT_METRICS (sizeof(ext_metric) / sizeof(*ext_metric))

/* Lines of memory.stat that count events; the others are bytes (admin-guide/cgroup-v2.rst). */
static bool counts_events(const char *key)
{
	static const char *const prefix[] = {"workingset_", "pg", "thp_", "zswp", "swpin_", "swpout_", "numa_",
					     "oom_", "drop_"};

	for (size_t i = 0; i < sizeof(prefix) / sizeof(*prefix); i++)
		if (strncmp(key, prefix[i], strlen(prefix[i])) == 0)
			return true;
	return false;
}

/* --- members of a group ------------------------------------------------------------------------------ */

struct member {
	const char *key;
	unsigned side;
	const struct ctprof_cgroup *cgroup;
};
DEFINE_VEC(members, struct member, vec_keep)

/* One group: its members, baseline first. */
struct slice {
	const struct member *member;
	size_t count;
	size_t group;
};

static struct ctview_cell sum_cell(const struct slice *slice, unsigned side, size_t offset, bool optional)
{
	struct ctview_cell cell = {0};

	for (size_t i = 0; i < slice->count; i++) {
		const char *field = (const char *)slice->member[i].cgroup + offset;
		const struct ctprof_optional *perhaps = (const void *)field;

		if (slice->member[i].side != side || (optional && !perhaps->present))
			continue;
		cell.kind = CTVIEW_WHOLE;
		cell.low = ctview_add(cell.low, optional ? perhaps->value : *(const uint64_t *)(const void *)field);
	}
	return cell;
}

static struct ctview_cell limit_cell(const struct slice *slice, unsigned side, size_t offset)
{
	struct ctview_cell cell = {.kind = CTVIEW_RANGE, .low = INT64_MAX, .high = INT64_MIN};
	size_t absent = 0, unlimited = 0, numbers = 0;

	for (size_t i = 0; i < slice->count; i++) {
		const struct ctprof_optional *limit =
			(const void *)((const char *)slice->member[i].cgroup + offset);
		int64_t value = (int64_t)limit->value;

		if (slice->member[i].side != side)
			continue;
		/* "max", or weight_nice's -1 */
		if (!limit->present)
			absent++;
		else if (limit->value == UINT64_MAX && offset != AT(cpu.weight_nice))
			unlimited++;
		else
			numbers++;
		if (limit->present) {
			cell.low = value < cell.low ? value : cell.low;
			cell.high = value > cell.high ? value : cell.high;
		}
	}
	if (unlimited + numbers == 0)
		return (struct ctview_cell){0};
	if (numbers > 0 && absent + unlimited == 0)
		return cell;
	return (struct ctview_cell){.kind = CTVIEW_WORD, .word = absent + numbers == 0 ? "max" : "mixed"};
}

static struct ctview_cell period_cell(const struct slice *slice, unsigned side)
{
	struct ctview_cell cell = {.kind = CTVIEW_RANGE, .low = INT64_MAX, .high = INT64_MIN};

	for (size_t i = 0; i < slice->count; i++) {
		const struct ctprof_cgroup *cgroup = slice->member[i].cgroup;
		int64_t value = ctview_add(0, cgroup->cpu.max_period_us);

		if (slice->member[i].side != side || !cgroup->cpu.max_quota_us.present)
			continue;
		cell.low = value < cell.low ? value : cell.low;
		cell.high = value > cell.high ? value : cell.high;
	}
	return cell.low > cell.high ? (struct ctview_cell){0} : cell;
}

static void put_fields(struct ctview_build *build, const struct slice *slice)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *field = &fields[i];
		struct ctview_row row = {
			.section = field->section, .group = slice->group, .metric = field->name, .place = i,
			.unit = field->unit,
		};

		for (unsigned side = 0; side < build->view->sides; side++) {
			if (field->how == LIMIT)
				row.side[side] = limit_cell(slice, side, field->offset);
			else if (field->how == PERIOD)
				row.side[side] = period_cell(slice, side);
			else
				row.side[side] = sum_cell(slice, side, field->offset, field->how == OPTIONAL_SUM);
		}
		ctview_put_row(build, row);
	}
}

/* --- keyed numbers: memory.stat, memory.events ------------------------------------------------------- */

static void add_pairs(struct ctview_rows *rows, const struct ctprof_pairs *pairs, unsigned side)
{
	vec_each(pair, pairs) {
		struct ctview_row *row = ctview_find_row(rows, pair->key);

		if (!row)
			row = ctview_rows_push(rows, (struct ctview_row){.metric = pair->key});
		row->side[side].kind = CTVIEW_WHOLE;
		row->side[side].low = ctview_add(row->side[side].low, pair->value);
	}
}

static void put_pairs(struct ctview_build *build, const struct slice *slice, enum ctview_section section)
{
	const char *prefix = section == CTVIEW_MEMORY_STAT ? "memory.stat" : "memory.events";
	AUTO(ctview_rows_done) struct ctview_rows rows = {0};

	for (size_t i = 0; i < slice->count; i++) {
		const struct ctprof_cgroup *cgroup = slice->member[i].cgroup;

		add_pairs(&rows, section == CTVIEW_MEMORY_STAT ? &cgroup->memory.stat : &cgroup->memory.events,
			  slice->member[i].side);
	}
	for (size_t i = 0; i < rows.len; i++) {
		struct ctview_row row = rows.at[i];
		AUTO(free) char *name = xasprintf("%s.%s", prefix, row.metric);

		row.section = section;
		row.group = slice->group;
		row.place = i;
		row.unit = section == CTVIEW_MEMORY_EVENTS || counts_events(row.metric) ? CTVIEW_UNIT_COUNT :
											 CTVIEW_UNIT_BYTES;
		if (!ctview_wants(build, section, name))
			continue;
		row.metric = ctview_keep_clean(build->view, name);
		ctview_put_row(build, row);
	}
}

/* --- pressure ------------------------------------------------------------------------------------------ */

static const char *const psi_value[] = {"avg10", "avg60", "avg300", "total_usec"};

#define PSI_VALUES 4

static uint64_t psi_number(const struct ctprof_psi *psi, unsigned resource, bool full, unsigned value)
{
	const struct ctprof_psi_line *line =
		full ? &psi->resource[resource].full : &psi->resource[resource].some;
	const uint64_t numbers[PSI_VALUES] = {line->avg10, line->avg60, line->avg300, line->total_usec};

	return numbers[value];
}

/* Times of several cgroups add up; of averages the greatest is shown. */
static void join_psi(struct ctview_cell *cell, uint64_t number, bool is_total)
{
	int64_t value = ctview_add(0, number);

	cell->kind = CTVIEW_WHOLE;
	if (is_total)
		cell->low = ctview_add(cell->low, number);
	else if (value > cell->low)
		cell->low = value;
}

/* `psi` and `side`: `count` of each. */
static void put_pressure(struct ctview_build *build, enum ctview_section section, size_t group,
			 const struct ctprof_psi *const *psi, const unsigned *side, size_t count)
{
	for (unsigned i = 0; i < CTPROF_PSI_RESOURCES * 2 * PSI_VALUES; i++) {
		unsigned resource = i / (2 * PSI_VALUES), value = i % PSI_VALUES;
		bool full = i / PSI_VALUES % 2, is_total = value == PSI_VALUES - 1;
		AUTO(free) char *name = xasprintf("psi.%s.%s.%s", ctprof_psi_name[resource],
						  full ? "full" : "some", psi_value[value]);
		struct ctview_row row = {
			.section = section, .group = group, .place = i,
			.unit = is_total ? CTVIEW_UNIT_US : CTVIEW_UNIT_CENTI,
		};

		if (!ctview_wants(build, section, name))
			continue;
		for (size_t at = 0; at < count; at++)
			join_psi(&row.side[side[at]], psi_number(psi[at], resource, full, value), is_total);
		row.metric = ctview_keep(build->view, TAKE_PTR(name));
		ctview_put_row(build, row);
	}
}

static void put_cgroup_pressure(struct ctview_build *build, const struct slice *slice)
{
	AUTO(free) const struct ctprof_psi **psi = xcalloc(slice->count, sizeof(*psi));
	AUTO(free) unsigned *side = xcalloc(slice->count, sizeof(*side));

	for (size_t i = 0; i < slice->count; i++) {
		psi[i] = &slice->member[i].cgroup->psi;
		side[i] = slice->member[i].side;
	}
	put_pressure(build, CTVIEW_PRESSURE, slice->group, psi, side, slice->count);
}

/* --- cgroups ------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = strcmp(left->key, right->key);

	return order ? order : left->side < right->side ? -1 : left->side > right->side;
}

static void collect(struct ctview_build *build, struct members *members)
{
	AUTO(ctview_names_done) struct ctview_names names = {
		.kind = CTVIEW_CGROUP_NAMES, .literal = build->config->no_cg_normalize,
	};

	for (unsigned side = 0; side < build->view->sides; side++) {
		vec_each(cgroup, &build->snapshot[side]->cgroups) {
			char *flat = ctview_flatten(cgroup->path, &build->config->flatten);

			ctview_names_add(&names, flat);
			members_push(members, (struct member){.key = ctview_keep(build->view, flat), .side = side,
							      .cgroup = cgroup});
		}
	}
	ctview_names_resolve(&names);
	vec_each(member, members)
		member->key = ctview_keep(build->view, xstrdup(ctview_names_called(&names, member->key)));
	if (members->len > 0)
		qsort(members->at, members->len, sizeof(*members->at), by_key);
}

static void put_group(struct ctview_build *build, struct slice *slice)
{
	struct ctview_group group = {.domain = CTVIEW_OF_CGROUPS};

	for (size_t i = 0; i < slice->count; i++) {
		unsigned side = slice->member[i].side;
		uint64_t usage_us = slice->member[i].cgroup->cpu.usage_usec;

		group.threads[side]++;
		group.run_time_ns[side] = ctview_add(group.run_time_ns[side],
						     usage_us > INT64_MAX / 1000 ? INT64_MAX : usage_us * 1000);
	}
	group.name = ctview_keep_clean(build->view, slice->member[0].key);
	if (!ctview_put_group(build, group, &slice->group))
		return;
	put_fields(build, slice);
	put_pairs(build, slice, CTVIEW_MEMORY_STAT);
	put_pairs(build, slice, CTVIEW_MEMORY_EVENTS);
	put_cgroup_pressure(build, slice);
}

void ctview_cgroup_rows(struct ctview_build *build)
{
	AUTO(members_done) struct members members = {0};

	collect(build, &members);
	for (size_t from = 0, to; from < members.len; from = to) {
		struct slice slice = {.member = &members.at[from]};

		for (to = from + 1; to < members.len && strcmp(members.at[from].key, members.at[to].key) == 0; to++)
			;
		slice.count = to - from;
		put_group(build, &slice);
	}
}

/* --- the host ------------------------------------------------------------------------------------------ */

static struct ctview_cell ext_cell(const struct ctprof_snapshot *snapshot, size_t metric)
{
	const struct ctprof_sched_ext *ext = &snapshot->sched_ext;
	const uint64_t numbers[EXT_METRICS] = {0, ext->switch_all, ext->nr_rejected, ext->hotplug_seq,
					       ext->enable_seq};

	if (!snapshot->has_sched_ext)
		return (struct ctview_cell){0};
	if (metric > 0)
		return (struct ctview_cell){.kind = CTVIEW_WHOLE, .low = ctview_add(0, numbers[metric])};
	return (struct ctview_cell){.kind = CTVIEW_WORD, .word = ext->state ?: ""};
}

static void put_sched_ext(struct ctview_build *build, size_t group)
{
	for (size_t i = 0; i < EXT_METRICS; i++) {
		AUTO(free) char *name = xasprintf("sched_ext.%s", ext_metric[i]);
		struct ctview_row row = {
			.section = CTVIEW_SCHED_EXT, .group = group, .place = i, .unit = CTVIEW_UNIT_NONE,
			.tags = CTPROF_TAG_SCHED_CLASS_EXT,
		};

		if (!ctview_wants(build, CTVIEW_SCHED_EXT, name))
			continue;
		row.metric = ctview_keep(build->view, TAKE_PTR(name));
		for (unsigned side = 0; side < build->view->sides; side++) {
			row.side[side] = ext_cell(build->snapshot[side], i);
			if (row.side[side].kind == CTVIEW_WORD)
				row.side[side].word = ctview_keep_clean(build->view, row.side[side].word);
		}
		ctview_put_row(build, row);
	}
}

void ctview_host_rows(struct ctview_build *build)
{
	static const unsigned side[CTVIEW_SIDES] = {0, 1};
	const struct ctprof_psi *psi[CTVIEW_SIDES] = {0};
	struct ctview_group group = {.domain = CTVIEW_OF_HOST, .name = "host", .threads = {1, 1}};
	size_t index;

	for (unsigned i = 0; i < build->view->sides; i++) {
		psi[i] = &build->snapshot[i]->psi;
		group.threads[i] = build->snapshot[i]->threads.len;
	}
	if (!ctview_put_group(build, group, &index))
		return;
	put_pressure(build, CTVIEW_HOST_PRESSURE, index, psi, side, build->view->sides);
	put_sched_ext(build, index);
}

/* --- names --------------------------------------------------------------------------------------------- */

static bool is_psi_metric(struct sv name)
{
	struct sv resource, line;
	bool known = false;

	if (!sv_starts(name, "psi."))
		return false;
	name = sv_skip(name, strlen("psi."));
	resource = sv_split(&name, '.');
	line = sv_split(&name, '.');
	for (unsigned i = 0; i < CTPROF_PSI_RESOURCES; i++)
		known |= sv_eq(resource, ctprof_psi_name[i]);
	if (!known || (!sv_eq(line, "some") && !sv_eq(line, "full")))
		return false;
	for (unsigned i = 0; i < PSI_VALUES; i++)
		if (sv_eq(name, psi_value[i]))
			return true;
	return false;
}

bool ctview_other_metric_exists(struct sv name)
{
	static const char *const keyed[] = {"memory.stat.", "memory.events.", "smaps."};

	for (size_t i = 0; i < FIELDS; i++)
		if (sv_eq(name, fields[i].name))
			return true;
	for (size_t i = 0; i < sizeof(keyed) / sizeof(*keyed); i++)
		if (sv_starts(name, keyed[i]) && name.len > strlen(keyed[i]))
			return true;
	if (sv_starts(name, "sched_ext.")) {
		for (size_t i = 0; i < EXT_METRICS; i++)
			if (sv_eq(sv_skip(name, strlen("sched_ext.")), ext_metric[i]))
				return true;
	}
	return is_psi_metric(name);
}
