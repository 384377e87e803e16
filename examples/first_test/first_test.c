/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A first test: two cgroups with two workers each on two CPUs, under the kernel's own scheduler.
 * Nobody may starve, stand still or get less than the others in the same cgroup.
 */
#include <ktstr/ktstr.h>

KTSTR_TEST(two_cgroups, .llcs = 1, .cores = 2, .threads = 1)
{
	return ktstr_run_cgroups(ctx, verdict, err,
				 (struct ktstr_cgroup){.name = "cg_0", .workers = 2},
				 (struct ktstr_cgroup){.name = "cg_1", .workers = 2});
}

/* A body may be anything that fills in a verdict. */
KTSTR_TEST(machine_has_its_shape, .topology = "1n2l2c1t")
{
	if (ktstr_ctx_cpu_count(ctx) != 4)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%u CPUs instead of 4",
				   ktstr_ctx_cpu_count(ctx));
	return 0;
}
