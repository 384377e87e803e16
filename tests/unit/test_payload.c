/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <ktstr/jemalloc_worker_contract.h>
#include <ktstr/payloads.h>

#include "payload/payload.h"

#include "../fuzz/fuzz_payload.c"
#include "../fuzz/replay.h"

/* --- contract 1.8 ----------------------------------------------------------------------------- */

static struct payload_record *extracted(const char *text, const struct ktstr_metric_hint *hints)
{
	struct payload_record *record = xcalloc(1, sizeof(*record));

	record->payload = xstrdup("p");
	payload_extract(sv_of(text), KTSTR_STREAM_STDOUT, hints, record);
	record->view.metrics = record->metrics.at;
	record->view.metric_count = record->metrics.len;
	return record;
}

/* "name=value ..." of what was extracted */
static void expect_metrics(const char *text, const char *want)
{
	struct payload_record *record = extracted(text, NULL);
	AUTO(buf_done) struct buf have = {0};

	vec_each(metric, &record->metrics)
		buf_printf(&have, "%s%s=%.10g", have.len ? " " : "", metric->name, metric->value);
	CHECK_STR(buf_text(&have), want);
	payload_record_free(record);
}

TEST(M1_numbers_are_named_by_their_path)
{
	expect_metrics("{\"a\": 1, \"b\": {\"c\": [2, {\"d\": 3.5}]}}", "a=1 b.c.0=2 b.c.1.d=3.5");
	expect_metrics("[1, [2]]", "0=1 1.0=2");
}

TEST(M1_what_is_no_number_is_dropped)
{
	expect_metrics("{\"s\": \"7\", \"t\": true, \"n\": null, \"x\": -1e3}", "x=-1000");
	expect_metrics("7", "");
}

TEST(M2_depth_is_capped_with_a_sentinel)
{
	AUTO(buf_done) struct buf text = {0};
	struct payload_record *record;

	for (int i = 0; i < 70; i++)
		buf_str(&text, "[");
	buf_str(&text, "1");
	for (int i = 0; i < 70; i++)
		buf_str(&text, "]");
	record = extracted(buf_text(&text), NULL);
	CHECK_EQ(record->metrics.len, 1);
	CHECK_STR(record->metrics.at[0].name, "__walk_json_leaves_truncated");
	CHECK_EQ(record->metrics.at[0].value, 64);
	CHECK_EQ(record->metrics.at[0].stream, KTSTR_STREAM_SYNTHESIZED);
	payload_record_free(record);
}

TEST(M2_the_deepest_allowed_number_is_there)
{
	AUTO(buf_done) struct buf text = {0};
	struct payload_record *record;

	for (int i = 0; i < 64; i++)
		buf_str(&text, "[");
	buf_str(&text, "1");
	for (int i = 0; i < 64; i++)
		buf_str(&text, "]");
	record = extracted(buf_text(&text), NULL);
	CHECK_EQ(record->metrics.len, 1);
	CHECK_EQ(record->metrics.at[0].value, 1);
	payload_record_free(record);
}

TEST(M3_the_first_region_that_parses_is_taken)
{
	expect_metrics("warming up {not json}\nresult: {\"a\": 1} and {\"b\": 2}\n", "a=1");
	expect_metrics("x [ {\"s\": \"]}\\\"\", \"n\": 5}] y", "0.n=5");
	expect_metrics("{ broken {\"inner\": 4}", "inner=4");
}

TEST(M3_malformed_output_has_no_metrics)
{
	expect_metrics("", "");
	expect_metrics("no json here", "");
	expect_metrics("{\"a\": 1", "");
	expect_metrics("{\"a\": 1e999}", "");
}

TEST(M3_a_flood_of_brackets_ends)
{
	AUTO(buf_done) struct buf text = {0};

	for (int i = 0; i < 1 << 20; i++)
		buf_char(&text, '[');
	expect_metrics(buf_text(&text), "");
}

TEST(M4_standard_error_counts_only_when_output_has_none)
{
	static const struct ktstr_payload json = {.name = "j", .binary = "j", .output = KTSTR_OUTPUT_JSON};
	struct payload_record *record = xcalloc(1, sizeof(*record));

	payload_measure(&json, sv_of("{\"a\":1}"), sv_of("{\"b\":2}"), record);
	CHECK_EQ(record->metrics.len, 1);
	CHECK_STR(record->metrics.at[0].name, "a");
	payload_metrics_done(&record->metrics);
	payload_measure(&json, sv_of("text"), sv_of("{\"b\":2}"), record);
	CHECK_EQ(record->metrics.len, 1);
	CHECK_EQ(record->metrics.at[0].stream, KTSTR_STREAM_STDERR);
	payload_record_free(record);
}

TEST(P2_an_exit_code_payload_has_no_metrics)
{
	static const struct ktstr_payload plain = {.name = "p", .binary = "p"};
	struct payload_record *record = xcalloc(1, sizeof(*record));

	payload_measure(&plain, sv_of("{\"a\":1}"), sv_of(""), record);
	CHECK_EQ(record->metrics.len, 0);
	payload_record_free(record);
}

TEST(M5_hints_are_attached_by_exact_name)
{
	struct payload_record *record = extracted(
		"{\"lat\": 1, \"late\": 2}",
		KTSTR_METRIC_HINTS({.name = "lat", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "us"}));

	CHECK_EQ(record->metrics.at[0].polarity, KTSTR_LOWER_IS_BETTER);
	CHECK_STR(record->metrics.at[0].unit, "us");
	CHECK_EQ(record->metrics.at[1].polarity, KTSTR_POLARITY_UNKNOWN);
	CHECK_STR(record->metrics.at[1].unit, "");
	payload_record_free(record);
}

static void expect_lines(const char *text, const char *want)
{
	struct payload_record *record = xcalloc(1, sizeof(*record));
	AUTO(buf_done) struct buf have = {0};

	payload_extract_lines(sv_of(text), KTSTR_STREAM_STDOUT, NULL, record);
	vec_each(metric, &record->metrics)
		buf_printf(&have, "%s%s=%.10g", have.len ? " " : "", metric->name, metric->value);
	CHECK_STR(buf_text(&have), want);
	payload_record_free(record);
}

TEST(lines_of_words_and_numbers_are_metrics)
{
	expect_lines("sysbench 1.0.20 (using system LuaJIT 2.1.0)\n\n"
		     "CPU speed:\n    events per second:  4502.30\n\n"
		     "Latency (ms):\n         min:      0.22\n         95th percentile:   0.24\n"
		     "total time: 1.0003s\n",
		     "cpu_speed.events_per_second=4502.3 latency_ms.min=0.22 "
		     "latency_ms.95th_percentile=0.24 total_time=1.0003");
	expect_lines("Time: 0.011\n", "time=0.011");
	expect_lines("metrics:\n    - stressor: cpu\n      bogo-ops: 1642\n      rate: 1.5e3\n",
		     "metrics.bogo_ops=1642 metrics.rate=1500");
	expect_lines("a=1\nb = -2 %\n", "a=1 b=-2");
}

TEST(lines_that_hold_no_number_are_none)
{
	expect_lines("events (avg/stddev):           4506.0000/0.00\n", "");
	expect_lines("date: 2026-11-21\nversion: 1.2.3\ntime: 10:20\nnan: nan\ninf: inf\n: 5\n:\n", "");
	expect_lines("huge: 1e999\n", "");
}

TEST(hostile_output_is_harmless)
{
	replay_corpus("payload", LLVMFuzzerTestOneInput);
}

/* --- M6 and bounds -------------------------------------------------------------------------------- */

static void expect_judged(const struct ktstr_payload *payload, const char *text, int exit_code,
			  const char *want)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct payload_record *record = extracted(text, NULL);
	AUTO(buf_done) struct buf have = {0};

	record->exit_code = exit_code;
	payload_judge(payload, NULL, false, record, &verdict);
	vec_each(detail, &verdict.details) {
		CHECK_EQ(detail->kind, KTSTR_KIND_OTHER);
		buf_printf(&have, "%s%s", have.len ? "|" : "", detail->text);
	}
	CHECK_STR(buf_text(&have), want);
	CHECK_EQ(verdict.state, *want ? KTSTR_FAIL : KTSTR_PASS);
	payload_record_free(record);
}

static const struct ktstr_payload checked = {
	.name = "p",
	.binary = "p",
	.output = KTSTR_OUTPUT_JSON,
	.default_checks = KTSTR_METRIC_CHECKS(KTSTR_AT_LEAST("a", 1), KTSTR_AT_MOST("a", 3),
					      KTSTR_BETWEEN("b", 5, 6), KTSTR_EXISTS("c"),
					      KTSTR_EXIT_CODE_IS(0)),
};

TEST(M6_checks_hold_at_their_bounds)
{
	expect_judged(&checked, "{\"a\":1,\"b\":5,\"c\":0}", 0, "");
	expect_judged(&checked, "{\"a\":3,\"b\":6,\"c\":0}", 0, "");
}

TEST(M6_what_does_not_hold_is_named_with_its_bound)
{
	expect_judged(&checked, "{\"a\":0.5,\"b\":5,\"c\":0}", 0, "payload p: a = 0.5 is below 1");
	expect_judged(&checked, "{\"a\":4,\"b\":7,\"c\":0}", 0,
		      "payload p: a = 4 is above 3|payload p: b = 7 is above 6");
}

TEST(M6_a_missing_metric_fails_and_exit_codes_come_first)
{
	expect_judged(&checked, "{\"a\":2,\"b\":5}", -9,
		      "payload p: exit code -9, expected 0|payload p: it has no metric c (of 2)");
}

TEST(PM7_the_whole_set_is_judged_for_plausibility)
{
	static const struct ktstr_metric_bounds bounds = {
		.min_count = 2, .bounded = true, .value_min = 0, .value_max = 10};
	static const struct ktstr_payload bounded = {
		.name = "p", .binary = "p", .metric_bounds = &bounds};

	expect_judged(&bounded, "{\"a\":0,\"b\":10}", 1, "");
	expect_judged(&bounded, "{\"a\":11}", 0,
		      "payload p: 1 metrics; at least 2 are plausible|"
		      "payload p: a = 11 is not plausible (0 to 10)");
}

TEST(P7_an_exit_code_without_a_check_is_no_failure)
{
	static const struct ktstr_payload plain = {.name = "p", .binary = "p"};

	expect_judged(&plain, "", 3, "");
}

/* --- 1.7.2 ------------------------------------------------------------------------------------------ */

static const char probe_json[] =
	"{\"pid\": 7, \"snapshots\": ["
	"{\"timestamp_unix_sec\": 1, \"threads\": [{\"tid\": 7, \"allocated_bytes\": 100,"
	" \"deallocated_bytes\": 4}, {\"tid\": 8, \"error\": \"gone\"}, {\"tid\": 9, \"allocated_bytes\": 5}]},"
	"{\"timestamp_unix_sec\": 2, \"threads\": [{\"tid\": 7, \"allocated_bytes\": 200}]}]}";

TEST(J4_threads_and_snapshots_are_counted_to_the_first_gap)
{
	struct payload_record *record = extracted(probe_json, NULL);

	CHECK_EQ(ktstr_thread_count(&record->view), 3);
	CHECK_EQ(ktstr_snapshot_count(&record->view), 2);
	payload_record_free(record);
}

TEST(J4_an_error_row_has_a_tid_and_no_counter)
{
	struct payload_record *record = extracted(probe_json, NULL);
	struct ktstr_thread_lookup found = ktstr_lookup_thread(&record->view, 7);

	CHECK_EQ(found.state, KTSTR_THREAD_FOUND);
	CHECK_EQ(found.allocated_bytes, 100);
	CHECK(found.has_deallocated);
	CHECK_EQ(found.deallocated_bytes, 4);
	CHECK_EQ(ktstr_lookup_thread(&record->view, 8).state, KTSTR_THREAD_MISSING_ALLOCATED_BYTES);
	CHECK(!ktstr_lookup_thread(&record->view, 9).has_deallocated);
	CHECK_EQ(ktstr_lookup_thread(&record->view, 10).state, KTSTR_THREAD_ABSENT);
	CHECK_EQ(ktstr_lookup_thread(&record->view, -1).state, KTSTR_THREAD_ABSENT);
	CHECK_EQ(ktstr_snapshot_worker_allocated(&record->view, 1, 7).allocated_bytes, 200);
	CHECK_EQ(ktstr_snapshot_worker_allocated(&record->view, 2, 7).state, KTSTR_THREAD_ABSENT);
	payload_record_free(record);
}

static struct payload_record *many_threads(int count)
{
	AUTO(buf_done) struct buf text = {0};

	buf_str(&text, "{\"snapshots\":[{\"threads\":[");
	for (int i = 0; i < count; i++)
		buf_printf(&text, "%s{\"tid\":%d}", i ? "," : "", i + 1);
	buf_str(&text, "]}]}");
	return extracted(buf_text(&text), NULL);
}

TEST(scans_stop_at_their_cap)
{
	struct payload_record *record = many_threads(KTSTR_MAX_SCAN_INDEX);

	CHECK_EQ(ktstr_thread_count(&record->view), 1024);
	CHECK_EQ(ktstr_lookup_thread(&record->view, 5000).state, KTSTR_THREAD_EXCEEDS_CAP);
	CHECK_EQ(ktstr_lookup_thread(&record->view, 1024).state, KTSTR_THREAD_MISSING_ALLOCATED_BYTES);
	payload_record_free(record);
	record = many_threads(KTSTR_MAX_SCAN_INDEX - 1);
	CHECK_EQ(ktstr_lookup_thread(&record->view, 5000).state, KTSTR_THREAD_ABSENT);
	payload_record_free(record);
}

TEST(only_whole_numbers_that_doubles_hold_are_u64)
{
	struct payload_record *record =
		extracted("{\"a\": 3, \"b\": -1, \"c\": 1.5, \"d\": 9007199254740992, \"e\": 9007199254740994}",
			  NULL);
	uint64_t value;

	CHECK(ktstr_find_metric_u64(&record->view, "a", &value));
	CHECK_EQ(value, 3);
	CHECK(!ktstr_find_metric_u64(&record->view, "b", &value));
	CHECK(!ktstr_find_metric_u64(&record->view, "c", &value));
	CHECK(ktstr_find_metric_u64(&record->view, "d", &value));
	CHECK(!ktstr_find_metric_u64(&record->view, "e", &value));
	CHECK(!ktstr_find_metric_u64(&record->view, "absent", &value));
	payload_record_free(record);
}

TEST(metrics_can_be_dumped)
{
	struct payload_record *record = extracted("{\"a\": 3, \"b\": {\"c\": 0.5}}", NULL);
	char *dump = ktstr_flat_metrics_dump(&record->view);

	CHECK_STR(dump, "a = 3\nb.c = 0.5\n");
	free(dump);
	payload_record_free(record);
}

/* --- declarations -------------------------------------------------------------------------------------- */

static void expect_refused(const struct ktstr_payload *payload, const char *words)
{
	struct ktstr_error err = {0};

	CHECK_EQ(payload_check(payload, &err), -EINVAL);
	CHECK_HAS(err.msg, words);
}

TEST(P1_bad_declarations_are_refused_by_name)
{
	struct ktstr_scheduler scheduler = {.name = "s"};

	CHECK_EQ(payload_check(&checked, NULL), 0);
	expect_refused(&(struct ktstr_payload){.binary = "x"}, "payload (no name): name must not be empty");
	expect_refused(&(struct ktstr_payload){.name = "p"}, "payload p: binary must not be empty");
	expect_refused(&(struct ktstr_payload){.name = "p", .scheduler = &scheduler},
		       "put it into .scheduler of the test");
	expect_refused(&(struct ktstr_payload){.name = "p", .binary = "x",
					       .default_checks = KTSTR_METRIC_CHECKS(KTSTR_EXISTS("m"))},
		       "m cannot be there, because output is KTSTR_OUTPUT_EXIT_CODE");
}

TEST(PM2_unknown_flags_are_refused_with_a_suggestion)
{
	static const char *const flags[] = {"--cpu", "--timeout", NULL};
	static const struct ktstr_payload picky = {.name = "p", .binary = "x", .known_flags = flags};
	AUTO(strings_done) struct strings args = {0};
	struct ktstr_error err = {0};

	strings_push(&args, xstrdup("--cpu=3"));
	strings_push(&args, xstrdup("-v"));
	CHECK_EQ(payload_check_flags(&picky, &args, &err), 0);
	strings_push(&args, xstrdup("--timout"));
	CHECK_EQ(payload_check_flags(&picky, &args, &err), -EINVAL);
	CHECK_STR(err.msg, "payload p: it has no flag --timout; did you mean --timeout?");
	CHECK_EQ(payload_check_flags(&checked, &args, &err), 0);
}

/* --- running programs ----------------------------------------------------------------------------------- */

static struct payload_child *start_sh(const char *script, uint64_t timeout_ns)
{
	AUTO(strings_done) struct strings argv = {0};
	struct payload_child *child = NULL;

	strings_push(&argv, xstrdup("sh"));
	strings_push(&argv, xstrdup("-c"));
	strings_push(&argv, xstrdup(script));
	CHECK_EQ(payload_child_start(&(struct payload_start){.name = "p", .argv = &argv,
							     .timeout_ns = timeout_ns},
				     &child, NULL), 0);
	return child;
}

static void expect_output(struct payload_child *child, enum ktstr_metric_stream stream, const char *want)
{
	struct sv have = payload_child_output(child, stream);

	CHECK_EQ(have.len, strlen(want));
	CHECK(sv_eq(have, want));
}

TEST(both_streams_and_the_exit_code_are_kept)
{
	struct payload_child *child = start_sh("echo out; echo err >&2; exit 3", 10 * NS_PER_S);

	CHECK_EQ(payload_child_wait(child, NULL), 0);
	CHECK_EQ(payload_child_exit_code(child), 3);
	expect_output(child, KTSTR_STREAM_STDOUT, "out\n");
	expect_output(child, KTSTR_STREAM_STDERR, "err\n");
	payload_child_free(child);
}

TEST(more_output_than_a_pipe_holds_does_not_block)
{
	struct payload_child *child =
		start_sh("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2", 20 * NS_PER_S);

	CHECK_EQ(payload_child_wait(child, NULL), 0);
	CHECK_EQ(payload_child_output(child, KTSTR_STREAM_STDOUT).len, 3000000);
	CHECK_EQ(payload_child_output(child, KTSTR_STREAM_STDERR).len, 2000000);
	payload_child_free(child);
}

TEST(P6_death_by_a_signal_is_a_negative_exit_code)
{
	struct payload_child *child = start_sh("kill -SEGV $$", 10 * NS_PER_S);

	CHECK_EQ(payload_child_wait(child, NULL), 0);
	CHECK_EQ(payload_child_exit_code(child), -SIGSEGV);
	payload_child_free(child);
}

TEST(a_deadline_kills)
{
	struct payload_child *child = start_sh("echo before; exec sleep 100", 200 * NS_PER_MS);
	struct ktstr_error err = {0};

	CHECK_EQ(payload_child_wait(child, &err), -ETIMEDOUT);
	CHECK_STR(err.msg, "payload p: it did not end in time and was killed");
	CHECK_EQ(payload_child_exit_code(child), -SIGKILL);
	expect_output(child, KTSTR_STREAM_STDOUT, "before\n");
	payload_child_free(child);
}

static pid_t pid_in(struct sv text)
{
	uint32_t pid = 0;

	CHECK_EQ(sv_u32(sv_trim(text), INT32_MAX, &pid), 0);
	return (pid_t)pid;
}

static bool is_alive(pid_t pid)
{
	AUTO(free) char *path = xasprintf("/proc/%d/status", pid);
	AUTO(buf_done) struct buf text = {0};

	return file_read(AT_FDCWD, path, 65536, &text, NULL) == 0 && !strstr(buf_text(&text), "State:\tZ");
}

TEST(PM3_what_it_left_in_its_group_is_killed)
{
	struct payload_child *child = start_sh("sleep 100 & echo $!", 10 * NS_PER_S);
	pid_t sleeper;

	CHECK_EQ(payload_child_wait(child, NULL), 0);
	sleeper = pid_in(payload_child_output(child, KTSTR_STREAM_STDOUT));
	for (int i = 0; i < 2000 && is_alive(sleeper); i++)
		usleep(1000);
	CHECK(!is_alive(sleeper));
	payload_child_free(child);
}

TEST(a_descendant_that_holds_the_streams_does_not_hold_us)
{
	struct payload_child *child = start_sh("setsid sleep 5 & echo done", 10 * NS_PER_S);
	uint64_t before = clock_ns();

	CHECK_EQ(payload_child_wait(child, NULL), 0);
	CHECK(clock_ns() - before < 4 * NS_PER_S);
	expect_output(child, KTSTR_STREAM_STDOUT, "done\n");
	payload_child_free(child);
}

TEST(P5_freeing_a_running_one_kills_it)
{
	struct payload_child *child = start_sh("exec sleep 100", 100 * NS_PER_S);
	pid_t pid = payload_child_pid(child);

	CHECK(!payload_child_ended(child));
	payload_child_free(child);
	CHECK_EQ(kill(pid, 0), -1);
}

TEST(a_missing_program_is_an_error_in_words)
{
	AUTO(strings_done) struct strings argv = {0};
	struct payload_child *child;
	struct ktstr_error err = {0};

	strings_push(&argv, xstrdup("no-such-program-of-ktstr"));
	CHECK_EQ(payload_child_start(&(struct payload_start){.name = "p", .argv = &argv, .timeout_ns = NS_PER_S},
				     &child, &err), -ENOENT);
	CHECK_HAS(err.msg, "payload p: start no-such-program-of-ktstr");
}

/* --- the contract's words ------------------------------------------------------------------------------------ */

TEST(R1_R2_R3_R7_R8_R11_wire_constants_are_to_the_letter)
{
	CHECK_STR(WORKER_READY_MARKER_PREFIX, "/tmp/ktstr-worker-ready-");
	CHECK_STR(worker_ready_marker_path(1234).text, "/tmp/ktstr-worker-ready-1234");
	CHECK_STR(worker_ready_marker_path(UINT32_MAX).text, "/tmp/ktstr-worker-ready-4294967295");
	CHECK_STR(WORKER_READY_MARKER_OVERRIDE_ENV, "KTSTR_WORKER_READY_MARKER_OVERRIDE");
	CHECK_STR(WORKER_STDERR_PREFIX, "jemalloc-alloc-worker:");
	CHECK_STR(WORKER_STDOUT_READY_PREFIX, "jemalloc-alloc-worker ready");
}

/* the 101 entry is ours: "internal failure" */
TEST(R18_legends_name_each_exit_code)
{
	CHECK_STR(KTSTR_WORKER_LEGEND,
		  "2=bytes==0, 3=/proc/self/task thread count != 1, 4=ready-marker write failed, 5=argument "
		  "parse failed, 6=/proc/self/task unreadable, 101=internal failure, negative=killed by signal");
	CHECK_STR(KTSTR_WORKER_LEGEND_CHURN,
		  "2=bytes==0, 4=ready-marker write failed, 5=argument parse failed, 101=internal failure, "
		  "negative=killed by signal");
}

TEST(P3_fixtures_share_a_binary_and_not_a_name)
{
	CHECK_STR(ktstr_jemalloc_alloc_worker.name, "jemalloc_alloc_worker");
	CHECK_STR(ktstr_jemalloc_alloc_worker_churn.name, "jemalloc_alloc_worker_churn");
	CHECK_STR(ktstr_jemalloc_alloc_worker_churn.binary, ktstr_jemalloc_alloc_worker.binary);
	CHECK_STR(ktstr_jemalloc_alloc_worker_churn.default_args[0], "--churn");
	CHECK_EQ(ktstr_jemalloc_alloc_worker.output, KTSTR_OUTPUT_EXIT_CODE);
	CHECK_STR(ktstr_jemalloc_probe.name, "jemalloc_probe");
	CHECK_EQ(ktstr_jemalloc_probe.output, KTSTR_OUTPUT_JSON);
	CHECK_EQ(ktstr_jemalloc_probe.default_checks[0].kind, KTSTR_CHECK_EXIT_CODE);
	CHECK_EQ(ktstr_jemalloc_probe.default_checks[0].code, 0);
	CHECK_STR(ktstr_jemalloc_probe_no_exit_check.binary, ktstr_jemalloc_probe.binary);
	CHECK(!ktstr_jemalloc_probe_no_exit_check.default_checks);
}

/* --- R12 to R18 -------------------------------------------------------------------------------------------- */

static int wait_marker(const char *script_fmt, uint64_t timeout_ns, struct ktstr_error *err)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(free) char *marker = NULL;
	AUTO(free) char *script = NULL;
	struct payload_child *child;
	int r;

	CHECK(mkdtemp(dir));
	marker = xasprintf("%s/ready", dir);
	script = xasprintf("M=%s; %s", marker, script_fmt);
	child = start_sh(script, 20 * NS_PER_S);
	r = payload_wait_marker(child, marker, timeout_ns, "worker", 77, "2=bytes==0", err);
	payload_child_free(child);
	CHECK_EQ(tree_remove(dir, NULL), 0);
	return r;
}

TEST(R12_the_marker_ends_the_wait)
{
	struct ktstr_error err = {0};

	CHECK_EQ(wait_marker("sleep 0.05; echo ready > $M; exec sleep 100", 10 * NS_PER_S, &err), 0);
}

TEST(R13_a_worker_that_ends_first_is_told_at_once_with_the_legend)
{
	struct ktstr_error err = {0};

	CHECK_EQ(wait_marker("exit 2", 10 * NS_PER_S, &err), -ECHILD);
	CHECK_HAS(err.msg, "worker pid=77 exited before creating ready marker /tmp/ktstr-unit.");
	CHECK_HAS(err.msg, "(exit_code=2 \u2014 see stderr; worker exit codes: 2=bytes==0)");
}

TEST(R14_a_deadline_names_the_marker)
{
	struct ktstr_error err = {0};

	CHECK_EQ(wait_marker("exec sleep 100", 150 * NS_PER_MS, &err), -ETIMEDOUT);
	CHECK_HAS(err.msg, "worker pid=77 did not create ready marker /tmp/ktstr-unit.");
	CHECK_HAS(err.msg, "/ready within 150ms");
}

TEST(R16_a_passed_deadline_kills_nobody)
{
	struct payload_child *child = start_sh("exec sleep 100", 20 * NS_PER_S);

	CHECK_EQ(payload_wait_marker(child, "/tmp/ktstr-unit-no-marker", 10 * NS_PER_MS, "worker", 77, "",
				     NULL), -ETIMEDOUT);
	CHECK(!payload_child_ended(child));
	CHECK(is_alive(payload_child_pid(child)));
	payload_child_free(child);
}

TEST(R15_a_worker_that_ends_after_its_marker_is_told)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(free) char *marker = NULL;
	AUTO(free) char *script = NULL;
	struct ktstr_error err = {0};
	struct payload_child *child;

	CHECK(mkdtemp(dir));
	marker = xasprintf("%s/ready", dir);
	script = xasprintf("echo ready > %s; exit 5", marker);
	child = start_sh(script, 10 * NS_PER_S);
	CHECK_EQ(payload_child_wait(child, NULL), 0);
	CHECK_EQ(payload_wait_marker(child, marker, NS_PER_S, "worker", 77, "legend", &err), -ECHILD);
	CHECK_STR(err.msg, "worker pid=77 exited after writing ready marker but before the caller's next "
			   "dispatch (exit_code=5)");
	payload_child_free(child);
	CHECK_EQ(tree_remove(dir, NULL), 0);
}

RUN_TESTS();
