/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a topology that is accepted reads back unchanged from what we print of it, and each of
 * its CPUs has an LLC and a node that it lists; what is none is refused with words.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "topology/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct topology *topology)
{
	char text[TOPOLOGY_TEXT_MAX];
	struct topology again;

	topology_format(topology, text);
	if (topology_parse(sv_of(text), &again, NULL) < 0)
		abort();
	assert(again.numa_nodes == topology->numa_nodes);
	assert(again.llcs == topology->llcs);
	assert(again.cores_per_llc == topology->cores_per_llc);
	assert(again.threads_per_core == topology->threads_per_core);
}

static void check_cpu(const struct topology *topology, uint32_t cpu)
{
	uint32_t llc = topology_llc_of_cpu(topology, cpu);
	uint32_t node = topology_node_of_cpu(topology, cpu);
	struct cpuset llc_cpus, node_cpus, core_cpus;

	assert(llc < topology->llcs);
	assert(node < topology->numa_nodes);
	llc_cpus = topology_cpus_of_llc(topology, llc);
	node_cpus = topology_cpus_of_node(topology, node);
	core_cpus = topology_cpus_of_core(topology, cpu);
	assert(cpuset_has(&core_cpus, cpu));
	assert(cpuset_covers(&llc_cpus, &core_cpus));
	assert(cpuset_covers(&node_cpus, &llc_cpus));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ktstr_error err = {0};
	struct topology topology;
	uint32_t cpus;
	int r = topology_parse(sv_bytes(data, size), &topology, &err);

	if (r < 0) {
		assert(r == -EINVAL);
		assert(sv_starts(sv_of(err.msg), "topology "));
		return 0;
	}
	assert(data[size - 1] == 't');
	check_round_trip(&topology);
	cpus = topology_cpus(&topology);
	assert(cpus > 0);
	assert(cpus <= TOPOLOGY_CPU_MAX);
	assert(topology_memory_mib(&topology, 0) >= 64 * cpus);
	check_cpu(&topology, 0);
	check_cpu(&topology, cpus / 2);
	check_cpu(&topology, cpus - 1);
	return 0;
}
