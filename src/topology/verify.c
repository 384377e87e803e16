/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - is the machine under /sys the one that was asked for? Files and formats:
 * Documentation/ABI/stable/sysfs-devices-system-cpu, sysfs-devices-node.
 */
#include <errno.h>
#include <stdio.h>

#include "topology/topology.h"

#define CPU_DIR "devices/system/cpu"
#define NODE_DIR "devices/system/node"
#define CACHE_INDEX_MAX 8

static int expect_set(int sys_fd, const char *path, const struct cpuset *want, const char *what,
		      struct ktstr_error *err)
{
	AUTO(free) char *text = file_line(sys_fd, path);
	AUTO(buf_done) struct buf wanted = {0};
	struct cpuset have;
	int r;

	if (!text)
		return error_set(err, -ENXIO, "the guest has no /sys/%s", path);
	r = cpuset_parse(sv_of(text), &have, err);
	if (r < 0)
		return error_wrap(err, r, "/sys/%s", path);
	if (cpuset_equal(&have, want))
		return 0;
	cpuset_format(want, &wanted);
	return error_set(err, -ENXIO, "%s: %s in the guest, %s asked for (/sys/%s)", what, text,
			 buf_text(&wanted), path);
}

/* The directory index of a CPU's L3, or -1. */
static int find_l3(int sys_fd, uint32_t cpu)
{
	for (int index = 0; index < CACHE_INDEX_MAX; index++) {
		AUTO(free) char *path = xasprintf(CPU_DIR "/cpu%u/cache/index%d/level", cpu, index);
		AUTO(free) char *level = file_line(sys_fd, path);

		if (level && sv_eq(sv_of(level), "3"))
			return index;
	}
	return -1;
}

static int verify_cpu(const struct topology *topology, int sys_fd, uint32_t cpu,
		      struct ktstr_error *err)
{
	AUTO(free) char *siblings =
		xasprintf(CPU_DIR "/cpu%u/topology/thread_siblings_list", cpu);
	struct cpuset core = topology_cpus_of_core(topology, cpu);
	struct cpuset llc = topology_cpus_of_llc(topology, topology_llc_of_cpu(topology, cpu));
	AUTO(free) char *what = xasprintf("CPU %u: SMT siblings", cpu);
	AUTO(free) char *what_l3 = xasprintf("CPU %u: sharing its L3", cpu);
	AUTO(free) char *shared = NULL;
	int l3 = find_l3(sys_fd, cpu);
	int r;

	r = expect_set(sys_fd, siblings, &core, what, err);
	if (r < 0)
		return r;
	if (l3 < 0)
		return error_set(err, -ENXIO, "CPU %u: the guest sees no L3 cache", cpu);
	shared = xasprintf(CPU_DIR "/cpu%u/cache/index%d/shared_cpu_list", cpu, l3);
	return expect_set(sys_fd, shared, &llc, what_l3, err);
}

static int verify_node(const struct topology *topology, int sys_fd, uint32_t node,
		       struct ktstr_error *err)
{
	AUTO(free) char *cpulist = xasprintf(NODE_DIR "/node%u/cpulist", node);
	AUTO(free) char *distance_path = xasprintf(NODE_DIR "/node%u/distance", node);
	AUTO(free) char *what = xasprintf("NUMA node %u: CPUs", node);
	AUTO(free) char *distances = NULL;
	AUTO(buf_done) struct buf wanted = {0};
	struct cpuset cpus = topology_cpus_of_node(topology, node);
	int r;

	r = expect_set(sys_fd, cpulist, &cpus, what, err);
	if (r < 0)
		return r;
	for (uint32_t other = 0; other < topology->numa_nodes; other++)
		buf_printf(&wanted, "%s%d", other ? " " : "",
			   other == node ? TOPOLOGY_DISTANCE_LOCAL : TOPOLOGY_DISTANCE_REMOTE);
	distances = file_line(sys_fd, distance_path);
	if (!distances || !sv_eq(sv_of(distances), buf_text(&wanted)))
		return error_set(err, -ENXIO, "NUMA node %u: distances \"%s\" in the guest, \"%s\" asked for",
				 node, distances ?: "", buf_text(&wanted));
	return 0;
}

static struct cpuset first_n(uint32_t count)
{
	struct cpuset set = {0};

	for (uint32_t i = 0; i < count; i++)
		cpuset_add(&set, i);
	return set;
}

int topology_verify(const struct topology *topology, int sys_fd, struct ktstr_error *err)
{
	struct cpuset cpus = first_n(topology_cpus(topology));
	struct cpuset nodes = first_n(topology->numa_nodes);
	int r;

	r = expect_set(sys_fd, CPU_DIR "/online", &cpus, "CPUs online", err);
	if (r == 0)
		r = expect_set(sys_fd, NODE_DIR "/online", &nodes, "NUMA nodes online", err);
	for (uint32_t cpu = 0; r == 0 && cpu < topology_cpus(topology); cpu++)
		r = verify_cpu(topology, sys_fd, cpu, err);
	for (uint32_t node = 0; r == 0 && node < topology->numa_nodes; node++)
		r = verify_node(topology, sys_fd, node, err);
	return r;
}
