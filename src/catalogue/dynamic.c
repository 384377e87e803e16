/* SPDX-License-Identifier: BSD-2-Clause */
/* dynamic.c - cgroups that come and go, and nested ones. */
#include "catalogue/catalogue.h"

SCENE(ktstr_scene_cgroup_add_midrun)
{
	return ktstr_cgroup_add(ctx, verdict, err);
}

SCENE(ktstr_scene_cgroup_remove_midrun)
{
	return ktstr_cgroup_remove(ctx, verdict, err);
}

/*
 * Cgroups that live for 20 ms each, with the same workers in them: those stay and are judged. Each
 * round begins by leaving what the one before made, so the load is always somewhere that is new.
 */
SCENE(ktstr_scene_cgroup_rapid_churn)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0"), CG("cg_1"), {.name = "brief_0", .empty = true},
			   {.name = "brief_1", .empty = true}),
	     KTSTR_STEPS({.name = "churn", .hold = KTSTR_LOOP(MS(20)),
			  KTSTR_OPS(KTSTR_MOVE_ALL("brief_0", "cg_0"), KTSTR_REMOVE("brief_0"),
				    KTSTR_REMOVE("brief_1"), KTSTR_ADD(.name = "brief_0", .empty = true),
				    KTSTR_ADD(.name = "brief_1", .empty = true),
				    KTSTR_MOVE_ALL("cg_0", "brief_0"))}));
}

/* --- nested ------------------------------------------------------------------------------------------- */

SCENE(ktstr_scene_nested_cgroup_steady)
{
	return ktstr_nested_steady(ctx, verdict, err);
}

SCENE(ktstr_scene_nested_cgroup_task_move)
{
	return ktstr_nested_task_move(ctx, verdict, err);
}

SCENE(ktstr_scene_nested_cgroup_rapid_churn)
{
	PLAY(KTSTR_CGROUPS(CG("cg_0/stays"), CG("cg_1/stays"), {.name = "cg_0/brief", .empty = true},
			   {.name = "cg_0/brief/leaf", .empty = true}),
	     KTSTR_STEPS({.name = "churn", .hold = KTSTR_LOOP(MS(20)),
			  KTSTR_OPS(KTSTR_MOVE_ALL("cg_0/brief/leaf", "cg_0/stays"),
				    KTSTR_REMOVE("cg_0/brief/leaf"), KTSTR_REMOVE("cg_0/brief"),
				    KTSTR_ADD(.name = "cg_0/brief", .empty = true),
				    KTSTR_ADD(.name = "cg_0/brief/leaf", .empty = true),
				    KTSTR_MOVE_ALL("cg_0/stays", "cg_0/brief/leaf"))}));
}

SCENE(ktstr_scene_nested_cgroup_cpuset)
{
	NEEDS_CPUS(4);
	SIDE_BY_SIDE({.name = "wide", .empty = true, .cpus = KTSTR_RANGE(0, 2 * THIRD)},
		     CG("wide/narrow", .cpus = KTSTR_RANGE(0, THIRD)), CG("wide/whole"));
}
