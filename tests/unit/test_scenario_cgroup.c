/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <time.h>

#include "scenario/cgroup.h"
#include "tree.h"

/* --- making --------------------------------------------------------------------------------------- */

/* Files that are there take one write after the other; the last one is what they hold. */
TEST(controllers_are_enabled_from_the_top_down_as_far_as_they_are_offered)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};

	make(&tree, "fs/root");
	put(&tree, "fs/cgroup.controllers", "cpuset cpu io memory\n");
	put(&tree, "fs/cgroup.subtree_control", "");
	put(&tree, "fs/root/cgroup.controllers", "io cpu\n");
	put(&tree, "fs/root/cgroup.subtree_control", "");
	AUTO(free) char *root = below(&tree, "fs/root");
	CHECK_EQ(cgroups_open(&cgroups, root, NULL), 0);
	AUTO(free) char *fs = below(&tree, "fs");
	CHECK_STR(cgroups.top, fs);
	AUTO(free) char *top = get(&tree, "fs/cgroup.subtree_control");
	CHECK_STR(top, "+cpuset");
	AUTO(free) char *inner = get(&tree, "fs/root/cgroup.subtree_control");
	CHECK_STR(inner, "+cpu");
}

TEST(what_is_on_already_is_left_alone)
{
	AUTO(tree_done) struct tree tree = tree_new();
	struct cgroups cgroups = {0};

	put(&tree, "cgroup.controllers", "cpuset cpu\n");
	put(&tree, "cgroup.subtree_control", "cpuset cpu pids\n");
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	cgroups_done(&cgroups);
	AUTO(free) char *on = get(&tree, "cgroup.subtree_control");
	CHECK_STR(on, "cpuset cpu pids");
}

TEST(a_controller_that_is_needed_is_switched_on_and_off_again)
{
	AUTO(tree_done) struct tree tree = tree_new();
	struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	put(&tree, "cgroup.controllers", "memory\n");
	put(&tree, "cgroup.subtree_control", "");
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	CHECK_EQ(cgroups_need(&cgroups, "cg_0", "memory", NULL), 0);
	AUTO(free) char *on = get(&tree, "cgroup.subtree_control");
	CHECK_STR(on, "+memory");
	CHECK_EQ(cgroups_need(&cgroups, "cg_0", "pids", &err), -ENOTSUP);
	CHECK_HAS(err.msg, "the controller pids is not offered by /tmp/ktstr-test.");
	cgroups_done(&cgroups);
	AUTO(free) char *off = get(&tree, "cgroup.subtree_control");
	CHECK_STR(off, "-memory");
}

TEST(nested_cgroups_get_their_parents_and_all_are_removed)
{
	AUTO(tree_done) struct tree tree = tree_new();
	struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	make(&tree, "fs");
	AUTO(free) char *root = below(&tree, "fs/a/b");
	CHECK_EQ(cgroups_open(&cgroups, root, NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_0", NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "x/y/z", NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "x/y/w", NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_0", &err), -EEXIST);
	CHECK_HAS(err.msg, "fs/a/b/cg_0: File exists");
	CHECK(is_there(&tree, "fs/a/b/x/y/z"));
	CHECK_EQ(cgroups_remove_one(&cgroups, "x/y/z", deadline_in(NS_PER_S), NULL), 0);
	CHECK(!is_there(&tree, "fs/a/b/x/y/z"));
	CHECK(is_there(&tree, "fs/a/b/x/y/w"));
	/* what a worker made inside */
	make(&tree, "fs/a/b/cg_0/inside/deep");
	cgroups_done(&cgroups);
	CHECK(!is_there(&tree, "fs/a"));
	CHECK(is_there(&tree, "fs"));
	cgroups_done(&cgroups);
}

/* --- a kernel that does not do as it is told ---------------------------------------------------------- */

static unsigned busy_times;
static int answer;

static int act_busy(enum cgroup_act act, const char *path, const char *text,
		    struct ktstr_error *err)
{
	if (act != CGROUP_WRITE)
		return cgroup_act(act, path, text, err);
	if (busy_times == 0)
		return answer ? error_set(err, answer, "write %s", path) : 0;
	busy_times--;
	return error_set(err, -EBUSY, "write %s > %s", text, path);
}

static int move_against(unsigned times, int then, struct ktstr_error *err)
{
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	AUTO(tree_done) struct tree tree = tree_new();

	cgroups.act = act_busy;
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	busy_times = times;
	answer = then;
	return cgroups_move(&cgroups, "cg_0", 42, err);
}

TEST(a_busy_cgroup_is_tried_four_times_in_all)
{
	struct ktstr_error err = {0};
	uint64_t before = clock_ns();

	CHECK_EQ(move_against(3, 0, &err), 0);
	CHECK_EQ(busy_times, 0);
	CHECK(clock_ns() - before >= 300 * NS_PER_MS);
	CHECK_EQ(move_against(5, 0, &err), -EBUSY);
	CHECK_EQ(busy_times, 1);
	CHECK_HAS(err.msg, "write 42 > ");
	CHECK_HAS(err.msg, "/cg_0/cgroup.procs");
}

TEST(moving_a_process_that_is_gone_is_fine_and_other_errors_are_not)
{
	struct ktstr_error err = {0};

	CHECK_EQ(move_against(0, -ESRCH, &err), 0);
	CHECK_EQ(move_against(1, -EINVAL, &err), -EINVAL);
}

TEST(processes_in_a_cgroup_whose_children_need_a_controller_are_named_as_the_reason)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	put(&tree, "cgroup.controllers", "memory\n");
	cgroups.act = act_busy;
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	busy_times = 4;
	answer = 0;
	CHECK_EQ(cgroups_need(&cgroups, "cg_0", "memory", &err), -EBUSY);
	CHECK_HAS(err.msg, "it has processes of its own, so its children cannot have the controller "
			   "memory");
}

static int act_hanging(enum cgroup_act act, const char *path, const char *text,
		       struct ktstr_error *err)
{
	const struct timespec long_time = {.tv_nsec = 400 * NS_PER_MS};

	if (act == CGROUP_WRITE && strcmp(text, "hang") == 0)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL);
	return act == CGROUP_WRITE ? 0 : cgroup_act(act, path, text, err);
}

TEST(a_change_that_hangs_is_left_behind_at_its_deadline)
{
	struct bounded bounded = {0};
	struct ktstr_error err = {0};
	uint64_t before = clock_ns();

	CHECK_EQ(bounded_do(&bounded, act_hanging, CGROUP_WRITE, "/cg/file", "hang",
			    50 * NS_PER_MS, &err), -ETIMEDOUT);
	CHECK_STR(err.msg, "/cg/file: the kernel has not done it after 0.1 s");
	CHECK(clock_ns() - before < 350 * NS_PER_MS);
	/* the next one goes through another thread at once */
	CHECK_EQ(bounded_do(&bounded, act_hanging, CGROUP_WRITE, "/cg/file", "x", NS_PER_S, &err), 0);
	CHECK_EQ(bounded.left_behind, 1);
	for (unsigned i = 1; i < BOUNDED_LEFT_BEHIND_MAX; i++)
		CHECK_EQ(bounded_do(&bounded, act_hanging, CGROUP_WRITE, "/cg/file", "hang",
				    NS_PER_MS, NULL), -ETIMEDOUT);
	CHECK_EQ(bounded_do(&bounded, act_hanging, CGROUP_WRITE, "/cg/file", "x", NS_PER_S, &err),
		 -EDEADLK);
	CHECK_STR(err.msg, "/cg/file: not tried: 4 changes of cgroups hang already");
	bounded_done(&bounded);
	/* what was left behind ends by itself, and frees what it has: the sanitizer looks */
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 600000000}, NULL);
}

TEST(the_words_of_a_failure_come_through_the_thread)
{
	struct bounded bounded = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(bounded_do(&bounded, cgroup_act, CGROUP_MKDIR, "/proc/none", NULL, NS_PER_S, &err),
		 -ENOENT);
	CHECK_STR(err.msg, "mkdir /proc/none: No such file or directory");
	CHECK_EQ(bounded_do(&bounded, cgroup_act, CGROUP_RMDIR, "/proc/none", NULL, NS_PER_S, NULL),
		 -ENOENT);
	bounded_done(&bounded);
	bounded_done(&bounded);
}

/* --- moving ---------------------------------------------------------------------------------------------- */

TEST(a_process_is_moved_by_its_number)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};

	make(&tree, "cg_0");
	put(&tree, "cg_0/cgroup.procs", "");
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	CHECK_EQ(cgroups_move(&cgroups, "cg_0", 4711, NULL), 0);
	AUTO(free) char *procs = get(&tree, "cg_0/cgroup.procs");
	CHECK_STR(procs, "4711");
}

static struct tree *moving_tree;
static unsigned moves, forks_left;

/* Each process that is moved leaves the source; while there are forks left, another is there then. */
static int act_moving(enum cgroup_act act, const char *path, const char *text,
		      struct ktstr_error *err)
{
	if (act != CGROUP_WRITE || !strstr(path, "/to/"))
		return cgroup_act(act, path, text, err);
	moves++;
	if (strcmp(text, "3") == 0)
		return error_set(err, -ESRCH, "gone");
	put(moving_tree, "from/cgroup.procs", forks_left ? "99\n" : "");
	forks_left -= forks_left > 0;
	return 0;
}

TEST(all_are_moved_although_some_end_and_others_begin)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	make(&tree, "from");
	moving_tree = &tree;
	put(&tree, "from/cgroup.procs", "3\n4\n");
	moves = 0;
	forks_left = 2;
	cgroups.act = act_moving;
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	CHECK_EQ(cgroups_move_all(&cgroups, "from", "to", deadline_in(NS_PER_S), NULL), 0);
	CHECK_EQ(moves, 4);
	put(&tree, "from/cgroup.procs", "4\n");
	forks_left = UINT32_MAX;
	CHECK_EQ(cgroups_move_all(&cgroups, "from", "to", deadline_in(20 * NS_PER_MS), &err),
		 -ETIMEDOUT);
	CHECK_STR(err.msg, "1 processes are in it still, or were started meanwhile");
	put(&tree, "from/cgroup.procs", "?\n");
	CHECK_EQ(cgroups_move_all(&cgroups, "from", "to", deadline_in(NS_PER_S), &err), -EINVAL);
	CHECK_EQ(cgroups_move_all(&cgroups, "none", "to", deadline_in(NS_PER_S), &err), -ENOENT);
	cgroups_done(&cgroups);
}

/* --- freezing and removing ----------------------------------------------------------------------------- */

TEST(a_freeze_waits_for_the_kernel_to_say_so)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	make(&tree, "cg_0");
	put(&tree, "cg_0/cgroup.freeze", "");
	put(&tree, "cg_0/cgroup.events", "populated 1\nfrozen 0\n");
	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	CHECK_EQ(cgroups_freeze(&cgroups, "cg_0", true, deadline_in(30 * NS_PER_MS), &err),
		 -ETIMEDOUT);
	CHECK_HAS(err.msg, "/cg_0: its processes do not freeze");
	AUTO(free) char *asked = get(&tree, "cg_0/cgroup.freeze");
	CHECK_STR(asked, "1");
	CHECK_EQ(cgroups_freeze(&cgroups, "cg_0", false, deadline_in(NS_PER_S), &err), 0);
	put(&tree, "cg_0/cgroup.events", "populated 1\nfrozen 1\n");
	CHECK_EQ(cgroups_freeze(&cgroups, "cg_0", true, deadline_in(NS_PER_S), &err), 0);
	CHECK_EQ(cgroups_freeze(&cgroups, "cg_0", false, deadline_in(30 * NS_PER_MS), &err),
		 -ETIMEDOUT);
	CHECK_HAS(err.msg, "/cg_0: its processes do not thaw");
	CHECK_EQ(cgroups_freeze(&cgroups, "cg_1", true, deadline_in(NS_PER_S), &err), -ENOENT);
}

TEST(a_cgroup_that_does_not_empty_is_left_and_named_and_the_others_go)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_0", NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_1", NULL), 0);
	put(&tree, "cg_1/cgroup.kill", "");
	put(&tree, "cg_1/cgroup.events", "populated 1\nfrozen 0\n");
	CHECK_EQ(cgroups_remove(&cgroups, deadline_in(50 * NS_PER_MS), &err), -ETIMEDOUT);
	CHECK_HAS(err.msg, "/cg_1: processes in it do not end");
	CHECK(!is_there(&tree, "cg_0"));
	AUTO(free) char *kill_text = get(&tree, "cg_1/cgroup.kill");
	CHECK_STR(kill_text, "1");
}

TEST(an_empty_cgroup_is_not_waited_for)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	struct ktstr_error err = {0};
	uint64_t before = clock_ns();

	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_0", NULL), 0);
	put(&tree, "cg_0/cgroup.events", "populated 0\nfrozen 0\n");
	/* here rmdir() meets a file, which no real cgroup's does */
	CHECK_EQ(cgroups_remove(&cgroups, deadline_in(60 * NS_PER_S), &err), -ENOTEMPTY);
	CHECK(clock_ns() - before < 30 * NS_PER_S);
}

RUN_TESTS();
