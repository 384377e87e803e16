/* SPDX-License-Identifier: BSD-2-Clause */
/* performance.c - caches and wake-ups beside other load. */
#include "catalogue/catalogue.h"

SCENE(ktstr_scene_cache_pressure_imbalance)
{
	SIDE_BY_SIDE({.name = "cache", WORK(CACHE_PRESSURE, .bytes = 256 << 10)}, CG("spin"));
}

SCENE(ktstr_scene_cache_yield_wake_affine)
{
	SIDE_BY_SIDE({.name = "cg_0", WORK(CACHE_YIELD)}, {.name = "cg_1", WORK(CACHE_YIELD)});
}

SCENE(ktstr_scene_cache_pipe_io_compute_imbalance)
{
	SIDE_BY_SIDE({.name = "pipes", .workers = 4, WORK(CACHE_PIPE)}, CG("compute"));
}

SCENE(ktstr_scene_fan_out_wake)
{
	SIDE_BY_SIDE({.name = "fan_out", .workers = 5, WORK(FUTEX_FAN_OUT)}, CG("compute", .workers = 2));
}

SCENE(ktstr_scene_fan_out_compute)
{
	SIDE_BY_SIDE({.name = "fan_out", .workers = 5, WORK(FAN_OUT_COMPUTE, .bytes = 64 << 10)},
		     CG("compute", .workers = 2));
}
