/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_text.c - what probes saw, for a person: what ended the scheduler, the way there on the stack,
 * and the last calls that concern the task in question, with what each changed. Pure. Every value
 * comes from a guest: what is missing or of another type is left out, texts are cleaned.
 */
#include <string.h>

#include "run/repro.h"

#define CALLS_SHOWN 24
#define LOG_LINES 40
#define WORD_MAX 128

/* enum scx_exit_kind, as in bpf/scx_ktstr.h */
static const struct {
	uint64_t kind;
	const char *word;
} exit_kinds[] = {
	{1, "done"}, {64, "unregistered"}, {65, "unregistered by BPF"}, {66, "unregistered by the kernel"},
	{67, "sysrq"}, {68, "parent"}, {1024, "error"}, {1025, "BPF error"}, {1026, "stall"},
};

char *probe_word(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key)) ?: "";
	char *word = text_clean(sv_of(text), WORD_MAX);

	for (char *at = word; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	return word;
}

static uint64_t number_at(const json_t *object, const char *key)
{
	return probe_number(json_object_get(object, key));
}

/* As unsigned differences wrap, and times are a guest's. */
static double ms_before(uint64_t time_ns, uint64_t end_ns)
{
	return ((double)end_ns - (double)time_ns) / NS_PER_MS;
}

static const json_t *function_at(const json_t *probes, const json_t *index)
{
	json_t *functions = json_object_get(probes, "functions");

	return json_is_integer(index) && json_integer_value(index) >= 0
		       ? json_array_get(functions, (size_t)json_integer_value(index))
		       : NULL;
}

/* --- calls ----------------------------------------------------------------------------------------- */

static void put_arg(struct buf *out, const json_t *call, const json_t *arg, const json_t *value)
{
	AUTO(free) char *name = probe_word(arg, "name");
	AUTO(free) char *to = probe_word(arg, "to");
	AUTO(free) char *comm = probe_word(call, "task_comm");
	uint64_t number = probe_number(value);

	buf_printf(out, "%s=", name);
	if (strcmp(to, "task_struct") == 0 && number && number == number_at(call, "task"))
		buf_printf(out, "%s[%d]", comm, (int32_t)number_at(call, "task_pid"));
	else if (strcmp(to, "scx_dispatch_q") == 0)
		dsq_describe(number_at(call, "queue"), out);
	else if (strstr(name, "enq_flags"))
		enq_flags_describe(number, out);
	else if (strstr(name, "dsq_id"))
		dsq_describe(number, out);
	else if (json_is_true(json_object_get(arg, "signed")))
		buf_printf(out, "%lld", number_at(arg, "bytes") == 8 ? (long long)number
									: (long long)(int32_t)number);
	else
		buf_printf(out, "0x%llx", (unsigned long long)(number_at(arg, "bytes") < 8
								       ? (uint32_t)number
								       : number));
}

static void put_call(struct buf *out, const json_t *probes, const json_t *call, uint64_t end_ns)
{
	const json_t *function = function_at(probes, json_object_get(call, "function"));
	const json_t *args = json_object_get(function, "args");
	AUTO(free) char *name = probe_word(function, "name");
	AUTO(free) char *source = probe_word(function, "source");
	AUTO(free) char *comm = probe_word(call, "comm");
	uint64_t entry = number_at(call, "entry_ns"), end = number_at(call, "exit_ns");

	buf_printf(out, "%12.3f ms  CPU %-3u %s(", -ms_before(entry, end_ns),
		   (uint32_t)number_at(call, "cpu"), name);
	for (size_t i = 0; i < json_array_size(args) && i < 6; i++) {
		buf_str(out, i ? ", " : "");
		put_arg(out, call, json_array_get(args, i),
			json_array_get(json_object_get(call, "args"), i));
	}
	buf_char(out, ')');
	if (*source)
		buf_printf(out, " at %s", source);
	if (end && json_is_true(json_object_get(function, "returns_pointer")))
		buf_printf(out, " = 0x%llx", (unsigned long long)number_at(call, "return"));
	else if (end && json_is_true(json_object_get(function, "returns")))
		buf_printf(out, " = %d", (int32_t)number_at(call, "return"));
	if (!end && !json_is_true(json_object_get(function, "trigger")))
		buf_str(out, ", had not returned");
	buf_printf(out, "; by %s[%d]\n", comm, (int32_t)number_at(call, "pid"));
	if (json_is_string(json_object_get(function, "callback")))
		entry_describe(function, call, out);
	changes_describe(function, call, out);
}

static bool concerns(const json_t *call, uint64_t task)
{
	return number_at(call, "task") == task || number_at(call, "current") == task;
}

/* The name of a task in any call that knows it. */
static void put_task_name(struct buf *out, json_t *calls, uint64_t task)
{
	for (size_t i = json_array_size(calls); i-- > 0;) {
		json_t *call = json_array_get(calls, i);
		bool is_arg = number_at(call, "task") == task;
		AUTO(free) char *comm = probe_word(call, is_arg ? "task_comm" : "comm");

		if (!concerns(call, task))
			continue;
		buf_printf(out, "%s[%d]", comm, (int32_t)number_at(call, is_arg ? "task_pid" : "pid"));
		return;
	}
}

static void put_calls(struct buf *out, const struct repro_report *report)
{
	const json_t *probes = report->probes;
	json_t *calls = json_object_get(probes, "calls");
	const json_t *trigger = json_object_get(probes, "trigger");
	uint64_t task = probe_log_subject(probes, report->log, report->dump);
	uint64_t end_ns = number_at(trigger, "time_ns");
	const json_t *last = NULL;
	size_t count = 0, skip;

	for (size_t i = 0; task && i < json_array_size(calls); i++)
		count += concerns(json_array_get(calls, i), task);
	if (json_array_size(calls) && !end_ns)
		end_ns = number_at(json_array_get(calls, json_array_size(calls) - 1), "entry_ns");
	if (count == 0) {
		buf_str(out, "none of the probed functions was called for the task in question\n");
		return;
	}
	buf_str(out, "calls that concern ");
	put_task_name(out, calls, task);
	buf_printf(out, ", times before the %s:\n", json_is_object(trigger) ? "trigger" : "last call");
	skip = count > CALLS_SHOWN ? count - CALLS_SHOWN : 0;
	if (skip)
		buf_printf(out, "  (%zu earlier ones are in auto-repro.json)\n", skip);
	for (size_t i = 0; i < json_array_size(calls); i++) {
		const json_t *call = json_array_get(calls, i);

		if (!concerns(call, task))
			continue;
		if (number_at(call, "task") == task)
			last = call;
		if (skip)
			skip--;
		else
			put_call(out, probes, call, end_ns);
	}
	state_describe(last, out);
}

/* --- the whole ------------------------------------------------------------------------------------- */

static void put_trigger(struct buf *out, const json_t *probes)
{
	const json_t *trigger = json_object_get(probes, "trigger");
	AUTO(free) char *function = probe_word(function_at(probes, json_object_get(trigger, "function")), "name");
	AUTO(free) char *comm = probe_word(trigger, "comm");
	json_t *stack = json_object_get(trigger, "stack");

	buf_printf(out, "trigger: %s()", function);
	for (size_t i = 0; i < sizeof(exit_kinds) / sizeof(exit_kinds[0]); i++) {
		if (json_object_get(trigger, "kind") &&
		    (uint32_t)number_at(trigger, "kind") == exit_kinds[i].kind)
			buf_printf(out, " of kind %u (%s)", (uint32_t)exit_kinds[i].kind, exit_kinds[i].word);
	}
	buf_printf(out, " on CPU %u, while %s[%d] ran\n", (uint32_t)number_at(trigger, "cpu"), comm,
		   (int32_t)number_at(trigger, "pid"));
	for (size_t i = 0; i < json_array_size(stack) && i < 32; i++) {
		const char *text = json_string_value(json_array_get(stack, i)) ?: "";
		AUTO(free) char *frame = text_clean(sv_of(text), WORD_MAX);

		buf_printf(out, "    %s\n", frame);
	}
}

/* The kernel's, or the scheduler's own with where each is. */
static void put_probed(struct buf *out, const json_t *functions, bool callbacks, const char *title)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(functions); i++) {
		const json_t *function = json_array_get(functions, i);
		AUTO(free) char *name = probe_word(function, "name");
		AUTO(free) char *callback = probe_word(function, "callback");
		AUTO(free) char *source = probe_word(function, "source");

		if (json_is_string(json_object_get(function, "missing")) || (*callback != '\0') != callbacks)
			continue;
		buf_printf(out, "%s %s", any ? "," : title, name);
		if (*callback)
			buf_printf(out, " (%s%s%s)", callback, *source ? ", " : "", source);
		any = true;
	}
	if (any)
		buf_char(out, '\n');
}

static void put_missing(struct buf *out, const json_t *functions)
{
	for (size_t i = 0; i < json_array_size(functions); i++) {
		const json_t *function = json_array_get(functions, i);
		AUTO(free) char *name = probe_word(function, "name");
		AUTO(free) char *why = probe_word(function, "missing");

		/* a trigger has another name in every version; only a kernel without all is worth a word */
		if (*why && !json_is_true(json_object_get(function, "trigger")))
			buf_printf(out, "not probed: %s: %s\n", name, why);
	}
}

static void put_functions(struct buf *out, const json_t *probes)
{
	const json_t *functions = json_object_get(probes, "functions");
	const json_t *end = json_object_get(probes, "end");

	put_probed(out, functions, false, "probed:");
	put_probed(out, functions, true, "probed callbacks:");
	put_missing(out, functions);
	if (json_object_get(end, "callbacks_ns") && number_at(end, "callbacks_ns") == 0)
		buf_str(out, "not probed: the scheduler's callbacks: it ended before it had loaded any\n");
	else if (json_is_false(json_object_get(end, "callbacks_before_enabled")))
		buf_str(out, "its first calls are missing: its callbacks were probed when it was attached already\n");
	if (number_at(end, "missed") || number_at(end, "unmatched_returns"))
		buf_printf(out, "not recorded: %llu calls and %llu returns\n",
			   (unsigned long long)number_at(end, "missed"),
			   (unsigned long long)number_at(end, "unmatched_returns"));
}

/* The last lines, each run of equal ones once. */
static void put_log(struct buf *out, struct sv log)
{
	AUTO(buf_done) struct buf own = {0};
	struct sv lines[LOG_LINES] = {0}, line, rest;
	size_t times[LOG_LINES] = {0}, count = 0;

	probe_log_strip(log, &own);
	rest = sv_bytes(buf_text(&own), own.len);
	while (sv_line(&rest, &line)) {
		struct sv last = count ? lines[(count - 1) % LOG_LINES] : (struct sv){0};

		/* sched_ext's dump: the report has that of the first run */
		if (memmem(line.data, line.len, "] triggered exit kind ", 22))
			break;
		if (count && last.len == line.len && memcmp(last.data, line.data, line.len) == 0) {
			times[(count - 1) % LOG_LINES]++;
			continue;
		}
		lines[count % LOG_LINES] = line;
		times[count++ % LOG_LINES] = 1;
	}
	if (count)
		buf_str(out, "the scheduler's last words in this run:\n");
	for (size_t i = count > LOG_LINES ? count - LOG_LINES : 0; i < count; i++) {
		AUTO(free) char *text = text_clean(lines[i % LOG_LINES], 1024);

		buf_printf(out, "    %s", text);
		if (times[i % LOG_LINES] > 1)
			buf_printf(out, "  (%zu times)", times[i % LOG_LINES]);
		buf_char(out, '\n');
	}
}

static void put_verdict(struct buf *out, const struct repro_report *report)
{
	const json_t *trouble = json_object_get(report->probes, "trouble");

	if (json_is_object(trouble)) {
		AUTO(free) char *text = probe_word(trouble, "text");

		buf_printf(out, "no data: the probes could not be set up: %s\n", text);
	} else if (report->primary) {
		buf_printf(out, "probes were in this run: %s\n", report->ended);
	} else if (report->reproduced) {
		buf_printf(out, "reproduced in a second guest%s: %s\n",
			   report->never_attached ? " (the first run never reached its test)" : "",
			   report->ended);
	} else {
		buf_printf(out, "not reproduced in a second guest: %s\n", report->ended);
	}
}

void repro_report_text(const struct repro_report *report, struct buf *out)
{
	const json_t *probes = report->probes;

	put_verdict(out, report);
	if (json_array_size(json_object_get(probes, "functions"))) {
		if (json_is_object(json_object_get(probes, "trigger")))
			put_trigger(out, probes);
		else
			buf_str(out, "trigger: none, no function that ends a scheduler was called\n");
		put_functions(out, probes);
		put_calls(out, report);
	} else if (!json_is_object(json_object_get(probes, "trouble"))) {
		buf_str(out, "no data: the probes printed nothing\n");
	}
	if (json_array_size(json_object_get(probes, "functions")) && !json_is_object(json_object_get(probes, "end")))
		buf_str(out, "the end of what the probes said is missing\n");
	buf_printf(out, "the run with probes took %.1f s\n", (double)report->host_ns / NS_PER_S);
	if (report->trace)
		buf_printf(out, "its trace, written by %s: %s (open it in ui.perfetto.dev)\n", report->tracer,
			   report->trace);
	put_log(out, report->log);
}
