/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>

#include "scenario/cpus.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_cpus
#include "../fuzz/fuzz_cpus.c"
#undef LLVMFuzzerTestOneInput

static struct topology topology_of(const char *text)
{
	struct topology topology;

	CHECK_EQ(topology_parse(sv_of(text), &topology, NULL), 0);
	return topology;
}

static char *list_of(const struct cpuset *set)
{
	struct buf text = {0};

	cpuset_format(set, &text);
	return text.data ? buf_take(&text) : xstrdup("");
}

static struct cpuset set_of(const char *list)
{
	struct cpuset set;

	CHECK_EQ(cpuset_parse(sv_of(list), &set, NULL), 0);
	return set;
}

static void check_resolves(const char *machine, struct ktstr_cpus cpus, const char *want)
{
	struct topology topology = topology_of(machine);
	struct ktstr_error err = {0};
	struct cpuset set;

	if (cpus_resolve(&topology, &cpus, &set, &err) < 0)
		fail_msg("%s on %s: %s", want, machine, err.msg);
	AUTO(free) char *have = list_of(&set);
	CHECK_STR(have, want);
}

static void check_refused(const char *machine, struct ktstr_cpus cpus, const char *words)
{
	struct topology topology = topology_of(machine);
	struct ktstr_error err = {0};
	struct cpuset set;

	CHECK_EQ(cpus_resolve(&topology, &cpus, &set, &err), -EINVAL);
	CHECK_STR(err.msg, words);
}

TEST(the_last_cpu_is_left_to_the_system_where_there_are_more_than_two)
{
	check_resolves("1n1l1c1t", (struct ktstr_cpus)KTSTR_RANGE(0, 1), "0");
	check_resolves("1n1l2c1t", KTSTR_RANGE(0, 1), "0-1");
	check_resolves("1n1l3c1t", KTSTR_RANGE(0, 1), "0-1");
	check_resolves("2n4l4c2t", KTSTR_RANGE(0, 1), "0-30");
	check_resolves("2n4l4c2t", KTSTR_EXACT("31,0-1"), "0-1,31");
	check_resolves("2n4l4c2t", (struct ktstr_cpus){0}, "");
}

TEST(llcs_and_nodes_are_those_of_the_machine)
{
	check_resolves("1n2l2c1t", KTSTR_LLC(0), "0-1");
	check_resolves("1n2l2c1t", KTSTR_LLC(1), "2");
	check_resolves("2n4l4c2t", KTSTR_LLC(2), "16-23");
	check_resolves("2n4l4c2t", KTSTR_NUMA(0), "0-15");
	check_resolves("2n4l4c2t", KTSTR_NUMA(1), "16-30");
	check_refused("2n4l4c2t", KTSTR_LLC(4), "LLC 4: the machine has 4");
	check_refused("2n4l4c2t", KTSTR_NUMA(2), "NUMA node 2: the machine has 2");
	check_refused("1n3l1c1t", KTSTR_LLC(2),
		      "LLC 2: its only CPU is left to the rest of the system");
	check_refused("3n3l1c1t", KTSTR_NUMA(2),
		      "NUMA node 2: its only CPU is left to the rest of the system");
}

TEST(parts_share_the_usable_cpus_out)
{
	check_resolves("1n1l1c1t", KTSTR_DISJOINT(0, 1), "0");
	check_resolves("1n1l2c1t", KTSTR_DISJOINT(1, 2), "1");
	check_resolves("1n2l2c1t", KTSTR_DISJOINT(0, 2), "0");
	check_resolves("1n2l2c1t", KTSTR_DISJOINT(1, 2), "1-2");
	check_resolves("2n4l4c2t", KTSTR_DISJOINT(0, 4), "0-6");
	check_resolves("2n4l4c2t", KTSTR_DISJOINT(3, 4), "23-30");
	check_refused("1n1l1c1t", KTSTR_DISJOINT(0, 2), "part 0 of 2: empty, with 1 usable CPUs");
	check_refused("1n1l2c1t", KTSTR_DISJOINT(2, 2), "part 2 of 2: there is no such part");
	check_refused("1n1l2c1t", KTSTR_DISJOINT(0, 0), "part 0 of 0: there is no such part");
}

TEST(overlapping_parts_are_widened_on_both_sides)
{
	check_resolves("1n1l4c1t", KTSTR_OVERLAP(0, 3, 0.5), "0-1");
	check_resolves("1n1l4c1t", KTSTR_OVERLAP(1, 3, 0.5), "0-2");
	check_resolves("1n1l4c1t", KTSTR_OVERLAP(1, 3, 0), "1");
	check_resolves("2n4l4c2t", KTSTR_OVERLAP(1, 3, 0.5), "5-24");
	check_resolves("2n4l4c2t", KTSTR_OVERLAP(2, 3, 1), "10-30");
	check_refused("1n1l4c1t", KTSTR_OVERLAP(0, 3, 1.5),
		      "part 0 of 3: overlap must be 0..1, not 1.5");
	check_refused("1n1l4c1t", KTSTR_OVERLAP(0, 3, -0.1),
		      "part 0 of 3: overlap must be 0..1, not -0.1");
}

TEST(ranges_are_fractions_of_the_usable_cpus)
{
	check_resolves("1n1l4c1t", KTSTR_RANGE(0, 1.0 / 3), "0");
	check_resolves("1n1l4c1t", KTSTR_RANGE(1.0 / 3, 1), "1-2");
	check_resolves("2n4l4c2t", KTSTR_RANGE(0.5, 0.75), "15-22");
	check_refused("1n1l2c1t", KTSTR_RANGE(0, 0.4),
		      "range 0 to 0.4: holds none of the 2 usable CPUs");
	check_refused("1n1l2c1t", KTSTR_RANGE(0.5, 0.5),
		      "range 0.5 to 0.5: must be 0 <= from < to <= 1");
	check_refused("1n1l2c1t", KTSTR_RANGE(0, 2), "range 0 to 2: must be 0 <= from < to <= 1");
	check_refused("1n1l2c1t", KTSTR_RANGE(-1, 1), "range -1 to 1: must be 0 <= from < to <= 1");
	struct topology topology = topology_of("1n1l2c1t");
	struct cpuset set;
	CHECK_EQ(cpus_resolve(&topology, &KTSTR_RANGE(NAN, 1), &set, NULL), -EINVAL);
}

TEST(an_exact_list_is_of_this_machine)
{
	check_refused("1n1l2c1t", KTSTR_EXACT("0-2"), "CPU list \"0-2\": the machine has CPUs 0-1");
	check_refused("1n1l2c1t", KTSTR_EXACT(""), "CPU list \"\": is empty");
	check_refused("1n1l2c1t", KTSTR_EXACT(NULL), "CPU list \"\": is empty");
	check_refused("1n1l2c1t", KTSTR_EXACT("x"), "CPU list \"x\": \"x\" is no CPU below 1024");
	check_refused("1n1l2c1t", ((struct ktstr_cpus){.kind = 77}), "cpus: there is no kind 77");
}

/* --- affinity ----------------------------------------------------------------------------------- */

static void check_mask(const char *machine, struct ktstr_affinity affinity, const char *cgroup,
		       unsigned i, const char *want)
{
	struct topology topology = topology_of(machine);
	struct cpuset cpus = set_of(cgroup), mask;
	struct ktstr_error err = {0};
	uint64_t random = 1;

	if (affinity_resolve(&topology, &affinity, &cpus, i, &random, &mask, &err) < 0)
		fail_msg("%s on %s: %s", want, machine, err.msg);
	AUTO(free) char *have = list_of(&mask);
	CHECK_STR(have, want);
}

static void check_no_mask(const char *machine, struct ktstr_affinity affinity, const char *cgroup,
			  const char *words)
{
	struct topology topology = topology_of(machine);
	struct cpuset cpus = set_of(cgroup), mask;
	struct ktstr_error err = {0};
	uint64_t random = 1;

	CHECK_EQ(affinity_resolve(&topology, &affinity, &cpus, 0, &random, &mask, &err), -EINVAL);
	CHECK_STR(err.msg, words);
}

TEST(masks_follow_the_cgroups_cpus_and_the_machine)
{
	const struct ktstr_affinity llc = {.kind = KTSTR_AFFINITY_LLC},
				    all = {.kind = KTSTR_AFFINITY_ALL},
				    single = {.kind = KTSTR_AFFINITY_SINGLE_CPU},
				    pair = {.kind = KTSTR_AFFINITY_SMT_PAIR},
				    exact = {.kind = KTSTR_AFFINITY_EXACT, .cpus = "0-1,3"};

	check_mask("2n4l4c2t", (struct ktstr_affinity){0}, "0-31", 0, "");
	check_mask("2n4l4c2t", llc, "0-31", 0, "0-7");
	check_mask("2n4l4c2t", llc, "6-12", 0, "8-12");
	check_mask("2n4l4c2t", all, "6-12", 0, "0-31");
	check_mask("2n4l4c2t", single, "6,9,30", 1, "9");
	check_mask("2n4l4c2t", single, "6,9,30", 5, "30");
	check_mask("1n1l1c1t", single, "0", 3, "0");
	check_mask("1n1l4c1t", exact, "2-3", 0, "0-1,3");
	check_mask("2n4l4c2t", pair, "0-5", 0, "0");
	check_mask("2n4l4c2t", pair, "0-5", 1, "1");
	check_mask("2n4l4c2t", pair, "0-5", 5, "5");
	check_mask("2n4l4c2t", pair, "0-5", 6, "0");
	check_mask("2n4l4c2t", pair, "3-6", 0, "4");
	check_no_mask("2n4l4c2t", pair, "3,5,7",
		      "affinity: no core has two threads among CPUs 3,5,7");
	check_no_mask("1n2l2c1t", pair, "0-3", "affinity: no core has two threads among CPUs 0-3");
	check_no_mask("1n1l4c1t", exact, "2",
		      "affinity: none of CPUs 0-1,3 is among the cgroup's, 2");
	check_no_mask("1n1l2c1t", exact, "0-1",
		      "affinity: CPU list \"0-1,3\": the machine has CPUs 0-1");
	check_no_mask("1n1l2c1t", (struct ktstr_affinity){.kind = 99}, "0-1",
		      "affinity: there is no kind 99");
}

TEST(random_subsets_follow_the_seed_and_are_never_empty)
{
	const struct ktstr_affinity affinity = {.kind = KTSTR_AFFINITY_RANDOM_SUBSET};
	struct topology topology = topology_of("1n2l2c1t");
	struct cpuset cpus = set_of("0,2-3"), mask, again;
	uint64_t random = 7, same = 7;
	unsigned counts[5] = {0};

	for (unsigned i = 0; i < 200; i++) {
		CHECK_EQ(affinity_resolve(&topology, &affinity, &cpus, i, &random, &mask, NULL), 0);
		CHECK_EQ(affinity_resolve(&topology, &affinity, &cpus, i, &same, &again, NULL), 0);
		CHECK(cpuset_equal(&mask, &again));
		CHECK(cpuset_covers(&cpus, &mask));
		counts[cpuset_count(&mask)]++;
	}
	CHECK_EQ(counts[0], 0);
	CHECK(counts[1] > 10);
	CHECK(counts[2] > 10);
	CHECK(counts[3] > 10);
}

/* --- memory ------------------------------------------------------------------------------------- */

static int check_nodes_of(struct ktstr_mempolicy policy, const char *cgroup, struct ktstr_error *err)
{
	struct topology topology = topology_of("2n4l4c2t");
	struct cpuset cpus = set_of(cgroup), nodes;

	return mempolicy_resolve(&topology, &policy, &cpus, &nodes, err);
}

TEST(a_memory_policys_nodes_are_covered_by_those_of_the_cgroup)
{
	struct ktstr_error err = {0};
	struct ktstr_mempolicy bind = {.kind = KTSTR_MEM_BIND, .nodes = "1"};

	CHECK_EQ(check_nodes_of(bind, "0-31", &err), 0);
	CHECK_EQ(check_nodes_of(bind, "0-15", &err), -EINVAL);
	CHECK_STR(err.msg, "mempolicy: nodes 1: the cgroup's CPUs are on node 0");
	bind.flags = KTSTR_MEM_RELATIVE_NODES;
	CHECK_EQ(check_nodes_of(bind, "0-15", &err), 0);
	CHECK_EQ(check_nodes_of((struct ktstr_mempolicy){.kind = KTSTR_MEM_INTERLEAVE}, "0", &err),
		 -EINVAL);
	CHECK_STR(err.msg, "mempolicy: this policy needs nodes");
	CHECK_EQ(check_nodes_of((struct ktstr_mempolicy){.kind = KTSTR_MEM_LOCAL, .nodes = "0"}, "0",
				&err), -EINVAL);
	CHECK_STR(err.msg, "mempolicy: nodes 0: this policy takes none");
	CHECK_EQ(check_nodes_of((struct ktstr_mempolicy){.kind = KTSTR_MEM_PREFERRED,
							 .nodes = "0-1"}, "0-31", &err), -EINVAL);
	CHECK_STR(err.msg, "mempolicy: nodes 0-1: PREFERRED takes one node");
	CHECK_EQ(check_nodes_of((struct ktstr_mempolicy){.kind = KTSTR_MEM_BIND, .nodes = "a"}, "0",
				&err), -EINVAL);
	CHECK_HAS(err.msg, "mempolicy: nodes: ");
	CHECK_EQ(check_nodes_of((struct ktstr_mempolicy){0}, "0", &err), 0);
}

TEST(fuzz_cpus_holds_on_its_corpus)
{
	replay_corpus("cpus", fuzz_cpus);
}

RUN_TESTS();
