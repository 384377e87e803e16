/* SPDX-License-Identifier: BSD-2-Clause */
/* checks.c - the one table of checks; layers, listings and their merging follow from it. */
#include <stddef.h>

#include "verdict/verdict.h"

#define LIMIT(field, unit_) {#field, offsetof(struct ktstr_checks, field), CHECK_LIMIT, unit_}
#define SWITCH(field) {#field, offsetof(struct ktstr_checks, field), CHECK_SWITCH, ""}

const struct check_row check_rows[] = {
	LIMIT(max_gap_ms, "ms"),
	LIMIT(max_spread_pct, "%"),
	LIMIT(max_idle_waiting_pct, "%"),
	SWITCH(starvation),
	SWITCH(isolation),
	LIMIT(max_throughput_cv, ""),
	LIMIT(min_work_rate, "/cpu_s"),
	LIMIT(max_p99_wake_latency_ns, "ns"),
	LIMIT(max_wake_latency_cv, ""),
	LIMIT(min_iteration_rate, "/s"),
	LIMIT(max_migration_ratio, ""),
	LIMIT(min_page_locality, ""),
	LIMIT(max_cross_node_migration_ratio, ""),
	LIMIT(max_slow_tier_ratio, ""),
	LIMIT(max_cleanup_ms, "ms"),
	LIMIT(max_weight_error_pct, "points"),
	{NULL, 0, CHECK_LIMIT, NULL},
};

/* Every field is a double or an int, and two of those may share a double's place. */
static_assert(sizeof(struct ktstr_checks) == 15 * sizeof(double), "a field is not in the table");

double check_value(const struct ktstr_checks *checks, const struct check_row *row)
{
	const char *field = (const char *)checks + row->offset;

	return row->type == CHECK_SWITCH ? *(const int *)(const void *)field :
					   *(const double *)(const void *)field;
}

void check_set(struct ktstr_checks *checks, const struct check_row *row, double value)
{
	char *field = (char *)checks + row->offset;

	if (row->type == CHECK_SWITCH)
		*(int *)(void *)field = value > 0 ? 1 : value < 0 ? -1 : 0;
	else
		*(double *)(void *)field = value;
}

struct ktstr_checks checks_default(void)
{
	return (struct ktstr_checks){
		.max_gap_ms = 2000,
		.max_spread_pct = 15,
		.max_idle_waiting_pct = 25,
		.starvation = 1,
	};
}

struct ktstr_checks checks_merge(struct ktstr_checks below, const struct ktstr_checks *above)
{
	struct ktstr_checks merged = below;

	for (const struct check_row *row = check_rows; row->name; row++) {
		double value = check_value(above, row);

		if (value > 0 || value < 0)        /* not a number is not set */
			check_set(&merged, row, value);
	}
	return merged;
}
