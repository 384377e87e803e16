/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/cpus.h"

#include <errno.h>

struct cpuset cpus_all(const struct topology *topology)
{
	struct cpuset all = {0};

	for (unsigned cpu = 0; cpu < topology_cpus(topology); cpu++)
		cpuset_add(&all, cpu);
	return all;
}

static unsigned usable_count(const struct topology *topology)
{
	unsigned count = topology_cpus(topology);

	return count > 2 ? count - 1 : count;
}

/* CPUs are numbered from 0 without holes, so the n-th one is CPU n. */
static struct cpuset run_of_cpus(unsigned from, unsigned to)
{
	struct cpuset set = {0};

	for (unsigned cpu = from; cpu < to; cpu++)
		cpuset_add(&set, cpu);
	return set;
}

struct cpuset cpus_usable(const struct topology *topology)
{
	return run_of_cpus(0, usable_count(topology));
}

struct cpuset cpus_intersection(const struct cpuset *a, const struct cpuset *b)
{
	struct cpuset both;

	for (unsigned i = 0; i < sizeof(both.word) / sizeof(*both.word); i++)
		both.word[i] = a->word[i] & b->word[i];
	return both;
}

/* --- cpusets ------------------------------------------------------------------------------------ */

/* Not a number is no fraction. */
static bool is_fraction(double value)
{
	return value >= 0 && value <= 1;
}

/* A product like 3 * (1.0 / 3) is meant to be whole. */
static unsigned whole_part(double value)
{
	return (unsigned)(value + 1e-9);
}

static int resolve_llc(const struct topology *topology, unsigned llc, struct cpuset *ret_set,
		       struct ktstr_error *err)
{
	struct cpuset usable = cpus_usable(topology), all;

	if (llc >= topology->llcs)
		return error_set(err, -EINVAL, "LLC %u: the machine has %u", llc, topology->llcs);
	all = topology_cpus_of_llc(topology, llc);
	*ret_set = cpus_intersection(&all, &usable);
	if (cpuset_count(ret_set) == 0)
		return error_set(err, -EINVAL,
				 "LLC %u: its only CPU is left to the rest of the system", llc);
	return 0;
}

static int resolve_node(const struct topology *topology, unsigned node, struct cpuset *ret_set,
			struct ktstr_error *err)
{
	struct cpuset usable = cpus_usable(topology), all;

	if (node >= topology->numa_nodes)
		return error_set(err, -EINVAL, "NUMA node %u: the machine has %u", node,
				 topology->numa_nodes);
	all = topology_cpus_of_node(topology, node);
	*ret_set = cpus_intersection(&all, &usable);
	if (cpuset_count(ret_set) == 0)
		return error_set(err, -EINVAL,
				 "NUMA node %u: its only CPU is left to the rest of the system", node);
	return 0;
}

static int resolve_range(unsigned usable, const struct ktstr_cpus *cpus, struct cpuset *ret_set,
			 struct ktstr_error *err)
{
	if (!is_fraction(cpus->from) || !is_fraction(cpus->to) || cpus->from >= cpus->to)
		return error_set(err, -EINVAL, "range %g to %g: must be 0 <= from < to <= 1",
				 cpus->from, cpus->to);
	*ret_set = run_of_cpus(whole_part(cpus->from * usable), whole_part(cpus->to * usable));
	if (cpuset_count(ret_set) == 0)
		return error_set(err, -EINVAL, "range %g to %g: holds none of the %u usable CPUs",
				 cpus->from, cpus->to, usable);
	return 0;
}

static int resolve_part(unsigned usable, const struct ktstr_cpus *cpus, double widen,
			struct cpuset *ret_set, struct ktstr_error *err)
{
	unsigned from, to, wider;

	if (cpus->of == 0 || cpus->index >= cpus->of)
		return error_set(err, -EINVAL, "part %u of %u: there is no such part", cpus->index,
				 cpus->of);
	if (!is_fraction(widen))
		return error_set(err, -EINVAL, "part %u of %u: overlap must be 0..1, not %g",
				 cpus->index, cpus->of, widen);
	from = (unsigned)((uint64_t)cpus->index * usable / cpus->of);
	to = (unsigned)(((uint64_t)cpus->index + 1) * usable / cpus->of);
	if (from == to)
		return error_set(err, -EINVAL, "part %u of %u: empty, with %u usable CPUs",
				 cpus->index, cpus->of, usable);
	/* rounded: half of a part that is one CPU is one CPU */
	wider = whole_part(widen * usable / cpus->of + 0.5);
	from = from > wider ? from - wider : 0;
	to = to + wider < usable ? to + wider : usable;
	*ret_set = run_of_cpus(from, to);
	return 0;
}

static int resolve_list(const struct topology *topology, const char *list, struct cpuset *ret_set,
			struct ktstr_error *err)
{
	struct cpuset all = cpus_all(topology);
	int r = cpuset_parse(sv_of(list ?: ""), ret_set, err);

	if (r < 0)
		return r;
	if (cpuset_count(ret_set) == 0)
		return error_set(err, -EINVAL, "CPU list \"%s\": is empty", list ?: "");
	if (!cpuset_covers(&all, ret_set))
		return error_set(err, -EINVAL, "CPU list \"%s\": the machine has CPUs 0-%u", list,
				 topology_cpus(topology) - 1);
	return 0;
}

int cpus_resolve(const struct topology *topology, const struct ktstr_cpus *cpus,
		 struct cpuset *ret_set, struct ktstr_error *err)
{
	unsigned usable = usable_count(topology);

	*ret_set = (struct cpuset){0};
	switch (cpus->kind) {
	case KTSTR_CPUS_NONE:
		return 0;
	case KTSTR_CPUS_LLC:
		return resolve_llc(topology, cpus->index, ret_set, err);
	case KTSTR_CPUS_NUMA:
		return resolve_node(topology, cpus->index, ret_set, err);
	case KTSTR_CPUS_RANGE:
		return resolve_range(usable, cpus, ret_set, err);
	case KTSTR_CPUS_DISJOINT:
		return resolve_part(usable, cpus, 0, ret_set, err);
	case KTSTR_CPUS_OVERLAP:
		return resolve_part(usable, cpus, cpus->frac, ret_set, err);
	case KTSTR_CPUS_EXACT:
		return resolve_list(topology, cpus->list, ret_set, err);
	}
	return error_set(err, -EINVAL, "cpus: there is no kind %d", (int)cpus->kind);
}

/* --- affinity ----------------------------------------------------------------------------------- */

static struct cpuset random_subset(const struct cpuset *cpus, uint64_t *random)
{
	unsigned spare = (unsigned)(splitmix64(random) % cpuset_count(cpus));
	struct cpuset subset = {0};
	unsigned n = 0;

	for_each_cpu (cpu, cpus) {
		/* one that is drawn before is in, so that it is never empty */
		if (n++ == spare || splitmix64(random) & 1)
			cpuset_add(&subset, (unsigned)cpu);
	}
	return subset;
}

static struct cpuset nth_cpu(const struct cpuset *cpus, unsigned n)
{
	struct cpuset one = {0};
	int cpu = cpuset_next(cpus, 0);

	for (n %= cpuset_count(cpus); n; n--)
		cpu = cpuset_next(cpus, (unsigned)cpu + 1);
	cpuset_add(&one, (unsigned)cpu);
	return one;
}

static struct cpuset best_llc(const struct topology *topology, const struct cpuset *cpus)
{
	struct cpuset best = {0};

	for (unsigned llc = 0; llc < topology->llcs; llc++) {
		struct cpuset of_llc = topology_cpus_of_llc(topology, llc);
		struct cpuset here = cpus_intersection(cpus, &of_llc);

		if (cpuset_count(&here) > cpuset_count(&best))
			best = here;
	}
	return best;
}

/* Workers 2p and 2p + 1 get pair number p: one thread each. */
static int smt_thread(const struct topology *topology, const struct cpuset *cpus, unsigned i,
		      struct cpuset *ret_mask, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf list = {0};
	struct cpuset first_threads = {0}, core, pair_first;

	for (unsigned cpu = 0; cpu < topology_cpus(topology); cpu += topology->threads_per_core) {
		core = run_of_cpus(cpu, cpu + 2);
		if (topology->threads_per_core >= 2 && cpuset_covers(cpus, &core))
			cpuset_add(&first_threads, cpu);
	}
	if (cpuset_count(&first_threads) == 0) {
		cpuset_format(cpus, &list);
		return error_set(err, -EINVAL,
				 "affinity: no core has two threads among CPUs %s", buf_text(&list));
	}
	pair_first = nth_cpu(&first_threads, i / 2);
	*ret_mask = (struct cpuset){0};
	cpuset_add(ret_mask, (unsigned)cpuset_next(&pair_first, 0) + i % 2);
	return 0;
}

static int exact_mask(const struct topology *topology, const char *list, const struct cpuset *cpus,
		      struct cpuset *ret_mask, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf have = {0};
	int r = resolve_list(topology, list, ret_mask, err);
	struct cpuset both;

	if (r < 0)
		return error_wrap(err, r, "affinity");
	both = cpus_intersection(ret_mask, cpus);
	if (cpuset_count(&both))
		return 0;
	cpuset_format(cpus, &have);
	return error_set(err, -EINVAL, "affinity: none of CPUs %s is among the cgroup's, %s", list,
			 buf_text(&have));
}

int affinity_resolve(const struct topology *topology, const struct ktstr_affinity *affinity,
		     const struct cpuset *cgroup_cpus, unsigned i, uint64_t *random,
		     struct cpuset *ret_mask, struct ktstr_error *err)
{
	*ret_mask = (struct cpuset){0};
	switch (affinity->kind) {
	case KTSTR_AFFINITY_INHERIT:
		return 0;
	case KTSTR_AFFINITY_RANDOM_SUBSET:
		*ret_mask = random_subset(cgroup_cpus, random);
		return 0;
	case KTSTR_AFFINITY_LLC:
		*ret_mask = best_llc(topology, cgroup_cpus);
		return 0;
	case KTSTR_AFFINITY_ALL:
		*ret_mask = cpus_all(topology);
		return 0;
	case KTSTR_AFFINITY_SINGLE_CPU:
		*ret_mask = nth_cpu(cgroup_cpus, i);
		return 0;
	case KTSTR_AFFINITY_EXACT:
		return exact_mask(topology, affinity->cpus, cgroup_cpus, ret_mask, err);
	case KTSTR_AFFINITY_SMT_PAIR:
		return smt_thread(topology, cgroup_cpus, i, ret_mask, err);
	}
	return error_set(err, -EINVAL, "affinity: there is no kind %d", (int)affinity->kind);
}

/* --- memory ------------------------------------------------------------------------------------- */

struct cpuset nodes_of_cpus(const struct topology *topology, const struct cpuset *cpus)
{
	struct cpuset nodes = {0};

	for_each_cpu (cpu, cpus)
		cpuset_add(&nodes, topology_node_of_cpu(topology, (unsigned)cpu));
	return nodes;
}

static bool takes_nodes(enum ktstr_mempolicy_kind kind)
{
	return kind != KTSTR_MEM_DEFAULT && kind != KTSTR_MEM_LOCAL;
}

int mempolicy_resolve(const struct topology *topology, const struct ktstr_mempolicy *policy,
		      const struct cpuset *cgroup_cpus, struct cpuset *ret_nodes,
		      struct ktstr_error *err)
{
	struct cpuset covered = nodes_of_cpus(topology, cgroup_cpus);
	AUTO(buf_done) struct buf have = {0};
	int r;

	*ret_nodes = (struct cpuset){0};
	if (!takes_nodes(policy->kind)) {
		if (policy->nodes)
			return error_set(err, -EINVAL,
					 "mempolicy: nodes %s: this policy takes none", policy->nodes);
		return 0;
	}
	r = cpuset_parse(sv_of(policy->nodes ?: ""), ret_nodes, err);
	if (r < 0)
		return error_wrap(err, r, "mempolicy: nodes");
	if (cpuset_count(ret_nodes) == 0)
		return error_set(err, -EINVAL, "mempolicy: this policy needs nodes");
	if (policy->kind == KTSTR_MEM_PREFERRED && cpuset_count(ret_nodes) > 1)
		return error_set(err, -EINVAL, "mempolicy: nodes %s: PREFERRED takes one node",
				 policy->nodes);
	if (policy->flags & KTSTR_MEM_RELATIVE_NODES || cpuset_covers(&covered, ret_nodes))
		return 0;
	cpuset_format(&covered, &have);
	return error_set(err, -EINVAL, "mempolicy: nodes %s: the cgroup's CPUs are on node %s",
			 policy->nodes, buf_text(&have));
}
