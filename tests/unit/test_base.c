/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/edits.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_cpulist
#include "../fuzz/fuzz_cpulist.c"
#undef LLVMFuzzerTestOneInput

TEST(an_error_text_that_is_full_keeps_its_cause)
{
	struct ktstr_error err = {0};
	char context[2 * KTSTR_ERROR_MSG_MAX];

	memset(context, 'x', sizeof(context) - 1);
	context[sizeof(context) - 1] = '\0';
	error_set(&err, -ENOENT, "the cause");
	CHECK_EQ(error_wrap(&err, -ENOENT, "%s", context), -ENOENT);
	CHECK_STR(err.msg + strlen(err.msg) - strlen(": the cause"), ": the cause");
	CHECK_EQ(strlen(err.msg), KTSTR_ERROR_MSG_MAX - 1);
}

TEST(a_failed_system_call_says_what_and_why)
{
	struct ktstr_error err = {0};
	AUTO(buf_done) struct buf buf = {0};

	CHECK_EQ(file_read(-1, "/nonexistent/file", 10, &buf, &err), -ENOENT);
	CHECK_STR(err.msg, "open /nonexistent/file: No such file or directory");
}

TEST(a_buf_drops_what_passes_its_bound_and_says_so)
{
	AUTO(buf_done) struct buf buf = {.max = 5};

	buf_str(&buf, "1234567");
	CHECK_STR(buf_text(&buf), "12345");
	CHECK(buf.truncated);
}

TEST(numbers_are_whole_or_refused)
{
	uint32_t small = 7;
	uint64_t large;

	CHECK_EQ(sv_u32(sv_of("42"), 100, &small), 0);
	CHECK_EQ(small, 42);
	CHECK_EQ(sv_u32(sv_of("101"), 100, &small), -ERANGE);
	CHECK_EQ(sv_u32(sv_of(""), 100, &small), -EINVAL);
	CHECK_EQ(sv_u32(sv_of("-1"), 100, &small), -EINVAL);
	CHECK_EQ(sv_u32(sv_of("1 "), 100, &small), -EINVAL);
	CHECK_EQ(small, 42);
	CHECK_EQ(sv_u64(sv_of("18446744073709551615"), UINT64_MAX, &large), 0);
	CHECK(large == UINT64_MAX);
	CHECK_EQ(sv_u64(sv_of("18446744073709551616"), UINT64_MAX, &large), -ERANGE);
	CHECK_EQ(sv_hex64(sv_of("0xfF"), &large), 0);
	CHECK_EQ(large, 255);
	CHECK_EQ(sv_hex64(sv_of("11112222333344445"), &large), -ERANGE);
}

TEST(splitting_gives_every_part_once)
{
	struct sv rest = sv_of("a,,b"), line;

	CHECK(sv_eq(sv_split(&rest, ','), "a"));
	CHECK(sv_eq(sv_split(&rest, ','), ""));
	CHECK(sv_eq(sv_split(&rest, ','), "b"));
	CHECK(!rest.data);
	rest = sv_of("one\ntwo");
	CHECK(sv_line(&rest, &line) && sv_eq(line, "one"));
	CHECK(sv_line(&rest, &line) && sv_eq(line, "two"));
	CHECK(!sv_line(&rest, &line));
}

TEST(a_cpu_list_survives_a_round_trip)
{
	AUTO(buf_done) struct buf text = {0};
	struct cpuset set;

	CHECK_EQ(cpuset_parse(sv_of(" 0-3,8,10-11\n"), &set, NULL), 0);
	CHECK_EQ(cpuset_count(&set), 7);
	cpuset_format(&set, &text);
	CHECK_STR(buf_text(&text), "0-3,8,10-11");
	CHECK_EQ(cpuset_next(&set, 4), 8);
	CHECK_EQ(cpuset_next(&set, 12), -1);
	CHECK_EQ(cpuset_parse(sv_of("1023"), &set, NULL), 0);
	CHECK_EQ(cpuset_next(&set, 0), 1023);
}

TEST(a_cpu_list_that_is_none_is_refused)
{
	struct cpuset set;

	for (const char *const *bad = (const char *const[]){"1,", ",1", "3-1", "1-", "a", "1024", "1 2",
							     NULL};
	     *bad; bad++)
		CHECK_EQ(cpuset_parse(sv_of(*bad), &set, NULL), -EINVAL);
	CHECK_EQ(cpuset_parse(sv_of(""), &set, NULL), 0);
	CHECK_EQ(cpuset_count(&set), 0);
}

TEST(the_crc_is_the_one_of_zlib)
{
	CHECK_EQ(crc32_of(0, "123456789", 9), 0xcbf43926);
	CHECK_EQ(crc32_of(crc32_of(0, "1234", 4), "56789", 5), 0xcbf43926);
}

/* the first numbers of seed 1234567 as the algorithm's authors give them */
TEST(seeded_numbers_are_those_of_splitmix64)
{
	uint64_t seed = 1234567;

	CHECK(splitmix64(&seed) == 6457827717110365317u);
	CHECK(splitmix64(&seed) == 3203168211198807973u);
}

TEST(json_output_is_escaped_utf8_and_never_nan)
{
	AUTO(buf_done) struct buf text = {0};
	struct json_out json = {.buf = &text};

	jout_object(&json, NULL);
	jout_string(&json, "a", "q\"\\\n\x01\xff\xc3\xa9\xed\xa0\x80");
	jout_real(&json, "nan", (double)NAN);
	jout_array(&json, "list");
	jout_u64(&json, NULL, 1);
	jout_i64(&json, NULL, -2);
	jout_null(&json, NULL);
	jout_end(&json);
	jout_bool(&json, "yes", true);
	jout_end(&json);
	CHECK_STR(buf_text(&text), "{\"a\":\"q\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9"
				   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"nan\":0,"
				   "\"list\":[1,-2,null],\"yes\":true}");
}

TEST(texts_of_a_guest_cannot_drive_a_terminal)
{
	AUTO(free) char *clean = text_clean(sv_of("a\x1b[2Jb\r\n\tc\x7f\xc2\x9b\xff\xc3\xa9"), 100);
	AUTO(free) char *surrogate = text_clean(sv_of("\xed\xa0\x80"), 100);
	AUTO(free) char *overlong = text_clean(sv_of("\xc0\xaf\xe0\x80\xaf"), 100);
	AUTO(free) char *cut = text_clean(sv_of("12345\xc3\xa9\xc3\xa9"), 8);
	AUTO(free) char *again = text_clean(sv_of(cut), 8);
	AUTO(free) char *full = text_clean(sv_of("12345678"), 8);

	CHECK_STR(clean, "a?[2Jb?\n\tc??\xef\xbf\xbd\xc3\xa9");
	CHECK_STR(surrogate, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	CHECK_STR(overlong, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	CHECK_STR(cut, "12345...");
	CHECK_STR(again, cut);
	CHECK_STR(full, "12345678");
}

TEST(a_program_that_is_not_there_is_named)
{
	struct ktstr_error err = {0};
	struct child child = CHILD_NONE;
	const char *argv[] = {"/nonexistent/program", NULL};
	struct spawn_config config = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};

	CHECK_EQ(child_spawn(&config, &child, &err), -ENOENT);
	CHECK_STR(err.msg, "start /nonexistent/program: No such file or directory");
	CHECK_EQ(child.pid, 0);
}

TEST(a_program_that_fails_is_quoted)
{
	struct ktstr_error err = {0};
	AUTO(buf_done) struct buf out = {0};
	const char *argv[] = {"sh", "-c", "echo yes; echo because >&2; exit 3", NULL};

	CHECK_EQ(run_and_read(argv, 100, DEADLINE_NEVER, &out, &err), -EIO);
	CHECK_STR(err.msg, "sh: exit status 3: because");
	CHECK_STR(buf_text(&out), "yes\n");
}

TEST(a_program_that_does_not_end_is_ended_at_the_deadline)
{
	struct ktstr_error err = {0};
	AUTO(buf_done) struct buf out = {0};
	const char *argv[] = {"sh", "-c", "sleep 100 & wait", NULL};

	CHECK_EQ(run_and_read(argv, 100, deadline_in(50 * NS_PER_MS), &out, &err), -ETIMEDOUT);
	CHECK_STR(err.msg, "sh: did not end in time");
}

TEST(kept_descriptors_arrive_at_three_and_up)
{
	AUTO(child_done) struct child child = CHILD_NONE;
	AUTO(buf_done) struct buf out = {0};
	int a[2], b[2], status;
	const char *argv[] = {"sh", "-c", "echo a >&3; echo b >&4", NULL};
	struct spawn_config config = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};

	CHECK_EQ(pipe(a), 0);
	CHECK_EQ(pipe(b), 0);
	config.keep_fd[0] = a[1];
	config.keep_fd[1] = b[1];
	config.keep_fd_count = 2;
	CHECK_EQ(child_spawn(&config, &child, NULL), 0);
	close(a[1]);
	close(b[1]);
	CHECK_EQ(fd_read_to_end(b[0], 100, &out), 0);
	CHECK_STR(buf_text(&out), "b\n");
	CHECK_EQ(fd_read_to_end(a[0], 100, &out), 0);
	CHECK_STR(buf_text(&out), "b\na\n");
	CHECK_EQ(child_wait(&child, DEADLINE_NEVER, &status), 0);
	CHECK_EQ(status, 0);
	close(a[0]);
	close(b[0]);
}

TEST(a_child_runs_where_it_is_told_to)
{
	AUTO(child_done) struct child child = CHILD_NONE;
	const char *argv[] = {"sleep", "100", NULL};
	struct spawn_config config = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
	cpu_set_t ours, one, have;
	bool may;
	int cpu = 0;

	CHECK_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
	while (!CPU_ISSET(cpu, &ours))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	config.ahead_on = &one;
	may = sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}) == 0;
	(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
	CHECK_EQ(child_spawn(&config, &child, NULL), 0);
	CHECK_EQ(sched_getaffinity(child.pid, sizeof(have), &have), 0);
	/* who may not have it gets the child all the same */
	CHECK(CPU_EQUAL(&have, may ? &one : &ours));
	CHECK_EQ(sched_getscheduler(child.pid), may ? SCHED_FIFO | SCHED_RESET_ON_FORK : SCHED_OTHER);
}

static pid_t keep_busy(const cpu_set_t *cpus)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setaffinity(0, sizeof(*cpus), cpus) < 0 ||
	    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){2}) < 0)
		_exit(1);
	for (;;)
		__asm__ volatile("");
}

/* in a guest of det, whose QEMU has to be there; it has a deadline all the same */
TEST(a_child_whose_cpu_is_kept_busy_is_given_up)
{
	AUTO(child_done) struct child child = CHILD_NONE;
	const char *argv[] = {"true", NULL};
	struct spawn_config config = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1,
				      .start_ns = 300 * NS_PER_MS};
	struct ktstr_error err = {0};
	cpu_set_t ours, one;
	int cpu = 0, r, status;
	pid_t busy;

	CHECK_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
	while (!CPU_ISSET(cpu, &ours))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	config.ahead_on = &one;
	busy = keep_busy(&one);
	while (sched_getscheduler(busy) == SCHED_OTHER && waitpid(busy, &status, WNOHANG) == 0)
		;
	r = child_spawn(&config, &child, &err);
	if (kill(busy, 0) < 0) {
		CHECK_EQ(r, 0);        /* nobody here may have that priority */
		return;
	}
	kill(busy, SIGKILL);
	CHECK_EQ(waitpid(busy, &status, 0), busy);
	CHECK_EQ(r, -ETIMEDOUT);
	CHECK_STR(err.msg, "start true: after 0.3 s it has not got as far as its program: something of "
			   "real-time priority keeps its CPU busy");
	CHECK_EQ(child.pid, 0);
}

TEST(a_file_is_replaced_whole_or_not_at_all)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(free) char *path = NULL;
	AUTO(free) char *text = NULL;
	struct ktstr_error err = {0};

	CHECK(mkdtemp(dir));
	path = xasprintf("%s/a/b/file", dir);
	CHECK_EQ(file_write_atomic(path, "x", 1, 0644, &err), -ENOENT);
	path[strlen(path) - strlen("/file")] = '\0';
	CHECK_EQ(dir_make(path, 0755, &err), 0);
	CHECK_EQ(dir_make(path, 0755, &err), 0);
	path[strlen(path)] = '/';
	CHECK_EQ(file_write_atomic(path, "text\n", 5, 0644, &err), 0);
	text = file_line(-1, path);
	CHECK_STR(text, "text");
	CHECK_EQ(tree_remove(dir, &err), 0);
	CHECK_EQ(access(dir, F_OK), -1);
	CHECK_EQ(tree_remove(dir, &err), 0);
}

TEST(words_are_as_far_apart_as_their_edits)
{
	static const struct {
		const char *a, *b;
		size_t edits;
	} cases[] = {
		{"", "", 0}, {"steady", "steady", 0}, {"STEADY", "steady", 0}, {"", "abc", 3},
		{"steady", "stedy", 1}, {"steady", "steaddy", 1}, {"steady", "stesdy", 1},
		{"steady", "setady", 2}, {"kitten", "sitting", 3}, {"abc", "xyz", 3},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_EQ(edits_between(cases[i].a, cases[i].b), cases[i].edits);
		CHECK_EQ(edits_between(cases[i].b, cases[i].a), cases[i].edits);
	}
}

TEST(a_word_that_is_too_long_is_like_no_other)
{
	char longest[EDITS_LEN_MAX + 1], longer[EDITS_LEN_MAX + 2];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_EQ(edits_between(longest, longest), 0);
	CHECK_EQ(edits_between(longest, ""), EDITS_LEN_MAX);
	CHECK_EQ(edits_between(longest, longer), SIZE_MAX);
	CHECK_EQ(edits_between(longer, ""), SIZE_MAX);
}

TEST(a_suggestion_may_differ_more_the_longer_the_word_is)
{
	CHECK(edits_between("stedy", "steady") < edits_too_many("stedy"));
	CHECK(edits_between("abc", "xyz") >= edits_too_many("abc"));
	CHECK_EQ(edits_too_many(""), 2);
	CHECK_EQ(edits_too_many("oversubscribed"), 6);
}

TEST(a_pipe_is_written_to_and_stays_one)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX", text[8] = "";
	AUTO(free) char *path = NULL;
	AUTO(fd_close) int pipe_fd = -1;
	struct ktstr_error err = {0};
	struct stat st;

	CHECK(mkdtemp(dir));
	path = xasprintf("%s/pipe", dir);
	CHECK_EQ(mkfifo(path, 0600), 0);
	pipe_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CHECK_EQ(file_write_atomic(path, "text", 4, 0644, &err), 0);
	CHECK_EQ(read(pipe_fd, text, sizeof(text) - 1), 4);
	CHECK_STR(text, "text");
	CHECK(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK_EQ(file_write_atomic(dir, "text", 4, 0644, &err), -EISDIR);
	CHECK_EQ(tree_remove(dir, &err), 0);
}

TEST(a_link_stays_one_and_the_file_behind_it_is_replaced)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(free) char *file = NULL;
	AUTO(free) char *link = NULL;
	AUTO(free) char *text = NULL;
	struct ktstr_error err = {0};
	struct stat st;

	CHECK(mkdtemp(dir));
	file = xasprintf("%s/file", dir);
	link = xasprintf("%s/link", dir);
	CHECK_EQ(file_write_atomic(file, "old\n", 4, 0644, &err), 0);
	CHECK_EQ(symlink("file", link), 0);
	CHECK_EQ(file_write_atomic(link, "new\n", 4, 0644, &err), 0);
	CHECK(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
	text = file_line(AT_FDCWD, file);
	CHECK_STR(text, "new");
	CHECK_EQ(tree_remove(dir, &err), 0);
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_cpulist_holds_on_its_corpus)
{
	replay_corpus("cpulist", fuzz_cpulist);
}

RUN_TESTS();
