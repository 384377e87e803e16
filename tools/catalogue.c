/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalogue.c - the scenarios of the catalogue as tests of a test program, which is what `ktstr run`
 * drives: nothing here is more than an author of tests could write.
 */
#include <ktstr/catalogue.h>
#include <ktstr/ktstr.h>

#define FOUR_CPUS "1n2l2c1t"
#define TWO_NODES "2n2l2c1t"
#define EQUAL 0
#define UNEQUAL -1

#define ENTRY(category_, name_, what_, machine, shares)                                            \
	KTSTR_TEST(name_, .topology = machine, .workers_per_cgroup = 4,                            \
		   .checks = {.max_spread_pct = shares})                                           \
	{                                                                                          \
		return ktstr_scene_##name_(ctx, verdict, err);                                     \
	}
#include "catalogue/entries.h"
