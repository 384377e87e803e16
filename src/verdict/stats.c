/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "verdict/arithmetic.h"

/* Any byte but 0 and 1 in a bool is undefined to read as one. */
static bool bool_of(const bool *raw)
{
	unsigned char byte;

	memcpy(&byte, raw, sizeof(byte));
	return byte != 0;
}

struct worker_report worker_report_plausible(const char *cgroup, const struct worker_report *raw)
{
	struct worker_report report = *raw;

	snprintf(report.cgroup, sizeof(report.cgroup), "%s", cgroup);
	report.completed = bool_of(&raw->completed);
	report.scheduler_known = bool_of(&raw->scheduler_known);
	report.ext_enabled = bool_of(&raw->ext_enabled);
	report.is_messenger = bool_of(&raw->is_messenger);
	report.is_host = bool_of(&raw->is_host);
	report.pages_known = bool_of(&raw->pages_known);
	if (report.wakes_len > WORKER_WAKES_MAX)
		report.wakes_len = WORKER_WAKES_MAX;
	if (report.moves_len > WORKER_MOVES_MAX)
		report.moves_len = WORKER_MOVES_MAX;
	if (report.max_gap_cpu < 0 || report.max_gap_cpu >= CPUSET_CPU_MAX)
		report.max_gap_cpu = -1;
	return report;
}

bool worker_off_cpu_pct(const struct worker_report *report, double *ret_pct)
{
	uint64_t off_ns;

	if (!report->completed || report->wall_ns == 0)
		return false;
	off_ns = report->cpu_ns < report->wall_ns ? report->wall_ns - report->cpu_ns : 0;
	*ret_pct = (double)off_ns / (double)report->wall_ns * 100;
	return true;
}

static void off_cpu_stats(struct cgroup_stats *stats, const struct worker_reports *reports)
{
	double pct, sum = 0;
	size_t count = 0;

	vec_each(report, reports) {
		if (!worker_off_cpu_pct(report, &pct))
			continue;
		if (count == 0 || pct < stats->off_cpu_pct_min)
			stats->off_cpu_pct_min = pct;
		if (count == 0 || pct > stats->off_cpu_pct_max)
			stats->off_cpu_pct_max = pct;
		sum += pct;
		count++;
	}
	if (count == 0)
		return;
	/* the sum is rounded: equal shares must not get an average beside them */
	stats->off_cpu_pct_avg =
		clamp(sum / (double)count, stats->off_cpu_pct_min, stats->off_cpu_pct_max);
	stats->spread_pct = spread_of(reports->at, reports->len).pct;
}

static void wait_stats(struct cgroup_stats *stats, const struct worker_reports *reports)
{
	double sum = 0;

	vec_each(report, reports) {
		double us = (double)report->run_delay_ns / NS_PER_US;

		sum += us;
		if (us > stats->run_delay_us_worst)
			stats->run_delay_us_worst = us;
	}
	if (reports->len)
		stats->run_delay_us_mean =
			clamp(sum / (double)reports->len, 0, stats->run_delay_us_worst);
}

static void latency_stats(struct cgroup_stats *stats, const struct worker_reports *reports)
{
	struct wake_stats wakes = wake_stats_of(reports->at, reports->len);

	stats->wake_us_p99 = wakes.p99_ns / NS_PER_US;
	stats->wake_us_median = wakes.median_ns / NS_PER_US;
	stats->wake_cv = wakes.cv;
	stats->wake_tail_ratio = ratio_of(wakes.p99_ns, wakes.median_ns);
}

static void page_stats(struct cgroup_stats *stats, const struct cgroup_facts *facts,
		       const struct worker_reports *reports)
{
	struct pages pages = pages_of(facts, reports->at, reports->len);

	stats->page_locality = pages.expected ? ratio_of(pages.local, pages.total) : 0;
	stats->cross_node_migration_ratio = ratio_of((double)facts->pages_migrated, pages.total);
	stats->slow_tier_ratio = ratio_of(pages.slow, pages.total);
}

static void place_stats(struct cgroup_stats *stats, const struct worker_reports *reports)
{
	struct cpuset cpus = {0};

	stats->max_gap_cpu = -1;
	vec_each(report, reports) {
		double gap_ms = (double)report->max_gap_ns / NS_PER_MS;

		if (gap_ms > stats->max_gap_ms) {
			stats->max_gap_ms = gap_ms;
			stats->max_gap_cpu = report->max_gap_cpu;
		}
		stats->migrations = saturating_add(stats->migrations, report->migrations);
		stats->iterations = saturating_add(stats->iterations, report->iterations);
		cpuset_union(&cpus, &report->cpus);
	}
	stats->cpus = cpuset_count(&cpus);
	stats->migration_ratio = ratio_of((double)stats->migrations, (double)stats->iterations);
	stats->iterations_per_worker = ratio_of((double)stats->iterations, (double)reports->len);
}

struct cgroup_stats cgroup_stats_of(const struct cgroup_facts *facts,
				    const struct worker_report *reports, size_t count)
{
	AUTO(worker_reports_done) struct worker_reports plausible = {0};
	struct cgroup_stats stats = {.workers = (uint32_t)count};

	for (size_t i = 0; i < count; i++)
		worker_reports_push(&plausible, worker_report_plausible(facts->name, &reports[i]));
	snprintf(stats.name, sizeof(stats.name), "%s", facts->name);
	off_cpu_stats(&stats, &plausible);
	wait_stats(&stats, &plausible);
	latency_stats(&stats, &plausible);
	place_stats(&stats, &plausible);
	page_stats(&stats, facts, &plausible);
	return stats;
}

static void keep_highest(double *worst, double value)
{
	if (value > *worst)
		*worst = value;
}

/* 0 is not known, so it is not worst. */
static void keep_lowest(double *worst, double value)
{
	if (value > 0 && (value < *worst || *worst == 0))
		*worst = value;
}

void scenario_stats_add(struct scenario_stats *totals, const struct cgroup_stats *stats)
{
	if (totals->worst_gap_ms == 0)
		totals->worst_gap_cpu = -1;
	if (stats->max_gap_ms > totals->worst_gap_ms)
		totals->worst_gap_cpu = stats->max_gap_cpu;
	totals->total_workers = saturating_add(totals->total_workers, stats->workers);
	totals->total_cpus = saturating_add(totals->total_cpus, stats->cpus);
	totals->total_migrations = saturating_add(totals->total_migrations, stats->migrations);
	totals->total_iterations = saturating_add(totals->total_iterations, stats->iterations);
	keep_highest(&totals->worst_spread, stats->spread_pct);
	keep_highest(&totals->worst_gap_ms, stats->max_gap_ms);
	keep_highest(&totals->worst_migration_ratio, stats->migration_ratio);
	keep_highest(&totals->worst_p99_wake_latency_us, stats->wake_us_p99);
	keep_highest(&totals->worst_median_wake_latency_us, stats->wake_us_median);
	keep_highest(&totals->worst_wake_latency_cv, stats->wake_cv);
	keep_highest(&totals->worst_wake_latency_tail_ratio, stats->wake_tail_ratio);
	keep_highest(&totals->worst_mean_run_delay_us, stats->run_delay_us_mean);
	keep_highest(&totals->worst_run_delay_us, stats->run_delay_us_worst);
	keep_highest(&totals->worst_cross_node_migration_ratio,
		     stats->cross_node_migration_ratio);
	keep_lowest(&totals->worst_page_locality, stats->page_locality);
	keep_lowest(&totals->worst_iterations_per_worker, stats->iterations_per_worker);
}
