/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr.bpf.c - a sched_ext scheduler that is fair, or wrong in exactly the way asked for.
 *
 * Fair: a task that wakes goes straight to an idle CPU if there is one; all others wait in one
 * queue, ordered by vtime, the CPU time that a task has had, stretched by 100 / weight. The *front*
 * is the highest vtime that any task has started to run with. A task that wakes joins the queue at
 * most one slice behind the front, one that never left at most BOUND_SLICES, so that sleeping, or
 * being tied to a busier CPU, saves up no claim that would starve others, while a light task's one
 * turn may put the front that far before heavy ones; and at most BOUND_SLICES before it, so that
 * having had a CPU for itself leaves no debt. Tasks that compete for the same CPUs stay within these
 * bounds; where tasks are tied to CPUs that are unequally busy, they count for more than weights.
 *
 * A task's weight is its own times its cgroup's cpu.weight / 100, so a cgroup gets what its weight
 * says against siblings with as many runnable tasks; cgroups above it do not count.
 *
 * Where the kernel lets nobody create a queue (see ktstr_scx.h), its own global queue serves: first
 * come, first served, with slices that are larger for heavier tasks.
 */
#include "scx_ktstr.h"
#include "ktstr_scx.h"

#define QUEUE 1
#define BOUND_SLICES 4

char _license[] SEC("license") = "Dual BSD/GPL";

const volatile struct scx_ktstr_config config SEC(".rodata.config");
struct scx_ktstr_state state SEC(".data.state");
#ifdef KTSTR_KCONFIG
extern unsigned long CONFIG_HZ __kconfig;
#endif

/* Tells the loader that state.exit_kind has been set. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} doorbell SEC(".maps");

struct task_time {
	u64 cgroup;
	u64 vtime_ns;
	u64 counted_ns;        /* so much of sum_exec_runtime is in vtime_ns */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_time);
} task_times SEC(".maps");

/* cpu.weight by cgroup id; who is not in it has the default. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u32);
} cgroup_weights SEC(".maps");

/* CPUs write it without a lock: an update that is lost costs a fraction of a slice. */
static volatile u64 front_ns;
static u64 attached_at_ns;

static struct task_time *time_of(struct task_struct *p)
{
	return bpf_task_storage_get(&task_times, p, 0, 0);
}

static bool has_passed(u64 after_ns)
{
	return after_ns && bpf_ktime_get_ns() - attached_at_ns >= after_ns;
}

/* Kernel threads go on: one of them is the watchdog that is to find the others waiting. */
static bool is_stalled(struct task_struct *p)
{
	return !(p->flags & PF_KTHREAD) && has_passed(config.stall_after_ns);
}

/* Kernel threads with one CPU keep clear of the queue, and all of them if the queue is to stall. */
static bool is_queued(struct task_struct *p)
{
	return !(p->flags & PF_KTHREAD) || (p->nr_cpus_allowed > 1 && !config.stall_after_ns);
}

static bool is_starved(struct task_struct *p)
{
	char comm[SCX_KTSTR_COMM_SIZE] = {};

	if (!config.starve_comm[0])
		return false;
	bpf_probe_read_kernel_str(comm, sizeof(comm), p->comm);
	return bpf_strncmp(comm, sizeof(comm), (const char *)config.starve_comm) == 0;
}

static bool has_fault(u32 fault)
{
	return (config.faults & fault) &&
	       (!config.faults_after_ns || has_passed(config.faults_after_ns));
}

static bool is_crowded(struct task_struct *p)
{
	return has_fault(SCX_KTSTR_CROWD) && bpf_cpumask_test_cpu(0, p->cpus_ptr);
}

/* Some callback is called soon after the time has come: the loader wakes up then. */
static void raise_error_when_due(void)
{
	static char text[] = "ktstr: error on purpose after %llu ms";
	unsigned long long ms = config.error_after_ns / 1000000;

	if (!has_passed(config.error_after_ns))
		return;
	if (bpf_ksym_exists(scx_bpf_error_bstr))
		scx_bpf_error_bstr(text, &ms, sizeof(ms));
	else
		scx_bpf_exit_bstr(1, text, &ms, sizeof(ms));
}

static u64 weight_of(struct task_struct *p)
{
	struct task_time *time = time_of(p);
	u64 weight = p->scx.weight;
	u32 *of_cgroup;

	if (has_fault(SCX_KTSTR_IGNORE_WEIGHTS))
		return SCX_WEIGHT_DEFAULT;
	of_cgroup = time ? bpf_map_lookup_elem(&cgroup_weights, &time->cgroup) : 0;
	if (of_cgroup)
		weight = weight * *of_cgroup / SCX_WEIGHT_DEFAULT;
	return weight ? weight : 1;
}

static u64 stretch_by_weight(u64 ns, struct task_struct *p)
{
	return ns * SCX_WEIGHT_DEFAULT / weight_of(p);
}

/*
 * In the ordered queue too: the kernel asks for the next task before it puts the last one back, so
 * a heavy task cannot have two turns in a row while a light one waits. It gets a long one.
 */
static u64 turn_ns(struct task_struct *p)
{
	u64 weight = weight_of(p);

	if (weight < SCX_WEIGHT_DEFAULT)
		weight = SCX_WEIGHT_DEFAULT;
	if (weight > BOUND_SLICES * SCX_WEIGHT_DEFAULT)
		weight = BOUND_SLICES * SCX_WEIGHT_DEFAULT;
	return config.slice_ns * weight / SCX_WEIGHT_DEFAULT;
}

/* For queues that are not ordered: there weight is the length of a turn. */
static u64 weighted_slice_ns(struct task_struct *p)
{
	return config.slice_ns * p->scx.weight / SCX_WEIGHT_DEFAULT;
}

static u64 vtime_in_bounds(struct task_struct *p, u64 enq_flags)
{
	u64 front = front_ns;
	u64 claim = config.slice_ns * (enq_flags & SCX_ENQ_WAKEUP ? 1 : BOUND_SLICES);
	u64 most = front + stretch_by_weight(config.slice_ns * BOUND_SLICES, p);
	u64 least = front > claim ? front - claim : 0;
	struct task_time *time = time_of(p);

	if (!time)
		return front;
	if (time->vtime_ns < least)
		time->vtime_ns = least;
	if (time->vtime_ns > most)
		time->vtime_ns = most;
	return time->vtime_ns;
}

/* Two tasks that may not use the same CPUs can leave one idle although the other waits. */
static void wake_idle_cpu(struct task_struct *p)
{
	s32 cpu;

	if (!bpf_ksym_exists(scx_bpf_pick_idle_cpu) || !bpf_ksym_exists(scx_bpf_kick_cpu))
		return;
	cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, 0);
}

#include "scx_ktstr_faults.h"

SEC("struct_ops/select_cpu")
s32 BPF_PROG(ktstr_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	bool idle = false;
	s32 cpu;

	raise_error_when_due();
	if (is_stalled(p) || is_starved(p))
		return prev_cpu;
	if (is_crowded(p))
		return 0;
	if (faulty_select_cpu(p, prev_cpu, &cpu))
		return cpu;
	cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);
	if (idle)
		scx_insert(p, SCX_DSQ_LOCAL, slice_of_queue_ns(), 0);
	return cpu;
}

SEC("struct_ops/enqueue")
void BPF_PROG(ktstr_enqueue, struct task_struct *p, u64 enq_flags)
{
	raise_error_when_due();
	if (is_stalled(p) || is_starved(p))
		return;
	if (is_crowded(p)) {
		scx_insert(p, SCX_DSQ_LOCAL_ON | 0, weighted_slice_ns(p), enq_flags);
		return;
	}
	if (!is_queued(p) || last_may_stay(p, enq_flags)) {
		scx_insert(p, SCX_DSQ_LOCAL, config.slice_ns, enq_flags);
		return;
	}
	if (faulty_enqueue(p, enq_flags))
		return;
	if (bpf_ksym_exists(scx_bpf_create_dsq))
		scx_insert_vtime(p, QUEUE, turn_ns(p), vtime_in_bounds(p, enq_flags), enq_flags);
	else
		scx_insert(p, SCX_DSQ_GLOBAL, weighted_slice_ns(p), enq_flags);
	wake_idle_cpu(p);
}

SEC("struct_ops/dispatch")
void BPF_PROG(ktstr_dispatch, s32 cpu, struct task_struct *prev)
{
	raise_error_when_due();
	if (has_passed(config.stall_after_ns) || !bpf_ksym_exists(scx_bpf_create_dsq))
		return;
	if (!faulty_dispatch(cpu))
		scx_take(QUEUE);
}

/* A real-time task has taken the CPU: whoever waits in its local queue may run elsewhere meanwhile. */
SEC("struct_ops/cpu_release")
void BPF_PROG(ktstr_cpu_release, s32 cpu, struct scx_cpu_release_args *args)
{
	if (bpf_ksym_exists(scx_bpf_reenqueue_local))
		scx_bpf_reenqueue_local();
}

SEC("struct_ops/running")
void BPF_PROG(ktstr_running, struct task_struct *p)
{
	struct task_time *time = time_of(p);

	if (time && time->vtime_ns > front_ns)
		front_ns = time->vtime_ns;
}

SEC("struct_ops/stopping")
void BPF_PROG(ktstr_stopping, struct task_struct *p, bool runnable)
{
	struct task_time *time = time_of(p);
	u64 had_ns = p->se.sum_exec_runtime;

	if (!time)
		return;
	time->vtime_ns += stretch_by_weight(had_ns - time->counted_ns, p);
	time->counted_ns = had_ns;
}

SEC("struct_ops/init_task")
s32 BPF_PROG(ktstr_init_task, struct task_struct *p, struct scx_init_task_args *args)
{
	struct task_time *time = bpf_task_storage_get(&task_times, p, 0,
						      BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!time)
		return -ENOMEM;
	if (bpf_core_field_exists(args->cgroup))
		time->cgroup = args->cgroup->kn->id;
	return 0;
}

SEC("struct_ops/enable")
void BPF_PROG(ktstr_enable, struct task_struct *p)
{
	struct task_time *time = time_of(p);

	if (!time)
		return;
	time->vtime_ns = front_ns;
	time->counted_ns = p->se.sum_exec_runtime;
}

SEC("struct_ops/cgroup_init")
s32 BPF_PROG(ktstr_cgroup_init, struct cgroup *cgrp, struct scx_cgroup_init_args *args)
{
	u64 id = cgrp->kn->id;
	u32 weight = args->weight;

	bpf_map_update_elem(&cgroup_weights, &id, &weight, 0);        /* full: the default serves */
	return 0;
}

SEC("struct_ops/cgroup_exit")
void BPF_PROG(ktstr_cgroup_exit, struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;

	bpf_map_delete_elem(&cgroup_weights, &id);
}

SEC("struct_ops/cgroup_move")
void BPF_PROG(ktstr_cgroup_move, struct task_struct *p, struct cgroup *from, struct cgroup *to)
{
	struct task_time *time = time_of(p);

	if (time)
		time->cgroup = to->kn->id;
}

SEC("struct_ops/cgroup_set_weight")
void BPF_PROG(ktstr_cgroup_set_weight, struct cgroup *cgrp, u32 weight)
{
	u64 id = cgrp->kn->id;

	bpf_map_update_elem(&cgroup_weights, &id, &weight, 0);
}

SEC("struct_ops.s/init")
s32 BPF_PROG(ktstr_init)
{
	s32 r;

	attached_at_ns = bpf_ktime_get_ns();
#ifdef KTSTR_KCONFIG
	state.hz = CONFIG_HZ;
#endif
	r = faulty_init();
	if (r)
		return r;
	if (bpf_ksym_exists(scx_bpf_create_dsq))
		return scx_bpf_create_dsq(QUEUE, -1);
	state.without_queue = 1;
	return 0;
}

SEC("struct_ops/exit")
void BPF_PROG(ktstr_exit, struct scx_exit_info *info)
{
	bpf_probe_read_kernel_str(state.reason, sizeof(state.reason), info->reason);
	bpf_probe_read_kernel_str(state.message, sizeof(state.message), info->msg);
	bpf_probe_read_kernel_str(state.dump, sizeof(state.dump), info->dump);
	state.exit_kind = info->kind;
	bpf_ringbuf_output(&doorbell, &state.exit_kind, sizeof(state.exit_kind), 0);
}

/* The loader sets flags and timeout_ms. */
SEC(".struct_ops.link")
struct sched_ext_ops ktstr_ops = {
	.select_cpu = (void *)ktstr_select_cpu,
	.enqueue = (void *)ktstr_enqueue,
	.dispatch = (void *)ktstr_dispatch,
	.cpu_release = (void *)ktstr_cpu_release,
	.running = (void *)ktstr_running,
	.stopping = (void *)ktstr_stopping,
	.init_task = (void *)ktstr_init_task,
	.enable = (void *)ktstr_enable,
	.cgroup_init = (void *)ktstr_cgroup_init,
	.cgroup_exit = (void *)ktstr_cgroup_exit,
	.cgroup_move = (void *)ktstr_cgroup_move,
	.cgroup_set_weight = (void *)ktstr_cgroup_set_weight,
	.init = (void *)ktstr_init,
	.exit = (void *)ktstr_exit,
	.name = "ktstr",
};
