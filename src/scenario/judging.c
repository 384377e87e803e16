/* SPDX-License-Identifier: BSD-2-Clause */
/* judging.c - from the reports of a play to findings, and what its timeline tells. */
#include <assert.h>

#include "scenario/play.h"

/*
 * A scheduler's death cuts the window short: shares of it then say little, and who had not run yet
 * might have. A gap over its limit is one in any window.
 */
struct ktstr_checks play_checks(const struct ktstr_play *play)
{
	const struct ktstr_test *test = play->ctx->test;
	struct ktstr_checks checks = checks_default();

	if (test->scheduler)
		checks = checks_merge(checks, &test->scheduler->checks);
	checks = checks_merge(checks, &test->checks);
	if (play->scheduler_died) {
		checks.max_spread_pct = -1;
		checks.max_idle_waiting_pct = -1;
		checks.starvation = -1;
	}
	return checks;
}

void play_scheduler_died(struct ktstr_play *play, unsigned step, unsigned steps)
{
	static const char died[] = "scheduler process died unexpectedly";
	double elapsed_s = (double)(clock_ns() - play->start_ns) / NS_PER_S;

	if (play->scheduler_died)
		return;
	play->scheduler_died = true;
	if (step == 0)
		ktstr_verdict_fail(play->verdict, KTSTR_KIND_SCHEDULER_DIED,
				   "%s during workload (%.1f s into test)", died, elapsed_s);
	else if (step < steps)
		ktstr_verdict_fail(play->verdict, KTSTR_KIND_SCHEDULER_DIED,
				   "%s after completing step %u of %u (%.1f s into test)", died,
				   step, steps, elapsed_s);
	else
		ktstr_verdict_fail(play->verdict, KTSTR_KIND_SCHEDULER_DIED,
				   "%s (detected after all %u steps completed, %.1f s elapsed)", died,
				   steps, elapsed_s);
}

/* --- workers ---------------------------------------------------------------------------------------- */

struct findings {
	struct worker_reports reports;
	struct cgroup_facts facts;
	bool any_nodes;
};

static void add_crew(struct findings *findings, const struct crew *crew)
{
	vec_each (report, &crew->reports)
		worker_reports_push(&findings->reports, *report);
	cpuset_union(&findings->facts.cpus, &crew->might);
	cpuset_union(&findings->facts.nodes, &crew->plan.nodes);
	findings->any_nodes |= cpuset_count(&crew->plan.nodes) == 0;
}

static void forget_stopped(struct ktstr_play *play, const struct place *place)
{
	for (size_t i = play->crews.len; i > 0; i--) {
		struct crew *crew = play->crews.at[i - 1];

		if (crew->is_stopped && crew->place == place)
			crew_forget(play, crew);
	}
}

void place_judge(struct ktstr_play *play, struct place *place)
{
	struct ktstr_checks checks = play_checks(play);
	struct cpuset all = cpus_all(&play->ctx->topology);
	struct findings findings = {
		.facts = {.name = place->name,
			  .weight = place->weight,
			  .cpuless_nodes = machine_cpuless_nodes(),
			  .model_units = strcmp(play->ctx->mode, "det") == 0},
	};
	uint64_t pages_migrated = vmstat_read("numa_pages_migrated");

	vec_each (crew, &play->crews) {
		if ((*crew)->is_stopped && (*crew)->place == place)
			add_crew(&findings, *crew);
	}
	if (pages_migrated > play->pages_migrated)
		findings.facts.pages_migrated = pages_migrated - play->pages_migrated;
	if (cpuset_equal(&findings.facts.cpus, &all))
		findings.facts.cpus = (struct cpuset){0};
	if (findings.any_nodes)
		findings.facts.nodes = (struct cpuset){0};
	if (findings.reports.len)
		verdict_judge_cgroup(play->verdict, &checks, &findings.facts, findings.reports.at,
				     findings.reports.len);
	worker_reports_done(&findings.reports);
	forget_stopped(play, place);
}

/* --- the machine --------------------------------------------------------------------------------------- */

static bool has_quota(struct ktstr_play *play, const struct place *place)
{
	vec_each (other, &play->places) {
		if ((*other)->has_quota && place_is_inside(place, *other))
			return true;
	}
	return false;
}

/*
 * What a crew waited for in this phase, if an idle CPU was one that it could have had: not when its
 * workers have different masks, change them themselves, were frozen or are kept back by a quota.
 */
static bool load_of(struct ktstr_play *play, struct crew *crew, struct machine_load *ret_load)
{
	struct workers_progress progress = workers_progress(crew->workers);
	const struct cpuset *mask = &crew->plan.masks.at[0];
	struct cpuset place = place_cpus(play, crew->place), both;

	if (crew->is_unsteady || has_quota(play, crew->place))
		return false;
	vec_each (other, &crew->plan.masks) {
		if (!cpuset_equal(other, mask))
			return false;
	}
	vec_each (group, &crew->plan.groups) {
		if (group->work.type == KTSTR_WORK_AFFINITY_CHURN ||
		    group->work.type == KTSTR_WORK_CUSTOM)
			return false;
	}
	both = cpus_intersection(mask, &place);
	ret_load->cpus = cpuset_count(&both) ? both : place;
	ret_load->wait_ns = progress.wait_ns > crew->phase_wait_ns ?
				    progress.wait_ns - crew->phase_wait_ns : 0;
	return true;
}

int phase_open(struct ktstr_play *play, struct ktstr_error *err)
{
	int r;

	if (play->phase_is_open)
		return 0;
	r = machine_read(&play->phase_start, err);
	if (r < 0)
		return r;
	vec_each (crew, &play->crews) {
		if (!(*crew)->is_running)
			continue;
		(*crew)->phase_wait_ns = workers_progress((*crew)->workers).wait_ns;
		(*crew)->is_unsteady = (*crew)->frozen_since_ns != 0;
	}
	play->phase_is_open = true;
	return 0;
}

int phase_close(struct ktstr_play *play, struct ktstr_error *err)
{
	AUTO(free) struct machine_sample *end = NULL;
	AUTO(free) struct machine_load *loads = NULL;
	struct machine_window window;
	size_t count = 0;
	int r;

	if (!play->phase_is_open)
		return 0;
	play->phase_is_open = false;
	end = xcalloc(1, sizeof(*end));
	r = machine_read(end, err);
	if (r < 0)
		return r;
	loads = xcalloc(play->crews.len + 1, sizeof(*loads));
	vec_each (crew, &play->crews) {
		if ((*crew)->is_running && load_of(play, *crew, &loads[count]))
			count++;
	}
	window = machine_window_of(&play->phase_start, end);
	play->window.wall_ns += window.wall_ns;
	play->window.idle_ns += window.idle_ns;
	play->window.cpus = window.cpus;
	for (unsigned cpu = 0; cpu < CPUSET_CPU_MAX; cpu++)
		play->idle_ns_of[cpu] += machine_idle_ns(&play->phase_start, end, cpu);
	play->wasted_ns += machine_wasted_ns(&play->phase_start, end, loads, count);
	return 0;
}

void play_judge_machine(struct ktstr_play *play)
{
	struct ktstr_checks checks = play_checks(play);

	if (play->wasted_ns < play->window.idle_ns)
		play->window.excused_ns = play->window.idle_ns - play->wasted_ns;
	for (unsigned cpu = 0; cpu < CPUSET_CPU_MAX; cpu++) {
		if (play->idle_ns_of[cpu] > play->window.wall_ns / 2)
			cpuset_add(&play->window.idle_cpus, cpu);
	}
	verdict_judge_machine(play->verdict, &checks, &play->window);
}

/* --- the timeline ---------------------------------------------------------------------------------------- */

void play_tell(struct ktstr_play *play, bool end)
{
	struct workers_progress progress = crews_progress(play);
	uint64_t now_ns = clock_ns();
	struct timeline_event event = {
		.elapsed_ns = now_ns - play->start_ns,
		.at_ns = now_ns,
		.step = play->step.number,
		.end = end,
		.op_count = play->step.op_count,
		.op_kinds = play->step.op_kinds,
		.iterations = progress.iterations,
		.cpu_ns = progress.cpu_ns,
		.wait_ns = progress.wait_ns,
	};

	static_assert(sizeof(event.name) == sizeof(play->step.name), "one is copied to the other");
	memcpy(event.name, play->step.name, sizeof(event.name));
	vec_each (place, &play->places)
		event.cgroups += !(*place)->is_outside;
	vec_each (crew, &play->crews) {
		if ((*crew)->is_running)
			event.workers += (uint32_t)workers_count((*crew)->workers);
	}
	verdict_timeline(play->verdict, &event);
}
