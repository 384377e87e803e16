/* SPDX-License-Identifier: BSD-2-Clause */
/* stats_compare.c - `ktstr stats compare` */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/stats.h"

#define POLICY_MAX (1u << 20)

static const char help_text[] =
	"usage: ktstr stats compare --a-X VALUE --b-X VALUE [OPTIONS]\n\n"
	"Compares two sets of stored results, A (before) and B (after). X is what results differ by:\n"
	"kernel, scheduler, topology, work-type, project-commit, kernel-commit, run-source, flag, mode,\n"
	"run (ktstr stats list-values). --X VALUE chooses for both sides, --a-X and --b-X for one, and\n"
	"count more; each may be repeated: one of the values will do, but all flags must be there. A\n"
	"kernel of two numbers (6.14) stands for its series.\n\n"
	"Results of the same test that agree in everything but what the sides differ by make a pair.\n"
	"Several on one side are averaged; one that failed or was skipped takes its pair out.\n"
	"A change counts when it reaches both the absolute and the relative limit of its metric\n"
	"(ktstr stats list-metrics).\n\n"
	"  -E PART              only tests with PART in their names\n"
	"      --no-average     each side must have one result of a kind\n"
	"      --threshold PCT  the relative limit of all metrics\n"
	"      --policy FILE    {\"default_percent\": 10, \"per_metric_percent\": {\"worst_spread\": 5}}\n"
	"      --dir DIR        results of a copied directory instead\n\n"
	"Exit status: 0 no regression, 1 a regression, 3 there was nothing to compare.\n";

enum { OPT_NO_AVERAGE = 256, OPT_THRESHOLD, OPT_POLICY, OPT_DIR, OPT_DIMENSION };
enum { SIDE_BOTH, SIDE_A, SIDE_B, SIDE_COUNT };

#define OPTION_COUNT (5 + DIM_COUNT * SIDE_COUNT + 1)
#define NAME_MAX_LEN 32

/* getopt's table; the dimensions' part of it is made from their names */
struct option_table {
	char names[DIM_COUNT * SIDE_COUNT][NAME_MAX_LEN];
	struct option options[OPTION_COUNT];
};

static void make_table(struct option_table *table)
{
	static const struct option fixed[] = {
		{"no-average", no_argument, NULL, OPT_NO_AVERAGE},
		{"threshold", required_argument, NULL, OPT_THRESHOLD},
		{"policy", required_argument, NULL, OPT_POLICY},
		{"dir", required_argument, NULL, OPT_DIR},
		{"help", no_argument, NULL, 'h'},
	};
	static const char *const prefixes[SIDE_COUNT] = {"", "a-", "b-"};
	size_t used = sizeof(fixed) / sizeof(*fixed);

	*table = (struct option_table){0};
	memcpy(table->options, fixed, sizeof(fixed));
	for (int i = 0; i < DIM_COUNT * SIDE_COUNT; i++) {
		snprintf(table->names[i], NAME_MAX_LEN, "%s%s", prefixes[i % SIDE_COUNT],
			 dimension_name((enum dimension)(i / SIDE_COUNT)));
		table->options[used++] = (struct option){.name = table->names[i],
							 .has_arg = required_argument,
							 .val = OPT_DIMENSION + i};
	}
}

struct options {
	struct stats_options stats;
	struct filter side[SIDE_COUNT];
	struct policy policy;
	const char *name_part, *policy_file;
	bool help, no_average, has_threshold;
};

static void options_done(struct options *options)
{
	for (int i = 0; i < SIDE_COUNT; i++)
		filter_done(&options->side[i]);
}
DEFINE_AUTO_DONE(struct options, options_done)

static int take_threshold(struct options *options)
{
	char *end;
	double percent = strtod(optarg, &end);

	if (end == optarg || *end || !isfinite(percent) || percent < 0)
		return cli_usage("stats compare", "--threshold %s: percent, from 0", optarg);
	options->policy = policy_threshold(percent);
	options->has_threshold = true;
	return 0;
}

static int take_option(int option, struct options *options)
{
	switch (option) {
	case 'E':
		options->name_part = optarg;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case OPT_NO_AVERAGE:
		options->no_average = true;
		return 0;
	case OPT_THRESHOLD:
		return take_threshold(options);
	case OPT_POLICY:
		options->policy_file = optarg;
		return 0;
	case OPT_DIR:
		options->stats.dir = optarg;
		return 0;
	default:
		option -= OPT_DIMENSION;
		strings_push(&options->side[option % SIDE_COUNT].values[option / SIDE_COUNT],
			     xstrdup(optarg));
		return 0;
	}
}

static int read_policy(struct options *options)
{
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	int r = file_read(AT_FDCWD, options->policy_file, POLICY_MAX, &text, &err);

	if (r == 0) {
		r = policy_parse(sv_bytes(buf_text(&text), text.len), &options->policy, &err);
		if (r < 0)
			(void)error_wrap(&err, r, "policy %s", options->policy_file);
	}
	return r < 0 ? stats_trouble(&err) : 0;
}

/* What was said for both sides holds for a side that says nothing itself. */
static void spread(struct options *options)
{
	for (int i = 0; i < DIM_COUNT * SIDE_COUNT; i++) {
		const struct strings *both = &options->side[SIDE_BOTH].values[i / SIDE_COUNT];
		struct strings *own = &options->side[i % SIDE_COUNT].values[i / SIDE_COUNT];

		if (i % SIDE_COUNT == SIDE_BOTH || own->len)
			continue;
		vec_each(value, both)
			strings_push(own, xstrdup(*value));
	}
	options->side[SIDE_A].name_part = options->side[SIDE_B].name_part = options->name_part;
}

static int parse(int argc, char **argv, struct options *options)
{
	struct option_table table;
	int option, status = 0;

	make_table(&table);
	options->policy = policy_default();
	opterr = 0;
	while (status == 0 &&
	       (option = getopt_long(argc, argv, ":E:h", table.options, NULL)) != -1) {
		if (option == ':' || option == '?')
			return cli_bad_option("stats compare", option, argv, table.options);
		status = take_option(option, options);
	}
	if (status || options->help)
		return status;
	if (optind < argc)
		return cli_usage("stats compare", "what is \"%s\"?", argv[optind]);
	if (options->has_threshold && options->policy_file)
		return cli_usage("stats compare", "--threshold or --policy, not both");
	spread(options);
	return options->policy_file ? read_policy(options) : 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

struct sides {
	struct groups a, b;
	struct comparison comparison;
};

static void sides_done(struct sides *sides)
{
	comparison_done(&sides->comparison);
	groups_done(&sides->a);
	groups_done(&sides->b);
}
DEFINE_AUTO_DONE(struct sides, sides_done)

static int group_side(const struct rows *all, const struct filter *filter, uint32_t slicing,
		      bool average, const char *name, struct groups *ret_groups, struct ktstr_error *err)
{
	struct rows chosen = {0};        /* borrows its elements */
	int r;

	vec_each(row, all) {
		if (filter_matches(filter, row))
			rows_push(&chosen, *row);
	}
	if (chosen.len == 0)
		r = error_set(err, -ENOENT, "no result matches (ktstr stats list-values)");
	else
		r = groups_make(&chosen, slicing, average, ret_groups, err);
	free(chosen.at);
	return r < 0 ? error_wrap(err, r, "side %s", name) : 0;
}

static int compare(const struct options *options, const struct rows *rows, uint32_t slicing,
		   struct sides *sides, struct ktstr_error *err)
{
	bool average = !options->no_average;
	int r = group_side(rows, &options->side[SIDE_A], slicing, average, "A", &sides->a, err);

	if (r == 0)
		r = group_side(rows, &options->side[SIDE_B], slicing, average, "B", &sides->b, err);
	if (r < 0)
		return r;
	compare_groups(&sides->a, &sides->b, &options->policy, &sides->comparison);
	if (sides->comparison.pairs + sides->comparison.unsound == 0)
		return error_set(err, -ENOENT, "no test is on both sides with the same %s",
				 "kernel, scheduler, topology, ... (ktstr stats list-values)");
	return 0;
}

/* --- printing ---------------------------------------------------------------------------------------- */

/* The test's name, or all that tells it from others of that name. */
static const char *label(const struct groups *groups, const struct group *group)
{
	size_t same = 0;

	vec_each(other, groups)
		same += strcmp(other->test, group->test) == 0;
	return same > 1 ? group->key : group->test;
}

static void put_titles(struct table *table, const char *const *titles)
{
	for (; *titles; titles++)
		table_add(table, xstrdup(*titles));
}

static void put_groups(const struct sides *sides, struct buf *text)
{
	AUTO(table_done) struct table table = {.columns = 5};
	struct {
		const struct groups *groups;
		const char *name;
	} side[] = {{&sides->a, "A"}, {&sides->b, "B"}};

	put_titles(&table, (const char *const[]){"SIDE", "GROUP", "PASSED", "SKIPPED", "COMMIT", NULL});
	for (int i = 0; i < 2; i++) {
		vec_each(group, side[i].groups) {
			table_add(&table, xstrdup(side[i].name));
			table_add(&table, xstrdup(label(side[i].groups, group)));
			table_add(&table, xasprintf("%zu/%zu", group->passed - group->skipped,
						    group->rows));
			table_add(&table, xasprintf("%zu", group->skipped));
			table_add(&table, xstrdup(group->commit && *group->commit ? group->commit : "-"));
		}
	}
	table_format(&table, text);
	buf_char(text, '\n');
}

static char *delta_of(const struct difference *difference)
{
	double delta = difference->after - difference->before;

	if (difference->before == 0)
		return xasprintf("%+.4g", delta);
	return xasprintf("%+.4g (%+.1f%%)", delta, delta / fabs(difference->before) * 100);
}

static void put_differences(const struct sides *sides, struct buf *text)
{
	AUTO(table_done) struct table table = {.columns = 6};

	put_titles(&table, (const char *const[]){"TEST", "METRIC", "A", "B", "DELTA", "VERDICT", NULL});
	vec_each(difference, &sides->comparison.differences) {
		const struct metric_def *metric = &metric_registry[difference->metric];

		table_add(&table, xstrdup(label(&sides->a, difference->a)));
		table_add(&table, xstrdup(metric->name));
		table_add(&table, xasprintf("%.4g%s", difference->before, metric->unit));
		table_add(&table, xasprintf("%.4g%s", difference->after, metric->unit));
		table_add(&table, delta_of(difference));
		table_add(&table, xstrdup(difference->change == CHANGE_REGRESSION ? "REGRESSION"
										  : "improvement"));
	}
	if (table.cells.len > table.columns) {
		table_format(&table, text);
		buf_char(text, '\n');
	}
}

static void put_counts(const struct comparison *comparison, struct buf *text)
{
	if (comparison->unsound)
		buf_printf(text, "not compared, for a result of theirs failed or was skipped: %zu\n",
			   comparison->unsound);
	if (comparison->only_b)
		buf_printf(text, "new in B: %zu\n", comparison->only_b);
	if (comparison->only_a)
		buf_printf(text, "missing in B: %zu\n", comparison->only_a);
	buf_printf(text, "summary: %zu regressions, %zu improvements, %zu unchanged\n",
		   comparison->regressions, comparison->improvements, comparison->unchanged);
}

static void warn_dirty(const struct groups *groups, const char *name)
{
	size_t dirty = 0;

	vec_each(group, groups)
		dirty += group->dirty;
	if (dirty)
		log_warn("side %s: %zu groups have results of sources with uncommitted changes", name,
			 dirty);
}

/* A run's id says which results are meant, not how they differ: it may stand beside another dimension. */
static int check_slicing(uint32_t slicing)
{
	AUTO(buf_done) struct buf names = {0};

	if (!slicing)
		return cli_usage("stats compare", "A and B are the same results: say by what they differ, as in "
					  "--a-kernel 6.14 --b-kernel 6.15");
	slicing &= ~(1u << DIM_RUN);
	if (__builtin_popcount(slicing) < 2)
		return 0;
	for (int i = 0; i < DIM_COUNT; i++)
		if (slicing >> i & 1)
			buf_printf(&names, "%s%s", names.len ? ", " : "",
				   dimension_name((enum dimension)i));
	log_warn("the sides differ in more than one way (%s): a change may come of any", buf_text(&names));
	return 0;
}

static int run(const struct options *options, struct ktstr_error *err)
{
	uint32_t slicing = filter_slicing(&options->side[SIDE_A], &options->side[SIDE_B]);
	AUTO(run_store_free) struct run_store *store = NULL;
	AUTO(rows_done) struct rows rows = {0};
	AUTO(sides_done) struct sides sides = {0};
	AUTO(buf_done) struct buf text = {0};
	int status = check_slicing(slicing), r;

	if (status == 0)
		status = stats_open(&options->stats, &store);
	if (status)
		return status;
	r = run_store_list_rows(store, &rows, err);
	if (r == 0)
		r = compare(options, &rows, slicing, &sides, err);
	if (r < 0)
		return r;
	warn_dirty(&sides.a, "A");
	warn_dirty(&sides.b, "B");
	put_groups(&sides, &text);
	put_differences(&sides, &text);
	put_counts(&sides.comparison, &text);
	status = stats_print(&text);
	return status ? status : sides.comparison.regressions > 0;
}

int stats_compare(int argc, char **argv)
{
	AUTO(options_done) struct options options = {0};
	struct ktstr_error err = {0};
	int status = parse(argc, argv, &options), r;

	if (status)
		return status;
	if (options.help)
		return cli_help(help_text);
	r = run(&options, &err);
	return r < 0 ? stats_trouble(&err) : r;
}
