/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - one snapshot in groups, or two compared group by group: rows that a table, JSON or CSV is
 * made of. Pure. Threads of two snapshots meet by their groups, never by tid; a group that only one
 * of them has is listed apart and is in no row. Where names are normalised, a kernel worker that both
 * have is called by its later name on both sides. A view owns its texts; rows point into it.
 */
#ifndef CTVIEW_VIEW_H
#define CTVIEW_VIEW_H

#include "ctview/cell.h"

#define CTVIEW_SIDES 2
#define CTVIEW_LIMIT 500

enum ctview_group_by {
	CTVIEW_BY_ALL,              /* process, thread and cgroup together */
	CTVIEW_BY_PCOMM,
	CTVIEW_BY_CGROUP,
	CTVIEW_BY_COMM,
	CTVIEW_BY_COMM_EXACT,       /* thread names as they are */
};

/* In order of display. Of threads' groups: the first three and smaps-rollup. */
enum ctview_section {
	CTVIEW_PRIMARY,
	CTVIEW_TASKSTATS_DELAY,
	CTVIEW_DERIVED,
	CTVIEW_CGROUP_STATS,
	CTVIEW_CGROUP_LIMITS,
	CTVIEW_MEMORY_STAT,
	CTVIEW_MEMORY_EVENTS,
	CTVIEW_PRESSURE,
	CTVIEW_HOST_PRESSURE,
	CTVIEW_SMAPS_ROLLUP,
	CTVIEW_SCHED_EXT,
	CTVIEW_SECTIONS,
};

enum ctview_column {
	CTVIEW_GROUP,
	CTVIEW_THREADS,
	CTVIEW_METRIC,
	CTVIEW_VALUE,               /* of show */
	CTVIEW_BASELINE,            /* the next five: of compare */
	CTVIEW_CANDIDATE,
	CTVIEW_DELTA,
	CTVIEW_PERCENT,
	CTVIEW_ARROW,
	CTVIEW_TAGS,
	CTVIEW_UPTIME,
	CTVIEW_COLUMNS,
};

struct ctview_sort {
	char *metric;
	bool ascending;
};
void ctview_sort_done(struct ctview_sort *sort);
DEFINE_VEC(ctview_sorts, struct ctview_sort, ctview_sort_done)

/* Zeroed: all of everything, in the default order. */
struct ctview_config {
	enum ctview_group_by group_by;
	bool no_thread_normalize, no_cg_normalize;
	struct strings flatten;             /* checked globs: flatten.h */
	unsigned sections;                  /* 1 << enum ctview_section; 0: all */
	unsigned columns;                   /* 1 << enum ctview_column; 0: all */
	struct strings metrics;             /* these alone; empty: all */
	struct ctview_sorts sort;           /* of groups; empty: see ctview_build() */
	size_t limit;                       /* rows a section; 0: all */
	bool keep_silent;                   /* rows too that say nothing: zero, or unchanged */
};
void ctview_config_done(struct ctview_config *config);
DEFINE_AUTO_DONE(struct ctview_config, ctview_config_done)

/* Groups of one domain meet each other alone. */
enum ctview_domain { CTVIEW_OF_THREADS, CTVIEW_OF_CGROUPS, CTVIEW_OF_HOST, CTVIEW_DOMAINS };

struct ctview_group {
	enum ctview_domain domain;
	const char *name;
	uint64_t threads[CTVIEW_SIDES];             /* of OF_CGROUPS: cgroups */
	/*
	 * Age of the group's oldest thread, as of the later side. A snapshot does not say when
	 * after boot it was taken: the youngest thread's start, as a rule the capturing program's,
	 * stands for it. 0 for other domains.
	 */
	uint64_t uptime_ticks;
	int64_t run_time_ns[CTVIEW_SIDES];          /* what groups of one side are listed by */
};
DEFINE_VEC(ctview_groups, struct ctview_group, vec_keep)

struct ctview_row {
	enum ctview_section section;
	size_t group;                       /* index in the view */
	const char *metric;
	size_t place;                       /* of the metric, in order of display */
	enum ctview_unit unit;
	unsigned tags;
	struct ctview_cell side[CTVIEW_SIDES];
	struct ctview_delta delta;
};
DEFINE_VEC(ctview_rows, struct ctview_row, vec_keep)

struct ctview {
	unsigned sides;                             /* 1: show; 2: compare */
	struct ctview_groups groups;
	struct ctview_rows rows;                    /* by section, then in the order asked for */
	struct ctview_groups only[CTVIEW_SIDES];    /* most CPU time first */
	size_t silent[CTVIEW_SECTIONS];             /* rows left out because they say nothing */
	size_t over[CTVIEW_SECTIONS];               /* and because of the limit */
	struct strings texts;
};
void ctview_done(struct ctview *view);
DEFINE_AUTO_DONE(struct ctview, ctview_done)

/*
 * b NULL: show a. Order within a section: of show, groups by CPU time, most first, and a group's
 * metrics in registry order; of compare, rows by |percent|, greatest first, where a baseline of 0
 * stands for one event, a millisecond, a MiB or a percent; then what is no amount: words, and CPUs. With `sort`,
 * groups by these metrics' values (show) or deltas (compare), greatest first unless ascending, and
 * within a group registry order; a group without the metric comes last. Ties: group name, then
 * registry order.
 */
void ctview_build(const struct ctview_config *config, const struct ctprof_snapshot *a,
		  const struct ctprof_snapshot *b, struct ctview *ret_view);

/* A metric of any section: of the registries, "cpu.usage_usec", "memory.stat.anon", "smaps.Pss", … */
bool ctview_metric_exists(struct sv name);

/*
 * What happened between two snapshots of one machine, as a snapshot: threads of `after`, whose sums
 * (see enum ctprof_aggregate) are less what the same thread had in `before`, or whole where it is
 * new. So are CPU times, events and pressure's totals of cgroups and host. Everything else is as in
 * `after`; the host context and the summaries are left out. For ctprof_snapshot_done().
 */
void ctview_changes(const struct ctprof_snapshot *before, const struct ctprof_snapshot *after,
		    struct ctprof_snapshot *ret_changes);

extern const char *const ctview_group_by_name[];            /* "all", "pcomm", … and NULL */
extern const char *const ctview_section_name[CTVIEW_SECTIONS + 1];
extern const char *const ctview_column_name[CTVIEW_COLUMNS + 1];

#endif
