/* SPDX-License-Identifier: BSD-2-Clause */
/* basic.c - equal cgroups: categories basic and cpuset. */
#include "catalogue/catalogue.h"

SCENE(ktstr_scene_cgroup_steady)
{
	return ktstr_steady(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_cpuset_llc_steady)
{
	return ktstr_steady_llc(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_cpuset_cross_llc_steady)
{
	char first[CPU_LIST_MAX], second[CPU_LIST_MAX];

	NEEDS_LLCS(2);
	NEEDS_CPUS(2 * ktstr_ctx_llc_count(ctx));
	SIDE_BY_SIDE(CG("cg_0", .cpus = KTSTR_EXACT(half_of_each_llc(ctx, 0, first))),
		     CG("cg_1", .cpus = KTSTR_EXACT(half_of_each_llc(ctx, 1, second))));
}

/* --- cpusets ------------------------------------------------------------------------------------ */

SCENE(ktstr_scene_cgroup_cpuset_overlap_steady)
{
	NEEDS_CPUS(4);
	SIDE_BY_SIDE(CG("cg_0", .cpus = KTSTR_OVERLAP(0, 3, 0.5)),
		     CG("cg_1", .cpus = KTSTR_OVERLAP(1, 3, 0.5)),
		     CG("cg_2", .cpus = KTSTR_OVERLAP(2, 3, 0.5)));
}

SCENE(ktstr_scene_cgroup_cpuset_apply_midrun)
{
	return ktstr_cpuset_apply(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_cpuset_clear_midrun)
{
	return ktstr_cpuset_clear(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_cpuset_resize)
{
	return ktstr_cpuset_resize(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_cpuset_numa_swap)
{
	NEEDS_NODES(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_NUMA(0)), CG("cg_1", .cpus = KTSTR_NUMA(1))),
	     KTSTR_STEPS({.name = "own node", .hold = KTSTR_FRAC(0.5)},
			 {.name = "swapped", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_SWAP_CPUSETS("cg_0", "cg_1"))}));
}

SCENE(ktstr_scene_cgroup_cpuset_swap_disjoint)
{
	NEEDS_CPUS(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_DISJOINT(0, 2)),
			   CG("cg_1", .cpus = KTSTR_DISJOINT(1, 2))),
	     KTSTR_STEPS({.name = "disjoint", .hold = KTSTR_FRAC(0.5)},
			 {.name = "swapped", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_SWAP_CPUSETS("cg_0", "cg_1"))}));
}
