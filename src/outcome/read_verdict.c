/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_verdict.c - a guest's verdict, from hostile bytes. What is kept is copied into new values
 * field by field, so nothing that the tables below do not name gets into an outcome.
 */
#include <errno.h>
#include <string.h>

#include "outcome/merge.h"

#define OUTPUT_TAIL_MAX 8192        /* of a payload's streams; what is no text grows when cleaned */

enum field_type {
	FIELD_TEXT,
	FIELD_COUNT,
	FIELD_INTEGER,
	FIELD_REAL,
	FIELD_BOOL,
	FIELD_KNOWN_BOOL,        /* null: it could not be found out */
	FIELD_CPUS,
	FIELD_OP_KINDS,
	FIELD_MOVES,
	FIELD_PAGES,             /* null: they could not be counted */
	FIELD_OUTPUT,            /* a longer text of several lines */
	FIELD_PAYLOAD_METRICS,
};

struct field {
	const char *name;
	enum field_type type;
};

static const char *const type_words[] = {
	[FIELD_TEXT] = "a string",
	[FIELD_COUNT] = "a whole number that is not negative",
	[FIELD_INTEGER] = "a whole number",
	[FIELD_REAL] = "a number",
	[FIELD_BOOL] = "true or false",
	[FIELD_KNOWN_BOOL] = "true, false or null",
	[FIELD_CPUS] = "a list of CPUs",
	[FIELD_OP_KINDS] = "an array of kinds of operations",
	[FIELD_MOVES] = "an array of moves",
	[FIELD_PAGES] = "null or an array of pages by node",
	[FIELD_OUTPUT] = "a string",
	[FIELD_PAYLOAD_METRICS] = "a list of metrics",
};

/* As verdict_to_json() writes struct worker_report and its like. */
static const struct field worker_fields[] = {
	{"cgroup", FIELD_TEXT},
	{"index", FIELD_COUNT},
	{"tid", FIELD_INTEGER},
	{"completed", FIELD_BOOL},
	{"wait_status", FIELD_INTEGER},
	{"work_units", FIELD_COUNT},
	{"iterations", FIELD_COUNT},
	{"wall_ns", FIELD_COUNT},
	{"cpu_ns", FIELD_COUNT},
	{"run_delay_ns", FIELD_COUNT},
	{"sched_run_ns", FIELD_COUNT},
	{"timeslices", FIELD_COUNT},
	{"migrations", FIELD_COUNT},
	{"max_gap_ns", FIELD_COUNT},
	{"max_gap_at_ns", FIELD_COUNT},
	{"max_gap_cpu", FIELD_INTEGER},
	{"cpus", FIELD_CPUS},
	{"scheduler_known", FIELD_BOOL},
	{"ext_enabled", FIELD_KNOWN_BOOL},
	{"wake_count", FIELD_COUNT},
	{"wake_ns_p50", FIELD_COUNT},
	{"wake_ns_p99", FIELD_COUNT},
	{"wake_ns_max", FIELD_COUNT},
	{"role", FIELD_COUNT},
	{"messenger", FIELD_BOOL},
	{"host", FIELD_BOOL},
	{"start_ns", FIELD_COUNT},
	{"moves", FIELD_MOVES},
	{"pages", FIELD_PAGES},
	{NULL, FIELD_TEXT},
};

static const struct field cgroup_fields[] = {
	{"name", FIELD_TEXT},
	{"workers", FIELD_COUNT},
	{"cpus", FIELD_COUNT},
	{"off_cpu_pct_avg", FIELD_REAL},
	{"off_cpu_pct_min", FIELD_REAL},
	{"off_cpu_pct_max", FIELD_REAL},
	{"spread_pct", FIELD_REAL},
	{"max_gap_ms", FIELD_REAL},
	{"max_gap_cpu", FIELD_INTEGER},
	{"migrations", FIELD_COUNT},
	{"iterations", FIELD_COUNT},
	{"run_delay_us_mean", FIELD_REAL},
	{"run_delay_us_worst", FIELD_REAL},
	{"wake_us_p99", FIELD_REAL},
	{"wake_us_median", FIELD_REAL},
	{"wake_cv", FIELD_REAL},
	{"wake_tail_ratio", FIELD_REAL},
	{"migration_ratio", FIELD_REAL},
	{"iterations_per_worker", FIELD_REAL},
	{"page_locality", FIELD_REAL},
	{"cross_node_migration_ratio", FIELD_REAL},
	{"slow_tier_ratio", FIELD_REAL},
	{"weight_shortfall_pct", FIELD_REAL},
	{NULL, FIELD_TEXT},
};

static const struct field totals_fields[] = {
	{"total_workers", FIELD_COUNT},
	{"total_cpus", FIELD_COUNT},
	{"total_migrations", FIELD_COUNT},
	{"total_iterations", FIELD_COUNT},
	{"worst_spread", FIELD_REAL},
	{"worst_gap_ms", FIELD_REAL},
	{"worst_gap_cpu", FIELD_INTEGER},
	{"worst_migration_ratio", FIELD_REAL},
	{"worst_p99_wake_latency_us", FIELD_REAL},
	{"worst_median_wake_latency_us", FIELD_REAL},
	{"worst_wake_latency_cv", FIELD_REAL},
	{"worst_wake_latency_tail_ratio", FIELD_REAL},
	{"worst_mean_run_delay_us", FIELD_REAL},
	{"worst_run_delay_us", FIELD_REAL},
	{"worst_page_locality", FIELD_REAL},
	{"worst_cross_node_migration_ratio", FIELD_REAL},
	{"worst_iterations_per_worker", FIELD_REAL},
	{NULL, FIELD_TEXT},
};

static const struct field payload_metric_fields[] = {
	{"name", FIELD_TEXT},
	{"value", FIELD_REAL},
	{"polarity", FIELD_TEXT},
	{"target", FIELD_REAL},
	{"unit", FIELD_TEXT},
	{"source", FIELD_TEXT},
	{"stream", FIELD_TEXT},
	{NULL, FIELD_TEXT},
};

static const struct field payload_fields[] = {
	{"payload_index", FIELD_COUNT},
	{"payload", FIELD_TEXT},
	{"exit_code", FIELD_INTEGER},
	{"metrics", FIELD_PAYLOAD_METRICS},
	{"stdout_tail", FIELD_OUTPUT},
	{"stderr_tail", FIELD_OUTPUT},
	{NULL, FIELD_TEXT},
};

static const struct field event_fields[] = {
	{"name", FIELD_TEXT},
	{"elapsed_ns", FIELD_COUNT},
	{"step", FIELD_COUNT},
	{"end", FIELD_BOOL},
	{"op_count", FIELD_COUNT},
	{"op_kinds", FIELD_OP_KINDS},
	{"cgroups", FIELD_COUNT},
	{"workers", FIELD_COUNT},
	{"iterations", FIELD_COUNT},
	{"cpu_ns", FIELD_COUNT},
	{"wait_ns", FIELD_COUNT},
	{NULL, FIELD_TEXT},
};

static const struct field move_fields[] = {
	{"at_ns", FIELD_COUNT},
	{"from", FIELD_INTEGER},
	{"to", FIELD_INTEGER},
	{NULL, FIELD_TEXT},
};

static const struct field window_fields[] = {
	{"wall_ns", FIELD_COUNT},
	{"cpus", FIELD_COUNT},
	{"idle_ns", FIELD_COUNT},
	{"idle_cpus", FIELD_CPUS},
	{NULL, FIELD_TEXT},
};

static char *clean_string(const json_t *string, size_t max)
{
	return text_clean(sv_bytes(json_string_value(string), json_string_length(string)), max);
}

static json_t *copy_text(const json_t *value)
{
	AUTO(free) char *text = NULL;

	if (!json_is_string(value))
		return NULL;
	text = clean_string(value, VERDICT_METRIC_NAME_MAX);
	return json_string(text);
}

static json_t *copy_cpus(const json_t *value)
{
	AUTO(buf_done) struct buf list = {0};
	struct cpuset cpus;

	if (!json_is_string(value) || cpuset_parse(sv_of(json_string_value(value)), &cpus, NULL) < 0)
		return NULL;
	cpuset_format(&cpus, &list);
	return json_string(buf_text(&list));
}

static int copy_object(const json_t *from, const struct field *fields, const char *what,
		       json_t **ret_copy, struct ktstr_error *err);

/* A copy of an array with a value of copy_one() for each of its own; NULL when one has none. */
static json_t *copy_values(const json_t *array, size_t max, json_t *(*copy_one)(const json_t *))
{
	json_t *copies;

	if (!json_is_array(array) || json_array_size(array) > max)
		return NULL;
	copies = json_array();
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *copy = copy_one(json_array_get(array, i));

		if (!copy) {
			json_decref(copies);
			return NULL;
		}
		json_array_append_new(copies, copy);
	}
	return copies;
}

static json_t *copy_op_kind(const json_t *value)
{
	for (unsigned kind = KTSTR_OP_NONE + 1; json_is_string(value) && kind < KTSTR_OP_KIND_COUNT;
	     kind++) {
		if (strcmp(json_string_value(value), op_kind_name(kind)) == 0)
			return json_string(op_kind_name(kind));
	}
	return NULL;
}

static json_t *copy_move(const json_t *value)
{
	json_t *copy = NULL;

	(void)copy_object(value, move_fields, "a move", &copy, NULL);        /* NULL says it */
	return copy;
}

static json_t *copy_payload_metric(const json_t *value)
{
	json_t *copy = NULL;

	(void)copy_object(value, payload_metric_fields, "a metric", &copy, NULL);
	return copy;
}

static json_t *copy_output(const json_t *value)
{
	AUTO(free) char *text = NULL;

	if (!json_is_string(value))
		return NULL;
	text = clean_string(value, OUTPUT_TAIL_MAX);
	return json_string(text);
}

static json_t *copy_count(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 ?
		       json_integer(json_integer_value(value)) : NULL;
}

/* A new value, or NULL when this is none of the type. Jansson has refused what is not finite. */
static json_t *copy_field(const json_t *value, enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
		return copy_text(value);
	case FIELD_COUNT:
		return copy_count(value);
	case FIELD_INTEGER:
		return json_is_integer(value) ? json_integer(json_integer_value(value)) : NULL;
	case FIELD_REAL:
		return json_is_number(value) ? json_copy((json_t *)value) : NULL;
	case FIELD_BOOL:
		return json_is_boolean(value) ? json_boolean(json_is_true(value)) : NULL;
	case FIELD_KNOWN_BOOL:
		return json_is_null(value) ? json_null() : copy_field(value, FIELD_BOOL);
	case FIELD_CPUS:
		return copy_cpus(value);
	case FIELD_OP_KINDS:
		return copy_values(value, KTSTR_OP_KIND_COUNT, copy_op_kind);
	case FIELD_MOVES:
		return copy_values(value, WORKER_MOVES_MAX, copy_move);
	case FIELD_OUTPUT:
		return copy_output(value);
	case FIELD_PAYLOAD_METRICS:
		return copy_values(value, VERDICT_PAYLOAD_METRICS_MAX, copy_payload_metric);
	case FIELD_PAGES:
		return json_is_null(value) ? json_null() :
					     copy_values(value, WORKER_NODES_MAX, copy_count);
	}
	return NULL;
}

/* *ret_copy gets the named fields that are there; one of a wrong type refuses the whole. */
static int copy_object(const json_t *from, const struct field *fields, const char *what,
		       json_t **ret_copy, struct ktstr_error *err)
{
	json_t *copy;

	if (!json_is_object(from))
		return error_set(err, -EBADMSG, "%s is no object", what);
	copy = json_object();
	for (const struct field *field = fields; field->name; field++) {
		const json_t *value = json_object_get(from, field->name);
		json_t *copied = value ? copy_field(value, field->type) : NULL;

		if (copied)
			json_object_set_new(copy, field->name, copied);
		if (value && !copied) {
			json_decref(copy);
			return error_set(err, -EBADMSG, "%s: %s is not %s", what, field->name,
					 type_words[field->type]);
		}
	}
	*ret_copy = copy;
	return 0;
}

/* The array below key, or NULL when it is absent. */
static int bounded_array(const json_t *verdict, const char *key, size_t max,
			 const json_t **ret_array, struct ktstr_error *err)
{
	const json_t *array = json_object_get(verdict, key);

	*ret_array = NULL;
	if (!array || json_is_null(array))
		return 0;
	if (!json_is_array(array))
		return error_set(err, -EBADMSG, "%s is no array", key);
	if (json_array_size(array) > max)
		return error_set(err, -EBADMSG, "%s has %zu entries; at most %zu are taken", key,
				 json_array_size(array), max);
	*ret_array = array;
	return 0;
}

static int copy_array(const json_t *verdict, const char *key, const struct field *fields,
		      size_t max, json_t *into, struct ktstr_error *err)
{
	const json_t *array;
	int r = bounded_array(verdict, key, max, &array, err);

	for (size_t i = 0; r == 0 && i < json_array_size(array); i++) {
		json_t *copy = NULL;

		r = copy_object(json_array_get(array, i), fields, key, &copy, err);
		if (copy)
			json_array_append_new(into, copy);
	}
	return r;
}

static int copy_metrics(json_t *verdict, json_t *into, struct ktstr_error *err)
{
	json_t *metrics = json_object_get(verdict, "metrics"), *value;
	const char *name;

	if (!metrics || json_is_null(metrics))
		return 0;
	if (!json_is_object(metrics))
		return error_set(err, -EBADMSG, "metrics is no object");
	if (json_object_size(metrics) > VERDICT_METRICS_MAX)
		return error_set(err, -EBADMSG, "metrics has %zu entries; at most %d are taken",
				 json_object_size(metrics), VERDICT_METRICS_MAX);
	json_object_foreach(metrics, name, value) {
		AUTO(free) char *clean = text_clean(sv_of(name), VERDICT_METRIC_NAME_MAX);

		if (!json_is_number(value))
			return error_set(err, -EBADMSG, "metric %s is not a number", clean);
		json_object_set_new(into, clean, json_copy(value));
	}
	return 0;
}

/* The object below key; null when it is absent. */
static int copy_part(const json_t *verdict, const char *key, const struct field *fields,
		     json_t *stats, struct ktstr_error *err)
{
	const json_t *part = json_object_get(verdict, key);
	json_t *copy = NULL;
	int r = 0;

	if (part && !json_is_null(part))
		r = copy_object(part, fields, key, &copy, err);
	json_object_set_new(stats, key, copy ? copy : json_null());
	return r;
}

static int copy_cleanup(const json_t *verdict, json_t *stats, struct ktstr_error *err)
{
	const json_t *value = json_object_get(verdict, "cleanup_ns");
	json_t *copy = value ? copy_count(value) : json_integer(0);

	if (!copy)
		return error_set(err, -EBADMSG, "cleanup_ns is not %s", type_words[FIELD_COUNT]);
	json_object_set_new(stats, "cleanup_ns", copy);
	return 0;
}

static int read_detail(const json_t *from, struct details *details, struct ktstr_error *err)
{
	const json_t *word = json_object_get(from, "kind"), *text = json_object_get(from, "text");
	enum ktstr_kind kind;

	if (!json_is_string(word) || !json_is_string(text))
		return error_set(err, -EBADMSG, "a detail needs a kind and a text");
	if (!kind_parse(sv_bytes(json_string_value(word), json_string_length(word)), &kind)) {
		AUTO(free) char *clean = clean_string(word, VERDICT_METRIC_NAME_MAX);

		return error_set(err, -EBADMSG, "there is no kind \"%s\"", clean);
	}
	details_push(details,
		     (struct detail){.kind = kind,
				     .text = clean_string(text, VERDICT_DETAIL_TEXT_MAX)});
	return 0;
}

static int read_details(const json_t *verdict, struct details *details, struct ktstr_error *err)
{
	const json_t *array;
	int r = bounded_array(verdict, "details", VERDICT_DETAILS_MAX, &array, err);

	for (size_t i = 0; r == 0 && i < json_array_size(array); i++)
		r = read_detail(json_array_get(array, i), details, err);
	return r;
}

static int read_state(const json_t *verdict, enum ktstr_state *ret_state, struct ktstr_error *err)
{
	const json_t *word = json_object_get(verdict, "state");

	if (!json_is_string(word))
		return error_set(err, -EBADMSG, "it has no state");
	if (!state_parse(sv_bytes(json_string_value(word), json_string_length(word)), ret_state)) {
		AUTO(free) char *clean = clean_string(word, VERDICT_METRIC_NAME_MAX);

		return error_set(err, -EBADMSG, "there is no state \"%s\"", clean);
	}
	return 0;
}

/* All of it into *read, whose arrays and objects are there and empty. */
static int read_into(struct outcome *read, json_t *verdict, struct ktstr_error *err)
{
	int r = read_state(verdict, &read->state, err);

	if (r == 0)
		r = read_details(verdict, &read->details, err);
	if (r == 0)
		r = copy_array(verdict, "cgroups", cgroup_fields, VERDICT_CGROUPS_MAX,
			       json_object_get(read->stats, "cgroups"), err);
	if (r == 0)
		r = copy_part(verdict, "window", window_fields, read->stats, err);
	if (r == 0)
		r = copy_part(verdict, "totals", totals_fields, read->stats, err);
	if (r == 0)
		r = copy_array(verdict, "timeline", event_fields, VERDICT_TIMELINE_MAX,
			       json_object_get(read->stats, "timeline"), err);
	if (r == 0)
		r = copy_array(verdict, "payloads", payload_fields, VERDICT_PAYLOADS_MAX,
			       json_object_get(read->stats, "payloads"), err);
	if (r == 0)
		r = copy_cleanup(verdict, read->stats, err);
	if (r == 0)
		r = copy_metrics(verdict, json_object_get(read->stats, "metrics"), err);
	if (r == 0)
		r = copy_array(verdict, "workers", worker_fields, VERDICT_WORKERS_MAX, read->workers, err);
	return r;
}

static void adopt(struct outcome *outcome, struct outcome *read)
{
	vec_each(detail, &read->details)
		details_push(&outcome->details,
			     (struct detail){.kind = detail->kind, .text = TAKE_PTR(detail->text)});
	json_decref(outcome->stats);
	json_decref(outcome->workers);
	outcome->stats = TAKE_PTR(read->stats);
	outcome->workers = TAKE_PTR(read->workers);
	outcome_merge_state(outcome, read->state);
}

int outcome_read_verdict(struct outcome *outcome, struct sv json, struct ktstr_error *err)
{
	AUTO(result_done) struct result scratch = {0};
	struct outcome *read = &scratch.outcome;
	json_error_t why;
	json_t *verdict = json_loadb(json.data ?: "", json.len, JSON_REJECT_DUPLICATES, &why);
	int r;

	if (!verdict) {
		AUTO(free) char *clean = text_clean(sv_of(why.text), sizeof(why.text));

		return error_set(err, -EBADMSG, "the guest's verdict: byte %d: %s", why.position,
				 clean);
	}
	read->stats = json_pack("{s:[],s:n,s:n,s:{},s:[],s:[],s:i}", "cgroups", "window", "totals",
				"metrics", "timeline", "payloads", "cleanup_ns", 0);
	read->workers = json_array();
	r = json_is_object(verdict) ? read_into(read, verdict, err) :
				      error_set(err, -EBADMSG, "it is no object");
	json_decref(verdict);
	if (r < 0)
		return error_wrap(err, r, "the guest's verdict");
	adopt(outcome, read);
	return 0;
}
