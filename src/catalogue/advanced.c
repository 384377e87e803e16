/* SPDX-License-Identifier: BSD-2-Clause */
/* advanced.c - uneven loads: categories advanced and stall. */
#include "catalogue/catalogue.h"

#include <stdio.h>

SCENE(ktstr_scene_cgroup_idle_overloaded)
{
	SIDE_BY_SIDE({.name = "idle", .workers = 1, WORK(BURSTY, .burst_ns = MS(1), .sleep_ns = MS(100))},
		     CG("overloaded", .workers = HEAVY));
}

SCENE(ktstr_scene_cgroup_all_loaded)
{
	SIDE_BY_SIDE(CG("cg_0", .workers = HEAVY), CG("cg_1", .workers = HEAVY));
}

/* Workers that begin on one LLC have to be let out of it: the mask goes away, the crowd must spread. */
SCENE(ktstr_scene_cgroup_llc_overflow)
{
	NEEDS_LLCS(2);
	PLAY(KTSTR_CGROUPS(CG("big", .workers = HEAVY, .cpus = KTSTR_LLC(0)), CG("small", .workers = 1)),
	     KTSTR_STEPS({.name = "in one LLC", .hold = KTSTR_FRAC(0.25)},
			 {.name = "may spill", .hold = KTSTR_FRAC(0.75),
			  KTSTR_OPS(KTSTR_CLEAR_CPUSET("big"))}));
}

SCENE(ktstr_scene_cgroup_load_imbalance)
{
	SIDE_BY_SIDE(CG("heavy", .workers = HEAVY), CG("light", .workers = 1));
}

SCENE(ktstr_scene_cgroup_exhaust_reuse)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0", .workers = 1), CG("cg_1", .workers = 1), CG("cg_2", .workers = 1),
			   CG("cg_3", .workers = 1), CG("cg_4", .workers = 1), CG("cg_5", .workers = 1),
			   CG("cg_6", .workers = 1), CG("cg_7", .workers = 1)),
	     KTSTR_STEPS({.name = "eight", .hold = KTSTR_FRAC(THIRD)},
			 {.name = "half of them", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_REMOVE("cg_0"), KTSTR_REMOVE("cg_2"), KTSTR_REMOVE("cg_4"),
				    KTSTR_REMOVE("cg_6"))},
			 {.name = "replaced", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_ADD(.name = "new_0", .workers = 1, .swappable = true),
				    KTSTR_ADD(.name = "new_1", .workers = 1, .swappable = true),
				    KTSTR_ADD(.name = "new_2", .workers = 1, .swappable = true),
				    KTSTR_ADD(.name = "new_3", .workers = 1, .swappable = true))}));
}

SCENE(ktstr_scene_cgroup_cpuset_workload_imbalance)
{
	NEEDS_CPUS(2);
	SIDE_BY_SIDE(CG("heavy", .workers = HEAVY, .cpus = KTSTR_DISJOINT(0, 2)),
		     CG("light", .workers = 1, .cpus = KTSTR_DISJOINT(1, 2)));
}

SCENE(ktstr_scene_cgroup_cpuset_load_shift)
{
	NEEDS_CPUS(2);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_DISJOINT(0, 2)),
			   CG("cg_1", .workers = 1, .cpus = KTSTR_DISJOINT(1, 2))),
	     KTSTR_STEPS({.name = "light", .hold = KTSTR_FRAC(0.5)},
			 {.name = "a heavy one joins", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_ADD(.name = "heavy", .workers = HEAVY, .swappable = true,
					      .cpus = KTSTR_DISJOINT(1, 2)))}));
}

SCENE(ktstr_scene_cgroup_add_load_imbalance)
{
	PLAY(KTSTR_CGROUPS(CG("light_0", .workers = 1), CG("light_1", .workers = 1)),
	     KTSTR_STEPS({.name = "light", .hold = KTSTR_FRAC(0.5)},
			 {.name = "heavy added", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_ADD(.name = "heavy", .workers = HEAVY, .swappable = true))}));
}

SCENE(ktstr_scene_cgroup_imbalance_mixed_workload)
{
	SIDE_BY_SIDE({.name = "heavy", .workers = HEAVY}, {.name = "bursty", WORK(BURSTY)},
		     {.name = "io", WORK(IO_SYNC_WRITE)});
}

/* Worker i of a cgroup on the CPUs i and i + 1 of those that it may use. */
static void spawn_on_pairs(struct scene *scene, const char *cgroup, unsigned count, unsigned cpus)
{
	for (unsigned i = 0; i < count; i++) {
		char list[32];

		snprintf(list, sizeof(list), "%u,%u", i % cpus, (i + 1) % cpus);
		scene_op(scene, KTSTR_SPAWN(cgroup, .count = 1, .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = list}));
	}
}

SCENE(ktstr_scene_cgroup_multicpu_pin)
{
	unsigned cpus = ktstr_ctx_cpu_count(ctx);
	struct scene scene;

	NEEDS_CPUS(2);
	scene = scene_begin(ctx, verdict, err);
	scene_op(&scene, KTSTR_ADD(.name = "cg_0", .empty = true));
	scene_op(&scene, KTSTR_ADD(.name = "cg_1", .empty = true));
	spawn_on_pairs(&scene, "cg_0", cpus, cpus);
	spawn_on_pairs(&scene, "cg_1", cpus, cpus);
	scene_hold(&scene, "on two CPUs each", 1);
	return scene_finish(&scene);
}

/* Two cgroups' workers change places; they cannot do that without a third one. */
SCENE(ktstr_scene_cgroup_no_ctrl_task_migration)
{
	PLAY(.no_cpu_controller = true,
	     KTSTR_CGROUPS(CG("cg_0"), CG("cg_1"), {.name = "between", .empty = true}, CG("cg_2")),
	     KTSTR_STEPS({.name = "changing places", .hold = KTSTR_LOOP(MS(20)),
			  KTSTR_OPS(KTSTR_MOVE_ALL("cg_0", "between"), KTSTR_MOVE_ALL("cg_1", "cg_0"),
				    KTSTR_MOVE_ALL("between", "cg_1"))}));
}

SCENE(ktstr_scene_cgroup_cpuset_change_imbalance)
{
	NEEDS_CPUS(4);
	PLAY(KTSTR_CGROUPS(CG("heavy", .workers = HEAVY, .cpus = KTSTR_RANGE(0, 2 * THIRD)),
			   CG("light", .workers = 1, .cpus = KTSTR_RANGE(2 * THIRD, 1))),
	     KTSTR_STEPS({.name = "heavy has two thirds", .hold = KTSTR_FRAC(0.5)},
			 {.name = "heavy has one", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_SET_CPUSET("heavy", KTSTR_RANGE(0, THIRD)),
				    KTSTR_SET_CPUSET("light", KTSTR_RANGE(THIRD, 1)))}));
}

#define ROLES(heavy, light)                                                                        \
	KTSTR_OPS(KTSTR_STOP("cg_0"), KTSTR_STOP("cg_1"),                                          \
		  KTSTR_SPAWN(heavy, .count = HEAVY, .swappable = true),                           \
		  KTSTR_SPAWN(light, .count = 1, .swappable = true))

SCENE(ktstr_scene_cgroup_load_oscillation)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0", .workers = HEAVY), CG("cg_1", .workers = 1)),
	     KTSTR_STEPS({.name = "cg_0 heavy", .hold = KTSTR_FRAC(0.25)},
			 {.name = "cg_1 heavy", .hold = KTSTR_FRAC(0.25), ROLES("cg_1", "cg_0")},
			 {.name = "cg_0 heavy again", .hold = KTSTR_FRAC(0.25), ROLES("cg_0", "cg_1")},
			 {.name = "cg_1 heavy again", .hold = KTSTR_FRAC(0.25), ROLES("cg_1", "cg_0")}));
}

SCENE(ktstr_scene_nested_cgroup_no_ctrl)
{
	PLAY(.no_cpu_controller = true, KTSTR_CGROUPS(CG("cg_0/sub_0"), CG("cg_0/sub_1"), CG("cg_1/sub_0")));
}

SCENE(ktstr_scene_cgroup_io_compute_imbalance)
{
	SIDE_BY_SIDE({.name = "io", WORK(IO_SYNC_WRITE)}, CG("compute", .workers = HEAVY));
}

SCENE(ktstr_scene_cgroup_4way_load_imbalance)
{
	SIDE_BY_SIDE(CG("cg_16", .workers = 16), CG("cg_1", .workers = 1), CG("cg_8", .workers = 8),
		     CG("cg_4", .workers = 4));
}

SCENE(ktstr_scene_cgroup_cpuset_overlap_imbalance)
{
	NEEDS_CPUS(4);
	SIDE_BY_SIDE(CG("heavy", .workers = HEAVY, .cpus = KTSTR_OVERLAP(0, 2, 0.5)),
		     CG("light", .workers = 1, .cpus = KTSTR_OVERLAP(1, 2, 0.5)));
}

/* The heavy side changes while the cpusets stay. */
SCENE(ktstr_scene_cgroup_cpuset_overlap_load_imbalance)
{
	NEEDS_CPUS(4);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .workers = HEAVY, .cpus = KTSTR_OVERLAP(0, 2, 0.5)),
			   CG("cg_1", .workers = 1, .cpus = KTSTR_OVERLAP(1, 2, 0.5))),
	     KTSTR_STEPS({.name = "cg_0 heavy", .hold = KTSTR_FRAC(0.5)},
			 {.name = "cg_1 heavy", .hold = KTSTR_FRAC(0.5), ROLES("cg_1", "cg_0")}));
}

SCENE(ktstr_scene_cgroup_bursty_imbalance)
{
	SIDE_BY_SIDE(CG("steady"), {.name = "bursty", WORK(BURSTY, .burst_ns = MS(20), .sleep_ns = MS(40))});
}

SCENE(ktstr_scene_cgroup_bursty_load_shift)
{
	PLAY(KTSTR_CGROUPS({.name = "bursty", .workers = HEAVY,
			    WORK(BURSTY, .burst_ns = MS(20), .sleep_ns = MS(40))},
			   CG("steady", .workers = 1)),
	     KTSTR_STEPS({.name = "bursts", .hold = KTSTR_FRAC(0.5)},
			 {.name = "steady", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_STOP("bursty"),
				    KTSTR_SPAWN("bursty", .count = 1,
						WORK(BURSTY, .burst_ns = MS(20), .sleep_ns = MS(40))))}));
}

/* --- stall ------------------------------------------------------------------------------------------ */

SCENE(ktstr_scene_stall_detect)
{
	SIDE_BY_SIDE(CG("overloaded", .workers = HEAVY));
}

SCENE(ktstr_scene_stall_recovery)
{
	SIDE_BY_SIDE(CG("cg_0", .workers = HEAVY), CG("cg_1", .workers = HEAVY));
}
