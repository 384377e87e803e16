/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpus.h - from what an author says about CPUs ("LLC 1", "the second half") to CPU numbers of a
 * machine. Pure: topology in, sets out. Errors are -EINVAL; their words name what was asked for.
 */
#ifndef SCENARIO_CPUS_H
#define SCENARIO_CPUS_H

#include <ktstr/scenario.h>

#include "base/base.h"
#include "topology/topology.h"

/* All CPUs of the machine; and those without the last one, when there are more than two. */
struct cpuset cpus_all(const struct topology *topology);
struct cpuset cpus_usable(const struct topology *topology);

struct cpuset cpus_intersection(const struct cpuset *a, const struct cpuset *b);

/* Never empty, but for NONE, which is the empty set. */
int cpus_resolve(const struct topology *topology, const struct ktstr_cpus *cpus,
		 struct cpuset *ret_set, struct ktstr_error *err);

/*
 * The mask of worker number i in a cgroup that has these CPUs. Empty: none of its own. What is
 * random is drawn from *random (base/splitmix.h).
 */
int affinity_resolve(const struct topology *topology, const struct ktstr_affinity *affinity,
		     const struct cpuset *cgroup_cpus, unsigned i, uint64_t *random,
		     struct cpuset *ret_mask, struct ktstr_error *err);

/* The NUMA nodes that these CPUs are on. */
struct cpuset nodes_of_cpus(const struct topology *topology, const struct cpuset *cpus);

/*
 * The nodes of a memory policy, which those of the cgroup's CPUs must cover; with RELATIVE_NODES
 * they are numbers within these, and any will do.
 */
int mempolicy_resolve(const struct topology *topology, const struct ktstr_mempolicy *policy,
		      const struct cpuset *cgroup_cpus, struct cpuset *ret_nodes,
		      struct ktstr_error *err);

#endif
