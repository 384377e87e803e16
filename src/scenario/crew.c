/* SPDX-License-Identifier: BSD-2-Clause */
/* crew.c - workers that were started together: from the fork to their reports. */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "scenario/play.h"

/* Between roles of different masks; larger than any role of a group. */
#define ROLE_MASK_STEP (1u << 19)

struct crew_place crew_place_of(struct ktstr_play *play, const struct place *place)
{
	struct cpuset all = cpus_all(&play->ctx->topology);
	struct crew_place at = {
		.name = place->name,
		.dir = place->is_outside ? NULL : place->dir,
		.cpus = place_cpus(play, place),
		.first_index = place->next_index,
		.first_role = play->next_role,
	};

	at.confined = !cpuset_equal(&at.cpus, &all);
	return at;
}

static void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	worker_reports_done(&crew->reports);
	workers_free(crew->workers);
	crew_plan_done(&crew->plan);
	free(crew);
}
DEFINE_AUTO(struct crew *, crew_free)

void crew_forget(struct ktstr_play *play, struct crew *crew)
{
	struct crews *crews = &play->crews;

	for (size_t i = 0; i < crews->len; i++) {
		if (crews->at[i] != crew)
			continue;
		memmove(&crews->at[i], &crews->at[i + 1],
			(crews->len - i - 1) * sizeof(struct crew *));
		crews->len--;
		break;
	}
	crew_free(crew);
}

bool crew_is_there(const struct ktstr_play *play, const struct place *place)
{
	vec_each (crew, &play->crews) {
		if ((*crew)->place == place && !(*crew)->is_stopped)
			return true;
	}
	return false;
}

/* --- where they may run --------------------------------------------------------------------------- */

/* The kernel intersects a mask with the cpuset, and drops it where nothing is left. */
static struct cpuset worker_cpus(const struct cpuset *mask, const struct cpuset *place)
{
	struct cpuset both = cpus_intersection(mask, place);

	return cpuset_count(&both) ? both : *place;
}

/* From now on they might run there. */
static void note_cpus(struct ktstr_play *play, struct crew *crew)
{
	struct cpuset cpus = place_cpus(play, crew->place);

	cpuset_union(&crew->might, &cpus);
	crew->is_unsteady = true;
}

/* Whether the worker's own work changes its mask. */
static bool has_moving_mask(const struct worker_group *group)
{
	return group->work.type == KTSTR_WORK_AFFINITY_CHURN || group->work.type == KTSTR_WORK_CUSTOM;
}

static int check_worker(const struct crew *crew, size_t i, const struct cpuset *want,
			struct ktstr_error *err)
{
	AUTO(buf_done) struct buf have_text = {0};
	AUTO(buf_done) struct buf want_text = {0};
	struct cpuset have = {0};
	pid_t tid = workers_tid(crew->workers, i);

	if (tid == 0)
		return 0;        /* no CPU was given to it so far, so there is nothing to look at */
	static_assert(sizeof(have) % sizeof(long) == 0, "the kernel's unit");
	if (sched_getaffinity(tid, sizeof(have), (cpu_set_t *)&have) < 0)
		return errno == ESRCH ? 0 : error_sys(err, "CPUs of tid %d", tid);
	if (cpuset_equal(&have, want))
		return 0;
	cpuset_format(&have, &have_text);
	cpuset_format(want, &want_text);
	return error_set(err, -EINVAL, "tid %d may run on CPUs %s, not on %s", tid,
			 buf_text(&have_text), buf_text(&want_text));
}

int crew_check_cpus(struct ktstr_play *play, struct crew *crew, struct ktstr_error *err)
{
	struct cpuset place = place_cpus(play, crew->place);
	size_t worker = 0;

	note_cpus(play, crew);
	vec_each (group, &crew->plan.groups) {
		for (unsigned i = 0; i < group->count; i++, worker++) {
			struct cpuset want = worker_cpus(&crew->plan.masks.at[worker], &place);
			int r = has_moving_mask(group) ? 0 : check_worker(crew, worker, &want, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int set_masks(struct crew *crew, bool all, struct ktstr_error *err)
{
	for (size_t i = 0; i < crew->plan.masks.len; i++) {
		const struct cpuset *mask = &crew->plan.masks.at[i];
		int r = 0;

		if (all || cpuset_count(mask))
			r = workers_set_affinity(crew->workers, i, mask, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int crew_set_affinity(struct ktstr_play *play, struct crew *crew,
		      const struct ktstr_affinity *affinity, struct ktstr_error *err)
{
	struct cpuset place = place_cpus(play, crew->place), all = cpus_all(&play->ctx->topology);
	size_t worker = 0;
	int r;

	vec_each (group, &crew->plan.groups) {
		for (unsigned i = 0; i < group->count; i++, worker++) {
			struct cpuset *mask = &crew->plan.masks.at[worker];

			r = affinity_resolve(&play->ctx->topology, affinity, &place, i,
					     ctx_random(play->ctx), mask, err);
			if (r < 0)
				return r;
			if (cpuset_count(mask) == 0)
				*mask = all;        /* it had one: INHERIT takes it away */
		}
	}
	r = set_masks(crew, true, err);
	return r < 0 ? r : crew_check_cpus(play, crew, err);
}

void crew_moved(struct ktstr_play *play, struct crew *crew, struct place *to)
{
	crew->place = to;
	note_cpus(play, crew);
}

/* --- starting --------------------------------------------------------------------------------------- */

static uint64_t crew_seed(const struct ktstr_play *play)
{
	uint64_t state = play->ctx->seed + play->crews_started;

	return splitmix64(&state);
}

/* Threads of one process follow one another, and are moved together. */
static int move_in(struct ktstr_play *play, const struct crew *crew, struct ktstr_error *err)
{
	pid_t moved = 0;

	for (size_t i = 0; i < workers_count(crew->workers); i++) {
		pid_t pid = workers_pid(crew->workers, i);
		int r;

		if (pid == moved)
			continue;
		if (crew->place->is_outside)
			r = cgroups_move_out(&play->cgroups, pid, err);
		else
			r = cgroups_move(&play->cgroups, crew->place->name, pid, err);
		if (r < 0)
			return error_wrap(err, r, "worker %zu", i);
		moved = pid;
	}
	return 0;
}

static size_t living(const struct ktstr_play *play)
{
	size_t count = 0;

	vec_each (crew, &play->crews)
		count += (*crew)->is_stopped ? 0 : workers_count((*crew)->workers);
	return count;
}

/* Words of the workload room name the cgroup, and ours get its name here. */
static int make_ready(struct ktstr_play *play, struct crew *crew, struct ktstr_error *err)
{
	int r = move_in(play, crew, err);

	if (r < 0)
		return error_wrap(err, r, "cgroup %s", crew->place->name);
	workers_settle(crew->workers);
	r = set_masks(crew, false, err);
	if (r < 0)
		return r;
	r = crew_check_cpus(play, crew, err);
	if (r < 0)
		return error_wrap(err, r, "cgroup %s", crew->place->name);
	return workers_schedule(crew->workers, err);
}

int crew_start(struct ktstr_play *play, struct place *place, struct crew_plan *plan,
	       struct crew **ret_crew, struct ktstr_error *err)
{
	AUTO(crew_free) struct crew *crew = NULL;
	struct workers_config config = {
		.groups = plan->groups.at,
		.group_count = plan->groups.len,
		.seed = crew_seed(play),
	};
	int r;

	*ret_crew = NULL;
	if (plan->groups.len == 0)
		return 0;
	if (living(play) + plan->masks.len > WORKERS_MAX)
		return error_set(err, -EINVAL, "cgroup %s: workers: more than %d in all",
				 place->name, WORKERS_MAX);
	crew = xcalloc(1, sizeof(*crew));
	crew->place = place;
	crew->plan = TAKE(*plan, (struct crew_plan){0});
	r = workers_start(&config, &crew->workers, err);        /* its words name the cgroup */
	if (r < 0)
		return r;
	r = make_ready(play, crew, err);
	if (r < 0)
		return r;
	place->next_index += (unsigned)crew->plan.masks.len;
	play->crews_started++;
	*ret_crew = crew;
	crews_push(&play->crews, TAKE_PTR(crew));
	return 0;
}

void crew_release(struct ktstr_play *play, struct crew *crew)
{
	crew->release_ns = clock_ns() - play->start_ns;
	workers_release(crew->workers);
	crew->is_running = true;
}

/* --- stopping --------------------------------------------------------------------------------------- */

void crew_excuse_freeze(struct crew *crew, uint64_t now_ns)
{
	uint64_t since_ns = crew->frozen_since_ns;

	if (since_ns == 0)
		return;
	crew->frozen_ns += now_ns - since_ns;
	crew->frozen_since_ns = 0;
	workers_excuse(crew->workers, since_ns, now_ns);
}

/* Workers are compared with those that could run where they could: of the same mask. */
static unsigned role_of_mask(const struct crew *crew, size_t first, size_t i)
{
	size_t same = first;

	while (!cpuset_equal(&crew->plan.masks.at[same], &crew->plan.masks.at[i]))
		same++;
	return (unsigned)(same - first);
}

static void take_reports(struct ktstr_play *play, struct crew *crew)
{
	size_t worker = 0;

	for (size_t g = 0; g < crew->plan.groups.len; g++) {
		size_t count, first = worker;
		const struct worker_report *reports = workers_reports(crew->workers, g, &count);

		for (size_t i = 0; i < count; i++, worker++) {
			struct worker_report report = reports[i];

			report.start_ns = crew->release_ns;
			report.is_host = crew->place->is_outside;
			report.wall_ns -= crew->frozen_ns < report.wall_ns ? crew->frozen_ns :
									     report.wall_ns;
			report.role += ROLE_MASK_STEP * role_of_mask(crew, first, worker);
			worker_reports_push(&crew->reports, report);
			play->ended.iterations += report.iterations;
			play->ended.cpu_ns += report.sched_run_ns;
			play->ended.wait_ns += report.run_delay_ns;
		}
	}
}

int crews_stop(struct ktstr_play *play, struct place *place, struct ktstr_error *err)
{
	int r = 0;

	vec_each (other, &play->places) {
		if (!place || *other == place)
			r = place_thaw_around(play, *other, err);
		if (r < 0)
			return r;
	}
	vec_each (crew, &play->crews) {
		if ((*crew)->is_running && (!place || (*crew)->place == place))
			workers_observe((*crew)->workers);
	}
	/* one that does not stop in time must not give the others more of it */
	vec_each (crew, &play->crews) {
		if ((*crew)->is_running && (!place || (*crew)->place == place))
			workers_ask_to_stop((*crew)->workers);
	}
	vec_each (crew, &play->crews) {
		if (!(*crew)->is_running || (place && (*crew)->place != place))
			continue;
		workers_stop((*crew)->workers);
		(*crew)->is_running = false;
		(*crew)->is_stopped = true;
		take_reports(play, *crew);
	}
	return 0;
}

struct workers_progress crews_progress(struct ktstr_play *play)
{
	struct workers_progress sum = play->ended;

	vec_each (crew, &play->crews) {
		struct workers_progress part;

		if (!(*crew)->is_running)
			continue;
		part = workers_progress((*crew)->workers);
		sum.iterations += part.iterations;
		sum.cpu_ns += part.cpu_ns;
		sum.wait_ns += part.wait_ns;
	}
	return sum;
}
