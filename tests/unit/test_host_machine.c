/* SPDX-License-Identifier: BSD-2-Clause */
/* This machine as the place of a test: where its cgroups are, what shape it has, what was left there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/run.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_mountinfo
#include "../fuzz/fuzz_mountinfo.c"
#undef LLVMFuzzerTestOneInput

/* --- cgroup v2 ------------------------------------------------------------------------------------ */

static void check_mount(const char *mountinfo, const char *want)
{
	AUTO(free) char *path = NULL;
	struct ktstr_error err = {0};

	CHECK_EQ(cgroup_mount_parse(sv_of(mountinfo), &path, &err), 0);
	CHECK_STR(path, want);
}

TEST(cgroup_v2_is_found_where_it_is_mounted)
{
	check_mount("35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n",
		    "/sys/fs/cgroup");
	check_mount("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		    "41 31 0:38 / /sys/fs/cgroup/unified rw shared:1 master:3 - cgroup2 cgroup2 rw\n",
		    "/sys/fs/cgroup/unified");
	check_mount("35 24 0:30 / /mnt/a\\040b\\134c rw - cgroup2 none rw", "/mnt/a b\\c");
}

TEST(without_cgroup_v2_the_words_say_what_to_do)
{
	static const char *const none[] = {
		"",
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs cgroup2 rw,mode=755\n",
		"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
		"- cgroup2 cgroup2 rw\n",
		"35 24 0:30 / /cgroup2 rw cgroup2 cgroup2 rw\n",
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		AUTO(free) char *path = NULL;
		struct ktstr_error err = {0};

		CHECK_EQ(cgroup_mount_parse(sv_of(none[i]), &path, &err), -ENOENT);
		CHECK_STR(err.msg, "no cgroup v2 file system is mounted here; `mount -t cgroup2 none "
				   "/sys/fs/cgroup` makes it one");
	}
}

TEST(whatever_mountinfo_says)
{
	replay_corpus("mountinfo", fuzz_mountinfo);
}

TEST(names_of_leftovers_are_ktstr_s_and_no_others)
{
	static const struct {
		const char *name;
		bool is_one;
		uint32_t pid;
	} rows[] = {
		{"ktstr", true, 0},         {"ktstr-1", true, 1},      {"ktstr-4194304", true, 4194304},
		{"ktstr-", false, 0},       {"ktstr-0", false, 0},     {"ktstr-1x", false, 0},
		{"ktstr--1", false, 0},     {"ktstrd", false, 0},      {"my-ktstr-1", false, 0},
		{"ktstr-99999999999", false, 0}, {"", false, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t pid;

		CHECK_EQ(leftover_parse(rows[i].name, &pid), rows[i].is_one);
		if (rows[i].is_one)
			CHECK_EQ(pid, rows[i].pid);
	}
}

TEST(what_is_no_cgroup_is_not_removed)
{
	char dir[] = "/tmp/ktstr-1.XXXXXX";
	struct ktstr_error err = {0};

	CHECK(mkdtemp(dir));
	CHECK_EQ(cgroup_leftover_remove(dir, &err), -EINVAL);
	CHECK_HAS(err.msg, " is no cgroup");
	CHECK_EQ(rmdir(dir), 0);
	CHECK_EQ(cgroup_leftover_remove(dir, &err), -ENOENT);
}

/* --- the shape ------------------------------------------------------------------------------------ */

struct sys {
	char path[32];
	int fd;
};

static void sys_done(struct sys *sys)
{
	fd_close(sys->fd);
	CHECK_EQ(tree_remove(sys->path, NULL), 0);
}
DEFINE_AUTO_DONE(struct sys, sys_done)

static struct sys sys_new(void)
{
	struct sys sys = {.path = "/tmp/ktstr-sys.XXXXXX"};

	CHECK(mkdtemp(sys.path));
	sys.fd = open(sys.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(sys.fd >= 0);
	return sys;
}

static void put(const struct sys *sys, const char *text, const char *name)
{
	AUTO(free) char *path = xasprintf("%s/devices/system/%s", sys->path, name);
	AUTO(free) char *command = xasprintf("mkdir -p $(dirname %s)", path);
	AUTO(free) char *line = xasprintf("%s\n", text);

	CHECK_EQ(system(command), 0);
	CHECK_EQ(file_write_atomic(path, line, strlen(line), 0644, NULL), 0);
}

static void put_cpu(const struct sys *sys, unsigned cpu, const char *siblings, const char *llc)
{
	AUTO(free) char *threads = xasprintf("cpu/cpu%u/topology/thread_siblings_list", cpu);
	AUTO(free) char *shared = xasprintf("cpu/cpu%u/cache/index3/shared_cpu_list", cpu);
	AUTO(free) char *level = xasprintf("cpu/cpu%u/cache/index3/level", cpu);

	put(sys, siblings, threads);
	put(sys, llc, shared);
	put(sys, "3", level);
}

static void check_shape(const struct sys *sys, const char *want)
{
	struct topology topology = host_topology(sys->fd);
	char text[TOPOLOGY_TEXT_MAX];

	topology_format(&topology, text);
	CHECK_STR(text, want);
}

/* Two nodes of one LLC with two cores of two threads. */
static void put_regular(const struct sys *sys)
{
	static const char *const siblings[] = {"0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7"};

	put(sys, "0-7", "cpu/online");
	for (unsigned cpu = 0; cpu < 8; cpu++)
		put_cpu(sys, cpu, siblings[cpu], cpu < 4 ? "0-3" : "4-7");
	put(sys, "0-1", "node/online");
	put(sys, "0-3", "node/node0/cpulist");
	put(sys, "4-7", "node/node1/cpulist");
	put(sys, "10 20", "node/node0/distance");
	put(sys, "20 10", "node/node1/distance");
}

TEST(a_regular_host_is_taken_as_it_is)
{
	AUTO(sys_done) struct sys sys = sys_new();

	put_regular(&sys);
	check_shape(&sys, "2n2l2c2t");
}

TEST(other_hosts_are_one_llc_of_all_their_cpus)
{
	AUTO(sys_done) struct sys sys = sys_new();

	check_shape(&sys, "1n1l1c1t");        /* it says nothing at all */
	put(&sys, "0-5", "cpu/online");
	check_shape(&sys, "1n1l6c1t");        /* nothing of caches */
	put_regular(&sys);
	put(&sys, "0-6", "cpu/online");
	check_shape(&sys, "1n1l7c1t");        /* one is offline */
	put(&sys, "0-7", "cpu/online");
	/* hyperthreads as many machines number them */
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		AUTO(free) char *pair = xasprintf("%u,%u", cpu % 4, cpu % 4 + 4);

		put_cpu(&sys, cpu, pair, "0-7");
	}
	check_shape(&sys, "1n1l8c1t");
}

TEST(groups_of_cpus_are_told_whatever_their_shape)
{
	AUTO(sys_done) struct sys sys = sys_new();
	AUTO(host_groups_done) struct host_groups groups = {0};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(host_groups_read(sys.fd, &groups, &err), -ENXIO);
	put(&sys, "0-3,6", "cpu/online");
	put_cpu(&sys, 0, "0", "0,2,6");
	put_cpu(&sys, 1, "1", "1,3");
	put(&sys, "0-3,6", "node/node4/cpulist");
	CHECK_EQ(host_groups_read(sys.fd, &groups, &err), 0);
	CHECK_EQ(groups.llcs.len, 2);
	cpuset_format(&groups.llcs.at[0].cpus, &text);
	buf_char(&text, ' ');
	cpuset_format(&groups.llcs.at[1].cpus, &text);
	CHECK_STR(buf_text(&text), "0,2,6 1,3");
	CHECK_EQ(groups.nodes.len, 1);
	CHECK_EQ(groups.nodes.at[0].number, 4);
}

RUN_TESTS();
