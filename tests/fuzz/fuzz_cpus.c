/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes: nodes, LLCs a node, cores, threads, kind, index, of, fraction, second fraction; then a list.
 * Property: CPUs that resolve are some of the machine's; parts of a whole are disjoint and make up
 * all usable CPUs, and a widened part covers the plain one; a mask is never empty where there is one;
 * nodes of a memory policy are covered; what does not resolve has words.
 */
#include <assert.h>
#include <errno.h>

#include "scenario/cpus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD 9

static void check_parts(const struct topology *topology, unsigned of)
{
	struct cpuset all = {0}, usable = cpus_usable(topology);
	unsigned count = 0;

	for (unsigned i = 0; i < of; i++) {
		const struct ktstr_cpus plain = KTSTR_DISJOINT(i, of);
		const struct ktstr_cpus wide = KTSTR_OVERLAP(i, of, 0.5);
		struct cpuset part, wider;

		if (cpus_resolve(topology, &plain, &part, NULL) < 0) {
			assert(of > cpuset_count(&usable));
			return;
		}
		assert(cpus_resolve(topology, &wide, &wider, NULL) == 0);
		assert(cpuset_covers(&wider, &part));
		assert(cpuset_covers(&usable, &wider));
		cpuset_union(&all, &part);
		count += cpuset_count(&part);
	}
	assert(cpuset_equal(&all, &usable));
	assert(count == cpuset_count(&usable));
}

static void check_masks(const struct topology *topology, const struct cpuset *cpus,
			const char *list, uint64_t seed)
{
	const struct cpuset all = cpus_all(topology);
	struct ktstr_error err = {0};

	for (int kind = KTSTR_AFFINITY_INHERIT; kind <= KTSTR_AFFINITY_SMT_PAIR; kind++) {
		const struct ktstr_affinity affinity = {.kind = (enum ktstr_affinity_kind)kind,
							.cpus = list};
		struct cpuset mask;
		unsigned i = (unsigned)(seed % 64);
		int r = affinity_resolve(topology, &affinity, cpus, i, &seed, &mask, &err);

		if (r < 0) {
			assert(r == -EINVAL);
			assert(err.msg[0]);
			assert(kind >= KTSTR_AFFINITY_EXACT);
			continue;
		}
		assert((cpuset_count(&mask) == 0) == (kind == KTSTR_AFFINITY_INHERIT));
		assert(cpuset_covers(&all, &mask));
		if (kind != KTSTR_AFFINITY_EXACT && kind != KTSTR_AFFINITY_ALL)
			assert(cpuset_covers(cpus, &mask));
	}
}

static void check_nodes(const struct topology *topology, const struct cpuset *cpus,
			const char *list)
{
	const struct ktstr_mempolicy policy = {.kind = KTSTR_MEM_BIND, .nodes = list};
	struct cpuset covered = nodes_of_cpus(topology, cpus), nodes;

	if (mempolicy_resolve(topology, &policy, cpus, &nodes, NULL) < 0)
		return;
	assert(cpuset_count(&nodes));
	assert(cpuset_covers(&covered, &nodes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *list = NULL;
	struct ktstr_error err = {0};
	struct topology topology;
	struct ktstr_cpus cpus;
	struct cpuset set, all;
	int r;

	if (size < HEAD)
		return 0;
	topology = (struct topology){.numa_nodes = 1 + data[0] % 4,
				     .cores_per_llc = 1 + data[2] % 8,
				     .threads_per_core = 1 + data[3] % 4};
	topology.llcs = topology.numa_nodes * (1 + data[1] % 4);
	list = xstrndup((const char *)data + HEAD, size - HEAD);
	cpus = (struct ktstr_cpus){.kind = (enum ktstr_cpus_kind)(data[4] % 8),
				   .index = data[5],
				   .of = data[6],
				   .from = data[7] / 100.0,
				   .to = data[8] / 100.0,
				   .frac = data[8] / 100.0,
				   .list = list};
	all = cpus_all(&topology);
	if (data[6])
		check_parts(&topology, data[6]);
	r = cpus_resolve(&topology, &cpus, &set, &err);
	if (r < 0) {
		assert(r == -EINVAL);
		assert(err.msg[0]);
		return 0;
	}
	assert((cpuset_count(&set) == 0) == (cpus.kind == KTSTR_CPUS_NONE));
	assert(cpuset_covers(&all, &set));
	if (cpuset_count(&set) == 0)
		set = all;
	check_masks(&topology, &set, list, data[5]);
	check_nodes(&topology, &set, list);
	return 0;
}
