/* SPDX-License-Identifier: BSD-2-Clause */
#include "topology/topology.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define PART_MAX 1024

static const struct part {
	char letter;
	const char *name;
} parts[4] = {
	{'n', "NUMA nodes"},
	{'l', "LLCs"},
	{'c', "cores"},
	{'t', "threads"},
};

static uint32_t *part_of(struct topology *topology, unsigned i)
{
	switch (i) {
	case 0:
		return &topology->numa_nodes;
	case 1:
		return &topology->llcs;
	case 2:
		return &topology->cores_per_llc;
	default:
		return &topology->threads_per_core;
	}
}

void topology_format(const struct topology *topology, char text[TOPOLOGY_TEXT_MAX])
{
	snprintf(text, TOPOLOGY_TEXT_MAX, "%un%ul%uc%ut", topology->numa_nodes, topology->llcs,
		 topology->cores_per_llc, topology->threads_per_core);
}

int topology_check(const struct topology *topology, struct ktstr_error *err)
{
	struct topology copy = *topology;
	uint64_t cpus = 1;
	char text[TOPOLOGY_TEXT_MAX];

	topology_format(topology, text);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t value = *part_of(&copy, i);

		if (value < 1 || value > PART_MAX)
			return error_set(err, -EINVAL, "topology %s: %s must be 1..%d, not %u", text,
					 parts[i].name, PART_MAX, value);
		if (i > 0)
			cpus *= value;
	}
	if (cpus > TOPOLOGY_CPU_MAX)
		return error_set(err, -EINVAL, "topology %s: more than %d CPUs", text,
				 TOPOLOGY_CPU_MAX);
	if (topology->llcs % topology->numa_nodes)
		return error_set(err, -EINVAL,
				 "topology %s: %u LLCs cannot be dealt evenly to %u NUMA nodes", text,
				 topology->llcs, topology->numa_nodes);
	return 0;
}

int topology_parse(struct sv text, struct topology *ret_topology, struct ktstr_error *err)
{
	struct topology topology = {0};
	struct sv rest = text;
	int r;

	for (unsigned i = 0; i < 4; i++) {
		struct sv number = {.data = rest.data, .len = 0};

		while (number.len < rest.len && isdigit((unsigned char)rest.data[number.len]))
			number.len++;
		rest = sv_skip(rest, number.len);
		if (rest.len && (rest.data[0] == 's' || rest.data[0] == 'S'))
			return error_set(err, -EINVAL,
					 "topology %.*s: sockets are not counted any more; write nodes, "
					 "LLCs, cores and threads, as in 1n2l4c2t",
					 SV_ARG(text));
		if (number.len == 0 || rest.len == 0 || rest.data[0] != parts[i].letter)
			return error_set(err, -EINVAL,
					 "topology %.*s: expected a number and '%c' for %s, as in "
					 "1n2l4c2t",
					 SV_ARG(text), parts[i].letter, parts[i].name);
		if (sv_u32(number, UINT32_MAX, part_of(&topology, i)) < 0)
			return error_set(err, -EINVAL, "topology %.*s: %s must be 1..%d, not %.*s",
					 SV_ARG(text), parts[i].name, PART_MAX, SV_ARG(number));
		rest = sv_skip(rest, 1);
	}
	if (rest.len)
		return error_set(err, -EINVAL, "topology %.*s: \"%.*s\" after the threads",
				 SV_ARG(text), SV_ARG(rest));
	r = topology_check(&topology, err);
	if (r == 0)
		*ret_topology = topology;
	return r;
}

uint32_t topology_cpus(const struct topology *topology)
{
	return topology->llcs * topology->cores_per_llc * topology->threads_per_core;
}

static uint32_t cpus_per_llc(const struct topology *topology)
{
	return topology->cores_per_llc * topology->threads_per_core;
}

uint32_t topology_llc_of_cpu(const struct topology *topology, uint32_t cpu)
{
	return cpu / cpus_per_llc(topology);
}

uint32_t topology_node_of_cpu(const struct topology *topology, uint32_t cpu)
{
	return topology_llc_of_cpu(topology, cpu) / (topology->llcs / topology->numa_nodes);
}

static struct cpuset run_of_cpus(uint32_t first, uint32_t count)
{
	struct cpuset set = {0};

	for (uint32_t cpu = first; cpu < first + count; cpu++)
		cpuset_add(&set, cpu);
	return set;
}

struct cpuset topology_cpus_of_llc(const struct topology *topology, uint32_t llc)
{
	assert(llc < topology->llcs);
	return run_of_cpus(llc * cpus_per_llc(topology), cpus_per_llc(topology));
}

struct cpuset topology_cpus_of_node(const struct topology *topology, uint32_t node)
{
	uint32_t per_node = topology_cpus(topology) / topology->numa_nodes;

	assert(node < topology->numa_nodes);
	return run_of_cpus(node * per_node, per_node);
}

struct cpuset topology_cpus_of_core(const struct topology *topology, uint32_t cpu)
{
	uint32_t threads = topology->threads_per_core;

	return run_of_cpus(cpu / threads * threads, threads);
}

uint64_t topology_memory_mib(const struct topology *topology, uint64_t wanted_mib)
{
	uint64_t memory_mib = 64ull * topology_cpus(topology);

	if (memory_mib < 256)
		memory_mib = 256;
	return memory_mib < wanted_mib ? wanted_mib : memory_mib;
}
