/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ctprof_task.h - what ctprof_tasks.bpf.c writes for each thread: values as the kernel keeps them.
 * What /proc and taskstats make of them is the loader's work (src/ctprof/bpf_task.c).
 */
#ifndef CTPROF_TASK_H
#define CTPROF_TASK_H

#include <stdint.h>

#define CTPROF_TASK_COMM 64
#define CTPROF_TASK_CPU_WORDS 16        /* 1024 CPUs, as struct cpuset */

struct ctprof_task_delay {
	uint64_t count, total_ns, max_ns, min_ns;
};

struct ctprof_task {
	uint32_t pid, tgid;             /* as the initial pid namespace numbers them */
	char comm[CTPROF_TASK_COMM];    /* a kernel thread's full name */
	uint64_t cgroup_id;             /* of the v2 hierarchy */
	uint64_t start_boottime_ns;
	uint32_t nr_threads;
	uint32_t flags;                 /* PF_* */
	uint32_t policy;
	int32_t prio, static_prio;
	uint32_t rt_priority;
	uint32_t cpu;
	uint32_t state, exit_state;
	uint32_t on_ext;                /* its scheduling class is sched_ext's */
	uint64_t slice_ns;

	uint64_t sum_exec_ns, run_delay_ns, run_delay_max_ns, run_delay_min_ns, run_count;
	uint64_t nvcsw, nivcsw;

	/* struct sched_statistics; times may be negative */
	uint64_t nr_wakeups, nr_wakeups_local, nr_wakeups_remote, nr_wakeups_sync, nr_wakeups_migrate;
	uint64_t nr_wakeups_affine, nr_wakeups_affine_attempts;
	uint64_t nr_migrations, nr_forced_migrations;
	uint64_t nr_failed_migrations_affine, nr_failed_migrations_running, nr_failed_migrations_hot;
	int64_t wait_sum_ns, wait_max_ns;
	uint64_t wait_count;
	int64_t sleep_sum_ns, sleep_max_ns, block_sum_ns, block_max_ns, iowait_sum_ns;
	uint64_t iowait_count;
	int64_t exec_max_ns, slice_max_ns, core_forceidle_sum_ns;

	uint64_t min_flt, maj_flt;
	uint64_t utime_ns, stime_ns, prev_utime_ns, prev_stime_ns;
	uint64_t rchar, wchar, syscr, syscw, read_bytes, write_bytes, cancelled_write_bytes;
	struct ctprof_task_delay delay[8];        /* enum ctprof_delay_kind, but [0] is empty */
	uint64_t hiwater_rss_pages, hiwater_vm_pages;
	uint64_t cpus[CTPROF_TASK_CPU_WORDS];
};

_Static_assert(sizeof(struct ctprof_task) == 8 + 64 + 16 + 40 + 8 + 7 * 8 + 12 * 8 + 12 * 8 + 13 * 8 + 8 * 32 + 16 + 128,
	       "no padding: loader and program agree");

#endif
