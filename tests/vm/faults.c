/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.c - each misbehaviour of the fixture scheduler is found by the check that is about it, and
 * the same scenario passes under EEVDF and under the fixture when it behaves.
 */
#include "faults.h"

#define PAIR(scenario, topology_, kind, fault, ...)                                                \
	KTSTR_TEST(scenario##_pass_under_eevdf, .topology = topology_, .duration_ms = 1000,        \
		   .checks = {__VA_ARGS__})                                                        \
	{                                                                                          \
		return scenario(ctx, verdict, err);                                                \
	}                                                                                          \
	KTSTR_TEST(scenario##_pass_when_sane, .scheduler = &sane, .topology = topology_,           \
		   .duration_ms = 1000, .checks = {__VA_ARGS__})                                   \
	{                                                                                          \
		return scenario(ctx, verdict, err);                                                \
	}                                                                                          \
	KTSTR_TEST(scenario##_catch_##fault, .scheduler = &fault, .topology = topology_,           \
		   .duration_ms = 1000, .expect_kind = kind, .checks = {__VA_ARGS__})              \
	{                                                                                          \
		return scenario(ctx, verdict, err);                                                \
	}

FAULT_SCENARIOS(PAIR)

/* Fair for half of the time: one of two LLCs then. What the second half is like is found. */
KTSTR_SCHEDULER(late_fault, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--one-llc", "--degrade-after", "500"));
KTSTR_TEST(llcs_catch_one_that_degrades, .scheduler = &late_fault, .topology = "1n2l2c1t",
	   .duration_ms = 4000, .expect_kind = KTSTR_KIND_IDLE_WHILE_WAITING,
	   .checks = {.max_spread_pct = -1})
{
	return llcs(ctx, verdict, err);
}
