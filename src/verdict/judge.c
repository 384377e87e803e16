/* SPDX-License-Identifier: BSD-2-Clause */
/* judge.c - what the reports of workers mean. Decides from structs alone. */
#include <stdio.h>

#include "verdict/verdict.h"

/*
 * A worker that waited for nearly the whole time and hardly ran is starved even if it got through a
 * work unit: one tick of a CPU in two seconds is no share.
 */
#define STARVED_WAIT_PCT 95
#define STARVED_CPU_PCT 1

struct ktstr_checks checks_default(void)
{
	return (struct ktstr_checks){
		.max_gap_ms = 2000,
		.max_spread_pct = 15,
		.max_idle_waiting_pct = 25,
		.starvation = 1,
	};
}

/* Not a number is not set. */
static double limit_merge(double below, double above)
{
	return above > 0 || above < 0 ? above : below;
}

struct ktstr_checks checks_merge(struct ktstr_checks below, const struct ktstr_checks *above)
{
	return (struct ktstr_checks){
		.max_gap_ms = limit_merge(below.max_gap_ms, above->max_gap_ms),
		.max_spread_pct = limit_merge(below.max_spread_pct, above->max_spread_pct),
		.max_idle_waiting_pct =
			limit_merge(below.max_idle_waiting_pct, above->max_idle_waiting_pct),
		.starvation = above->starvation ? above->starvation : below.starvation,
	};
}

static double ms_of(uint64_t ns)
{
	return (double)ns / NS_PER_MS;
}

static bool hardly_ran(const struct worker_report *report)
{
	double wall = (double)report->wall_ns;

	if (report->cpu_ns == 0)
		return true;
	return (double)report->run_delay_ns * 100 >= wall * STARVED_WAIT_PCT &&
	       (double)report->cpu_ns * 100 < wall * STARVED_CPU_PCT;
}

static void fail_starved(struct ktstr_verdict *verdict, const struct worker_report *report)
{
	ktstr_verdict_fail(verdict, KTSTR_KIND_STARVED, "%s: tid %d starved (0 work units)",
			   report->cgroup, report->tid);
}

static void judge_starvation(struct ktstr_verdict *verdict, const struct worker_report *report)
{
	if (report->work_units == 0)
		fail_starved(verdict, report);
	else if (hardly_ran(report))
		ktstr_verdict_fail(verdict, KTSTR_KIND_STARVED,
				   "%s: tid %d starved (ran %.1fms of %.1fms, waited %.1fms)",
				   report->cgroup, report->tid, ms_of(report->cpu_ns),
				   ms_of(report->wall_ns), ms_of(report->run_delay_ns));
}

/*
 * A worker that is still there at the deadline and did nothing never got a CPU. One that ended by
 * itself had one to end on, so it died, however little it did before.
 */
static void judge_missing(struct ktstr_verdict *verdict, const struct worker_report *report,
			  bool starvation)
{
	bool was_there = report->wait_status == -1;
	AUTO(buf_done) struct buf end = {0};

	if (was_there && starvation && report->cpu_ns == 0 && report->work_units == 0) {
		fail_starved(verdict, report);
		return;
	}
	if (was_there)
		buf_str(&end, "it was still there at the deadline and was killed");
	else
		status_describe(report->wait_status, &end);
	ktstr_verdict_fail(verdict, KTSTR_KIND_WORKER_DIED,
			   "worker %u of %s (tid %d) died without a report: %s", report->index,
			   report->cgroup, report->tid, buf_text(&end));
}

/* " (threshold 500ms)" for a limit that somebody chose; the built-in one goes without saying. */
static void describe_custom(double limit, double built_in, const char *unit, struct buf *text)
{
	if (limit < built_in || limit > built_in)
		buf_printf(text, " (threshold %.10g%s)", limit, unit);
}

static void judge_gap(struct ktstr_verdict *verdict, const struct worker_report *report,
		      double limit_ms)
{
	double gap_ms = ms_of(report->max_gap_ns);
	AUTO(buf_done) struct buf threshold = {0};

	if (limit_ms < 0 || gap_ms <= limit_ms)
		return;
	describe_custom(limit_ms, checks_default().max_gap_ms, "ms", &threshold);
	ktstr_verdict_fail(verdict, KTSTR_KIND_STUCK,
			   "%s: tid %d stuck %.*fms on cpu%d at +%.0fms%s", report->cgroup,
			   report->tid, gap_ms < 10 ? 1 : 0, gap_ms, report->max_gap_cpu,
			   ms_of(report->max_gap_at_ns), buf_text(&threshold));
}

/* Fewer than two workers to compare have no spread. */
static void judge_spread(struct ktstr_verdict *verdict, const struct cgroup_stats *stats,
			 size_t compared, double limit_pct)
{
	AUTO(buf_done) struct buf threshold = {0};

	if (limit_pct < 0 || stats->spread_pct <= limit_pct)
		return;
	describe_custom(limit_pct, checks_default().max_spread_pct, "%", &threshold);
	ktstr_verdict_fail(verdict, KTSTR_KIND_UNFAIR,
			   "%s: unfair cgroup: spread=%.0f%% (%.0f-%.0f%%) %zu workers on %u "
			   "cpus%s",
			   stats->name, stats->spread_pct, stats->off_cpu_pct_min,
			   stats->off_cpu_pct_max, compared, stats->cpus, buf_text(&threshold));
}

static void keep_stats(struct ktstr_verdict *verdict, const struct cgroup_stats *stats)
{
	if (verdict->cgroups.len < VERDICT_CGROUPS_MAX)
		cgroup_stats_list_push(&verdict->cgroups, *stats);
	else
		verdict->left_out.cgroups++;
}

static void keep_report(struct ktstr_verdict *verdict, const struct worker_report *report)
{
	if (verdict->workers.len < VERDICT_WORKERS_MAX)
		worker_reports_push(&verdict->workers, *report);
	else
		verdict->left_out.workers++;
}

void verdict_judge_cgroup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			  const char *name, const struct worker_report *reports, size_t count)
{
	struct ktstr_checks limits = checks_merge(checks_default(), checks);
	struct cgroup_stats stats = cgroup_stats_of(name, reports, count);
	size_t compared = 0;

	keep_stats(verdict, &stats);
	if (count == 0) {
		if (limits.starvation > 0 || limits.max_gap_ms > 0 || limits.max_spread_pct > 0)
			ktstr_verdict_inconclusive(verdict, "%s: no worker to judge by",
						   stats.name);
		return;
	}
	verdict_found(verdict, KTSTR_PASS);
	for (size_t i = 0; i < count; i++) {
		struct worker_report report = worker_report_plausible(name, &reports[i]);
		double pct;

		keep_report(verdict, &report);
		compared += worker_off_cpu_pct(&report, &pct);
		if (!report.completed)
			judge_missing(verdict, &report, limits.starvation > 0);
		else if (limits.starvation > 0)
			judge_starvation(verdict, &report);
		judge_gap(verdict, &report, limits.max_gap_ms);
	}
	judge_spread(verdict, &stats, compared, limits.max_spread_pct);
}

/* What the machine and the workers of one window did, in seconds of CPU time. */
struct waste {
	double waited, idle, total;
	struct cpuset cpus;
	size_t workers;
};

static double seconds(uint64_t ns)
{
	return (double)ns / NS_PER_S;
}

static struct waste waste_of(const struct machine_window *window,
			     const struct worker_report *reports, size_t count)
{
	struct waste waste = {
		.idle = seconds(window->idle_ns),
		.total = seconds(window->wall_ns) * window->cpus,
		.workers = count,
	};

	if (waste.idle > waste.total)        /* /proc/stat counts in ticks */
		waste.idle = waste.total;
	for (size_t i = 0; i < count; i++) {
		uint64_t delay_ns = reports[i].run_delay_ns;

		/* nobody waits for longer than there was */
		waste.waited += seconds(delay_ns < window->wall_ns ? delay_ns : window->wall_ns);
		cpuset_union(&waste.cpus, &reports[i].cpus);
	}
	return waste;
}

static void judge_waste(struct ktstr_verdict *verdict, const struct waste *waste, uint32_t cpus,
			double limit_pct)
{
	double wasted = waste->waited < waste->idle ? waste->waited : waste->idle;
	double wasted_pct = wasted / waste->total * 100;

	if (limit_pct < 0 || wasted_pct <= limit_pct)
		return;
	ktstr_verdict_fail(verdict, KTSTR_KIND_IDLE_WHILE_WAITING,
			   "CPUs stood idle while workers waited: waited %.2fs, idle %.2fs of "
			   "%.2fs CPU time (%.0f%% wasted, threshold %.10g%%), %zu workers on %u "
			   "of %u cpus",
			   waste->waited, waste->idle, waste->total, wasted_pct, limit_pct,
			   waste->workers, cpuset_count(&waste->cpus), cpus);
}

void verdict_judge_machine(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   const struct machine_window *window)
{
	struct ktstr_checks limits = checks_merge(checks_default(), checks);
	size_t first = verdict->window_workers;
	size_t count = verdict->workers.len - first;
	struct waste waste;

	if (window->wall_ns == 0 || window->cpus == 0)
		return;
	verdict->window = (struct machine_window){
		.wall_ns = saturating_add(verdict->window.wall_ns, window->wall_ns),
		.cpus = window->cpus,
		.idle_ns = saturating_add(verdict->window.idle_ns, window->idle_ns),
	};
	verdict->window_workers = verdict->workers.len;
	if (count == 0)
		return;
	waste = waste_of(window, verdict->workers.at + first, count);
	judge_waste(verdict, &waste, window->cpus, limits.max_idle_waiting_pct);
}
