/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/verdict.h"

uint64_t saturating_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t percentile_nearest_rank(const uint64_t *sorted, size_t n, double p)
{
	double exact;
	size_t rank;

	assert(p > 0);
	assert(p <= 1);
	if (n == 0)
		return 0;
	exact = (double)n * p * (1 - 1e-12);        /* 100 * 0.07 is 7.000000000000001 */
	rank = (size_t)exact;
	if ((double)rank < exact)
		rank++;
	return sorted[rank - 1];
}

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

static double clamp(double value, double min, double max)
{
	return value < min ? min : value > max ? max : value;
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
	stats->spread_pct = stats->off_cpu_pct_max - stats->off_cpu_pct_min;
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

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void wake_stats(struct cgroup_stats *stats, const struct worker_reports *reports)
{
	AUTO(free) uint64_t *medians = xcalloc(reports->len + 1, sizeof(*medians));
	uint64_t p99 = 0;
	size_t count = 0;

	vec_each(report, reports) {
		if (report->wake_count == 0)
			continue;
		medians[count++] = report->wake_ns_p50;
		if (report->wake_ns_p99 > p99)
			p99 = report->wake_ns_p99;
	}
	if (count == 0)
		return;
	qsort(medians, count, sizeof(*medians), compare_u64);
	stats->wake_us_median = (double)medians[count / 2] / NS_PER_US;
	stats->wake_us_p99 = (double)p99 / NS_PER_US;
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
}

struct cgroup_stats cgroup_stats_of(const char *name, const struct worker_report *reports,
				    size_t count)
{
	AUTO(worker_reports_done) struct worker_reports plausible = {0};
	struct cgroup_stats stats = {.workers = (uint32_t)count};

	for (size_t i = 0; i < count; i++)
		worker_reports_push(&plausible, worker_report_plausible(name, &reports[i]));
	snprintf(stats.name, sizeof(stats.name), "%s", name);
	off_cpu_stats(&stats, &plausible);
	wait_stats(&stats, &plausible);
	wake_stats(&stats, &plausible);
	place_stats(&stats, &plausible);
	return stats;
}
