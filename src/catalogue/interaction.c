/* SPDX-License-Identifier: BSD-2-Clause */
/* interaction.c - several things at once: uneven load, cpusets, cgroups without the cpu controller. */
#include "catalogue/catalogue.h"

#include <stdio.h>

SCENE(ktstr_scene_cgroup_cpuset_imbalance_combined)
{
	NEEDS_CPUS(4);
	PLAY(KTSTR_CGROUPS(CG("heavy", .workers = HEAVY, .cpus = KTSTR_DISJOINT(0, 2)),
			   CG("light", .workers = 1, .cpus = KTSTR_DISJOINT(1, 2))),
	     KTSTR_STEPS({.name = "uneven", .hold = KTSTR_FRAC(0.5)},
			 {.name = "sets swapped", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_SWAP_CPUSETS("heavy", "light"))}));
}

SCENE(ktstr_scene_cgroup_cpuset_overlap_imbalance_combined)
{
	NEEDS_CPUS(4);
	PLAY(KTSTR_CGROUPS(CG("heavy", .workers = HEAVY, .cpus = KTSTR_OVERLAP(0, 3, 0.5)),
			   CG("middle", .workers = 4, .cpus = KTSTR_OVERLAP(1, 3, 0.5)),
			   CG("light", .workers = 1, .cpus = KTSTR_OVERLAP(2, 3, 0.5))),
	     KTSTR_STEPS({.name = "uneven", .hold = KTSTR_FRAC(0.5)},
			 {.name = "sets swapped", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_SWAP_CPUSETS("heavy", "light"))}));
}

SCENE(ktstr_scene_cgroup_no_ctrl_imbalance)
{
	PLAY(.no_cpu_controller = true,
	     KTSTR_CGROUPS(CG("heavy", .workers = HEAVY), CG("light_0", .workers = 1),
			   CG("light_1", .workers = 1), {.name = "between", .empty = true}),
	     KTSTR_STEPS({.name = "changing places", .hold = KTSTR_LOOP(MS(50)),
			  KTSTR_OPS(KTSTR_MOVE_ALL("light_0", "between"),
				    KTSTR_MOVE_ALL("light_1", "light_0"),
				    KTSTR_MOVE_ALL("between", "light_1"))}));
}

SCENE(ktstr_scene_cgroup_no_ctrl_cpuset_change)
{
	NEEDS_CPUS(2);
	PLAY(.no_cpu_controller = true, KTSTR_CGROUPS(CG("cg_0"), CG("cg_1")),
	     KTSTR_STEPS({.name = "no cpusets", .hold = KTSTR_FRAC(THIRD)},
			 {.name = "split", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_SET_CPUSET("cg_0", KTSTR_DISJOINT(0, 2)),
				    KTSTR_SET_CPUSET("cg_1", KTSTR_DISJOINT(1, 2)))},
			 {.name = "no cpusets again", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_CLEAR_CPUSET("cg_0"), KTSTR_CLEAR_CPUSET("cg_1"))}));
}

SCENE(ktstr_scene_cgroup_no_ctrl_load_imbalance)
{
	PLAY(.no_cpu_controller = true, KTSTR_CGROUPS(CG("heavy", .workers = HEAVY), CG("light", .workers = 1)));
}

/* Pairs of CPUs inside the first half; worker i on i and i + 1 of it. */
SCENE(ktstr_scene_cgroup_cpuset_multicpu_pin)
{
	unsigned half = ktstr_ctx_cpu_count(ctx) / 2;
	struct scene scene;
	char list[32];

	NEEDS_CPUS(4);
	snprintf(list, sizeof(list), "0-%u", half - 1);
	scene = scene_begin(ctx, verdict, err);
	scene_op(&scene, KTSTR_ADD(.name = "cg_0", .empty = true, .cpus = KTSTR_EXACT(list)));
	scene_op(&scene, KTSTR_ADD(.name = "cg_1", .swappable = true));
	for (unsigned i = 0; i < half; i++) {
		char pair[32];

		snprintf(pair, sizeof(pair), "%u,%u", i, (i + 1) % half);
		scene_op(&scene, KTSTR_SPAWN("cg_0", .count = 2, .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = pair}));
	}
	scene_hold(&scene, "pinned inside a cpuset", 1);
	return scene_finish(&scene);
}

SCENE(ktstr_scene_cgroup_cpuset_add_remove)
{
	NEEDS_CPUS(4);
	PLAY(KTSTR_CGROUPS(CG("cg_0", .cpus = KTSTR_RANGE(0, THIRD))),
	     KTSTR_STEPS({.name = "one", .hold = KTSTR_FRAC(THIRD)},
			 {.name = "two added", .hold = KTSTR_FRAC(THIRD),
			  KTSTR_OPS(KTSTR_ADD(.name = "cg_1", .cpus = KTSTR_RANGE(THIRD, 2 * THIRD),
					      .swappable = true),
				    KTSTR_ADD(.name = "cg_2", .cpus = KTSTR_RANGE(2 * THIRD, 1),
					      .swappable = true))},
			 {.name = "one removed", .hold = KTSTR_FRAC(THIRD), KTSTR_OPS(KTSTR_REMOVE("cg_1"))}));
}

SCENE(ktstr_scene_cgroup_add_during_imbalance)
{
	PLAY(KTSTR_CGROUPS(CG("heavy", .workers = HEAVY), CG("light", .workers = 1)),
	     KTSTR_STEPS({.name = "uneven", .hold = KTSTR_FRAC(0.5)},
			 {.name = "one added", .hold = KTSTR_FRAC(0.5),
			  KTSTR_OPS(KTSTR_ADD(.name = "new", .swappable = true))}));
}

SCENE(ktstr_scene_nested_cgroup_imbalance)
{
	SIDE_BY_SIDE(CG("cg_0/heavy", .workers = HEAVY), CG("cg_0/light", .workers = 1), CG("cg_1/sub/leaf"));
}
