/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a snapshot as JSON; docs/ctprof.md is about its keys. Metrics that are 0 are left out. */
#include <stdlib.h>

#include "ctprof/metrics.h"
#include "ctprof/snapshot_file.h"

/* JSON readers keep integers in 63 bits and a sign */
static void put_u64(struct json_out *json, const char *key, uint64_t value)
{
	jout_u64(json, key, value <= INT64_MAX ? value : INT64_MAX);
}

static void put_pairs(struct json_out *json, const char *key, const struct ctprof_pairs *pairs)
{
	jout_object(json, key);
	vec_each(pair, pairs)
		put_u64(json, pair->key, pair->value);
	jout_end(json);
}

static void put_policy(struct json_out *json, const char *key, uint32_t policy)
{
	AUTO(buf_done) struct buf name = {0};

	ctprof_policy_format(policy, &name);
	jout_string(json, key, buf_text(&name));
}

static void put_cpus(struct json_out *json, const char *key, const struct cpuset *cpus)
{
	if (cpuset_count(cpus) == 0)
		return;
	jout_array(json, key);
	for_each_cpu(cpu, cpus)
		jout_u64(json, NULL, (uint64_t)cpu);
	jout_end(json);
}

static void put_metric(struct json_out *json, const struct ctprof_metric *metric,
		       const struct ctprof_thread *thread)
{
	char state[2] = {thread->state};
	int64_t value;

	if (metric->type == CTPROF_TYPE_CPUS) {
		put_cpus(json, metric->name, ctprof_metric_cpus(metric, thread));
		return;
	}
	value = ctprof_metric_value(metric, thread);
	if (value == 0 && metric->type != CTPROF_TYPE_POLICY)
		return;
	switch (metric->type) {
	case CTPROF_TYPE_U64:
		put_u64(json, metric->name, (uint64_t)value);
		break;
	case CTPROF_TYPE_I32:
		jout_i64(json, metric->name, value);
		break;
	case CTPROF_TYPE_POLICY:
		put_policy(json, metric->name, (uint32_t)value);
		break;
	case CTPROF_TYPE_STATE:
		jout_string(json, metric->name, state);
		break;
	case CTPROF_TYPE_BOOL:
		jout_bool(json, metric->name, value);
		break;
	case CTPROF_TYPE_THREADS:
	case CTPROF_TYPE_CPUS:
		break;
	}
}

static void put_thread(struct json_out *json, const struct ctprof_thread *thread)
{
	jout_object(json, NULL);
	jout_u64(json, "tid", thread->tid);
	jout_u64(json, "tgid", thread->tgid);
	jout_string(json, "pcomm", thread->pcomm);
	jout_string(json, "comm", thread->comm);
	jout_string(json, "cgroup", thread->cgroup);
	put_u64(json, "start_time_clock_ticks", thread->start_time_clock_ticks);
	for (size_t i = 0; i < ctprof_metric_count; i++)
		if (ctprof_metrics[i].type != CTPROF_TYPE_THREADS)
			put_metric(json, &ctprof_metrics[i], thread);
	if (thread->smaps_rollup_kib.len)
		put_pairs(json, "smaps_rollup_kib", &thread->smaps_rollup_kib);
	jout_end(json);
}

static void put_psi_line(struct json_out *json, const char *key, const struct ctprof_psi_line *line)
{
	jout_object(json, key);
	put_u64(json, "avg10", line->avg10);
	put_u64(json, "avg60", line->avg60);
	put_u64(json, "avg300", line->avg300);
	put_u64(json, "total_usec", line->total_usec);
	jout_end(json);
}

static void put_psi(struct json_out *json, const char *key, const struct ctprof_psi *psi)
{
	jout_object(json, key);
	for (int i = 0; i < CTPROF_PSI_RESOURCES; i++) {
		jout_object(json, ctprof_psi_name[i]);
		put_psi_line(json, "some", &psi->resource[i].some);
		put_psi_line(json, "full", &psi->resource[i].full);
		jout_end(json);
	}
	jout_end(json);
}

static void put_optional(struct json_out *json, const char *key, struct ctprof_optional value)
{
	if (!value.present)
		jout_null(json, key);
	else if (value.value == UINT64_MAX)
		jout_string(json, key, "max");
	else
		put_u64(json, key, value.value);
}

static void put_cgroup(struct json_out *json, const struct ctprof_cgroup *cgroup)
{
	jout_object(json, cgroup->path);
	jout_object(json, "cpu");
	put_u64(json, "usage_usec", cgroup->cpu.usage_usec);
	put_u64(json, "nr_throttled", cgroup->cpu.nr_throttled);
	put_u64(json, "throttled_usec", cgroup->cpu.throttled_usec);
	put_optional(json, "max_quota_us", cgroup->cpu.max_quota_us);
	put_u64(json, "max_period_us", cgroup->cpu.max_period_us);
	put_optional(json, "weight", cgroup->cpu.weight);
	if (cgroup->cpu.weight_nice.present)
		jout_i64(json, "weight_nice", (int64_t)cgroup->cpu.weight_nice.value);
	else
		jout_null(json, "weight_nice");
	jout_end(json);
	jout_object(json, "memory");
	put_u64(json, "current", cgroup->memory.current);
	put_optional(json, "max", cgroup->memory.max);
	put_optional(json, "high", cgroup->memory.high);
	put_optional(json, "low", cgroup->memory.low);
	put_optional(json, "min", cgroup->memory.min);
	put_pairs(json, "stat", &cgroup->memory.stat);
	put_pairs(json, "events", &cgroup->memory.events);
	jout_end(json);
	jout_object(json, "pids");
	put_optional(json, "current", cgroup->pids.current);
	put_optional(json, "max", cgroup->pids.max);
	jout_end(json);
	put_psi(json, "psi", &cgroup->psi);
	jout_end(json);
}

static void put_by_file(struct json_out *json, const char *key, const uint64_t counts[CTPROF_FILES])
{
	jout_object(json, key);
	for (int i = 0; i < CTPROF_FILES; i++)
		put_u64(json, ctprof_file_name[i], counts[i]);
	jout_end(json);
}

static void put_summaries(struct json_out *json, const struct ctprof_snapshot *snapshot)
{
	const struct ctprof_probe_summary *probe = &snapshot->probe_summary;
	const struct ctprof_parse_summary *parse = &snapshot->parse_summary;
	const struct ctprof_taskstats_summary *taskstats = &snapshot->taskstats_summary;

	if (!snapshot->has_summaries) {
		jout_null(json, "probe_summary");
		jout_null(json, "parse_summary");
		jout_null(json, "taskstats_summary");
		return;
	}
	jout_object(json, "probe_summary");
	put_u64(json, "tgids_walked", probe->tgids_walked);
	put_u64(json, "jemalloc_detected", probe->jemalloc_detected);
	put_u64(json, "probed_ok", probe->probed_ok);
	put_u64(json, "failed", probe->failed);
	put_u64(json, "refused", probe->refused);
	jout_string(json, "dominant_failure", probe->dominant_failure);
	jout_bool(json, "privilege_dominant", probe->privilege_dominant);
	jout_end(json);
	jout_object(json, "parse_summary");
	put_u64(json, "tids_walked", parse->tids_walked);
	put_u64(json, "read_failures", parse->read_failures);
	put_by_file(json, "read_failures_by_file", parse->read_failures_by_file);
	put_by_file(json, "refused_by_file", parse->refused_by_file);
	put_by_file(json, "missing_by_file", parse->missing_by_file);
	jout_string(json, "dominant_read_failure", parse->dominant_read_failure);
	jout_bool(json, "kernel_config_dominant", parse->kernel_config_dominant);
	put_u64(json, "negative_dotted_values", parse->negative_dotted_values);
	jout_end(json);
	jout_object(json, "taskstats_summary");
	put_u64(json, "ok_count", taskstats->ok_count);
	put_u64(json, "eperm_count", taskstats->eperm_count);
	put_u64(json, "esrch_count", taskstats->esrch_count);
	put_u64(json, "other_err_count", taskstats->other_err_count);
	jout_end(json);
}

static void put_host(struct json_out *json, const struct host_context *host)
{
	AUTO(buf_done) struct buf text = {0};
	json_t *object = host ? host_context_to_json(host) : NULL;
	AUTO(free) char *dump = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (dump)
		buf_str(&text, dump);
	jout_raw(json, "host", dump ? &text : NULL);
}

static void put_sched_ext(struct json_out *json, const struct ctprof_snapshot *snapshot)
{
	const struct ctprof_sched_ext *ext = &snapshot->sched_ext;

	if (!snapshot->has_sched_ext) {
		jout_null(json, "sched_ext");
		return;
	}
	jout_object(json, "sched_ext");
	jout_string(json, "state", ext->state);
	put_u64(json, "switch_all", ext->switch_all);
	put_u64(json, "nr_rejected", ext->nr_rejected);
	put_u64(json, "hotplug_seq", ext->hotplug_seq);
	put_u64(json, "enable_seq", ext->enable_seq);
	jout_end(json);
}

void ctprof_snapshot_to_json(const struct ctprof_snapshot *snapshot, struct buf *ret_json)
{
	struct json_out json = {.buf = ret_json};

	jout_object(&json, NULL);
	jout_u64(&json, "schema_version", CTPROF_SCHEMA_VERSION);
	jout_string(&json, "ktstr_version", KTSTR_VERSION);
	put_u64(&json, "captured_at_unix_ns", snapshot->captured_at_unix_ns);
	if (snapshot->label)
		jout_string(&json, "label", snapshot->label);
	put_host(&json, snapshot->host);
	jout_array(&json, "threads");
	vec_each(thread, &snapshot->threads)
		put_thread(&json, thread);
	jout_end(&json);
	jout_object(&json, "cgroup_stats");
	vec_each(cgroup, &snapshot->cgroups)
		put_cgroup(&json, cgroup);
	jout_end(&json);
	put_summaries(&json, snapshot);
	put_psi(&json, "psi", &snapshot->psi);
	put_sched_ext(&json, snapshot);
	jout_end(&json);
}
