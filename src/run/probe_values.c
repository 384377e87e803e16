/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_values.c - what was read of the things that a call's arguments point to, as a person reads it:
 * at its entry, and what changed until its return. Pure, as probe_text.c.
 */
#include <string.h>

#include "run/repro.h"

#define CPU_WORDS 4
#define FIELDS_MAX 8
#define INDENT "                 "

/* include/linux/sched/ext.h, from 6.12 to 7.2 */
#define DSQ_BUILTIN (1ull << 63)
#define DSQ_LOCAL_ON (1ull << 62)

static const struct flag {
	uint64_t bit;
	const char *name;
} enq_flags[] = {
	{1ull << 0, "WAKEUP"},   {1ull << 4, "HEAD"},   {1ull << 10, "CPU_SELECTED"},
	{1ull << 32, "PREEMPT"}, {1ull << 40, "REENQ"}, {1ull << 41, "LAST"},
	{1ull << 56, "CLEAR_OPSS"}, {1ull << 57, "DSQ_PRIQ"},
};

void dsq_describe(uint64_t id, struct buf *out)
{
	if (id == 0)
		buf_str(out, "none");
	else if (!(id & DSQ_BUILTIN))
		buf_printf(out, "user queue 0x%llx", (unsigned long long)id);
	else if (id & DSQ_LOCAL_ON)
		buf_printf(out, "local queue of CPU %u", (uint32_t)id);
	else if ((uint32_t)id == 1)
		buf_str(out, "global queue");
	else if ((uint32_t)id == 2)
		buf_str(out, "local queue");
	else
		buf_printf(out, "built-in queue 0x%llx", (unsigned long long)id);
}

void enq_flags_describe(uint64_t flags, struct buf *out)
{
	const char *bar = "";

	for (size_t i = 0; i < sizeof(enq_flags) / sizeof(enq_flags[0]); i++) {
		if (!(flags & enq_flags[i].bit))
			continue;
		buf_printf(out, "%s%s", bar, enq_flags[i].name);
		flags &= ~enq_flags[i].bit;
		bar = "|";
	}
	if (flags || !*bar)
		buf_printf(out, flags ? "%s0x%llx" : "%s%llu", bar, (unsigned long long)flags);
}

/* --- a task ------------------------------------------------------------------------------------------ */

static void cpus_describe(const json_t *words, struct buf *out)
{
	struct cpuset cpus = {0};

	for (size_t i = 0; i < CPU_WORDS; i++)
		cpus.word[i] = probe_number(json_array_get(words, i));
	if (cpuset_count(&cpus))
		cpuset_format(&cpus, out);
	else
		buf_str(out, "none");
}

static void signed_describe(const json_t *value, struct buf *out)
{
	buf_printf(out, "%lld", (long long)(int32_t)probe_number(value));
}

static void unsigned_describe(const json_t *value, struct buf *out)
{
	buf_printf(out, "%llu", (unsigned long long)probe_number(value));
}

static void hex_describe(const json_t *value, struct buf *out)
{
	buf_printf(out, "0x%llx", (unsigned long long)probe_number(value));
}

static void queue_describe(const json_t *value, struct buf *out)
{
	dsq_describe(probe_number(value), out);
}

static const struct field {
	const char *key, *title;
	void (*describe)(const json_t *value, struct buf *out);
	bool at_entry;                           /* of interest also where it does not change */
} task_fields[] = {
	{"dsq", "queue", queue_describe, true},
	{"dsq_vtime", "scx.dsq_vtime", unsigned_describe, false},
	{"slice", "scx.slice", unsigned_describe, true},
	{"flags", "scx.flags", hex_describe, true},
	{"weight", "scx.weight", unsigned_describe, false},
	{"sticky_cpu", "scx.sticky_cpu", signed_describe, false},
	{"holding_cpu", "scx.holding_cpu", signed_describe, false},
	{"cpu", "cpu", signed_describe, true},
	{"on_cpu", "on_cpu", signed_describe, true},
	{"state", "__state", hex_describe, true},
	{"prio", "static_prio", unsigned_describe, false},
	{"cpus", "cpus allowed", cpus_describe, false},
};

#define TASK_FIELDS (sizeof(task_fields) / sizeof(task_fields[0]))

static void put_task(const json_t *task, bool all, struct buf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < TASK_FIELDS; i++) {
		if (!json_object_get(task, task_fields[i].key) || !(all || task_fields[i].at_entry))
			continue;
		buf_printf(out, "%s%s ", comma, task_fields[i].title);
		task_fields[i].describe(json_object_get(task, task_fields[i].key), out);
		comma = ", ";
	}
}

void state_describe(const json_t *call, struct buf *out)
{
	const json_t *task = json_object_get(call, "after") ?: json_object_get(call, "before");

	if (!json_is_object(task))
		return;
	buf_str(out, "its state after the last of them: ");
	put_task(task, true, out);
	buf_char(out, '\n');
}

/* --- of other arguments ------------------------------------------------------------------------------ */

/* False: there is no such value. */
static bool field_describe(const json_t *field, const json_t *values, size_t i, struct buf *out)
{
	const json_t *value = json_array_get(values, i);
	struct cpuset cpus = {.word = {probe_number(value)}};
	const char *name = json_string_value(json_object_get(field, "name")) ?: "";
	uint64_t bytes = probe_number(json_object_get(field, "bytes"));

	if (!value)
		return false;
	if (json_is_true(json_object_get(field, "cpus")) && cpuset_count(&cpus))
		cpuset_format(&cpus, out);
	else if (strlen(name) >= 5 && strcmp(name + strlen(name) - 5, "flags") == 0)
		hex_describe(value, out);
	else if (!json_is_true(json_object_get(field, "signed")))
		unsigned_describe(value, out);
	else if (bytes == 8)
		buf_printf(out, "%lld", (long long)probe_number(value));
	else
		buf_printf(out, "%lld", bytes == 1   ? (long long)(int8_t)probe_number(value)
					: bytes == 2 ? (long long)(int16_t)probe_number(value)
						     : (long long)(int32_t)probe_number(value));
	return true;
}

/* The name of the argument that is this call's task: "prev" */
static char *task_name(const json_t *function, const json_t *call)
{
	const json_t *args = json_object_get(function, "args"), *values = json_object_get(call, "args");
	uint64_t task = probe_number(json_object_get(call, "task"));

	for (size_t i = 0; task && i < json_array_size(args); i++) {
		if (probe_number(json_array_get(values, i)) == task)
			return probe_word(json_array_get(args, i), "name");
	}
	return xstrdup("");
}

void entry_describe(const json_t *function, const json_t *call, struct buf *out)
{
	const json_t *fields = json_object_get(function, "fields"), *task = json_object_get(call, "before");
	AUTO(free) char *name = task_name(function, call);
	AUTO(buf_done) struct buf text = {0};

	if (json_is_object(task) && *name) {
		buf_printf(&text, "%s: ", name);
		put_task(task, false, &text);
	}
	for (size_t i = 0; i < json_array_size(fields) && i < FIELDS_MAX; i++) {
		const json_t *field = json_array_get(fields, i);
		AUTO(free) char *field_name = probe_word(field, "name");
		AUTO(buf_done) struct buf value = {0};

		if (field_describe(field, json_object_get(call, "fields_before"), i, &value))
			buf_printf(&text, "%s%s %s", text.len ? ", " : "", field_name, buf_text(&value));
	}
	if (text.len)
		buf_printf(out, INDENT "at entry: %s\n", buf_text(&text));
}

static void put_change(const char *name, const struct buf *old, const struct buf *new, struct buf *out)
{
	if (strcmp(buf_text(old), buf_text(new)) != 0)
		buf_printf(out, INDENT "%s: %s → %s\n", name, buf_text(old), buf_text(new));
}

void changes_describe(const json_t *function, const json_t *call, struct buf *out)
{
	const json_t *before = json_object_get(call, "before"), *after = json_object_get(call, "after");
	const json_t *fields = json_object_get(function, "fields");

	for (size_t i = 0; i < TASK_FIELDS; i++) {
		const json_t *old_value = json_object_get(before, task_fields[i].key);
		const json_t *new_value = json_object_get(after, task_fields[i].key);
		AUTO(buf_done) struct buf old = {0};
		AUTO(buf_done) struct buf new = {0};

		if (!old_value || !new_value)
			continue;
		task_fields[i].describe(old_value, &old);
		task_fields[i].describe(new_value, &new);
		put_change(task_fields[i].title, &old, &new, out);
	}
	for (size_t i = 0; i < json_array_size(fields) && i < FIELDS_MAX; i++) {
		const json_t *field = json_array_get(fields, i);
		AUTO(free) char *name = probe_word(field, "name");
		AUTO(buf_done) struct buf old = {0};
		AUTO(buf_done) struct buf new = {0};

		if (field_describe(field, json_object_get(call, "fields_before"), i, &old) &&
		    field_describe(field, json_object_get(call, "fields_after"), i, &new))
			put_change(name, &old, &new, out);
	}
}
