/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - the inside of <ktstr/verdict.h>: states, kinds, details, the statistics of workers,
 * and the checks that turn worker reports into details. Guest half: libc only. Pure: reads nothing,
 * changes nothing outside its arguments.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include <ktstr/test.h>
#include <ktstr/verdict.h>

#include "base/base.h"

/* The one table of states (shared/DESIGN.md section 9). */
struct state_row {
	const char *word;          /* "pass"; also in JSON */
	int rank;                  /* the higher one wins a merge */
	const char *tap;           /* directive behind "ok"/"not ok", or NULL */
	bool tap_ok;
	const char *junit;         /* element inside <testcase>, or NULL */
	int exit_status;
};

const struct state_row *state_row(enum ktstr_state state);
enum ktstr_state state_worse(enum ktstr_state a, enum ktstr_state b);
bool state_parse(struct sv word, enum ktstr_state *ret_state);

const char *kind_name(enum ktstr_kind kind);                         /* "starved" */
bool kind_parse(struct sv word, enum ktstr_kind *ret_kind);

struct detail {
	enum ktstr_kind kind;
	char *text;
};
static inline void detail_done(struct detail *detail)
{
	free(detail->text);
}
DEFINE_VEC(details, struct detail, detail_done)

struct metric {
	char *name;
	double value;
};
static inline void metric_done(struct metric *metric)
{
	free(metric->name);
}
DEFINE_VEC(metrics, struct metric, metric_done)

#define WORKER_CGROUP_NAME_MAX 64

/*
 * What one worker found out about itself, and what its parent read of it. Filled by the workload
 * room; fixed size so that it can lie in memory that worker and parent share.
 */
struct worker_report {
	char cgroup[WORKER_CGROUP_NAME_MAX];
	uint32_t index;                     /* within the cgroup */
	int32_t tid;
	bool completed;                     /* it stopped when told and filled this in itself */
	int32_t wait_status;                /* of waitpid(); -1: it did not end before it was killed */
	uint64_t work_units;                /* checkpoints are every so many; see workload.h */
	uint64_t iterations;
	uint64_t wall_ns;                   /* from release to stop */
	uint64_t cpu_ns;                    /* CLOCK_THREAD_CPUTIME_ID over that time */
	uint64_t run_delay_ns;              /* schedstat deltas over that time: waited for a CPU, */
	uint64_t sched_run_ns;              /* ran, */
	uint64_t timeslices;                /* this many times */
	uint64_t migrations;                /* seen at checkpoints */
	uint64_t max_gap_ns;                /* longest time between checkpoints, */
	uint64_t max_gap_at_ns;             /* ending so long after the release, */
	int32_t max_gap_cpu;                /* on this CPU */
	struct cpuset cpus;                 /* CPUs it was seen on */
	bool scheduler_known;               /* /proc/PID/sched could be read: */
	bool ext_enabled;                   /* "ext.enabled": sched_ext scheduled it */
	uint64_t wake_count;                /* wake-ups measured */
	uint64_t wake_ns_p50, wake_ns_p99, wake_ns_max;
};
DEFINE_VEC(worker_reports, struct worker_report, vec_keep)

/* Over the time that the workers of a scenario ran. */
struct machine_window {
	uint64_t wall_ns;
	uint32_t cpus;
	uint64_t idle_ns;             /* of all CPUs together, from /proc/stat */
};

struct cgroup_stats {
	char name[WORKER_CGROUP_NAME_MAX];
	uint32_t workers, cpus;
	double off_cpu_pct_avg, off_cpu_pct_min, off_cpu_pct_max, spread_pct;
	double max_gap_ms;
	int32_t max_gap_cpu;
	uint64_t migrations, iterations;
	double run_delay_us_mean, run_delay_us_worst;
	double wake_us_p99, wake_us_median;
};
DEFINE_VEC(cgroup_stats_list, struct cgroup_stats, vec_keep)

struct ktstr_verdict {
	enum ktstr_state state;
	bool judged;                    /* something was found, so a skip no longer counts */
	struct details details;
	struct metrics metrics;
	struct cgroup_stats_list cgroups;
	struct worker_reports workers;
	struct machine_window window;
};

void verdict_done(struct ktstr_verdict *verdict);
DEFINE_AUTO_DONE(struct ktstr_verdict, verdict_done)

/* Built in values, overridden by each layer that sets a field: default, scheduler, test. */
struct ktstr_checks checks_default(void);
struct ktstr_checks checks_merge(struct ktstr_checks below, const struct ktstr_checks *above);

/* Pure arithmetic over one cgroup's reports (contracts 2.8); never NaN or infinite. */
struct cgroup_stats cgroup_stats_of(const char *name, const struct worker_report *reports,
				    size_t count);

/*
 * Judge one cgroup's workers: starved, unfair, stuck, died without a report. Adds details, stats
 * and the reports to the verdict. Message shapes as in shared/spec/2-capabilities.md 2.8.
 */
void verdict_judge_cgroup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			  const char *name, const struct worker_report *reports, size_t count);

/* Judge all workers of a scenario together: CPUs idle while workers waited. */
void verdict_judge_machine(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   const struct machine_window *window);

/* The JSON object of a WIRE_RESULT frame; docs/result.md has its keys. */
void verdict_to_json(const struct ktstr_verdict *verdict, struct buf *buf);

#endif
