/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.c - what `make demo` runs: the same two loads under the kernel's own scheduler and under the
 * sane policy of the fixture scheduler, on machines of different shapes.
 */
#include <ktstr/ktstr.h>

/*
 * How even two seconds of EEVDF come out depends on which CPU each worker wakes on first, and that on
 * every byte of the programs: a wider limit than the built-in one holds for all of them.
 */
KTSTR_SCHEDULER(eevdf, .checks = {.max_spread_pct = 40});
KTSTR_SCHEDULER(fixture, .binary = "scx-ktstr", .topology = "1n1l2c1t");

KTSTR_TEST(two_cgroups, .scheduler = &eevdf)
{
	return ktstr_run_cgroups(ctx, verdict, err,
		(struct ktstr_cgroup){.name = "cg_0", .workers = 2},
		(struct ktstr_cgroup){.name = "cg_1", .workers = 2});
}

KTSTR_TEST(two_cgroups_scx, .scheduler = &fixture)
{
	return ktstr_run_cgroups(ctx, verdict, err,
		(struct ktstr_cgroup){.name = "cg_0", .workers = 2},
		(struct ktstr_cgroup){.name = "cg_1", .workers = 2});
}

KTSTR_TEST(mixed_load, .scheduler = &eevdf, .topology = "1n2l1c2t")
{
	return ktstr_run_cgroups(ctx, verdict, err,
		(struct ktstr_cgroup){.name = "spin", .workers = 1},
		(struct ktstr_cgroup){.name = "yield", .workers = 1, .work = {.type = KTSTR_WORK_YIELD_HEAVY}},
		(struct ktstr_cgroup){.name = "burst", .workers = 1, .work = {.type = KTSTR_WORK_BURSTY}},
		(struct ktstr_cgroup){.name = "pipe", .workers = 2, .work = {.type = KTSTR_WORK_PIPE_IO}});
}
