/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>

#include "test.h"
#include "topology/topology.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_topology
#include "../fuzz/fuzz_topology.c"
#undef LLVMFuzzerTestOneInput

static struct topology parsed(const char *text)
{
	struct ktstr_error err = {0};
	struct topology topology = {0};

	if (topology_parse(sv_of(text), &topology, &err) < 0)
		fail_msg("%s", err.msg);
	return topology;
}

static void refused(const char *text, const char *message)
{
	struct ktstr_error err = {0};
	struct topology topology;

	CHECK_EQ(topology_parse(sv_of(text), &topology, &err), -EINVAL);
	CHECK_STR(err.msg, message);
}

TEST(topology_text_survives_a_round_trip)
{
	struct topology topology = parsed("2n4l3c2t");
	char text[TOPOLOGY_TEXT_MAX];

	CHECK_EQ(topology_cpus(&topology), 24);
	topology_format(&topology, text);
	CHECK_STR(text, "2n4l3c2t");
}

/* contract L5 */
TEST(topology_refuses_what_is_no_topology)
{
	refused("1n2l0c2t", "topology 1n2l0c2t: cores must be 1..1024, not 0");
	refused("0n1l1c1t", "topology 0n1l1c1t: NUMA nodes must be 1..1024, not 0");
	refused("", "topology : expected a number and 'n' for NUMA nodes, as in 1n2l4c2t");
	refused("1n2l4c", "topology 1n2l4c: expected a number and 't' for threads, as in 1n2l4c2t");
	refused("1n2l4c2tx", "topology 1n2l4c2tx: \"x\" after the threads");
	refused("2l1n4c2t", "topology 2l1n4c2t: expected a number and 'n' for NUMA nodes, as in 1n2l4c2t");
	refused("2n3l4c2t", "topology 2n3l4c2t: 3 LLCs cannot be dealt evenly to 2 NUMA nodes");
	refused("1n99999999999l1c1t", "topology 1n99999999999l1c1t: LLCs must be 1..1024, not 99999999999");
	refused("1n64l64c64t", "topology 1n64l64c64t: more than 1024 CPUs");
}

TEST(the_old_socket_form_gets_a_hint)
{
	struct ktstr_error err = {0};
	struct topology topology;

	CHECK_EQ(topology_parse(sv_of("2s4c2t"), &topology, &err), -EINVAL);
	CHECK_HAS(err.msg, "sockets are not counted any more");
}

TEST(cpus_are_dealt_threads_first_then_cores_llcs_nodes)
{
	struct topology topology = parsed("2n4l2c2t");
	AUTO(buf_done) struct buf list = {0};
	struct cpuset set = topology_cpus_of_llc(&topology, 1);

	cpuset_format(&set, &list);
	CHECK_STR(buf_text(&list), "4-7");
	buf_clear(&list);
	set = topology_cpus_of_node(&topology, 1);
	cpuset_format(&set, &list);
	CHECK_STR(buf_text(&list), "8-15");
	buf_clear(&list);
	set = topology_cpus_of_core(&topology, 5);
	cpuset_format(&set, &list);
	CHECK_STR(buf_text(&list), "4-5");
	CHECK_EQ(topology_node_of_cpu(&topology, 7), 0);
	CHECK_EQ(topology_node_of_cpu(&topology, 8), 1);
}

/* contract L8 */
TEST(memory_is_the_largest_of_the_three)
{
	struct topology small = parsed("1n1l2c1t"), large = parsed("1n8l8c1t");

	CHECK_EQ(topology_memory_mib(&small, 0), 256);
	CHECK_EQ(topology_memory_mib(&small, 2048), 2048);
	CHECK_EQ(topology_memory_mib(&large, 2048), 4096);
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_topology_holds_on_its_corpus)
{
	replay_corpus("topology", fuzz_topology);
}

RUN_TESTS();
