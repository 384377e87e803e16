/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * real.c - schedulers that others wrote: the kernel's own examples (scripts/scx-schedulers builds
 * them), each with the catalogue's basic scenarios. They are not ours to fix: a limit that one is
 * not made to keep is off in its declaration, with the reason.
 */
#include <ktstr/catalogue.h>
#include <ktstr/ktstr.h>

/* examples: fairness is not what they promise */
#define UNEQUAL .checks = {.max_spread_pct = -1}
KTSTR_SCHEDULER(scx_simple, .binary = "scx_simple", .topology = "1n2l2c1t", UNEQUAL);
KTSTR_SCHEDULER(scx_qmap, .binary = "scx_qmap", .topology = "1n2l2c1t", UNEQUAL);
KTSTR_SCHEDULER(scx_central, .binary = "scx_central", .topology = "1n2l2c1t", UNEQUAL);
KTSTR_SCHEDULER(scx_flatcg, .binary = "scx_flatcg", .topology = "1n2l2c1t", UNEQUAL);

#define BASIC(sched)                                                                               \
	KTSTR_TEST(sched##_steady, .scheduler = &sched)                                            \
	{                                                                                          \
		return ktstr_steady(ctx, verdict, err);                                            \
	}                                                                                          \
	KTSTR_TEST(sched##_steady_llc, .scheduler = &sched)                                        \
	{                                                                                          \
		return ktstr_steady_llc(ctx, verdict, err);                                        \
	}                                                                                          \
	KTSTR_TEST(sched##_cpuset_apply, .scheduler = &sched)                                      \
	{                                                                                          \
		return ktstr_cpuset_apply(ctx, verdict, err);                                      \
	}

BASIC(scx_simple)
BASIC(scx_qmap)
BASIC(scx_central)
BASIC(scx_flatcg)
