/* SPDX-License-Identifier: BSD-2-Clause */
/* stats_show.c - runs and records for people */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/stats.h"
#include "host/host.h"
#include "outcome/record.h"
#include "run/run.h"

static void record_done(json_t **record)
{
	json_decref(*record);
}
DEFINE_VEC(records, json_t *, record_done)

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* "a/result.json", the directory that has it, or that directory below the results. NULL: none of them. */
static char *result_path(const struct stats_options *options, const char *word)
{
	AUTO(free) char *own = xasprintf("%s/result.json", word);
	AUTO(free) char *runs = options->dir ? xstrdup(options->dir) : runs_dir();
	AUTO(free) char *below = xasprintf("%s/%s/result.json", runs, word);
	struct stat st;

	if (stat(word, &st) == 0 && S_ISREG(st.st_mode))
		return xstrdup(word);
	return is_there(own) ? TAKE_PTR(own) : is_there(below) ? TAKE_PTR(below) : NULL;
}

static int newest_run(const struct stats_options *options, struct run_store *store, char **ret_id,
		      struct ktstr_error *err)
{
	AUTO(free) char *runs_path = options->dir ? xstrdup(options->dir) : runs_dir();
	AUTO(stored_runs_done) struct stored_runs runs = {0};
	int r = run_store_list_runs(store, &runs, err);

	if (r < 0)
		return r;
	if (runs.len == 0)
		return error_set(err, -ENOENT, "there are no results yet in %s", runs_path);
	*ret_id = xstrdup(runs.at[0].id);
	return 0;
}

static int load_run(const struct stats_options *options, struct run_store *store, const char *word, struct records *records,
		    struct ktstr_error *err)
{
	AUTO(strings_done) struct strings dirs = {0};
	AUTO(free) char *id = word ? xstrdup(word) : NULL;
	int r = id ? 0 : newest_run(options, store, &id, err);

	if (r == 0)
		r = run_store_list_results(store, id, &dirs, err);
	for (size_t i = 0; r == 0 && i < dirs.len; i++) {
		json_t *record = NULL;

		r = record_load(dirs.at[i], &record, err);
		if (r == 0)
			records_push(records, record);
	}
	return r;
}

/* SC-5: what --dir names is an archive, whatever its records were when they were made. */
static void mark_archive(const struct stats_options *options, struct records *records)
{
	vec_each(record, records) {
		if (options->dir)
			json_object_set_new(*record, "run_source", json_string("archive"));
	}
}

/* The records that are meant; *ret_single: one result, and no run. */
static int load(const struct stats_options *options, const char *word, struct records *records,
		bool *ret_single)
{
	AUTO(free) char *path = word ? result_path(options, word) : NULL;
	AUTO(run_store_free) struct run_store *store = NULL;
	struct ktstr_error err = {0};
	int status, r;

	*ret_single = path;
	if (path) {
		json_t *record = NULL;

		r = record_load(path, &record, &err);
		if (r == 0)
			records_push(records, record);
	} else {
		status = stats_open(options, &store);
		if (status)
			return status;
		r = load_run(options, store, word, records, &err);
	}
	mark_archive(options, records);
	return r < 0 ? stats_trouble(&err) : 0;
}

/* --- a run ------------------------------------------------------------------------------------------- */

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static void put_run(const struct records *records, struct buf *text)
{
	AUTO(table_done) struct table table = {.columns = 6};
	size_t counts[KTSTR_ERROR + 1] = {0};

	if (records->len)
		buf_printf(text, "run %s, %s\n\n", or_dash(record_text(records->at[0], "run_id")),
			   or_dash(record_text(records->at[0], "timestamp")));
	for (const char *const *title =
		     (const char *const[]){"", "TEST", "TOPOLOGY", "SCHEDULER", "MODE", "TIME", NULL};
	     *title; title++)
		table_add(&table, xstrdup(*title));
	vec_each(record, records) {
		const json_t *run = json_object_get(*record, "run");
		enum ktstr_state state = KTSTR_ERROR;

		(void)state_parse(sv_of(record_state(*record)), &state);        /* record_load() has checked it */
		counts[state]++;
		table_add(&table, xstrdup(record_state(*record)));
		table_add(&table, xstrdup(record_text(*record, "test_name")));
		table_add(&table, xstrdup(or_dash(record_text(*record, "topology"))));
		table_add(&table, xstrdup(or_dash(record_text(*record, "scheduler"))));
		table_add(&table, xstrdup(or_dash(record_text(*record, "mode"))));
		table_add(&table, xasprintf("%.1f s", (double)record_number(run, "host_ns") / NS_PER_S));
	}
	table_format(&table, text);
	buf_char(text, '\n');
	for (int state = KTSTR_PASS; state <= KTSTR_ERROR; state++)
		buf_printf(text, "%s%zu %s", state > KTSTR_PASS ? ", " : "", counts[state],
			   state_row((enum ktstr_state)state)->word);
	buf_char(text, '\n');
}

/* --- a record ---------------------------------------------------------------------------------------- */

static void put_value(const char *key, const json_t *value, struct buf *text)
{
	AUTO(free) char *dump = NULL;

	if (json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0))
		return;
	if (json_is_string(value)) {
		buf_printf(text, "%s: %s\n", key, json_string_value(value));
		return;
	}
	dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	buf_printf(text, "%s: %s\n", key, dump);
}

static void put_details(const json_t *details, struct buf *text)
{
	for (size_t i = 0; i < json_array_size(details); i++) {
		const json_t *detail = json_array_get(details, i);

		buf_printf(text, "  %s: %s\n", or_dash(record_text(detail, "kind")),
			   or_dash(record_text(detail, "text")));
	}
}

static void put_metrics(const json_t *stats, struct buf *text)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)stats, key, value) {
		AUTO(free) char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

		buf_printf(text, "  %s: %s\n", key, dump);
	}
}

/* Long texts are in files of their own beside result.json. */
static bool is_shown_apart(const char *key)
{
	for (const char *const *apart =
		     (const char *const[]){"outcome", "stats", "host", "test_output", "scheduler_log",
					   "console_tail", "passed", "skipped", "test_name", NULL};
	     *apart; apart++)
		if (strcmp(key, *apart) == 0)
			return true;
	return false;
}

static void put_record(const json_t *record, struct buf *text)
{
	const json_t *outcome = json_object_get(record, "outcome");
	const json_t *stats = json_object_get(record, "stats");

	buf_printf(text, "%s  %s\n", record_state(record), record_text(record, "test_name"));
	put_details(json_object_get(outcome, "details"), text);
	for (const struct record_field *field = record_fields; field->key; field++)
		if (!is_shown_apart(field->key))
			put_value(field->key, json_object_get(record, field->key), text);
	if (json_object_size(stats))
		buf_str(text, "stats:\n");
	put_metrics(stats, text);
}

int stats_show(const struct stats_options *options, const char *word)
{
	AUTO(records_done) struct records records = {0};
	AUTO(buf_done) struct buf text = {0};
	bool single = false;
	int status = load(options, word, &records, &single);

	if (status)
		return status;
	if (single)
		put_record(records.at[0], &text);
	else
		put_run(&records, &text);
	return stats_print(&text);
}

int stats_summary(const struct stats_options *options)
{
	return stats_show(options, NULL);
}

/* --- its host ---------------------------------------------------------------------------------------- */

static int read_host(const json_t *record, struct host_context *ret_host, struct ktstr_error *err)
{
	const json_t *host = json_object_get(record, "host");

	if (json_is_null(host))
		return error_set(err, -ENODATA, "its record says nothing of the host (ktstr stats explain)");
	return host_context_from_json(host, ret_host, err);
}

/* The first test's host, and how the last one's differs. */
static int put_hosts(const struct records *records, struct buf *text, struct ktstr_error *err)
{
	AUTO(host_context_done) struct host_context first = {0};
	AUTO(host_context_done) struct host_context last = {0};
	AUTO(buf_done) struct buf changes = {0};
	int r = read_host(records->at[0], &first, err);

	if (r == 0)
		r = read_host(records->at[records->len - 1], &last, err);
	if (r < 0)
		return r;
	host_context_format(&first, text);
	host_context_diff(&first, &last, &changes);
	if (changes.len)
		buf_printf(text, "\nchanged until its last test:\n%s", buf_text(&changes));
	return 0;
}

int stats_show_host(const struct stats_options *options, const char *word)
{
	AUTO(records_done) struct records records = {0};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	bool single;
	int status;

	if (!word)
		return cli_usage("stats", "show-host wants --run RUN (ktstr stats list names them)");
	status = load(options, word, &records, &single);
	if (status)
		return status;
	return put_hosts(&records, &text, &err) < 0 ? stats_trouble(&err) : stats_print(&text);
}

/* --- why something is absent --------------------------------------------------------------------------- */

static size_t count_absent(const struct records *records, const char *key)
{
	size_t absent = 0;

	vec_each(record, records) {
		const json_t *value = json_object_get(*record, key);

		absent += json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
	}
	return absent;
}

int stats_explain(const struct stats_options *options, const char *word)
{
	AUTO(records_done) struct records records = {0};
	AUTO(buf_done) struct buf text = {0};
	bool single;
	int status = load(options, word, &records, &single);
	json_t *json;

	if (status)
		return status;
	json = json_object();
	for (const struct record_field *field = record_fields; field->key; field++) {
		size_t absent = count_absent(&records, field->key);
		const char *why = field->why ?: "it never should be: the record is not whole";

		if (!absent)
			continue;
		buf_str(&text, field->key);
		if (!single)
			buf_printf(&text, " (in %zu of %zu)", absent, records.len);
		buf_printf(&text, ": %s\n", why);
		json_object_set_new(json, field->key,
				    json_pack("{s:I,s:I,s:s}", "absent_in", (json_int_t)absent, "of",
					      (json_int_t)records.len, "why", why));
	}
	if (options->json) {
		AUTO(free) char *dump = json_dumps(json, JSON_INDENT(2));

		buf_clear(&text);
		buf_printf(&text, "%s\n", dump);
	}
	json_decref(json);
	return stats_print(&text);
}
