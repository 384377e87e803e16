/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/stats.h"

#include <string.h>

#include "outcome/record.h"

static const struct {
	const char *name, *key;
} dimensions[DIM_COUNT] = {
	[DIM_KERNEL] = {"kernel", "kernel_version"},
	[DIM_SCHEDULER] = {"scheduler", "scheduler"},
	[DIM_TOPOLOGY] = {"topology", "topology"},
	[DIM_WORK_TYPE] = {"work-type", "work_type"},
	[DIM_PROJECT_COMMIT] = {"project-commit", "project_commit"},
	[DIM_KERNEL_COMMIT] = {"kernel-commit", "kernel_commit"},
	[DIM_RUN_SOURCE] = {"run-source", "run_source"},
	[DIM_FLAGS] = {"flag", "active_flags"},
	[DIM_MODE] = {"mode", "mode"},
	[DIM_RUN] = {"run", "run_id"},
};

const char *dimension_name(enum dimension dimension)
{
	return dimensions[dimension].name;
}

char *dimension_value(const json_t *record, enum dimension dimension)
{
	const char *key = dimensions[dimension].key;
	const json_t *flags = json_object_get(record, key);
	AUTO(buf_done) struct buf list = {0};

	if (dimension != DIM_FLAGS)
		return xstrdup(record_text(record, key) ?: "");
	for (size_t i = 0; i < json_array_size(flags); i++) {
		const char *flag = json_string_value(json_array_get(flags, i));

		if (flag)
			buf_printf(&list, "%s%s", list.len ? "," : "", flag);
	}
	return xstrdup(buf_text(&list));
}

void row_done(struct row *row)
{
	free(row->test);
	for (int i = 0; i < DIM_COUNT; i++)
		free(row->value[i]);
}

struct row row_of(const json_t *record)
{
	struct row row = {
		.test = xstrdup(record_text(record, "test_name") ?: ""),
		.passed = json_is_true(json_object_get(record, "passed")),
		.skipped = json_is_true(json_object_get(record, "skipped")),
		.metrics = metric_values_of(record),
	};

	for (int i = 0; i < DIM_COUNT; i++)
		row.value[i] = dimension_value(record, (enum dimension)i);
	return row;
}

void filter_done(struct filter *filter)
{
	for (int i = 0; i < DIM_COUNT; i++)
		strings_done(&filter->values[i]);
}

/* "6.14" is 6.14, 6.14.2 and 6.14-rc3, and not 6.140. */
static bool kernel_matches(const char *wanted, const char *version)
{
	const char *dot = strchr(wanted, '.');
	size_t len = strlen(wanted);

	if (strcmp(wanted, version) == 0)
		return true;
	if (!dot || strchr(dot + 1, '.') || strncmp(wanted, version, len) != 0)
		return false;
	return version[len] == '.' || version[len] == '-';
}

static bool has_flag(const char *flags, const char *wanted)
{
	struct sv rest = sv_of(flags);

	while (rest.len)
		if (sv_eq(sv_split(&rest, ','), wanted))
			return true;
	return false;
}

static bool dimension_matches(enum dimension dimension, const struct strings *wanted, const char *value)
{
	size_t found = 0;

	vec_each(want, wanted) {
		if (dimension == DIM_FLAGS)
			found += has_flag(value, *want);
		else if (dimension == DIM_KERNEL)
			found += kernel_matches(*want, value);
		else
			found += strcmp(*want, value) == 0;
	}
	return dimension == DIM_FLAGS ? found == wanted->len : found > 0 || wanted->len == 0;
}

bool filter_matches(const struct filter *filter, const struct row *row)
{
	for (int i = 0; i < DIM_COUNT; i++)
		if (!dimension_matches((enum dimension)i, &filter->values[i], row->value[i]))
			return false;
	return !filter->name_part || strstr(row->test, filter->name_part);
}

static bool is_subset(const struct strings *inner, const struct strings *outer)
{
	vec_each(want, inner) {
		bool found = false;

		vec_each(other, outer)
			found = found || strcmp(*want, *other) == 0;
		if (!found)
			return false;
	}
	return true;
}

uint32_t filter_slicing(const struct filter *a, const struct filter *b)
{
	uint32_t slicing = 0;

	for (int i = 0; i < DIM_COUNT; i++) {
		const struct strings *left = &a->values[i], *right = &b->values[i];

		if (!is_subset(left, right) || !is_subset(right, left))
			slicing |= 1u << i;
	}
	return slicing;
}
