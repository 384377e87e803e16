/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h - records held against each other: which metrics there are, by what records differ, and
 * whether a difference counts. Pure: records in, differences out; reading them is the store's. Rules
 * ST-2 to ST-4 are those of shared/spec/2-capabilities.md 2.17.
 */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include <jansson.h>

#include "base/base.h"

/* --- metric.c: the registry (ST-4) ---------------------------------------------------------------- */

#define METRIC_COUNT 19

struct metric_def {
	const char *name;             /* a key of the record's stats, or of its monitor */
	bool higher_is_better;
	double abs, rel;              /* a change counts when it reaches both */
	const char *unit;
	double min_iterations;        /* the rows of both sides need so many to be judged by it */
	bool counts_loops;            /* in det vCPUs share one instruction stream: not compared there */
};

extern const struct metric_def metric_registry[METRIC_COUNT];

/* Its index in the registry; -1: there is none of this name. */
int metric_find(struct sv name);

struct metric_values {
	bool known[METRIC_COUNT];
	double value[METRIC_COUNT];
};

/* What a record has of them. Takes any JSON. */
struct metric_values metric_values_of(const json_t *record);

/* --- dimension.c: by what records differ ------------------------------------------------------------ */

enum dimension {
	DIM_KERNEL,
	DIM_SCHEDULER,
	DIM_TOPOLOGY,
	DIM_WORK_TYPE,
	DIM_PROJECT_COMMIT,
	DIM_KERNEL_COMMIT,
	DIM_RUN_SOURCE,
	DIM_FLAGS,
	DIM_MODE,          /* kvm, tcg, det: results of different modes are never averaged */
	DIM_RUN,           /* the run's id: only a filter, it pairs nothing */
	DIM_COUNT
};

/* "kernel", ...; with `flag` for DIM_FLAGS: the name of its option. */
const char *dimension_name(enum dimension dimension);

/* The record's value; "" when it has none. Flags are sorted as declared, with commas between. The caller's. */
char *dimension_value(const json_t *record, enum dimension dimension);

/* One record as comparing sees it. */
struct row {
	char *test;
	char *value[DIM_COUNT];
	bool passed, skipped;
	struct metric_values metrics;
};
void row_done(struct row *row);
DEFINE_VEC(rows, struct row, row_done)

struct row row_of(const json_t *record);

/* Values that are wanted; none: any. All of DIM_FLAGS must be there, of the others one. */
struct filter {
	struct strings values[DIM_COUNT];
	const char *name_part;        /* in the test's name; NULL: any. Borrowed */
};
void filter_done(struct filter *filter);
DEFINE_AUTO_DONE(struct filter, filter_done)

/* A kernel of two segments ("6.14") stands for all of its series; others are equal or not. */
bool filter_matches(const struct filter *filter, const struct row *row);

/* Dimensions in which the sides ask for other sets of values: bit (1 << dimension). */
uint32_t filter_slicing(const struct filter *a, const struct filter *b);

/* --- pair.c: rows of the same key, averaged --------------------------------------------------------- */

struct group {
	char *key;                    /* "test topology=1n1l2c1t ...": what it is called */
	char *test;
	size_t rows, passed, skipped;
	bool det;                     /* a row is of mode det */
	bool dirty;                   /* a row was built from changed sources */
	char *commit;                 /* project commit; "mixed" where rows differ; "" unknown */
	struct metric_values mean;    /* over the rows that passed and have the metric: */
	size_t samples[METRIC_COUNT]; /* so many */
};
void group_done(struct group *group);
DEFINE_VEC(groups, struct group, group_done)

/* Whether it may be compared: all of its rows passed, none was skipped. */
bool group_is_sound(const struct group *group);

/*
 * Rows by test name and all dimensions but the slicing ones and DIM_RUN, in the order of their first
 * rows. Where runs are sliced by, commits and source pair nothing either. !average: -EEXIST names a
 * key that two rows have.
 */
int groups_make(const struct rows *rows, uint32_t slicing, bool average, struct groups *ret_groups,
		struct ktstr_error *err);

/* --- policy.c: how much counts ------------------------------------------------------------------------ */

struct policy {
	double rel[METRIC_COUNT];
};

struct policy policy_default(void);
/* --threshold: percent for all metrics. */
struct policy policy_threshold(double percent);
/*
 * {"default_percent": 10, "per_metric_percent": {"worst_spread": 5}}, both optional. -EBADMSG with
 * words: names that are no metrics, keys of other names, what is no number from 0.
 */
int policy_parse(struct sv json, struct policy *ret_policy, struct ktstr_error *err);

/* --- compare.c ------------------------------------------------------------------------------------------ */

enum change { CHANGE_IGNORED, CHANGE_NONE, CHANGE_REGRESSION, CHANGE_IMPROVEMENT };

/*
 * ST-3: |b - a| >= abs and |b - a| / |a| >= rel, both inclusive; a = 0 makes the relative part 0.
 * Both 0: ignored.
 */
enum change change_of(const struct metric_def *metric, double rel, double a, double b);

struct difference {
	const struct group *a, *b;    /* borrowed */
	int metric;                   /* index in the registry */
	double before, after;
	enum change change;           /* regression or improvement */
};
DEFINE_VEC(differences, struct difference, vec_keep)

struct comparison {
	struct differences differences;     /* in the order of side A's groups and the registry */
	size_t pairs, regressions, improvements, unchanged;
	size_t unsound;               /* pairs with a side that failed or was skipped */
	size_t only_a, only_b;        /* keys without a partner */
};
void comparison_done(struct comparison *comparison);
DEFINE_AUTO_DONE(struct comparison, comparison_done)

/* The groups must outlive the differences. */
void compare_groups(const struct groups *a, const struct groups *b, const struct policy *policy,
		    struct comparison *ret_comparison);

#endif
