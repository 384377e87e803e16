/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics.h - the registry of what is known about a thread: one table from which capture files are
 * written and read, and by which groups are shown and compared. Its order is the order of display.
 */
#ifndef CTPROF_METRICS_H
#define CTPROF_METRICS_H

#include "ctprof/snapshot.h"

/* What the field at `offset` of struct ctprof_thread is. */
enum ctprof_type {
	CTPROF_TYPE_THREADS,        /* no field: each thread counts 1; not in files */
	CTPROF_TYPE_U64,
	CTPROF_TYPE_I32,
	CTPROF_TYPE_POLICY,         /* uint32_t; ctprof_policy_format() */
	CTPROF_TYPE_STATE,          /* char; 0 unknown */
	CTPROF_TYPE_BOOL,
	CTPROF_TYPE_CPUS,           /* struct cpuset */
};

/* How the values of a group's threads become one cell. */
enum ctprof_aggregate {
	CTPROF_SUM,
	CTPROF_MAX,
	CTPROF_RANGE,               /* least and greatest; deltas are between the midpoints */
	CTPROF_MODE,                /* the most frequent; ties: the least in the order of its text */
	CTPROF_AFFINITY,            /* one set for all, or mixed */
};

/* How a cell is scaled. */
enum ctprof_unit {
	CTPROF_UNIT_NONE,           /* as it is: nice, priority, processor, words */
	CTPROF_UNIT_COUNT,          /* K, M, G by 1000 */
	CTPROF_UNIT_NS,
	CTPROF_UNIT_US,
	CTPROF_UNIT_BYTES,          /* KiB … TiB by 1024 */
	CTPROF_UNIT_TICKS,          /* USER_HZ */
};

enum ctprof_section { CTPROF_SECTION_PRIMARY, CTPROF_SECTION_TASKSTATS_DELAY };

/* What a metric depends on; ctprof_tags_format() writes them in this order, each in brackets. */
enum ctprof_tag {
	CTPROF_TAG_CFS_ONLY = 1 << 0,               /* counted by the fair class's code alone */
	CTPROF_TAG_FAIR_POLICY = 1 << 1,            /* shown for SCHED_OTHER, BATCH and EXT alone */
	CTPROF_TAG_NON_EXT = 1 << 2,                /* not kept for tasks of sched_ext */
	CTPROF_TAG_DEAD = 1 << 3,                   /* no kernel of today changes it */
	CTPROF_TAG_SCHEDSTATS = 1 << 4,             /* kernel configuration, without CONFIG_ */
	CTPROF_TAG_SCHED_INFO = 1 << 5,
	CTPROF_TAG_SCHED_CORE = 1 << 6,
	CTPROF_TAG_TASKSTATS = 1 << 7,
	CTPROF_TAG_TASK_DELAY_ACCT = 1 << 8,
	CTPROF_TAG_TASK_IO_ACCOUNTING = 1 << 9,
	CTPROF_TAG_SCHED_CLASS_EXT = 1 << 10,
};

struct ctprof_metric {
	const char *name;           /* also its key in files */
	size_t offset;              /* in struct ctprof_thread */
	enum ctprof_type type;
	enum ctprof_aggregate aggregate;
	enum ctprof_unit unit;
	enum ctprof_section section;
	unsigned tags;              /* enum ctprof_tag */
	const char *description;
};

extern const struct ctprof_metric ctprof_metrics[];
extern const size_t ctprof_metric_count;

const struct ctprof_metric *ctprof_metric_find(struct sv name);          /* or NULL */

/* The field of a thread: for U64, I32 (sign-extended), POLICY, STATE, BOOL; 1 for THREADS. */
int64_t ctprof_metric_value(const struct ctprof_metric *metric, const struct ctprof_thread *thread);
const struct cpuset *ctprof_metric_cpus(const struct ctprof_metric *metric, const struct ctprof_thread *thread);

/* "[cfs-only] [SCHEDSTATS]" */
void ctprof_tags_format(unsigned tags, struct buf *buf);

/* "SCHED_OTHER"; numbers without a name as "SCHED_42" */
void ctprof_policy_format(uint32_t policy, struct buf *buf);
int ctprof_policy_parse(struct sv text, uint32_t *ret_policy);

extern const char *const ctprof_delay_name[CTPROF_DELAYS];               /* "cpu", "blkio", … */
extern const char *const ctprof_psi_name[CTPROF_PSI_RESOURCES];          /* "cpu", "memory", … */

#endif
