/* SPDX-License-Identifier: BSD-2-Clause */
/* judge_machine.c - what is judged over all cgroups of a window. Decides from structs alone. */
#include <stdio.h>
#include <string.h>

#include "verdict/judge.h"

/* What the machine and the workers of one window did, in seconds of CPU time. */
struct waste {
	double waited, idle, total;        /* idle: what is not excused */
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
		.idle = seconds(window->idle_ns) - seconds(window->excused_ns),
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

/* --- shares by weight ------------------------------------------------------------------------ */

#define CPU_WEIGHT_DEFAULT 100        /* Documentation/admin-guide/cgroup-v2.rst, cpu.weight */
#define SAME_TIME_PCT 90              /* competitors were there for so much of the longest's time */

static struct competitor *competitor_named(struct ktstr_verdict *verdict, const char *name)
{
	vec_each(competitor, &verdict->competitors) {
		if (strcmp(competitor->name, name) == 0)
			return competitor;
	}
	if (verdict->competitors.len >= VERDICT_COMPETITORS_MAX)
		return NULL;
	return competitors_push(&verdict->competitors, (struct competitor){0});
}

void enter_competition(const struct judging *judging)
{
	struct competitor *competitor;

	if (judging->limits.max_weight_error_pct <= 0)
		return;
	want_subject(judging->verdict, SUBJECT_WEIGHTS, false);
	competitor = competitor_named(judging->verdict, judging->name);
	if (!competitor)
		return;
	snprintf(competitor->name, sizeof(competitor->name), "%s", judging->name);
	competitor->cpus = judging->facts->cpus;
	competitor->weight = judging->facts->weight ? judging->facts->weight : CPU_WEIGHT_DEFAULT;
	for (size_t i = 0; i < judging->count; i++) {
		const struct worker_report *report = &judging->reports[i];
		uint64_t ran_ns = worker_ran_ns(report);

		if (report->is_host)
			continue;
		if (report->wall_ns > competitor->wall_ns)
			competitor->wall_ns = report->wall_ns;
		competitor->ran_ns = saturating_add(competitor->ran_ns, ran_ns);
		competitor->wanted_ns =
			saturating_add(competitor->wanted_ns,
				       saturating_add(ran_ns, report->run_delay_ns));
	}
}

/* Weights are shared out among the children of one cgroup. */
static bool are_siblings(const struct competitor *a, const struct competitor *b)
{
	const char *a_end = strrchr(a->name, '/'), *b_end = strrchr(b->name, '/');
	size_t a_len = a_end ? (size_t)(a_end - a->name) : 0;
	size_t b_len = b_end ? (size_t)(b_end - b->name) : 0;

	return a_len == b_len && memcmp(a->name, b->name, a_len) == 0 &&
	       cpuset_equal(&a->cpus, &b->cpus);
}

/* Those that compete with this one, itself included, for as long as the longest of them. */
static void siblings_of(const struct competitors *all, const struct competitor *one,
			struct competitors *ret_siblings)
{
	uint64_t longest_ns = 0;

	vec_each(competitor, all) {
		if (are_siblings(one, competitor) && competitor->wall_ns > longest_ns)
			longest_ns = competitor->wall_ns;
	}
	vec_each(competitor, all) {
		if (are_siblings(one, competitor) &&
		    (double)competitor->wall_ns * 100 >= (double)longest_ns * SAME_TIME_PCT)
			competitors_push(ret_siblings, *competitor);
	}
}

static bool is_first_sibling(const struct competitors *all, const struct competitor *one)
{
	for (const struct competitor *before = all->at; before < one; before++) {
		if (are_siblings(before, one))
			return false;
	}
	return true;
}

/* Reports say who was wronged: the one that got too little, not the one that took it. */
static void note_shortfall(struct ktstr_verdict *verdict, const char *name, double points)
{
	struct cgroup_stats *last = NULL;

	vec_each(stats, &verdict->cgroups) {
		if (strcmp(stats->name, name) == 0)
			last = stats;        /* of this window: an earlier one may have had its like */
	}
	if (last && points > 0)
		last->weight_shortfall_pct = points;
}

static void judge_siblings(struct ktstr_verdict *verdict, const struct competitors *siblings,
			   double limit)
{
	AUTO(free) double *fair_pct = xcalloc(siblings->len, sizeof(*fair_pct));
	double ran = 0;

	fair_shares(siblings->at, siblings->len, fair_pct);
	vec_each(competitor, siblings)
		ran += (double)competitor->ran_ns;
	want_subject(verdict, SUBJECT_WEIGHTS, ran > 0);
	for (size_t i = 0; i < siblings->len; i++) {
		const struct competitor *competitor = &siblings->at[i];
		double had_pct = ratio_of((double)competitor->ran_ns, ran) * 100;
		double error = had_pct > fair_pct[i] ? had_pct - fair_pct[i] : fair_pct[i] - had_pct;

		if (error <= limit)
			continue;
		note_shortfall(verdict, competitor->name, fair_pct[i] - had_pct);
		ktstr_verdict_fail(verdict, KTSTR_KIND_UNFAIR,
				   "%s: had %.0f%% of the CPU time among %zu cgroups; by its "
				   "weight of %u it is %.0f%% (%.0f points off, threshold "
				   "%.10g)",
				   competitor->name, had_pct, siblings->len, competitor->weight,
				   fair_pct[i], error, limit);
	}
}

static void judge_weights(struct ktstr_verdict *verdict, double limit)
{
	vec_each(competitor, &verdict->competitors) {
		AUTO(competitors_done) struct competitors siblings = {0};

		if (limit <= 0 || !is_first_sibling(&verdict->competitors, competitor))
			continue;
		siblings_of(&verdict->competitors, competitor, &siblings);
		if (siblings.len >= 2)
			judge_siblings(verdict, &siblings, limit);
	}
	competitors_done(&verdict->competitors);
}

/* --- the window ------------------------------------------------------------------------------ */

static void judge_subjects(struct ktstr_verdict *verdict)
{
	static const char *const nothing[SUBJECT_COUNT] = {
		[SUBJECT_WAKE_LATENCY] = "a check of wake-up latencies is on, and no worker measured any",
		[SUBJECT_PAGES] = "a check of pages is on, and no pages with expected nodes were seen",
		[SUBJECT_WEIGHTS] = "max_weight_error_pct is on, and no two siblings competed",
	};
	uint32_t missing = verdict->wanted & ~verdict->judged_by;

	for (unsigned subject = 0; subject < SUBJECT_COUNT; subject++) {
		if (missing >> subject & 1)
			ktstr_verdict_inconclusive(verdict, "%s", nothing[subject]);
	}
	verdict->wanted = verdict->judged_by = 0;
}

static void judge_window(struct ktstr_verdict *verdict, const struct ktstr_checks *limits,
			 const struct machine_window *window)
{
	size_t first = verdict->window_workers;
	size_t count = verdict->workers.len - first;
	struct cpuset idle_cpus = verdict->window.idle_cpus;
	struct waste waste;

	cpuset_union(&idle_cpus, &window->idle_cpus);
	verdict->window = (struct machine_window){
		.wall_ns = saturating_add(verdict->window.wall_ns, window->wall_ns),
		.cpus = window->cpus,
		.idle_ns = saturating_add(verdict->window.idle_ns, window->idle_ns),
		.excused_ns = saturating_add(verdict->window.excused_ns, window->excused_ns),
		.idle_cpus = idle_cpus,
	};
	verdict->window_workers = verdict->workers.len;
	if (count == 0)
		return;
	waste = waste_of(window, verdict->workers.at + first, count);
	judge_waste(verdict, &waste, window->cpus, limits->max_idle_waiting_pct);
}

void verdict_judge_machine(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   const struct machine_window *window)
{
	struct ktstr_checks limits = checks_merge(checks_default(), checks);

	judge_weights(verdict, limits.max_weight_error_pct);
	judge_subjects(verdict);
	if (window->wall_ns > 0 && window->cpus > 0)
		judge_window(verdict, &limits, window);
}
