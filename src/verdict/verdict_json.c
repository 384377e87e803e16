/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/verdict.h"

static void put_count(struct json_out *json, const char *key, uint64_t value)
{
	jout_u64(json, key, value < INT64_MAX ? value : INT64_MAX);
}

static void put_detail(struct json_out *json, enum ktstr_kind kind, const char *text)
{
	jout_object(json, NULL);
	jout_string(json, "kind", kind_name(kind));
	jout_string(json, "text", text);
	jout_end(json);
}

static void put_left_out(struct json_out *json, const struct ktstr_verdict *verdict)
{
	AUTO(buf_done) struct buf text = {0};
	const struct {
		size_t count;
		const char *what;
	} rows[] = {
		{verdict->left_out.details, "details"},
		{verdict->left_out.metrics, "values of new metrics"},
		{verdict->left_out.cgroups, "cgroups' statistics"},
		{verdict->left_out.workers, "worker reports"},
		{verdict->left_out.timeline, "events of the timeline"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].count)
			buf_printf(&text, "%s%zu more %s", text.len ? ", " : "", rows[i].count,
				   rows[i].what);
	}
	if (text.len == 0)
		return;
	buf_str(&text, " were left out");
	put_detail(json, KTSTR_KIND_NOTE, buf_text(&text));
}

static void put_details(struct json_out *json, const struct ktstr_verdict *verdict)
{
	jout_array(json, "details");
	vec_each(detail, &verdict->details)
		put_detail(json, detail->kind, detail->text);
	put_left_out(json, verdict);
	jout_end(json);
}

static void put_metrics(struct json_out *json, const struct metrics *metrics)
{
	jout_object(json, "metrics");
	vec_each(metric, metrics)
		jout_real(json, metric->name, metric->value);
	jout_end(json);
}

static void put_window(struct json_out *json, const struct machine_window *window)
{
	AUTO(buf_done) struct buf idle_cpus = {0};

	if (window->wall_ns == 0) {
		jout_null(json, "window");
		return;
	}
	jout_object(json, "window");
	put_count(json, "wall_ns", window->wall_ns);
	put_count(json, "cpus", window->cpus);
	put_count(json, "idle_ns", window->idle_ns);
	cpuset_format(&window->idle_cpus, &idle_cpus);
	jout_string(json, "idle_cpus", buf_text(&idle_cpus));
	jout_end(json);
}

static void put_cgroup(struct json_out *json, const struct cgroup_stats *stats)
{
	jout_object(json, NULL);
	jout_string(json, "name", stats->name);
	put_count(json, "workers", stats->workers);
	put_count(json, "cpus", stats->cpus);
	jout_real(json, "off_cpu_pct_avg", stats->off_cpu_pct_avg);
	jout_real(json, "off_cpu_pct_min", stats->off_cpu_pct_min);
	jout_real(json, "off_cpu_pct_max", stats->off_cpu_pct_max);
	jout_real(json, "spread_pct", stats->spread_pct);
	jout_real(json, "max_gap_ms", stats->max_gap_ms);
	jout_i64(json, "max_gap_cpu", stats->max_gap_cpu);
	put_count(json, "migrations", stats->migrations);
	put_count(json, "iterations", stats->iterations);
	jout_real(json, "run_delay_us_mean", stats->run_delay_us_mean);
	jout_real(json, "run_delay_us_worst", stats->run_delay_us_worst);
	jout_real(json, "wake_us_p99", stats->wake_us_p99);
	jout_real(json, "wake_us_median", stats->wake_us_median);
	jout_real(json, "wake_cv", stats->wake_cv);
	jout_real(json, "wake_tail_ratio", stats->wake_tail_ratio);
	jout_real(json, "migration_ratio", stats->migration_ratio);
	jout_real(json, "iterations_per_worker", stats->iterations_per_worker);
	jout_real(json, "page_locality", stats->page_locality);
	jout_real(json, "cross_node_migration_ratio", stats->cross_node_migration_ratio);
	jout_real(json, "slow_tier_ratio", stats->slow_tier_ratio);
	jout_real(json, "weight_shortfall_pct", stats->weight_shortfall_pct);
	jout_end(json);
}

static void put_totals(struct json_out *json, const struct ktstr_verdict *verdict)
{
	const struct scenario_stats *totals = &verdict->totals;

	if (verdict->cgroups.len == 0) {
		jout_null(json, "totals");
		return;
	}
	jout_object(json, "totals");
	put_count(json, "total_workers", totals->total_workers);
	put_count(json, "total_cpus", totals->total_cpus);
	put_count(json, "total_migrations", totals->total_migrations);
	put_count(json, "total_iterations", totals->total_iterations);
	jout_real(json, "worst_spread", totals->worst_spread);
	jout_real(json, "worst_gap_ms", totals->worst_gap_ms);
	jout_i64(json, "worst_gap_cpu", totals->worst_gap_cpu);
	jout_real(json, "worst_migration_ratio", totals->worst_migration_ratio);
	jout_real(json, "worst_p99_wake_latency_us", totals->worst_p99_wake_latency_us);
	jout_real(json, "worst_median_wake_latency_us", totals->worst_median_wake_latency_us);
	jout_real(json, "worst_wake_latency_cv", totals->worst_wake_latency_cv);
	jout_real(json, "worst_wake_latency_tail_ratio", totals->worst_wake_latency_tail_ratio);
	jout_real(json, "worst_mean_run_delay_us", totals->worst_mean_run_delay_us);
	jout_real(json, "worst_run_delay_us", totals->worst_run_delay_us);
	jout_real(json, "worst_page_locality", totals->worst_page_locality);
	jout_real(json, "worst_cross_node_migration_ratio",
		  totals->worst_cross_node_migration_ratio);
	jout_real(json, "worst_iterations_per_worker", totals->worst_iterations_per_worker);
	jout_end(json);
}

static void put_event(struct json_out *json, const struct timeline_event *event)
{
	jout_object(json, NULL);
	jout_string(json, "name", event->name);
	put_count(json, "elapsed_ns", event->elapsed_ns);
	put_count(json, "step", event->step);
	jout_bool(json, "end", event->end);
	put_count(json, "op_count", event->op_count);
	jout_array(json, "op_kinds");
	for (unsigned kind = KTSTR_OP_NONE + 1; kind < KTSTR_OP_KIND_COUNT; kind++) {
		if (event->op_kinds >> kind & 1)
			jout_string(json, NULL, op_kind_name(kind));
	}
	jout_end(json);
	put_count(json, "cgroups", event->cgroups);
	put_count(json, "workers", event->workers);
	put_count(json, "iterations", event->iterations);
	put_count(json, "cpu_ns", event->cpu_ns);
	put_count(json, "wait_ns", event->wait_ns);
	jout_end(json);
}

static void put_moves(struct json_out *json, const struct worker_report *report)
{
	jout_array(json, "moves");
	for (uint32_t i = 0; i < report->moves_len; i++) {
		jout_object(json, NULL);
		put_count(json, "at_ns", report->moves[i].at_ns);
		jout_i64(json, "from", report->moves[i].from);
		jout_i64(json, "to", report->moves[i].to);
		jout_end(json);
	}
	jout_end(json);
}

/* By node, up to the last one that has any. */
static void put_pages(struct json_out *json, const struct worker_report *report)
{
	unsigned nodes = WORKER_NODES_MAX;

	if (!report->pages_known) {
		jout_null(json, "pages");
		return;
	}
	while (nodes && report->pages[nodes - 1] == 0)
		nodes--;
	jout_array(json, "pages");
	for (unsigned node = 0; node < nodes; node++)
		put_count(json, NULL, report->pages[node]);
	jout_end(json);
}

static void put_worker(struct json_out *json, const struct worker_report *report)
{
	AUTO(buf_done) struct buf cpus = {0};

	cpuset_format(&report->cpus, &cpus);
	jout_object(json, NULL);
	jout_string(json, "cgroup", report->cgroup);
	put_count(json, "index", report->index);
	jout_i64(json, "tid", report->tid);
	jout_bool(json, "completed", report->completed);
	jout_i64(json, "wait_status", report->wait_status);
	put_count(json, "work_units", report->work_units);
	put_count(json, "iterations", report->iterations);
	put_count(json, "wall_ns", report->wall_ns);
	put_count(json, "cpu_ns", report->cpu_ns);
	put_count(json, "run_delay_ns", report->run_delay_ns);
	put_count(json, "sched_run_ns", report->sched_run_ns);
	put_count(json, "timeslices", report->timeslices);
	put_count(json, "migrations", report->migrations);
	put_count(json, "max_gap_ns", report->max_gap_ns);
	put_count(json, "max_gap_at_ns", report->max_gap_at_ns);
	jout_i64(json, "max_gap_cpu", report->max_gap_cpu);
	jout_string(json, "cpus", buf_text(&cpus));
	jout_bool(json, "scheduler_known", report->scheduler_known);
	if (report->scheduler_known)
		jout_bool(json, "ext_enabled", report->ext_enabled);
	else
		jout_null(json, "ext_enabled");
	put_count(json, "wake_count", report->wake_count);
	put_count(json, "wake_ns_p50", report->wake_ns_p50);
	put_count(json, "wake_ns_p99", report->wake_ns_p99);
	put_count(json, "wake_ns_max", report->wake_ns_max);
	put_count(json, "role", report->role);
	jout_bool(json, "messenger", report->is_messenger);
	jout_bool(json, "host", report->is_host);
	put_count(json, "start_ns", report->start_ns);
	put_moves(json, report);
	put_pages(json, report);
	jout_end(json);
}

static const char *polarity_word(enum ktstr_polarity polarity)
{
	static const char *const words[] = {
		[KTSTR_POLARITY_UNKNOWN] = "Unknown",
		[KTSTR_HIGHER_IS_BETTER] = "HigherBetter",
		[KTSTR_LOWER_IS_BETTER] = "LowerBetter",
		[KTSTR_TARGET_VALUE] = "TargetValue",
	};

	return (unsigned)polarity <= KTSTR_TARGET_VALUE ? words[polarity] : words[0];
}

static const char *stream_word(enum ktstr_metric_stream stream)
{
	static const char *const words[] = {
		[KTSTR_STREAM_STDOUT] = "Stdout",
		[KTSTR_STREAM_STDERR] = "Stderr",
		[KTSTR_STREAM_SYNTHESIZED] = "Synthesized",
	};

	return words[stream];
}

/* M5 */
static void put_payload_metric(struct json_out *json, const struct ktstr_metric *metric)
{
	jout_object(json, NULL);
	jout_string(json, "name", metric->name);
	jout_real(json, "value", metric->value);
	jout_string(json, "polarity", polarity_word(metric->polarity));
	if (metric->polarity == KTSTR_TARGET_VALUE)
		jout_real(json, "target", metric->target);
	jout_string(json, "unit", metric->unit);
	jout_string(json, "source", "Json");
	jout_string(json, "stream", stream_word(metric->stream));
	jout_end(json);
}

/* P6 */
static void put_payload(struct json_out *json, const struct payload_record *record)
{
	size_t count = record->metrics.len < VERDICT_PAYLOAD_METRICS_MAX ?
			       record->metrics.len : VERDICT_PAYLOAD_METRICS_MAX;

	jout_object(json, NULL);
	put_count(json, "payload_index", record->index);
	jout_string(json, "payload", record->payload);
	jout_i64(json, "exit_code", record->exit_code);
	jout_array(json, "metrics");
	for (size_t i = 0; i < count; i++)
		put_payload_metric(json, &record->metrics.at[i]);
	jout_end(json);
	jout_string(json, "stdout_tail", record->stdout_tail ?: "");
	jout_string(json, "stderr_tail", record->stderr_tail ?: "");
	jout_end(json);
}

static void put_payloads(struct json_out *json, const struct payload_records *records)
{
	jout_array(json, "payloads");
	for (size_t i = 0; i < records->len && i < VERDICT_PAYLOADS_MAX; i++)
		put_payload(json, records->at[i]);
	jout_end(json);
}

void verdict_to_json(const struct ktstr_verdict *verdict, struct buf *buf)
{
	struct json_out json = {.buf = buf};

	jout_object(&json, NULL);
	jout_string(&json, "state", state_row(verdict->state)->word);
	put_details(&json, verdict);
	put_metrics(&json, &verdict->metrics);
	put_window(&json, &verdict->window);
	jout_array(&json, "cgroups");
	vec_each(stats, &verdict->cgroups)
		put_cgroup(&json, stats);
	jout_end(&json);
	put_totals(&json, verdict);
	jout_array(&json, "timeline");
	vec_each(event, &verdict->timeline)
		put_event(&json, event);
	jout_end(&json);
	/* apart, because the moment at which a run began is no part of what came out of it */
	jout_array(&json, "timeline_at_ns");
	vec_each(event, &verdict->timeline)
		put_count(&json, NULL, event->at_ns);
	jout_end(&json);
	put_count(&json, "cleanup_ns", verdict->cleanup_ns);
	put_payloads(&json, &verdict->payloads);
	jout_array(&json, "workers");
	vec_each(report, &verdict->workers)
		put_worker(&json, report);
	jout_end(&json);
	jout_end(&json);
}
