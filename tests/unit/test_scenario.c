/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenario/cgroup.h"
#include "scenario/list.h"
#include "scenario/machine.h"
#include "scenario/scenario.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_machine
#include "../fuzz/fuzz_machine.c"
#undef LLVMFuzzerTestOneInput

/* --- a directory that stands in for a cgroup file system -------------------------------------- */

struct tree {
	char path[64];
};

static void tree_done(struct tree *tree)
{
	(void)tree_remove(tree->path, NULL);
}
DEFINE_AUTO_DONE(struct tree, tree_done)

static struct tree tree_new(void)
{
	struct tree tree = {.path = "/tmp/ktstr-test.XXXXXX"};

	if (!mkdtemp(tree.path))
		fail_msg("mkdtemp %s", tree.path);
	return tree;
}

static char *below(const struct tree *tree, const char *path)
{
	return xasprintf("%s/%s", tree->path, path);
}

static void put(const struct tree *tree, const char *path, const char *text)
{
	AUTO(free) char *full = below(tree, path);

	CHECK_EQ(file_write_atomic(full, text, strlen(text), 0644, NULL), 0);
}

static char *get(const struct tree *tree, const char *path)
{
	AUTO(free) char *full = below(tree, path);

	return file_line(AT_FDCWD, full);
}

static bool is_there(const struct tree *tree, const char *path)
{
	AUTO(free) char *full = below(tree, path);

	return access(full, F_OK) == 0;
}

static void make(const struct tree *tree, const char *path)
{
	AUTO(free) char *full = below(tree, path);

	CHECK_EQ(dir_make(full, 0755, NULL), 0);
}

/* --- cgroups ---------------------------------------------------------------------------------- */

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
	AUTO(free) char *top = get(&tree, "fs/cgroup.subtree_control");
	CHECK_STR(top, "+cpu +cpuset");
	AUTO(free) char *inner = get(&tree, "fs/root/cgroup.subtree_control");
	CHECK_STR(inner, "+cpu");
}

TEST(what_was_made_is_removed_and_nothing_else)
{
	AUTO(tree_done) struct tree tree = tree_new();
	struct cgroups cgroups = {0};
	struct ktstr_error err = {0};

	make(&tree, "fs");
	AUTO(free) char *root = below(&tree, "fs/a/b");
	CHECK_EQ(cgroups_open(&cgroups, root, NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_0", NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_1", NULL), 0);
	CHECK_EQ(cgroups_make(&cgroups, "cg_0", &err), -EEXIST);
	CHECK_HAS(err.msg, "fs/a/b/cg_0: File exists");
	CHECK(is_there(&tree, "fs/a/b/cg_1"));
	cgroups_done(&cgroups);
	CHECK(!is_there(&tree, "fs/a"));
	CHECK(is_there(&tree, "fs"));
	cgroups_done(&cgroups);
}

static unsigned busy_times;
static int poke_answer;

static int poke_busy(int dir_fd, const char *path, const char *text, struct ktstr_error *err)
{
	(void)dir_fd;
	if (busy_times == 0)
		return poke_answer ? error_set(err, poke_answer, "poke %s", path) : 0;
	busy_times--;
	return error_set(err, -EBUSY, "poke %s > %s", text, path);
}

static int move_against(unsigned times, int answer, struct ktstr_error *err)
{
	AUTO(cgroups_done) struct cgroups cgroups = {0};
	AUTO(tree_done) struct tree tree = tree_new();

	CHECK_EQ(cgroups_open(&cgroups, tree.path, NULL), 0);
	cgroups.poke = poke_busy;
	busy_times = times;
	poke_answer = answer;
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
	CHECK_HAS(err.msg, "poke 42 > ");
	CHECK_HAS(err.msg, "/cg_0/cgroup.procs");
}

TEST(moving_a_process_that_is_gone_is_fine_and_other_errors_are_not)
{
	struct ktstr_error err = {0};

	CHECK_EQ(move_against(0, -ESRCH, &err), 0);
	CHECK_EQ(move_against(1, -EINVAL, &err), -EINVAL);
}

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

/* --- the declared list ------------------------------------------------------------------------ */

static int check(const struct ktstr_cgroup *cgroups, size_t count, unsigned workers_default,
		 struct ktstr_error *err)
{
	AUTO(worker_groups_done) struct worker_groups groups = {0};

	return worker_groups_of(cgroups, count, workers_default, &groups, err);
}

TEST(a_cgroup_without_a_count_gets_the_tests)
{
	AUTO(worker_groups_done) struct worker_groups groups = {0};
	const struct ktstr_cgroup cgroups[] = {{.name = "a"}, {.name = "b", .workers = 7}};

	CHECK_EQ(worker_groups_of(cgroups, 2, 3, &groups, NULL), 0);
	CHECK_EQ(groups.len, 2);
	CHECK_EQ(groups.at[0].count, 3);
	CHECK_EQ(groups.at[1].count, 7);
	CHECK_STR(groups.at[1].cgroup, "b");
}

TEST(a_declaration_that_makes_no_sense_names_cgroup_and_field)
{
	const struct {
		struct ktstr_cgroup cgroups[2];
		const char *words;
	} bad[] = {
		{{{.name = "a"}, {.name = NULL}}, "cgroup number 2: name is empty"},
		{{{.name = ""}, {.name = "a"}}, "cgroup number 1: name is empty"},
		{{{.name = "a"}, {.name = "a"}}, "cgroup a: name is there twice"},
		{{{.name = "a/b"}, {.name = "c"}}, "cgroup a/b: name must not contain '/'"},
		{{{.name = "a"}, {.name = ".."}}, "cgroup ..: name is that of another directory"},
		{{{.name = "."}, {.name = "a"}}, "cgroup .: name is that of another directory"},
		{{{.name = "a", .workers = 4097}, {.name = "b"}}, "cgroup a: workers must be 1..4096"},
		{{{.name = "a", .workers = 4095}, {.name = "b"}}, "cgroup b: workers: more than 4096"},
		{{{.name = "a"}, {.name = "p", .workers = 5, .work.type = KTSTR_WORK_PIPE_IO}},
		 "cgroup p: workers must be even for PipeIo"},
	};
	struct ktstr_error err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(check(bad[i].cgroups, 2, 2, &err), -EINVAL);
		CHECK_HAS(err.msg, bad[i].words);
	}
	CHECK_EQ(check(NULL, 0, 2, &err), -EINVAL);
	CHECK_STR(err.msg, "cgroups: there are none to run");
	CHECK_EQ(check(bad[0].cgroups, 1, 0, &err), -EINVAL);
	CHECK_STR(err.msg, "cgroup a: workers must be 1..4096, not 0");
}

/* --- the machine ------------------------------------------------------------------------------ */

TEST(idle_time_is_idle_and_iowait_of_each_cpu)
{
	struct machine_sample sample;

	CHECK_EQ(machine_parse(sv_of("cpu  9 9 9 99 99 9 9 9 9 9\n"
				     "cpu0 1 2 3 100 7 0 0 0 0 0\n"
				     "cpu3 1 2 3 50 0 0 0 0 0 0\n"
				     "intr 5 cpu1\nctxt 3\n"), 100, &sample, NULL), 0);
	CHECK_EQ(sample.cpus, 2);
	CHECK_EQ(sample.idle_ns, 157 * 10 * NS_PER_MS);
}

TEST(a_stat_file_without_cpus_or_with_junk_is_refused)
{
	struct machine_sample sample;
	struct ktstr_error err = {0};

	CHECK_EQ(machine_parse(sv_of("cpu  1 2 3 4 5\nctxt 3\n"), 100, &sample, &err), -EINVAL);
	CHECK_STR(err.msg, "/proc/stat: it names no CPU");
	for (const char *const *bad =
		     (const char *const[]){"cpu0 1 2 3 4\n", "cpu0 1 2 3 x 5\n", "cpu0\n",
					   "cpu0 1 2 3 18446744073709551615 1\n", NULL};
	     *bad; bad++)
		CHECK_EQ(machine_parse(sv_of(*bad), 100, &sample, &err), -EINVAL);
}

TEST(a_machine_is_not_idle_for_longer_than_it_was_there)
{
	struct machine_sample before = {.at_ns = 10, .cpus = 2, .idle_ns = 5};
	struct machine_sample after = {.at_ns = 110, .cpus = 2, .idle_ns = 10 * NS_PER_MS};
	struct machine_window window = machine_window_of(&before, &after);

	CHECK_EQ(window.wall_ns, 100);
	CHECK_EQ(window.cpus, 2);
	CHECK_EQ(window.idle_ns, 200);
	window = machine_window_of(&after, &before);
	CHECK_EQ(window.wall_ns, 0);
	CHECK_EQ(window.idle_ns, 0);
}

/* --- running ---------------------------------------------------------------------------------- */

static const struct ktstr_test some_test = {
	.name = "some", .duration_ms = 100, .workers_per_cgroup = 2};

TEST(a_context_answers_what_a_body_asks)
{
	struct topology topology = {2, 4, 3, 2};
	struct ktstr_ctx ctx = {
		.test = &some_test, .mode = "det", .seed = 9, .scheduler_pid = 77};

	ctx_set_topology(&ctx, &topology);
	CHECK_STR(ktstr_ctx_topology(&ctx), "2n4l3c2t");
	CHECK_EQ(ktstr_ctx_cpu_count(&ctx), 24);
	CHECK_EQ(ktstr_ctx_duration_ns(&ctx), 100 * NS_PER_MS);
	CHECK_EQ(ktstr_ctx_workers_per_cgroup(&ctx), 2);
	CHECK_EQ(ktstr_ctx_scheduler_pid(&ctx), 77);
	CHECK_STR(ktstr_ctx_mode(&ctx), "det");
	CHECK_EQ(ktstr_ctx_seed(&ctx), 9);
}

TEST(a_run_that_cannot_be_says_why_and_leaves_nothing)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_error err = {0};
	AUTO(free) char *root = below(&tree, "no/cgroups");
	struct ktstr_ctx ctx = {.test = &some_test, .mode = "host", .cgroup_root = root};

	/* plain directories: the worker that is started cannot be moved into one */
	CHECK_EQ(ktstr_run_cgroups(&ctx, &verdict, &err, (struct ktstr_cgroup){.name = "cg_0"}),
		 -ENOENT);
	CHECK_HAS(err.msg, "cgroup cg_0: worker 0: open ");
	CHECK_HAS(err.msg, "/no/cgroups/cg_0/cgroup.procs: No such file or directory");
	CHECK(!is_there(&tree, "no"));
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(ktstr_run_cgroups(&ctx, &verdict, &err, (struct ktstr_cgroup){.name = "a/b"}),
		 -EINVAL);
}

static pid_t pid_that_was(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	return pid;
}

TEST(a_scheduler_that_is_gone_is_a_finding)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_error err = {0};
	struct ktstr_ctx ctx = {.test = &some_test,
				.mode = "host",
				.cgroup_root = tree.path,
				.scheduler_pid = pid_that_was()};

	CHECK_EQ(ktstr_run_cgroups(&ctx, &verdict, &err, (struct ktstr_cgroup){.name = "cg_0"}), 0);
	CHECK_EQ(ktstr_verdict_state(&verdict), KTSTR_FAIL);
	CHECK(ktstr_verdict_has(&verdict, KTSTR_KIND_SCHEDULER_DIED));
	CHECK_EQ(verdict.details.len, 1);
	CHECK_STR(verdict.details.at[0].text,
		  "scheduler process died unexpectedly during workload (0.0 s into test)");
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_machine_holds_on_its_corpus)
{
	replay_corpus("machine", fuzz_machine);
}

RUN_TESTS();
