/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/scenario.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scenario/cgroup.h"
#include "scenario/list.h"
#include "scenario/machine.h"
#include "workload/workload.h"

/* One list of cgroups on its way. */
struct scenario {
	const struct ktstr_ctx *ctx;
	uint64_t start_ns;
	int scheduler_fd;                /* pidfd; -1 without a scheduler */
	struct cgroups cgroups;
	struct worker_groups groups;
	struct workers *workers;
	bool scheduler_died;
	uint64_t scheduler_died_ns;      /* after the start */
	struct machine_sample before, after;
};

/* Workers before the cgroups that they are in. */
static void scenario_done(struct scenario *scenario)
{
	workers_free(scenario->workers);
	cgroups_done(&scenario->cgroups);
	worker_groups_done(&scenario->groups);
	fd_close(scenario->scheduler_fd);
}
DEFINE_AUTO_DONE(struct scenario, scenario_done)

static void note_scheduler_death(struct scenario *scenario)
{
	scenario->scheduler_died = true;
	scenario->scheduler_died_ns = clock_ns() - scenario->start_ns;
}

static int watch_scheduler(struct scenario *scenario, struct ktstr_error *err)
{
	pid_t pid = scenario->ctx->scheduler_pid;

	if (pid == 0)
		return 0;
	scenario->scheduler_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (scenario->scheduler_fd >= 0)
		return 0;
	if (errno != ESRCH)
		return error_sys(err, "scheduler: pidfd_open %d", pid);
	note_scheduler_death(scenario);
	return 0;
}

static int make_cgroups(struct scenario *scenario, struct ktstr_error *err)
{
	int r = cgroups_open(&scenario->cgroups, scenario->ctx->cgroup_root, err);

	vec_each (group, &scenario->groups) {
		if (r == 0)
			r = cgroups_make(&scenario->cgroups, group->cgroup, err);
	}
	return r;
}

static int start_workers(struct scenario *scenario, struct ktstr_error *err)
{
	struct workers_config config = {
		.groups = scenario->groups.at,
		.group_count = scenario->groups.len,
		.seed = scenario->ctx->seed,
	};
	size_t worker = 0;
	int r = workers_start(&config, &scenario->workers, err);

	if (r < 0)
		return r;
	vec_each (group, &scenario->groups) {
		for (unsigned i = 0; i < group->count; i++, worker++) {
			pid_t pid = workers_pid(scenario->workers, worker);

			r = cgroups_move(&scenario->cgroups, group->cgroup, pid, err);
			if (r < 0)
				return error_wrap(err, r, "cgroup %s: worker %u", group->cgroup, i);
		}
	}
	return 0;
}

/* From the release of the workers to their reports. */
static int run_window(struct scenario *scenario, struct ktstr_error *err)
{
	struct workers *workers = scenario->workers;
	enum workers_event event;
	int r;

	workers_settle(workers);
	r = machine_read(&scenario->before, err);
	if (r < 0)
		return r;
	workers_release(workers);
	r = workers_wait(workers, deadline_in(ktstr_ctx_duration_ns(scenario->ctx)),
			 scenario->scheduler_fd, &event, err);
	if (r < 0)
		return r;
	if (event == WORKERS_WATCHED_FD)
		note_scheduler_death(scenario);
	workers_observe(workers);
	r = machine_read(&scenario->after, err);
	if (r < 0)
		return r;
	workers_stop(workers);
	return 0;
}

/*
 * A scheduler's death cuts the window short: shares of it then say little, and who had not run yet
 * might have. A gap over its limit is one in any window.
 */
static struct ktstr_checks checks_of(const struct scenario *scenario)
{
	const struct ktstr_test *test = scenario->ctx->test;
	struct ktstr_checks checks = checks_default();

	if (test->scheduler)
		checks = checks_merge(checks, &test->scheduler->checks);
	checks = checks_merge(checks, &test->checks);
	if (scenario->scheduler_died) {
		checks.max_spread_pct = -1;
		checks.max_idle_waiting_pct = -1;
		checks.starvation = -1;
	}
	return checks;
}

static void fail_scheduler_died(const struct scenario *scenario, struct ktstr_verdict *verdict)
{
	ktstr_verdict_fail(verdict, KTSTR_KIND_SCHEDULER_DIED,
			   "scheduler process died unexpectedly during workload (%.1f s into test)",
			   (double)scenario->scheduler_died_ns / (double)NS_PER_S);
}

static void judge(const struct scenario *scenario, struct ktstr_verdict *verdict)
{
	struct machine_window window = machine_window_of(&scenario->before, &scenario->after);
	struct ktstr_checks checks = checks_of(scenario);

	if (scenario->scheduler_died)
		fail_scheduler_died(scenario, verdict);
	for (size_t i = 0; i < scenario->groups.len; i++) {
		size_t count;
		const struct worker_report *reports = workers_reports(scenario->workers, i, &count);

		struct cgroup_facts facts = {.name = scenario->groups.at[i].cgroup};

		verdict_judge_cgroup(verdict, &checks, &facts, reports, count);
	}
	verdict_judge_machine(verdict, &checks, &window);
}

/* What was found stands, so what cannot be removed is only worth a note. */
static void clean_up(struct scenario *scenario, struct ktstr_verdict *verdict)
{
	struct deadline deadline = deadline_in(CGROUPS_REMOVE_TIMEOUT_NS);
	struct ktstr_error err = {0};

	if (cgroups_remove(&scenario->cgroups, deadline, &err) < 0)
		ktstr_verdict_note(verdict, "clean-up: %s", err.msg);
}

/*
 * While a scenario runs, its engine outranks every scheduler that may be under test, so that one
 * that runs nothing cannot keep us from ending the window in time; workers start as ordinary tasks.
 * Whoever may not do that (a host_only test without privileges) goes on as it is.
 */
static bool outrank_schedulers(void)
{
	const struct sched_param lowest = {.sched_priority = 1};

	return sched_getscheduler(0) == SCHED_OTHER &&
	       sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0;
}

static void rank_as_before(bool outranked)
{
	const struct sched_param none = {.sched_priority = 0};

	if (outranked)
		(void)sched_setscheduler(0, SCHED_OTHER, &none);        /* lowering is always allowed */
}
DEFINE_AUTO(bool, rank_as_before)

EXPORT int ktstr_run_cgroup_list(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
				 struct ktstr_error *err, const struct ktstr_cgroup *cgroups,
				 size_t cgroup_count)
{
	AUTO(scenario_done) struct scenario scenario = {
		.ctx = ctx,
		.start_ns = clock_ns(),
		.scheduler_fd = -1,
	};
	AUTO(rank_as_before) bool outranked = false;
	int r = worker_groups_of(cgroups, cgroup_count, ctx->test->workers_per_cgroup,
				 &scenario.groups, err);

	if (r == 0)
		r = watch_scheduler(&scenario, err);
	if (r < 0)
		return r;
	if (scenario.scheduler_died) {
		fail_scheduler_died(&scenario, verdict);
		return 0;
	}
	outranked = outrank_schedulers();
	r = make_cgroups(&scenario, err);
	if (r == 0)
		r = start_workers(&scenario, err);
	if (r == 0)
		r = run_window(&scenario, err);
	if (r < 0)
		return r;
	judge(&scenario, verdict);
	clean_up(&scenario, verdict);
	return 0;
}
