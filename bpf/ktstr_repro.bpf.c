/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ktstr_repro.bpf.c - what happened on the way to a scheduler's end? Functions of the kernel that
 * were chosen by the loader (kprobes), and the scheduler's own callbacks (fentry and fexit on its BPF
 * programs), at their entry and return: arguments, and what they point to as it was before and is
 * after. The newest calls stay in a ring of memory that nobody reads before the end, so that nothing
 * wakes up for them; the first trigger stops the recording.
 */
#include "repro.h"
#include "scx_ktstr.h"
#include "ktstr_scx.h"

char _license[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct scx_dispatch_q___repro {
	u64 id;
};

struct sched_ext_entity___repro {
	struct scx_dispatch_q___repro *dsq;
	u64 dsq_vtime, slice;
	u32 flags, weight;
	s32 sticky_cpu, holding_cpu;
};

struct thread_info___repro {
	u32 cpu;
};

struct task_struct___repro {
	struct thread_info___repro thread_info;
	unsigned int __state;
	int on_cpu, static_prio, pid;
	const struct cpumask *cpus_ptr;
	struct sched_ext_entity___repro scx;
	char comm[16];
};

/* x86-64's, whose first six arguments are in these (System V psABI, 3.2.3) */
struct pt_regs {
	unsigned long di, si, dx, cx, r8, r9, ax;
};

#pragma clang attribute pop

/* The loader's: those of the callbacks follow once the scheduler has loaded them. */
struct repro_function functions[REPRO_FUNCTIONS_MAX] SEC(".data.functions");
u32 scheduler_tgid SEC(".data.scheduler");   /* the loader's; 0: not started */
struct repro_trigger trigger SEC(".data.trigger");
u64 call_count SEC(".data.count");
u64 nested_count SEC(".data.nested");        /* calls whose return was not recognized */
static u32 claimed;                          /* the first trigger takes it */

#define SIGSTOP 19                           /* uapi/asm/signal.h of x86-64 */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REPRO_CALLS);
	__type(key, u32);
	__type(value, struct repro_call);
} calls SEC(".maps");

/* Calls that have not returned: which number each has. */
struct open_call {
	u64 task;
	u64 function;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct open_call);
	__type(value, u64);
} open_calls SEC(".maps");

static __always_inline void read_task(struct repro_task *to, struct task_struct___repro *task)
{
	const u64 *mask;

	to->scx_dsq_id = BPF_CORE_READ(task, scx.dsq, id);
	to->scx_dsq_vtime = BPF_CORE_READ(task, scx.dsq_vtime);
	to->scx_slice = BPF_CORE_READ(task, scx.slice);
	to->scx_flags = BPF_CORE_READ(task, scx.flags);
	to->scx_weight = BPF_CORE_READ(task, scx.weight);
	to->scx_sticky_cpu = BPF_CORE_READ(task, scx.sticky_cpu);
	to->scx_holding_cpu = BPF_CORE_READ(task, scx.holding_cpu);
	to->on_cpu = BPF_CORE_READ(task, on_cpu);
	to->cpu = (s32)BPF_CORE_READ(task, thread_info.cpu);
	to->state = BPF_CORE_READ(task, __state);
	to->static_prio = (u32)BPF_CORE_READ(task, static_prio);
	/* word by word: the mask may be as short as the machine has CPUs; the loader knows how long */
	mask = (const u64 *)BPF_CORE_READ(task, cpus_ptr);
	for (int i = 0; i < REPRO_CPU_WORDS; i++)
		bpf_probe_read_kernel(&to->cpus[i], sizeof(to->cpus[i]), mask + i);
}

static __always_inline void read_fields(u64 *to, const struct repro_function *about, const struct repro_call *call)
{
	for (int i = 0; i < REPRO_FIELDS; i++) {
		const struct repro_field *field = &about->fields[i];

		if (!field->used || field->arg >= REPRO_ARGS)
			break;
		bpf_probe_read_kernel(&to[i], sizeof(to[i]), (void *)(call->args[field->arg] + field->offset));
	}
}

static __always_inline u64 arg_at(const u64 *args, uint8_t index)
{
	return index < REPRO_ARGS ? args[index] : 0;
}

static __always_inline void pull_trigger(struct pt_regs *regs, const u64 *args, u32 function)
{
	uint8_t kind = functions[function & (REPRO_FUNCTIONS_MAX - 1)].kind;

	if (__sync_val_compare_and_swap(&claimed, 0, 1))
		return;
	trigger.time_ns = bpf_ktime_get_ns();
	trigger.task = bpf_get_current_task();
	trigger.pid = (s32)bpf_get_current_pid_tgid();
	trigger.cpu = bpf_get_smp_processor_id();
	trigger.function = function;
	trigger.kind = arg_at(args, kind);
	bpf_get_current_comm(trigger.comm, sizeof(trigger.comm));
	bpf_get_stack(regs, trigger.stack, sizeof(trigger.stack), 0);
	trigger.fired = 1;
}

/* Its number, or 0: the recording is over. */
static __always_inline u64 begin_call(u32 function, const u64 *args)
{
	const struct repro_function *about = &functions[function];
	struct task_struct___repro *task = (void *)arg_at(args, about->task);
	struct scx_dispatch_q___repro *queue = (void *)arg_at(args, about->queue);
	struct repro_call *call;
	u64 number;
	u32 place;

	if (claimed)
		return 0;
	number = __sync_fetch_and_add(&call_count, 1) + 1;
	place = number & (REPRO_CALLS - 1);
	call = bpf_map_lookup_elem(&calls, &place);
	if (!call)
		return 0;
	call->number = 0;
	call->entry_ns = bpf_ktime_get_ns();
	call->exit_ns = 0;
	call->ret = 0;
	__builtin_memcpy(call->args, args, sizeof(call->args));
	call->current_task = bpf_get_current_task();
	call->current_pid = (s32)bpf_get_current_pid_tgid();
	bpf_get_current_comm(call->current_comm, sizeof(call->current_comm));
	call->cpu = bpf_get_smp_processor_id();
	call->function = function;
	call->task = (u64)task;
	call->task_pid = 0;
	call->task_comm[0] = 0;
	call->queue_id = queue ? BPF_CORE_READ(queue, id) : 0;
	if (task) {
		read_task(&call->before, task);
		call->task_pid = BPF_CORE_READ(task, pid);
		bpf_probe_read_kernel(call->task_comm, sizeof(call->task_comm), &task->comm);
	}
	read_fields(call->fields_before, about, call);
	call->number = number;
	return number;
}

static __always_inline void open_call(u32 function, u64 number)
{
	struct open_call open = {.task = bpf_get_current_task(), .function = function};

	if (number)
		bpf_map_update_elem(&open_calls, &open, &number, 0);
}

static __always_inline void end_call(u32 function, u64 ret)
{
	struct open_call open = {.task = bpf_get_current_task(), .function = function};
	u64 *number = bpf_map_lookup_elem(&open_calls, &open);
	struct repro_call *call;
	u32 place;

	if (!number)
		return;
	place = (u32)*number & (REPRO_CALLS - 1);
	call = bpf_map_lookup_elem(&calls, &place);
	if (call && call->number == *number) {
		call->ret = ret;
		if (call->task)
			read_task(&call->after, (void *)call->task);
		read_fields(call->fields_after, &functions[function], call);
		call->exit_ns = bpf_ktime_get_ns();
	} else {
		__sync_fetch_and_add(&nested_count, 1);
	}
	bpf_map_delete_elem(&open_calls, &open);
}

/* --- functions of the kernel ------------------------------------------------------------------- */

SEC("kprobe")
int on_entry(struct pt_regs *regs)
{
	u32 function = (u32)bpf_get_attach_cookie(regs) & (REPRO_FUNCTIONS_MAX - 1);
	u64 args[REPRO_ARGS] = {BPF_CORE_READ(regs, di), BPF_CORE_READ(regs, si),
				BPF_CORE_READ(regs, dx), BPF_CORE_READ(regs, cx),
				BPF_CORE_READ(regs, r8), BPF_CORE_READ(regs, r9)};
	u64 number = begin_call(function, args);

	if (!functions[function].trigger)
		open_call(function, number);
	else if (number)
		pull_trigger(regs, args, function);
	return 0;
}

SEC("kretprobe")
int on_return(struct pt_regs *regs)
{
	end_call((u32)bpf_get_attach_cookie(regs) & (REPRO_FUNCTIONS_MAX - 1), BPF_CORE_READ(regs, ax));
	return 0;
}

/* --- callbacks of the scheduler ---------------------------------------------------------------- */

/*
 * The scheduler stops before it goes on with what it has just loaded, and the loader continues it
 * when the probes below are on its programs. Other processes are nobody's to continue.
 */
SEC("kprobe")
int on_struct_ops(struct pt_regs *regs)
{
	if (scheduler_tgid && bpf_get_current_pid_tgid() >> 32 == scheduler_tgid)
		bpf_send_signal(SIGSTOP);
	return 0;
}

/*
 * A struct_ops program has one argument, the array of its callback's own
 * (Documentation/bpf/libbpf/program_types.rst; BPF_PROG() takes them out of it). Loaded for a function
 * that every kernel has and attached nowhere: the loader loads these instructions again for each
 * program of the scheduler, which are not known when libbpf has to finish them.
 */
SEC("fentry/schedule_tail")
int on_callback(u64 *ctx)
{
	u32 function = (u32)bpf_get_attach_cookie(ctx) & (REPRO_FUNCTIONS_MAX - 1);
	u64 args[REPRO_ARGS] = {0}, array = 0;

	bpf_get_func_arg(ctx, 0, &array);
	bpf_probe_read_kernel(args, sizeof(args), (void *)array);
	open_call(function, begin_call(function, args));
	return 0;
}

SEC("fexit/schedule_tail")
int on_callback_return(u64 *ctx)
{
	u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);        /* stays 0 where nothing is returned */
	end_call((u32)bpf_get_attach_cookie(ctx) & (REPRO_FUNCTIONS_MAX - 1), ret);
	return 0;
}
