/* SPDX-License-Identifier: BSD-2-Clause */
/* play.c - a play from its beginning to its end, and what a body may see of it. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "scenario/play.h"

/*
 * While a play is open, its engine outranks every scheduler that may be under test, so that one
 * that runs nothing cannot keep us from ending a hold in time, and neither can workers that are
 * real-time tasks; workers start as ordinary ones.
 * Whoever may not do that (a host_only test without privileges) goes on as it is.
 */
static bool outrank_schedulers(void)
{
	const struct sched_param highest = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};

	return sched_getscheduler(0) == SCHED_OTHER &&
	       sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &highest) == 0;
}

static void rank_as_before(bool outranked)
{
	const struct sched_param none = {.sched_priority = 0};

	if (outranked)
		(void)sched_setscheduler(0, SCHED_OTHER, &none);        /* lowering is always allowed */
}

/* --- beginning and ending ------------------------------------------------------------------------- */

static int watch_scheduler(struct ktstr_play *play, struct ktstr_error *err)
{
	pid_t pid = play->ctx->scheduler_pid;

	if (pid == 0)
		return 0;
	play->scheduler_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (play->scheduler_fd >= 0)
		return 0;
	if (errno != ESRCH)
		return error_sys(err, "scheduler: pidfd_open %d", pid);
	play_scheduler_died(play, 0, 0);
	return 0;
}

EXPORT void ktstr_play_free(struct ktstr_play *play)
{
	if (!play)
		return;
	/* workers before the cgroups that they are in */
	while (play->crews.len)
		crew_forget(play, play->crews.at[play->crews.len - 1]);
	cgroups_done(&play->cgroups);
	while (play->places.len)
		place_forget(play, play->places.at[play->places.len - 1]);
	places_done(&play->places);
	crews_done(&play->crews);
	fd_close(play->scheduler_fd);
	rank_as_before(play->outranked);
	if (play->ctx->play == play)
		play->ctx->play = NULL;
	free(play);
}

int play_begin(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, bool no_cpu_controller,
	       struct ktstr_play **ret_play, struct ktstr_error *err)
{
	AUTO(ktstr_play_free) struct ktstr_play *play = NULL;
	int r;

	if (ctx->play)
		return error_set(err, -EBUSY,
				 "there is a play already: end it, or ktstr_play_free() it, first");
	play = xcalloc(1, sizeof(*play));
	play->ctx = ctx;
	play->verdict = verdict;
	play->start_ns = clock_ns();
	play->scheduler_fd = -1;
	play->pages_migrated = vmstat_read("numa_pages_migrated");
	r = watch_scheduler(play, err);
	if (r < 0)
		return r;
	play->outranked = outrank_schedulers();
	play->cgroups.act = ctx->cgroup_act;
	play->cgroups.no_cpu = no_cpu_controller;
	r = cgroups_open(&play->cgroups, ctx->cgroup_root, err);
	if (r < 0)
		return r;
	ctx->play = play;
	*ret_play = TAKE_PTR(play);
	return 0;
}

EXPORT int ktstr_play_begin(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
			    struct ktstr_play **ret_play, struct ktstr_error *err)
{
	return play_begin(ctx, verdict, false, ret_play, err);
}

/* No phase is open while somebody looks: what looking costs is not what idle CPUs are judged by. */
static void let_look(struct ktstr_play *play, bool end)
{
	const struct step_state *step = &play->step;
	AUTO(buf_done) struct buf label = {0};
	struct ktstr_error err = {0};

	if (!play->ctx->on_step)
		return;
	if (phase_close(play, &err) < 0)
		ktstr_verdict_note(play->verdict, "idle CPUs are not known: %s", err.msg);
	if (step->number == 0)
		buf_str(&label, "backdrop");
	else
		buf_printf(&label, "step %u", step->number);
	if (*step->name)
		buf_printf(&label, " (%s)", step->name);
	buf_str(&label, end ? ": end" : ": start");
	play->ctx->on_step(play->ctx->on_step_arg, buf_text(&label));
}

/* A backdrop in which nothing was done is not worth telling. */
static void tell_start(struct ktstr_play *play)
{
	struct step_state *step = &play->step;

	if (step->is_told)
		return;
	play_tell(play, false);
	step->is_told = true;
	let_look(play, false);
}

void play_end_step(struct ktstr_play *play)
{
	struct step_state *step = &play->step;

	if (step->is_over || (step->number == 0 && step->op_count == 0 && !step->is_told))
		return;
	tell_start(play);
	play_tell(play, true);
	step->is_over = true;
	let_look(play, true);
}

/* What was found stands, so what cannot be removed is only worth a note. */
static void clean_up(struct ktstr_play *play, uint64_t load_end_ns)
{
	struct deadline deadline = deadline_in(CGROUPS_REMOVE_TIMEOUT_NS);
	struct ktstr_checks checks = play_checks(play);
	struct ktstr_error err = {0};

	if (cgroups_remove(&play->cgroups, deadline, &err) < 0)
		ktstr_verdict_note(play->verdict, "clean-up: %s", err.msg);
	verdict_judge_cleanup(play->verdict, &checks, clock_ns() - load_end_ns);
}

EXPORT int ktstr_play_end(struct ktstr_play *play, struct ktstr_error *err)
{
	uint64_t load_end_ns;
	int r;

	if (play->has_ended)
		return error_set(err, -EINVAL, "the play has ended before");
	play->has_ended = true;
	r = phase_close(play, err);
	if (r < 0)
		return r;
	if (play->ctx->on_load_end)
		play->ctx->on_load_end(play->ctx->on_load_end_arg);
	play_end_step(play);
	if (play->step.number)
		play->step = play->backdrop;
	play_end_step(play);
	load_end_ns = clock_ns();
	r = crews_stop(play, NULL, err);
	if (r < 0)
		return r;
	vec_each (place, &play->places)
		place_judge(play, *place);
	play_judge_machine(play);
	clean_up(play, load_end_ns);
	return 0;
}

/* --- time passes ------------------------------------------------------------------------------------ */

bool play_scheduler_lives(struct ktstr_play *play)
{
	struct pollfd ended = {.fd = play->scheduler_fd, .events = POLLIN};

	return !play->scheduler_died && poll(&ended, 1, 0) != 1;
}

static struct pollfd *wait_list(const struct ktstr_play *play, size_t *ret_count)
{
	struct pollfd *list = xcalloc(play->crews.len + 1, sizeof(*list));
	size_t count = 0;

	list[count++] = (struct pollfd){.fd = play->scheduler_fd, .events = POLLIN};
	vec_each (crew, &play->crews) {
		if ((*crew)->is_running)
			list[count++] = (struct pollfd){.fd = workers_fd((*crew)->workers),
							.events = POLLIN};
	}
	*ret_count = count;
	return list;
}

/* Workers that end by themselves are noticed at once, so that their reports have the right time. */
static void wait_until(struct ktstr_play *play, struct deadline deadline)
{
	size_t count;
	AUTO(free) struct pollfd *list = wait_list(play, &count);

	while (!deadline_passed(deadline)) {
		uint64_t left_ns = deadline_left_ns(deadline);
		const struct timespec left = {
			.tv_sec = (time_t)(left_ns / NS_PER_S),
			.tv_nsec = (long)(left_ns % NS_PER_S),
		};

		if (ppoll(list, count, &left, NULL) <= 0)
			continue;
		if (list[0].revents) {
			play_scheduler_died(play, 0, 0);
			return;
		}
		vec_each (crew, &play->crews) {
			if ((*crew)->is_running)
				(void)workers_alive((*crew)->workers);        /* it looks */
		}
	}
}

EXPORT int ktstr_play_hold(struct ktstr_play *play, uint64_t ns, struct ktstr_error *err)
{
	int r;

	if (play->has_ended)
		return error_set(err, -EINVAL, "the play has ended");
	if (ns > WORK_DURATION_MAX_NS)
		return error_set(err, -EINVAL, "a hold of %llu ns: at most %llu",
				 (unsigned long long)ns, (unsigned long long)WORK_DURATION_MAX_NS);
	if (play->scheduler_died)
		return 0;
	tell_start(play);
	r = phase_open(play, err);
	if (r < 0)
		return r;
	wait_until(play, deadline_in(ns));
	return play->scheduler_died ? 0 : 1;
}

EXPORT void ktstr_play_step(struct ktstr_play *play, const char *name)
{
	if (play->step.number == 0) {
		if (play->step.op_count)
			tell_start(play);
		play->backdrop = play->step;
	} else {
		play_end_step(play);
	}
	play->step = (struct step_state){.number = play->step.number + 1};
	snprintf(play->step.name, sizeof(play->step.name), "%s", name ?: "");
}

/* --- looking inside ----------------------------------------------------------------------------------- */

EXPORT char *ktstr_play_read(struct ktstr_play *play, const char *cgroup, const char *file,
			     struct ktstr_error *err)
{
	AUTO(buf_done) struct buf text = {0};
	struct place *place;
	int r;

	if (!file || strchr(file, '/')) {
		(void)error_set(err, -EINVAL, "read %s: is no name of a cgroup's file", file ?: "(none)");
		return NULL;
	}
	r = place_get(play, cgroup, false, &place, err);
	if (r == 0)
		r = cgroups_read(&play->cgroups, cgroup, file, &text, err);
	if (r < 0) {
		(void)error_wrap(err, r, "read %s of cgroup %s", file, cgroup ?: "(none)");
		return NULL;
	}
	return text.data ? buf_take(&text) : xstrdup("");
}

char *play_cgroup_file(struct ktstr_play *play, const char *cgroup, const char *file,
		       struct ktstr_error *err)
{
	struct place *place;

	if (place_get(play, cgroup, false, &place, err) < 0)
		return NULL;
	return xasprintf("%s/%s", place->dir, file);
}

EXPORT size_t ktstr_play_tids(const struct ktstr_play *play, const char *cgroup, pid_t *tids,
			      size_t max)
{
	size_t count = 0;

	vec_each (crew, &play->crews) {
		if (!(*crew)->is_running || strcmp((*crew)->place->name, cgroup) != 0)
			continue;
		for (size_t i = 0; i < workers_count((*crew)->workers); i++, count++) {
			if (count < max)
				tids[count] = workers_tid((*crew)->workers, i);
		}
	}
	return count;
}
