/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules ST-2 to ST-4 and SC-6 are those of shared/spec/2-capabilities.md 2.17. */
#include <errno.h>
#include <math.h>

#include "stats/stats.h"
#include "test.h"

/* --- metrics ---------------------------------------------------------------------------------------- */

/* ST-4, row by row */
TEST(st4_the_registry_is_the_table)
{
	static const struct {
		const char *name, *better;
		double abs, rel;
		const char *unit;
	} rows[METRIC_COUNT] = {
		{"worst_spread", "L", 5, .25, "%"},
		{"worst_gap_ms", "L", 500, .50, "ms"},
		{"total_migrations", "L", 10, .30, ""},
		{"worst_migration_ratio", "L", .05, .20, ""},
		{"max_imbalance_ratio", "L", 1, .25, "x"},
		{"max_dsq_depth", "L", 10, .50, ""},
		{"stall_count", "L", 1, .50, ""},
		{"total_fallback", "L", 5, .30, ""},
		{"total_keep_last", "L", 5, .30, ""},
		{"worst_p99_wake_latency_us", "L", 50, .25, "µs"},
		{"worst_median_wake_latency_us", "L", 20, .25, "µs"},
		{"worst_wake_latency_cv", "L", .10, .25, ""},
		{"total_iterations", "H", 100, .10, ""},
		{"worst_mean_run_delay_us", "L", 50, .25, "µs"},
		{"worst_run_delay_us", "L", 100, .50, "µs"},
		{"worst_wake_latency_tail_ratio", "L", .5, .25, "x"},
		{"worst_iterations_per_worker", "H", 10, .10, ""},
		{"worst_page_locality", "H", .05, .10, ""},
		{"worst_cross_node_migration_ratio", "L", .05, .20, ""},
	};

	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_def *metric = &metric_registry[i];

		CHECK_STR(metric->name, rows[i].name);
		CHECK_EQ(metric->higher_is_better, rows[i].better[0] == 'H');
		CHECK(metric->abs == rows[i].abs && metric->rel == rows[i].rel);
		CHECK_STR(metric->unit, rows[i].unit);
		CHECK_EQ(metric->min_iterations, i == 15 ? 100 : 0);
		CHECK_EQ(metric_find(sv_of(rows[i].name)), i);
	}
	CHECK_EQ(metric_find(sv_of("no_metric")), -1);
}

static enum change change(const char *name, double a, double b)
{
	const struct metric_def *metric = &metric_registry[metric_find(sv_of(name))];

	return change_of(metric, metric->rel, a, b);
}

/* total_migrations: abs 10, rel .30 */
TEST(st3_a_change_must_reach_both_gates_and_both_are_inclusive)
{
	CHECK_EQ(change("total_migrations", 20, 30), CHANGE_REGRESSION);         /* 10, 50 % */
	CHECK_EQ(change("total_migrations", 20, 29.9), CHANGE_NONE);             /* 9.9 */
	CHECK_EQ(change("total_migrations", 100, 130), CHANGE_REGRESSION);       /* exactly 30 % */
	CHECK_EQ(change("total_migrations", 100, 129), CHANGE_NONE);
	CHECK_EQ(change("total_migrations", 30, 20), CHANGE_IMPROVEMENT);
	CHECK_EQ(change("total_iterations", 1000, 1100), CHANGE_IMPROVEMENT);    /* exactly both */
	CHECK_EQ(change("total_iterations", 1000, 900), CHANGE_REGRESSION);
	CHECK_EQ(change("total_iterations", 2000, 1900), CHANGE_NONE);           /* 5 % */
}

TEST(st3_nothing_on_both_sides_is_ignored_and_from_nothing_is_unchanged)
{
	CHECK_EQ(change("total_migrations", 0, 0), CHANGE_IGNORED);
	CHECK_EQ(change("total_migrations", 0, 1e6), CHANGE_NONE);
	CHECK_EQ(change("total_migrations", 1000, 0), CHANGE_IMPROVEMENT);
	/* with no relative gate the absolute one is left */
	CHECK_EQ(change_of(&metric_registry[2], 0, 0, 10), CHANGE_REGRESSION);
}

/* --- policies --------------------------------------------------------------------------------------- */

TEST(st3_a_policy_replaces_relative_gates)
{
	struct policy policy;
	struct ktstr_error err = {0};

	CHECK_EQ(policy_parse(sv_of("{}"), &policy, &err), 0);
	CHECK(policy.rel[0] == .25 && policy.rel[1] == .50);
	CHECK_EQ(policy_parse(sv_of("{\"per_metric_percent\":{\"worst_gap_ms\":5}}"), &policy, &err), 0);
	CHECK(policy.rel[0] == .25 && policy.rel[1] == .05);
	CHECK_EQ(policy_parse(sv_of("{\"per_metric_percent\":{\"worst_gap_ms\":5},\"default_percent\":10}"),
			      &policy, &err), 0);
	CHECK(policy.rel[0] == .10 && policy.rel[1] == .05 && policy.rel[METRIC_COUNT - 1] == .10);
	policy = policy_threshold(7);
	CHECK(fabs(policy.rel[0] - .07) < 1e-12 && policy.rel[1] == policy.rel[0]);
}

TEST(st3_a_policy_that_is_none_is_refused_in_words)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "byte 0"},
		{"[]", "it is no object"},
		{"{\"default\":1}", "there is no key \"default\""},
		{"{\"default_percent\":-1}", "default_percent is not a number of percent from 0"},
		{"{\"default_percent\":\"1\"}", "default_percent is not a number"},
		{"{\"per_metric_percent\":[]}", "per_metric_percent is no object"},
		{"{\"per_metric_percent\":{\"worst\\u001b\":1}}", "there is no metric \"worst?\""},
		{"{\"per_metric_percent\":{\"worst_spread\":null}}", "worst_spread is not a number"},
		{"{\"default_percent\":1,\"default_percent\":2}", "duplicate"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct policy policy = policy_threshold(1), before = policy;
		struct ktstr_error err = {0};

		CHECK_EQ(policy_parse(sv_of(cases[i].text), &policy, &err), -EBADMSG);
		CHECK_HAS(err.msg, cases[i].why);
		CHECK_EQ(memcmp(&policy, &before, sizeof(policy)), 0);
	}
}

/* --- rows and filters --------------------------------------------------------------------------------- */

static json_t *record_of(const char *test, const char *kernel, bool passed, bool skipped, double migrations)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:[s,s],s:b,s:b,s:s,s:s,s:{s:f,s:i},s:{s:i}}", "test_name", test,
			 "kernel_version", kernel, "scheduler", "eevdf", "mode", "kvm", "active_flags",
			 "llc", "steal", "passed", passed, "skipped", skipped, "run_id", "r1",
			 "project_commit", "abc", "stats", "total_migrations", migrations,
			 "total_iterations", 1000, "monitor", "stall_count", 2);
}

static void add(struct rows *rows, const char *test, const char *kernel, bool passed, bool skipped,
		double migrations)
{
	json_t *record = record_of(test, kernel, passed, skipped, migrations);

	rows_push(rows, row_of(record));
	json_decref(record);
}

static void set(struct row *row, enum dimension dimension, const char *value)
{
	free(row->value[dimension]);
	row->value[dimension] = xstrdup(value);
}

TEST(a_row_has_a_records_dimensions_and_metrics)
{
	AUTO(rows_done) struct rows rows = {0};
	const struct row *row;

	add(&rows, "steady", "6.14.2", true, false, 7);
	row = &rows.at[0];
	CHECK_STR(row->value[DIM_KERNEL], "6.14.2");
	CHECK_STR(row->value[DIM_FLAGS], "llc,steal");
	CHECK_STR(row->value[DIM_TOPOLOGY], "");
	CHECK(row->passed && !row->skipped);
	CHECK(row->metrics.value[metric_find(sv_of("total_migrations"))] == 7);
	CHECK(row->metrics.value[metric_find(sv_of("stall_count"))] == 2);
	CHECK(!row->metrics.known[metric_find(sv_of("worst_spread"))]);
}

static bool matches(enum dimension dimension, const char *wanted, const struct row *row)
{
	AUTO(filter_done) struct filter filter = {0};
	struct sv rest = sv_of(wanted);

	while (rest.len) {
		struct sv value = sv_split(&rest, ' ');

		strings_push(&filter.values[dimension], xstrndup(value.data, value.len));
	}
	return filter_matches(&filter, row);
}

TEST(st2_a_kernel_of_two_segments_is_a_series)
{
	AUTO(rows_done) struct rows rows = {0};
	struct row *row;

	add(&rows, "steady", "6.14.2", true, false, 7);
	row = &rows.at[0];
	CHECK(matches(DIM_KERNEL, "6.14", row));
	CHECK(matches(DIM_KERNEL, "6.14.2", row));
	CHECK(matches(DIM_KERNEL, "6.15 6.14", row));
	CHECK(matches(DIM_KERNEL, "", row));
	CHECK(!matches(DIM_KERNEL, "6.1", row));
	CHECK(!matches(DIM_KERNEL, "6", row));
	CHECK(!matches(DIM_KERNEL, "6.14.1", row));
	set(row, DIM_KERNEL, "6.14");
	CHECK(matches(DIM_KERNEL, "6.14", row));
	set(row, DIM_KERNEL, "6.140.1");
	CHECK(!matches(DIM_KERNEL, "6.14", row));
	set(row, DIM_KERNEL, "6.14.20");
	CHECK(!matches(DIM_KERNEL, "6.14.2", row));
}

TEST(st2_one_value_of_a_dimension_will_do_but_all_flags_must_be_there)
{
	AUTO(rows_done) struct rows rows = {0};
	struct filter part = {.name_part = "tead"};

	add(&rows, "steady", "6.14.2", true, false, 7);
	CHECK(matches(DIM_SCHEDULER, "x eevdf", &rows.at[0]));
	CHECK(!matches(DIM_SCHEDULER, "eev", &rows.at[0]));
	CHECK(matches(DIM_FLAGS, "steal llc", &rows.at[0]));
	CHECK(!matches(DIM_FLAGS, "steal borrow", &rows.at[0]));
	CHECK(filter_matches(&part, &rows.at[0]));
	part.name_part = "x";
	CHECK(!filter_matches(&part, &rows.at[0]));
}

TEST(st2_the_sides_slice_by_what_they_do_not_share)
{
	AUTO(filter_done) struct filter a = {0};
	AUTO(filter_done) struct filter b = {0};

	CHECK_EQ(filter_slicing(&a, &b), 0);
	strings_push(&a.values[DIM_KERNEL], xstrdup("6.14"));
	CHECK_EQ(filter_slicing(&a, &b), 1 << DIM_KERNEL);
	strings_push(&a.values[DIM_KERNEL], xstrdup("6.15"));
	strings_push(&b.values[DIM_KERNEL], xstrdup("6.15"));
	CHECK_EQ(filter_slicing(&a, &b), 1 << DIM_KERNEL);
	strings_push(&b.values[DIM_KERNEL], xstrdup("6.14"));
	CHECK_EQ(filter_slicing(&a, &b), 0);        /* as sets they are equal */
	strings_push(&b.values[DIM_MODE], xstrdup("kvm"));
	CHECK_EQ(filter_slicing(&a, &b), 1 << DIM_MODE);
}

/* --- pairs ------------------------------------------------------------------------------------------- */

#define KERNEL_SLICED (1u << DIM_KERNEL)

TEST(st2_rows_of_a_key_are_averaged)
{
	AUTO(rows_done) struct rows rows = {0};
	AUTO(groups_done) struct groups groups = {0};
	struct ktstr_error err = {0};
	int migrations = metric_find(sv_of("total_migrations"));

	add(&rows, "steady", "6.14.1", true, false, 10);
	add(&rows, "other", "6.14.1", true, false, 1);
	add(&rows, "steady", "6.14.2", true, false, 20);
	rows.at[2].metrics.known[migrations + 1] = true;
	rows.at[2].metrics.value[migrations + 1] = 3;
	CHECK_EQ(groups_make(&rows, KERNEL_SLICED, true, &groups, &err), 0);
	CHECK_EQ(groups.len, 2);
	CHECK_STR(groups.at[0].key, "steady scheduler=eevdf project-commit=abc flag=llc,steal mode=kvm");
	CHECK_EQ(groups.at[0].rows, 2);
	CHECK(groups.at[0].mean.value[migrations] == 15);
	CHECK(groups.at[0].mean.value[migrations + 1] == 3);        /* over the one that has it */
	CHECK(group_is_sound(&groups.at[0]));
	groups_done(&groups);
	CHECK_EQ(groups_make(&rows, 0, true, &groups, &err), 0);
	CHECK_EQ(groups.len, 3);                                    /* the kernel parts them now */
}

TEST(st2_without_averaging_a_key_that_is_there_twice_is_named)
{
	AUTO(rows_done) struct rows rows = {0};
	AUTO(groups_done) struct groups groups = {0};
	struct ktstr_error err = {0};

	add(&rows, "steady", "6.14.1", true, false, 10);
	CHECK_EQ(groups_make(&rows, 0, false, &groups, &err), 0);
	groups_done(&groups);
	add(&rows, "steady", "6.14.1", true, false, 10);
	CHECK_EQ(groups_make(&rows, 0, false, &groups, &err), -EEXIST);
	CHECK_HAS(err.msg, "two records are \"steady kernel=6.14.1 ");
	CHECK_EQ(groups.len, 0);
}

/* also SC-6: a skip has passed, and is not compared */
TEST(st2_a_failed_or_skipped_member_marks_its_group)
{
	static const struct {
		bool passed, skipped;
	} bad[] = {{false, false}, {true, true}};

	for (int i = 0; i < 2; i++) {
		AUTO(rows_done) struct rows rows = {0};
		AUTO(groups_done) struct groups groups = {0};
		AUTO(comparison_done) struct comparison comparison = {0};
		struct policy policy = policy_default();

		add(&rows, "steady", "6.14.1", true, false, 10);
		add(&rows, "steady", "6.14.1", bad[i].passed, bad[i].skipped, 5000);
		CHECK_EQ(groups_make(&rows, 0, true, &groups, NULL), 0);
		CHECK(!group_is_sound(&groups.at[0]));
		CHECK(groups.at[0].mean.value[metric_find(sv_of("total_migrations"))] == 10);
		compare_groups(&groups, &groups, &policy, &comparison);
		CHECK_EQ(comparison.unsound, 1);
		CHECK_EQ(comparison.pairs, 0);
		CHECK_EQ(comparison.unchanged, 0);
	}
}

TEST(st2_commits_that_differ_are_mixed_and_dirty_ones_are_told)
{
	AUTO(rows_done) struct rows rows = {0};
	AUTO(groups_done) struct groups groups = {0};

	add(&rows, "steady", "6.14.1", true, false, 10);
	add(&rows, "steady", "6.14.1", true, false, 10);
	set(&rows.at[1], DIM_PROJECT_COMMIT, "def-dirty");
	CHECK_EQ(groups_make(&rows, 1u << DIM_PROJECT_COMMIT, true, &groups, NULL), 0);
	CHECK_EQ(groups.len, 1);
	CHECK_STR(groups.at[0].commit, "mixed");
	CHECK(groups.at[0].dirty);
}

TEST(runs_that_are_named_are_paired_across_commits_and_modes_never)
{
	AUTO(rows_done) struct rows rows = {0};
	AUTO(groups_done) struct groups groups = {0};

	add(&rows, "steady", "6.14.1", true, false, 10);
	add(&rows, "steady", "6.14.1", true, false, 10);
	set(&rows.at[1], DIM_PROJECT_COMMIT, "def");
	set(&rows.at[1], DIM_RUN, "r2");
	CHECK_EQ(groups_make(&rows, 0, true, &groups, NULL), 0);
	CHECK_EQ(groups.len, 2);
	groups_done(&groups);
	CHECK_EQ(groups_make(&rows, 1u << DIM_RUN, true, &groups, NULL), 0);
	CHECK_EQ(groups.len, 1);
	groups_done(&groups);
	set(&rows.at[1], DIM_MODE, "det");
	CHECK_EQ(groups_make(&rows, 1u << DIM_RUN, true, &groups, NULL), 0);
	CHECK_EQ(groups.len, 2);
}

static void compare_two(double a, double b, const char *mode, double iterations,
			struct comparison *comparison, const char *metric)
{
	AUTO(rows_done) struct rows left = {0};
	AUTO(rows_done) struct rows right = {0};
	AUTO(groups_done) struct groups before = {0};
	AUTO(groups_done) struct groups after = {0};
	struct policy policy = policy_default();
	struct rows *side[] = {&left, &right};

	for (int i = 0; i < 2; i++) {
		struct row *row;

		add(side[i], "steady", "6.14.1", true, false, 0);
		row = &side[i]->at[0];
		set(row, DIM_MODE, mode);
		row->metrics.value[metric_find(sv_of("total_iterations"))] = iterations;
		row->metrics.value[metric_find(sv_of("stall_count"))] = 0;
		row->metrics.value[metric_find(sv_of(metric))] = i ? b : a;
		row->metrics.known[metric_find(sv_of(metric))] = true;
	}
	CHECK_EQ(groups_make(&left, 0, true, &before, NULL), 0);
	CHECK_EQ(groups_make(&right, 0, true, &after, NULL), 0);
	compare_groups(&before, &after, &policy, comparison);
	for (size_t i = 0; i < comparison->differences.len; i++)
		CHECK(comparison->differences.at[i].before == a && comparison->differences.at[i].after == b);
}

TEST(st4_a_tail_ratio_wants_a_hundred_iterations)
{
	static const struct {
		double iterations;
		size_t regressions;
	} cases[] = {{99, 0}, {100, 1}};

	for (int i = 0; i < 2; i++) {
		AUTO(comparison_done) struct comparison comparison = {0};

		compare_two(1, 2, "kvm", cases[i].iterations, &comparison, "worst_wake_latency_tail_ratio");
		CHECK_EQ(comparison.regressions, cases[i].regressions);
		CHECK_EQ(comparison.differences.len, cases[i].regressions);
		CHECK_EQ(comparison.unchanged, 1);        /* the iterations themselves */
	}
}

/* In det all vCPUs share one instruction stream (DESIGN.md, fact 4). */
TEST(loop_counts_are_not_compared_in_det)
{
	static const struct {
		const char *mode, *metric;
		double a, b;
		size_t regressions;
	} cases[] = {
		{"kvm", "worst_iterations_per_worker", 1000, 500, 1},
		{"det", "worst_iterations_per_worker", 1000, 500, 0},
		{"det", "total_iterations", 1000, 500, 0},
		{"det", "worst_gap_ms", 100, 5000, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO(comparison_done) struct comparison comparison = {0};

		compare_two(cases[i].a, cases[i].b, cases[i].mode, 200, &comparison, cases[i].metric);
		CHECK_EQ(comparison.regressions, cases[i].regressions);
	}
}

TEST(st2_rows_without_a_partner_are_counted)
{
	AUTO(rows_done) struct rows left = {0};
	AUTO(rows_done) struct rows right = {0};
	AUTO(groups_done) struct groups a = {0};
	AUTO(groups_done) struct groups b = {0};
	AUTO(comparison_done) struct comparison comparison = {0};
	struct policy policy = policy_default();

	add(&left, "gone", "6.14.1", true, false, 1);
	add(&left, "stays", "6.14.1", true, false, 100);
	add(&right, "stays", "6.15.1", true, false, 200);
	add(&right, "new", "6.15.1", true, false, 1);
	add(&right, "newer", "6.15.1", true, false, 1);
	CHECK_EQ(groups_make(&left, KERNEL_SLICED, true, &a, NULL), 0);
	CHECK_EQ(groups_make(&right, KERNEL_SLICED, true, &b, NULL), 0);
	compare_groups(&a, &b, &policy, &comparison);
	CHECK_EQ(comparison.only_a, 1);
	CHECK_EQ(comparison.only_b, 2);
	CHECK_EQ(comparison.pairs, 1);
	CHECK_EQ(comparison.regressions, 1);
	CHECK_STR(metric_registry[comparison.differences.at[0].metric].name, "total_migrations");
}

RUN_TESTS();
