/* SPDX-License-Identifier: BSD-2-Clause */
/* source.h - inside the room: the two ways to fill a snapshot's rows, and what both need. */
#ifndef CTPROF_SOURCE_H
#define CTPROF_SOURCE_H

#include "ctprof/taskstats.h"
#include "ctprof/tree.h"

#define PF_KTHREAD 0x00200000       /* include/linux/sched.h; the kernel shows it in stat */
#define PF_WQ_WORKER 0x00000020

struct capture {
	struct ctprof_snapshot *snapshot;
	int proc_fd;
	bool live;                  /* proc_fd is this machine's: its threads may be asked */
	struct tree_buffer buffer;
	struct taskstats_link *taskstats;        /* or NULL */
};

/* Every thread that proc_fd shows. Fills threads, but the heap's counters, and parse and taskstats summaries. */
void proc_source_read(struct capture *capture);

/*
 * The processes of which there is no row yet; rows are sorted before. A kernel may keep processes
 * from its iterators that it shows in /proc (seen on a sandbox's), and new ones start all the time.
 */
void proc_source_add_missing(struct capture *capture);

/*
 * The same from the kernel's own structures, with what it keeps nowhere else read from /proc. 0, or
 * a negative errno with the reason, and then no row was added: try the other one.
 */
int bpf_source_read(struct capture *capture, struct ktstr_error *err);

/* smaps_rollup of a leader with memory of its own, into its row; failures into the parse summary. */
void read_smaps_rollup(struct capture *capture, struct ctprof_thread *leader);

/* Copy each leader's comm to its threads; rows are sorted. */
void fill_pcomm(struct ctprof_snapshot *snapshot);

/* `code` says why; -ENOENT is of a thread that is still there. */
void count_read_failure(struct ctprof_parse_summary *summary, enum ctprof_file file, int code);

#endif
