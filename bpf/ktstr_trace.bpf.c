/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ktstr_trace.bpf.c - what does the scheduler do? Every event as one record into a ring, which the
 * loader reads when it is half full and when all is over, so that hardly ever anything wakes up for it.
 * An event for which the ring has no room is counted.
 *
 * Switches, wake-ups and migrations are tracepoints; what tracepoints do not have are entries of the
 * functions that the QEMU plugin hooks, too. All of these run with interrupts off, but for
 * wake_up_new_task() and nr_context_switches(): where the kernel leaves out a program that is interrupted
 * by itself, it counts that (recursion_misses), and the loader adds it to what was lost.
 */
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16, __be16;
typedef uint32_t __u32, __be32, __wsum;
typedef uint64_t __u64;
typedef int8_t __s8;
typedef int16_t __s16;
typedef int32_t __s32;
typedef int64_t __s64;

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "trace_event.h"

/* include/uapi/linux/bpf.h */
#define BPF_MAP_TYPE_RINGBUF 27
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0

/* Just the members that are read; libbpf moves each to where the running kernel has it. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	uint64_t id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct thread_info {
	uint32_t cpu;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	int pid, tgid;
	char comm[TRACE_COMM_MAX];
	struct css_set *cgroups;
};

struct rq {
	int cpu;
	unsigned int nr_running;
	uint64_t nr_switches, clock;
};

#pragma clang attribute pop

char _license[] SEC("license") = "Dual BSD/GPL";

extern const struct rq runqueues __ksym;        /* kernel/sched/core.c, per CPU */

const volatile uint64_t wake_bytes = UINT64_MAX;        /* the loader reads when so many wait */
volatile uint64_t stop SEC(".data.stop");        /* no more are wanted */
uint64_t lost SEC(".data.lost");                  /* events that had no room */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);                    /* the loader sets it */
} records SEC(".maps");

static uint64_t wake_flag(void)
{
	return bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) < wake_bytes ? BPF_RB_NO_WAKEUP
									    : BPF_RB_FORCE_WAKEUP;
}

/* A zeroed slot for the next record, or NULL. */
static void *reserve(void)
{
	struct trace_record *slot;

	if (stop)
		return NULL;
	slot = bpf_ringbuf_reserve(&records, sizeof(*slot), 0);
	if (slot)
		__builtin_memset(slot, 0, sizeof(*slot));
	else
		__sync_fetch_and_add(&lost, 1);
	return slot;
}

/* rq: the record's run queue, NULL for that of this CPU. */
static struct trace_record *begin(enum trace_kind kind, const struct rq *rq)
{
	uint64_t time_ns = bpf_ktime_get_ns();
	const struct rq *own = bpf_this_cpu_ptr(&runqueues);
	struct trace_record *record = reserve();

	if (!record)
		return NULL;
	record->time_ns = time_ns;
	record->kind = kind;
	record->nr_switches = own->nr_switches;
	record->cpu = own->cpu;
	if (!rq)
		rq = own;
	record->clock_ns = rq->clock;
	record->nr_running = rq->nr_running;
	record->target = rq->cpu;
	return record;
}

static void put_task(struct trace_record *record, struct task_struct *task)
{
	record->pid = task->pid;
	record->tgid = task->tgid;
	record->cgroup = task->cgroups->dfl_cgrp->kn->id;
	bpf_core_read(record->comm, sizeof(record->comm), &task->comm);
}

static void put_other(struct trace_record *record, struct task_struct *task)
{
	record->other_pid = task->pid;
	record->other_tgid = task->tgid;
	record->other_cgroup = task->cgroups->dfl_cgrp->kn->id;
	bpf_core_read(record->other_comm, sizeof(record->other_comm), &task->comm);
}

static void end(struct trace_record *record)
{
	bpf_ringbuf_submit(record, wake_flag());
}

/* An event of a task, by the one that runs. */
static void put(enum trace_kind kind, const struct rq *rq, struct task_struct *task, uint32_t arg)
{
	struct trace_record *record = begin(kind, rq);

	if (!record)
		return;
	put_task(record, task);
	put_other(record, (struct task_struct *)bpf_get_current_task_btf());
	record->state = task->__state;
	record->arg = arg;
	if (kind == TRACE_WAKE || kind == TRACE_NEW)
		record->target = task->thread_info.cpu;
	end(record);
}

/*
 * Right before __switch_to_asm. A task that was about to sleep and has a signal goes on: the kernel
 * resets its __state then, prev_state only since 6.17 (kernel/sched/core.c, try_to_block_task()).
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct trace_record *record = begin(TRACE_SWITCH, NULL);

	if (!record)
		return 0;
	put_task(record, prev);
	put_other(record, next);
	record->arg = prev->__state;
	record->state = preempt || !record->arg ? 0 : prev_state;
	end(record);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *task)
{
	put(TRACE_WAKE, NULL, task, task->__state);
	return 0;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_migrate, struct task_struct *task, int target)
{
	uint32_t from = task->thread_info.cpu;
	struct trace_record *record;

	if (from == (uint32_t)target)
		return 0;
	record = begin(TRACE_MIGRATE, NULL);
	if (!record)
		return 0;
	put_task(record, task);
	put_other(record, (struct task_struct *)bpf_get_current_task_btf());
	record->state = task->__state;
	record->arg = from;
	record->target = target;
	end(record);
	return 0;
}

/* A cgroup's name; those that were there before are the loader's. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir, struct cgroup *cgroup, const char *path)
{
	struct trace_cgroup *record = reserve();
	char probe[256];
	long size = bpf_probe_read_kernel_str(probe, sizeof(probe), path);
	uint64_t cut = size > TRACE_CGROUP_NAME_MAX ? size - TRACE_CGROUP_NAME_MAX : 0;

	if (!record)
		return 0;
	record->kind = TRACE_CGROUP;
	record->id = cgroup->kn->id;
	bpf_probe_read_kernel_str(record->name, sizeof(record->name), (const char *)path + cut);
	bpf_ringbuf_submit(record, wake_flag());
	return 0;
}

SEC("fentry/wake_up_new_task")
int BPF_PROG(wake_up_new_task, struct task_struct *task)
{
	put(TRACE_NEW, NULL, task, 0);
	return 0;
}

/* Somebody sums up the kernel's counters: where tests compare. */
SEC("fentry/nr_context_switches")
int BPF_PROG(nr_context_switches)
{
	struct trace_record *record = begin(TRACE_MARK, NULL);

	if (!record)
		return 0;
	put_other(record, (struct task_struct *)bpf_get_current_task_btf());
	end(record);
	return 0;
}

/* The classes' methods, because compilers inline enqueue_task() itself. */
#define QUEUE(function, kind)                                                                      \
	SEC("fentry/" #function)                                                                   \
	int BPF_PROG(function, struct rq *rq, struct task_struct *task, int flags)                 \
	{                                                                                          \
		put(kind, rq, task, flags);                                                        \
		return 0;                                                                          \
	}

QUEUE(enqueue_task_fair, TRACE_ENQUEUE)
QUEUE(dequeue_task_fair, TRACE_DEQUEUE)
QUEUE(enqueue_task_rt, TRACE_ENQUEUE)
QUEUE(dequeue_task_rt, TRACE_DEQUEUE)
QUEUE(enqueue_task_dl, TRACE_ENQUEUE)
QUEUE(dequeue_task_dl, TRACE_DEQUEUE)
QUEUE(enqueue_task_stop, TRACE_ENQUEUE)
QUEUE(dequeue_task_stop, TRACE_DEQUEUE)
QUEUE(enqueue_task_scx, TRACE_ENQUEUE)
QUEUE(dequeue_task_scx, TRACE_DEQUEUE)
