/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures of a test's steps as the host gets them: which belong together, and what is told of them. */
#include <errno.h>

#include "run/steps.h"
#include "test.h"
#include "tree.h"

static void add_thread(struct ctprof_snapshot *snapshot, uint32_t tid, const char *comm, const char *cgroup,
		       uint64_t run_time_ns)
{
	struct ctprof_thread thread = {
		.tid = tid, .tgid = tid, .run_time_ns = run_time_ns, .cgroup = ctprof_snapshot_name(snapshot, sv_of(cgroup)),
	};

	thread.hiwater_vm_bytes = strncmp(comm, "kworker", 7) == 0 ? 0 : 4096;
	(void)snprintf(thread.pcomm, sizeof(thread.pcomm), "%s", comm);
	(void)snprintf(thread.comm, sizeof(thread.comm), "%s", comm);
	ctprof_threads_push(&snapshot->threads, thread);
}

/* A capture of a worker that has run so long, of the body of ./a_long_program_name and of the agent. */
static void add_capture(struct buf *bytes, const char *label, uint64_t run_time_ns)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	AUTO(buf_done) struct buf frame = {0};

	add_thread(&snapshot, 7, "cg_0-0", "/ktstr/cg_0", run_time_ns);
	add_thread(&snapshot, 8, "cg_1-0", "/ktstr/cg_1", 5);
	add_thread(&snapshot, 3, "a_long_program_", "/", 100 * run_time_ns);
	add_thread(&snapshot, 4, "ktstr-ctprof-ag", "/", 1000 * run_time_ns);
	add_thread(&snapshot, 5, "kworker/0:1", "/", 2000 * run_time_ns);
	snapshot.has_summaries = true;
	snapshot.taskstats_summary.ok_count = 5;
	if (label)
		snapshot.label = ctprof_snapshot_name(&snapshot, sv_of(label));
	CHECK_EQ(ctprof_snapshot_pack(&snapshot, &frame, NULL), 0);
	buf_bytes(bytes, frame.data, frame.len);
}

/* What is told of captures with these labels, each after ten times as much time as the one before. */
static char *told_of(const char *const *labels)
{
	AUTO(ctprof_series_done) struct ctprof_series series = {0};
	AUTO(strings_done) struct strings have = {0};
	AUTO(buf_done) struct buf bytes = {0};
	struct buf text = {0};
	uint64_t run_time_ns = 10;

	for (; *labels; labels++, run_time_ns *= 10)
		add_capture(&bytes, *labels, run_time_ns);
	CHECK_EQ(ctprof_series_unpack(bytes.data, bytes.len, &series, NULL), 0);
	steps_labels(&series, &have);
	steps_changes(&series, &have, "./a_long_program_name", "F", &text);
	return text.len ? buf_take(&text) : xstrdup("");
}

#define TOLD(...) told_of((const char *const[]){__VA_ARGS__, NULL})

TEST(the_ends_of_a_step_are_compared)
{
	AUTO(free) char *text = TOLD("step 1 (a): start", "step 1 (a): end");

	CHECK_STR(text, "step 1 (a): start to step 1 (a): end (ktstr ctprof compare F@1..2 --no-cg-normalize)\n"
			"group                                  metric       baseline  candidate  delta        %\n"
			"cg_{N}-{N} | cg_{N}-{N} | /ktstr/cg_0  run_time_ns      10ns      100ns  +90ns  +900.0%\n");
}

TEST(each_step_is_told_and_the_backdrop_around_them)
{
	AUTO(free) char *text = TOLD("backdrop: start", "step 1: start", "step 1: end", "step 2: start", "step 2: end",
				     "backdrop: end");

	CHECK_HAS(text, "backdrop: start to backdrop: end (ktstr ctprof compare F@1..6 ");
	CHECK_HAS(text, "step 1: start to step 1: end (ktstr ctprof compare F@2..3 ");
	CHECK_HAS(text, "step 2: start to step 2: end (ktstr ctprof compare F@4..5 ");
}

TEST(of_many_steps_the_first_are_told)
{
	AUTO(free) char *text = TOLD("step 1: start", "step 1: end", "step 2: start", "step 2: end", "step 3: start",
				     "step 3: end", "step 4: start", "step 4: end", "step 5: start", "step 5: end");

	CHECK_HAS(text, "step 4: start to step 4: end");
	CHECK(!strstr(text, "step 5"));
	CHECK_HAS(text, "and of 1 more steps\n");
}

TEST(a_step_without_an_end_is_compared_from_the_first_capture)
{
	AUTO(free) char *text = TOLD("backdrop: start", "step 1: start"), *one = TOLD("step 1: start");

	CHECK_HAS(text, "backdrop: start to step 1: start (ktstr ctprof compare F@1..2 ");
	CHECK_HAS(text, "run_time_ns");
	CHECK_STR(one, "");
}

TEST(an_end_is_that_of_the_same_step)
{
	AUTO(free) char *text = TOLD("step 1: start", "step 1: middle", "step 11: end", "step 1: end");

	CHECK_HAS(text, "(ktstr ctprof compare F@1..4 ");
	CHECK(!strstr(text, "F@1..2") && !strstr(text, "F@1..3"));
}

TEST(labels_of_a_guest_are_made_fit_to_print)
{
	AUTO(free) char *text = TOLD("step 1\n(\033[31m): start", "step 1\n(\033[31m): end", NULL);

	CHECK_HAS(text, "step 1?(?[31m): start to step 1?(?[31m): end");
}

static void session_of(struct buf *bytes, struct session *ret_session)
{
	*ret_session = (struct session){.steps = {.bytes = *bytes, .whole = true}};
}

TEST(captures_are_kept_beside_the_record_and_named_in_it)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(result_done) struct result result = {0};
	AUTO(buf_done) struct buf bytes = {0};
	AUTO(free) char *path = below(&tree, STEPS_FILE);
	const struct test_plan plan = {.name = (char *)"t", .ctprof = true};
	struct session session;
	json_t *json, *ctprof;

	result.run.dir = xstrdup(tree.path);
	result.identity.binary = xstrdup("./p");
	add_capture(&bytes, "step 1: start", 10);
	add_capture(&bytes, NULL, 100);
	session_of(&bytes, &session);
	steps_keep(&plan, &session, &result);
	CHECK_EQ(access(path, R_OK), 0);
	CHECK_HAS(result.steps_changes, "step 1: start to ? (ktstr ctprof compare ");
	json = result_to_json(&result);
	ctprof = json_object_get(json_object_get(json, "run"), "ctprof");
	CHECK_STR(json_string_value(json_object_get(ctprof, "file")), STEPS_FILE);
	CHECK_EQ(json_array_size(json_object_get(ctprof, "captures")), 2);
	CHECK_STR(json_string_value(json_array_get(json_object_get(ctprof, "captures"), 0)), "step 1: start");
	json_decref(json);
}

TEST(captures_that_did_not_come_whole_are_not_kept)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(result_done) struct result result = {0};
	AUTO(buf_done) struct buf bytes = {0}, foreign = {0};
	AUTO(free) char *path = below(&tree, STEPS_FILE);
	struct test_plan plan = {.name = (char *)"t", .ctprof = true};
	struct session session;

	result.run.dir = xstrdup(tree.path);
	result.identity.binary = xstrdup("./p");
	add_capture(&bytes, "step 1: start", 10);
	session_of(&bytes, &session);
	session.steps.whole = false;
	steps_keep(&plan, &session, &result);
	buf_str(&foreign, "no zstd");
	session_of(&foreign, &session);
	steps_keep(&plan, &session, &result);
	plan.ctprof = false;
	session_of(&bytes, &session);
	steps_keep(&plan, &session, &result);
	CHECK(access(path, F_OK) < 0);
	CHECK(!result.run.steps_file);
}

RUN_TESTS();
