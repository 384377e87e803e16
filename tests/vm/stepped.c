/* SPDX-License-Identifier: BSD-2-Clause */
/* stepped.c - tests with captures at the ends of their steps: steps.sh reads what they leave. */
#include <ktstr/ktstr.h>

static int squeeze(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return ktstr_run_scenario(ctx, verdict, err, &(const struct ktstr_scenario){
		KTSTR_CGROUPS({.name = "free", .workers = 1}, {.name = "tight", .workers = 1}),
		KTSTR_STEPS(
			{.name = "both free", .hold = KTSTR_FRAC(0.5)},
			{.name = "squeeze", .hold = KTSTR_FRAC(0.5),
			 KTSTR_OPS({.kind = KTSTR_OP_SET_LIMITS, .name = "tight", .limits = {.cpu_quota_us = 5000}})}),
	});
}

/* A cgroup that is throttled in its second step. */
KTSTR_TEST(throttled, .ctprof = true, .duration_ms = 600)
{
	return squeeze(ctx, verdict, err);
}

/* The same, and nothing may wait that long. */
KTSTR_TEST(throttled_too_much, .ctprof = true, .duration_ms = 600, .checks = {.max_gap_ms = 50})
{
	return squeeze(ctx, verdict, err);
}

KTSTR_TEST(brief, .ctprof = true, .duration_ms = 100)
{
	return ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 1});
}

KTSTR_TEST(unasked, .duration_ms = 100)
{
	return ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 1});
}

/* Without steps there is nothing to capture. */
KTSTR_TEST(stepless, .ctprof = true)
{
	return 0;
}
