/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "stats/stats.h"

void comparison_done(struct comparison *comparison)
{
	differences_done(&comparison->differences);
}

enum change change_of(const struct metric_def *metric, double rel, double a, double b)
{
	double delta = b - a, relative = a != 0 ? fabs(delta) / fabs(a) : 0;

	if (a == 0 && b == 0)
		return CHANGE_IGNORED;
	if (fabs(delta) < metric->abs || relative < rel)
		return CHANGE_NONE;
	return (delta > 0) == metric->higher_is_better ? CHANGE_IMPROVEMENT : CHANGE_REGRESSION;
}

/*
 * A few iterations say nothing about the tail of a distribution; and what a loop in det counts says
 * how the emulator dealt out turns, and nothing about the scheduler.
 */
static bool can_judge(const struct metric_def *metric, const struct group *a, const struct group *b)
{
	int iterations = metric_find(sv_of("total_iterations"));

	if (metric->counts_loops && (a->det || b->det))
		return false;
	return a->mean.value[iterations] >= metric->min_iterations &&
	       b->mean.value[iterations] >= metric->min_iterations;
}

static void compare_pair(const struct group *a, const struct group *b, const struct policy *policy,
			 struct comparison *comparison)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_def *metric = &metric_registry[i];
		double before = a->mean.value[i], after = b->mean.value[i];        /* 0 when missing */
		enum change change = change_of(metric, policy->rel[i], before, after);

		if (change == CHANGE_IGNORED || !can_judge(metric, a, b))
			continue;
		comparison->unchanged += change == CHANGE_NONE;
		comparison->regressions += change == CHANGE_REGRESSION;
		comparison->improvements += change == CHANGE_IMPROVEMENT;
		if (change != CHANGE_NONE)
			differences_push(&comparison->differences,
				      (struct difference){.a = a, .b = b, .metric = i, .before = before,
						       .after = after, .change = change});
	}
}

static const struct group *partner(const struct groups *groups, const struct group *of)
{
	vec_each(group, groups) {
		if (strcmp(group->key, of->key) == 0)
			return group;
	}
	return NULL;
}

void compare_groups(const struct groups *a, const struct groups *b, const struct policy *policy,
		    struct comparison *ret_comparison)
{
	struct comparison comparison = {0};

	vec_each(group, a) {
		const struct group *other = partner(b, group);

		comparison.only_a += !other;
		if (!other)
			continue;
		if (!group_is_sound(group) || !group_is_sound(other)) {
			comparison.unsound++;
			continue;
		}
		comparison.pairs++;
		compare_pair(group, other, policy, &comparison);
	}
	vec_each(group, b)
		comparison.only_b += !partner(a, group);
	*ret_comparison = comparison;
}
