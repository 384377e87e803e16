/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - take a snapshot. Cannot fail: what cannot be read is zero and counted in a summary.
 * It stops no thread but those of processes that use jemalloc, each for a moment, one at a time.
 */
#ifndef CTPROF_CAPTURE_H
#define CTPROF_CAPTURE_H

#include "ctprof/snapshot.h"

enum ctprof_source {
	CTPROF_SOURCE_AUTO,         /* BPF where it is quicker and can be had, else /proc */
	CTPROF_SOURCE_PROC,
	CTPROF_SOURCE_BPF,          /* BPF where it can be had, else /proc; the report says why */
};

struct ctprof_capture_config {
	enum ctprof_source source;
	bool no_heap;               /* leave jemalloc's counters at 0: nobody is stopped */
	/*
	 * A recorded machine: DIR/proc, DIR/sys. Nothing live is asked (no affinity, taskstats,
	 * ptrace, BPF), and the summaries stay absent. NULL: this machine.
	 */
	const char *root;
};

/* Which source took it, and how long each part was, for whoever measures. */
struct ctprof_capture_report {
	enum ctprof_source source;      /* never AUTO */
	char why_not_bpf[KTSTR_ERROR_MSG_MAX];          /* "" when it was BPF or not wanted */
	uint64_t threads_ns, smaps_ns, heap_ns, cgroups_ns;
	uint64_t stopped_ns_max;        /* longest time that any thread was stopped */
};

/* NULL config: the defaults. ret_report may be NULL. For ctprof_snapshot_done(). */
void ctprof_capture(const struct ctprof_capture_config *config, struct ctprof_snapshot *ret_snapshot,
		    struct ctprof_capture_report *ret_report);

#endif
