/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpuset.h - a set of CPU (or NUMA node) indices as data, and the kernel's list format for it:
 * "0-3,8,10-11" (lib/bitmap.c, bitmap_parselist without its ":used/group" form).
 */
#ifndef BASE_CPUSET_H
#define BASE_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#define CPUSET_CPU_MAX 1024       /* exclusive */

struct cpuset {
	uint64_t word[CPUSET_CPU_MAX / 64];
};

static inline void cpuset_add(struct cpuset *set, unsigned cpu)
{
	if (cpu < CPUSET_CPU_MAX)
		set->word[cpu / 64] |= 1ull << (cpu % 64);
}

static inline bool cpuset_has(const struct cpuset *set, unsigned cpu)
{
	return cpu < CPUSET_CPU_MAX && (set->word[cpu / 64] >> (cpu % 64) & 1);
}

unsigned cpuset_count(const struct cpuset *set);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);
bool cpuset_covers(const struct cpuset *outer, const struct cpuset *inner);
void cpuset_union(struct cpuset *into, const struct cpuset *from);
int cpuset_next(const struct cpuset *set, unsigned from);     /* first CPU >= from, or -1 */

#define for_each_cpu(cpu, set)                                                                     \
	for (int cpu = cpuset_next(set, 0); cpu >= 0; cpu = cpuset_next(set, (unsigned)cpu + 1))

/* An empty or blank list is the empty set. -EINVAL with words for anything else unreadable. */
int cpuset_parse(struct sv list, struct cpuset *ret_set, struct ktstr_error *err);
void cpuset_format(const struct cpuset *set, struct buf *buf);

#endif
