/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_stats.h - a whole test in numbers that runs are compared by, for outcomes from before guests
 * sent them as stats.totals; inside the outcome room.
 */
#ifndef OUTCOME_SCENARIO_STATS_H
#define OUTCOME_SCENARIO_STATS_H

#include <jansson.h>

/*
 * From an outcome's stats.cgroups: sums (total_...) and worst values (worst_...), named as in
 * shared/spec/2-capabilities.md 2.8; keys only for what the cgroups tell. Null without cgroups. The
 * caller's. Takes any JSON: what is no number counts as absent.
 */
json_t *scenario_stats(const json_t *outcome);

#endif
