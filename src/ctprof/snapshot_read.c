/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what snapshot_json.c writes, and what another version wrote: every key may be missing or of another type. */
#include <errno.h>

#include <jansson.h>

#include "ctprof/metrics.h"
#include "ctprof/snapshot_file.h"

static uint64_t get_u64(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static bool get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static struct sv get_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? sv_bytes(json_string_value(value), json_string_length(value)) :
				       sv_of("");
}

static const char *get_name(struct ctprof_snapshot *snapshot, const json_t *object, const char *key)
{
	return ctprof_snapshot_name(snapshot, get_text(object, key));
}

static const char *get_name_or_null(struct ctprof_snapshot *snapshot, const json_t *object, const char *key)
{
	return json_is_string(json_object_get(object, key)) ? get_name(snapshot, object, key) : NULL;
}

static void get_comm(const json_t *object, const char *key, char comm[CTPROF_COMM_MAX])
{
	struct sv text = get_text(object, key);
	size_t len = text.len < CTPROF_COMM_MAX ? text.len : CTPROF_COMM_MAX - 1;

	memcpy(comm, text.data, len);
}

static void get_pairs(struct ctprof_snapshot *snapshot, json_t *object, const char *key,
		      struct ctprof_pairs *ret_pairs)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(object, key), name, value)
		if (json_is_integer(value) && json_integer_value(value) >= 0)
			ctprof_pairs_push(ret_pairs,
					  (struct ctprof_pair){ctprof_snapshot_name(snapshot, sv_of(name)),
							       (uint64_t)json_integer_value(value)});
}

static void get_cpus(const json_t *value, struct cpuset *cpus)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		json_int_t cpu = json_integer_value(json_array_get(value, i));

		if (json_is_integer(json_array_get(value, i)) && cpu >= 0 && cpu < CPUSET_CPU_MAX)
			cpuset_add(cpus, (unsigned)cpu);
	}
}

static void get_metric(const struct ctprof_metric *metric, const json_t *value, struct ctprof_thread *thread)
{
	char *field = (char *)thread + metric->offset;
	json_int_t number = json_integer_value(value);
	struct sv text = sv_bytes(json_is_string(value) ? json_string_value(value) : "",
				  json_string_length(value));

	switch (metric->type) {
	case CTPROF_TYPE_U64:
		*(uint64_t *)field = number > 0 ? (uint64_t)number : 0;
		break;
	case CTPROF_TYPE_I32:
		if (number >= INT32_MIN && number <= INT32_MAX)
			*(int32_t *)field = (int32_t)number;
		break;
	case CTPROF_TYPE_POLICY:
		(void)ctprof_policy_parse(text, (uint32_t *)field);        /* a stranger is SCHED_OTHER */
		break;
	case CTPROF_TYPE_STATE:
		/* printable alone, for it is printed as it is */
		if (text.len == 1 && *text.data > ' ' && *text.data < 127)
			*field = *text.data;
		break;
	case CTPROF_TYPE_BOOL:
		*(bool *)field = json_is_true(value);
		break;
	case CTPROF_TYPE_CPUS:
		get_cpus(value, (struct cpuset *)field);
		break;
	case CTPROF_TYPE_THREADS:
		break;
	}
}

static void get_thread(struct ctprof_snapshot *snapshot, json_t *object)
{
	struct ctprof_thread thread = {0};

	thread.tid = (uint32_t)get_u64(object, "tid");
	thread.tgid = (uint32_t)get_u64(object, "tgid");
	get_comm(object, "pcomm", thread.pcomm);
	get_comm(object, "comm", thread.comm);
	thread.cgroup = get_name(snapshot, object, "cgroup");
	thread.start_time_clock_ticks = get_u64(object, "start_time_clock_ticks");
	for (size_t i = 0; i < ctprof_metric_count; i++) {
		const json_t *value = json_object_get(object, ctprof_metrics[i].name);

		if (value)
			get_metric(&ctprof_metrics[i], value, &thread);
	}
	get_pairs(snapshot, object, "smaps_rollup_kib", &thread.smaps_rollup_kib);
	ctprof_threads_push(&snapshot->threads, thread);
}

static void get_psi_line(const json_t *object, struct ctprof_psi_line *line)
{
	line->avg10 = get_u64(object, "avg10");
	line->avg60 = get_u64(object, "avg60");
	line->avg300 = get_u64(object, "avg300");
	line->total_usec = get_u64(object, "total_usec");
}

static void get_psi(const json_t *object, struct ctprof_psi *psi)
{
	for (int i = 0; i < CTPROF_PSI_RESOURCES; i++) {
		const json_t *resource = json_object_get(object, ctprof_psi_name[i]);

		get_psi_line(json_object_get(resource, "some"), &psi->resource[i].some);
		get_psi_line(json_object_get(resource, "full"), &psi->resource[i].full);
	}
}

static struct ctprof_optional get_optional(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value) && sv_eq(get_text(object, key), "max"))
		return (struct ctprof_optional){true, UINT64_MAX};
	if (!json_is_integer(value))
		return (struct ctprof_optional){0};
	return (struct ctprof_optional){true, (uint64_t)json_integer_value(value)};
}

static void get_cgroup(struct ctprof_snapshot *snapshot, const char *path, json_t *object)
{
	struct ctprof_cgroup cgroup = {.path = ctprof_snapshot_name(snapshot, sv_of(path))};
	json_t *cpu = json_object_get(object, "cpu"), *memory = json_object_get(object, "memory");
	json_t *pids = json_object_get(object, "pids");

	cgroup.cpu.usage_usec = get_u64(cpu, "usage_usec");
	cgroup.cpu.nr_throttled = get_u64(cpu, "nr_throttled");
	cgroup.cpu.throttled_usec = get_u64(cpu, "throttled_usec");
	cgroup.cpu.max_quota_us = get_optional(cpu, "max_quota_us");
	cgroup.cpu.max_period_us = get_u64(cpu, "max_period_us");
	cgroup.cpu.weight = get_optional(cpu, "weight");
	cgroup.cpu.weight_nice = get_optional(cpu, "weight_nice");
	cgroup.memory.current = get_u64(memory, "current");
	cgroup.memory.max = get_optional(memory, "max");
	cgroup.memory.high = get_optional(memory, "high");
	cgroup.memory.low = get_optional(memory, "low");
	cgroup.memory.min = get_optional(memory, "min");
	get_pairs(snapshot, memory, "stat", &cgroup.memory.stat);
	get_pairs(snapshot, memory, "events", &cgroup.memory.events);
	cgroup.pids.current = get_optional(pids, "current");
	cgroup.pids.max = get_optional(pids, "max");
	get_psi(json_object_get(object, "psi"), &cgroup.psi);
	ctprof_cgroups_push(&snapshot->cgroups, cgroup);
}

static void get_by_file(const json_t *parse, const char *key, uint64_t ret_counts[CTPROF_FILES])
{
	for (int i = 0; i < CTPROF_FILES; i++)
		ret_counts[i] = get_u64(json_object_get(parse, key), ctprof_file_name[i]);
}

static void get_summaries(struct ctprof_snapshot *snapshot, const json_t *root)
{
	const json_t *probe = json_object_get(root, "probe_summary");
	const json_t *parse = json_object_get(root, "parse_summary");
	const json_t *taskstats = json_object_get(root, "taskstats_summary");

	snapshot->has_summaries = json_is_object(parse);
	snapshot->probe_summary = (struct ctprof_probe_summary){
		.tgids_walked = get_u64(probe, "tgids_walked"),
		.jemalloc_detected = get_u64(probe, "jemalloc_detected"),
		.probed_ok = get_u64(probe, "probed_ok"),
		.failed = get_u64(probe, "failed"),
		.refused = get_u64(probe, "refused"),
		.dominant_failure = get_name_or_null(snapshot, probe, "dominant_failure"),
		.privilege_dominant = get_bool(probe, "privilege_dominant"),
	};
	snapshot->parse_summary = (struct ctprof_parse_summary){
		.tids_walked = get_u64(parse, "tids_walked"),
		.read_failures = get_u64(parse, "read_failures"),
		.dominant_read_failure = get_name_or_null(snapshot, parse, "dominant_read_failure"),
		.kernel_config_dominant = get_bool(parse, "kernel_config_dominant"),
		.negative_dotted_values = get_u64(parse, "negative_dotted_values"),
	};
	get_by_file(parse, "read_failures_by_file", snapshot->parse_summary.read_failures_by_file);
	get_by_file(parse, "refused_by_file", snapshot->parse_summary.refused_by_file);
	get_by_file(parse, "missing_by_file", snapshot->parse_summary.missing_by_file);
	snapshot->taskstats_summary = (struct ctprof_taskstats_summary){
		.ok_count = get_u64(taskstats, "ok_count"),
		.eperm_count = get_u64(taskstats, "eperm_count"),
		.esrch_count = get_u64(taskstats, "esrch_count"),
		.other_err_count = get_u64(taskstats, "other_err_count"),
	};
}

static void get_sched_ext(struct ctprof_snapshot *snapshot, const json_t *object)
{
	if (!json_is_object(object))
		return;
	snapshot->has_sched_ext = true;
	snapshot->sched_ext = (struct ctprof_sched_ext){
		.state = get_name(snapshot, object, "state"),
		.switch_all = get_u64(object, "switch_all"),
		.nr_rejected = get_u64(object, "nr_rejected"),
		.hotplug_seq = get_u64(object, "hotplug_seq"),
		.enable_seq = get_u64(object, "enable_seq"),
	};
}

/* A host context of another shape costs the snapshot its host, not its threads. */
static void get_host(struct ctprof_snapshot *snapshot, const json_t *object)
{
	struct host_context host;
	struct ktstr_error err = {0};

	if (!json_is_object(object))
		return;
	if (host_context_from_json(object, &host, &err) < 0) {
		log_warn("ctprof: host context left out: %s", err.msg);
		return;
	}
	snapshot->host = xmalloc(sizeof(host));
	*snapshot->host = host;
}

static int check_root(const json_t *root, struct ktstr_error *err)
{
	const json_t *version = json_object_get(root, "schema_version");

	if (!json_is_integer(version) || !json_is_array(json_object_get(root, "threads")))
		return error_set(err, -EBADMSG, "JSON, but no ctprof snapshot: schema_version or threads is missing");
	if (json_integer_value(version) > CTPROF_SCHEMA_VERSION)
		return error_set(err, -EPROTO,
				 "made by a newer ktstr (schema %lld, this one reads up to %d): use that one",
				 (long long)json_integer_value(version), CTPROF_SCHEMA_VERSION);
	return 0;
}

int ctprof_snapshot_from_json(const char *json, size_t len, struct ctprof_snapshot *ret_snapshot,
			      struct ktstr_error *err)
{
	struct ctprof_snapshot snapshot = {0};
	json_error_t json_error;
	json_t *root = json_loadb(json, len, 0, &json_error), *threads, *value;
	const char *path;
	size_t i;
	int r;

	if (!root)
		return error_set(err, -EBADMSG, "not JSON: line %d, column %d: %s", json_error.line,
				 json_error.column, json_error.text);
	r = check_root(root, err);
	if (r < 0) {
		json_decref(root);
		return r;
	}
	snapshot.captured_at_unix_ns = get_u64(root, "captured_at_unix_ns");
	snapshot.label = get_name_or_null(&snapshot, root, "label");
	threads = json_object_get(root, "threads");
	json_array_foreach(threads, i, value)
		get_thread(&snapshot, value);
	json_object_foreach(json_object_get(root, "cgroup_stats"), path, value)
		get_cgroup(&snapshot, path, value);
	get_summaries(&snapshot, root);
	get_psi(json_object_get(root, "psi"), &snapshot.psi);
	get_sched_ext(&snapshot, json_object_get(root, "sched_ext"));
	get_host(&snapshot, json_object_get(root, "host"));
	ctprof_snapshot_sort(&snapshot);
	json_decref(root);
	*ret_snapshot = snapshot;
	return 0;
}
