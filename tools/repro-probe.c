/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * repro-probe.c - starts a scheduler with probes around it: `ktstr-repro-probe [-p FUNCTION]... --
 * SCHEDULER [ARGUMENT...]`. The probes are there before the scheduler is; it runs as a child, and
 * signals that ask us to end are passed on. When it has ended, what the probes saw is printed on
 * stderr, a JSON object a line behind REPRO_MARK; our exit status is the scheduler's.
 */
#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bpf/repro.h"
#include "base/base.h"

#define REPRO_MARK "ktstr-repro-probe: "
#define EXIT_USAGE 64
#define LOOK_NS (10 * NS_PER_MS)          /* at sched_ext's state, until it is enabled */
#define STOP_NS (3 * NS_PER_S)            /* from the request to end to our last words */
#define HELD_MAX 128
#define NEWEST_CALLS 256                  /* of all that is in the ring are told: these, and of */
#define CALLS_A_TASK 8                    /* each task its last ones */
#define KALLSYMS_LINE 512
#define SUBPROGRAMS_MAX 64

extern const char ktstr_repro_object[], ktstr_repro_object_end[];        /* bpf/embed_repro.S */

/*
 * What ends a scheduler, and where it says the kind: the names changed over the versions
 * (kernel/sched/ext.c: scx_ops_exit_kind() of 6.12, scx_exit() and scx_vexit() later).
 * bpf_scx_unreg() is a closed link: its program died, or detached it.
 */
static const struct ending {
	const char *function;
	uint8_t kind;
} endings[] = {
	{"scx_exit", 1}, {"scx_vexit", 1}, {"scx_ops_exit_kind", 0}, {"bpf_scx_unreg", REPRO_NO_ARG},
};

struct function {
	const char *name;
	bool in_kallsyms;
	const struct btf_type *type;          /* its prototype, or NULL */
	struct repro_function about;
	struct bpf_link *links[2];
};

/* A function of the kernel's own text. */
struct symbol {
	uint64_t address;
	uint32_t name;                        /* offset in names */
};
DEFINE_VEC(symbols, struct symbol, vec_keep)

struct probe {
	struct symbols symbols;               /* in the order of addresses, as kallsyms has them */
	struct buf names;
	uint64_t text_end;                    /* _etext */
	struct btf *btf;
	struct bpf_object *object;
	struct function functions[REPRO_FUNCTIONS_MAX];
	size_t len;
	int held[HELD_MAX];                   /* the scheduler's programs */
	size_t held_count;
	struct child scheduler;
	bool asked_to_end;
};

static void probe_done(struct probe *probe)
{
	child_done(&probe->scheduler);
	for (size_t i = 0; i < probe->len; i++) {
		bpf_link__destroy(probe->functions[i].links[0]);
		bpf_link__destroy(probe->functions[i].links[1]);
	}
	for (size_t i = 0; i < probe->held_count; i++)
		fd_close(probe->held[i]);
	symbols_done(&probe->symbols);
	buf_done(&probe->names);
	bpf_object__close(probe->object);
	btf__free(probe->btf);
}
DEFINE_AUTO_DONE(struct probe, probe_done)

/* --- which functions ------------------------------------------------------------------------------ */

static void add_function(struct probe *probe, const char *name, const struct ending *ending)
{
	for (size_t i = 0; i < probe->len; i++) {
		if (strcmp(probe->functions[i].name, name) == 0)
			return;
	}
	if (probe->len == REPRO_FUNCTIONS_MAX)
		return;
	probe->functions[probe->len++] = (struct function){
		.name = name,
		.about = {
			.task = REPRO_NO_ARG,
			.queue = REPRO_NO_ARG,
			.kind = ending ? ending->kind : REPRO_NO_ARG,
			.trigger = ending != NULL,
		},
	};
}

/* One line of /proc/kallsyms: "ffffffff81000000 t name [module]". */
static bool kallsyms_line(char *line, uint64_t *ret_address, const char **ret_name)
{
	char *space = strchr(line, ' ');

	if (!space || sv_hex64(sv_bytes(line, (size_t)(space - line)), ret_address) < 0 ||
	    strlen(space) < 4)
		return false;
	*ret_name = space + 3;
	space[3 + strcspn(space + 3, "\t\n ")] = '\0';
	return true;
}

static void keep_symbol(struct probe *probe, uint64_t address, const char *name)
{
	if (probe->symbols.len && address < probe->symbols.at[probe->symbols.len - 1].address)
		return;        /* per-CPU offsets and modules are no text of the kernel */
	if (strcmp(name, "_etext") == 0)
		probe->text_end = address;
	if (probe->text_end)
		return;
	symbols_push(&probe->symbols, (struct symbol){.address = address, .name = (uint32_t)probe->names.len});
	buf_bytes(&probe->names, name, strlen(name) + 1);
}

/*
 * Once, before the scheduler starts: making up that file takes the kernel seconds of guest time in
 * det, and when the scheduler has ended there are few.
 */
static int find_functions(struct probe *probe, struct ktstr_error *err)
{
	FILE *kallsyms = fopen("/proc/kallsyms", "re");
	char line[KALLSYMS_LINE];
	const char *name;
	uint64_t address;

	if (!kallsyms)
		return error_sys(err, "/proc/kallsyms");
	while (fgets(line, sizeof(line), kallsyms)) {
		if (!kallsyms_line(line, &address, &name))
			continue;
		keep_symbol(probe, address, name);
		for (size_t i = 0; i < probe->len; i++)
			if (strcmp(probe->functions[i].name, name) == 0)
				probe->functions[i].in_kallsyms = true;
	}
	(void)fclose(kallsyms);
	return 0;
}

static const char *name_at(const struct probe *probe, uint32_t offset)
{
	return btf__name_by_offset(probe->btf, offset) ?: "";
}

/* "task_struct" of a pointer to struct task_struct, or "" */
static const char *pointee(const struct probe *probe, uint32_t type)
{
	int id = btf__resolve_type(probe->btf, type);
	const struct btf_type *at = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

	if (!at || !btf_is_ptr(at))
		return "";
	id = btf__resolve_type(probe->btf, at->type);
	at = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);
	return at && btf_is_composite(at) ? name_at(probe, at->name_off) : "";
}

static size_t arg_count(const struct function *function)
{
	size_t len = function->type ? btf_vlen(function->type) : 0;

	return len < REPRO_ARGS ? len : REPRO_ARGS;
}

static void look_up_prototype(struct probe *probe, struct function *function)
{
	int id = btf__find_by_name_kind(probe->btf, function->name, BTF_KIND_FUNC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

	function->type = type ? btf__type_by_id(probe->btf, type->type) : NULL;
	for (size_t i = arg_count(function); i-- > 0;) {
		const char *to = pointee(probe, btf_params(function->type)[i].type);

		if (strcmp(to, "task_struct") == 0)
			function->about.task = (uint8_t)i;
		if (strcmp(to, "scx_dispatch_q") == 0)
			function->about.queue = (uint8_t)i;
	}
}

/* --- attaching ------------------------------------------------------------------------------------ */

static int load(struct probe *probe, struct ktstr_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ktstr_repro");
	struct repro_function *functions;
	struct bpf_map *map;
	size_t size = 0;
	int r;

	probe->object = bpf_object__open_mem(
		ktstr_repro_object, (size_t)(ktstr_repro_object_end - ktstr_repro_object), &options);
	if (!probe->object)
		return error_sys(err, "open the embedded BPF object");
	map = bpf_object__find_map_by_name(probe->object, ".rodata.functions");
	functions = map ? bpf_map__initial_value(map, &size) : NULL;
	assert(functions);                /* we built the object */
	assert(size == REPRO_FUNCTIONS_MAX * sizeof(*functions));
	for (size_t i = 0; i < probe->len; i++)
		functions[i] = probe->functions[i].about;
	r = bpf_object__load(probe->object);
	return r < 0 ? error_set(err, r, "the kernel did not load the BPF program: %s", strerror(-r)) : 0;
}

static struct bpf_link *attach_one(struct probe *probe, const char *program, size_t index, bool is_return)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options, .bpf_cookie = index, .retprobe = is_return);

	return bpf_program__attach_kprobe_opts(bpf_object__find_program_by_name(probe->object, program),
					       probe->functions[index].name, &options);
}

/* A function that cannot be probed is told, and the others are. */
static int attach(struct probe *probe, struct ktstr_error *err)
{
	bool any_trigger = false;

	for (size_t i = 0; i < probe->len; i++) {
		struct function *function = &probe->functions[i];

		if (!function->in_kallsyms)
			continue;
		if (!function->about.trigger)
			function->links[1] = attach_one(probe, "on_return", i, true);
		function->links[0] = attach_one(probe, "on_entry", i, false);
		any_trigger |= function->about.trigger && function->links[0];
	}
	return any_trigger ? 0 : error_set(err, -ENOENT, "this kernel has none of the functions that "
							 "end a scheduler, or does not let them be probed");
}

/* Held, they can be asked for their addresses when the scheduler has gone. */
static void hold_programs(struct probe *probe)
{
	uint32_t id = 0;

	while (probe->held_count < HELD_MAX && bpf_prog_get_next_id(id, &id) == 0) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		AUTO(fd_close) int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && bpf_prog_get_info_by_fd(fd, &info, &size) == 0 &&
		    info.type == BPF_PROG_TYPE_STRUCT_OPS)
			probe->held[probe->held_count++] = TAKE_FD(fd);
	}
}

/* --- what was seen -------------------------------------------------------------------------------- */

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
		int id = btf__resolve_type(probe->btf, param->type);
		const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

		if (param->type == 0)
			break;        /* "..." */
		jout_object(json, NULL);
		jout_string(json, "name", name_at(probe, param->name_off));
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
	jout_string(&json, "missing", function->links[0]      ? NULL
				      : function->in_kallsyms ? "this kernel does not let it be probed"
							      : "this kernel has no such function, or "
								"it was inlined");
	jout_bool(&json, "returns", function->type && function->type->type != 0);
	jout_bool(&json, "returns_pointer", function->type && returns_pointer(probe, function));
	put_args(&json, probe, function);
	jout_end(&json);
	put_line(&line);
}

static void *lookup(const struct probe *probe, const char *map, uint32_t key, void *value)
{
	int fd = bpf_object__find_map_fd_by_name(probe->object, map);

	return bpf_map_lookup_elem(fd, &key, value) == 0 ? value : NULL;
}

/* "bpf_prog_643ba53f8fc3c203_my_enqueue+0x1f", as the kernel would write it; false: of none of them. */
static bool name_in_program(int fd, uint64_t address, struct buf *out)
{
	uint64_t starts[SUBPROGRAMS_MAX] = {0};
	uint32_t lens[SUBPROGRAMS_MAX] = {0};
	struct bpf_prog_info info = {
		.jited_ksyms = (uint64_t)(uintptr_t)starts,
		.nr_jited_ksyms = SUBPROGRAMS_MAX,
		.jited_func_lens = (uint64_t)(uintptr_t)lens,
		.nr_jited_func_lens = SUBPROGRAMS_MAX,
	};
	uint32_t size = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &size) < 0)
		return false;
	for (size_t i = 0; i < SUBPROGRAMS_MAX && i < info.nr_jited_ksyms; i++) {
		if (address < starts[i] || address - starts[i] >= lens[i])
			continue;
		buf_str(out, "bpf_prog_");
		for (size_t byte = 0; byte < sizeof(info.tag); byte++)
			buf_printf(out, "%02x", info.tag[byte]);
		buf_printf(out, "_%.*s+0x%llx", (int)sizeof(info.name), info.name,
			   (unsigned long long)(address - starts[i]));
		return true;
	}
	return false;
}

static void name_address(const struct probe *probe, uint64_t address, struct buf *out)
{
	size_t low = 0, high = probe->symbols.len;

	for (size_t i = 0; i < probe->held_count; i++) {
		if (name_in_program(probe->held[i], address, out))
			return;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (probe->symbols.at[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= probe->text_end)
		buf_printf(out, "0x%llx (a trampoline, or a module)", (unsigned long long)address);
	else
		buf_printf(out, "%s+0x%llx", probe->names.data + probe->symbols.at[low - 1].name,
			   (unsigned long long)(address - probe->symbols.at[low - 1].address));
}

static void put_stack(struct json_out *json, const struct probe *probe, const uint64_t *stack)
{
	jout_array(json, "stack");
	for (size_t i = 0; i < REPRO_STACK && stack[i]; i++) {
		AUTO(buf_done) struct buf text = {0};

		name_address(probe, stack[i], &text);
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

static void put_report(const struct probe *probe)
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
	jout_bool(&json, "asked_to_end", probe->asked_to_end);
	jout_end(&json);
	put_line(&line);
}

/* --- the scheduler -------------------------------------------------------------------------------- */

static bool is_enabled(void)
{
	AUTO(free) char *state = file_line(AT_FDCWD, "/sys/kernel/sched_ext/state");

	return state && strcmp(state, "enabled") == 0;
}

/* Until the scheduler ends; *ret_status as from waitpid(). */
static void stay(struct probe *probe, int signal_fd, int *ret_status)
{
	struct pollfd fds[] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = probe->scheduler.pid_fd, .events = POLLIN},
	};
	struct deadline end = DEADLINE_NEVER;

	*ret_status = -1;
	while (!fds[1].revents && !deadline_passed(end)) {
		struct deadline look = probe->held_count ? DEADLINE_NEVER : deadline_in(LOOK_NS);

		(void)poll(fds, 2, deadline_poll_ms(deadline_earlier(look, end)));
		if (probe->held_count == 0 && is_enabled())
			hold_programs(probe);
		if (fds[0].revents) {
			fds[0].fd = -1;
			fds[0].revents = 0;
			probe->asked_to_end = true;
			(void)kill(probe->scheduler.pid, SIGTERM);        /* it may have ended */
			end = deadline_in(STOP_NS);
		}
	}
	if (fds[1].revents)
		(void)child_wait(&probe->scheduler, DEADLINE_NEVER, ret_status);
}

static int start(struct probe *probe, char **argv, struct ktstr_error *err)
{
	struct spawn_config config = {
		.argv = (const char *const *)argv,
		.stdin_fd = -1,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
	};

	return child_spawn(&config, &probe->scheduler, err);
}

static int run(struct probe *probe, char **argv, struct ktstr_error *err)
{
	AUTO(fd_close) int signal_fd = -1;
	sigset_t signals;
	int r, status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0)
		return error_sys(err, "signalfd");
	probe->btf = btf__load_vmlinux_btf();
	if (!probe->btf)
		return error_sys(err, "/sys/kernel/btf/vmlinux");
	r = find_functions(probe, err);
	for (size_t i = 0; r == 0 && i < probe->len; i++)
		look_up_prototype(probe, &probe->functions[i]);
	if (r == 0)
		r = load(probe, err);
	if (r == 0)
		r = attach(probe, err);
	if (r == 0)
		r = start(probe, argv, err);
	if (r < 0)
		return r;
	stay(probe, signal_fd, &status);
	put_report(probe);
	return status == -1 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

int main(int argc, char **argv)
{
	AUTO(probe_done) struct probe probe = {.scheduler = CHILD_NONE};
	struct ktstr_error err = {0};
	int option, r;

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		add_function(&probe, endings[i].function, &endings[i]);
	while ((option = getopt(argc, argv, "+p:")) == 'p')
		add_function(&probe, optarg, NULL);
	if (option != -1 || optind == argc) {
		fputs("usage: ktstr-repro-probe [-p FUNCTION]... -- SCHEDULER [ARGUMENT...]\n", stderr);
		return EXIT_USAGE;
	}
	libbpf_set_print(print_libbpf);
	r = run(&probe, argv + optind, &err);
	if (r < 0) {
		AUTO(buf_done) struct buf line = {0};
		struct json_out json = {.buf = &line};

		jout_object(&json, NULL);
		jout_string(&json, "what", "trouble");
		jout_string(&json, "text", err.msg);
		jout_end(&json);
		put_line(&line);
		return 1;
	}
	return r;
}
