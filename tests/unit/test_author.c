/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#include "author/author.h"
#include "test.h"
#include "wire/wire.h"

/* --- the tests of this program, as an author would write them --------------------------------- */

KTSTR_SCHEDULER(quick, .binary = "scx_quick", .args = KTSTR_ARGS("-v"), .topology = "2n4l3c2t",
		.cgroup_parent = "/sys/fs/cgroup/a/b", .kargs = KTSTR_ARGS("preempt=full"),
		.sysctls = KTSTR_SYSCTLS({"kernel.panic", "5"}, {"net/ipv4/conf/eth0.1/arp", "0 1"}),
		.llcs = 2);

KTSTR_TEST(passes)
{
	return 0;
}

KTSTR_TEST(starves, .expect_kind = KTSTR_KIND_STARVED)
{
	ktstr_verdict_fail(verdict, KTSTR_KIND_STARVED, "nobody ran");
	return 0;
}

KTSTR_TEST(cannot_tell)
{
	return ktstr_error_set(err, -EIO, "the disk is gone");
}

KTSTR_TEST(tells_its_context, .duration_ms = 1500)
{
	ktstr_verdict_note(verdict, "%s %u %s %llu %d %llu", ktstr_ctx_topology(ctx),
			   ktstr_ctx_cpu_count(ctx), ktstr_ctx_mode(ctx),
			   (unsigned long long)ktstr_ctx_seed(ctx), (int)ktstr_ctx_scheduler_pid(ctx),
			   (unsigned long long)ktstr_ctx_duration_ns(ctx));
	return getenv("KTSTR_RESULT_FD") ? -EBUSY : 0;
}

KTSTR_TEST(leaves_a_child_behind)
{
	pid_t child = fork();

	if (child == 0)
		return 0;
	waitpid(child, NULL, 0);
	return 0;
}

KTSTR_TEST(demo_of_a_machine, .scheduler = &quick, .extra_sched_args = KTSTR_ARGS("--slice", "2"),
	   .threads = 1, .include_files = KTSTR_ARGS("data"))
{
	return 0;
}

/* --- helpers ------------------------------------------------------------------------------------- */

static int any_body(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	(void)ctx, (void)verdict, (void)err;
	return 0;
}

static struct ktstr_test good(const char *name)
{
	return (struct ktstr_test){
		.name = name,
		.body = any_body,
		.file = "a.c",
		.line = 7,
		.memory_mib = 2048,
		.duration_ms = 2000,
		.workers_per_cgroup = 2,
	};
}

static struct registry registry_of(const struct ktstr_test *const *tests, size_t count)
{
	return (struct registry){.at = tests, .count = count};
}

static void complains(const struct ktstr_test *test, const char *text)
{
	AUTO(buf_done) struct buf lines = {0};
	struct registry registry = registry_of(&test, 1);

	CHECK_EQ(registry_problems(&registry, &lines), 1);
	CHECK_STR(buf_text(&lines), text);
}

struct words {
	int argc;
	char **argv;
};

#define WORDS(...)                                                                                 \
	((struct words){sizeof((char *[]){"prog", __VA_ARGS__}) / sizeof(char *),                  \
			(char *[]){"prog", __VA_ARGS__, NULL}})

static int read_until_end(int fd, struct buf *buf)
{
	int r = fd_read_to_end(fd, 1 << 20, buf);

	fd_close(fd);
	return r;
}

/* Run this program as `prog WORDS`; returns its exit status, and what it printed. */
static int run_program(struct words words, struct buf *out, struct buf *complaints)
{
	int out_pipe[2], err_pipe[2], status;
	pid_t child;

	CHECK_EQ(pipe(out_pipe), 0);
	CHECK_EQ(pipe(err_pipe), 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		dup2(out_pipe[1], STDOUT_FILENO);
		dup2(err_pipe[1], STDERR_FILENO);
		close(out_pipe[0]);
		close(err_pipe[0]);
		close(out_pipe[1]);
		close(err_pipe[1]);
		status = ktstr_main(words.argc, words.argv);
		fflush(NULL);
		_exit(status);
	}
	close(out_pipe[1]);
	close(err_pipe[1]);
	CHECK_EQ(read_until_end(out_pipe[0], out), 0);
	CHECK_EQ(read_until_end(err_pipe[0], complaints), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void runs(struct words words, int status, const char *out, const char *complaints)
{
	AUTO(buf_done) struct buf have_out = {0};
	AUTO(buf_done) struct buf have_err = {0};

	CHECK_EQ(run_program(words, &have_out, &have_err), status);
	CHECK_STR(buf_text(&have_out), out);
	CHECK_STR(buf_text(&have_err), complaints);
}

static void understands(struct words words, struct author_command want)
{
	struct author_command have = {0};
	struct ktstr_error err = {0};

	if (author_command_parse(words.argc, words.argv, &have, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_EQ(have.action, want.action);
	CHECK_EQ(have.ignored, want.ignored);
	CHECK_EQ(have.json, want.json);
	CHECK_STR(have.test ?: "", want.test ?: "");
	CHECK_STR(have.topology ?: "", want.topology ?: "");
}

static void refuses(struct words words, const char *text)
{
	struct author_command command;
	struct ktstr_error err = {0};

	CHECK_EQ(author_command_parse(words.argc, words.argv, &command, &err), -EINVAL);
	CHECK_STR(err.msg, text);
}

/* --- the registry ---------------------------------------------------------------------------------- */

TEST(a_test_exists_by_being_linked)
{
	struct registry registry = registry_linked();

	CHECK_EQ(registry.count, 6);
	CHECK(registry_find(&registry, "passes"));
	CHECK(registry_find(&registry, "ktstr/passes") == registry_find(&registry, "passes"));
	CHECK(!registry_find(&registry, "passe"));
	CHECK(!registry_find(&registry, ""));
}

TEST(tests_of_a_file_come_in_the_order_of_their_lines)
{
	struct registry registry = registry_linked();

	CHECK_STR(registry.at[0]->name, "passes");
	CHECK_STR(registry.at[1]->name, "starves");
	CHECK_STR(registry.at[5]->name, "demo_of_a_machine");
}

TEST(what_the_macros_declare_by_default_is_fine)
{
	AUTO(buf_done) struct buf lines = {0};
	struct registry registry = registry_linked();

	(void)registry_problems(&registry, &lines);
	CHECK_STR(buf_text(&lines), "");
}

TEST(a_mistyped_name_gets_a_suggestion_and_another_word_does_not)
{
	struct registry registry = registry_linked();

	CHECK_STR(registry_suggest(&registry, "pases"), "passes");
	CHECK_STR(registry_suggest(&registry, "ktstr/canot_tel"), "cannot_tell");
	CHECK(!registry_suggest(&registry, "something_else_entirely"));
}

/* TD-2 */
TEST(a_bad_name_is_named)
{
	struct ktstr_test test = good("");

	complains(&test, "a.c:7: test : name must not be empty\n");
	test.name = NULL;
	complains(&test, "a.c:7: test : name must not be empty\n");
	test.name = "a/b";
	complains(&test, "a.c:7: test a/b: name must not contain '/'\n");
	test.name = "a\\b";
	complains(&test, "a.c:7: test a\\b: name must not contain '\\'\n");
	test.name = "a b";
	complains(&test, "a.c:7: test a?b: name must not contain byte 0x20; printable ASCII without "
			 "spaces is fine\n");
	test.name = "a\x1b[2J";
	complains(&test, "a.c:7: test a?[2J: name must not contain byte 0x1b; printable ASCII without "
			 "spaces is fine\n");
	test.name = "..";
	complains(&test, "a.c:7: test ..: name must not begin with '.'\n");
	test.name = "--list";
	complains(&test, "a.c:7: test --list: name must not begin with '-'\n");
}

TEST(a_name_has_a_longest_length)
{
	AUTO(buf_done) struct buf lines = {0};
	char name[AUTHOR_NAME_MAX + 2] = {0};
	struct ktstr_test test = good(name);
	const struct ktstr_test *tests[] = {&test};
	struct registry registry = registry_of(tests, 1);

	memset(name, 'x', AUTHOR_NAME_MAX);
	CHECK_EQ(registry_problems(&registry, &lines), 0);
	name[AUTHOR_NAME_MAX] = 'x';
	CHECK_EQ(registry_problems(&registry, &lines), 1);
	CHECK_HAS(buf_text(&lines), ": name must not be longer than 128 characters\n");
}

TEST(a_number_that_makes_no_sense_is_named)
{
	struct ktstr_test test = good("t");

	test.memory_mib = 0;
	complains(&test, "a.c:7: test t: memory_mib must be 1..1048576, not 0\n");
	test = good("t");
	test.memory_mib = (1u << 20) + 1;
	complains(&test, "a.c:7: test t: memory_mib must be 1..1048576, not 1048577\n");
	test = good("t");
	test.duration_ms = 0;
	complains(&test, "a.c:7: test t: duration_ms must be 1..3600000, not 0\n");
	test = good("t");
	test.duration_ms = UINT32_MAX;
	complains(&test, "a.c:7: test t: duration_ms must be 1..3600000, not 4294967295\n");
	test = good("t");
	test.workers_per_cgroup = 0;
	complains(&test, "a.c:7: test t: workers_per_cgroup must be 1..4096, not 0\n");
	test = good("t");
	test.timeout_ms = UINT32_MAX;
	complains(&test, "a.c:7: test t: timeout_ms must be at most 86400000, not 4294967295\n");
	test = good("t");
	test.checks.max_gap_ms = (double)NAN;
	complains(&test, "a.c:7: test t: checks.max_gap_ms must be a finite number\n");
	test = good("t");
	test.expect_kind = KTSTR_KIND_COUNT;
	complains(&test, "a.c:7: test t: expect_kind must be one of enum ktstr_kind, not 17\n");
	test.expect_kind = KTSTR_KIND_NOTE;
	complains(&test, "a.c:7: test t: expect_kind note never makes a test fail\n");
}

TEST(a_test_without_a_body_or_with_an_empty_file_name_is_named)
{
	struct ktstr_test test = good("t");

	test.body = NULL;
	complains(&test, "a.c:7: test t: body must not be empty\n");
	test = good("t");
	test.include_files = KTSTR_ARGS("data", "");
	complains(&test, "a.c:7: test t: include_files[1] must not be empty\n");
}

/* TD-2 */
TEST(a_payload_that_makes_no_sense_is_named)
{
	const struct ktstr_scheduler scheduler = {.name = "s"};
	const struct ktstr_payload of_a_scheduler = {.name = "p", .scheduler = &scheduler};
	const struct ktstr_payload nameless = {.binary = "fio"};
	struct ktstr_test test = good("t");

	test.payload = &of_a_scheduler;
	complains(&test, "a.c:7: test t: payload: payload p: it is a scheduler; put it into .scheduler of "
			 "the test\n");
	test = good("t");
	test.workloads = KTSTR_PAYLOADS(&nameless);
	complains(&test, "a.c:7: test t: workloads: payload (no name): name must not be empty\n");
}

TEST(a_scheduler_that_makes_no_sense_is_named)
{
	struct ktstr_scheduler scheduler = {.name = ""};
	struct ktstr_test test = good("t");

	test.scheduler = &scheduler;
	complains(&test, "a.c:7: test t: scheduler.name must not be empty\n");
	scheduler = (struct ktstr_scheduler){.name = "s", .binary = ""};
	complains(&test, "a.c:7: test t: scheduler.binary must not be empty; leave it out for the "
			 "kernel's own scheduler\n");
	scheduler = (struct ktstr_scheduler){.name = "s", .topology = "2s4c2t"};
	complains(&test, "a.c:7: test t: scheduler s: topology 2s4c2t: sockets are not counted any "
			 "more; write nodes, LLCs, cores and threads, as in 1n2l4c2t\n");
	scheduler = (struct ktstr_scheduler){.name = "s", .binary = "b"};
	test.host_only = true;
	complains(&test, "a.c:7: test t: host_only: no scheduler is started on the host, but scheduler "
			 "s has a binary\n");
	test = good("t");
	test.extra_sched_args = KTSTR_ARGS("-v");
	complains(&test, "a.c:7: test t: extra_sched_args: there is no scheduler to give them to\n");
}

static void scheduler_complains(struct ktstr_scheduler scheduler, const char *words)
{
	AUTO(free) char *line = xasprintf("a.c:7: test t: scheduler.%s\n", words);
	struct ktstr_test test = good("t");

	scheduler.name = "s";
	test.scheduler = &scheduler;
	complains(&test, line);
}

/* TD-5 */
TEST(what_a_scheduler_asks_of_the_machine_is_checked)
{
	static const char *const bad_keys[] = {"", ".a", "a..b", "a.", "a/../b", "../b", "a b", "a=b", "a/"};
	static const char *const bad_parents[] = {"", "/", "/sys/fs/cgroup", "/sys/fs/cgroup/", "/tmp/x",
						  "/sys/fs/cgroup/../x", "/sys/fs/cgroup/a/",
						  "/sys/fs/cgroup/a//b", "/sys/fs/cgroup/a b", "a"};
	struct ktstr_sysctl sysctls[] = {{"kernel.panic", "1"}, {"a", "1"}, {NULL, NULL}};
	char long_word[1025];

	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(*bad_keys); i++) {
		sysctls[1].key = bad_keys[i];
		scheduler_complains((struct ktstr_scheduler){.sysctls = sysctls},
				    "sysctls[1]: a key is written as in kernel.sched_rt_runtime_us");
	}
	sysctls[1] = (struct ktstr_sysctl){"a.b", "1\n2"};
	scheduler_complains((struct ktstr_scheduler){.sysctls = sysctls},
			    "sysctls[1]: a.b needs a value, on one line");
	sysctls[1].value = NULL;
	scheduler_complains((struct ktstr_scheduler){.sysctls = sysctls},
			    "sysctls[1]: a.b needs a value, on one line");
	for (size_t i = 0; i < sizeof(bad_parents) / sizeof(*bad_parents); i++)
		scheduler_complains((struct ktstr_scheduler){.cgroup_parent = bad_parents[i]},
				    "cgroup_parent must be a directory below /sys/fs/cgroup, as in "
				    "/sys/fs/cgroup/workload");
	scheduler_complains((struct ktstr_scheduler){.kargs = KTSTR_ARGS("ok", "a b")},
			    "kargs[1] must be one word without white space and quotes, as in preempt=full");
	memset(long_word, 'x', 1024);
	long_word[1024] = '\0';
	scheduler_complains((struct ktstr_scheduler){.kargs = KTSTR_ARGS(long_word)},
			    "kargs: 1025 bytes; the kernel's command line has room for 1024");
	scheduler_complains((struct ktstr_scheduler){.binary = "b", .config_file = "conf/"},
			    "config_file must name a file");
	scheduler_complains((struct ktstr_scheduler){.binary = "b", .enable = KTSTR_ARGS("true")},
			    "enable is for one that the kernel has built in, and there is a scheduler.binary");
	scheduler_complains((struct ktstr_scheduler){.disable = KTSTR_ARGS("true")},
			    "disable: there is no scheduler.enable");
	scheduler_complains((struct ktstr_scheduler){.enable = KTSTR_ARGS("true", "")},
			    "enable[1] must not be empty");
	scheduler_complains((struct ktstr_scheduler){.config_file = "conf"},
			    "config_file: there is no scheduler.binary to read it");
}

/* TD-16 */
TEST(a_watchdog_wants_a_scheduler_and_at_most_30_s)
{
	const struct ktstr_scheduler eevdf = {.name = "s"};
	struct ktstr_scheduler scheduler = {.name = "s", .binary = "b", .watchdog_timeout_ms = 30001};
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_test test = good("t");
	const struct ktstr_test *tests[] = {&test};
	struct registry registry = registry_of(tests, 1);

	scheduler_complains(scheduler, "watchdog_timeout_ms must be at most 30000, not 30001");
	scheduler_complains((struct ktstr_scheduler){.watchdog_timeout_ms = 1},
			    "watchdog_timeout_ms: there is no scheduler.binary that sched_ext could watch");
	test.watchdog_timeout_ms = 1;
	complains(&test, "a.c:7: test t: watchdog_timeout_ms: there is no scheduler.binary that sched_ext could watch\n");
	test.scheduler = &eevdf;
	complains(&test, "a.c:7: test t: watchdog_timeout_ms: there is no scheduler.binary that sched_ext could watch\n");
	scheduler.watchdog_timeout_ms = 30000;
	test.scheduler = &scheduler;
	author_describe(&registry, &out);
	CHECK_HAS(buf_text(&out), "\"watchdog_timeout_ms\":1,\"scheduler\":");
	CHECK_HAS(buf_text(&out), "\"kargs\":[],\"watchdog_timeout_ms\":30000}");
}

TEST(flags_are_described_and_must_fit_together)
{
	const struct ktstr_scheduler good_one = {
		.name = "s",
		.binary = "b",
		.flags = KTSTR_FLAGS({.name = "llc", .args = KTSTR_ARGS("--llc")},
				     {.name = "steal",
				      .args = KTSTR_ARGS("--steal", "1"),
				      .requires = KTSTR_ARGS("llc")}),
	};
	struct ktstr_flag bad[] = {{"a", NULL, NULL}, {"a", NULL, NULL}, {NULL, NULL, NULL}};
	const struct ktstr_scheduler bad_one = {.name = "s", .binary = "b", .flags = bad};
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_test test = good("t");
	const struct ktstr_test *tests[] = {&test};
	struct registry registry = registry_of(tests, 1);

	test.scheduler = &good_one;
	test.required_flags = KTSTR_ARGS("steal");
	author_describe(&registry, &out);
	CHECK_HAS(buf_text(&out), "\"required_flags\":[\"steal\"],\"scheduler\":");
	CHECK_HAS(buf_text(&out), "\"flags\":[{\"name\":\"llc\",\"args\":[\"--llc\"],\"requires\":[]},"
				  "{\"name\":\"steal\",\"args\":[\"--steal\",\"1\"],\"requires\":[\"llc\"]}]");
	test.excluded_flags = KTSTR_ARGS("llc");
	complains(&test, "a.c:7: test t: flag llc is excluded, and steal, which is required, needs it\n");
	test.excluded_flags = KTSTR_ARGS("lcl");
	complains(&test, "a.c:7: test t: excluded_flags: its scheduler has no flag lcl\n");
	test.excluded_flags = NULL;
	test.required_flags = KTSTR_ARGS("borrow");
	complains(&test, "a.c:7: test t: required_flags: its scheduler has no flag borrow\n");
	test.required_flags = NULL;
	test.scheduler = &bad_one;
	complains(&test, "a.c:7: test t: scheduler.flags[1]: there is another a\n");
	bad[1] = (struct ktstr_flag){"b", NULL, KTSTR_ARGS("x")};
	complains(&test, "a.c:7: test t: scheduler.flags[1]: it requires x, which is none of them\n");
	bad[1] = (struct ktstr_flag){"b,c", NULL, NULL};
	complains(&test, "a.c:7: test t: scheduler.flags[1]: a name must not contain ','\n");
}

TEST(the_host_is_not_changed_for_a_test)
{
	const struct ktstr_scheduler scheduler = {.name = "s", .kargs = KTSTR_ARGS("preempt=full")};
	struct ktstr_test test = good("t");

	test.scheduler = &scheduler;
	test.host_only = true;
	complains(&test, "a.c:7: test t: host_only: the host stays as it is, but scheduler s has sysctls, "
			 "kargs, commands or a cgroup_parent\n");
}

TEST(a_tracer_and_a_second_run_are_described_and_checked)
{
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_test test = good("t");
	const struct ktstr_test *tests[] = {&test};
	struct registry registry = registry_of(tests, 1);

	author_describe(&registry, &out);
	CHECK(!strstr(buf_text(&out), "wprof"));
	CHECK(!strstr(buf_text(&out), "auto_repro"));
	buf_clear(&out);
	test.wprof = true;
	test.wprof_args = "-d 50";
	test.auto_repro = KTSTR_OFF;
	author_describe(&registry, &out);
	CHECK_HAS(buf_text(&out), "\"wprof\":true,\"wprof_args\":\"-d 50\",\"auto_repro\":false");
	test.wprof_args = " ";
	complains(&test, "a.c:7: test t: wprof_args must not be empty\n");
	test.wprof_args = NULL;
	test.host_only = true;
	complains(&test, "a.c:7: test t: wprof: it traces guests, and the test is host_only\n");
	test.host_only = false;
	test.wprof = false;
	test.ctprof = true;
	test.host_only = true;
	complains(&test, "a.c:7: test t: ctprof: it captures the threads of a guest, and the test is host_only\n");
	test.host_only = false;
	buf_clear(&out);
	author_describe(&registry, &out);
	CHECK_HAS(buf_text(&out), "\"ctprof\":true,");
	test.ctprof = false;
	test.wprof_args = "-d";
	complains(&test, "a.c:7: test t: wprof_args: wprof is not switched on\n");
}

TEST(a_name_that_is_taken_names_both_places)
{
	AUTO(buf_done) struct buf lines = {0};
	struct ktstr_test first = good("same"), other = good("other"), second = good("same");
	const struct ktstr_test *tests[] = {&first, &other, &second};
	struct registry registry = registry_of(tests, 3);

	second.file = "b.c";
	second.line = 9;
	CHECK_EQ(registry_problems(&registry, &lines), 1);
	CHECK_STR(buf_text(&lines), "b.c:9: test same: the name is taken by the test at a.c:7\n");
}

TEST(every_problem_is_told_at_once)
{
	AUTO(buf_done) struct buf lines = {0};
	struct ktstr_test first = good("one"), second = good("t/wo");
	const struct ktstr_test *tests[] = {&first, &second};
	struct registry registry = registry_of(tests, 2);

	first.memory_mib = 0;
	second.duration_ms = 0;
	CHECK_EQ(registry_problems(&registry, &lines), 3);
}

/* --- what declarations come to --------------------------------------------------------------------- */

static void comes_to(const struct ktstr_test *test, const char *topology)
{
	char text[TOPOLOGY_TEXT_MAX];
	struct topology have;
	struct ktstr_error err = {0};

	if (declared_topology(test, &have, &err) < 0)
		fail_msg("%s", err.msg);
	topology_format(&have, text);
	CHECK_STR(text, topology);
}

/* TD-3 */
TEST(a_topology_is_inherited_part_by_part)
{
	struct ktstr_scheduler scheduler = {.name = "s"};
	struct ktstr_test test = good("t");

	comes_to(&test, "1n1l2c1t");
	test.scheduler = &scheduler;
	comes_to(&test, "1n1l2c1t");
	scheduler.topology = "2n4l8c2t";
	comes_to(&test, "2n4l8c2t");
	scheduler.llcs = 6;
	comes_to(&test, "2n6l8c2t");
	test.threads = 3;
	comes_to(&test, "2n6l8c3t");
	test.llcs = 2;
	test.numa_nodes = 1;
	test.cores = 3;
	comes_to(&test, "1n2l3c3t");
	test.topology = "1n1l1c4t";
	test.threads = 0;
	comes_to(&test, "1n2l3c4t");
}

TEST(parts_that_do_not_fit_together_are_named)
{
	struct ktstr_scheduler scheduler = {.name = "s", .topology = "2n4l8c2t"};
	struct ktstr_test test = good("t");

	test.scheduler = &scheduler;
	test.llcs = 3;
	complains(&test, "a.c:7: test t: topology 2n3l8c2t: 3 LLCs cannot be dealt evenly to 2 NUMA "
			 "nodes\n");
	test.topology = "4c2t";
	complains(&test, "a.c:7: test t: topology 4c2t: expected a number and 'n' for NUMA nodes, as in "
			 "1n2l4c2t\n");
}

TEST(a_timeout_follows_from_the_duration_unless_given)
{
	struct ktstr_test test = good("t");

	CHECK_EQ(declared_timeout_ms(&test), 36000);
	test.timeout_ms = 5;
	CHECK_EQ(declared_timeout_ms(&test), 5);
}

/* contracts L1 and L2 */
TEST(a_list_has_either_the_ignored_tests_or_the_others)
{
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_test first = good("one"), demo = good("demo_two"), third = good("three");
	const struct ktstr_test *tests[] = {&first, &demo, &third};
	struct registry registry = registry_of(tests, 3);

	author_list(&registry, false, false, &out);
	CHECK_STR(buf_text(&out), "ktstr/one: test\nktstr/three: test\n");
	buf_clear(&out);
	author_list(&registry, true, false, &out);
	CHECK_STR(buf_text(&out), "ktstr/demo_two: test\n");
	buf_clear(&out);
	author_list(&registry, false, true, &out);
	CHECK_STR(buf_text(&out), "[\"ktstr/one\",\"ktstr/three\"]\n");
}

TEST(a_description_has_all_that_the_driver_needs)
{
	AUTO(buf_done) struct buf out = {0};
	struct registry linked = registry_linked();
	struct ktstr_test starving = good("starving"), demo;
	const struct ktstr_payload fio = {
		.name = "fio", .binary = "fio", .include_files = KTSTR_ARGS("job.fio")};
	const struct ktstr_payload stress = {.name = "stress", .binary = "stress-ng"};
	const struct ktstr_test *tests[] = {&starving, &demo};
	struct registry registry = registry_of(tests, 2);

	starving.expect_kind = KTSTR_KIND_STARVED;
	starving.checks = (struct ktstr_checks){.starvation = -1, .max_slow_tier_ratio = 0.5};
	demo = *registry_find(&linked, "demo_of_a_machine");
	demo.file = "b.c";
	demo.line = 3;
	demo.payload = &fio;
	demo.workloads = KTSTR_PAYLOADS(&stress);
	author_describe(&registry, &out);
	CHECK_STR(buf_text(&out),
		  "{\"schema\":1,\"tests\":["
		  "{\"name\":\"starving\",\"file\":\"a.c\",\"line\":7,\"topology\":\"1n1l2c1t\","
		  "\"memory_mib\":2048,\"duration_ms\":2000,\"workers_per_cgroup\":2,"
		  "\"timeout_ms\":36000,\"expect_err\":true,\"expect_kind\":\"starved\","
		  "\"host_only\":false,\"ignored\":false,\"payload\":null,\"include_files\":[],"
		  "\"checks\":{\"default\":{\"max_gap_ms\":2000,\"max_spread_pct\":15,"
		  "\"max_idle_waiting_pct\":25,\"starvation\":1},\"scheduler\":null,"
		  "\"test\":{\"starvation\":-1,\"max_slow_tier_ratio\":0.5}},\"scheduler\":null},"
		  "{\"name\":\"demo_of_a_machine\",\"file\":\"b.c\",\"line\":3,"
		  "\"topology\":\"2n2l3c1t\",\"memory_mib\":2048,\"duration_ms\":2000,"
		  "\"workers_per_cgroup\":2,\"timeout_ms\":36000,\"expect_err\":false,"
		  "\"expect_kind\":null,\"host_only\":false,\"ignored\":true,"
		  "\"payload\":\"fio\",\"include_files\":[\"data\",\"fio\",\"job.fio\",\"stress-ng\"],"
		  "\"checks\":{\"default\":{\"max_gap_ms\":2000,\"max_spread_pct\":15,"
		  "\"max_idle_waiting_pct\":25,\"starvation\":1},\"scheduler\":{},\"test\":{}},"
		  "\"scheduler\":{\"name\":\"quick\","
		  "\"binary\":\"scx_quick\",\"args\":[\"-v\",\"--slice\",\"2\"],"
		  "\"config_file\":null,\"cgroup_parent\":\"/sys/fs/cgroup/a/b\","
		  "\"sysctls\":[\"kernel.panic=5\",\"net/ipv4/conf/eth0.1/arp=0 1\"],"
		  "\"kargs\":[\"preempt=full\"]}}]}\n");
}

TEST(limits_on_a_trace_are_described_where_a_test_has_one)
{
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_test test = good("t");
	const struct ktstr_test *tests[] = {&test};
	struct registry registry = registry_of(tests, 1);

	test.trace_checks.max_run_delay_p99_us = 2.5;
	author_describe(&registry, &out);
	CHECK_HAS(buf_text(&out), "\"trace_checks\":{\"max_wakeup_latency_us\":");
	CHECK_HAS(buf_text(&out), "\"max_run_delay_p99_us\":2.5");
	test.trace_checks.max_run_delay_us = -1;
	complains(&test, "a.c:7: test t: trace_checks.max_run_delay_us must be a number of "
			 "microseconds, or 0\n");
}

/* --- the command line ------------------------------------------------------------------------------ */

/* contract L4 */
TEST(command_words_are_understood_in_both_forms)
{
	understands(WORDS("--list"), (struct author_command){.action = AUTHOR_LIST});
	understands(WORDS("--list", "--format", "json", "--ignored"),
		    (struct author_command){.action = AUTHOR_LIST, .json = true, .ignored = true});
	understands(WORDS("--ignored", "--format=terse", "--list"),
		    (struct author_command){.action = AUTHOR_LIST, .ignored = true});
	understands(WORDS("--ktstr-describe"), (struct author_command){.action = AUTHOR_DESCRIBE});
	understands(WORDS("--ktstr-test-fn=a"),
		    (struct author_command){.action = AUTHOR_BODY, .test = "a"});
	understands(WORDS("--ktstr-test-fn", "a"),
		    (struct author_command){.action = AUTHOR_BODY, .test = "a"});
	understands(WORDS("--ktstr-topo", "1n2l4c2t", "--ktstr-test-fn", "a"),
		    (struct author_command){
			    .action = AUTHOR_BOOT, .test = "a", .topology = "1n2l4c2t"});
	understands(WORDS("--ktstr-test-fn=a", "--ktstr-topo=1n2l4c2t"),
		    (struct author_command){
			    .action = AUTHOR_BOOT, .test = "a", .topology = "1n2l4c2t"});
}

TEST(what_is_not_ours_is_the_drivers)
{
	understands((struct words){1, (char *[]){"prog", NULL}},
		    (struct author_command){.action = AUTHOR_DRIVE});
	understands(WORDS("--exact", "ktstr/a", "--mode", "det"),
		    (struct author_command){.action = AUTHOR_DRIVE});
	understands(WORDS("-k", "a", "-j", "2", "--listen"),
		    (struct author_command){.action = AUTHOR_DRIVE});
	understands(WORDS("--exact", "a", "--help"), (struct author_command){.action = AUTHOR_HELP});
}

TEST(command_words_that_make_no_sense_are_named)
{
	refuses(WORDS("--list", "--exact"),
		"--list goes with --ignored and --format, not with --exact");
	refuses(WORDS("--list", "--format", "xml"), "--list --format is terse or json, not xml");
	refuses(WORDS("--list", "--format"), "--format wants a value");
	refuses(WORDS("--ktstr-test-fn"), "--ktstr-test-fn wants a value");
	refuses(WORDS("--ktstr-test-fn="), "--ktstr-test-fn wants a value that is not empty");
	refuses(WORDS("--ktstr-test-fn=a", "--ktstr-test-fn=b"), "--ktstr-test-fn was given twice");
	refuses(WORDS("--ktstr-test-fn=a", "--ktstr-flags=x"),
		"--ktstr-test-fn goes with --ktstr-topo, not with --ktstr-flags=x");
	refuses(WORDS("--ktstr-topo=1n1l1c1t"),
		"--ktstr-topo=1n1l1c1t goes with --ktstr-test-fn only; see --help");
	refuses(WORDS("--ktstr-describe", "x"), "--ktstr-describe stands alone");
}

/* contract L5 */
TEST(a_topology_with_sockets_is_refused_with_a_hint)
{
	refuses(WORDS("--ktstr-test-fn=a", "--ktstr-topo=1s2c1t"),
		"topology 1s2c1t: sockets are not counted any more; write nodes, LLCs, cores and "
		"threads, as in 1n2l4c2t");
}

/* --- the program ----------------------------------------------------------------------------------- */

TEST(the_program_lists_its_tests)
{
	runs(WORDS("--list", "--ignored"), 0, "ktstr/demo_of_a_machine: test\n", "");
}

TEST(an_unknown_test_ends_with_4_and_wrong_usage_with_64)
{
	runs(WORDS("--ktstr-test-fn", "pases"), 4, "",
	     "ktstr: no test is named pases; did you mean passes?\n");
	runs(WORDS("--ktstr-test-fn", "something_else_entirely"), 4, "",
	     "ktstr: no test is named something_else_entirely; --list names them\n");
	runs(WORDS("--list", "--all"), 64, "",
	     "ktstr: --list goes with --ignored and --format, not with --all\n");
}

TEST(a_body_run_by_hand_prints_its_verdict)
{
	runs(WORDS("--ktstr-test-fn", "passes"), 0, "passes: pass\n", "");
	runs(WORDS("--ktstr-test-fn", "ktstr/cannot_tell"), 3,
	     "cannot_tell: error\n  other: the disk is gone\n", "");
	runs(WORDS("--ktstr-test-fn=starves"), 1,
	     "starves: fail\n  starved: nobody ran\n"
	     "  the test expects to fail as starved: it did, which counts as a pass\n", "");
}

TEST(a_body_is_told_where_it_runs)
{
	setenv("KTSTR_TOPOLOGY", "1n2l4c2t", 1);
	setenv("KTSTR_MODE", "det", 1);
	setenv("KTSTR_SEED", "18446744073709551615", 1);
	setenv("SCHED_PID", "77", 1);
	runs(WORDS("--ktstr-test-fn", "tells_its_context"), 0,
	     "tells_its_context: pass\n"
	     "  note: 1n2l4c2t 16 det 18446744073709551615 77 1500000000\n", "");
	setenv("KTSTR_SEED", "1x", 1);
	runs(WORDS("--ktstr-test-fn", "passes"), 3, "",
	     "ktstr: test passes: KTSTR_SEED is no number up to 18446744073709551615: 1x\n");
	setenv("KTSTR_SEED", "1", 1);
	setenv("KTSTR_TOPOLOGY", "banana", 1);
	runs(WORDS("--ktstr-test-fn", "passes"), 3, "",
	     "ktstr: test passes: KTSTR_TOPOLOGY: topology banana: expected a number and 'n' for NUMA "
	     "nodes, as in 1n2l4c2t\n");
	unsetenv("KTSTR_TOPOLOGY");
	unsetenv("KTSTR_MODE");
	unsetenv("KTSTR_SEED");
	unsetenv("SCHED_PID");
}

TEST(a_run_may_change_duration_workers_and_work)
{
	setenv("KTSTR_TOPOLOGY", "1n1l2c1t", 1);
	setenv("KTSTR_DURATION_MS", "250", 1);
	setenv("KTSTR_WORKERS", "4097", 1);
	runs(WORDS("--ktstr-test-fn", "tells_its_context"), 3, "",
	     "ktstr: test tells_its_context: KTSTR_WORKERS is no number up to 4096: 4097\n");
	setenv("KTSTR_WORKERS", "7", 1);
	setenv("KTSTR_WORK_TYPE", "CachePipe", 1);
	runs(WORDS("--ktstr-test-fn", "tells_its_context"), 0,
	     "tells_its_context: pass\n  note: 1n1l2c1t 2 host 0 0 250000000\n", "");
	setenv("KTSTR_WORK_TYPE", "Sequence", 1);
	runs(WORDS("--ktstr-test-fn", "passes"), 3, "",
	     "ktstr: test passes: KTSTR_WORK_TYPE: work type Sequence cannot be chosen by name: a "
	     "test's code says what it does\n");
	unsetenv("KTSTR_TOPOLOGY");
	unsetenv("KTSTR_DURATION_MS");
	unsetenv("KTSTR_WORKERS");
	unsetenv("KTSTR_WORK_TYPE");
}

TEST(a_child_that_returns_from_the_body_says_nothing_in_its_name)
{
	runs(WORDS("--ktstr-test-fn", "leaves_a_child_behind"), 0, "leaves_a_child_behind: pass\n",
	     "ktstr: test leaves_a_child_behind: a child of the body returned from it; it must call "
	     "_exit()\n");
}

/* Run a body as PID 1 does, and return what came over the descriptor. */
static int run_with_channel(const char *name, struct buf *frames)
{
	AUTO(buf_done) struct buf out = {0};
	AUTO(buf_done) struct buf complaints = {0};
	AUTO(free) char *number = NULL;
	int channel[2], status;

	CHECK_EQ(pipe(channel), 0);
	number = xasprintf("%d", channel[1]);
	setenv("KTSTR_RESULT_FD", number, 1);
	setenv("KTSTR_NONCE", "00000000deadbeef", 1);
	status = run_program(WORDS("--ktstr-test-fn", (char *)name), &out, &complaints);
	unsetenv("KTSTR_RESULT_FD");
	unsetenv("KTSTR_NONCE");
	close(channel[1]);
	CHECK_EQ(read_until_end(channel[0], frames), 0);
	CHECK_STR(buf_text(&out), "");
	CHECK_STR(buf_text(&complaints), "");
	return status;
}

TEST(a_verdict_goes_to_the_guest_as_one_frame)
{
	AUTO(buf_done) struct buf frames = {0};
	struct ktstr_error err = {0};
	struct wire_frame frame;
	struct sv payload;
	int64_t len;

	CHECK_EQ(run_with_channel("starves", &frames), 1);
	len = wire_get(sv_bytes(frames.data, frames.len), 0xdeadbeef, WIRE_GUEST_PAYLOAD_MAX, &frame,
		       &payload, &err);
	if (len < 0)
		fail_msg("%s", err.msg);
	CHECK_EQ(len, frames.len);
	CHECK_EQ(frame.type, WIRE_RESULT);
	CHECK(sv_starts(payload, "{"));
	CHECK(memmem(payload.data, payload.len, "\"fail\"", 6));
	CHECK(memmem(payload.data, payload.len, "nobody ran", 10));
}

TEST(the_channel_is_hidden_from_what_the_body_starts)
{
	AUTO(buf_done) struct buf frames = {0};

	CHECK_EQ(run_with_channel("tells_its_context", &frames), 0);
	CHECK(frames.len > 0);
}

TEST(a_channel_that_is_none_is_an_error)
{
	setenv("KTSTR_RESULT_FD", "999", 1);
	runs(WORDS("--ktstr-test-fn", "passes"), 3, "",
	     "ktstr: test passes: KTSTR_NONCE is no hexadecimal number: (not set)\n");
	setenv("KTSTR_NONCE", "1", 1);
	runs(WORDS("--ktstr-test-fn", "passes"), 3, "",
	     "ktstr: test passes: KTSTR_RESULT_FD 999: Bad file descriptor\n");
	unsetenv("KTSTR_RESULT_FD");
	unsetenv("KTSTR_NONCE");
}

TEST(what_a_body_returns_becomes_its_verdict)
{
	AUTO(verdict_done) struct ktstr_verdict fine = {0};
	AUTO(verdict_done) struct ktstr_verdict odd = {0};
	AUTO(verdict_done) struct ktstr_verdict mute = {0};
	struct ktstr_error err = {0};

	author_settle(&fine, 0, &err);
	CHECK_EQ(fine.state, KTSTR_PASS);
	ktstr_verdict_fail(&odd, KTSTR_KIND_UNFAIR, "unfair");
	author_settle(&odd, 3, &err);
	CHECK_EQ(odd.state, KTSTR_ERROR);
	CHECK_EQ(odd.details.len, 2);
	CHECK_STR(odd.details.at[1].text, "the body returned 3; it must return 0 or a negative errno");
	author_settle(&mute, -ENOENT, &err);
	CHECK_EQ(mute.state, KTSTR_ERROR);
	CHECK_STR(mute.details.at[0].text,
		  "the body returned -2 (No such file or directory) and no words");
}

TEST(a_summary_says_when_an_expected_failure_did_not_come)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_test test = good("t");

	test.expect_kind = KTSTR_KIND_STARVED;
	ktstr_verdict_fail(&verdict, KTSTR_KIND_UNFAIR, "others got more");
	author_summary(&test, &verdict, &out);
	CHECK_STR(buf_text(&out), "t: fail\n  unfair: others got more\n  the test expects to fail as "
				  "starved: it did not, which counts as a failure\n");
}

/* --- the driver ------------------------------------------------------------------------------------ */

struct places {
	char dir[32];
	char *self;              /* a program that is not there */
	char *beside, *in_path;  /* where a driver may be */
	char *saved_path;
};

static void make_program(const char *path)
{
	static const char script[] = "#!/bin/sh\necho \"$0\" \"$@\"\n";

	CHECK_EQ(file_write_atomic(path, script, strlen(script), 0755, NULL), 0);
}

static struct places places_make(void)
{
	struct places places = {.dir = "/tmp/ktstr-unit.XXXXXX"};
	AUTO(free) char *tools = NULL;

	CHECK(mkdtemp(places.dir));
	tools = xasprintf("%s/tools", places.dir);
	CHECK_EQ(dir_make(tools, 0755, NULL), 0);
	places.self = xasprintf("%s/my_tests", places.dir);
	places.beside = xasprintf("%s/ktstr", places.dir);
	places.in_path = xasprintf("%s/ktstr", tools);
	places.saved_path = xstrdup(getenv("PATH"));
	setenv("PATH", tools, 1);
	return places;
}

static void places_done(struct places *places)
{
	setenv("PATH", places->saved_path, 1);
	unsetenv("KTSTR_PROGRAM");
	(void)tree_remove(places->dir, NULL);        /* a check has failed before, or nothing is lost */
	free(places->self);
	free(places->beside);
	free(places->in_path);
	free(places->saved_path);
}
DEFINE_AUTO_DONE(struct places, places_done)

static void finds(const struct places *places, const char *path)
{
	struct ktstr_error err = {0};
	AUTO(free) char *found = NULL;

	if (driver_find(places->self, &found, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_STR(found, path);
}

TEST(the_driver_is_found_by_name_then_beside_then_in_path)
{
	AUTO(places_done) struct places places = places_make();
	AUTO(free) char *named = xasprintf("%s/other", places.dir);

	make_program(places.in_path);
	finds(&places, places.in_path);
	make_program(places.beside);
	finds(&places, places.beside);
	make_program(named);
	setenv("KTSTR_PROGRAM", named, 1);
	finds(&places, named);
}

TEST(a_program_does_not_take_itself_for_the_driver)
{
	AUTO(places_done) struct places places = places_make();

	make_program(places.in_path);
	make_program(places.beside);
	free(places.self);
	places.self = xstrdup(places.beside);
	finds(&places, places.in_path);
}

TEST(a_driver_that_is_nowhere_is_looked_for_by_name_in_the_error)
{
	AUTO(places_done) struct places places = places_make();
	struct ktstr_error err = {0};
	char *found = NULL;
	int r;

	setenv("KTSTR_PROGRAM", "/nonexistent/ktstr", 1);
	CHECK_EQ(driver_find(places.self, &found, &err), -ENOENT);
	CHECK_STR(err.msg, "KTSTR_PROGRAM: /nonexistent/ktstr is not the ktstr program or cannot be "
			   "started");
	unsetenv("KTSTR_PROGRAM");
	r = driver_find(places.self, &found, &err);
	if (r == 0)        /* it is installed on this machine, at the last place of all */
		CHECK_HAS(found, "/bin/ktstr");
	else
		CHECK_HAS(err.msg, places.beside);
	free(found);
}

TEST(words_reach_the_driver_unchanged)
{
	AUTO(places_done) struct places places = places_make();
	AUTO(free) char *self = realpath("/proc/self/exe", NULL);
	AUTO(free) char *plain = NULL;
	AUTO(free) char *booted = NULL;

	make_program(places.in_path);
	setenv("KTSTR_PROGRAM", places.in_path, 1);
	plain = xasprintf("%s test %s --exact a b -j 2\n", places.in_path, self);
	runs(WORDS("--exact", "a b", "-j", "2"), 0, plain, "");
	booted = xasprintf("%s test %s --exact passes --topology 1n2l1c1t\n", places.in_path, self);
	runs(WORDS("--ktstr-test-fn=ktstr/passes", "--ktstr-topo=1n2l1c1t"), 0, booted, "");
}

RUN_TESTS();
