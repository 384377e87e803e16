/* SPDX-License-Identifier: BSD-2-Clause */
/* plan.h - what an author declared, checked and made ready for the workload room. Pure. */
#ifndef SCENARIO_PLAN_H
#define SCENARIO_PLAN_H

#include "scenario/cpus.h"
#include "scenario/scenario.h"
#include "workload/workload.h"

DEFINE_VEC(cpusets, struct cpuset, vec_keep)

/* Workers that are started together in one cgroup. */
struct crew_plan {
	struct worker_groups groups;
	struct cpusets masks;            /* of each worker; empty: none of its own */
	/* Where their pages should be; none when one of the groups may have them anywhere. */
	struct cpuset nodes;
};
void crew_plan_done(struct crew_plan *plan);
DEFINE_AUTO_DONE(struct crew_plan, crew_plan_done)

/* The cgroup as it will be when they start. */
struct crew_place {
	const char *name;                /* must outlive the plan */
	const char *dir;                 /* its directory, or NULL; must outlive it too */
	struct cpuset cpus;
	bool confined;                   /* these are fewer than the machine has */
	unsigned first_index, first_role;
};

/*
 * The workers of an operation. *ret_plan is the caller's. -EINVAL with words that begin with the
 * cgroup's name.
 */
int plan_workers(struct ktstr_ctx *ctx, const struct crew_place *place,
		 const struct ktstr_workers *workers, struct crew_plan *ret_plan,
		 struct ktstr_error *err);

/* All workers that a cgroup declares: none when it is empty. */
int plan_cgroup(struct ktstr_ctx *ctx, const struct crew_place *place,
		const struct ktstr_cgroup *cgroup, struct crew_plan *ret_plan,
		struct ktstr_error *err);

/* A name that is a path of directories: no part is empty, "." or "..". -EINVAL with words. */
int cgroup_name_check(const char *name, struct ktstr_error *err);

/* The hold of a step, in words that do not name the step. */
int hold_check(const struct ktstr_hold *hold, struct ktstr_error *err);
uint64_t hold_ns(const struct ktstr_hold *hold, uint64_t duration_ns);

#define ROLES_PER_GROUP 4            /* workload.h: struct worker_group */

#endif
