/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <unistd.h>

#include "report/format.h"
#include "test.h"

/* What a name or a guest may try: to end a line, a string, a tag or a test line, to move a cursor. */
#define NASTY "a\x1b[31m#b\\\"]]><c>&'\r\nok 9 - d\x01\xff\xef\xbf\xbf"

#define NASTY_UTF8 "a\x1b[31m#b\\\"]]><c>&'\r\nok 9 - d\x01"

static struct result result_of(const char *name, enum ktstr_state state)
{
	return (struct result){
		.identity = {.test = xstrdup(name), .binary = xstrdup("/build/my_sched"),
			     .topology = xstrdup("1n1l2c1t"), .scheduler = xstrdup("eevdf"),
			     .mode = xstrdup("det")},
		.outcome = {.state = state, .judged = state != KTSTR_SKIP},
		.run = {.host_ns = 2100 * NS_PER_MS},
	};
}

static void say(struct result *result, enum ktstr_kind kind, const char *text)
{
	details_push(&result->outcome.details, (struct detail){.kind = kind, .text = xstrdup(text)});
}

static void push_failure(struct results *results)
{
	struct result *failed = results_push(results, result_of("starving", KTSTR_FAIL));

	say(failed, KTSTR_KIND_STARVED, "tid 123 starved (0 work units)");
	say(failed, KTSTR_KIND_NOTE, "gap not judged in det");
	failed->outcome.stats = json_loads(
		"{\"cgroups\":[{\"name\":\"cg_0\",\"workers\":2,\"cpus\":2,\"spread_pct\":1.25,"
		"\"max_gap_ms\":12.3,\"max_gap_cpu\":1,\"migrations\":3,\"run_delay_us_mean\":102.4,"
		"\"run_delay_us_worst\":2003,\"wake_us_median\":5,\"wake_us_p99\":30}],"
		"\"window\":{\"wall_ns\":2000000000,\"cpus\":2,\"idle_ns\":400000000},"
		"\"metrics\":{\"rps\":1.5},\"timeline\":["
		"{\"elapsed_ns\":0,\"step\":0,\"cgroups\":1,\"workers\":2,\"cpu_ns\":0,\"wait_ns\":0},"
		"{\"elapsed_ns\":300000000,\"step\":1,\"name\":\"shrink\",\"op_kinds\":[\"set_cpuset\"],"
		"\"cgroups\":1,\"workers\":2,\"cpu_ns\":600000000,\"wait_ns\":0}]}",
		0, NULL);
	failed->outcome.workers = json_loads(
		"[{\"cgroup\":\"cg_0\",\"index\":0,\"tid\":122,\"wall_ns\":2000000000,\"cpu_ns\":1990000000},"
		"{\"cgroup\":\"cg_0\",\"index\":1,\"tid\":123,\"wall_ns\":2000000000,\"cpu_ns\":4000000,"
		"\"run_delay_ns\":1900000000,\"cpus\":\"1\",\"start_ns\":100000000,"
		"\"max_gap_ns\":1700000000,\"max_gap_at_ns\":1900000000}]",
		0, NULL);
	failed->kept = xstrdup("console.log result.json");
	failed->outcome.scheduler = json_loads(
		"{\"asked\":true,\"during\":{\"state\":\"enabled\",\"ops\":\"simple\",\"enable_seq\":1},"
		"\"programs\":[{\"name\":\"simple_enqueue\",\"run_count\":420}],"
		"\"ended_early\":\"exit status 1\","
		"\"kernel_log\":\"sched_ext: BPF scheduler \\\"simple\\\" disabled\\n\"}",
		0, NULL);
	failed->test_output = xstrdup("one\ntwo\n");
	failed->scheduler_log = xstrdup("attached\n");
	failed->console_tail = xstrdup("[    0.1] all is well\n");
	failed->repeat_command = xstrdup("ktstr test --seed 1 ./my_sched starving");
	failed->run.dir = xstrdup("/runs/r1/starving");
}

/* One of each state. */
static struct results all_states(void)
{
	struct results results = {0};
	struct result *result = results_push(&results, result_of("two_cgroups", KTSTR_PASS));

	say(result, KTSTR_KIND_OTHER, "ran on the slow path");
	result = results_push(&results, result_of("on_sixteen_cpus", KTSTR_SKIP));
	say(result, KTSTR_KIND_SKIP, "the host has\n2 CPUs");
	push_failure(&results);
	result = results_push(&results, result_of("idle", KTSTR_INCONCLUSIVE));
	say(result, KTSTR_KIND_BENCHMARK, "no samples");
	result = results_push(&results, result_of("booting", KTSTR_ERROR));
	say(result, KTSTR_KIND_OTHER, "kernel silent for 60 s");
	result->console_tail = xstrdup("[    0.1] hello\n");
	return results;
}

static struct report_totals totals_of(const struct results *results)
{
	struct report_totals totals = {.host_ns = 12300 * NS_PER_MS};

	vec_each(result, results)
		totals.count[result->outcome.state]++;
	return totals;
}

/* What a report of these results is, as text; the caller's. */
static char *render(enum report_format format, const struct results *results, bool interrupted)
{
	struct report_totals totals = totals_of(results);
	struct ktstr_error err = {0};
	char *text = NULL;
	size_t len;
	struct report_config config = {.format = format, .out = open_memstream(&text, &len),
				       .test_count = results->len + interrupted, .suite = "my_sched"};
	struct report *report = report_begin(&config);

	totals.interrupted = interrupted;
	vec_each(result, results)
		report_result(report, result);
	CHECK_EQ(report_end(report, &totals, &err), 0);
	fclose(config.out);
	return text;
}

TEST(pretty_says_a_line_a_test_and_everything_about_a_failure)
{
	AUTO(results_done) struct results results = all_states();
	AUTO(free) char *text = render(REPORT_PRETTY, &results, false);

	CHECK_STR(text,
		  "PASS  two_cgroups                1n1l2c1t   eevdf         det     2.1 s\n"
		  "      note: ran on the slow path\n"
		  "SKIP  on_sixteen_cpus            1n1l2c1t   eevdf         det     2.1 s"
		  "  the host has 2 CPUs\n"
		  "FAIL  starving                   1n1l2c1t   eevdf         det     2.1 s\n"
		  "  ktstr_test 'starving' [sched=eevdf] [topo=1n1l2c1t] failed:\n"
		  "    BUG SUMMARY\n"
		  "      what:   workers that wanted to run got no CPU time (starved)\n"
		  "      where:  cgroup cg_0, worker 1 (tid 123), which ran on CPU 1; ran 4 ms, waited 1900 ms\n"
		  "      since:  0.30 s after the load began, in step 1 shrink: set_cpuset\n"
		  "      repeat: ktstr test --seed 1 ./my_sched starving\n"
		  "    starved: tid 123 starved (0 work units)\n"
		  "    note: gap not judged in det\n"
		  "  --- stats ---\n"
		  "    cgroup        workers  cpus    spread  max gap               migrations"
		  "  run delay mean/worst  wake p50/p99\n"
		  "    cg_0                2     2     1.2 %  12.3 ms on CPU 1               3"
		  "  102 / 2003 us         5 / 30 us\n"
		  "    idle: 10.0 % of 2 CPUs for 2.0 s\n"
		  "    rps = 1.5\n"
		  "    sched_ext: enabled, ops simple, enable_seq 1\n"
		  "    its programs ran: simple_enqueue 420 times\n"
		  "    the scheduler ended early: exit status 1\n"
		  "  --- timeline ---\n"
		  "    +0.00s to +0.30s  start                             1 cgroups, 2 workers: each ran 100 %, "
		  "waited 0 %\n"
		  "    +0.30s to ...     step 1 shrink: set_cpuset         it did not end\n"
		  "  --- test output ---\n"
		  "    one\n"
		  "    two\n"
		  "  --- scheduler log ---\n"
		  "    attached\n"
		  "  --- kernel log ---\n"
		  "    sched_ext: BPF scheduler \"simple\" disabled\n"
		  "  --- kept ---\n"
		  "    /runs/r1/starving\n"
		  "    console.log result.json\n"
		  "INCONCLUSIVE  idle               1n1l2c1t   eevdf         det     2.1 s\n"
		  "  ktstr_test 'idle' [sched=eevdf] [topo=1n1l2c1t] failed:\n"
		  "    BUG SUMMARY\n"
		  "      what:   no verdict: there was nothing to judge by\n"
		  "    benchmark: no samples\n"
		  "ERROR  booting                   1n1l2c1t   eevdf         det     2.1 s\n"
		  "  ktstr_test 'booting' [sched=eevdf] [topo=1n1l2c1t] failed:\n"
		  "    BUG SUMMARY\n"
		  "      what:   no verdict: kernel silent for 60 s\n"
		  "    kernel silent for 60 s\n"
		  "  --- console ---\n"
		  "    [    0.1] hello\n"
		  "12.3 s\n"
		  "of the failed: 1 fail, 1 inconclusive, 1 error\n"
		  "1 passed, 3 failed, 1 skipped\n");
}

/* The findings in the order that they were found in are not the order of what explains what. */
TEST(a_stall_names_the_scheduler_first_and_the_worker_that_waited)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("stalled", KTSTR_FAIL));
	AUTO(free) char *text = NULL;

	say(failed, KTSTR_KIND_STUCK, "cg_0: tid 126 stuck 4003ms on cpu0 at +4447ms");
	say(failed, KTSTR_KIND_NOTE, "a note");
	say(failed, KTSTR_KIND_SCHEDULER_DIED, "sched_ext put scheduler s out during the test");
	say(failed, KTSTR_KIND_STUCK, "cg_0: tid 126 stuck 4003ms on cpu0 at +4447ms");
	failed->outcome.workers = json_loads(
		"[{\"cgroup\":\"cg_0\",\"index\":0,\"tid\":125,\"max_gap_ns\":3580000000},"
		"{\"cgroup\":\"cg_0\",\"index\":1,\"tid\":126,\"max_gap_ns\":4003000000,"
		"\"max_gap_at_ns\":4447000000,\"max_gap_cpu\":0}]", 0, NULL);
	failed->scheduler_log = xstrdup("s: attached\n=====\n\ncomm[7] triggered exit kind 1026:\n  stall\n\nlast\n"
					"=====\n\nEXIT: stall\n");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "    BUG SUMMARY\n"
			"      what:   the scheduler ended, or the kernel put it out (scheduler_died)\n"
			"      where:  cgroup cg_0, worker 1 (tid 126), on CPU 0; ran 0 ms, waited 0 ms\n"
			"      since:  0.44 s after the load began\n"
			"    scheduler_died: sched_ext put scheduler s out during the test\n"
			"    stuck: cg_0: tid 126 stuck 4003ms on cpu0 at +4447ms\n"
			"    note: a note\n"
			"  --- scheduler log ---\n");
	CHECK_HAS(text, "    EXIT: stall\n"
			"  --- sched_ext dump ---\n"
			"    comm[7] triggered exit kind 1026:\n"
			"      stall\n"
			"    last\n");
}

TEST(the_kernels_own_dump_goes_before_what_a_scheduler_printed)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("stalled", KTSTR_FAIL));
	AUTO(free) char *text = NULL;

	failed->scheduler_log = xstrdup("s: attached\ncomm[7] triggered exit kind 1026:\n  printed\n");
	failed->exit_dump = xstrdup("comm[7] triggered exit kind 1026:\n  traced\n");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "  --- scheduler log ---\n"
			"    s: attached\n"
			"  --- sched_ext dump ---\n"
			"    comm[7] triggered exit kind 1026:\n"
			"      traced\n");
	CHECK(!strstr(text, "printed"));
}

TEST(a_dump_is_told_where_the_scheduler_says_nothing)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("stalled", KTSTR_FAIL));
	AUTO(buf_done) struct buf dump = {0};
	AUTO(free) char *text = NULL;

	for (int i = 1; i <= 50; i++)
		buf_printf(&dump, "line %d\n", i);
	failed->exit_dump = xstrdup(buf_text(&dump));
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "  --- sched_ext dump ---\n    line 1\n");
	CHECK_HAS(text, "    line 40\n    ... 10 more lines in sched_ext-dump.log\n");
}

TEST(a_long_dump_is_cut_behind_its_beginning)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("stalled", KTSTR_FAIL));
	AUTO(buf_done) struct buf log = {0};
	AUTO(free) char *text = NULL;

	buf_str(&log, "comm[7] triggered exit kind 1026:\n");
	for (int i = 2; i <= 50; i++)
		buf_printf(&log, "line %d\n", i);
	failed->scheduler_log = xstrdup(buf_text(&log));
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "    line 40\n    ... 10 more lines in scheduler.log\n");
	CHECK(!strstr(text, "--- scheduler log ---"));
}

TEST(workers_that_wait_more_from_a_step_on_say_which)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("uneven", KTSTR_FAIL));
	AUTO(free) char *text = NULL;

	say(failed, KTSTR_KIND_UNFAIR, "cg_0: unfair cgroup");
	failed->outcome.stats = json_loads(
		"{\"timeline\":["
		"{\"elapsed_ns\":0,\"step\":0,\"workers\":2,\"cpu_ns\":0,\"wait_ns\":0},"
		"{\"elapsed_ns\":500000000,\"step\":1,\"name\":\"shrink\",\"workers\":2,"
		"\"cpu_ns\":1000000000,\"wait_ns\":0},"
		"{\"elapsed_ns\":1000000000,\"step\":1,\"end\":true,\"workers\":2,"
		"\"cpu_ns\":1500000000,\"wait_ns\":500000000}]}", 0, NULL);
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "      since:  0.50 s after the load began, in step 1 shrink\n");
}

TEST(pretty_shows_the_console_when_the_kernel_complained)
{
	AUTO(results_done) struct results results = {0};
	AUTO(free) char *text = NULL;

	push_failure(&results);
	free(results.at[0].console_tail);
	results.at[0].console_tail = xstrdup("[    1.0] BUG: kernel NULL pointer dereference\n");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "  --- console ---\n    [    1.0] BUG: kernel NULL pointer dereference\n");
}

TEST(pretty_keeps_the_last_forty_lines_of_a_log)
{
	AUTO(results_done) struct results results = {0};
	AUTO(buf_done) struct buf log = {0};
	AUTO(free) char *text = NULL;

	push_failure(&results);
	for (int i = 0; i < 50; i++)
		buf_printf(&log, "line %d\n", i);
	free(results.at[0].scheduler_log);
	results.at[0].scheduler_log = buf_take(&log);
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "  --- scheduler log ---\n    line 10\n");
	CHECK_HAS(text, "    line 49\n");
}

static json_t *event_of(const char *name, unsigned step, bool end, double at_ms, double ran_ms,
			double waited_ms)
{
	return json_pack("{s:s,s:f,s:i,s:b,s:o,s:i,s:i,s:f,s:f}", "name", name, "elapsed_ns",
			 at_ms * NS_PER_MS, "step", (int)step, "end", (int)end, "op_kinds",
			 step ? json_pack("[s,s]", "set_cpuset", "spawn") : json_array(), "cgroups", 2,
			 "workers", 4, "cpu_ns", ran_ms * NS_PER_MS, "wait_ns", waited_ms * NS_PER_MS);
}

static char *timeline_of(json_t *events)
{
	AUTO(buf_done) struct buf out = {0};

	put_timeline(&out, "  ", events);
	json_decref(events);
	return buf_take(&out);
}

TEST(a_timeline_is_a_line_a_phase_with_what_changed)
{
	/* two CPUs: four workers run half the time each, then on one CPU a quarter, then half again */
	AUTO(free) char *text = timeline_of(json_pack(
		"[o,o,o,o,o,o,o]", event_of("", 0, false, 0, 0, 0),
		event_of("", 0, true, 500, 1000, 1000),
		event_of("shrink", 1, false, 510, 1020, 1020),
		event_of("shrink", 1, true, 1010, 1520, 2520),
		event_of("grow", 2, false, 1010, 1520, 2520), event_of("grow", 2, true, 1510, 2520, 3520),
		event_of("last", 3, false, 1510, 2520, 3520)));

	CHECK_STR(text,
		  "  +0.00s to +0.50s  start                             2 cgroups, 4 workers: each ran 50 "
		  "%, waited 50 %\n"
		  "  +0.51s to +1.01s  step 1 shrink: set_cpuset, spawn  2 cgroups, 4 workers: each ran 25 "
		  "% (-25), waited 75 % (+25)  <-- waits more\n"
		  "  +1.01s to +1.51s  step 2 grow: set_cpuset, spawn    2 cgroups, 4 workers: each ran 50 "
		  "% (+25), waited 50 % (-25)\n"
		  "  +1.51s to ...     step 3 last: set_cpuset, spawn    it did not end\n");
}

TEST(a_backdrop_is_a_phase_when_it_lasts)
{
	AUTO(free) char *brief = timeline_of(json_pack(
		"[o,o,o]", event_of("", 0, false, 0, 0, 0), event_of("a", 1, false, 49, 0, 0),
		event_of("a", 1, true, 1000, 0, 0)));
	AUTO(free) char *long_one = timeline_of(json_pack(
		"[o,o,o]", event_of("", 0, false, 0, 0, 0), event_of("a", 1, false, 50, 0, 0),
		event_of("a", 1, true, 1000, 0, 0)));

	CHECK(!strstr(brief, "start"));
	CHECK_HAS(brief, "step 1 a");
	CHECK_HAS(long_one, "start");
}

TEST(a_short_wait_more_is_not_marked)
{
	AUTO(free) char *text = timeline_of(json_pack(
		"[o,o,o,o]", event_of("", 0, false, 0, 0, 0), event_of("a", 1, false, 1000, 2000, 2000),
		event_of("b", 2, false, 2000, 4000, 4396), event_of("b", 2, true, 3000, 6000, 7196)));

	CHECK_HAS(text, "waited 60 % (+10)\n");        /* 9.9 points */
	CHECK_HAS(text, "waited 70 % (+10)  <-- waits more\n");
}

TEST(a_long_timeline_is_cut_in_the_middle)
{
	AUTO(free) char *text = NULL;
	json_t *events = json_array();
	size_t lines = 0;

	for (unsigned i = 0; i <= 100; i++)
		json_array_append_new(events, event_of("x", i + 1, false, i * 10.0, i * 20.0, 0));
	text = timeline_of(events);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	CHECK_EQ(lines, 41);
	CHECK_HAS(text, "... 61 more phases, see result.json ...");
	CHECK_HAS(text, "step 101 x");
}

TEST(a_timeline_of_anything_is_text)
{
	AUTO(free) char *text = timeline_of(json_loads(
		"[7,{\"name\":\"a\\u001b[31mb\\nc\",\"step\":1,\"elapsed_ns\":9e300,\"workers\":-4},"
		"{\"elapsed_ns\":1,\"cpu_ns\":\"x\",\"op_kinds\":[3]},{\"end\":true}]",
		0, NULL));

	CHECK(!strpbrk(text, "\x1b"));
	CHECK(!strstr(text, "nan") && !strstr(text, "inf"));
}

TEST(pretty_is_coloured_only_when_asked)
{
	AUTO(results_done) struct results results = all_states();
	AUTO(free) char *plain = render(REPORT_PRETTY, &results, false);
	struct report_totals totals = totals_of(&results);
	AUTO(free) char *text = NULL;
	size_t len;
	struct report_config config = {.out = open_memstream(&text, &len), .color = true};
	struct report *report = report_begin(&config);

	CHECK(!strchr(plain, '\x1b'));
	report_result(report, &results.at[0]);
	CHECK_EQ(report_end(report, &totals, NULL), 0);
	fclose(config.out);
	CHECK_HAS(text, "\x1b[32mPASS\x1b[0m  two_cgroups ");
}

static struct results nasty_results(void)
{
	struct results results = {0};

	for (int state = KTSTR_PASS; state <= KTSTR_ERROR; state++) {
		struct result *result = results_push(&results, result_of(NASTY, (enum ktstr_state)state));

		say(result, state == KTSTR_SKIP ? KTSTR_KIND_SKIP : KTSTR_KIND_OTHER, NASTY);
		say(result, KTSTR_KIND_NOTE, NASTY);
		result->test_output = xstrdup(NASTY);
		result->scheduler_log = xstrdup(NASTY);
		result->console_tail = xstrdup(NASTY);
		result->repeat_command = xstrdup(NASTY);
		free(result->identity.scheduler);
		result->identity.scheduler = xstrdup(NASTY);
		result->outcome.scheduler = json_pack(
			"{s:{s:s,s:s}}", "during", "state", "\x1b[2J\n--- stats ---", "ops", NASTY_UTF8);
	}
	return results;
}

TEST(pretty_cannot_be_injected_into)
{
	AUTO(results_done) struct results results = nasty_results();
	AUTO(free) char *text = render(REPORT_PRETTY, &results, false);

	for (const char *c = text; *c; c++)
		CHECK((unsigned char)*c >= ' ' || *c == '\n');
	CHECK_HAS(text, "\n    ok 9 - d?");
	CHECK(!strstr(text, "\nok 9"));
}

TEST(tap_carries_reasons_and_diagnostics)
{
	AUTO(results_done) struct results results = all_states();
	AUTO(free) char *text = render(REPORT_TAP, &results, false);

	CHECK_STR(text,
		  "TAP version 13\n"
		  "1..5\n"
		  "ok 1 - two_cgroups\n"
		  "# ran on the slow path\n"
		  "ok 2 - on_sixteen_cpus # SKIP the host has 2 CPUs\n"
		  "not ok 3 - starving\n"
		  "  ---\n"
		  "  message: \"tid 123 starved (0 work units)\"\n"
		  "  kind: \"starved\"\n"
		  "  state: \"fail\"\n"
		  "  topology: \"1n1l2c1t\"\n"
		  "  scheduler: \"eevdf\"\n"
		  "  mode: \"det\"\n"
		  "  details:\n"
		  "    - kind: \"starved\"\n"
		  "      text: \"tid 123 starved (0 work units)\"\n"
		  "    - kind: \"note\"\n"
		  "      text: \"gap not judged in det\"\n"
		  "  repeat: \"ktstr test --seed 1 ./my_sched starving\"\n"
		  "  artefacts: \"/runs/r1/starving\"\n"
		  "  ...\n"
		  "not ok 4 - idle # INCONCLUSIVE\n"
		  "  ---\n"
		  "  message: \"no samples\"\n"
		  "  kind: \"benchmark\"\n"
		  "  state: \"inconclusive\"\n"
		  "  topology: \"1n1l2c1t\"\n"
		  "  scheduler: \"eevdf\"\n"
		  "  mode: \"det\"\n"
		  "  details:\n"
		  "    - kind: \"benchmark\"\n"
		  "      text: \"no samples\"\n"
		  "  repeat: null\n"
		  "  artefacts: null\n"
		  "  ...\n"
		  "not ok 5 - booting # ERROR\n"
		  "  ---\n"
		  "  message: \"kernel silent for 60 s\"\n"
		  "  kind: \"other\"\n"
		  "  state: \"error\"\n"
		  "  topology: \"1n1l2c1t\"\n"
		  "  scheduler: \"eevdf\"\n"
		  "  mode: \"det\"\n"
		  "  details:\n"
		  "    - kind: \"other\"\n"
		  "      text: \"kernel silent for 60 s\"\n"
		  "  repeat: null\n"
		  "  artefacts: null\n"
		  "  ...\n");
}

/* Of a program that reads a report from a file: 0 when it ran and liked it, else what it said. */
static int read_by(const char *const *argv, struct buf *said)
{
	struct ktstr_error err = {0};
	int r = run_and_read(argv, 1 << 20, deadline_in(60 * NS_PER_S), said, &err);

	if (r < 0)
		buf_str(said, err.msg);
	return r;
}

static bool program_is_there(const char *name)
{
	AUTO(buf_done) struct buf said = {0};
	AUTO(free) char *command = xasprintf("command -v %s", name);

	return read_by((const char *const[]){"sh", "-c", command, NULL}, &said) == 0;
}

static void skip_because(const char *why)
{
	if (getenv("KTSTR_MUST_RUN"))
		fail_msg("must run, but %s", why);
	print_message("skipped: %s\n", why);
	skip();
}

static char *write_scratch(const char *text)
{
	char path[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(fd_close) int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_EQ(fd_write_all(fd, text, strlen(text)), 0);
	return xstrdup(path);
}

TEST(tap_cannot_be_injected_into)
{
	AUTO(results_done) struct results results = nasty_results();
	AUTO(free) char *text = render(REPORT_TAP, &results, false);
	struct sv rest = sv_of(text), line;
	size_t test_lines = 0;

	CHECK_HAS(text, "ok 1 - a?[31m\\#b\\\\\"]]><c>&'? ok 9 - d?\xef\xbf\xbd\xef\xbf\xbf\n");
	while (sv_line(&rest, &line))
		test_lines += sv_starts(line, "ok ") || sv_starts(line, "not ok ");
	CHECK_EQ(test_lines, 5);
	CHECK(!strchr(text, '\x1b'));
}

TEST(prove_reads_our_tap)
{
	AUTO(results_done) struct results results = nasty_results();
	AUTO(buf_done) struct buf said = {0};
	AUTO(free) char *text = NULL;
	AUTO(free) char *path = NULL;

	if (!program_is_there("prove"))
		skip_because("prove is not installed");
	results_push(&results, result_of("last", KTSTR_PASS));
	text = render(REPORT_TAP, &results, false);
	path = write_scratch(text);
	CHECK_EQ(read_by((const char *const[]){"sh", "-c", "prove -e cat \"$0\" || true", path, NULL},
			 &said), 0);
	unlink(path);
	CHECK_HAS(buf_text(&said), "Failed tests:  3-5\n");
	CHECK_HAS(buf_text(&said), "Tests: 6 Failed: 3)");
	CHECK(!strstr(buf_text(&said), "Parse errors"));
}

/* xmllint's word on a report. */
static void validate(const char *text)
{
	AUTO(free) char *schema = xasprintf("%s/report/junit-10.xsd", getenv("KTSTR_TEST_DATA") ?: ".");
	AUTO(free) char *path = write_scratch(text);
	AUTO(buf_done) struct buf said = {0};
	int r = read_by((const char *const[]){"xmllint", "--nonet", "--noout", "--schema", schema, path,
					      NULL}, &said);

	unlink(path);
	if (r < 0)
		fail_msg("%s in\n%s", buf_text(&said), text);
}

TEST(junit_is_valid_whatever_was_said)
{
	AUTO(results_done) struct results plain = all_states();
	AUTO(results_done) struct results nasty = nasty_results();
	struct results none = {0};
	AUTO(free) char *plain_text = render(REPORT_JUNIT, &plain, false);
	AUTO(free) char *nasty_text = render(REPORT_JUNIT, &nasty, true);
	AUTO(free) char *empty_text = render(REPORT_JUNIT, &none, false);

	if (!program_is_there("xmllint"))
		skip_because("xmllint is not installed");
	validate(plain_text);
	validate(nasty_text);
	validate(empty_text);
}

TEST(junit_counts_and_names_what_failed)
{
	AUTO(results_done) struct results results = all_states();
	AUTO(free) char *text = render(REPORT_JUNIT, &results, false);

	CHECK_HAS(text, "<testsuite name=\"my_sched\" tests=\"5\" failures=\"2\" errors=\"1\" "
			"skipped=\"1\" time=\"12.300\" timestamp=\"2");
	CHECK_HAS(text, "<testcase classname=\"my_sched\" name=\"two_cgroups\" time=\"2.100\">\n"
			"<system-out>note: ran on the slow path\n</system-out>\n</testcase>\n");
	CHECK_HAS(text, "<skipped message=\"the host has 2 CPUs\"/>\n");
	CHECK_HAS(text, "<failure message=\"tid 123 starved (0 work units)\" type=\"starved\">"
			"ktstr_test 'starving' [sched=eevdf] [topo=1n1l2c1t] failed:\n"
			"  BUG SUMMARY\n"
			"    what:   workers that wanted to run got no CPU time (starved)\n");
	CHECK_HAS(text, "  starved: tid 123 starved (0 work units)\n");
	CHECK_HAS(text, "</failure>\n<system-out>one\ntwo\n</system-out>\n"
			"<system-err>attached\n[    0.1] all is well\n</system-err>\n");
	CHECK_HAS(text, "<error message=\"kernel silent for 60 s\" type=\"other\">");
}

static size_t field_count(void)
{
	size_t count = 0;

	while (record_fields[count].key)
		count++;
	return count;
}

TEST(idle_cpus_are_named_where_workers_waited)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("crowded", KTSTR_FAIL));
	AUTO(free) char *text = NULL;

	say(failed, KTSTR_KIND_IDLE_WHILE_WAITING, "CPUs stood idle");
	failed->outcome.stats = json_loads("{\"window\":{\"idle_cpus\":\"2-3\"}}", 0, NULL);
	failed->outcome.workers = json_loads("[{\"cgroup\":\"cg_0\",\"index\":2,\"tid\":7,\"cpus\":\"0\"}]", 0, NULL);
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "      where:  CPU 2-3 mostly idle; cgroup cg_0, worker 2 (tid 7), which ran on CPU 0; ran 0 ms,");
}

TEST(who_had_too_little_for_its_weight_is_named_not_who_took_it)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("shares", KTSTR_FAIL));
	AUTO(free) char *text = NULL;

	say(failed, KTSTR_KIND_UNFAIR, "heavy: had 50% of the CPU time");
	failed->outcome.stats = json_loads("{\"cgroups\":[{\"name\":\"light\",\"weight_shortfall_pct\":0},"
					   "{\"name\":\"heavy\",\"weight_shortfall_pct\":30.2}]}", 0, NULL);
	failed->outcome.workers = json_loads("[{\"cgroup\":\"light\",\"index\":0,\"tid\":7,\"cpu_ns\":1,\"wall_ns\":9},"
					     "{\"cgroup\":\"heavy\",\"index\":0,\"tid\":8,\"cpu_ns\":5,\"wall_ns\":9},"
					     "{\"cgroup\":\"heavy\",\"index\":1,\"tid\":9,\"cpu_ns\":4,\"wall_ns\":9}]",
					     0, NULL);
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "      where:  cgroup heavy, short of its weight's share by 30 points; worker 1 (tid 9); ran 0 ms,");
}

/* --- how a scheduler ended ------------------------------------------------------------------- */

#define DISABLED(reason, message)                                                                  \
	"sched_ext: BPF scheduler \"s\" enabled\nsched_ext: BPF scheduler \"s\" disabled (" reason ")\n" message

static struct result *died(struct results *results, const char *kernel_log, const char *log)
{
	struct result *result = results_push(results, result_of("dying", KTSTR_FAIL));

	say(result, KTSTR_KIND_SCHEDULER_DIED, "it died");
	result->outcome.scheduler = json_pack("{s:{s:s}, s:s, s:s}", "start", "state", "enabled", "ended_early",
					      "exit status 1", "kernel_log", kernel_log);
	result->scheduler_log = xstrdup(log);
	return result;
}

TEST(a_scheduler_that_the_kernel_put_out_is_told_by_the_kernels_words)
{
	AUTO(results_done) struct results results = {0};
	AUTO(free) char *text = NULL;

	died(&results, DISABLED("scx_bpf_error", "sched_ext: s: oh no\n   balance_scx+0x1\n"),
	     "s: attached\n=====\n\nspin[7] triggered exit kind 1025:\n  scx_bpf_error (oh no)\n\nBacktrace:\n"
	     "  scx_bpf_error_bstr+0x7a/0xa0\n  bpf_prog_e01a98cc94a38bcd_s_helper+0x92/0xfc\n"
	     "  bpf_prog_0123456789abcdef_s_dispatch+0x92/0xfc\n  bpf__sched_ext_ops_dispatch+0x4b/0xa8\n"
	     "  balance_scx+0x23e/0x590\n  __schedule+0x5ef/0xcf0\n\nCPU states\n----------\n");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "what:   the kernel put the scheduler out: scx_bpf_error: oh no (scheduler_died)\n");
	CHECK_HAS(text, "where:  BPF program s_helper, called by balance_scx, while spin[7] ran\n");
}

TEST(a_stall_is_told_with_the_queue_of_the_task)
{
	static const char *const log =
		"w[9] triggered exit kind 1026:\n  runnable task stall (t[15] failed to run for 1.060s)\n\n"
		"Backtrace:\n  scx_watchdog_workfn+0x16a/0x1f0\n  kthread+0xfc/0x240\n\nCPU states\n----------\n\n"
		"CPU 0   : nr_run=1 flags=0x1\n          curr=swapper/0[0]\n\n  R t[150] -332ms\n      dsq_id=0x7 x\n\n"
		"CPU 1   : nr_run=2\n\n%s t[15] -1060ms\n      scx_state/flags=3/0x1 ops_state/qseq=%d/0\n"
		"      sticky/holding_cpu=-1/-1 dsq_id=%s\n";
	static const struct {
		const char *mark, *queue, *where;
		int state;
	} rows[] = {
		{"  R", "0x1", "task t[15] on CPU 1, in DSQ 0x1", 0},
		{" *R", "(n/a)", "task t[15] on CPU 1", 0},
		{"  R", "(n/a)", "task t[15] on CPU 1, in no DSQ: the BPF scheduler was given it and kept it", 2},
		{" ?R", "0x1", "task t[15]", 0},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(results_done) struct results results = {0};
		AUTO(free) char *filled = xasprintf(log, rows[i].mark, rows[i].state, rows[i].queue);
		AUTO(free) char *line = xasprintf("      where:  %s\n", rows[i].where);
		AUTO(free) char *text = NULL;

		died(&results, DISABLED("runnable task stall", "sched_ext: s: t[15] failed to run for 1.060s\n"), filled);
		text = render(REPORT_PRETTY, &results, false);
		CHECK_HAS(text, "the kernel put the scheduler out: runnable task stall: t[15] failed to run for 1.060s (");
		CHECK_HAS(text, line);
	}
}

TEST(a_scheduler_that_ended_by_itself_has_last_words)
{
	AUTO(results_done) struct results results = {0};
	struct result *unborn;
	AUTO(free) char *text = NULL;

	died(&results, DISABLED("unregistered from user space", ""), "s: attached\ns: I go\n");
	died(&results, "", "");
	unborn = died(&results, "", "s: no\n");
	json_object_del(unborn->outcome.scheduler, "start");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "what:   the scheduler's process ended by itself: exit status 1; it said last: s: I go (");
	CHECK_HAS(text, "what:   the scheduler's process ended by itself: exit status 1 (scheduler_died)\n");
	CHECK_HAS(text, "what:   the scheduler did not start: exit status 1; it said last: s: no (scheduler_died)\n");
}

TEST(the_end_of_a_scheduler_that_says_nothing_is_told_from_the_kernels_dump)
{
	AUTO(results_done) struct results results = {0};
	AUTO(free) char *text = NULL;

	died(&results, DISABLED("runnable task stall", "sched_ext: s: t[15] failed to run for 1.060s\n"), "")
		->exit_dump = xstrdup("w[9] triggered exit kind 1026:\n  stall\n\nBacktrace:\n  kthread+0xfc/0x240\n\n"
				      "CPU states\nCPU 1   : nr_run=2\n\n  R t[15] -1060ms\n"
				      "      sticky/holding_cpu=-1/-1 dsq_id=0x1\n");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "      where:  task t[15] on CPU 1, in DSQ 0x1\n");
}

/* as libbpf prints it */
TEST(a_program_that_the_verifier_refuses_is_named_with_its_line)
{
	static const char log[] =
		"libbpf: prog 's_enqueue': BPF program load failed: Permission denied\n"
		"libbpf: prog 's_enqueue': -- BEGIN PROG LOAD LOG --\n0: R1=ctx() R10=fp0\n"
		"; void BPF_PROG(s_enqueue, u64 flags) @ s.bpf.c:13\n0: (79) r1 = *(u64 *)(r1 +8)\n"
		"; *(u64 *)flags = 0; @ s.bpf.c:15\n2: (7b) *(u64 *)(r1 +0) = r2\nR1 invalid mem access 'scalar'\n"
		"processed 3 insns (limit 1000000)\n-- END PROG LOAD LOG --\n"
		"libbpf: failed to load object 's'\ns: not loaded\n";
	AUTO(results_done) struct results results = {0};
	struct result *unborn = died(&results, "", log);
	AUTO(free) char *text = NULL;

	json_object_del(unborn->outcome.scheduler, "start");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "what:   the scheduler did not start: exit status 1; it said last: s: not loaded (");
	CHECK_HAS(text, "where:  BPF program s_enqueue, s.bpf.c:15: the verifier says: R1 invalid mem access 'scalar'\n");
	free(TAKE_PTR(text));
	/* cut in front */
	free(results.at[0].scheduler_log);
	results.at[0].scheduler_log = xasprintf("%slibbpf: prog 's_enqueue': failed to load: -13\n", strstr(log, "0: (79)"));
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "where:  BPF program s_enqueue, s.bpf.c:15: the verifier says: R1 invalid mem access 'scalar'\n");
}

TEST(a_stall_is_since_the_task_ran_last)
{
	AUTO(results_done) struct results results = {0};
	struct result *stalled = died(&results, DISABLED("runnable task stall",
							"sched_ext: s: t[15] failed to run for 1.060s\n"), "");
	AUTO(free) char *text = NULL;

	json_object_set_new(stalled->outcome.scheduler, "ended_after_ns", json_integer(1600000000));
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "since:  0.54 s after the test began; put out at 1.60 s\n");
}

TEST(a_number_beyond_its_limit_is_told)
{
	AUTO(results_done) struct results results = {0};
	AUTO(free) char *text = NULL;

	say(results_push(&results, result_of("slow", KTSTR_FAIL)), KTSTR_KIND_BENCHMARK, "p99 9ns exceeds 5ns");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "what:   p99 9ns exceeds 5ns (benchmark)\n");
}

/* A log may be anything: cut at any byte, it is told or left out. */
TEST(a_cut_dump_is_no_trap)
{
	static const char whole[] =
		"w[9] triggered exit kind 1026:\n  stall\n\nBacktrace:\n  bpf_prog_0a_f+0x1/0x2\n  g+0x1\nCPU states\n"
		"CPU 1   : n\n  R t[15] -1060ms\n      ops_state/qseq=2/0\n dsq_id=0x1 \n";
	static const char kernel[] = DISABLED("runnable task stall", "sched_ext: s: t[15] failed to run for 1.060s\n");

	for (size_t len = 0; len < sizeof whole + sizeof kernel; len++) {
		AUTO(results_done) struct results results = {0};
		AUTO(free) char *log = xstrndup(whole, len < sizeof whole ? len : sizeof whole - 1);
		AUTO(free) char *cut = xstrndup(kernel, len < sizeof whole ? sizeof kernel - 1 : len - sizeof whole);
		AUTO(free) char *text = NULL;

		died(&results, cut, log);
		text = render(REPORT_PRETTY, &results, false);
		CHECK_HAS(text, "      what:   ");
	}
}

TEST(what_probes_saw_is_a_section)
{
	AUTO(results_done) struct results results = {0};
	struct result *failed = results_push(&results, result_of("stalled", KTSTR_FAIL));
	AUTO(free) char *text = NULL;

	say(failed, KTSTR_KIND_SCHEDULER_DIED, "it died");
	failed->auto_repro = xstrdup("reproduced in a second guest: it died\ntrigger: none\n");
	text = render(REPORT_PRETTY, &results, false);
	CHECK_HAS(text, "  --- auto-repro ---\n    reproduced in a second guest: it died\n    trigger: none\n");
	free(TAKE_PTR(results.at[0].auto_repro));
	free(TAKE_PTR(text));
	text = render(REPORT_PRETTY, &results, false);
	CHECK(!strstr(text, "auto-repro"));
}

TEST(json_is_one_document_also_when_interrupted)
{
	AUTO(results_done) struct results results = nasty_results();
	AUTO(free) char *text = render(REPORT_JSON, &results, true);
	json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *totals = json_object_get(document, "totals");
	json_t *tests = json_object_get(document, "tests");

	CHECK(document);
	CHECK_EQ(json_integer_value(json_object_get(document, "schema_version")), 2);
	CHECK_STR(json_string_value(json_object_get(document, "suite")), "my_sched");
	CHECK_EQ(json_array_size(tests), 5);
	CHECK_EQ(json_object_size(json_array_get(tests, 4)), field_count());
	CHECK_EQ(json_integer_value(json_object_get(totals, "inconclusive")), 1);
	CHECK_EQ(json_integer_value(json_object_get(totals, "exit_status")), 130);
	CHECK(json_is_true(json_object_get(totals, "interrupted")));
	json_decref(document);
}

TEST(a_run_without_tests_is_whole_in_every_format)
{
	struct results none = {0};
	AUTO(free) char *pretty = render(REPORT_PRETTY, &none, false);
	AUTO(free) char *tap = render(REPORT_TAP, &none, false);
	AUTO(free) char *json = render(REPORT_JSON, &none, false);

	CHECK_STR(pretty, "12.3 s\n0 passed, 0 failed, 0 skipped\n");
	CHECK_STR(tap, "TAP version 13\n1..0 # SKIP no test matched\n");
	CHECK_STR(json, "{\"schema_version\":2,\n\"suite\":\"my_sched\",\n\"tests\":[\n],\n\"totals\":"
			"{\"pass\":0,\"skip\":0,\"inconclusive\":0,\"fail\":0,\"error\":0,"
			"\"host_ns\":12300000000,\"interrupted\":false,\"exit_status\":4}}\n");
}

TEST(an_interrupted_run_says_so)
{
	AUTO(results_done) struct results results = {0};
	AUTO(free) char *pretty = NULL;
	AUTO(free) char *tap = NULL;

	results_push(&results, result_of("two_cgroups", KTSTR_PASS));
	pretty = render(REPORT_PRETTY, &results, true);
	tap = render(REPORT_TAP, &results, true);
	CHECK_HAS(pretty, "interrupted: 1 of 2 tests have a result\n12.3 s\n"
			  "1 passed, 0 failed, 0 skipped\n");
	CHECK_STR(tap, "TAP version 13\n1..2\nok 1 - two_cgroups\nBail out! interrupted\n");
}

TEST(a_report_that_could_not_be_written_is_an_error)
{
	AUTO(results_done) struct results results = all_states();
	struct report_totals totals = totals_of(&results);

	for (int format = REPORT_PRETTY; format <= REPORT_JSON; format++) {
		struct ktstr_error err = {0};
		struct report_config config = {.format = (enum report_format)format,
					       .out = fopen("/dev/full", "w"),
					       .test_count = results.len};
		struct report *report = report_begin(&config);

		vec_each(result, &results)
			report_result(report, result);
		CHECK_EQ(report_end(report, &totals, &err), -ENOSPC);
		CHECK_HAS(err.msg, " report: No space left on device");
		fclose(config.out);
	}
}

static int status_of(struct report_totals totals)
{
	return report_exit_status(&totals);
}

TEST(the_worst_rank_decides_the_exit_status)
{
	CHECK_EQ(status_of((struct report_totals){0}), 4);
	CHECK_EQ(status_of((struct report_totals){.count = {[KTSTR_PASS] = 2}}), 0);
	CHECK_EQ(status_of((struct report_totals){.count = {[KTSTR_SKIP] = 2}}), 0);
	CHECK_EQ(status_of((struct report_totals){.count = {[KTSTR_PASS] = 9, [KTSTR_INCONCLUSIVE] = 1}}),
		 2);
	CHECK_EQ(status_of((struct report_totals){.count = {[KTSTR_INCONCLUSIVE] = 1, [KTSTR_FAIL] = 1}}),
		 1);
	CHECK_EQ(status_of((struct report_totals){.count = {[KTSTR_FAIL] = 1, [KTSTR_ERROR] = 1}}), 3);
	CHECK_EQ(status_of((struct report_totals){.count = {[KTSTR_ERROR] = 1}, .interrupted = true}),
		 130);
}

TEST(format_words_are_read)
{
	enum report_format format = REPORT_PRETTY;

	CHECK(report_format_parse(sv_of("junit"), &format));
	CHECK_EQ(format, REPORT_JUNIT);
	CHECK(!report_format_parse(sv_of("xml"), &format));
	CHECK(!report_format_parse(sv_of(""), &format));
}

/* --- progress ---------------------------------------------------------------------------------- */

struct terminal {
	int master, slave;
};

static struct terminal terminal_of(unsigned short columns)
{
	struct terminal terminal;
	struct winsize size = {.ws_row = 24, .ws_col = columns};

	CHECK_EQ(openpty(&terminal.master, &terminal.slave, NULL, NULL, &size), 0);
	CHECK_EQ(fcntl(terminal.master, F_SETFL, O_NONBLOCK), 0);
	setenv("TERM", "xterm", 1);
	return terminal;
}

/* What was written to the terminal since the last call. */
static const char *seen(struct terminal *terminal)
{
	static char text[8192];
	size_t len = 0;
	ssize_t r;

	while ((r = read(terminal->master, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)r;
	text[len] = '\0';
	return text;
}

static void terminal_done(struct terminal *terminal)
{
	close(terminal->master);
	close(terminal->slave);
}

TEST(progress_names_what_runs_and_is_gone_at_the_end)
{
	struct terminal terminal = terminal_of(80);
	struct progress *progress = progress_begin(terminal.slave, 12);

	CHECK(progress);
	progress_stage(progress, 0, "steady", "boot");
	CHECK_STR(seen(&terminal), "\r[0/12] 1 running: steady (boot 0.0s)\x1b[K");
	progress_stage(progress, 5, "b\xc3\xa9\x1b", "boot");
	progress_stage(progress, 0, "steady", "test");
	CHECK_HAS(seen(&terminal), "\r[0/12] 2 running: steady (test 0.0s), b?? (boot 0.0s)\x1b[K");
	progress_finish(progress, 0);
	CHECK_STR(seen(&terminal), "\r[1/12] 1 running: b?? (boot 0.0s)\x1b[K");
	progress_end(progress);
	CHECK_STR(seen(&terminal), "\r\x1b[K");
	terminal_done(&terminal);
}

TEST(progress_never_fills_a_line)
{
	struct terminal terminal = terminal_of(20);
	struct progress *progress = progress_begin(terminal.slave, 12);

	progress_stage(progress, 0, "a_test_with_a_long_name", "boot");
	CHECK_STR(seen(&terminal), "\r[0/12] 1 running: a\x1b[K");
	progress_end(progress);
	terminal_done(&terminal);
}

TEST(progress_makes_room_for_results_and_log_lines)
{
	AUTO(result_done) struct result result = result_of("steady", KTSTR_PASS);
	struct terminal terminal = terminal_of(80);
	struct progress *progress = progress_begin(terminal.slave, 1);
	struct report_totals totals = {0};
	struct report_config config = {.out = fdopen(dup(terminal.slave), "w"), .test_count = 1};
	struct report *report = report_begin(&config);
	int stderr_fd = dup(STDERR_FILENO);

	(void)seen(&terminal);
	report_result(report, &result);
	CHECK_STR(seen(&terminal),
		  "\r\x1b[KPASS  steady                     1n1l2c1t   eevdf         det     2.1 s\r\n"
		  "\r[0/1] 0 running\x1b[K");
	CHECK_EQ(dup2(terminal.slave, STDERR_FILENO), STDERR_FILENO);
	log_error("vm steady: hello");
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	CHECK_STR(seen(&terminal), "\r\x1b[Kktstr: vm steady: hello\r\n\r[0/1] 0 running\x1b[K");
	CHECK_EQ(report_end(report, &totals, NULL), 0);
	progress_end(progress);
	fclose(config.out);
	terminal_done(&terminal);
}

TEST(progress_is_silent_where_there_is_no_terminal)
{
	int ends[2];
	char byte;

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHECK(!progress_begin(ends[1], 1));
	progress_stage(NULL, 0, "steady", "boot");
	progress_finish(NULL, 0);
	progress_tick(NULL);
	progress_end(NULL);
	CHECK_EQ(read(ends[0], &byte, 1), -1);
	close(ends[0]);
	close(ends[1]);
}

static void *tell_many(void *arg)
{
	for (size_t i = 0; i < 200; i++) {
		progress_stage(arg, i, "steady", "boot");
		log_info("under the curtain");
		progress_finish(arg, i);
	}
	return NULL;
}

/* Nobody reads this terminal and this stderr: /dev/null stands in for both once they are known. */
TEST(progress_takes_words_from_many_threads)
{
	struct terminal terminal = terminal_of(80);
	struct progress *progress = progress_begin(terminal.slave, 800);
	AUTO(fd_close) int null_fd = open("/dev/null", O_WRONLY);
	AUTO(fd_close) int stderr_fd = dup(STDERR_FILENO);
	pthread_t threads[4];

	CHECK_EQ(dup2(null_fd, terminal.slave), terminal.slave);
	CHECK_EQ(dup2(null_fd, STDERR_FILENO), STDERR_FILENO);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, tell_many, progress), 0);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(dup2(stderr_fd, STDERR_FILENO), STDERR_FILENO);
	progress_end(progress);
	terminal_done(&terminal);
}

RUN_TESTS();
