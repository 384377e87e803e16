/* SPDX-License-Identifier: BSD-2-Clause */
/* excerpt.c - the part of a dump that somebody wants to see first. */
#include <inttypes.h>
#include <string.h>

#include "dump/dump.h"

#define TASKS_MAX 24
#define VARIABLE_MAX 600               /* characters of one section */

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "?";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void put_cpu(const json_t *rq, const json_t *registers, struct buf *out)
{
	const json_t *current = json_object_get(rq, "curr");

	buf_printf(out, "cpu %" JSON_INTEGER_FORMAT ": %s (pid %" JSON_INTEGER_FORMAT ") on it, nr_running %"
		   JSON_INTEGER_FORMAT ", scx %" JSON_INTEGER_FORMAT ", local DSQ %" JSON_INTEGER_FORMAT,
		   number_of(rq, "cpu"), text_of(current, "comm"), number_of(current, "pid"),
		   number_of(rq, "nr_running"), number_of(rq, "scx_nr_running"),
		   number_of(rq, "scx_local_dsq_depth"));
	if (json_object_get(registers, "at"))
		buf_printf(out, ", at %s", text_of(registers, "at"));
	buf_char(out, '\n');
}

static bool is_waiting(const json_t *task)
{
	return strcmp(text_of(task, "state"), "runnable") == 0 &&
	       !json_is_true(json_object_get(task, "on_cpu")) && number_of(task, "pid") != 0;
}

/* Built-in queues have numbers that nobody knows by heart; include/linux/sched/ext.h. */
static const char *queue_words(const json_t *task)
{
	const char *id = json_string_value(json_object_get(json_object_get(task, "scx"), "dsq"));

	if (!id && strcmp(text_of(task, "class"), "ext") == 0)
		return "in no queue: its scheduler has it";
	if (!id)
		return NULL;
	return strcmp(id, "0x8000000000000002") == 0 ? "local queue" :
	       strcmp(id, "0x8000000000000001") == 0 ? "global queue" : id;
}

static void put_queue(const json_t *task, struct buf *out)
{
	const char *words = queue_words(task);

	if (words)
		buf_printf(out, ", %s%s", *words == '0' ? "DSQ " : "", words);
}

static void put_waiting(const json_t *tasks, struct buf *out)
{
	const json_t *task;
	size_t i, count = 0;

	json_array_foreach(tasks, i, task) {
		if (!is_waiting(task) || count++ >= TASKS_MAX)
			continue;
		buf_printf(out, "waits: %s (pid %" JSON_INTEGER_FORMAT "), %s, cpu %" JSON_INTEGER_FORMAT,
			   text_of(task, "comm"), number_of(task, "pid"), text_of(task, "class"),
			   number_of(task, "cpu"));
		put_queue(task, out);
		buf_printf(out, ", in %s, had %.1f ms\n", text_of(task, "cgroup"),
			   (double)number_of(task, "cpu_time_ns") / 1e6);
	}
	if (count > TASKS_MAX)
		buf_printf(out, "and %zu more that wait\n", count - TASKS_MAX);
	if (count == 0)
		buf_str(out, "no runnable task waits for a CPU\n");
}

static void put_queues(const json_t *dsqs, struct buf *out)
{
	const json_t *dsq;
	size_t i;

	json_array_foreach(dsqs, i, dsq)
		if (number_of(dsq, "nr"))
			buf_printf(out, "DSQ %s: %" JSON_INTEGER_FORMAT " tasks\n", text_of(dsq, "id"),
				   number_of(dsq, "nr"));
}

/* The variables of a BPF object are maps of one entry with names like ".data.state". */
static void put_variables(const json_t *maps, struct buf *out)
{
	const json_t *map;
	size_t i;

	json_array_foreach(maps, i, map) {
		const json_t *entries = json_object_get(map, "entries");
		const json_t *value = json_object_get(json_array_get(entries, 0), "value");
		AUTO(free) char *text = NULL;

		if (!strchr(text_of(map, "name"), '.') || !json_is_object(value))
			continue;
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		if (text)
			buf_printf(out, "%s: %.*s%s\n", text_of(map, "name"), VARIABLE_MAX, text,
				   strlen(text) > VARIABLE_MAX ? "..." : "");
	}
}

void dump_excerpt(const json_t *dump, struct buf *out)
{
	const json_t *rqs = json_object_get(dump, "runqueues"), *rq, *text;
	size_t i;

	buf_printf(out, "frozen because %s\n", text_of(dump, "reason"));
	json_array_foreach(json_object_get(dump, "problems"), i, text)
		buf_printf(out, "%s\n", json_string_value(text) ?: "?");
	if (json_is_true(json_object_get(dump, "is_placeholder"))) {
		buf_str(out, "its memory could not be read\n");
		return;
	}
	json_array_foreach(rqs, i, rq)
		put_cpu(rq, json_array_get(json_object_get(dump, "vcpu_regs"), i), out);
	put_waiting(json_object_get(dump, "tasks"), out);
	put_queues(json_object_get(dump, "dsqs"), out);
	put_variables(json_object_get(dump, "maps"), out);
}
