/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ctprof_tasks.bpf.c - one struct ctprof_task for each thread of the reader's pid namespace, by a
 * task iterator (Documentation/bpf/bpf_iterators.rst). It reads and changes nothing.
 *
 * The kernel's types below hold just the members that are read; libbpf moves each to where the
 * running kernel has it. Members behind bpf_core_field_exists() depend on its configuration or
 * version; the loader refuses kernels that lack one of the others.
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

#include "ctprof_task.h"

#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct sched_entity {
	uint64_t sum_exec_runtime, nr_migrations, slice;
};

struct sched_info {
	unsigned long pcount;
	unsigned long long run_delay, max_run_delay, min_run_delay;
};

struct sched_statistics {
	uint64_t wait_max, wait_count, wait_sum, iowait_count, iowait_sum;
	uint64_t sleep_max;
	int64_t sum_sleep_runtime;
	uint64_t block_max;
	int64_t sum_block_runtime, exec_max;
	uint64_t slice_max;
	uint64_t nr_failed_migrations_affine, nr_failed_migrations_running, nr_failed_migrations_hot;
	uint64_t nr_forced_migrations;
	uint64_t nr_wakeups, nr_wakeups_sync, nr_wakeups_migrate, nr_wakeups_local, nr_wakeups_remote;
	uint64_t nr_wakeups_affine, nr_wakeups_affine_attempts;
	uint64_t core_forceidle_sum;
};

struct prev_cputime {
	uint64_t utime, stime;
};

struct task_io_accounting {
	uint64_t rchar, wchar, syscr, syscw, read_bytes, write_bytes, cancelled_write_bytes;
};

struct task_delay_info {
	uint64_t blkio_delay, blkio_delay_max, blkio_delay_min;
	uint64_t swapin_delay, swapin_delay_max, swapin_delay_min;
	uint64_t freepages_delay, freepages_delay_max, freepages_delay_min;
	uint64_t thrashing_delay, thrashing_delay_max, thrashing_delay_min;
	uint64_t compact_delay, compact_delay_max, compact_delay_min;
	uint64_t wpcopy_delay, wpcopy_delay_max, wpcopy_delay_min;
	uint64_t irq_delay, irq_delay_max, irq_delay_min;
	uint32_t blkio_count, swapin_count, freepages_count, thrashing_count, compact_count;
	uint32_t wpcopy_count, irq_count;
};

struct signal_struct {
	int nr_threads;
};

struct percpu_counter {
	int64_t count;
};

struct mm_struct {
	unsigned long hiwater_rss, hiwater_vm, total_vm;
	struct percpu_counter rss_stat[4];
};

struct kthread {
	char *full_name;
};

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

struct cpumask {
	unsigned long bits[1];
};

struct sched_class;

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	int exit_state;
	unsigned int flags;
	int prio, static_prio;
	unsigned int rt_priority;
	const struct sched_class *sched_class;
	struct sched_entity se;
	struct sched_statistics stats;
	unsigned int policy;
	struct cpumask cpus_mask;
	struct sched_info sched_info;
	struct mm_struct *mm;
	int pid, tgid;
	void *worker_private;
	uint64_t utime, stime;
	struct prev_cputime prev_cputime;
	unsigned long nvcsw, nivcsw;
	uint64_t start_boottime;
	unsigned long min_flt, maj_flt;
	char comm[16];
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct task_io_accounting ioac;
	struct task_delay_info *delays;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/*
 * The address of ext_sched_class while a sched_ext scheduler runs, else 0. The loader finds it: as a
 * __ksym it would have libbpf read all of /proc/kallsyms each time.
 */
const volatile uint64_t ext_sched_class = 0;

char _license[] SEC("license") = "Dual BSD/GPL";

/* Too large for the stack. One reader at a time: the loader that opened this object. */
static struct ctprof_task out;

#define HAS(member) bpf_core_field_exists(member)
#define GET(member) (HAS(member) ? (member) : 0)

static void read_name(struct task_struct *task)
{
	struct kthread *kthread = NULL;
	char *full_name = NULL;

	__builtin_memset(out.comm, 0, sizeof(out.comm));
	if ((task->flags & PF_KTHREAD) && HAS(task->worker_private) && HAS(kthread->full_name)) {
		kthread = task->worker_private;
		bpf_core_read(&full_name, sizeof(full_name), &kthread->full_name);
	}
	if (full_name)
		bpf_probe_read_kernel_str(out.comm, sizeof(out.comm), full_name);
	else
		bpf_core_read_str(out.comm, sizeof(task->comm), &task->comm);
}

static void read_policy(struct task_struct *task)
{
	out.policy = task->policy;
	out.prio = task->prio;
	out.static_prio = task->static_prio;
	out.rt_priority = task->rt_priority;
	out.cpu = task->thread_info.cpu;
	out.state = task->__state;
	out.exit_state = task->exit_state;
	out.on_ext = ext_sched_class && (uint64_t)task->sched_class == ext_sched_class;
	out.slice_ns = GET(task->se.slice);
	bpf_core_read(out.cpus,
		      bpf_core_field_size(task->cpus_mask) < sizeof(out.cpus) ?
			      bpf_core_field_size(task->cpus_mask) : sizeof(out.cpus),
		      &task->cpus_mask);
}

static void read_run(struct task_struct *task)
{
	out.sum_exec_ns = task->se.sum_exec_runtime;
	out.run_delay_ns = GET(task->sched_info.run_delay);
	out.run_delay_max_ns = GET(task->sched_info.max_run_delay);
	out.run_delay_min_ns = GET(task->sched_info.min_run_delay);
	out.run_count = GET(task->sched_info.pcount);
	out.nvcsw = task->nvcsw;
	out.nivcsw = task->nivcsw;
	out.min_flt = task->min_flt;
	out.maj_flt = task->maj_flt;
	out.utime_ns = task->utime;
	out.stime_ns = task->stime;
	out.prev_utime_ns = task->prev_cputime.utime;
	out.prev_stime_ns = task->prev_cputime.stime;
}

static void read_statistics(struct task_struct *task)
{
	out.nr_migrations = task->se.nr_migrations;
	if (!HAS(task->stats.wait_sum))
		return;
	out.nr_wakeups = task->stats.nr_wakeups;
	out.nr_wakeups_local = task->stats.nr_wakeups_local;
	out.nr_wakeups_remote = task->stats.nr_wakeups_remote;
	out.nr_wakeups_sync = task->stats.nr_wakeups_sync;
	out.nr_wakeups_migrate = task->stats.nr_wakeups_migrate;
	out.nr_wakeups_affine = task->stats.nr_wakeups_affine;
	out.nr_wakeups_affine_attempts = task->stats.nr_wakeups_affine_attempts;
	out.nr_forced_migrations = task->stats.nr_forced_migrations;
	out.nr_failed_migrations_affine = task->stats.nr_failed_migrations_affine;
	out.nr_failed_migrations_running = task->stats.nr_failed_migrations_running;
	out.nr_failed_migrations_hot = task->stats.nr_failed_migrations_hot;
	out.wait_sum_ns = task->stats.wait_sum;
	out.wait_max_ns = task->stats.wait_max;
	out.wait_count = task->stats.wait_count;
	out.sleep_sum_ns = task->stats.sum_sleep_runtime;
	out.sleep_max_ns = task->stats.sleep_max;
	out.block_sum_ns = task->stats.sum_block_runtime;
	out.block_max_ns = task->stats.block_max;
	out.iowait_sum_ns = task->stats.iowait_sum;
	out.iowait_count = task->stats.iowait_count;
	out.exec_max_ns = task->stats.exec_max;
	out.slice_max_ns = task->stats.slice_max;
	out.core_forceidle_sum_ns = GET(task->stats.core_forceidle_sum);
}

static void read_io(struct task_struct *task)
{
	out.rchar = GET(task->ioac.rchar);
	out.wchar = GET(task->ioac.wchar);
	out.syscr = GET(task->ioac.syscr);
	out.syscw = GET(task->ioac.syscw);
	out.read_bytes = GET(task->ioac.read_bytes);
	out.write_bytes = GET(task->ioac.write_bytes);
	out.cancelled_write_bytes = GET(task->ioac.cancelled_write_bytes);
}

/* enum ctprof_delay_kind; 0 is the CPU, whose delay is sched_info's */
#define READ_DELAY(at, kind)                                                                       \
	out.delay[at].count = GET(delays->kind##_count);                                           \
	out.delay[at].total_ns = GET(delays->kind##_delay);                                        \
	out.delay[at].max_ns = GET(delays->kind##_delay_max);                                      \
	out.delay[at].min_ns = GET(delays->kind##_delay_min)

static void read_delays(struct task_struct *task)
{
	struct task_delay_info *delays;

	__builtin_memset(out.delay, 0, sizeof(out.delay));
	if (!HAS(task->delays))
		return;
	delays = task->delays;
	if (!delays)
		return;
	READ_DELAY(1, blkio);
	READ_DELAY(2, swapin);
	READ_DELAY(3, freepages);
	READ_DELAY(4, thrashing);
	READ_DELAY(5, compact);
	READ_DELAY(6, wpcopy);
	READ_DELAY(7, irq);
}

static uint64_t pages_of(int64_t count)
{
	return count > 0 ? (uint64_t)count : 0;
}

/* include/linux/mm.h, get_mm_hiwater_rss() and get_mm_hiwater_vm() */
static void read_memory(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	uint64_t rss;

	out.hiwater_rss_pages = 0;
	out.hiwater_vm_pages = 0;
	if (!mm || (task->flags & PF_KTHREAD))
		return;
	/* files, anonymous, shared; [2] is swap */
	rss = pages_of(mm->rss_stat[0].count) + pages_of(mm->rss_stat[1].count) +
	      pages_of(mm->rss_stat[3].count);
	out.hiwater_rss_pages = mm->hiwater_rss > rss ? mm->hiwater_rss : rss;
	out.hiwater_vm_pages = mm->hiwater_vm > mm->total_vm ? mm->hiwater_vm : mm->total_vm;
	/* an exiting thread drops its mm, which may be another's by now */
	if (*(struct mm_struct *volatile *)&task->mm != mm) {
		out.hiwater_rss_pages = 0;
		out.hiwater_vm_pages = 0;
	}
}

SEC("iter/task")
int ctprof_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	out.pid = task->pid;
	out.tgid = task->tgid;
	out.flags = task->flags;
	out.nr_threads = task->signal->nr_threads;
	out.start_boottime_ns = task->start_boottime;
	out.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	read_name(task);
	read_policy(task);
	read_run(task);
	read_statistics(task);
	read_io(task);
	read_delays(task);
	read_memory(task);
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}
