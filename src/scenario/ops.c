/* SPDX-License-Identifier: BSD-2-Clause */
/* ops.c - the operations of a play. */
#include <errno.h>
#include <stdio.h>

#include "scenario/play.h"

/* --- adding ------------------------------------------------------------------------------------------- */

/* A cgroup on its way into the play. */
struct addition {
	struct place *place;
	bool was_implicit;
	struct cpuset cpus;
	struct crew_plan plan;
	struct crew *crew;
};
static void addition_done(struct addition *addition)
{
	crew_plan_done(&addition->plan);
}
DEFINE_VEC(additions, struct addition, addition_done)

/* Checks and resolves everything; the kernel is told nothing. */
static int plan_addition(struct ktstr_play *play, const struct ktstr_cgroup *cgroup,
			 struct additions *additions, struct ktstr_error *err)
{
	struct addition *addition = additions_push(additions, (struct addition){0});
	struct limit_write writes[LIMIT_WRITES_MAX];
	struct place *before = cgroup->name ? place_find(play, cgroup->name) : NULL;
	struct crew_place at;
	int r;

	addition->was_implicit = before && before->is_implicit;
	r = place_declare(play, cgroup->name, &addition->place, err);
	if (r < 0)
		return r;        /* its words name the cgroup */
	r = cpus_resolve(&play->ctx->topology, &cgroup->cpus, &addition->cpus, err);
	if (r == 0)
		r = limits_writes(&cgroup->limits, writes, err);
	if (r < 0)
		return error_wrap(err, r, "cgroup %s", cgroup->name);
	addition->place->asked = addition->cpus;
	at = crew_place_of(play, addition->place);
	r = plan_cgroup(play->ctx, &at, cgroup, &addition->plan, err);
	/* those of one list are planned before the first is started: they have roles of their own */
	play->next_role += ROLES_PER_GROUP * (unsigned)addition->plan.groups.len;
	return r;
}

/* A cgroup with workers cannot have one in it that is declared later in the same list. */
static int check_nesting(struct ktstr_play *play, const struct additions *additions,
			 struct ktstr_error *err)
{
	vec_each (addition, additions) {
		int r = 0;

		if (addition->plan.groups.len)
			r = place_takes_workers(play, addition->place, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_total(const struct additions *additions, struct ktstr_error *err)
{
	size_t total = 0;

	vec_each (addition, additions) {
		total += addition->plan.masks.len;
		if (total > WORKERS_MAX)
			return error_set(err, -EINVAL, "cgroup %s: workers: more than %d in all",
					 addition->place->name, WORKERS_MAX);
	}
	return 0;
}

static int make_addition(struct ktstr_play *play, struct addition *addition,
			 const struct ktstr_cgroup *cgroup, struct ktstr_error *err)
{
	int r = place_make(play, addition->place, err);        /* its words name the cgroup */

	if (r < 0)
		return r;
	if (cpuset_count(&addition->cpus))
		r = place_set_cpus(play, addition->place, &addition->cpus, err);
	if (r == 0)
		r = place_set_limits(play, addition->place, &cgroup->limits, err);
	if (r < 0)
		return error_wrap(err, r, "cgroup %s", cgroup->name);
	return crew_start(play, addition->place, &addition->plan, &addition->crew, err);
}

/* As if it had never been; what cannot be removed now is tried again at the end of the play. */
static void undo(struct ktstr_play *play, struct addition *addition)
{
	if (addition->crew)
		crew_forget(play, addition->crew);
	if (!addition->place)
		return;
	addition->place->is_implicit = addition->was_implicit;
	addition->place->asked = (struct cpuset){0};
	if (!addition->was_implicit)
		(void)place_remove(play, addition->place, NULL);
}

int play_add_cgroups(struct ktstr_play *play, const struct ktstr_cgroup *cgroups, size_t count,
		     struct ktstr_error *err)
{
	AUTO(additions_done) struct additions additions = {0};
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = plan_addition(play, &cgroups[i], &additions, err);
	if (r == 0)
		r = check_nesting(play, &additions, err);
	if (r == 0)
		r = check_total(&additions, err);
	for (size_t i = 0; i < count && r == 0; i++)
		r = make_addition(play, &additions.at[i], &cgroups[i], err);
	for (size_t i = additions.len; i > 0 && r < 0; i--)
		undo(play, &additions.at[i - 1]);
	if (r < 0)
		return r;
	vec_each (addition, &additions) {
		if (addition->crew)
			crew_release(play, addition->crew);
	}
	return 0;
}

static int spawn(struct ktstr_play *play, struct place *place, const struct ktstr_workers *workers,
		 struct ktstr_error *err)
{
	AUTO(crew_plan_done) struct crew_plan plan = {0};
	struct crew_place at = crew_place_of(play, place);
	struct crew *crew;
	int r = place_takes_workers(play, place, err);

	if (r == 0)
		r = plan_workers(play->ctx, &at, workers, &plan, err);
	if (r < 0)
		return r;
	play->next_role += ROLES_PER_GROUP * (unsigned)plan.groups.len;
	r = crew_start(play, place, &plan, &crew, err);
	if (r == 0)
		crew_release(play, crew);
	return r;
}

static int op_spawn(struct ktstr_play *play, const struct ktstr_op *op, struct ktstr_error *err)
{
	struct place *place;
	int r = place_get(play, op->name, false, &place, err);

	if (r < 0)
		return error_wrap(err, r, "cgroup %s", op->name ?: "(none)");
	return spawn(play, place, &op->workers, err);
}

static int op_spawn_host(struct ktstr_play *play, const struct ktstr_op *op,
			 struct ktstr_error *err)
{
	struct ktstr_error why = {0};
	struct place *place = place_outside(play, op->name, &why);
	int r;

	if (!place)
		return error_set(err, why.code, "%s", why.msg);
	r = spawn(play, place, &op->workers, err);
	if (r < 0 && !crew_is_there(play, place) && place->next_index == 0)
		place_forget(play, place);
	return r;
}

/* --- removing ------------------------------------------------------------------------------------------ */

static int remove_cgroup(struct ktstr_play *play, struct place *place, struct ktstr_error *err)
{
	int r;

	vec_each (other, &play->places) {
		if (*other != place && place_is_inside(*other, place))
			return error_set(err, -EBUSY, "cgroup %s is in it: remove that one first",
					 (*other)->name);
	}
	r = crews_stop(play, place, err);
	if (r < 0)
		return r;
	place_judge(play, place);
	return place_remove(play, place, err);
}

int play_remove_cgroup(struct ktstr_play *play, const char *name, struct ktstr_error *err)
{
	struct place *place;
	int r = place_get(play, name, false, &place, err);

	return r < 0 ? r : remove_cgroup(play, place, err);
}

/* --- changing ------------------------------------------------------------------------------------------ */

static int op_set_cpuset(struct ktstr_play *play, struct place *place, const struct ktstr_op *op,
			 struct ktstr_error *err)
{
	struct cpuset cpus;
	int r = cpus_resolve(&play->ctx->topology, &op->cpus, &cpus, err);

	if (r == 0 && cpuset_count(&cpus) == 0)
		return error_set(err, -EINVAL, "no CPUs were given; clear_cpuset takes a cpuset away");
	return r < 0 ? r : place_set_cpus(play, place, &cpus, err);
}

static int op_swap(struct ktstr_play *play, struct place *a, struct place *b,
		   struct ktstr_error *err)
{
	const struct cpuset cpus_a = a->asked, cpus_b = b->asked;
	int r = place_set_cpus(play, a, &cpus_b, err);

	return r < 0 ? r : place_set_cpus(play, b, &cpus_a, err);
}

static int op_set_affinity(struct ktstr_play *play, const struct place *place,
			   const struct ktstr_op *op, struct ktstr_error *err)
{
	vec_each (crew, &play->crews) {
		int r = 0;

		if ((*crew)->is_running && (*crew)->place == place)
			r = crew_set_affinity(play, *crew, &op->affinity, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_movable(struct ktstr_play *play, const struct place *from,
			 const struct place *to, struct ktstr_error *err)
{
	if (from == to)
		return error_set(err, -EINVAL, "from a cgroup to itself");
	vec_each (other, &play->places) {
		if ((*other)->is_frozen && place_is_inside(from, *other))
			return error_set(err, -EBUSY, "%s is frozen", (*other)->name);
	}
	return place_takes_workers(play, to, err);
}

static int op_move_all(struct ktstr_play *play, struct place *from, struct place *to,
		       struct ktstr_error *err)
{
	int r = check_movable(play, from, to, err);

	if (r == 0)
		r = cgroups_move_all(&play->cgroups, from->name, to->name,
				     deadline_in(CGROUPS_WAIT_TIMEOUT_NS), err);
	if (r < 0)
		return r;
	vec_each (crew, &play->crews) {
		if ((*crew)->place != from || !(*crew)->is_running)
			continue;
		crew_moved(play, *crew, to);
		r = crew_check_cpus(play, *crew, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- one operation --------------------------------------------------------------------------------------- */

static int apply_to_pair(struct ktstr_play *play, const struct ktstr_op *op, struct place *place,
			 struct ktstr_error *err)
{
	struct place *other;
	int r = place_get(play, op->other, false, &other, err);

	if (r < 0)
		return error_wrap(err, r, "%s", op->other ?: "(none)");
	if (op->kind == KTSTR_OP_SWAP_CPUSETS)
		return op_swap(play, place, other, err);
	return op_move_all(play, place, other, err);
}

/* Operations on a cgroup that is there. */
static int apply_to_place(struct ktstr_play *play, const struct ktstr_op *op,
			  struct ktstr_error *err)
{
	const struct cpuset none = {0};
	bool outside_too = op->kind == KTSTR_OP_SET_AFFINITY || op->kind == KTSTR_OP_STOP_CGROUP;
	struct place *place;
	int r = place_get(play, op->name, outside_too, &place, err);

	if (r < 0)
		return r;
	switch ((int)op->kind) {
	case KTSTR_OP_REMOVE_CGROUP:
		return remove_cgroup(play, place, err);
	case KTSTR_OP_SET_CPUSET:
		return op_set_cpuset(play, place, op, err);
	case KTSTR_OP_CLEAR_CPUSET:
		return place_set_cpus(play, place, &none, err);
	case KTSTR_OP_SWAP_CPUSETS:
	case KTSTR_OP_MOVE_ALL_TASKS:
		return apply_to_pair(play, op, place, err);
	case KTSTR_OP_STOP_CGROUP:
		return crews_stop(play, place, err);
	case KTSTR_OP_SET_AFFINITY:
		return op_set_affinity(play, place, op, err);
	case KTSTR_OP_FREEZE:
		return place_freeze(play, place, true, err);
	case KTSTR_OP_UNFREEZE:
		return place_freeze(play, place, false, err);
	default:
		return place_set_limits(play, place, &op->limits, err);
	}
}

/* `name` is the cgroup, NULL for the body's own; `args` go behind the payload's own. */
static int op_run_payload(struct ktstr_play *play, const struct ktstr_op *op, struct ktstr_error *err)
{
	struct ktstr_payload_handle *handle;

	if (!op->payload)
		return error_set(err, -EINVAL, "no payload was given");
	return ktstr_payload_spawn(play->ctx,
				   &(const struct ktstr_payload_config){.payload = op->payload,
									.args = op->args,
									.cgroup = op->name,
									.play = op->name ? play : NULL},
				   &handle, err);
}

/* All that run of this payload. Its handle is the context's. */
static int op_end_payload(struct ktstr_play *play, const struct ktstr_op *op, struct ktstr_error *err)
{
	struct ktstr_payload_handle *handle;
	int r = -ENOENT;

	if (!op->payload)
		return error_set(err, -EINVAL, "no payload was given");
	while ((handle = ctx_find_payload(play->ctx, op->payload))) {
		r = op->kind == KTSTR_OP_KILL_PAYLOAD ?
			    ktstr_payload_kill(handle, play->verdict, err, NULL) :
			    ktstr_payload_wait(handle, play->verdict, err, NULL);
		ktstr_payload_free(handle);
		if (r < 0)
			return r;
	}
	return r < 0 ? error_set(err, r, "payload %s does not run", op->payload->name) : 0;
}

static int apply(struct ktstr_play *play, const struct ktstr_op *op, struct ktstr_error *err)
{
	int r;

	switch (op->kind) {
	case KTSTR_OP_ADD_CGROUP:
		if (!op->cgroup)
			return error_set(err, -EINVAL, "no cgroup was given");
		return play_add_cgroups(play, op->cgroup, 1, err);
	case KTSTR_OP_SPAWN:
		return op_spawn(play, op, err);
	case KTSTR_OP_SPAWN_HOST:
		return op_spawn_host(play, op, err);
	case KTSTR_OP_CALL:
		if (!op->call)
			return error_set(err, -EINVAL, "no function was given");
		r = op->call(play, op->arg, err);
		return r < 0 ? r : 0;
	case KTSTR_OP_REMOVE_CGROUP:
	case KTSTR_OP_SET_CPUSET:
	case KTSTR_OP_CLEAR_CPUSET:
	case KTSTR_OP_SWAP_CPUSETS:
	case KTSTR_OP_STOP_CGROUP:
	case KTSTR_OP_SET_AFFINITY:
	case KTSTR_OP_MOVE_ALL_TASKS:
	case KTSTR_OP_FREEZE:
	case KTSTR_OP_UNFREEZE:
	case KTSTR_OP_SET_LIMITS:
		return apply_to_place(play, op, err);
	case KTSTR_OP_RUN_PAYLOAD:
		return op_run_payload(play, op, err);
	case KTSTR_OP_WAIT_PAYLOAD:
	case KTSTR_OP_KILL_PAYLOAD:
		return op_end_payload(play, op, err);
	case KTSTR_OP_NONE:
	case KTSTR_OP_KIND_COUNT:
		break;
	}
	return error_set(err, -EINVAL, "there is no operation %d", (int)op->kind);
}

int play_wrap_step(const struct ktstr_play *play, int code, struct ktstr_error *err)
{
	const struct step_state *step = &play->step;

	if (step->number == 0)
		return code;
	if (step->name[0])
		return error_wrap(err, code, "step %u (%s)", step->number, step->name);
	return error_wrap(err, code, "step %u", step->number);
}

/* Words about new workers name their cgroup themselves. */
static int wrap_op(const struct ktstr_play *play, const struct ktstr_op *op, int code,
		   struct ktstr_error *err)
{
	const char *word = op_kind_name(op->kind) ?: "operation";

	if (op->name && op->kind != KTSTR_OP_SPAWN && op->kind != KTSTR_OP_SPAWN_HOST)
		code = error_wrap(err, code, "%s %s", word, op->name);
	else
		code = error_wrap(err, code, "%s", word);
	return play_wrap_step(play, code, err);
}

EXPORT int ktstr_play_op(struct ktstr_play *play, const struct ktstr_op *op,
			 struct ktstr_error *err)
{
	int r = 0;

	if (play->has_ended)
		return error_set(err, -EINVAL, "the play has ended");
	if (!play->is_looping)
		r = phase_close(play, err);
	if (r == 0)
		r = apply(play, op, err);
	if (r < 0)
		return wrap_op(play, op, r, err);
	play->step.op_count++;
	play->step.op_kinds |= 1u << op->kind;
	return 0;
}
