/* SPDX-License-Identifier: BSD-2-Clause */
/* affinity.c - workers with CPUs of their own, and scheduling classes. */
#include "catalogue/catalogue.h"

#define BOTH_WITH(which)                                                                           \
	SIDE_BY_SIDE(CG("cg_0", .affinity = {.kind = which}), CG("cg_1", .affinity = {.kind = which}))

SCENE(ktstr_scene_cgroup_affinity_inherit)
{
	BOTH_WITH(KTSTR_AFFINITY_INHERIT);
}

SCENE(ktstr_scene_cgroup_affinity_random)
{
	BOTH_WITH(KTSTR_AFFINITY_RANDOM_SUBSET);
}

SCENE(ktstr_scene_cgroup_affinity_spanning)
{
	BOTH_WITH(KTSTR_AFFINITY_ALL);
}

SCENE(ktstr_scene_cgroup_affinity_pinned)
{
	BOTH_WITH(KTSTR_AFFINITY_SINGLE_CPU);
}

SCENE(ktstr_scene_cgroup_cpuset_llc_affinity)
{
	NEEDS_LLCS(2);
	SIDE_BY_SIDE(CG("cg_0", .cpus = KTSTR_LLC(0), .affinity = {.kind = KTSTR_AFFINITY_LLC}),
		     CG("cg_1", .cpus = KTSTR_LLC(1), .affinity = {.kind = KTSTR_AFFINITY_LLC}));
}

SCENE(ktstr_scene_cgroup_affinity_change)
{
	return ktstr_affinity_change(ctx, verdict, err);
}

/* --- classes ------------------------------------------------------------------------------------- */

#define POLICY(kind_, ...) .policy = {.kind = KTSTR_POLICY_##kind_, __VA_ARGS__}
#define LONG_BURSTS WORK(BURSTY, .burst_ns = MS(500), .sleep_ns = MS(250))

SCENE(ktstr_scene_sched_batch)
{
	SIDE_BY_SIDE(CG("cg_0", POLICY(BATCH)), CG("cg_1", POLICY(BATCH)));
}

SCENE(ktstr_scene_sched_idle)
{
	SIDE_BY_SIDE(CG("cg_0", POLICY(IDLE)), CG("cg_1", POLICY(IDLE)));
}

SCENE(ktstr_scene_sched_fifo)
{
	SIDE_BY_SIDE({.name = "fifo", .workers = 1, POLICY(FIFO, .priority = 1), LONG_BURSTS}, CG("normal"));
}

SCENE(ktstr_scene_sched_rr)
{
	SIDE_BY_SIDE({.name = "rr", .workers = 2, POLICY(RR, .priority = 1), LONG_BURSTS}, CG("normal"));
}

SCENE(ktstr_scene_sched_mixed)
{
	SIDE_BY_SIDE({.name = "normal", .workers = 2}, {.name = "batch", .workers = 1, POLICY(BATCH)},
		     {.name = "idle", .workers = 1, POLICY(IDLE)},
		     {.name = "fifo", .workers = 1, POLICY(FIFO, .priority = 1),
		      WORK(BURSTY, .burst_ns = MS(10), .sleep_ns = MS(40))},
		     {.name = "rr", .workers = 1, POLICY(RR, .priority = 1),
		      WORK(BURSTY, .burst_ns = MS(10), .sleep_ns = MS(40))});
}

SCENE(ktstr_scene_cgroup_pipe_io)
{
	SIDE_BY_SIDE({.name = "pipes", .workers = 4, WORK(PIPE_IO)}, CG("spin"));
}
