/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/run.h"

#define MOUNTINFO_MAX (4u << 20)
#define SYS_PATH_MAX 128

/* --- cgroup v2 ------------------------------------------------------------------------------------ */

/* Spaces and the like in a path are written as octal escapes: "\\040". */
static char *unescape(struct sv path)
{
	char *plain = xmalloc(path.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < path.len; i++) {
		const char *at = path.data + i;
		bool escape = *at == '\\' && path.len - i > 3 && at[1] >= '0' && at[1] <= '3' &&
			      at[2] >= '0' && at[2] <= '7' && at[3] >= '0' && at[3] <= '7';

		if (escape) {
			plain[len++] = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
			i += 3;
		} else {
			plain[len++] = *at;
		}
	}
	plain[len] = '\0';
	return plain;
}

/* "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw" */
int cgroup_mount_parse(struct sv mountinfo, char **ret_path, struct ktstr_error *err)
{
	struct sv line;

	while (sv_line(&mountinfo, &line)) {
		struct sv field = {0}, path = {0};
		unsigned index = 0;

		while (line.data && !sv_eq(field, "-")) {
			field = sv_split(&line, ' ');
			if (++index == 5)
				path = field;
		}
		if (index < 6 || !sv_eq(sv_split(&line, ' '), "cgroup2") || path.len == 0)
			continue;
		*ret_path = unescape(path);
		return 0;
	}
	return error_set(err, -ENOENT, "no cgroup v2 file system is mounted here; `mount -t cgroup2 "
				       "none /sys/fs/cgroup` makes it one");
}

int host_cgroup_mount(char **ret_mount, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf text = {0};
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err);

	return r < 0 ? r : cgroup_mount_parse(sv_bytes(buf_text(&text), text.len), ret_mount, err);
}

int host_cgroup_root(char **ret_root, struct ktstr_error *err)
{
	AUTO(free) char *mount = NULL;
	int r;

	if (geteuid() != 0)
		return error_set(err, -EPERM, "--host makes cgroups on this machine: be root");
	r = host_cgroup_mount(&mount, err);
	if (r < 0)
		return r;
	*ret_root = xasprintf("%s/ktstr-%d", mount, getpid());
	return 0;
}

/* --- topology ------------------------------------------------------------------------------------- */

static bool read_list(int sys_fd, const char *path, struct cpuset *ret_set)
{
	AUTO(free) char *line = file_line(sys_fd, path);

	return line && cpuset_parse(sv_of(line), ret_set, NULL) == 0 && cpuset_count(ret_set) > 0;
}

/* The CPUs that share the last-level cache with this one. */
static bool read_llc(int sys_fd, int cpu, struct cpuset *ret_set)
{
	char path[SYS_PATH_MAX];

	for (int index = 9; index >= 0; index--) {
		snprintf(path, sizeof(path), "devices/system/cpu/cpu%d/cache/index%d/shared_cpu_list", cpu,
			 index);
		if (read_list(sys_fd, path, ret_set))
			return true;
	}
	return false;
}

static bool read_node(int sys_fd, unsigned node, struct cpuset *ret_set)
{
	char path[SYS_PATH_MAX];

	snprintf(path, sizeof(path), "devices/system/node/node%u/cpulist", node);
	return read_list(sys_fd, path, ret_set);
}

static unsigned count_nodes(int sys_fd, const struct cpuset *online)
{
	unsigned count = 0;

	for (unsigned node = 0; node < HOST_NODES_MAX; node++) {
		struct cpuset cpus;

		count += read_node(sys_fd, node, &cpus) && cpuset_covers(online, &cpus);
	}
	return count ? count : 1;
}

int host_groups_read(int sys_fd, struct host_groups *ret_groups, struct ktstr_error *err)
{
	AUTO(host_groups_done) struct host_groups groups = {0};
	struct cpuset told = {0};

	if (!read_list(sys_fd, "devices/system/cpu/online", &groups.online))
		return error_set(err, -ENXIO, "/sys/devices/system/cpu/online says no CPUs");
	for_each_cpu(cpu, &groups.online) {
		struct host_group llc = {.number = (unsigned)groups.llcs.len};

		if (cpuset_has(&told, (unsigned)cpu))
			continue;
		/* where caches are not told, a CPU has one of its own; it is in it, whatever the file says */
		if (!read_llc(sys_fd, cpu, &llc.cpus))
			llc.cpus = (struct cpuset){0};
		cpuset_add(&llc.cpus, (unsigned)cpu);
		cpuset_union(&told, &llc.cpus);
		host_group_list_push(&groups.llcs, llc);
	}
	for (unsigned node = 0; node < HOST_NODES_MAX; node++) {
		struct host_group group = {.number = node};

		if (read_node(sys_fd, node, &group.cpus))
			host_group_list_push(&groups.nodes, group);
	}
	*ret_groups = TAKE(groups, (struct host_groups){0});
	return 0;
}

void host_groups_done(struct host_groups *groups)
{
	host_group_list_done(&groups->llcs);
	host_group_list_done(&groups->nodes);
}

struct topology host_topology(int sys_fd)
{
	struct cpuset online, siblings, llc;
	struct topology topology = {1, 1, 1, 1};
	uint32_t cpus, per_llc;
	char path[SYS_PATH_MAX];
	int first;

	if (!read_list(sys_fd, "devices/system/cpu/online", &online))
		return topology;
	cpus = cpuset_count(&online);
	topology.cores_per_llc = cpus;
	first = cpuset_next(&online, 0);
	snprintf(path, sizeof(path), "devices/system/cpu/cpu%d/topology/thread_siblings_list", first);
	if (!read_list(sys_fd, path, &siblings) || !read_llc(sys_fd, first, &llc))
		return topology;
	per_llc = cpuset_count(&llc);
	if (cpus % per_llc || per_llc % cpuset_count(&siblings))
		return topology;
	topology = (struct topology){
		.numa_nodes = count_nodes(sys_fd, &online),
		.llcs = cpus / per_llc,
		.cores_per_llc = per_llc / cpuset_count(&siblings),
		.threads_per_core = cpuset_count(&siblings),
	};
	if (topology_check(&topology, NULL) == 0 && topology_verify(&topology, sys_fd, NULL) == 0)
		return topology;
	return (struct topology){1, 1, cpus, 1};
}

int host_topology_here(struct topology *ret_topology, struct ktstr_error *err)
{
	AUTO(fd_close) int sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (sys_fd < 0)
		return error_sys(err, "open /sys");
	*ret_topology = host_topology(sys_fd);
	return 0;
}
