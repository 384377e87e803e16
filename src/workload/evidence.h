/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.h - what the kernel says about a worker, read by its parent, and how a report is
 * completed from it whether or not the worker itself could report.
 */
#ifndef WORKLOAD_EVIDENCE_H
#define WORKLOAD_EVIDENCE_H

#include "base/base.h"
#include "verdict/verdict.h"

/* One look at a task. Fields of files that could not be read stay 0. */
struct task_sample {
	uint64_t at_ns;
	/* /proc/PID/schedstat (kernel: Documentation/scheduler/sched-stats.rst) */
	bool counted;
	uint64_t run_ns, wait_ns, timeslices;
	/* /proc/PID/stat (proc_pid_stat(5)) */
	char state;                      /* 'R' runs or waits for a CPU */
	int32_t cpu;                     /* it ran on last, or waits for; -1: unknown */
	/* /proc/PID/sched (kernel/sched/debug.c) could be read, of a policy that sched_ext may have */
	bool scheduler_known;
	bool ext_enabled;                /* its line "ext.enabled" says 1 */
};

/* The parsers; -EINVAL for what the kernel does not write. */
int task_parse_schedstat(struct sv text, struct task_sample *sample);
int task_parse_stat(struct sv text, struct task_sample *sample);
void task_parse_sched(struct sv text, struct task_sample *sample);        /* the line may lack */

/*
 * Adds the pages of memory that the task mapped for itself, by node: what has no file, and is not
 * shared with a parent since fork(). Hostile lines add nothing.
 */
void task_parse_numa_maps(struct sv text, uint64_t pages[WORKER_NODES_MAX]);

/*
 * proc_fd: an open /proc. tid may be that of a thread: these files are a thread's own there, pages
 * excepted. A task that is gone is not `counted`.
 */
struct task_sample task_sample_counters(int proc_fd, pid_t tid);
void task_sample_scheduler(int proc_fd, pid_t tid, struct task_sample *sample);
bool task_read_pages(int proc_fd, pid_t tid, uint64_t pages[WORKER_NODES_MAX]);
/* How many memory nodes this machine has; 1 where the kernel knows of none. */
unsigned nodes_online(void);

struct worker_evidence {
	struct task_sample before;       /* just before the release */
	struct task_sample after;        /* just before the stop */
	uint64_t since_ns;               /* struct slot's, at `after` */
	uint64_t release_ns;
	uint64_t end_ns;                 /* it was told to stop, or had ended before */
	int32_t wait_status;
};

/*
 * How long it has waited for a CPU, from `before` to `after`. The kernel adds a wait to schedstat when
 * it is over, so a task in state R that has not come to its next checkpoint gets the time since then
 * added, as far as the time from release to `after` has room for it beside the time that it ran.
 */
uint64_t evidence_waited_ns(const struct worker_evidence *evidence);

/* Fill in what the parent knows. */
void report_complete(struct worker_report *report, const struct worker_evidence *evidence);

#endif
