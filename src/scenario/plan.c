/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/plan.h"

#include <errno.h>

#define PCT_MAX 100000u              /* a thousand workers a CPU */

void crew_plan_done(struct crew_plan *plan)
{
	worker_groups_done(&plan->groups);
	cpusets_done(&plan->masks);
}

/* --- how many of what --------------------------------------------------------------------------- */

/* One kind of workers. `flexible`: no number was asked for, so whole groups are made of it. */
struct kind {
	struct ktstr_workers workers;
	bool flexible;
};

static unsigned in_whole_groups(unsigned count, unsigned group_size)
{
	return (count + group_size - 1) / group_size * group_size;
}

/* `ktstr run --work-type`. */
static void put_override(const struct ktstr_ctx *ctx, struct kind *kind)
{
	const struct ktstr_work work = {.type = ctx->override.work};

	if (!ctx->override.has_work || !kind->workers.swappable)
		return;
	if (kind->flexible || kind->workers.count % work_group_size(&work) == 0)
		kind->workers.work = work;
}

static struct kind kind_of(const struct ktstr_ctx *ctx, const struct ktstr_workers *workers)
{
	struct kind kind = {.workers = *workers, .flexible = workers->count == 0};

	if (kind.flexible)
		kind.workers.count = ktstr_ctx_workers_per_cgroup(ctx);
	return kind;
}

/* The fields of a cgroup that are its first kind of workers. */
static int first_kind(const struct ktstr_ctx *ctx, const struct ktstr_cgroup *cgroup, unsigned cpus,
		      struct kind *ret_kind, struct ktstr_error *err)
{
	*ret_kind = kind_of(ctx, &(struct ktstr_workers){.count = cgroup->workers,
							 .work = cgroup->work,
							 .policy = cgroup->policy,
							 .affinity = cgroup->affinity,
							 .mempolicy = cgroup->mempolicy,
							 .nice = cgroup->nice,
							 .threads = cgroup->threads,
							 .swappable = cgroup->swappable});
	if (cgroup->workers_pct == 0)
		return 0;
	if (cgroup->workers)
		return error_set(err, -EINVAL, "workers and workers_pct: only one of them");
	if (cgroup->workers_pct > PCT_MAX)
		return error_set(err, -EINVAL, "workers_pct must be 1..%u, not %u", PCT_MAX,
				 cgroup->workers_pct);
	ret_kind->workers.count = (cpus * cgroup->workers_pct + 99) / 100;
	return 0;
}

/* --- one kind ------------------------------------------------------------------------------------ */

static int resolve_masks(struct ktstr_ctx *ctx, const struct crew_place *place,
			 const struct ktstr_workers *workers, struct crew_plan *plan,
			 struct ktstr_error *err)
{
	for (unsigned i = 0; i < workers->count; i++) {
		struct cpuset mask;
		int r = affinity_resolve(&ctx->topology, &workers->affinity, &place->cpus, i,
					 ctx_random(ctx), &mask, err);

		if (r < 0)
			return r;
		cpusets_push(&plan->masks, mask);
	}
	return 0;
}

/* Where the pages of a group should be; empty: anywhere. */
static struct cpuset expected_nodes(const struct ktstr_ctx *ctx, const struct crew_place *place,
				    const struct worker_group *group)
{
	if (group->mempolicy.flags & KTSTR_MEM_RELATIVE_NODES)
		return (struct cpuset){0};
	if (cpuset_count(&group->mempolicy.nodes))
		return group->mempolicy.nodes;
	return place->confined ? nodes_of_cpus(&ctx->topology, &place->cpus) : (struct cpuset){0};
}

static unsigned planned(const struct crew_plan *plan)
{
	unsigned count = 0;

	vec_each (group, &plan->groups)
		count += group->count;
	return count;
}

static int add_kind(struct ktstr_ctx *ctx, const struct crew_place *place, struct kind *kind,
		    struct crew_plan *plan, struct ktstr_error *err)
{
	struct ktstr_workers *workers = &kind->workers;
	struct worker_group group;
	int r;

	put_override(ctx, kind);
	if (kind->flexible)
		workers->count = in_whole_groups(workers->count, work_group_size(&workers->work));
	group = (struct worker_group){
		.cgroup = place->name,
		.first_index = place->first_index + planned(plan),
		.role = place->first_role + ROLES_PER_GROUP * (unsigned)plan->groups.len,
		.count = workers->count,
		.work = workers->work,
		.policy = workers->policy,
		.mempolicy = {.kind = workers->mempolicy.kind, .flags = workers->mempolicy.flags},
		.nice = workers->nice,
		.threads = workers->threads,
		.cgroup_dir = place->dir,
	};
	r = mempolicy_resolve(&ctx->topology, &workers->mempolicy, &place->cpus,
			      &group.mempolicy.nodes, err);
	if (r < 0)
		return error_wrap(err, r, "cgroup %s", place->name);
	r = worker_group_check(&group, err);        /* its words name the cgroup */
	if (r < 0)
		return r;
	r = resolve_masks(ctx, place, workers, plan, err);
	if (r < 0)
		return error_wrap(err, r, "cgroup %s", place->name);
	worker_groups_push(&plan->groups, group);
	return 0;
}

static void find_nodes(const struct ktstr_ctx *ctx, const struct crew_place *place,
		       struct crew_plan *plan)
{
	vec_each (group, &plan->groups) {
		struct cpuset nodes = expected_nodes(ctx, place, group);

		if (cpuset_count(&nodes) == 0) {
			plan->nodes = nodes;
			return;
		}
		cpuset_union(&plan->nodes, &nodes);
	}
}

int plan_workers(struct ktstr_ctx *ctx, const struct crew_place *place,
		 const struct ktstr_workers *workers, struct crew_plan *ret_plan,
		 struct ktstr_error *err)
{
	AUTO(crew_plan_done) struct crew_plan plan = {0};
	struct kind kind = kind_of(ctx, workers);
	int r = add_kind(ctx, place, &kind, &plan, err);

	if (r < 0)
		return r;
	find_nodes(ctx, place, &plan);
	*ret_plan = TAKE(plan, (struct crew_plan){0});
	return 0;
}

int plan_cgroup(struct ktstr_ctx *ctx, const struct crew_place *place,
		const struct ktstr_cgroup *cgroup, struct crew_plan *ret_plan,
		struct ktstr_error *err)
{
	AUTO(crew_plan_done) struct crew_plan plan = {0};
	struct kind kind = {0};
	int r = 0;

	if (cgroup->empty && (cgroup->workers || cgroup->workers_pct || cgroup->more_count))
		return error_set(err, -EINVAL, "cgroup %s: has workers, and is to be empty",
				 place->name);
	if (!cgroup->empty) {
		r = first_kind(ctx, cgroup, cpuset_count(&place->cpus), &kind, err);
		if (r < 0)
			return error_wrap(err, r, "cgroup %s", place->name);
		r = add_kind(ctx, place, &kind, &plan, err);
	}
	for (size_t i = 0; i < cgroup->more_count && r == 0; i++) {
		kind = kind_of(ctx, &cgroup->more[i]);
		r = add_kind(ctx, place, &kind, &plan, err);
	}
	if (r < 0)
		return r;
	find_nodes(ctx, place, &plan);
	*ret_plan = TAKE(plan, (struct crew_plan){0});
	return 0;
}

/* --- names and holds ------------------------------------------------------------------------------ */

int cgroup_name_check(const char *name, struct ktstr_error *err)
{
	struct sv rest;

	if (!name || !*name)
		return error_set(err, -EINVAL, "a cgroup's name is empty");
	if (strlen(name) >= WORKER_CGROUP_NAME_MAX)
		return error_set(err, -EINVAL, "cgroup %s: name has more than %d bytes", name,
				 WORKER_CGROUP_NAME_MAX - 1);
	if (strchr(name, '\n'))
		return error_set(err, -EINVAL, "cgroup %s: name must not contain a newline", name);
	for (rest = sv_of(name); rest.data;) {
		struct sv part = sv_split(&rest, '/');

		if (part.len == 0 || sv_eq(part, ".") || sv_eq(part, ".."))
			return error_set(err, -EINVAL,
					 "cgroup %s: \"%.*s\" in its name is no directory of its own",
					 name, SV_ARG(part));
	}
	return 0;
}

int hold_check(const struct ktstr_hold *hold, struct ktstr_error *err)
{
	switch (hold->kind) {
	case KTSTR_HOLD_FULL:
		return 0;
	case KTSTR_HOLD_FRAC:
		if (hold->frac > 0 && hold->frac <= 1)
			return 0;
		return error_set(err, -EINVAL, "hold: the fraction must be above 0 and at most 1, "
					       "not %g", hold->frac);
	case KTSTR_HOLD_FIXED:
		if (hold->ns > 0 && hold->ns <= WORK_DURATION_MAX_NS)
			return 0;
		break;
	case KTSTR_HOLD_LOOP:
		if (!(hold->frac >= 0 && hold->frac <= 1))
			return error_set(err, -EINVAL, "hold: the fraction must be 0..1, not %g",
					 hold->frac);
		if (hold->ns > 0 && hold->ns <= WORK_DURATION_MAX_NS)
			return 0;
		break;
	}
	return error_set(err, -EINVAL, "hold: must be above 0 and at most %llu ns, not %llu",
			 (unsigned long long)WORK_DURATION_MAX_NS, (unsigned long long)hold->ns);
}

uint64_t hold_ns(const struct ktstr_hold *hold, uint64_t duration_ns)
{
	switch (hold->kind) {
	case KTSTR_HOLD_FIXED:
		return hold->ns;
	case KTSTR_HOLD_FRAC:
		return (uint64_t)(hold->frac * (double)duration_ns);
	case KTSTR_HOLD_LOOP:
		return hold->frac > 0 ? (uint64_t)(hold->frac * (double)duration_ns) : duration_ns;
	case KTSTR_HOLD_FULL:
		break;
	}
	return duration_ns;
}
