/* SPDX-License-Identifier: BSD-2-Clause */
/* stats.c - `ktstr stats`: its words, and what lists */
#include "cli/stats.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "run/run.h"

static const char help_text[] =
	"usage: ktstr stats [COMMAND] [--dir DIR]\n\n"
	"Stored results: those in KTSTR_RUNS_DIR, or in the copy of such a directory that --dir names,\n"
	"which is only read. Without a COMMAND: the tests of the newest run.\n\n"
	"  list                     all runs: id, tests, date, architecture, how they ended\n"
	"  show [RUN|RESULT]        the tests of a run, or one result; RESULT is a result.json, the\n"
	"                           directory that has it, or RUN/NAME-OF-THAT-DIRECTORY\n"
	"  show-host --run RUN      the host that a run was found on, and what changed during it\n"
	"  explain [RUN|RESULT]     for every absent field of a record why it may be absent\n"
	"                           (explain-sidecar is another name; --run RUN, --json)\n"
	"  list-metrics [--json]    the metrics that are compared, and how much of a change counts\n"
	"  list-values [--json]     what results differ by: kernels, schedulers, topologies, ...\n"
	"  compare ...              two sets of results against each other (compare --help)\n";

int stats_trouble(const struct ktstr_error *err)
{
	log_error("%s", err->msg);
	return EXIT_TROUBLE;
}

int stats_print(const struct buf *text)
{
	return cli_help(buf_text(text));
}

/* Where nothing can be written, the index is made in memory. */
static int open_store(const struct stats_options *options, struct run_store **ret_store,
		      struct ktstr_error *err)
{
	AUTO(free) char *runs = options->dir ? NULL : runs_dir();

	if (options->dir)
		return run_store_open_memory(options->dir, "archive", ret_store, err);
	if (access(runs, F_OK) < 0 && errno == ENOENT)
		return error_set(err, -ENOENT, "there are no results yet: %s does not exist", runs);
	if (access(runs, W_OK) < 0)
		return run_store_open_memory(runs, NULL, ret_store, err);
	return run_store_open(runs, true, ret_store, err);
}

int stats_open(const struct stats_options *options, struct run_store **ret_store)
{
	AUTO(run_store_sync_report_done) struct run_store_sync_report report = {0};
	AUTO(run_store_free) struct run_store *store = NULL;
	struct ktstr_error err = {0};
	int r = open_store(options, &store, &err);

	if (r == 0)
		r = run_store_sync(store, &report, &err);
	if (r < 0)
		return stats_trouble(&err);
	if (report.unreadable)
		log_warn("%zu result%s cannot be read: %s", report.unreadable,
			 report.unreadable == 1 ? "" : "s", report.why);
	*ret_store = TAKE_PTR(store);
	return 0;
}

/* --- tables ------------------------------------------------------------------------------------------ */

void table_add(struct table *table, char *cell)
{
	strings_push(&table->cells, cell);
}

/* Columns of a terminal, near enough: a code point each. */
static int width(const char *text)
{
	int count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

void table_format(const struct table *table, struct buf *out)
{
	AUTO(free) int *widths = xcalloc(table->columns, sizeof(*widths));

	for (size_t i = 0; i < table->cells.len; i++)
		if (width(table->cells.at[i]) > widths[i % table->columns])
			widths[i % table->columns] = width(table->cells.at[i]);
	for (size_t i = 0; i < table->cells.len; i++) {
		const char *cell = table->cells.at[i];
		bool last = i % table->columns == table->columns - 1;

		buf_printf(out, "%s%*s", cell, last ? 0 : widths[i % table->columns] - width(cell) + 2, "");
		if (last)
			buf_char(out, '\n');
	}
}

/* --- lists ------------------------------------------------------------------------------------------- */

static char *date_of(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	char stamp[32];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm))
		return xstrdup("?");
	return xstrdup(stamp);
}

static char *counts_of(const struct stored_run *run)
{
	AUTO(buf_done) struct buf text = {0};

	for (int state = KTSTR_PASS; state <= KTSTR_ERROR; state++)
		if (run->count[state])
			buf_printf(&text, "%s%zu %s", text.len ? ", " : "", run->count[state],
				   state_row((enum ktstr_state)state)->word);
	return buf_take(&text);
}

static int list(const struct stats_options *options)
{
	AUTO(run_store_free) struct run_store *store = NULL;
	AUTO(stored_runs_done) struct stored_runs runs = {0};
	AUTO(table_done) struct table table = {.columns = 5};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	int status = stats_open(options, &store);

	if (status)
		return status;
	if (run_store_list_runs(store, &runs, &err) < 0)
		return stats_trouble(&err);
	for (const char *const *title = (const char *const[]){"RUN", "TESTS", "DATE", "ARCH", "ENDED", NULL};
	     *title; title++)
		table_add(&table, xstrdup(*title));
	vec_each(run, &runs) {
		table_add(&table, xstrdup(run->id));
		table_add(&table, xasprintf("%zu", run->tests));
		table_add(&table, date_of(run->started_unix_ns));
		table_add(&table, xstrdup(run->arch ?: "?"));
		table_add(&table, counts_of(run));
	}
	table_format(&table, &text);
	return stats_print(&text);
}

static int print_json(json_t *json)
{
	AUTO(free) char *dump = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	AUTO(buf_done) struct buf text = {0};

	json_decref(json);
	buf_printf(&text, "%s\n", dump);
	return stats_print(&text);
}

static int list_metrics(const struct stats_options *options)
{
	AUTO(table_done) struct table table = {.columns = 5};
	AUTO(buf_done) struct buf text = {0};
	json_t *list = json_array();

	for (const char *const *title = (const char *const[]){"METRIC", "BETTER", "ABS", "REL", "UNIT", NULL};
	     *title; title++)
		table_add(&table, xstrdup(*title));
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_def *metric = &metric_registry[i];
		const char *better = metric->higher_is_better ? "higher" : "lower";

		table_add(&table, xstrdup(metric->name));
		table_add(&table, xstrdup(better));
		table_add(&table, xasprintf("%g", metric->abs));
		table_add(&table, xasprintf("%g %%", metric->rel * 100));
		table_add(&table, xstrdup(metric->unit));
		json_array_append_new(list, json_pack("{s:s,s:s,s:f,s:f,s:s}", "name", metric->name,
						      "better", better, "abs", metric->abs, "rel",
						      metric->rel, "unit", metric->unit));
	}
	if (options->json)
		return print_json(list);
	json_decref(list);
	table_format(&table, &text);
	return stats_print(&text);
}

/* value to how many records have it, in the order of the newest */
static json_t *count_values(const struct rows *rows, enum dimension dimension)
{
	json_t *values = json_object();

	vec_each(row, rows) {
		const char *value = row->value[dimension];

		if (*value)
			json_object_set_new(values, value,
					    json_integer(json_integer_value(json_object_get(values, value)) + 1));
	}
	return values;
}

static void put_values(const char *name, json_t *values, struct buf *text)
{
	const char *value;
	json_t *count;

	buf_printf(text, "%s:%s\n", name, json_object_size(values) ? "" : " (none)");
	json_object_foreach(values, value, count)
		buf_printf(text, "  %s (%lld)\n", value, (long long)json_integer_value(count));
}

static int list_values(const struct stats_options *options)
{
	AUTO(run_store_free) struct run_store *store = NULL;
	AUTO(rows_done) struct rows rows = {0};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	json_t *all;
	int status = stats_open(options, &store);

	if (status)
		return status;
	if (run_store_list_rows(store, &rows, &err) < 0)
		return stats_trouble(&err);
	all = json_object();
	for (int i = 0; i < DIM_COUNT; i++) {
		const char *name = dimension_name((enum dimension)i);

		json_object_set_new(all, name, count_values(&rows, (enum dimension)i));
		put_values(name, json_object_get(all, name), &text);
	}
	if (options->json)
		return print_json(all);
	json_decref(all);
	return stats_print(&text);
}

/* --- words ------------------------------------------------------------------------------------------- */

enum { OPT_DIR = 256, OPT_RUN, OPT_JSON };

static int parse(int argc, char **argv, struct stats_options *options)
{
	static const struct option long_options[] = {
		{"dir", required_argument, NULL, OPT_DIR},
		{"run", required_argument, NULL, OPT_RUN},
		{"json", no_argument, NULL, OPT_JSON},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (option == 'h')
			return cli_help(help_text) ?: -1;
		if (option == OPT_DIR)
			options->dir = optarg;
		else if (option == OPT_RUN)
			options->run = optarg;
		else if (option == OPT_JSON)
			options->json = true;
		else
			return cli_bad_option("stats", option, argv, long_options);
	}
	return 0;
}

int cli_stats(int argc, char **argv)
{
	struct stats_options options = {0};
	const char *command, *word;
	int status;

	if (argc > 1 && strcmp(argv[1], "compare") == 0)
		return stats_compare(argc - 1, argv + 1);
	status = parse(argc, argv, &options);
	if (status)
		return status < 0 ? 0 : status;
	command = optind < argc ? argv[optind] : "";
	word = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (optind + 2 < argc)
		return cli_usage("stats", "what is \"%s\"?", argv[optind + 2]);
	if (word && options.run)
		return cli_usage("stats", "\"%s\" or --run %s, not both", word, options.run);
	word = word ?: options.run;
	if (strcmp(command, "show") == 0)
		return stats_show(&options, word);
	if (strcmp(command, "show-host") == 0)
		return stats_show_host(&options, word);
	if (strcmp(command, "explain") == 0 || strcmp(command, "explain-sidecar") == 0)
		return stats_explain(&options, word);
	if (word)
		return cli_usage("stats", "what is \"%s\"?", word);
	if (!*command)
		return stats_summary(&options);
	if (strcmp(command, "list") == 0)
		return list(&options);
	if (strcmp(command, "list-metrics") == 0)
		return list_metrics(&options);
	if (strcmp(command, "list-values") == 0)
		return list_values(&options);
	return cli_usage("stats", "there is no \"%s\"", command);
}
