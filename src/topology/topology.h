/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * topology.h - a machine as data: "1n2l4c2t" is 1 NUMA node, 2 last-level caches in all, 4 cores
 * for each of them and 2 threads a core: 16 CPUs. CPUs are numbered threads first, then cores, then
 * LLCs, then nodes; LLCs are dealt to nodes in equal, consecutive runs.
 */
#ifndef TOPOLOGY_TOPOLOGY_H
#define TOPOLOGY_TOPOLOGY_H

#include "base/base.h"

#define TOPOLOGY_TEXT_MAX 64
#define TOPOLOGY_CPU_MAX 1024

#define TOPOLOGY_DISTANCE_LOCAL 10
#define TOPOLOGY_DISTANCE_REMOTE 20

struct topology {
	uint32_t numa_nodes;
	uint32_t llcs;              /* in all; a multiple of numa_nodes */
	uint32_t cores_per_llc;
	uint32_t threads_per_core;
};

/*
 * Contract L5: four numbers with their letters in this order, none zero, nothing after them.
 * -EINVAL, with words that name what is wrong; the older forms with a socket letter get a hint.
 */
int topology_parse(struct sv text, struct topology *ret_topology, struct ktstr_error *err);
int topology_check(const struct topology *topology, struct ktstr_error *err);
void topology_format(const struct topology *topology, char text[TOPOLOGY_TEXT_MAX]);

uint32_t topology_cpus(const struct topology *topology);
uint32_t topology_llc_of_cpu(const struct topology *topology, uint32_t cpu);
uint32_t topology_node_of_cpu(const struct topology *topology, uint32_t cpu);
struct cpuset topology_cpus_of_llc(const struct topology *topology, uint32_t llc);
struct cpuset topology_cpus_of_node(const struct topology *topology, uint32_t node);
struct cpuset topology_cpus_of_core(const struct topology *topology, uint32_t cpu);

/* Contract L8: the memory of a guest is the largest of 64 MiB a CPU, 256 MiB and what is wanted. */
uint64_t topology_memory_mib(const struct topology *topology, uint64_t wanted_mib);

/*
 * Compare the machine under sys_fd (an open /sys) with what was asked for: CPUs online, SMT
 * siblings, one L3 per LLC, NUMA nodes with their CPUs and distances. 0 when it is that machine;
 * -ENXIO with the first difference; another errno when it could not be read.
 */
int topology_verify(const struct topology *topology, int sys_fd, struct ktstr_error *err);

#endif
