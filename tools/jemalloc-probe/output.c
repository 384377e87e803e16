/* SPDX-License-Identifier: BSD-2-Clause */
/* output.c - a run as JSON and as text; the JSON's schema is in docs/probe.md. */
#include <stdio.h>

#include "base/buf.h"
#include "run.h"

#define SCHEMA_VERSION 2      /* fields may be added without a new one */

bool run_all_failed(const struct run *run)
{
	vec_each(snapshot, &run->snapshots) {
		vec_each(thread, &snapshot->threads) {
			if (thread->failed == PROBE_STEP_NONE)
				return false;
		}
	}
	return run->snapshots.len > 0;
}

static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		abort();              /* out of memory, as in base/alloc.h */
}

/* A thread's name may be any bytes; JSON wants UTF-8. */
static json_t *text(const char *bytes)
{
	AUTO(buf_done) struct buf copy = {0};
	json_t *value = json_string(bytes);

	if (value)
		return value;
	for (const char *c = bytes; *c; c++)
		buf_str(&copy, *c & '\x80' ? "\xef\xbf\xbd" : (char[]){*c, '\0'});
	return json_string(buf_text(&copy));
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *thread_to_json(const struct probe_reading *thread)
{
	AUTO(buf_done) struct buf why = {0};
	json_t *object = json_object();

	put(object, "tid", json_integer(thread->tid));
	if (thread->comm[0]) {
		put(object, "comm", text(thread->comm));
		put(object, "start_time_jiffies", number(thread->start_time_jiffies));
	}
	if (thread->failed == PROBE_STEP_NONE) {
		put(object, "allocated_bytes", number(thread->allocated_bytes));
		put(object, "deallocated_bytes", number(thread->deallocated_bytes));
		put(object, "stopped_ns", number(thread->stopped_ns));
	} else {
		probe_reading_explain(thread, &why);
		put(object, "error", json_string(buf_text(&why)));
		put(object, "error_kind", json_string(probe_step_word(thread->failed)));
	}
	return object;
}

static json_t *snapshot_to_json(const struct snapshot *snapshot)
{
	json_t *object = json_object(), *threads = json_array();

	put(object, "timestamp_unix_sec", number(snapshot->timestamp_unix_sec));
	put(object, "elapsed_since_start_ns", number(snapshot->elapsed_since_start_ns));
	vec_each(thread, &snapshot->threads)
		json_array_append_new(threads, thread_to_json(thread));
	put(object, "threads", threads);
	return object;
}

json_t *run_to_json(const struct run *run)
{
	json_t *object = json_object(), *snapshots = json_array();

	put(object, "pid", json_integer(run->options->pid));
	put(object, "tool_version", json_string(KTSTR_VERSION));
	put(object, "schema_version", json_integer(SCHEMA_VERSION));
	put(object, "started_at_unix_sec", number(run->started_at_unix_sec));
	if (run->options->interval_ms)
		put(object, "interval_ms", number(run->options->interval_ms));
	put(object, "interrupted", json_boolean(run->interrupted));
	vec_each(snapshot, &run->snapshots)
		json_array_append_new(snapshots, snapshot_to_json(snapshot));
	put(object, "snapshots", snapshots);
	return object;
}

static void print_thread(const struct probe_reading *thread)
{
	AUTO(buf_done) struct buf why = {0};
	const char *comm = thread->comm[0] ? thread->comm : "?";

	if (thread->failed == PROBE_STEP_NONE) {
		printf("tid=%d comm=%s allocated_bytes=%llu deallocated_bytes=%llu\n", (int)thread->tid,
		       comm, (unsigned long long)thread->allocated_bytes,
		       (unsigned long long)thread->deallocated_bytes);
		return;
	}
	probe_reading_explain(thread, &why);
	fprintf(stderr, "warning: tid %d comm=%s [%s]: %s\n", (int)thread->tid, comm,
		probe_step_word(thread->failed), buf_text(&why));
}

void run_print(const struct run *run)
{
	size_t i = 0;

	printf("pid=%d tool_version=%s\n", (int)run->options->pid, KTSTR_VERSION);
	vec_each(snapshot, &run->snapshots) {
		printf("--- snapshot %zu/%u @ %llus ---\n", ++i, run->options->snapshot_count,
		       (unsigned long long)snapshot->timestamp_unix_sec);
		vec_each(thread, &snapshot->threads)
			print_thread(thread);
	}
	if (run->interrupted)
		printf("interrupted after %zu of %u snapshots\n", run->snapshots.len,
		       run->options->snapshot_count);
}
