/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_log.c - what ktstr-repro-probe printed among a scheduler's own lines. Each of its lines is
 * REPRO_MARK and a JSON object whose "what" is function, trigger, call, end or trouble. Pure.
 */
#include <string.h>

#include "run/repro.h"

#define CALLS_MAX 8192
#define FUNCTIONS_MAX 128
#define FAILED_TO_RUN "] failed to run for "         /* check_rq_for_timeouts(), kernel/sched/ext.c */

DEFINE_AUTO(json_t *, json_decref)

/* The first of its kind stays; of the calls all, up to a bound. */
static void take(json_t *probes, json_t *object)
{
	static const char *const single[] = {"trigger", "end", "trouble"};
	const char *what = json_string_value(json_object_get(object, "what")) ?: "";
	json_t *list = json_object_get(probes, strcmp(what, "call") == 0       ? "calls"
					       : strcmp(what, "function") == 0 ? "functions"
									       : "");

	if (list && json_array_size(list) < (strcmp(what, "call") ? FUNCTIONS_MAX : CALLS_MAX))
		json_array_append(list, object);
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		if (strcmp(what, single[i]) == 0 && json_is_null(json_object_get(probes, what)))
			json_object_set(probes, what, object);
	}
}

/* It prints the newest call first. */
static void reverse(json_t *probes)
{
	json_t *calls = json_object_get(probes, "calls");
	json_t *reversed = json_array();

	for (size_t i = json_array_size(calls); i-- > 0;)
		json_array_append(reversed, json_array_get(calls, i));
	json_object_set_new(probes, "calls", reversed);
}

json_t *probe_log_read(struct sv log)
{
	json_t *probes = json_pack("{s:[], s:n, s:[], s:n, s:n}", "functions", "trigger", "calls", "end",
				   "trouble");
	size_t unreadable = 0;
	struct sv line;

	while (sv_line(&log, &line)) {
		AUTO(json_decref) json_t *object = NULL;

		if (!sv_starts(line, REPRO_MARK))
			continue;
		line = sv_skip(line, strlen(REPRO_MARK));
		object = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
		if (json_is_object(object))
			take(probes, object);
		else
			unreadable++;
	}
	reverse(probes);
	json_object_set_new(probes, "unreadable", json_integer((json_int_t)unreadable));
	return probes;
}

void probe_log_strip(struct sv log, struct buf *out)
{
	struct sv line;

	while (sv_line(&log, &line)) {
		if (sv_starts(line, REPRO_MARK))
			continue;
		buf_bytes(out, line.data, line.len);
		buf_char(out, '\n');
	}
}

/* The digits before "] failed to run for", behind a '['. */
static int64_t stalled_pid(struct sv log)
{
	const char *end = memmem(log.data, log.len, FAILED_TO_RUN, strlen(FAILED_TO_RUN));
	const char *start = end;
	uint32_t pid;

	while (start && start > log.data && start[-1] >= '0' && start[-1] <= '9')
		start--;
	if (!end || start == log.data || start[-1] != '[' ||
	    sv_u32(sv_bytes(start, (size_t)(end - start)), INT32_MAX, &pid) < 0)
		return -1;
	return pid;
}

uint64_t probe_number(const json_t *value)
{
	const char *text = json_string_value(value);
	uint64_t number = 0;

	if (text && sv_hex64(sv_of(text), &number) == 0)
		return number;
	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

uint64_t probe_log_subject(const json_t *probes, struct sv log, struct sv dump)
{
	json_t *calls = json_object_get(probes, "calls");
	int64_t pid = log.len ? stalled_pid(log) : -1;

	if (pid < 0 && dump.len)
		pid = stalled_pid(dump);
	for (size_t i = json_array_size(calls); pid >= 0 && i-- > 0;) {
		json_t *call = json_array_get(calls, i);
		json_t *task_pid = json_object_get(call, "task_pid");

		if (json_is_integer(task_pid) && json_integer_value(task_pid) == pid)
			return probe_number(json_object_get(call, "task"));
	}
	return probe_number(json_object_get(json_object_get(probes, "trigger"), "task"));
}
