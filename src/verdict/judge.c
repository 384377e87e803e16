/* SPDX-License-Identifier: BSD-2-Clause */
/* judge.c - what the reports of one cgroup's workers mean. Decides from structs alone. */
#include "verdict/judge.h"

/*
 * What a worker may be ahead by before the load balancer has evened it out: the built-in limit is
 * that much of the window where it is more than 15 %. AS-3 has 15 for fast machines and 35 for slow
 * ones, and a window of 2 s. In det it was measured under EEVDF (6.18), four CPUs: four spinners beside
 * two pairs that wake each other were apart by up to 430 ms in windows of 0.5 s (40 seeds), 460 ms in
 * 1 s (16) and 580 ms in 2 s (70); cgroups of spinners alone by up to 460 ms.
 */
static const struct lag {
	uint64_t ns;
	double most_pct;
} machine_lag = {300 * NS_PER_MS, 35}, model_lag = {750 * NS_PER_MS, 90};

/*
 * A worker that waited for nearly the whole time and hardly ran is starved even if it got through a
 * work unit: one tick of a CPU in two seconds is no share.
 */
#define STARVED_WAIT_PCT 95
#define STARVED_CPU_PCT 1

static double ms_of(uint64_t ns)
{
	return (double)ns / NS_PER_MS;
}

/* By CPU time and waiting alone. */
static bool hardly_ran(const struct worker_report *report)
{
	double ran = (double)worker_ran_ns(report), wall = (double)report->wall_ns;

	if (worker_ran_ns(report) == 0)
		return true;
	return (double)report->run_delay_ns * 100 >= wall * STARVED_WAIT_PCT &&
	       ran * 100 < wall * STARVED_CPU_PCT;
}

/*
 * For so long at a stretch it could have run and only waited. A gap limit that was chosen lower is a
 * wish for speed and makes nobody starve; one that was chosen higher allows for more.
 */
static bool waited_through(const struct worker_report *report, double gap_limit_ms)
{
	double gap = (double)report->max_gap_ns, built_in_ms = checks_default().max_gap_ms;

	return ms_of(report->max_gap_ns) > (gap_limit_ms > built_in_ms ? gap_limit_ms : built_in_ms) &&
	       (double)report->run_delay_ns * 100 >= gap * STARVED_WAIT_PCT;
}

static void fail_starved(struct ktstr_verdict *verdict, const struct worker_report *report)
{
	ktstr_verdict_fail(verdict, KTSTR_KIND_STARVED, "%s: tid %d starved (0 work units)",
			   report->cgroup, report->tid);
}

/*
 * Work units are a worker's own count. Under a model of a machine they are the model's, and only
 * CPU time and waiting say what the scheduler did.
 */
static void judge_starvation(const struct judging *judging, const struct worker_report *report)
{
	bool model = judging->facts->model_units;

	if (report->work_units == 0 && (!model || hardly_ran(report)))
		fail_starved(judging->verdict, report);
	else if (hardly_ran(report))
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_STARVED,
				   "%s: tid %d starved (ran %.1fms of %.1fms, waited %.1fms)",
				   report->cgroup, report->tid, ms_of(worker_ran_ns(report)),
				   ms_of(report->wall_ns), ms_of(report->run_delay_ns));
	else if (model && waited_through(report, judging->limits.max_gap_ms))
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_STARVED,
				   "%s: tid %d starved (no CPU for %.0fms until +%.0fms)",
				   report->cgroup, report->tid, ms_of(report->max_gap_ns),
				   ms_of(report->max_gap_at_ns));
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

	if (was_there && starvation && worker_ran_ns(report) == 0 && report->work_units == 0) {
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
		buf_printf(text, " (threshold %.4g%s)", limit, unit);
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

/* A limit that somebody chose stays as it is. */
static double spread_limit_pct(double limit_pct, uint64_t wall_ns, const struct lag *lag)
{
	double grown_pct = 100.0 * (double)lag->ns / (double)(wall_ns ? wall_ns : 1);

	if (limit_pct < checks_default().max_spread_pct || limit_pct > checks_default().max_spread_pct ||
	    grown_pct <= limit_pct)
		return limit_pct;
	return grown_pct < lag->most_pct ? grown_pct : lag->most_pct;
}

static uint64_t longest_wall_ns(const struct judging *judging)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < judging->count; i++) {
		if (judging->reports[i].wall_ns > longest)
			longest = judging->reports[i].wall_ns;
	}
	return longest;
}

static void judge_spread(const struct judging *judging)
{
	bool model = judging->facts->model_units;
	struct spread spread = model ? spread_by_waiting(judging->reports, judging->count) :
				       spread_of(judging->reports, judging->count);
	double limit_pct = spread_limit_pct(judging->limits.max_spread_pct, longest_wall_ns(judging),
					    model ? &model_lag : &machine_lag);
	AUTO(buf_done) struct buf threshold = {0};

	if (limit_pct < 0 || spread.pct <= limit_pct)
		return;
	describe_custom(limit_pct, checks_default().max_spread_pct, "%", &threshold);
	ktstr_verdict_fail(judging->verdict, KTSTR_KIND_UNFAIR,
			   "%s: unfair cgroup: spread=%.0f%% (%.0f-%.0f%%) %zu workers on %u "
			   "cpus%s",
			   judging->name, spread.pct, spread.min_pct, spread.max_pct, spread.count,
			   judging->stats->cpus, buf_text(&threshold));
}

static void keep_stats(struct ktstr_verdict *verdict, const struct cgroup_stats *stats)
{
	scenario_stats_add(&verdict->totals, stats);
	if (verdict->cgroups.len < VERDICT_CGROUPS_MAX)
		cgroup_stats_list_push(&verdict->cgroups, *stats);
	else
		verdict->left_out.cgroups++;
}

/* Its wake-ups belong to who made it and may be gone tomorrow. */
static void keep_report(struct ktstr_verdict *verdict, const struct worker_report *report)
{
	if (verdict->workers.len >= VERDICT_WORKERS_MAX) {
		verdict->left_out.workers++;
		return;
	}
	worker_reports_push(&verdict->workers, *report);
	verdict->workers.at[verdict->workers.len - 1].wakes = NULL;
	verdict->workers.at[verdict->workers.len - 1].wakes_len = 0;
}

static void judge_absence(const struct judging *judging)
{
	const struct ktstr_checks *limits = &judging->limits;

	if (limits->max_throughput_cv > 0 || limits->min_work_rate > 0 ||
	    limits->max_p99_wake_latency_ns > 0 || limits->max_wake_latency_cv > 0 ||
	    limits->min_iteration_rate > 0 || limits->max_migration_ratio > 0)
		ktstr_verdict_skip(judging->verdict, "%s: no worker to take benchmarks of",
				   judging->name);
	if (limits->starvation > 0 || limits->max_gap_ms > 0 || limits->max_spread_pct > 0)
		ktstr_verdict_inconclusive(judging->verdict, "%s: no worker to judge by",
					   judging->name);
}

static void judge_worker(const struct judging *judging, const struct worker_report *report)
{
	keep_report(judging->verdict, report);
	if (!report->completed)
		judge_missing(judging->verdict, report, judging->limits.starvation > 0);
	else if (judging->limits.starvation > 0)
		judge_starvation(judging, report);
	judge_gap(judging->verdict, report, judging->limits.max_gap_ms);
}

void verdict_judge_cgroup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			  const struct cgroup_facts *facts, const struct worker_report *reports,
			  size_t count)
{
	AUTO(worker_reports_done) struct worker_reports plausible = {0};
	struct cgroup_stats stats = cgroup_stats_of(facts, reports, count);
	struct judging judging = {
		.verdict = verdict,
		.limits = checks_merge(checks_default(), checks),
		.facts = facts,
		.name = stats.name,
		.stats = &stats,
		.count = count,
	};

	keep_stats(verdict, &stats);
	if (count == 0) {
		judge_absence(&judging);
		return;
	}
	verdict_found(verdict, KTSTR_PASS);
	for (size_t i = 0; i < count; i++)
		worker_reports_push(&plausible, worker_report_plausible(facts->name, &reports[i]));
	judging.reports = plausible.at;
	vec_each(report, &plausible)
		judge_worker(&judging, report);
	judge_spread(&judging);
	judge_rates(&judging);
	judge_latencies(&judging);
	judge_places(&judging);
	enter_competition(&judging);
}
