/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <unistd.h>

#include "run/one.h"
#include "run/run.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_describe
#include "../fuzz/fuzz_describe.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_evidence
#include "../fuzz/fuzz_evidence.c"
#undef LLVMFuzzerTestOneInput

#define TEST_JSON(extra)                                                                           \
	"{\"schema\":1,\"tests\":[{\"name\":\"a_test\",\"file\":\"a.c\",\"line\":1,"              \
	"\"topology\":\"1n2l4c1t\",\"memory_mib\":300,\"duration_ms\":2000,"                       \
	"\"workers_per_cgroup\":2,\"timeout_ms\":36000,\"expect_err\":false,\"expect_kind\":null,"  \
	"\"host_only\":false,\"ignored\":false,\"include_files\":[\"x\"],\"scheduler\":" extra "}]}"

static void outcome_clear(struct outcome *outcome)
{
	details_done(&outcome->details);
	json_decref(outcome->stats);
	json_decref(outcome->workers);
	json_decref(outcome->scheduler);
}
DEFINE_AUTO_DONE(struct outcome, outcome_clear)

/* --- plans ---------------------------------------------------------------------------------------- */

TEST(a_description_becomes_a_plan)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct ktstr_error err = {0};

	if (plans_parse(sv_of(TEST_JSON("{\"name\":\"s\",\"binary\":\"scx_s\",\"args\":[\"-v\"]}")),
			"./prog", &plans, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_EQ(plans.len, 1);
	CHECK_STR(plans.at[0].name, "a_test");
	CHECK_STR(plans.at[0].program, "./prog");
	CHECK_EQ(plans.at[0].memory_mib, 512);        /* contract L8: 8 CPUs want 64 each */
	CHECK(plans.at[0].has_scheduler);
	CHECK_STR(plans.at[0].scheduler.args.at[0], "-v");
	CHECK_STR(plans.at[0].include_files.at[0], "x");
}

/* The words of all frames of one type in a request, each with a space in front. */
static char *words_of(const struct buf *request, uint64_t nonce, uint32_t type)
{
	struct sv rest = sv_bytes(request->data, request->len);
	AUTO(buf_done) struct buf words = {0};
	struct wire_frame frame;
	struct sv payload;
	int64_t used;

	while ((used = wire_get(rest, nonce, WIRE_PAYLOAD_MAX, &frame, &payload, NULL)) > 0) {
		if (frame.type == type)
			buf_printf(&words, " %.*s", SV_ARG(payload));
		rest = sv_skip(rest, (size_t)used);
	}
	buf_str(&words, "");
	return buf_take(&words);
}

/* TD-5; the programs are scripts as far as a request is concerned */
TEST(what_a_scheduler_declares_is_in_the_request_in_its_order)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(buf_done) struct buf request = {0};
	struct ktstr_error err = {0};
	struct request_config config = {.mode = VM_DET, .nonce = 7, .scheduler = "/bin/true"};
	AUTO(free) char *scheduler = NULL;
	AUTO(free) char *sysctls = NULL;
	AUTO(free) char *cgroup = NULL;
	AUTO(free) char *env = NULL;

	if (plans_parse(sv_of(TEST_JSON("{\"name\":\"s\",\"binary\":\"scx_s\",\"args\":[\"-v\"],"
					"\"config_file\":\"/etc/hostname\","
					"\"cgroup_parent\":\"/sys/fs/cgroup/w\","
					"\"sysctls\":[\"a.b=1\",\"c=2 3\"],\"kargs\":[\"x\",\"y=1\"],"
					"\"watchdog_timeout_ms\":800}")),
			"/bin/true", &plans, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_STR(plans.at[0].scheduler.kargs.at[1], "y=1");
	CHECK_EQ(plan_watchdog_ms(&plans.at[0]), 800);
	strings_done(&plans.at[0].include_files);
	plans.at[0].include_files = (struct strings){0};
	config.plan = &plans.at[0];
	if (request_build(&config, &request, &err) < 0)
		fail_msg("%s", err.msg);
	scheduler = words_of(&request, 7, WIRE_REQ_SCHEDULER);
	CHECK_STR(scheduler, " /scheduler/true --config /include-files/hostname --cell-parent-cgroup "
			     "/sys/fs/cgroup/w -v");
	sysctls = words_of(&request, 7, WIRE_REQ_SYSCTL);
	CHECK_STR(sysctls, " a.b=1 c=2 3");
	cgroup = words_of(&request, 7, WIRE_REQ_CGROUP);
	CHECK_STR(cgroup, " /sys/fs/cgroup/w");
	env = words_of(&request, 7, WIRE_REQ_TEST_ENV);
	CHECK(strstr(env, " KTSTR_CGROUP_ROOT=/sys/fs/cgroup/w"));
	plans.at[0].scheduler.config_file[1] = 'E';
	buf_clear(&request);
	CHECK_EQ(request_build(&config, &request, &err), -ENOENT);
	CHECK_STR(err.msg, "scheduler s: config_file: /Etc/hostname: No such file or directory");
}

/* TD-5; whether it scheduled is not for us to say, but that its end went wrong is */
TEST(commands_of_a_scheduler_are_in_the_request_and_their_trouble_is_noted)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(outcome_clear) struct outcome outcome = {0};
	AUTO(evidence_done) struct evidence evidence = {0};
	AUTO(buf_done) struct buf request = {0};
	AUTO(free) char *enable = NULL;
	AUTO(free) char *disable = NULL;
	struct ktstr_error err = {0};
	struct request_config config = {.mode = VM_DET, .nonce = 7, .busybox = "/bin/true"};

	if (plans_parse(sv_of(TEST_JSON("{\"name\":\"s\",\"binary\":null,\"args\":[],"
					"\"enable\":[\"a 1\",\"b\"],\"disable\":[\"c\"]}")),
			"/bin/true", &plans, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK(!plans.at[0].has_scheduler);
	CHECK_STR(plan_scheduler_name(&plans.at[0]), "s");
	strings_done(&plans.at[0].include_files);
	plans.at[0].include_files = (struct strings){0};
	config.plan = &plans.at[0];
	if (request_build(&config, &request, &err) < 0)
		fail_msg("%s", err.msg);
	enable = words_of(&request, 7, WIRE_REQ_ENABLE);
	CHECK_STR(enable, " a 1 b");
	disable = words_of(&request, 7, WIRE_REQ_DISABLE);
	CHECK_STR(disable, " c");
	CHECK_EQ(evidence_read(sv_of("{\"asked\":false,\"disable_trouble\":\"it burns\",\"during\":"
				     "{\"state\":\"enabled\",\"ops\":\"x\"}}"), &evidence, NULL), 0);
	CHECK(evidence_judge(&evidence, &plans.at[0], NULL, (struct sv){0}, &outcome));
	CHECK_EQ(outcome.state, KTSTR_PASS);
	CHECK_EQ(outcome.details.len, 1);
	CHECK_STR(outcome.details.at[0].text, "scheduler s was not switched off: it burns");
}

#define FLAGGED                                                                                    \
	"{\"schema\":1,\"tests\":[{\"name\":\"a_test\",\"file\":\"a.c\",\"line\":1,"              \
	"\"topology\":\"1n1l1c1t\",\"memory_mib\":300,\"duration_ms\":2000,"                       \
	"\"workers_per_cgroup\":2,\"timeout_ms\":36000,\"expect_err\":false,\"expect_kind\":null,"  \
	"\"host_only\":false,\"ignored\":false,\"include_files\":[],"                              \
	"\"required_flags\":[\"llc\"],\"excluded_flags\":[\"slow\"],\"scheduler\":"                 \
	"{\"name\":\"s\",\"binary\":\"b\",\"args\":[\"-v\"],\"flags\":["                          \
	"{\"name\":\"steal\",\"args\":[\"--steal\"],\"requires\":[\"deep\"]},"                      \
	"{\"name\":\"deep\",\"args\":[\"--deep\",\"2\"],\"requires\":[\"llc\",\"steal\"]},"             \
	"{\"name\":\"slow\",\"args\":[],\"requires\":[]},"                                           \
	"{\"name\":\"llc\",\"args\":[\"--llc\"],\"requires\":[]}]}}]}"

/* "active: arguments" of the only test with --flags, or "left out" */
static void flags_become(const char *flags, const char *wanted)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct selection selection = {.flags = flags};
	AUTO(buf_done) struct buf have = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(plans_parse(sv_of(FLAGGED), "./prog", &plans, NULL), 0);
	if (plans_select(&plans, &selection, &err) < 0) {
		CHECK_STR(err.msg, wanted);
		return;
	}
	buf_str(&have, plans.len ? "" : "left out");
	vec_each(plan, &plans) {
		vec_each(name, &plan->active_flags)
			buf_printf(&have, "%s ", *name);
		buf_char(&have, ':');
		vec_each(arg, &plan->scheduler.args)
			buf_printf(&have, " %s", *arg);
		vec_each(option, &plan->options)
			buf_printf(&have, " [%s]", *option);
	}
	CHECK_STR(buf_text(&have), wanted);
}

TEST(flags_bring_their_arguments_and_what_they_require)
{
	flags_become(NULL, "llc : -v --llc");
	flags_become("", "llc : -v --llc");
	flags_become("llc", "llc : -v --llc [--flags] [llc]");
	flags_become("steal", "steal deep llc : -v --steal --deep 2 --llc [--flags] [steal]");
	flags_become("llc,slow", "left out");
	flags_become("deep,other", "no scheduler of these tests has a flag other");
}

TEST(the_kernels_configuration_goes_along_under_its_release)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(buf_done) struct buf request = {0};
	AUTO(buf_done) struct buf without = {0};
	struct kernel kernel = {.release = (char *)"6.18.15", .config = (char *)"/etc/hostname"};
	struct request_config config = {.mode = VM_DET, .nonce = 7, .kernel = &kernel};
	struct ktstr_error err = {0};

	if (plans_parse(sv_of(TEST_JSON("null")), "/bin/true", &plans, &err) < 0)
		fail_msg("%s", err.msg);
	strings_done(&plans.at[0].include_files);
	plans.at[0].include_files = (struct strings){0};
	config.plan = &plans.at[0];
	CHECK_EQ(request_build(&config, &request, &err), 0);
	CHECK(memmem(request.data, request.len, "/boot/config-6.18.15", 21));
	kernel.config = NULL;        /* not known: libbpf will say so to whom it matters */
	CHECK_EQ(request_build(&config, &without, &err), 0);
	CHECK(!memmem(without.data, without.len, "/boot/config-", 13));
	kernel.config = (char *)"/nowhere/config";
	CHECK_EQ(request_build(&config, &without, &err), -ENOENT);
	CHECK_HAS(err.msg, "/nowhere/config");
}

#define WITH_CHECKS(checks) TEST_JSON("null,\"checks\":" checks)

TEST(thresholds_name_the_layer_that_set_each)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	json_t *json, *checks;

	if (plans_parse(sv_of(WITH_CHECKS(
				"{\"default\":{\"max_gap_ms\":2000,\"max_spread_pct\":15,"
				"\"max_idle_waiting_pct\":25,\"starvation\":1},"
				"\"scheduler\":{\"max_gap_ms\":500,\"max_spread_pct\":-1},"
				"\"test\":{\"max_gap_ms\":80.5,\"isolation\":1}}")),
			"./prog", &plans, &err) < 0)
		fail_msg("%s", err.msg);
	thresholds_to_text(&plans.at[0], &text);
	CHECK_HAS(buf_text(&text), "a_test, scheduler eevdf\n"
		  "  max_gap_ms                      80.5 ms         test\n"
		  "  max_spread_pct                  off             scheduler\n"
		  "  max_idle_waiting_pct            25 %            default\n"
		  "  starvation                      on              default\n"
		  "  isolation                       on              test\n"
		  "  max_throughput_cv               none\n");
	json = thresholds_to_json(&plans.at[0]);
	checks = json_object_get(json, "checks");
	CHECK_STR(json_string_value(json_object_get(json_object_get(checks, "max_gap_ms"), "set_by")),
		  "test");
	CHECK(json_real_value(json_object_get(json_object_get(checks, "max_gap_ms"), "value")) == 80.5);
	CHECK_STR(json_string_value(json_object_get(json_object_get(checks, "min_work_rate"), "state")),
		  "none");
	CHECK_STR(json_string_value(json_object_get(json_object_get(checks, "max_spread_pct"), "state")),
		  "off");
	json_decref(json);
}

TEST(limits_on_a_trace_are_read)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(plans_parse(sv_of(TEST_JSON("null,\"trace_checks\":{\"max_wakeup_latency_us\":1,"
					     "\"max_wakeup_latency_p99_us\":2.5,\"max_run_delay_us\":3,"
					     "\"max_run_delay_p99_us\":4}")),
			     "./prog", &plans, &err), 0);
	CHECK(plans.at[0].trace_checks.max_wakeup_latency_p99_us == 2.5);
	CHECK(plans.at[0].trace_checks.max_run_delay_p99_us == 4);
	CHECK_EQ(plans_parse(sv_of(TEST_JSON("null,\"trace_checks\":{\"max_wakeup_latency_us\":-1}")), "./prog",
			     &plans, &err), -EBADMSG);
	CHECK_HAS(err.msg, "max_wakeup_latency_us");
}

TEST(a_description_that_is_none_is_refused)
{
	static const struct {
		const char *json, *message;
	} bad[] = {
		{"", "not understood"},
		{"{\"schema\":1}", "not understood"},
		{"{\"schema\":2,\"tests\":[]}", "another version of libktstr"},
		{"{\"schema\":1,\"tests\":[{}]}", "field \"name\""},
		{"{\"schema\":1,\"tests\":[{\"name\":\"../x\"}]}", "field \"name\""},
		{TEST_JSON("3"), "field \"name\""},
		{WITH_CHECKS("3"), "field \"checks\""},
		{WITH_CHECKS("{\"test\":{\"max_gap_ms\":\"1\"}}"), "field \"max_gap_ms\""},
		{TEST_JSON("{\"binary\":\"x\",\"args\":[],\"name\":null}"), "scheduler.name"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(test_plans_done) struct test_plans plans = {0};
		struct ktstr_error err = {0};

		CHECK_EQ(plans_parse(sv_of(bad[i].json), "p", &plans, &err), -EBADMSG);
		if (i != 5)
			CHECK_HAS(err.msg, bad[i].message);
	}
}

static size_t selected(const char *pattern, const char *exact)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct selection selection = {.pattern = pattern, .exact = exact};

	CHECK_EQ(plans_parse(sv_of(TEST_JSON("null")), "p", &plans, NULL), 0);
	CHECK_EQ(plans_select(&plans, &selection, NULL), 0);
	return plans.len;
}

TEST(tests_are_selected_by_part_glob_or_name)
{
	CHECK_EQ(selected(NULL, NULL), 1);
	CHECK_EQ(selected("_te", NULL), 1);
	CHECK_EQ(selected("b", NULL), 0);
	CHECK_EQ(selected("a_*", NULL), 1);
	CHECK_EQ(selected("test*", NULL), 0);
	CHECK_EQ(selected(NULL, "a_test"), 1);
	CHECK_EQ(selected(NULL, "ktstr/a_test"), 1);
	CHECK_EQ(selected(NULL, "a_tes"), 0);
}

TEST(a_larger_topology_brings_its_memory)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct selection selection = {.topology = "1n4l8c1t"};
	struct ktstr_error err = {0};

	CHECK_EQ(plans_parse(sv_of(TEST_JSON("null")), "p", &plans, NULL), 0);
	CHECK_EQ(plans_select(&plans, &selection, NULL), 0);
	CHECK_EQ(plans.at[0].memory_mib, 2048);
	selection.topology = "0n1l1c1t";
	CHECK_EQ(plans_select(&plans, &selection, &err), -EINVAL);
	CHECK_HAS(err.msg, "NUMA nodes must be 1..1024, not 0");
}

/* --- judging -------------------------------------------------------------------------------------- */

#define MOMENT(state, ops, seq)                                                                    \
	"{\"state\":" state ",\"ops\":" ops ",\"enable_seq\":" seq ",\"nr_rejected\":0}"
#define NONE MOMENT("\"disabled\"", "null", "0")
#define LOADED MOMENT("\"enabled\"", "\"mine\"", "1")
#define PROGRAMS(count) "[{\"name\":\"enqueue\",\"run_count\":" count "}]"
#define WORKERS(ext)                                                                               \
	"[{\"cgroup\":\"cg_0\",\"index\":0,\"tid\":7,\"completed\":true,\"ext_enabled\":" ext "}]"

/* TD-16; evidence of a scheduler that ran, with what the kernel took for its watchdog */
static void expect_note(uint64_t test_ms, uint64_t scheduler_ms, const char *found, const char *note)
{
	struct test_plan plan = {.name = "t", .has_scheduler = true, .watchdog_timeout_ms = test_ms,
				 .scheduler = {.name = "mine", .watchdog_timeout_ms = scheduler_ms}};
	AUTO(outcome_clear) struct outcome outcome = {0};
	AUTO(evidence_done) struct evidence evidence = {0};
	AUTO(free) char *json = xasprintf("{\"asked\":true,\"start\":" LOADED ",\"during\":" LOADED
					  ",\"programs_start\":" PROGRAMS("0") ",\"programs_during\":" PROGRAMS("9")
					  "%s%s}", *found ? ",\"watchdog_timeout_ms\":" : "", found);

	CHECK_EQ(evidence_read(sv_of(json), &evidence, NULL), 0);
	CHECK(evidence_judge(&evidence, &plan, NULL, (struct sv){0}, &outcome));
	CHECK_EQ(outcome.details.len, note ? 1 : 0);
	if (note)
		CHECK_HAS(outcome.details.at[0].text, note);
	outcome.scheduler = evidence_to_json(&evidence, (struct sv){0});
	CHECK_EQ(json_object_get(outcome.scheduler, "watchdog_timeout_ms") != NULL, *found != '\0');
}

TEST(a_watchdog_that_could_not_be_set_is_noted)
{
	expect_note(0, 0, "", NULL);
	expect_note(0, 800, "800", NULL);
	expect_note(700, 800, "700", NULL);
	expect_note(0, 800, "", "watchdog_timeout_ms 800 has no effect: no operations of sched_ext were found");
	expect_note(700, 800, "3000", "watchdog_timeout_ms 700 has no effect: scheduler mine has 3000");
}

struct made {
	const char *result;          /* NULL: none came */
	const char *scheduler;
	bool has_scheduler, expect_err;
	enum ktstr_kind expect_kind;
	enum session_end end;
	const char *end_text;
	enum wire_trouble_code trouble;
	const char *trouble_text;
	enum wire_stage stage;
};

static void judge(const struct made *made, struct outcome *outcome)
{
	struct test_plan plan = {.name = "t", .has_scheduler = made->has_scheduler,
				 .scheduler = {.name = "mine"}, .expect_err = made->expect_err,
				 .expect_kind = made->expect_kind};
	AUTO(session_done) struct session session = {
		.end = made->end, .hello = true, .stage = made->stage,
		.done = made->end == SESSION_DONE,
		.test_began_ns = 1000, .result_at_ns = 9000,
	};
	struct ktstr_error err = {0};

	if (made->end_text)
		session.end_text = xstrdup(made->end_text);
	if (made->trouble) {
		session.has_trouble = true;
		session.trouble.code = made->trouble;
		session.trouble_text = xstrdup(made->trouble_text);
	}
	if (made->result) {
		session.has_result = true;
		buf_str(&session.result, made->result);
	}
	if (made->scheduler) {
		session.has_scheduler_state = true;
		buf_str(&session.scheduler_state, made->scheduler);
	}
	if (judge_session(&plan, &session, outcome, &err) < 0)
		fail_msg("%s", err.msg);
	judge_expectation(&plan, outcome);
}

#define PASSED(workers)                                                                            \
	"{\"state\":\"pass\",\"details\":[],\"metrics\":{},\"window\":null,\"cgroups\":[],"        \
	"\"workers\":" workers "}"
#define FAILED(kind)                                                                               \
	"{\"state\":\"fail\",\"details\":[{\"kind\":\"" kind "\",\"text\":\"why\"}],"              \
	"\"metrics\":{},\"window\":null,\"cgroups\":[],\"workers\":[]}"
#define STATE(start, during, before_count, after_count, early)                                     \
	"{\"asked\":true,\"before\":" NONE ",\"start\":" start ",\"during\":" during               \
	",\"after\":" NONE ",\"programs_start\":" PROGRAMS(before_count)                           \
	",\"programs_during\":" PROGRAMS(after_count) ",\"ended_early\":" early "}"

static void expect(const struct made *made, enum ktstr_state state, const char *text)
{
	AUTO(outcome_clear) struct outcome outcome = {0};

	judge(made, &outcome);
	if (outcome.state != state)
		fail_msg("state %d, not %d: %s", outcome.state, state,
			 outcome.details.len ? outcome.details.at[0].text : "no details");
	if (text) {
		CHECK(outcome.details.len > 0);
		CHECK_HAS(outcome.details.at[outcome.details.len - 1].text, text);
	}
}

TEST(a_scheduler_that_ran_the_workers_passes)
{
	expect(&(struct made){.result = PASSED(WORKERS("true")), .has_scheduler = true,
			      .scheduler = STATE(LOADED, LOADED, "5", "50", "null")},
	       KTSTR_PASS, NULL);
}

TEST(a_scheduler_that_did_not_run_the_workers_is_an_error)
{
	expect(&(struct made){.result = PASSED(WORKERS("false")), .has_scheduler = true,
			      .scheduler = STATE(LOADED, LOADED, "5", "50", "null")},
	       KTSTR_ERROR, "1 of 1 workers did not run under it");
	expect(&(struct made){.result = PASSED(WORKERS("true")), .has_scheduler = true,
			      .scheduler = STATE(LOADED, LOADED, "5", "5", "null")},
	       KTSTR_ERROR, "none of its programs ran");
}

TEST(a_scheduler_that_went_away_is_a_failure_of_its_kind)
{
	AUTO(outcome_clear) struct outcome outcome = {0};

	judge(&(struct made){.result = PASSED(WORKERS("false")), .has_scheduler = true,
			     .scheduler = STATE(LOADED, NONE, "5", "50",
						"\"exit status 1\",\"ended_ns\":3500")},
	      &outcome);
	CHECK_EQ(json_integer_value(json_object_get(outcome.scheduler, "ended_after_ns")), 2500);
	CHECK_EQ(outcome.state, KTSTR_FAIL);
	CHECK_EQ(outcome.details.at[0].kind, KTSTR_KIND_SCHEDULER_DIED);
	CHECK_HAS(outcome.details.at[0].text, "ended during the test (exit status 1)");
}

TEST(a_scheduler_that_nobody_asked_for_is_an_error)
{
	expect(&(struct made){.result = PASSED(WORKERS("true")),
			      .scheduler = STATE(NONE, LOADED, "0", "9", "null")},
	       KTSTR_ERROR, "no scheduler was asked for");
}

TEST(an_expected_failure_is_a_pass_only_with_its_kind)
{
	const char *ran = STATE(LOADED, LOADED, "5", "50", "null");

	expect(&(struct made){.result = FAILED("starved"), .has_scheduler = true, .scheduler = ran,
			      .expect_err = true, .expect_kind = KTSTR_KIND_STARVED},
	       KTSTR_PASS, "expected: starved: why");
	expect(&(struct made){.result = FAILED("unfair"), .has_scheduler = true, .scheduler = ran,
			      .expect_err = true, .expect_kind = KTSTR_KIND_STARVED},
	       KTSTR_FAIL, "not as expected: wanted starved");
	expect(&(struct made){.result = PASSED(WORKERS("true")), .has_scheduler = true, .scheduler = ran,
			      .expect_err = true},
	       KTSTR_FAIL, "it passed, but a failure was expected");
}

/* The guard against testing nothing holds for tests that expect a failure, too. */
TEST(an_expected_failure_without_its_scheduler_is_an_error)
{
	expect(&(struct made){.result = FAILED("starved"), .has_scheduler = true, .expect_err = true,
			      .scheduler = STATE(LOADED, LOADED, "5", "5", "null")},
	       KTSTR_ERROR, NULL);
	expect(&(struct made){.has_scheduler = true, .expect_err = true,
			      .trouble = WIRE_TROUBLE_SCHEDULER_DIED, .trouble_text = "it ended",
			      .scheduler = STATE(NONE, NONE, "0", "0", "\"exit status 1\"")},
	       KTSTR_ERROR, "did not schedule, so this test says nothing");
	expect(&(struct made){.has_scheduler = true, .expect_err = true,
			      .expect_kind = KTSTR_KIND_SCHEDULER_DIED,
			      .trouble = WIRE_TROUBLE_SCHEDULER_DIED, .trouble_text = "it ended",
			      .scheduler = STATE(NONE, NONE, "0", "0", "\"exit status 1\"")},
	       KTSTR_PASS, NULL);
}

TEST(every_way_to_end_is_named)
{
	expect(&(struct made){.end = SESSION_PANIC, .end_text = "Kernel panic: x"}, KTSTR_ERROR,
	       "the kernel died during boot: Kernel panic: x");
	expect(&(struct made){.end = SESSION_PANIC, .end_text = "Kernel panic: x",
			      .stage = WIRE_STAGE_TEST},
	       KTSTR_FAIL, "the kernel died during test: Kernel panic: x");
	expect(&(struct made){.end = SESSION_PANIC, .stage = WIRE_STAGE_BOOT,
			      .end_text = "Kernel panic - not syncing: System is deadlocked on memory"},
	       KTSTR_ERROR, "ran out of memory");
	expect(&(struct made){.end = SESSION_QEMU_ENDED, .end_text = "killed by SIGKILL"}, KTSTR_ERROR,
	       "QEMU ended during boot: killed by SIGKILL");
	expect(&(struct made){.end = SESSION_TIMEOUT, .end_text = "stage test did not end within 9 s"},
	       KTSTR_ERROR, "stage test did not end within 9 s");
	expect(&(struct made){.end = SESSION_NONSENSE, .end_text = "bad magic"}, KTSTR_ERROR,
	       "no record: bad magic");
	expect(&(struct made){.trouble = WIRE_TROUBLE_TEST_SILENT, .trouble_text = "no result"},
	       KTSTR_ERROR, "no result");
	expect(&(struct made){0}, KTSTR_ERROR, "ended without a result");
	expect(&(struct made){.result = "{"}, KTSTR_ERROR, "not understood");
}

/* --- places --------------------------------------------------------------------------------------- */

/* --- what workers waited ---------------------------------------------------------------------------- */

/* Worker 7 waited 10, 20 ... 1000 us for a CPU; after wake-ups 99 times 1 us and once 1000. */
static void judge_some_waits(struct ktstr_trace_checks checks, const char *workers, uint64_t lost, bool cut,
			     struct outcome *outcome)
{
	struct trace_analysis *analysis = xcalloc(1, sizeof(*analysis));
	struct trace_task task = {.pid = 7, .comm = "cg_0-1"};

	for (uint64_t i = 1; i <= 100; i++)
		trace_samples_push(&task.delay_samples, i * 10000);
	for (int i = 0; i < 99; i++)
		trace_samples_push(&task.wakeup_samples, 1000);
	trace_samples_push(&task.wakeup_samples, 1000000);
	trace_tasks_push(&analysis->tasks, task);
	analysis->lost = lost;
	analysis->cut = cut;
	outcome->workers = json_loads(workers, 0, NULL);
	outcome->state = KTSTR_PASS;
	judge_trace(&checks, analysis, outcome);
	trace_analysis_free(analysis);
}

static void judge_waits(struct ktstr_trace_checks checks, const char *workers, struct outcome *outcome)
{
	judge_some_waits(checks, workers, 0, false, outcome);
}

#define WORKER_7 "[{\"tid\":7,\"cgroup\":\"cg_0\"}]"

TEST(waits_within_their_limits_pass)
{
	AUTO(outcome_clear) struct outcome outcome = {0};

	judge_waits((struct ktstr_trace_checks){.max_wakeup_latency_us = 1000, .max_wakeup_latency_p99_us = 1,
						.max_run_delay_us = 1000, .max_run_delay_p99_us = 990},
		    WORKER_7, &outcome);
	CHECK_EQ(outcome.state, KTSTR_PASS);
	CHECK_EQ(outcome.details.len, 0);
}

TEST(waits_over_a_limit_name_the_worker_and_the_limit)
{
	AUTO(outcome_clear) struct outcome outcome = {0};

	judge_waits((struct ktstr_trace_checks){.max_wakeup_latency_us = 999.9, .max_run_delay_us = 999,
						.max_run_delay_p99_us = 989}, WORKER_7, &outcome);
	CHECK_EQ(outcome.state, KTSTR_FAIL);
	CHECK_EQ(outcome.details.len, 3);
	CHECK_EQ(outcome.details.at[0].kind, KTSTR_KIND_BENCHMARK);
	CHECK_STR(outcome.details.at[0].text, "wake-up latency of worker 7 (cg_0-1) in cg_0 was 1000.0 us, limit "
					      "999.9 us (max_wakeup_latency_us)");
	CHECK_STR(outcome.details.at[2].text,
		  "p99 of 100 times run delay was 990.0 us, limit 989.0 us (max_run_delay_p99_us)");
}

TEST(waits_of_others_are_not_the_workers)
{
	AUTO(outcome_clear) struct outcome outcome = {0};

	judge_waits((struct ktstr_trace_checks){.max_run_delay_us = 1}, "[{\"tid\":8},{\"tid\":-7},{}]", &outcome);
	CHECK_EQ(outcome.state, KTSTR_INCONCLUSIVE);
	CHECK_HAS(outcome.details.at[0].text, "no worker had any, so max_run_delay_us is not judged");
}

/* Over the limit or not: what is not there could turn it round. */
TEST(waits_in_a_trace_that_is_not_whole_are_not_judged)
{
	for (int cut = 0; cut < 2; cut++) {
		for (double limit_us = 1; limit_us < 1e7; limit_us *= 1e6) {
			AUTO(outcome_clear) struct outcome outcome = {0};

			judge_some_waits((struct ktstr_trace_checks){.max_run_delay_us = limit_us}, WORKER_7,
					 cut ? 0 : 3, cut, &outcome);
			CHECK_EQ(outcome.state, KTSTR_INCONCLUSIVE);
			CHECK_EQ(outcome.details.len, 1);
			CHECK_HAS(outcome.details.at[0].text, cut ? "the trace was cut short"
								  : "3 events are missing in the trace");
		}
	}
}

TEST(tracers_have_names)
{
	enum tracer_choice choice;

	CHECK(tracer_choice_parse(sv_of("bpf"), &choice));
	CHECK_EQ(choice, TRACER_BPF);
	CHECK(tracer_choice_parse(sv_of("auto"), &choice));
	CHECK_EQ(choice, TRACER_AUTO);
	CHECK(!tracer_choice_parse(sv_of("kvm"), &choice));
}

TEST(a_scheduler_that_is_nowhere_names_every_place)
{
	struct scheduler_plan scheduler = {.name = "my-sched", .binary = "scx_nowhere"};
	struct ktstr_error err = {0};
	char *path = NULL;

	unsetenv("KTSTR_SCHEDULER");
	CHECK_EQ(scheduler_find(&scheduler, "/bin/ls", &path, &err), -ENOENT);
	CHECK_HAS(err.msg, "KTSTR_SCHEDULER_BIN_MY_SCHED (not set)");
	CHECK_HAS(err.msg, "/bin/scx_nowhere");
	CHECK_HAS(err.msg, "PATH");
	setenv("KTSTR_SCHEDULER_BIN_MY_SCHED", "/bin/true", 1);
	CHECK_EQ(scheduler_find(&scheduler, "/bin/ls", &path, &err), 0);
	CHECK_STR(path, "/bin/true");
	free(path);
	unsetenv("KTSTR_SCHEDULER_BIN_MY_SCHED");
}

TEST(a_scheduler_that_a_variable_names_wrongly_is_not_looked_for_elsewhere)
{
	struct scheduler_plan scheduler = {.name = "ls", .binary = "ls"};
	struct ktstr_error err = {0};
	char *path = NULL;

	setenv("KTSTR_SCHEDULER", "/nowhere/scx", 1);
	CHECK_EQ(scheduler_find(&scheduler, "/bin/ls", &path, &err), -ENOENT);
	CHECK_STR(err.msg, "scheduler ls: no program ls; tried: KTSTR_SCHEDULER_BIN_LS (not set), "
			   "KTSTR_SCHEDULER=/nowhere/scx");
	scheduler.asked = true;        /* an option counts more than a variable */
	CHECK_EQ(scheduler_find(&scheduler, "/bin/ls", &path, &err), 0);
	CHECK_HAS(path, "/bin/ls");
	free(path);
	unsetenv("KTSTR_SCHEDULER");
}

TEST(a_scheduler_that_cannot_be_started_says_why)
{
	struct scheduler_plan scheduler = {.name = "x", .binary = (char *)"/etc/passwd"};
	struct ktstr_error err = {0};
	char *path = NULL;

	CHECK_EQ(scheduler_find(&scheduler, "/bin/ls", &path, &err), -ENOENT);
	CHECK_STR(err.msg, "scheduler x: no program /etc/passwd; tried: /etc/passwd (not executable)");
	scheduler.binary = (char *)"/etc/";
	CHECK_EQ(scheduler_find(&scheduler, "/bin/ls", &path, &err), -ENOENT);
	CHECK_STR(err.msg, "scheduler x: no program /etc/; tried: /etc/ (a directory)");
}

TEST(what_a_killed_run_left_is_swept_and_results_stay)
{
	char runs[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(free) char *killed = NULL;
	AUTO(free) char *scratch = NULL;
	AUTO(free) char *result = NULL;
	AUTO(free) char *lock = NULL;
	struct run_dir first = {.lock_fd = -1}, second = {.lock_fd = -1};

	CHECK(mkdtemp(runs));
	setenv("KTSTR_RUNS_DIR", runs, 1);
	killed = xasprintf("%s/20200101-000000-1", runs);
	scratch = xasprintf("%s/scratch/x", killed);
	result = xasprintf("%s/result.json", killed);
	lock = xasprintf("%s/lock", killed);
	CHECK_EQ(dir_make(scratch, 0755, NULL), 0);
	CHECK_EQ(file_write_atomic(result, "{}", 2, 0644, NULL), 0);
	CHECK_EQ(file_write_atomic(lock, "", 0, 0644, NULL), 0);
	CHECK_EQ(run_dir_make(&first, NULL), 0);
	CHECK(access(scratch, F_OK) < 0);
	CHECK(access(lock, F_OK) < 0);
	CHECK(access(result, F_OK) == 0);
	CHECK_EQ(run_dir_make(&second, NULL), 0);        /* a run in progress is left alone */
	CHECK(strcmp(first.path, second.path) != 0);
	run_dir_done(&second);
	CHECK(access(first.path, F_OK) == 0);
	run_dir_done(&first);
	tree_remove(runs, NULL);
	unsetenv("KTSTR_RUNS_DIR");
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_describe_holds_on_its_corpus)
{
	replay_corpus("describe", fuzz_describe);
}

TEST(fuzz_evidence_holds_on_its_corpus)
{
	replay_corpus("evidence", fuzz_evidence);
}

static void put_programs(struct buf *said, const char *key)
{
	buf_printf(said, ",\"%s\":[{\"name\":\"a\"}", key);
	for (int i = 0; i < 100000; i++)
		buf_str(said, ",{\"name\":\"b\"}");
	buf_str(said, "]");
}

/* Comparing each with each would take longer than this test may. */
TEST(a_guest_that_lists_programs_without_end_is_not_searched_for_ever)
{
	AUTO(buf_done) struct buf said = {0};

	buf_str(&said, "{\"asked\":true");
	put_programs(&said, "programs_start");
	put_programs(&said, "programs_during");
	buf_str(&said, "}");
	CHECK_EQ(fuzz_evidence((const uint8_t *)said.data, said.len), 0);
}

/* --- the commit of what is tested ---------------------------------------------------------------------- */

static void git(const char *dir, const char *const *words)
{
	const char *argv[24] = {"git", "-C", dir, "-c", "user.name=a", "-c", "user.email=a@b.c"};
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_error err = {0};
	size_t count = 7;

	while (*words && count < 23)
		argv[count++] = *words++;
	if (run_and_read(argv, 1 << 16, deadline_in(30 * NS_PER_S), &out, &err) < 0)
		fail_msg("%s", err.msg);
}

#define GIT(dir, ...) git(dir, (const char *const[]){__VA_ARGS__, NULL})

TEST(the_commit_is_that_of_the_programs_directory_and_may_be_dirty)
{
	char dir[] = "/tmp/ktstr-commit-XXXXXX";
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(free) char *program = NULL;

	if (access("/usr/bin/git", X_OK) < 0) {
		skip();
		return;
	}
	CHECK(mkdtemp(dir));
	program = xasprintf("%s/program", dir);
	CHECK_EQ(file_write_atomic(program, "1", 1, 0755, NULL), 0);
	GIT(dir, "init", "-q");
	GIT(dir, "add", "program");
	GIT(dir, "commit", "-q", "-m", "first");
	for (int i = 0; i < 2; i++)
		test_plans_push(&plans, (struct test_plan){.program = xstrdup(program)});
	plans_note_commits(&plans);
	CHECK_EQ(strspn(plans.at[0].project_commit, "0123456789abcdef"), 7);
	CHECK_EQ(strlen(plans.at[0].project_commit), 7);
	CHECK_STR(plans.at[1].project_commit, plans.at[0].project_commit);
	CHECK_EQ(file_write_atomic(program, "2", 1, 0755, NULL), 0);
	plans_note_commits(&plans);
	CHECK_STR(plans.at[0].project_commit + 7, "-dirty");
	CHECK_EQ(tree_remove(dir, NULL), 0);
}

/* --- steps in a trace ---------------------------------------------------------------------------- */

static void check_steps(const char *verdict, uint64_t end_ns, const char *want)
{
	AUTO(step_markers_done) struct step_markers steps = {0};
	AUTO(buf_done) struct buf text = {0};
	json_t *timeline = json_pack("[{s:i}, {s:i,s:s,s:[s]}, {s:i,s:b}, {s:i}]", "step", 0, "step", 1, "name",
				     "in", "op_kinds", "spawn", "step", 1, "end", 1, "step", 2);

	step_markers_make(sv_of(verdict), timeline, end_ns, &steps);
	vec_each(step, &steps)
		buf_printf(&text, "%s %llu-%llu;", step->name, (unsigned long long)step->begin_ns,
			   (unsigned long long)step->end_ns);
	CHECK_STR(buf_text(&text), want);
	json_decref(timeline);
}

TEST(steps_of_a_trace_end_where_the_next_event_is)
{
	check_steps("{\"timeline_at_ns\":[100,200,300,400]}", 500,
		    "start 100-200;step 1 in: spawn 200-300;step 2 400-500;");
}

TEST(steps_without_a_time_in_the_trace_are_left_out)
{
	check_steps("{\"timeline_at_ns\":[-1,\"x\",7]}", 500, "");
	check_steps("{\"timeline_at_ns\":[100,200]}", 500, "start 100-200;step 1 in: spawn 200-0;");
	check_steps("{\"timeline_at_ns\":[100,600,700,800]}", 500, "start 100-500;");
	check_steps("{\"timeline_at_ns\":{}}", 500, "");
	check_steps("}", 500, "");
	check_steps("", 500, "");
}

RUN_TESTS();
