/* SPDX-License-Identifier: BSD-2-Clause */
/* judge_benchmarks.c - AS-5 to AS-13: rates, latencies, places. All are off until somebody asks. */
#include <string.h>

#include "verdict/judge.h"

/* The same for every cgroup, so once. */
static void note_once(struct ktstr_verdict *verdict, const char *text)
{
	vec_each(detail, &verdict->details) {
		if (detail->kind == KTSTR_KIND_NOTE && strcmp(detail->text, text) == 0)
			return;
	}
	ktstr_verdict_note(verdict, "%s", text);
}

void want_subject(struct ktstr_verdict *verdict, enum check_subject subject, bool there)
{
	verdict->wanted |= 1u << subject;
	verdict->judged_by |= (uint32_t)there << subject;
}

/* --- rates ---------------------------------------------------------------------------------- */

/* A messenger's rounds are not the work that is asked about. */
static bool has_rate(const struct worker_report *report)
{
	return report->completed && !report->is_messenger;
}

/* Without CPU time there is no rate to be proud of. */
static double work_rate(const struct worker_report *report)
{
	return ratio_of((double)report->work_units, (double)worker_ran_ns(report) / NS_PER_S);
}

static double iteration_rate(const struct worker_report *report)
{
	return ratio_of((double)report->iterations, (double)report->wall_ns / NS_PER_S);
}

static struct variation throughput_of_role(const struct judging *judging, uint32_t role)
{
	AUTO(free) double *rates = xcalloc(judging->count, sizeof(*rates));
	size_t count = 0;

	for (size_t i = 0; i < judging->count; i++) {
		if (judging->reports[i].role == role && has_rate(&judging->reports[i]))
			rates[count++] = work_rate(&judging->reports[i]);
	}
	return variation_of(rates, NULL, count);
}

/* Roles do different work, so as with shares only equals are compared. */
static void judge_throughput(const struct judging *judging)
{
	struct variation worst = {0};

	if (judging->limits.max_throughput_cv <= 0)
		return;
	for (size_t i = 0; i < judging->count; i++) {
		uint32_t role = judging->reports[i].role;
		struct variation variation;

		if (i > 0 && judging->reports[i - 1].role == role)
			continue;
		variation = throughput_of_role(judging, role);
		if (variation.cv > worst.cv)
			worst = variation;
	}
	if (worst.cv > judging->limits.max_throughput_cv)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_BENCHMARK,
				   "%s: throughput CV %.4g exceeds limit %.10g (mean=%.0f "
				   "work/cpu_s)",
				   judging->name, worst.cv, judging->limits.max_throughput_cv,
				   worst.mean);
}

static void judge_floors(const struct judging *judging, const struct worker_report *report)
{
	double work_floor = judging->limits.min_work_rate;
	double iteration_floor = judging->limits.min_iteration_rate;

	if (!has_rate(report))
		return;
	if (work_rate(report) < work_floor)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_BENCHMARK,
				   "%s: worker %u throughput %.1f work/cpu_s below floor %.10g",
				   judging->name, report->index, work_rate(report), work_floor);
	if (iteration_rate(report) < iteration_floor)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_BENCHMARK,
				   "%s: worker %u iteration rate %.1f/s below floor %.10g/s",
				   judging->name, report->index, iteration_rate(report),
				   iteration_floor);
}

void judge_rates(const struct judging *judging)
{
	const struct ktstr_checks *limits = &judging->limits;

	if (limits->max_throughput_cv <= 0 && limits->min_work_rate <= 0 &&
	    limits->min_iteration_rate <= 0)
		return;
	if (judging->facts->model_units) {
		note_once(judging->verdict,
			  "max_throughput_cv, min_work_rate and min_iteration_rate are not judged in "
			  "this mode: how much work a CPU second does is the model's, not the "
			  "scheduler's");
		return;
	}
	judge_throughput(judging);
	for (size_t i = 0; i < judging->count; i++)
		judge_floors(judging, &judging->reports[i]);
}

/* --- latencies ------------------------------------------------------------------------------ */

void judge_latencies(const struct judging *judging)
{
	double p99_limit = judging->limits.max_p99_wake_latency_ns;
	double cv_limit = judging->limits.max_wake_latency_cv;
	struct wake_stats wakes;

	if (p99_limit <= 0 && cv_limit <= 0)
		return;
	wakes = wake_stats_of(judging->reports, judging->count);
	want_subject(judging->verdict, SUBJECT_WAKE_LATENCY, wakes.samples > 0);
	if (p99_limit > 0 && wakes.p99_ns > p99_limit)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_BENCHMARK,
				   "%s: p99 wake latency %.0fns exceeds limit %.10gns (%zu samples)",
				   judging->name, wakes.p99_ns, p99_limit, wakes.samples);
	if (cv_limit > 0 && wakes.cv > cv_limit)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_BENCHMARK,
				   "%s: wake latency CV %.4g exceeds limit %.10g (mean=%.0fns)",
				   judging->name, wakes.cv, cv_limit, wakes.mean_ns);
}

/* --- places --------------------------------------------------------------------------------- */

static void judge_isolation(const struct judging *judging, const struct worker_report *report)
{
	AUTO(buf_done) struct buf list = {0};
	struct cpuset unexpected = {0};

	for_each_cpu(cpu, &report->cpus) {
		if (!cpuset_has(&judging->facts->cpus, (unsigned)cpu))
			cpuset_add(&unexpected, (unsigned)cpu);
	}
	if (cpuset_count(&unexpected) == 0)
		return;
	cpuset_format(&unexpected, &list);
	ktstr_verdict_fail(judging->verdict, KTSTR_KIND_ISOLATION,
			   "%s: tid %d ran on unexpected CPUs [%s]", judging->name, report->tid,
			   buf_text(&list));
}

static void judge_migrations(const struct judging *judging)
{
	const struct cgroup_stats *stats = judging->stats;
	double limit = judging->limits.max_migration_ratio;

	if (limit > 0 && stats->migration_ratio > limit)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_MIGRATION,
				   "%s: migration ratio %.4g exceeds threshold %.10g (%llu migrations "
				   "/ %llu iterations)",
				   judging->name, stats->migration_ratio, limit,
				   (unsigned long long)stats->migrations,
				   (unsigned long long)stats->iterations);
}

static void judge_locality(const struct judging *judging, const struct pages *pages)
{
	double floor = judging->limits.min_page_locality, locality = judging->stats->page_locality;

	if (floor <= 0)
		return;
	want_subject(judging->verdict, SUBJECT_PAGES, pages->total > 0 && pages->expected);
	if (pages->total > 0 && pages->expected && locality < floor)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_PAGE_LOCALITY,
				   "%s: page locality %.4g below threshold %.10g (%.0f/%.0f pages "
				   "local)",
				   judging->name, locality, floor, pages->local, pages->total);
}

static void judge_cross_node(const struct judging *judging, const struct pages *pages)
{
	double limit = judging->limits.max_cross_node_migration_ratio;
	double ratio = judging->stats->cross_node_migration_ratio;

	if (limit <= 0)
		return;
	want_subject(judging->verdict, SUBJECT_PAGES, pages->total > 0);
	if (ratio > limit)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_CROSS_NODE_MIGRATION,
				   "%s: cross-node migration ratio %.4g exceeds threshold %.10g "
				   "(%llu/%.0f pages migrated)",
				   judging->name, ratio, limit,
				   (unsigned long long)judging->facts->pages_migrated,
				   pages->total);
}

static void judge_slow_tier(const struct judging *judging, const struct pages *pages)
{
	double limit = judging->limits.max_slow_tier_ratio, ratio = judging->stats->slow_tier_ratio;

	if (limit <= 0)
		return;
	want_subject(judging->verdict, SUBJECT_PAGES, pages->total > 0);
	if (ratio > limit)
		ktstr_verdict_fail(judging->verdict, KTSTR_KIND_SLOW_TIER,
				   "%s: slow-tier page ratio %.4g exceeds threshold %.10g "
				   "(%.0f/%.0f pages on nodes without CPUs)",
				   judging->name, ratio, limit, pages->slow, pages->total);
}

void judge_places(const struct judging *judging)
{
	struct pages pages = pages_of(judging->facts, judging->reports, judging->count);

	if (judging->limits.isolation > 0 && cpuset_count(&judging->facts->cpus)) {
		for (size_t i = 0; i < judging->count; i++) {
			if (!judging->reports[i].is_host)
				judge_isolation(judging, &judging->reports[i]);
		}
	}
	judge_migrations(judging);
	judge_locality(judging, &pages);
	judge_cross_node(judging, &pages);
	judge_slow_tier(judging, &pages);
}
