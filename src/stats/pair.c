/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "stats/stats.h"

#define MIXED "mixed"

#define BIT(dimension) (1u << (dimension))

void group_done(struct group *group)
{
	free(group->key);
	free(group->test);
	free(group->commit);
}

bool group_is_sound(const struct group *group)
{
	return group->passed == group->rows && group->skipped == 0;
}

/*
 * Who names two runs wants them compared although one was made from later sources, or in CI; and a
 * run's id parts everything.
 */
static uint32_t dimensions_left_out(uint32_t slicing)
{
	uint32_t out = slicing | BIT(DIM_RUN);

	if (slicing & BIT(DIM_RUN))
		out |= BIT(DIM_PROJECT_COMMIT) | BIT(DIM_KERNEL_COMMIT) | BIT(DIM_RUN_SOURCE);
	return out;
}

static char *key_of(const struct row *row, uint32_t slicing)
{
	uint32_t out = dimensions_left_out(slicing);
	AUTO(buf_done) struct buf key = {0};

	buf_str(&key, row->test);
	for (int i = 0; i < DIM_COUNT; i++)
		if (!(out & BIT(i)) && row->value[i][0])
			buf_printf(&key, " %s=%s", dimension_name((enum dimension)i), row->value[i]);
	return buf_take(&key);
}

static struct group *find_group(struct groups *groups, const char *key)
{
	vec_each(group, groups) {
		if (strcmp(group->key, key) == 0)
			return group;
	}
	return NULL;
}

static void note_commit(struct group *group, const char *commit)
{
	group->dirty = group->dirty || strstr(commit, "-dirty");
	if (!group->commit) {
		group->commit = xstrdup(commit);
	} else if (strcmp(group->commit, commit) != 0) {
		free(group->commit);
		group->commit = xstrdup(MIXED);
	}
}

/* mean.value holds sums until finish(). */
static void add_row(struct group *group, const struct row *row)
{
	group->rows++;
	group->passed += row->passed;
	group->skipped += row->skipped;
	group->det = group->det || strcmp(row->value[DIM_MODE], "det") == 0;
	note_commit(group, row->value[DIM_PROJECT_COMMIT]);
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (!row->passed || row->skipped || !row->metrics.known[i])
			continue;
		group->mean.known[i] = true;
		group->mean.value[i] += row->metrics.value[i];
		group->samples[i]++;
	}
}

static void finish(struct group *group)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (group->samples[i])
			group->mean.value[i] /= (double)group->samples[i];
}

int groups_make(const struct rows *rows, uint32_t slicing, bool average, struct groups *ret_groups,
		struct ktstr_error *err)
{
	AUTO(groups_done) struct groups groups = {0};

	vec_each(row, rows) {
		AUTO(free) char *key = key_of(row, slicing);
		struct group *group = find_group(&groups, key);

		if (group && !average)
			return error_set(err, -EEXIST,
					 "two records are \"%s\"; without averaging each must be one: filter "
					 "by more (--run ID)", key);
		if (!group)
			group = groups_push(&groups, (struct group){.key = TAKE_PTR(key),
								    .test = xstrdup(row->test)});
		add_row(group, row);
	}
	vec_each(group, &groups)
		finish(group);
	*ret_groups = TAKE(groups, (struct groups){0});
	return 0;
}
