/* SPDX-License-Identifier: BSD-2-Clause */
/* stress.c - more than there is room for, uneven shares, and churn. */
#include "catalogue/catalogue.h"

#include <stdio.h>

#define BOTH(kind, ...) SIDE_BY_SIDE({.name = "cg_0", WORK(kind, __VA_ARGS__)}, {.name = "cg_1", WORK(kind, __VA_ARGS__)})

/* A third of the CPUs belongs to nobody. */
SCENE(ktstr_scene_cgroup_partial_cpus_steady)
{
	NEEDS_CPUS(4);
	SIDE_BY_SIDE(CG("cg_0", .cpus = KTSTR_RANGE(0, THIRD)),
		     CG("cg_1", .cpus = KTSTR_RANGE(THIRD, 2 * THIRD)));
}

SCENE(ktstr_scene_cgroup_uneven_steady)
{
	NEEDS_CPUS(4);
	SIDE_BY_SIDE(CG("cg_0", .cpus = KTSTR_RANGE(0, 0.75)), CG("cg_1", .cpus = KTSTR_RANGE(0.75, 1)));
}

SCENE(ktstr_scene_cgroup_oversubscribed)
{
	return ktstr_oversubscribed(ctx, verdict, err);
}

SCENE(ktstr_scene_host_cgroup_contention)
{
	return ktstr_host_contention(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_per_cpu)
{
	struct scene scene = scene_begin(ctx, verdict, err);

	for (unsigned i = 0; i < ktstr_ctx_cpu_count(ctx); i++) {
		char name[32];

		snprintf(name, sizeof(name), "cg_%u", i);
		scene_op(&scene, KTSTR_ADD(.name = name, .workers = 2, .swappable = true));
	}
	scene_hold(&scene, "one a CPU", 1);
	return scene_finish(&scene);
}

/* Sleepers that come back while workers which may use one CPU only stand in the same queue. */
SCENE(ktstr_scene_cgroup_dsq_contention)
{
	SIDE_BY_SIDE({.name = "bursty", WORK(BURSTY, .burst_ns = MS(10), .sleep_ns = MS(10))},
		     {.name = "pinned", .affinity = {.kind = KTSTR_AFFINITY_SINGLE_CPU}});
}

SCENE(ktstr_scene_cgroup_workload_variety)
{
	SIDE_BY_SIDE({.name = "spin"}, {.name = "bursty", WORK(BURSTY)},
		     {.name = "io", WORK(IO_SYNC_WRITE)}, {.name = "mixed", WORK(MIXED)},
		     {.name = "yield", WORK(YIELD_HEAVY)});
}

SCENE(ktstr_scene_cgroup_cpuset_workload_variety)
{
	NEEDS_CPUS(2);
	SIDE_BY_SIDE({.name = "spin", .cpus = KTSTR_DISJOINT(0, 2)},
		     {.name = "bursty", .cpus = KTSTR_DISJOINT(1, 2), WORK(BURSTY)},
		     {.name = "io", .cpus = KTSTR_DISJOINT(0, 2), WORK(IO_SYNC_WRITE)},
		     {.name = "mixed", .cpus = KTSTR_DISJOINT(1, 2), WORK(MIXED)},
		     {.name = "yield", .cpus = KTSTR_DISJOINT(0, 2), WORK(YIELD_HEAVY)});
}

SCENE(ktstr_scene_cgroup_dynamic_workload_variety)
{
	PLAY(KTSTR_CGROUPS({.name = "spin"}, {.name = "bursty", WORK(BURSTY)}, {.name = "mixed", WORK(MIXED)}),
	     KTSTR_STEPS({.name = "three", .hold = KTSTR_FRAC(THIRD)},
			 {.name = "five", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_ADD(.name = "io", WORK(IO_SYNC_WRITE)),
				    KTSTR_ADD(.name = "yield", WORK(YIELD_HEAVY)))},
			 {.name = "three others", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_REMOVE("bursty"), KTSTR_REMOVE("mixed"))}));
}

SCENE(ktstr_scene_cgroup_cpuset_cross_llc_race)
{
	NEEDS_LLCS(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_LLC(0)), CG("cg_1", .cpus = KTSTR_LLC(1))),
	     KTSTR_STEPS({.name = "flips", .hold = KTSTR_LOOP(MS(20)),
			  KTSTR_OPS(KTSTR_SWAP_CPUSETS("cg_0", "cg_1"))}));
}

SCENE(ktstr_scene_fork_exit_churn)
{
	BOTH(FORK_EXIT);
}

SCENE(ktstr_scene_nice_sweep)
{
	BOTH(NICE_SWEEP);
}

SCENE(ktstr_scene_affinity_churn)
{
	BOTH(AFFINITY_CHURN);
}

SCENE(ktstr_scene_policy_churn)
{
	BOTH(POLICY_CHURN);
}

SCENE(ktstr_scene_page_fault_churn)
{
	BOTH(PAGE_FAULT_CHURN);
}

SCENE(ktstr_scene_mutex_contention_light)
{
	SIDE_BY_SIDE({.name = "cg_0", .workers = 4, WORK(MUTEX_CONTENTION, .fan_out = 4, .hold_iterations = 256)});
}

SCENE(ktstr_scene_mutex_contention_heavy)
{
	SIDE_BY_SIDE({.name = "cg_0", .workers = 8,
		      WORK(MUTEX_CONTENTION, .fan_out = 8, .hold_iterations = 16384)});
}
