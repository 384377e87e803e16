/* SPDX-License-Identifier: BSD-2-Clause */
/* told.c - what was seen, on stderr: a JSON object a line behind REPRO_MARK. */
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define NEWEST_CALLS 256                  /* of all that is in the ring are told: these, and of */
#define CALLS_A_TASK 16                   /* each task its last ones */

/* A line at a time: what the scheduler's own children may still print does not get into one. */
static void put_line(struct buf *line)
{
	AUTO(buf_done) struct buf whole = {0};

	buf_printf(&whole, REPRO_MARK "%s\n", buf_text(line));
	(void)fd_write_all(STDERR_FILENO, whole.data, whole.len);        /* nowhere left to complain */
	buf_clear(line);
}

/* All 64 bits, which a number in JSON has not everywhere. */
static void put_hex(struct json_out *json, const char *key, uint64_t value)
{
	AUTO(free) char *text = xasprintf("0x%llx", (unsigned long long)value);

	jout_string(json, key, text);
}

static void put_args(struct json_out *json, const struct probe *probe, const struct function *function)
{
	jout_array(json, "args");
	for (size_t i = 0; i < arg_count(function); i++) {
		const struct btf_param *param = &btf_params(function->type)[i];
		const char *to = pointee(probe, param->type);
		AUTO(free) char *name = arg_name(probe, function, i);
		int id = btf__resolve_type(probe->btf, param->type);
		const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

		if (param->type == 0)
			break;        /* "..." */
		jout_object(json, NULL);
		jout_string(json, "name", name);
		jout_string(json, "type", type && btf_is_ptr(type) ? "pointer"
					  : type		   ? name_at(probe, type->name_off)
								   : "");
		jout_u64(json, "bytes", type && (btf_is_int(type) || btf_is_any_enum(type)) ? type->size : 8);
		jout_bool(json, "signed", type && btf_is_int(type) && (btf_int_encoding(type) & BTF_INT_SIGNED));
		jout_string(json, "to", to);
		jout_end(json);
	}
	jout_end(json);
}

static void put_fields(struct json_out *json, const struct function *function)
{
	jout_array(json, "fields");
	for (size_t i = 0; i < REPRO_FIELDS && function->about.fields[i].used; i++) {
		const struct field *field = &function->fields[i];

		jout_object(json, NULL);
		jout_string(json, "name", field->name);
		jout_u64(json, "arg", function->about.fields[i].arg);
		jout_u64(json, "bytes", field->bytes);
		jout_bool(json, "signed", field->is_signed);
		jout_bool(json, "cpus", field->is_cpus);
		jout_end(json);
	}
	jout_end(json);
}

static const char *why_missing(const struct function *function)
{
	if (function->callback)
		return function->refused;
	if (function->links[0])
		return NULL;
	return function->in_kallsyms ? "this kernel does not let it be probed"
				     : "this kernel has no such function, or it was inlined";
}

static bool returns_pointer(const struct probe *probe, const struct function *function)
{
	int id = btf__resolve_type(probe->btf, function->type->type);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

	return type && btf_is_ptr(type);
}

static void put_function(const struct probe *probe, size_t index)
{
	const struct function *function = &probe->functions[index];
	AUTO(buf_done) struct buf line = {0};
	struct json_out json = {.buf = &line};

	jout_object(&json, NULL);
	jout_string(&json, "what", "function");
	jout_u64(&json, "index", index);
	jout_string(&json, "name", function->name);
	jout_bool(&json, "trigger", function->about.trigger);
	jout_string(&json, "callback", function->callback);
	jout_string(&json, "source", function->source);
	jout_string(&json, "missing", why_missing(function));
	jout_bool(&json, "returns", function->type && function->type->type != 0);
	jout_bool(&json, "returns_pointer", function->type && returns_pointer(probe, function));
	put_args(&json, probe, function);
	put_fields(&json, function);
	jout_end(&json);
	put_line(&line);
}

static void *lookup(const struct probe *probe, const char *map, uint32_t key, void *value)
{
	int fd = bpf_object__find_map_fd_by_name(probe->object, map);

	return bpf_map_lookup_elem(fd, &key, value) == 0 ? value : NULL;
}

static void put_stack(struct json_out *json, const struct probe *probe, const uint64_t *stack)
{
	jout_array(json, "stack");
	for (size_t i = 0; i < REPRO_STACK && stack[i]; i++) {
		AUTO(buf_done) struct buf text = {0};

		if (!name_program_address(probe, stack[i], &text))
			name_kernel_address(probe, stack[i], &text);
		jout_string(json, NULL, buf_text(&text));
	}
	jout_end(json);
}

static void put_trigger(const struct probe *probe, const struct repro_trigger *trigger)
{
	AUTO(buf_done) struct buf line = {0};
	struct json_out json = {.buf = &line};

	jout_object(&json, NULL);
	jout_string(&json, "what", "trigger");
	jout_u64(&json, "function", trigger->function);
	jout_u64(&json, "time_ns", trigger->time_ns);
	jout_u64(&json, "cpu", trigger->cpu);
	put_hex(&json, "task", trigger->task);
	jout_i64(&json, "pid", trigger->pid);
	jout_string_bytes(&json, "comm", trigger->comm, strnlen(trigger->comm, sizeof(trigger->comm)));
	if (probe->functions[trigger->function % REPRO_FUNCTIONS_MAX].about.kind != REPRO_NO_ARG)
		jout_u64(&json, "kind", trigger->kind);
	put_stack(&json, probe, trigger->stack);
	jout_end(&json);
	put_line(&line);
}

static void put_task(struct json_out *json, const char *key, const struct repro_task *task)
{
	uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);

	/* a CPU list is the reader's to make: words of 64 CPUs, the lowest first */
	jout_object(json, key);
	put_hex(json, "dsq", task->scx_dsq_id);
	put_hex(json, "dsq_vtime", task->scx_dsq_vtime);
	put_hex(json, "slice", task->scx_slice);
	jout_u64(json, "flags", task->scx_flags);
	jout_u64(json, "weight", task->scx_weight);
	jout_i64(json, "sticky_cpu", task->scx_sticky_cpu);
	jout_i64(json, "holding_cpu", task->scx_holding_cpu);
	jout_i64(json, "on_cpu", task->on_cpu);
	jout_i64(json, "cpu", task->cpu);
	jout_u64(json, "state", task->state);
	jout_u64(json, "prio", task->static_prio);
	jout_array(json, "cpus");
	for (uint32_t i = 0; i < REPRO_CPU_WORDS && i * 64 < cpus; i++)
		put_hex(json, NULL, task->cpus[i] & (cpus - i * 64 < 64 ? (1ull << (cpus - i * 64)) - 1
									 : UINT64_MAX));
	jout_end(json);
	jout_end(json);
}

static void put_values(struct json_out *json, const char *key, const struct function *function,
		       const uint64_t *values)
{
	uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);

	jout_array(json, key);
	for (size_t i = 0; i < REPRO_FIELDS && function->about.fields[i].used; i++) {
		const struct field *field = &function->fields[i];
		uint32_t bits = field->is_cpus && cpus < 64 ? cpus : 8 * field->bytes;

		/* the bytes behind a short field were read with it */
		put_hex(json, NULL, bits < 64 ? values[i] & ((1ull << bits) - 1) : values[i]);
	}
	jout_end(json);
}

static void put_call(const struct probe *probe, const struct repro_call *call)
{
	const struct function *function = &probe->functions[call->function % REPRO_FUNCTIONS_MAX];
	AUTO(buf_done) struct buf line = {0};
	struct json_out json = {.buf = &line};

	jout_object(&json, NULL);
	jout_string(&json, "what", "call");
	jout_u64(&json, "function", call->function);
	jout_u64(&json, "entry_ns", call->entry_ns);
	jout_u64(&json, "exit_ns", call->exit_ns);
	jout_u64(&json, "cpu", call->cpu);
	put_hex(&json, "current", call->current_task);
	jout_i64(&json, "pid", call->current_pid);
	jout_string_bytes(&json, "comm", call->current_comm,
			  strnlen(call->current_comm, sizeof(call->current_comm)));
	jout_array(&json, "args");
	for (size_t i = 0; i < arg_count(function); i++)
		put_hex(&json, NULL, call->args[i]);
	jout_end(&json);
	put_hex(&json, "return", call->ret);
	put_hex(&json, "queue", call->queue_id);
	put_values(&json, "fields_before", function, call->fields_before);
	if (call->exit_ns)
		put_values(&json, "fields_after", function, call->fields_after);
	if (call->task) {
		put_hex(&json, "task", call->task);
		jout_i64(&json, "task_pid", call->task_pid);
		jout_string_bytes(&json, "task_comm", call->task_comm,
				  strnlen(call->task_comm, sizeof(call->task_comm)));
		put_task(&json, "before", &call->before);
		if (call->exit_ns)
			put_task(&json, "after", &call->after);
	}
	jout_end(&json);
	put_line(&line);
}

/* How often each task was told of already, newest calls first. */
static bool has_room(uint64_t task, uint64_t *tasks, unsigned *counts, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (tasks[i] == task)
			return counts[i]++ < CALLS_A_TASK;
	}
	if (*count == REPRO_CALLS)
		return false;
	tasks[*count] = task;
	counts[(*count)++] = 1;
	return true;
}

static void put_calls(const struct probe *probe, uint64_t last)
{
	static uint64_t tasks[REPRO_CALLS];
	static unsigned counts[REPRO_CALLS];
	uint64_t first = last > REPRO_CALLS ? last - REPRO_CALLS + 1 : 1;
	size_t task_count = 0;

	for (uint64_t number = last; number >= first; number--) {
		struct repro_call call;
		bool room;

		if (!lookup(probe, "calls", (uint32_t)number & (REPRO_CALLS - 1), &call) ||
		    call.number != number)
			continue;
		room = has_room(call.task ?: call.current_task, tasks, counts, &task_count);
		if (room || last - number < NEWEST_CALLS)
			put_call(probe, &call);
	}
}

/* Calls that began on a CPU where the same probe was busy already (bpf_prog_info.recursion_misses). */
static uint64_t count_missed(const struct probe *probe)
{
	uint64_t missed = 0;

	for (size_t i = 0; i < probe->len; i++) {
		struct bpf_link_info link = {0};
		struct bpf_prog_info program = {0};
		uint32_t size = sizeof(link);
		AUTO(fd_close) int fd = -1;

		if (probe->functions[i].link_fd[0] < 0 ||
		    bpf_link_get_info_by_fd(probe->functions[i].link_fd[0], &link, &size) < 0)
			continue;
		fd = bpf_prog_get_fd_by_id(link.prog_id);
		size = sizeof(program);
		if (fd >= 0 && bpf_prog_get_info_by_fd(fd, &program, &size) == 0)
			missed += program.recursion_misses;
	}
	return missed;
}

void put_report(const struct probe *probe)
{
	AUTO(buf_done) struct buf line = {0};
	struct json_out json = {.buf = &line};
	struct repro_trigger trigger = {0};
	uint64_t calls = 0, nested = 0;

	lookup(probe, ".data.trigger", 0, &trigger);
	lookup(probe, ".data.count", 0, &calls);
	lookup(probe, ".data.nested", 0, &nested);
	for (size_t i = 0; i < probe->len; i++)
		put_function(probe, i);
	if (trigger.fired)
		put_trigger(probe, &trigger);
	put_calls(probe, calls);
	jout_object(&json, NULL);
	jout_string(&json, "what", "end");
	jout_u64(&json, "calls", calls);
	jout_u64(&json, "unmatched_returns", nested);
	jout_u64(&json, "missed", count_missed(probe));
	jout_u64(&json, "callbacks_ns", probe->callbacks_ns);
	jout_bool(&json, "callbacks_before_enabled", probe->before_enabled);
	jout_bool(&json, "asked_to_end", probe->asked_to_end);
	jout_end(&json);
	put_line(&line);
}

void put_trouble(const struct ktstr_error *err)
{
	AUTO(buf_done) struct buf line = {0};
	struct json_out json = {.buf = &line};

	jout_object(&json, NULL);
	jout_string(&json, "what", "trouble");
	jout_string(&json, "text", err->msg);
	jout_end(&json);
	put_line(&line);
}
