/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/stats.h"

#include <assert.h>
#include <math.h>

#define LOWER false
#define HIGHER true

const struct metric_def metric_registry[METRIC_COUNT] = {
	{"worst_spread", LOWER, 5, .25, "%", 0, false},
	{"worst_gap_ms", LOWER, 500, .50, "ms", 0, false},
	{"total_migrations", LOWER, 10, .30, "", 0, false},
	{"worst_migration_ratio", LOWER, .05, .20, "", 0, true},
	{"max_imbalance_ratio", LOWER, 1, .25, "x", 0, false},
	{"max_dsq_depth", LOWER, 10, .50, "", 0, false},
	{"stall_count", LOWER, 1, .50, "", 0, false},
	{"total_fallback", LOWER, 5, .30, "", 0, false},
	{"total_keep_last", LOWER, 5, .30, "", 0, false},
	{"worst_p99_wake_latency_us", LOWER, 50, .25, "µs", 0, false},
	{"worst_median_wake_latency_us", LOWER, 20, .25, "µs", 0, false},
	{"worst_wake_latency_cv", LOWER, .10, .25, "", 0, false},
	{"total_iterations", HIGHER, 100, .10, "", 0, true},
	{"worst_mean_run_delay_us", LOWER, 50, .25, "µs", 0, false},
	{"worst_run_delay_us", LOWER, 100, .50, "µs", 0, false},
	{"worst_wake_latency_tail_ratio", LOWER, .5, .25, "x", 100, false},
	{"worst_iterations_per_worker", HIGHER, 10, .10, "", 0, true},
	{"worst_page_locality", HIGHER, .05, .10, "", 0, false},
	{"worst_cross_node_migration_ratio", LOWER, .05, .20, "", 0, false},
};

int metric_find(struct sv name)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (sv_eq(name, metric_registry[i].name))
			return i;
	return -1;
}

struct metric_values metric_values_of(const json_t *record)
{
	const json_t *stats = json_object_get(record, "stats");
	const json_t *monitor = json_object_get(record, "monitor");
	struct metric_values values = {0};

	for (int i = 0; i < METRIC_COUNT; i++) {
		const char *name = metric_registry[i].name;
		const json_t *value = json_object_get(stats, name) ?: json_object_get(monitor, name);

		values.known[i] = json_is_number(value) && isfinite(json_number_value(value));
		values.value[i] = values.known[i] ? json_number_value(value) : 0;
	}
	return values;
}
