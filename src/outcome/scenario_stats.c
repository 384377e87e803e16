/* SPDX-License-Identifier: BSD-2-Clause */
#include "outcome/scenario_stats.h"

#include <math.h>
#include <stdbool.h>

#include "base/base.h"

enum fold { FOLD_SUM, FOLD_MAX, FOLD_MIN_NOT_ZERO };

/* A cgroup's value: that of a key, or one key's by another's. */
static const struct row {
	const char *name;
	enum fold fold;
	const char *key, *by;
} rows[] = {
	{"total_workers", FOLD_SUM, "workers", NULL},
	{"total_cpus", FOLD_SUM, "cpus", NULL},
	{"total_migrations", FOLD_SUM, "migrations", NULL},
	{"total_iterations", FOLD_SUM, "iterations", NULL},
	{"worst_spread", FOLD_MAX, "spread_pct", NULL},
	{"worst_gap_ms", FOLD_MAX, "max_gap_ms", NULL},
	{"worst_migration_ratio", FOLD_MAX, "migrations", "iterations"},
	{"worst_p99_wake_latency_us", FOLD_MAX, "wake_us_p99", NULL},
	{"worst_median_wake_latency_us", FOLD_MAX, "wake_us_median", NULL},
	{"worst_wake_latency_tail_ratio", FOLD_MAX, "wake_us_p99", "wake_us_median"},
	{"worst_mean_run_delay_us", FOLD_MAX, "run_delay_us_mean", NULL},
	{"worst_run_delay_us", FOLD_MAX, "run_delay_us_worst", NULL},
	{"worst_iterations_per_worker", FOLD_MIN_NOT_ZERO, "iterations", "workers"},
};

static bool value_of(const json_t *cgroup, const struct row *row, double *ret_value)
{
	const json_t *value = json_object_get(cgroup, row->key);
	const json_t *by = row->by ? json_object_get(cgroup, row->by) : NULL;

	if (!json_is_number(value) || (row->by && !json_is_number(by)))
		return false;
	*ret_value = json_number_value(value);
	if (by)        /* never NaN or infinite: 0 where there is nothing to divide by */
		*ret_value = json_number_value(by) > 0 ? *ret_value / json_number_value(by) : 0;
	return isfinite(*ret_value);
}

static double fold(enum fold how, double sofar, double value)
{
	switch (how) {
	case FOLD_SUM:
		return sofar + value;
	case FOLD_MAX:
		return value > sofar ? value : sofar;
	case FOLD_MIN_NOT_ZERO:
		return sofar <= 0 || (value > 0 && value < sofar) ? value : sofar;
	}
	return sofar;
}

/* Counts stay counts, as long as a double has them exactly. */
static json_t *number(const struct row *row, double value)
{
	if (row->fold == FOLD_SUM && value >= 0 && value <= 0x1p53)
		return json_integer((json_int_t)value);
	return json_real(value);
}

/* The CPU of the longest gap. */
static void add_gap_cpu(const json_t *cgroups, json_t *stats)
{
	double worst = 0;

	for (size_t i = 0; i < json_array_size(cgroups); i++) {
		const json_t *cgroup = json_array_get(cgroups, i);
		double gap = json_number_value(json_object_get(cgroup, "max_gap_ms"));
		json_t *cpu = json_object_get(cgroup, "max_gap_cpu");

		if (gap > worst && json_is_integer(cpu)) {
			worst = gap;
			json_object_set(stats, "worst_gap_cpu", cpu);
		}
	}
}

json_t *scenario_stats(const json_t *outcome)
{
	const json_t *cgroups = json_object_get(json_object_get(outcome, "stats"), "cgroups");
	json_t *stats;

	if (json_array_size(cgroups) == 0)
		return json_null();
	stats = json_object();
	for (const struct row *row = rows; row < rows + sizeof(rows) / sizeof(*rows); row++) {
		double sofar = 0, value;
		bool known = false;

		for (size_t i = 0; i < json_array_size(cgroups); i++) {
			if (!value_of(json_array_get(cgroups, i), row, &value))
				continue;
			sofar = fold(row->fold, sofar, value);
			known = true;
		}
		if (known && isfinite(sofar))
			json_object_set_new(stats, row->name, number(row, sofar));
	}
	add_gap_cpu(cgroups, stats);
	return stats;
}
