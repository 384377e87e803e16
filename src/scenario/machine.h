/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.h - how long the CPUs of this machine have been idle (proc_stat(5)). */
#ifndef SCENARIO_MACHINE_H
#define SCENARIO_MACHINE_H

#include "base/base.h"
#include "verdict/verdict.h"

struct machine_sample {
	uint64_t at_ns;
	uint32_t cpus;               /* online */
	uint64_t idle_ns;            /* of all of them, waiting for I/O included */
	uint64_t idle_ns_of[CPUSET_CPU_MAX];       /* of each; 0 for one that is not online */
};

/*
 * The content of /proc/stat, whose times are in ticks of ticks_per_s. -EINVAL with words for text
 * that has no CPUs or that no kernel writes.
 */
int machine_parse(struct sv text, uint64_t ticks_per_s, struct machine_sample *ret_sample,
		  struct ktstr_error *err);
int machine_read(struct machine_sample *ret_sample, struct ktstr_error *err);

/* Idle time never exceeds the time that there was. */
struct machine_window machine_window_of(const struct machine_sample *before,
					const struct machine_sample *after);

/* Of one CPU; no more than the time that there was either. */
uint64_t machine_idle_ns(const struct machine_sample *before, const struct machine_sample *after,
			 unsigned cpu);

/* Workers that waited for so long for any of these CPUs. */
struct machine_load {
	struct cpuset cpus;
	uint64_t wait_ns;
};

/*
 * How much of the idle time between two samples the loads could have used: each CPU's goes to one
 * of those that may run there, and to no second one.
 */
uint64_t machine_wasted_ns(const struct machine_sample *before, const struct machine_sample *after,
			   const struct machine_load *loads, size_t count);

/* A counter of /proc/vmstat, such as "numa_pages_migrated"; 0 when the kernel has no such one. */
uint64_t vmstat_parse(struct sv text, const char *name);
uint64_t vmstat_read(const char *name);

/* NUMA nodes that have memory and no CPU. */
struct cpuset machine_cpuless_nodes(void);

#endif
