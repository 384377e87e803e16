/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe.c - tests as text: names for people and runners, and for the driver one line of JSON, in
 * which everything that a declaration leaves open is already decided:
 *
 *   {"schema":1, "tests":[
 *     {"name":"two_cgroups", "file":"my_sched.c", "line":5, "topology":"1n1l2c1t",
 *      "memory_mib":2048, "duration_ms":2000, "workers_per_cgroup":2, "timeout_ms":36000,
 *      "expect_err":false, "expect_kind":null or "starved" and its like,
 *      "host_only":false, "ignored":false, "payload":null or "fio",
 *      "include_files":["data", and the programs of payloads],
 *      "checks":{"default":{"max_gap_ms":2000}, "scheduler":null, "test":{"isolation":1}},
 *      "trace_checks":{"max_wakeup_latency_us":100.0, ...} (only with one that is set),
 *      "auto_repro":false (only then), "wprof":true, "wprof_args":"-d 100", "ctprof":true (only where set),
 *      "scheduler":null or {"name":"my_sched", "binary":null or "scx_my_sched", "args":["-v"],
 *        "config_file":null or "my.conf", "cgroup_parent":null or "/sys/fs/cgroup/workload",
 *        "sysctls":["kernel.panic_on_warn=1"], "kargs":["preempt=full"]}}]}
 *
 * A scheduler and a test each have "watchdog_timeout_ms":800 where it is set, and where there are any a
 * scheduler "flags":[{"name":"steal", "args":["--steal"], "requires":["llc"]}] and a test
 * "required_flags":["steal"], "excluded_flags":[]. One that is built into the kernel has
 * "enable":["echo 1 > /sys/..."] and "disable":[].
 */
#include "author/author.h"

#include <assert.h>

void author_list(const struct registry *registry, bool ignored, bool json, struct buf *out)
{
	struct json_out array = {.buf = out};

	if (json)
		jout_array(&array, NULL);
	for (size_t i = 0; i < registry->count; i++) {
		const struct ktstr_test *test = registry->at[i];
		AUTO(free) char *name = xasprintf("ktstr/%s", test->name);

		if (declared_ignored(test) != ignored)
			continue;
		if (json)
			jout_string(&array, NULL, name);
		else
			buf_printf(out, "%s: test\n", name);
	}
	if (json) {
		jout_end(&array);
		buf_char(out, '\n');
	}
}

static void put_words(struct json_out *json, const char *const *words)
{
	for (size_t i = 0; words && words[i]; i++)
		jout_string(json, NULL, words[i]);
}

/* What a payload needs in the guest: its program, found on the host as an include file is. */
static void put_payload(struct json_out *json, const struct ktstr_payload *payload)
{
	jout_string(json, NULL, payload->binary);
	put_words(json, payload->include_files);
}

static void put_include_files(struct json_out *json, const struct ktstr_test *test)
{
	jout_array(json, "include_files");
	put_words(json, test->include_files);
	if (test->payload)
		put_payload(json, test->payload);
	for (size_t i = 0; test->workloads && test->workloads[i]; i++)
		put_payload(json, test->workloads[i]);
	jout_end(json);
}

static void put_sysctls(struct json_out *json, const struct ktstr_sysctl *sysctls)
{
	jout_array(json, "sysctls");
	for (; sysctls && sysctls->key; sysctls++) {
		AUTO(free) char *text = xasprintf("%s=%s", sysctls->key, sysctls->value);

		jout_string(json, NULL, text);
	}
	jout_end(json);
}

static void put_list(struct json_out *json, const char *key, const char *const *words)
{
	jout_array(json, key);
	put_words(json, words);
	jout_end(json);
}

static void put_flags(struct json_out *json, const struct ktstr_flag *flags)
{
	jout_array(json, "flags");
	for (; flags->name; flags++) {
		jout_object(json, NULL);
		jout_string(json, "name", flags->name);
		put_list(json, "args", flags->args);
		put_list(json, "requires", flags->requires);
		jout_end(json);
	}
	jout_end(json);
}

static void put_scheduler(struct json_out *json, const struct ktstr_test *test)
{
	const struct ktstr_scheduler *scheduler = test->scheduler;

	if (!scheduler) {
		jout_null(json, "scheduler");
		return;
	}
	jout_object(json, "scheduler");
	jout_string(json, "name", scheduler->name);
	jout_string(json, "binary", scheduler->binary);
	jout_array(json, "args");
	put_words(json, scheduler->args);
	put_words(json, test->extra_sched_args);
	jout_end(json);
	jout_string(json, "config_file", scheduler->config_file);
	jout_string(json, "cgroup_parent", scheduler->cgroup_parent);
	put_sysctls(json, scheduler->sysctls);
	jout_array(json, "kargs");
	put_words(json, scheduler->kargs);
	jout_end(json);
	if (scheduler->flags)
		put_flags(json, scheduler->flags);
	if (scheduler->enable)
		put_list(json, "enable", scheduler->enable);
	if (scheduler->disable)
		put_list(json, "disable", scheduler->disable);
	if (scheduler->watchdog_timeout_ms)
		jout_u64(json, "watchdog_timeout_ms", scheduler->watchdog_timeout_ms);
	jout_end(json);
}

/* What a layer sets; a negative value switches a check off. NULL: there is no such layer. */
static void put_layer(struct json_out *json, const char *layer, const struct ktstr_checks *checks)
{
	if (!checks) {
		jout_null(json, layer);
		return;
	}
	jout_object(json, layer);
	for (const struct check_row *row = check_rows; row->name; row++) {
		double value = check_value(checks, row);

		if (value > 0 || value < 0)
			jout_real(json, row->name, value);
	}
	jout_end(json);
}

static void put_checks(struct json_out *json, const struct ktstr_test *test)
{
	struct ktstr_checks built_in = checks_default();

	jout_object(json, "checks");
	put_layer(json, "default", &built_in);
	put_layer(json, "scheduler", test->scheduler ? &test->scheduler->checks : NULL);
	put_layer(json, "test", &test->checks);
	jout_end(json);
}

static void put_trace_checks(struct json_out *json, const struct ktstr_trace_checks *checks)
{
	jout_object(json, "trace_checks");
	jout_real(json, "max_wakeup_latency_us", checks->max_wakeup_latency_us);
	jout_real(json, "max_wakeup_latency_p99_us", checks->max_wakeup_latency_p99_us);
	jout_real(json, "max_run_delay_us", checks->max_run_delay_us);
	jout_real(json, "max_run_delay_p99_us", checks->max_run_delay_p99_us);
	jout_end(json);
}

static void put_test(struct json_out *json, const struct ktstr_test *test)
{
	char text[TOPOLOGY_TEXT_MAX];
	struct topology topology;
	int r = declared_topology(test, &topology, NULL);

	assert(r == 0);        /* registry_problems() was asked first */
	topology_format(&topology, text);
	jout_object(json, NULL);
	jout_string(json, "name", test->name);
	jout_string(json, "file", test->file);
	jout_i64(json, "line", test->line);
	jout_string(json, "topology", text);
	jout_u64(json, "memory_mib", test->memory_mib);
	jout_u64(json, "duration_ms", test->duration_ms);
	jout_u64(json, "workers_per_cgroup", test->workers_per_cgroup);
	jout_u64(json, "timeout_ms", declared_timeout_ms(test));
	jout_bool(json, "expect_err", declared_expect_err(test));
	jout_string(json, "expect_kind", test->expect_kind ? kind_name(test->expect_kind) : NULL);
	jout_bool(json, "host_only", test->host_only);
	jout_bool(json, "ignored", declared_ignored(test));
	jout_string(json, "payload", test->payload ? test->payload->name : NULL);
	put_include_files(json, test);
	put_checks(json, test);
	if (declared_trace_checks(test))
		put_trace_checks(json, &test->trace_checks);
	if (test->wprof)
		jout_bool(json, "wprof", true);
	if (test->wprof_args)
		jout_string(json, "wprof_args", test->wprof_args);
	if (test->ctprof)
		jout_bool(json, "ctprof", true);
	if (test->auto_repro == KTSTR_OFF)
		jout_bool(json, "auto_repro", false);
	if (test->required_flags)
		put_list(json, "required_flags", test->required_flags);
	if (test->excluded_flags)
		put_list(json, "excluded_flags", test->excluded_flags);
	if (test->watchdog_timeout_ms)
		jout_u64(json, "watchdog_timeout_ms", test->watchdog_timeout_ms);
	put_scheduler(json, test);
	jout_end(json);
}

void author_describe(const struct registry *registry, struct buf *out)
{
	struct json_out json = {.buf = out};

	jout_object(&json, NULL);
	jout_u64(&json, "schema", AUTHOR_DESCRIPTION_SCHEMA);
	jout_array(&json, "tests");
	for (size_t i = 0; i < registry->count; i++)
		put_test(&json, registry->at[i]);
	jout_end(&json);
	jout_end(&json);
	buf_char(out, '\n');
}
