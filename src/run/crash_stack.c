/* SPDX-License-Identifier: BSD-2-Clause */
/* crash_stack.c - from a kernel's words about a crash to functions that are worth a probe. Pure. */
#include <string.h>

#include "run/repro.h"

#define NAME_MAX_LEN 128
#define PROG "bpf_prog_"
#define TAG_LEN 16                        /* hex digits of a BPF program's tag */

/* On every stack, or only there because something was dumped: by whole name, or by how it begins. */
static const char *const generic_names[] = {
	"default_idle", "default_idle_call", "do_idle", "cpu_startup_entry", "start_secondary",
	"start_kernel", "rest_init", "kthread", "kthread_worker_fn", "ret_from_fork", "worker_thread",
	"process_one_work", "process_scheduled_works", "smpboot_thread_fn", "schedule", "schedule_idle",
	"preempt_schedule", "preempt_schedule_irq", "preempt_schedule_common", "common_startup_64",
	"cpuidle_idle_call", "handle_softirqs", "irq_exit_rcu", "run_timer_softirq", "call_timer_fn",
	"pv_native_safe_halt", "native_safe_halt", "do_syscall_64", "dump_stack", "dump_stack_lvl",
	"show_stack", "panic", "warn_slowpath_fmt", "report_bug", "handle_bug", "try_to_wake_up",
};
static const char *const generic_starts[] = {
	"asm_", "sysvec_", "exc_", "entry_", "x64_sys_", "ia32_sys_", "do_sys_", "ksys_", "se_sys_",
	"raw_spin_", "_raw_spin_", "queued_spin_", "native_queued_spin_", "mutex_", "rwsem_",
	"lock_", "rcu_", "irqentry_", "raw_irqentry_", "irq_work_", "ret_from_fork", "finish_task_switch",
	 "stack_trace_", "arch_stack_walk", "secondary_startup", "x86_64_start",
	"scx_bpf_error", "scx_bpf_exit", "scx_exit", "scx_vexit", "scx_ops_exit", "scx_ops_error",
	"scx_dump", "scx_disable", "scx_error_irq", "bpf__sched_ext_ops_", "bpf_trampoline_",
	"bpf_dispatcher_", "run_timers", "irq_exit", "hrtimer_run",
};

static bool is_generic(const char *name)
{
	const char *bare = name + strspn(name, "_");

	for (size_t i = 0; i < sizeof(generic_names) / sizeof(generic_names[0]); i++) {
		if (strcmp(bare, generic_names[i]) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(generic_starts) / sizeof(generic_starts[0]); i++) {
		if (sv_starts(sv_of(bare), generic_starts[i]) || sv_starts(sv_of(name), generic_starts[i]))
			return true;
	}
	return false;
}

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '.';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* What comes before "+0x1a/0x20"; at is that of the '+'. */
static struct sv name_before(struct sv line, size_t at)
{
	size_t start = at, end = at + 3;

	while (end < line.len && is_hex(line.data[end]))
		end++;
	if (end == at + 3 || end + 2 >= line.len || memcmp(line.data + end, "/0x", 3) != 0)
		return (struct sv){0};
	while (start > 0 && is_of_name(line.data[start - 1]))
		start--;
	return sv_bytes(line.data + start, at - start);
}

/* "bpf_prog_643ba53f8fc3c203_ktstr_select_cpu" */
static bool without_tag(struct sv *name)
{
	size_t head = strlen(PROG) + TAG_LEN;

	if (!sv_starts(*name, PROG) || name->len <= head + 1 || name->data[head] != '_')
		return false;
	for (size_t i = strlen(PROG); i < head; i++) {
		if (!is_hex(name->data[i]))
			return false;
	}
	*name = sv_skip(*name, head + 1);
	return true;
}

static void add(struct strings *list, const char *name)
{
	vec_each(known, list) {
		if (strcmp(*known, name) == 0)
			return;
	}
	if (list->len < REPRO_FUNCTIONS_WANTED)
		strings_push(list, xstrdup(name));
}

static void take_frame(struct sv name, struct strings *functions, struct strings *bpf)
{
	bool is_bpf = without_tag(&name);
	AUTO(free) char *text = xstrndup(name.data ?: "", name.len);

	if (name.len == 0 || name.len >= NAME_MAX_LEN || (!is_bpf && is_generic(text)))
		return;
	if (is_bpf && bpf)
		add(bpf, text);
	else
		add(functions, text);
}

/*
 * sched_ext's dump has the way to the scheduler's end under this heading, before the stacks of all tasks
 * (scx_dump_state(), kernel/sched/ext.c). Without the heading, any backtrace in the log counts.
 */
static struct sv only_crash(struct sv log)
{
	static const char heading[] = "\nBacktrace:\n";
	const char *start = memmem(log.data, log.len, heading, strlen(heading));
	const char *end;

	if (!start)
		return log;
	log = sv_skip(log, (size_t)(start - log.data) + strlen(heading));
	end = memmem(log.data, log.len, "\n\n", 2);
	return end ? sv_bytes(log.data, (size_t)(end - log.data)) : log;
}

void crash_stack_functions(struct sv log, struct strings *functions, struct strings *bpf)
{
	struct sv line;

	log = log.len ? only_crash(log) : log;
	while (sv_line(&log, &line)) {
		for (size_t at = 1; at + 3 < line.len; at++) {
			if (memcmp(line.data + at, "+0x", 3) == 0) {
				take_frame(name_before(line, at), functions, bpf);
				break;
			}
		}
	}
}

/*
 * Who calls which callback: kernel/sched/ext.c, SCX_CALL_OP*(). Names of several versions: the probe
 * program leaves out what a kernel has not.
 */
static const struct caller {
	const char *callback, *functions[3];
} callers[] = {
	{"select_cpu", {"select_task_rq_scx"}},
	{"enqueue", {"do_enqueue_task", "enqueue_task_scx", "dispatch_enqueue"}},
	{"dequeue", {"ops_dequeue", "dequeue_task_scx"}},
	{"dispatch", {"balance_scx", "balance_one", "pick_task_scx"}},
	{"tick", {"task_tick_scx"}},
	{"runnable", {"enqueue_task_scx"}},
	{"running", {"set_next_task_scx"}},
	{"stopping", {"put_prev_task_scx"}},
	{"quiescent", {"dequeue_task_scx"}},
	{"yield", {"yield_task_scx", "yield_to_task_scx"}},
	{"set_weight", {"reweight_task_scx"}},
	{"set_cpumask", {"set_cpus_allowed_scx"}},
	{"update_idle", {"__scx_update_idle"}},
	{"init_task", {"scx_init_task"}},
	{"exit_task", {"scx_exit_task"}},
	{"enable", {"scx_enable_task"}},
	{"disable", {"scx_disable_task"}},
	{"cgroup_move", {"scx_cgroup_move_task"}},
	{"cgroup_set_weight", {"scx_group_set_weight"}},
};

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0 &&
	       (len == end_len || name[len - end_len - 1] == '_');
}

void crash_stack_callers(const char *program, struct strings *functions)
{
	const struct caller *best = NULL;

	/* the longest end: "x_cgroup_set_weight" is no set_weight */
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		if (ends_with(program, callers[i].callback) &&
		    (!best || strlen(best->callback) < strlen(callers[i].callback)))
			best = &callers[i];
	}
	for (size_t i = 0; best && i < 3 && best->functions[i]; i++)
		add(functions, best->functions[i]);
}
