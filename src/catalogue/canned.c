/* SPDX-License-Identifier: BSD-2-Clause */
/* canned.c - the scenarios that test bodies call by name. */
#include "catalogue/catalogue.h"

SCENE(ktstr_steady)
{
	SIDE_BY_SIDE(CG("cg_0"), CG("cg_1"));
}

SCENE(ktstr_steady_llc)
{
	NEEDS_LLCS(2);
	SIDE_BY_SIDE(CG("cg_0", .cpus = KTSTR_LLC(0)), CG("cg_1", .cpus = KTSTR_LLC(1)));
}

SCENE(ktstr_oversubscribed)
{
	SIDE_BY_SIDE(CG("cg_0", .workers = 32, WORK(MIXED)), CG("cg_1", .workers = 32, WORK(MIXED)));
}

SCENE(ktstr_cpuset_apply)
{
	NEEDS_CPUS(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0"), CG("cg_1")),
	     KTSTR_STEPS({.name = "no cpusets", .hold = KTSTR_FRAC(0.5)},
			 {.name = "split", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_SET_CPUSET("cg_0", KTSTR_DISJOINT(0, 2)),
				    KTSTR_SET_CPUSET("cg_1", KTSTR_DISJOINT(1, 2)))}));
}

SCENE(ktstr_cpuset_clear)
{
	NEEDS_CPUS(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_DISJOINT(0, 2)),
			   CG("cg_1", .cpus = KTSTR_DISJOINT(1, 2))),
	     KTSTR_STEPS({.name = "split", .hold = KTSTR_FRAC(0.5)},
			 {.name = "no cpusets", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_CLEAR_CPUSET("cg_0"), KTSTR_CLEAR_CPUSET("cg_1"))}));
}

/* On three usable CPUs: two and one, one and two, two and one. */
SCENE(ktstr_cpuset_resize)
{
	NEEDS_CPUS(4);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_RANGE(0, 2 * THIRD)),
			   CG("cg_1", .cpus = KTSTR_RANGE(2 * THIRD, 1))),
	     KTSTR_STEPS({.name = "large and small", .hold = KTSTR_FRAC(THIRD)},
			 {.name = "small and large", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_SET_CPUSET("cg_0", KTSTR_RANGE(0, THIRD)),
				    KTSTR_SET_CPUSET("cg_1", KTSTR_RANGE(THIRD, 1)))},
			 {.name = "large and small again", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_SET_CPUSET("cg_1", KTSTR_RANGE(2 * THIRD, 1)),
				    KTSTR_SET_CPUSET("cg_0", KTSTR_RANGE(0, 2 * THIRD)))}));
}

SCENE(ktstr_cgroup_add)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0"), CG("cg_1")),
	     KTSTR_STEPS({.name = "two", .hold = KTSTR_FRAC(0.5)},
			 {.name = "four", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_ADD(.name = "cg_2", .swappable = true),
				    KTSTR_ADD(.name = "cg_3", .swappable = true))}));
}

SCENE(ktstr_cgroup_remove)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0"), CG("cg_1"), CG("cg_2"), CG("cg_3")),
	     KTSTR_STEPS({.name = "four", .hold = KTSTR_FRAC(0.5)},
			 {.name = "two", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_REMOVE("cg_2"), KTSTR_REMOVE("cg_3"))}));
}

SCENE(ktstr_affinity_change)
{
	NEEDS_CPUS(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0"), CG("cg_1")),
	     KTSTR_STEPS({.name = "masks drawn anew", .hold = KTSTR_LOOP(MS(100)),
			  KTSTR_OPS(KTSTR_SET_AFFINITY("cg_0", .kind = KTSTR_AFFINITY_RANDOM_SUBSET),
				    KTSTR_SET_AFFINITY("cg_1", .kind = KTSTR_AFFINITY_RANDOM_SUBSET))}));
}

/* Both cgroups on CPU 0 and 1, by masks of the workers and not by cpusets. */
SCENE(ktstr_affinity_pinned)
{
	NEEDS_CPUS(4);
	SIDE_BY_SIDE(CG("cg_0", .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = "0-1"}),
		     CG("cg_1", .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = "0-1"}));
}

SCENE(ktstr_host_contention)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0"), CG("cg_1")),
	     KTSTR_OPS(KTSTR_SPAWN_HOST("host", .count = ktstr_ctx_cpu_count(ctx), .swappable = true)));
}

SCENE(ktstr_mixed_workloads)
{
	SIDE_BY_SIDE(CG("spin"), {.name = "bursty", WORK(BURSTY)}, {.name = "io", WORK(IO_SYNC_WRITE)});
}

SCENE(ktstr_nested_steady)
{
	SIDE_BY_SIDE(CG("cg_0/sub_0"), CG("cg_0/sub_1"), CG("cg_1/sub_0/leaf"));
}

SCENE(ktstr_nested_task_move)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0/sub_0"), {.name = "cg_0/sub_1", .empty = true},
			   CG("cg_1/sub_0"), {.name = "cg_1/sub_1", .empty = true}),
	     KTSTR_STEPS({.name = "at home", .hold = KTSTR_FRAC(THIRD)},
			 {.name = "moved", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_MOVE_ALL("cg_0/sub_0", "cg_0/sub_1"),
				    KTSTR_MOVE_ALL("cg_1/sub_0", "cg_1/sub_1"))},
			 {.name = "moved across", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_MOVE_ALL("cg_0/sub_1", "cg_1/sub_0"),
				    KTSTR_MOVE_ALL("cg_1/sub_1", "cg_0/sub_0"))}));
}
