/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - the inside of <ktstr/verdict.h>: states, kinds, details, the statistics of workers,
 * and the checks that turn worker reports into details. Guest half: libc only. Pure: reads nothing,
 * changes nothing outside its arguments.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include <assert.h>

#include <ktstr/test.h>
#include <ktstr/verdict.h>

#include "base/base.h"

/* The one table of states (shared/DESIGN.md section 9). */
struct state_row {
	const char *word;          /* "pass"; also in JSON */
	int rank;                  /* the higher one wins a merge */
	const char *tap;           /* directive behind "ok"/"not ok" without its '#', or NULL */
	bool tap_ok;
	const char *junit;         /* element inside <testcase>, or NULL */
	int exit_status;
};

const struct state_row *state_row(enum ktstr_state state);
enum ktstr_state state_worse(enum ktstr_state a, enum ktstr_state b);
bool state_parse(struct sv word, enum ktstr_state *ret_state);

const char *kind_name(enum ktstr_kind kind);                         /* "starved"; "none" */
bool kind_parse(struct sv word, enum ktstr_kind *ret_kind);          /* "none" is refused */

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

/* What a verdict keeps at most; the driver's limits (outcome/limits.h) are no smaller. */
#define VERDICT_DETAILS_MAX 1000
#define VERDICT_METRICS_MAX 1000
#define VERDICT_CGROUPS_MAX 1000
#define VERDICT_WORKERS_MAX 10000
#define VERDICT_DETAIL_TEXT_MAX 4096      /* bytes; a longer text ends with "..." */
#define VERDICT_METRIC_NAME_MAX 128       /* bytes */

struct ktstr_verdict {
	enum ktstr_state state;
	bool judged;                    /* something was found, so a skip no longer counts */
	uint32_t failed_kinds;          /* bit (1 << kind) for each kind of failure found */
	struct details details;
	struct metrics metrics;
	struct cgroup_stats_list cgroups;
	struct worker_reports workers;
	struct machine_window window;   /* the sum of those judged; wall_ns 0: there was none */
	size_t window_workers;          /* so many of the workers belong to windows before */
	struct {
		size_t details, metrics, cgroups, workers;
	} left_out;                     /* what came after the limits above */
};
static_assert(KTSTR_KIND_COUNT <= 32, "a kind needs a bit in failed_kinds");

void verdict_done(struct ktstr_verdict *verdict);
DEFINE_AUTO_DONE(struct ktstr_verdict, verdict_done)

/* Something was found: a skip no longer counts, and the state gets no better than this one. */
void verdict_found(struct ktstr_verdict *verdict, enum ktstr_state state);

/* Built in values, overridden by each layer that sets a field: default, scheduler, test. */
struct ktstr_checks checks_default(void);
struct ktstr_checks checks_merge(struct ktstr_checks below, const struct ktstr_checks *above);

/* --- pure arithmetic; nothing here is ever NaN or infinite ---------------------------------- */

/* sorted[ceil(n * p) - 1], for 0 < p <= 1; 0 when there is nothing. */
uint64_t percentile_nearest_rank(const uint64_t *sorted, size_t n, double p);

uint64_t saturating_add(uint64_t a, uint64_t b);

/*
 * A copy that is safe to read: reports lie in memory that a worker wrote, and a bool in it may be
 * no bool. The cgroup's name becomes the one that the parent knows, an impossible max_gap_cpu -1.
 */
struct worker_report worker_report_plausible(const char *cgroup, const struct worker_report *raw);

/* Share of its wall time that a worker was not on a CPU, 0..100. False: it has none to compare. */
bool worker_off_cpu_pct(const struct worker_report *report, double *ret_pct);

/*
 * Over one cgroup's reports. Off-CPU shares are those of workers that completed; gaps, waits,
 * migrations and iterations those of all. Wake-ups come as percentiles of each worker, so the
 * cgroup's p99 is the worst worker's p99, and its median the median (sorted[n / 2]) of the medians.
 */
struct cgroup_stats cgroup_stats_of(const char *name, const struct worker_report *reports,
				    size_t count);

/* --- judging: adds details, and what it judged by, to the verdict ---------------------------- */

/*
 * Judge one cgroup's workers: starved, unfair, stuck, died without a report. Message shapes as in
 * shared/spec/2-capabilities.md 2.8, behind "<cgroup>: ". Shares are compared, so all workers of a
 * cgroup must do the same kind of work. No workers at all, and a check that wants some:
 * inconclusive. The checks are merged over the built-in ones first.
 */
void verdict_judge_cgroup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			  const char *name, const struct worker_report *reports, size_t count);

/*
 * Judge together all workers that were judged since the last window: CPUs idle while workers
 * waited. The waste is min(sum of run delays, idle time) as a share of all CPU time. Call it for
 * every window, after its cgroups; without workers, CPUs or time it finds nothing.
 */
void verdict_judge_machine(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   const struct machine_window *window);

/*
 * The JSON object of a WIRE_RESULT frame, appended to buf; docs/result.md has its keys. Counters
 * above INT64_MAX are written as that: JSON readers take no larger integer.
 */
void verdict_to_json(const struct ktstr_verdict *verdict, struct buf *buf);

#endif
