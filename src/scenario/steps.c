/* SPDX-License-Identifier: BSD-2-Clause */
/* steps.c - scenarios as data: a backdrop and steps, or just cgroups side by side. */
#include <errno.h>
#include <stdio.h>

#include "scenario/play.h"

/* --- what can be checked before anything starts ------------------------------------------------------ */

static int check_names(const struct ktstr_cgroup *cgroups, size_t count, struct ktstr_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = cgroup_name_check(cgroups[i].name, err);

		if (r < 0)
			return r;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(cgroups[j].name, cgroups[i].name) == 0)
				return error_set(err, -EINVAL, "cgroup %s: name is there twice",
						 cgroups[i].name);
		}
	}
	return 0;
}

static int wrap_step(const struct ktstr_step *step, size_t i, int code, struct ktstr_error *err)
{
	if (step->name && *step->name)
		return error_wrap(err, code, "step %zu (%s)", i + 1, step->name);
	return error_wrap(err, code, "step %zu", i + 1);
}

static int check_scenario(const struct ktstr_scenario *scenario, struct ktstr_error *err)
{
	int r = check_names(scenario->cgroups, scenario->cgroup_count, err);

	for (size_t i = 0; i < scenario->step_count && r == 0; i++) {
		const struct ktstr_step *step = &scenario->steps[i];

		r = check_names(step->cgroups, step->cgroup_count, err);
		if (r == 0)
			r = hold_check(&step->hold, err);
		if (r < 0)
			return wrap_step(step, i, r, err);
	}
	return r;
}

/* --- playing ------------------------------------------------------------------------------------------ */

static int add_cgroups(struct ktstr_play *play, const struct ktstr_cgroup *cgroups, size_t count,
		       struct ktstr_error *err)
{
	int r = phase_close(play, err);

	if (r == 0 && count)
		r = play_add_cgroups(play, cgroups, count, err);
	if (r < 0)
		return play_wrap_step(play, r, err);
	play->step.op_count += (uint32_t)count;
	play->step.op_kinds |= count ? 1u << KTSTR_OP_ADD_CGROUP : 0;
	return 0;
}

static int apply_ops(struct ktstr_play *play, const struct ktstr_op *ops, size_t count,
		     struct ktstr_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = ktstr_play_op(play, &ops[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The last one first; one that the step removed by itself is gone. */
static int remove_cgroups(struct ktstr_play *play, const struct ktstr_cgroup *cgroups, size_t count,
			  struct ktstr_error *err)
{
	int r = phase_close(play, err);

	for (size_t i = count; i > 0 && r == 0; i--) {
		if (place_find(play, cgroups[i - 1].name))
			r = play_remove_cgroup(play, cgroups[i - 1].name, err);
		if (r < 0)
			r = error_wrap(err, r, "cgroup %s", cgroups[i - 1].name);
	}
	return r < 0 ? play_wrap_step(play, r, err) : 0;
}

/* Returns as ktstr_play_hold() does. */
static int loop(struct ktstr_play *play, const struct ktstr_step *step, uint64_t total_ns,
		struct ktstr_error *err)
{
	struct deadline end = deadline_in(total_ns);

	for (;;) {
		uint64_t left_ns = deadline_left_ns(end);
		uint64_t part_ns = left_ns < step->hold.ns ? left_ns : step->hold.ns;
		int r = ktstr_play_hold(play, part_ns, err);

		if (r <= 0 || deadline_passed(end))
			return r;
		r = apply_ops(play, step->ops, step->op_count, err);
		if (r < 0)
			return r;
	}
}

static int hold_step(struct ktstr_play *play, const struct ktstr_step *step,
		     struct ktstr_error *err)
{
	uint64_t ns = hold_ns(&step->hold, ktstr_ctx_duration_ns(play->ctx));
	int r;

	if (step->hold.kind != KTSTR_HOLD_LOOP)
		return ktstr_play_hold(play, ns, err);
	play->is_looping = true;
	r = loop(play, step, ns, err);
	play->is_looping = false;
	return r;
}

/* Returns as ktstr_play_hold() does. */
static int play_step(struct ktstr_play *play, const struct ktstr_step *step,
		     struct ktstr_error *err)
{
	int r, go_on;

	ktstr_play_step(play, step->name);
	r = apply_ops(play, step->ops, step->op_count, err);
	if (r == 0)
		r = add_cgroups(play, step->cgroups, step->cgroup_count, err);
	if (r < 0)
		return r;
	go_on = hold_step(play, step, err);
	if (go_on < 0)
		return go_on;
	play_end_step(play);
	r = remove_cgroups(play, step->cgroups, step->cgroup_count, err);
	return r < 0 ? r : go_on;
}

/* A death during a hold was found there; one between is found here. */
static int play_steps(struct ktstr_play *play, const struct ktstr_scenario *scenario,
		      struct ktstr_error *err)
{
	for (size_t i = 0; i < scenario->step_count; i++) {
		int r = play_step(play, &scenario->steps[i], err);

		if (r > 0 && !play_scheduler_lives(play))
			play_scheduler_died(play, (unsigned)i + 1, (unsigned)scenario->step_count);
		if (r < 0 || play->scheduler_died)
			return r < 0 ? r : 0;
	}
	return 0;
}

EXPORT int ktstr_run_scenario(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
			      struct ktstr_error *err, const struct ktstr_scenario *scenario)
{
	AUTO(ktstr_play_free) struct ktstr_play *play = NULL;
	int r = check_scenario(scenario, err);

	if (r == 0)
		r = play_begin(ctx, verdict, scenario->no_cpu_controller, &play, err);
	if (r < 0 || play->scheduler_died)
		return r;
	r = add_cgroups(play, scenario->cgroups, scenario->cgroup_count, err);
	if (r == 0)
		r = apply_ops(play, scenario->ops, scenario->op_count, err);
	if (r == 0 && scenario->step_count == 0)
		r = ktstr_play_hold(play, ktstr_ctx_duration_ns(ctx), err);
	if (r >= 0)
		r = play_steps(play, scenario, err);
	return r < 0 ? r : ktstr_play_end(play, err);
}

EXPORT int ktstr_run_cgroup_list(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
				 struct ktstr_error *err, const struct ktstr_cgroup *cgroups,
				 size_t cgroup_count)
{
	if (cgroup_count == 0)
		return error_set(err, -EINVAL, "cgroups: there are none to run");
	return ktstr_run_scenario(ctx, verdict, err,
				  &(const struct ktstr_scenario){.cgroups = cgroups,
								 .cgroup_count = cgroup_count});
}
