/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h - the text of one file of /proc or of a cgroup, into fields. Pure; the text is hostile. A
 * parser fills what it finds and leaves the rest; -EINVAL means that the file is not of its kind.
 */
#ifndef CTPROF_PARSE_H
#define CTPROF_PARSE_H

#include "ctprof/snapshot.h"

/* A file of these is never longer; memory.stat and sched of machines with many nodes are the longest. */
#define PARSE_FILE_MAX (256u << 10)

/* What stat says that is no field of a thread. */
struct parse_stat_extra {
	uint32_t flags;             /* PF_*: fs/proc/array.c, do_task_stat */
	uint64_t num_threads;
};

int parse_stat(struct sv text, struct ctprof_thread *thread, struct parse_stat_extra *ret_extra);
int parse_schedstat(struct sv text, struct ctprof_thread *thread);
int parse_io(struct sv text, struct ctprof_thread *thread);

/* Threads goes to *ret_threads, Cpus_allowed_list to *ret_allowed: both are for some rows only. */
struct parse_status_extra {
	uint64_t threads;
	struct cpuset allowed;
};
int parse_status(struct sv text, struct ctprof_thread *thread, struct parse_status_extra *ret_extra);

/* *negatives is increased by the number of times below zero, which become 0. */
int parse_sched(struct sv text, struct ctprof_thread *thread, uint64_t *negatives);

/* The path of the v2 hierarchy (the line "0::/…"), or nothing: a view into text. */
int parse_cgroup(struct sv text, struct sv *ret_path);

/* Lines "Key:  12 kB"; keys go to the snapshot. */
int parse_smaps_rollup(struct sv text, struct ctprof_snapshot *snapshot, struct ctprof_pairs *ret_kib);

/* Lines "key 12"; keys go to the snapshot. */
void parse_flat_keyed(struct sv text, struct ctprof_snapshot *snapshot, struct ctprof_pairs *ret_pairs);

/* One resource of /proc/pressure or CGROUP/x.pressure. */
int parse_pressure(struct sv text, struct ctprof_psi_line *ret_some, struct ctprof_psi_line *ret_full);

/*
 * What /proc/PID/sched makes of a time: kernel/sched/debug.c prints nsec_high() with its sign and
 * nsec_low() without, so times between -1 ms and 0 come out positive; others below 0 count and are 0.
 */
uint64_t parse_signed_ns(int64_t ns, uint64_t *negatives);

#endif
