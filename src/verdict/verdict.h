/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - the inside of <ktstr/verdict.h>: states, kinds, details, the statistics of workers,
 * and the checks that turn worker reports into details. Guest half: libc only. Pure: reads nothing,
 * changes nothing outside its arguments.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include <assert.h>

#include <ktstr/payload.h>
#include <ktstr/scenario.h>
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

/* "set_cpuset"; NULL for what is no kind of operation */
const char *op_kind_name(unsigned kind);

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
#define WORKER_NODES_MAX 64
#define WORKER_MOVES_MAX 32
#define WORKER_WAKES_MAX 4096        /* in the sample of a worker's wake-up latencies */

/* A worker was seen on another CPU than before. */
struct worker_move {
	uint64_t at_ns;                     /* after the release */
	int32_t from, to;
};

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
	/* A uniform sample of them, unsorted; the parent's pointer, never a worker's; NULL: none */
	const uint64_t *wakes;
	uint32_t wakes_len;
	uint32_t role;                      /* shares are compared among workers of one role */
	bool is_messenger;                  /* wakes others; its own iterations are wake rounds */
	bool is_host;                       /* runs outside the test's cgroups */
	uint64_t start_ns;                  /* its release, after the start of the play */
	struct worker_move moves[WORKER_MOVES_MAX];       /* the first of `migrations` */
	uint32_t moves_len;
	/* /proc/PID/numa_maps just before the stop; kernel: Documentation/filesystems/proc.rst */
	bool pages_known;
	uint64_t pages[WORKER_NODES_MAX];
};
DEFINE_VEC(worker_reports, struct worker_report, vec_keep)

/* Over the time that the workers of a scenario ran. */
struct machine_window {
	uint64_t wall_ns;
	uint32_t cpus;
	uint64_t idle_ns;             /* of all CPUs together, from /proc/stat */
	uint64_t excused_ns;          /* of that: where no worker that waited could have run */
	struct cpuset idle_cpus;      /* idle for more than half of the time */
};

struct cgroup_stats {
	char name[WORKER_CGROUP_NAME_MAX];
	uint32_t workers, cpus;
	double off_cpu_pct_avg, off_cpu_pct_min, off_cpu_pct_max, spread_pct;
	double max_gap_ms;
	int32_t max_gap_cpu;
	uint64_t migrations, iterations;
	double run_delay_us_mean, run_delay_us_worst;
	double wake_us_p99, wake_us_median, wake_cv, wake_tail_ratio;
	double migration_ratio, iterations_per_worker;
	double page_locality, cross_node_migration_ratio, slow_tier_ratio;
	double weight_shortfall_pct;  /* points of CPU time that its weight gives it and it did not have */
};
DEFINE_VEC(cgroup_stats_list, struct cgroup_stats, vec_keep)

/*
 * Over all cgroups of a verdict: counts are summed, of what is worse when higher the highest is
 * kept, of page locality and iterations per worker the lowest that is not 0 (0: not known).
 */
struct scenario_stats {
	uint64_t total_workers, total_cpus, total_migrations, total_iterations;
	double worst_spread;
	double worst_gap_ms;
	int32_t worst_gap_cpu;              /* where worst_gap_ms was; -1: nowhere */
	double worst_migration_ratio;
	double worst_p99_wake_latency_us, worst_median_wake_latency_us;
	double worst_wake_latency_cv, worst_wake_latency_tail_ratio;
	double worst_mean_run_delay_us, worst_run_delay_us;
	double worst_page_locality, worst_cross_node_migration_ratio;
	double worst_iterations_per_worker;
};

/*
 * OP-11: something changed on purpose. Steps count from 1; 0 is the backdrop. A step has an event at
 * its start (after its operations) and one at its end.
 */
struct timeline_event {
	char name[WORKER_CGROUP_NAME_MAX];  /* of the step, or empty */
	uint64_t elapsed_ns;                /* since the start of the play */
	uint64_t at_ns;                     /* CLOCK_MONOTONIC; of no outcome, as runs begin when they do */
	uint32_t step;
	bool end;
	uint32_t op_count;                  /* operations in it until now */
	uint32_t op_kinds;                  /* bit (1 << enum ktstr_op_kind) for each kind of them */
	uint32_t cgroups, workers;          /* that there are at that moment */
	uint64_t iterations;                /* of all workers so far, ended ones included */
	uint64_t cpu_ns, wait_ns;           /* schedstat of all workers so far */
};
DEFINE_VEC(timeline, struct timeline_event, vec_keep)

/* P6: what one run of a payload measured. Names and units are owned here. */
static inline void payload_metric_done(struct ktstr_metric *metric)
{
	free((char *)metric->name);
	free((char *)metric->unit);
}
DEFINE_VEC(payload_metrics, struct ktstr_metric, payload_metric_done)

struct payload_record {
	unsigned index;
	char *payload;
	struct payload_metrics metrics;
	size_t left_out;                    /* metrics past the limit */
	int exit_code;                      /* negative: killed by that signal */
	char *stdout_tail, *stderr_tail;
	struct ktstr_payload_metrics view;  /* what the body sees of it */
};
void payload_record_free(struct payload_record *record);
static inline void payload_record_done(struct payload_record **record)
{
	payload_record_free(*record);
}
DEFINE_VEC(payload_records, struct payload_record *, payload_record_done)

/* What a verdict keeps at most; the driver's limits (outcome/limits.h) are no smaller. */
#define VERDICT_DETAILS_MAX 1000
#define VERDICT_METRICS_MAX 1000
#define VERDICT_CGROUPS_MAX 1000
#define VERDICT_WORKERS_MAX 10000
#define VERDICT_TIMELINE_MAX 2000
#define VERDICT_PAYLOADS_MAX 1000
#define VERDICT_PAYLOAD_METRICS_MAX 4096  /* of one payload; a body sees all of them */
#define VERDICT_COMPETITORS_MAX 1000
#define VERDICT_DETAIL_TEXT_MAX 4096      /* bytes; a longer text ends with "..." */
#define VERDICT_METRIC_NAME_MAX 128       /* bytes */

/* A cgroup that the machine's window judges against its siblings. */
struct competitor {
	char name[WORKER_CGROUP_NAME_MAX];
	struct cpuset cpus;
	unsigned weight;
	uint64_t wall_ns;               /* of the worker that was there for longest */
	uint64_t ran_ns, wanted_ns;     /* of all workers: on a CPU; that and waiting for one */
};
DEFINE_VEC(competitors, struct competitor, vec_keep)

/* Checks that may find nothing to judge in one cgroup and something in the next. */
enum check_subject {
	SUBJECT_WAKE_LATENCY = 0,
	SUBJECT_PAGES,
	SUBJECT_WEIGHTS,
	SUBJECT_COUNT
};

struct ktstr_verdict {
	enum ktstr_state state;
	bool judged;                    /* something was found, so a skip no longer counts */
	uint32_t failed_kinds;          /* bit (1 << kind) for each kind of failure found */
	struct details details;
	struct metrics metrics;
	struct cgroup_stats_list cgroups;
	struct scenario_stats totals;   /* of all cgroups, left out ones too */
	struct worker_reports workers;  /* without their samples of wake-ups */
	struct machine_window window;   /* the sum of those judged; wall_ns 0: there was none */
	size_t window_workers;          /* so many of the workers belong to windows before */
	struct competitors competitors; /* of the window that is still to be judged, */
	uint32_t wanted, judged_by;     /* as are these bits (1 << enum check_subject) */
	struct timeline timeline;
	struct payload_records payloads;
	uint64_t cleanup_ns;            /* OP-12; 0: nothing was cleaned up */
	struct {
		size_t details, metrics, cgroups, workers, timeline, payloads;
	} left_out;                     /* what came after the limits above */
};
static_assert(KTSTR_KIND_COUNT <= 32, "a kind needs a bit in failed_kinds");

void verdict_done(struct ktstr_verdict *verdict);
DEFINE_AUTO_DONE(struct ktstr_verdict, verdict_done)

/* Something was found: a skip no longer counts, and the state gets no better than this one. */
void verdict_found(struct ktstr_verdict *verdict, enum ktstr_state state);

/* Takes over a record that is complete; the pointer stays good as long as the verdict. */
void verdict_payload(struct ktstr_verdict *verdict, struct payload_record *record);

/* The one table of checks; it ends with a row without a name. */
struct check_row {
	const char *name;               /* of the field in struct ktstr_checks */
	size_t offset;
	enum check_type { CHECK_LIMIT, CHECK_SWITCH } type;
	const char *unit;
};
extern const struct check_row check_rows[];

/* 0: not set; negative: off. A switch that is on is positive. */
double check_value(const struct ktstr_checks *checks, const struct check_row *row);
void check_set(struct ktstr_checks *checks, const struct check_row *row, double value);

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
 * Wake-up latencies of many workers. A worker that saw more wake-ups than its sample holds counts by
 * what it saw: each of its samples has the weight wake_count / wakes_len. With all weights 1 the
 * p99 is sorted[ceil(n * 0.99) - 1], the median sorted[n / 2], the CV that of the population.
 */
struct wake_stats {
	size_t samples;
	double p99_ns, median_ns, mean_ns, cv;
};
/* At most 2^18 samples are pooled, evenly spaced out of more. */
struct wake_stats wake_stats_of(const struct worker_report *reports, size_t count);

/*
 * Shares are compared among workers that completed and have the same role; a messenger (it mostly
 * sleeps) and a host worker (nobody promised it a share) are not compared. The role with the widest
 * spread; count 0: no role has two workers to compare.
 */
struct spread {
	double pct, min_pct, max_pct;
	size_t count;
};
struct spread spread_of(const struct worker_report *reports, size_t count);

/*
 * The same between two workers, counted only as far as the one behind waited for a CPU for longer
 * than the one ahead. Time asleep is nobody's unfairness: what a work unit costs a model of a machine
 * depends on the CPU that it is done on, and workers that take turns need not need equal time.
 */
struct spread spread_by_waiting(const struct worker_report *reports, size_t count);

/*
 * The share of CPU time, in percent, that each competitor would have had by its weight: none more
 * than it wanted, what that leaves going to the others by weight. Written to ret_pct[count].
 */
void fair_shares(const struct competitor *competitors, size_t count, double *ret_pct);

/* --- judging: adds details, and what it judged by, to the verdict ---------------------------- */

/* What the judge knows about a cgroup beside the reports. */
struct cgroup_facts {
	const char *name;
	struct cpuset cpus;             /* where its workers may run; empty: anywhere */
	struct cpuset nodes;            /* where their pages should be; empty: no expectation */
	struct cpuset cpuless_nodes;    /* of the machine */
	uint64_t pages_migrated;        /* /proc/vmstat numa_pages_migrated, over the window */
	unsigned weight;                /* cpu.weight; 0: the kernel's default, 100 */
	/* Work units are a model's, not a machine's (det): checks of rates become notes. */
	bool model_units;
};

/*
 * Over one cgroup's reports. Off-CPU shares are those of workers that completed, the spread that of
 * spread_of(); gaps, waits, migrations and iterations those of all.
 */
struct cgroup_stats cgroup_stats_of(const struct cgroup_facts *facts,
				    const struct worker_report *reports, size_t count);

/* Another cgroup's into the totals; a zeroed one is empty. */
void scenario_stats_add(struct scenario_stats *totals, const struct cgroup_stats *stats);

/*
 * Judge one cgroup's workers by all checks that the limits switch on: starved, unfair, stuck, died
 * without a report, isolation, rates, latencies, migrations, pages. Message shapes as in
 * shared/spec/2-capabilities.md 2.8, behind "<cgroup>: ". The checks are merged over the built-in
 * ones first.
 *
 * No workers at all: inconclusive when a check of AS-1 to AS-3 is on, a skip when only benchmarks
 * (AS-5 to AS-10) are. Starved is who did no work or hardly ran while it waited; with model_units,
 * who hardly ran (by schedstat) or had no CPU for longer than 2 s (or a higher gap limit) at a
 * stretch, whatever its work; and the spread is that of spread_by_waiting(). A messenger's rates and shares and a host worker's shares and CPUs are
 * not judged.
 */
void verdict_judge_cgroup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			  const struct cgroup_facts *facts, const struct worker_report *reports,
			  size_t count);

/* An event for the timeline; past the limit it is only counted. */
void verdict_timeline(struct ktstr_verdict *verdict, const struct timeline_event *event);

/* OP-12: how long cleaning up took; over max_cleanup_ms it fails (kind other). Adds up. */
void verdict_judge_cleanup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   uint64_t cleanup_ns);

/*
 * Judge together all workers that were judged since the last window: CPUs idle while workers
 * waited, and shares of CPU time by weight. The waste is min(sum of run delays, idle time that is
 * not excused) as a share of all CPU time. A check of latencies, pages or weights that is on and found nothing to
 * judge in any cgroup of the window is inconclusive. Call it for every window, after its cgroups;
 * without CPUs or time it finds nothing else.
 */
void verdict_judge_machine(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   const struct machine_window *window);

/*
 * The JSON object of a WIRE_RESULT frame, appended to buf; docs/result.md has its keys. Counters
 * above INT64_MAX are written as that: JSON readers take no larger integer.
 */
void verdict_to_json(const struct ktstr_verdict *verdict, struct buf *buf);

#endif
