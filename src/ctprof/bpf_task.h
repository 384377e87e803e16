/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_task.h - what /proc and taskstats would have said, from the kernel's own values. Pure. The
 * rules are the kernel's: fs/proc/array.c (do_task_stat), kernel/sched/debug.c
 * (proc_sched_show_task), kernel/sched/cputime.c (cputime_adjust), kernel/delayacct.c, kernel/tsacct.c.
 */
#ifndef CTPROF_BPF_TASK_H
#define CTPROF_BPF_TASK_H

#include "bpf/ctprof_task.h"
#include "ctprof/snapshot.h"

/* What this machine's files show; from one look at the files of our own thread. */
struct bpf_task_rules {
	bool has_schedstat, has_io, has_sched, has_statistics, has_slice, has_core_forceidle;
	bool has_taskstats;
	uint64_t page_bytes;
	struct cpuset active;           /* CPUs that sched_getaffinity() leaves in */
};

/* Everything but cgroup, pcomm and smaps_rollup. */
void bpf_task_to_thread(const struct ctprof_task *task, const struct bpf_task_rules *rules,
			struct ctprof_thread *ret_thread, uint64_t *negatives);

#endif
