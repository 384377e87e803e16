/* SPDX-License-Identifier: BSD-2-Clause */
/* Rule numbers (AS-1, P10) are those of shared/spec; section 9 is that of shared/DESIGN.md. */
#include <math.h>
#include <signal.h>

#include "test.h"
#include "verdict/verdict.h"

#define WALL_NS (2 * NS_PER_S)

static const struct ktstr_checks as_built_in;
static const struct cgroup_facts cg_0 = {.name = "cg_0"};

/* A worker that had half a CPU for two seconds and nothing to complain about. */
static struct worker_report healthy(int tid)
{
	struct worker_report report = {
		.cgroup = "cg_0",
		.tid = tid,
		.completed = true,
		.work_units = 1000,
		.iterations = 1000000,
		.wall_ns = WALL_NS,
		.cpu_ns = WALL_NS / 2,
		.run_delay_ns = WALL_NS / 2,
		.migrations = 3,
		.max_gap_ns = 10 * NS_PER_MS,
		.max_gap_at_ns = 500 * NS_PER_MS,
	};

	cpuset_add(&report.cpus, (unsigned)tid % 2);
	return report;
}

/* A worker that did not report; wait_status as struct worker_report has it. */
static struct worker_report missing(int tid, int wait_status)
{
	return (struct worker_report){.index = 1, .tid = tid, .wait_status = wait_status};
}

static struct worker_report with_cpu_ms(int tid, uint64_t cpu_ms)
{
	struct worker_report report = healthy(tid);

	report.cpu_ns = cpu_ms * NS_PER_MS;
	report.run_delay_ns = WALL_NS - report.cpu_ns;
	return report;
}

static void judge(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
		  const struct worker_report *reports, size_t count)
{
	verdict_judge_cgroup(verdict, checks, &cg_0, reports, count);
}

static void check_only(const struct ktstr_verdict *verdict, enum ktstr_kind kind, const char *text)
{
	CHECK_EQ(verdict->state, KTSTR_FAIL);
	CHECK(ktstr_verdict_has(verdict, kind));
	CHECK_EQ(verdict->details.len, 1);
	CHECK_EQ(verdict->details.at[0].kind, kind);
	CHECK_STR(verdict->details.at[0].text, text);
}

static void check_clean_pass(const struct ktstr_verdict *verdict)
{
	if (verdict->details.len)
		fail_msg("there is a detail: %s", verdict->details.at[0].text);
	CHECK_EQ(verdict->state, KTSTR_PASS);
}

/* --- words ---------------------------------------------------------------------------------- */

/* section 9 */
TEST(states_rank_and_exit_as_the_design_says)
{
	static const enum ktstr_state by_rank[] = {KTSTR_SKIP, KTSTR_PASS, KTSTR_INCONCLUSIVE,
						   KTSTR_FAIL, KTSTR_ERROR};
	static const int exit_status[] = {0, 0, 2, 1, 3};

	for (size_t i = 0; i < 5; i++) {
		CHECK_EQ(state_row(by_rank[i])->exit_status, exit_status[i]);
		for (size_t j = 0; j < 5; j++)
			CHECK_EQ(state_worse(by_rank[i], by_rank[j]), by_rank[i > j ? i : j]);
	}
	CHECK(!state_row(KTSTR_PASS)->tap && state_row(KTSTR_PASS)->tap_ok);
	CHECK(!state_row(KTSTR_PASS)->junit);
	CHECK_STR(state_row(KTSTR_SKIP)->tap, "SKIP");
	CHECK(state_row(KTSTR_SKIP)->tap_ok);
	CHECK_STR(state_row(KTSTR_SKIP)->junit, "skipped");
	CHECK_STR(state_row(KTSTR_INCONCLUSIVE)->tap, "INCONCLUSIVE");
	CHECK(!state_row(KTSTR_INCONCLUSIVE)->tap_ok);
	CHECK_STR(state_row(KTSTR_INCONCLUSIVE)->junit, "failure");
	CHECK(!state_row(KTSTR_FAIL)->tap && !state_row(KTSTR_FAIL)->tap_ok);
	CHECK_STR(state_row(KTSTR_FAIL)->junit, "failure");
	CHECK_STR(state_row(KTSTR_ERROR)->tap, "ERROR");
	CHECK_STR(state_row(KTSTR_ERROR)->junit, "error");
}

TEST(state_words_survive_a_round_trip)
{
	enum ktstr_state parsed = KTSTR_ERROR;

	for (int i = KTSTR_PASS; i <= KTSTR_ERROR; i++) {
		CHECK(state_parse(sv_of(state_row((enum ktstr_state)i)->word), &parsed));
		CHECK_EQ(parsed, i);
	}
	CHECK(!state_parse(sv_of("passed"), &parsed));
	CHECK(!state_parse(sv_of(""), &parsed));
}

TEST(kind_words_survive_a_round_trip)
{
	enum ktstr_kind kind = KTSTR_KIND_NONE;

	for (int i = KTSTR_KIND_NONE + 1; i < KTSTR_KIND_COUNT; i++) {
		CHECK(kind_parse(sv_of(kind_name((enum ktstr_kind)i)), &kind));
		CHECK_EQ(kind, i);
	}
	CHECK_STR(kind_name(KTSTR_KIND_IDLE_WHILE_WAITING), "idle_while_waiting");
	CHECK_STR(kind_name(KTSTR_KIND_CROSS_NODE_MIGRATION), "cross_node_migration");
	CHECK(!kind_parse(sv_of("none"), &kind));
	CHECK(!kind_parse(sv_of("Starved"), &kind));
}

/* --- states of one verdict ------------------------------------------------------------------ */

TEST(an_empty_verdict_passes)
{
	struct ktstr_verdict verdict = {0};

	CHECK_EQ(ktstr_verdict_state(&verdict), KTSTR_PASS);
	CHECK(!ktstr_verdict_has(&verdict, KTSTR_KIND_OTHER));
}

/* P10 */
TEST(a_passing_verdict_may_carry_notes)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	ktstr_verdict_note(&verdict, "%d of %d", 3, 4);
	CHECK_EQ(ktstr_verdict_state(&verdict), KTSTR_PASS);
	CHECK_EQ(verdict.details.at[0].kind, KTSTR_KIND_NOTE);
	CHECK_STR(verdict.details.at[0].text, "3 of 4");
	CHECK(!ktstr_verdict_has(&verdict, KTSTR_KIND_NOTE));
}

/* P10 */
TEST(a_failure_has_its_kind_and_no_other)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	ktstr_verdict_fail(&verdict, KTSTR_KIND_OTHER, "because");
	check_only(&verdict, KTSTR_KIND_OTHER, "because");
	CHECK(!ktstr_verdict_has(&verdict, KTSTR_KIND_STARVED));
}

TEST(a_failure_of_no_failing_kind_is_other)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	ktstr_verdict_fail(&verdict, KTSTR_KIND_NOTE, "x");
	ktstr_verdict_fail(&verdict, KTSTR_KIND_SKIP, "x");
	ktstr_verdict_fail(&verdict, KTSTR_KIND_NONE, "x");
	ktstr_verdict_fail(&verdict, (enum ktstr_kind)99, "x");
	CHECK_EQ(verdict.state, KTSTR_FAIL);
	vec_each(detail, &verdict.details)
		CHECK_EQ(detail->kind, KTSTR_KIND_OTHER);
	CHECK(!ktstr_verdict_has(&verdict, (enum ktstr_kind)99));
}

TEST(a_skip_stands_only_while_nothing_was_found)
{
	AUTO(verdict_done) struct ktstr_verdict alone = {0};
	AUTO(verdict_done) struct ktstr_verdict judged_after = {0};
	AUTO(verdict_done) struct ktstr_verdict judged_before = {0};
	struct worker_report report = healthy(1);

	ktstr_verdict_note(&alone, "notes find nothing");
	ktstr_verdict_skip(&alone, "no NUMA here");
	CHECK_EQ(alone.state, KTSTR_SKIP);
	CHECK_STR(alone.details.at[1].text, "no NUMA here");
	CHECK_EQ(alone.details.at[1].kind, KTSTR_KIND_SKIP);

	ktstr_verdict_skip(&judged_after, "no NUMA here");
	judge(&judged_after, &as_built_in, &report, 1);
	CHECK_EQ(judged_after.state, KTSTR_PASS);

	judge(&judged_before, &as_built_in, &report, 1);
	ktstr_verdict_skip(&judged_before, "no NUMA here");
	CHECK_EQ(judged_before.state, KTSTR_PASS);
}

TEST(the_worst_finding_wins_in_any_order)
{
	AUTO(verdict_done) struct ktstr_verdict up = {0};
	AUTO(verdict_done) struct ktstr_verdict down = {0};

	ktstr_verdict_skip(&up, "x");
	ktstr_verdict_inconclusive(&up, "nothing to judge by");
	CHECK_EQ(up.state, KTSTR_INCONCLUSIVE);
	CHECK_STR(up.details.at[1].text, "nothing to judge by");
	CHECK(!ktstr_verdict_has(&up, up.details.at[1].kind));
	ktstr_verdict_fail(&up, KTSTR_KIND_STUCK, "x");
	CHECK_EQ(up.state, KTSTR_FAIL);

	ktstr_verdict_fail(&down, KTSTR_KIND_STUCK, "x");
	ktstr_verdict_inconclusive(&down, "x");
	ktstr_verdict_skip(&down, "x");
	CHECK_EQ(down.state, KTSTR_FAIL);
}

/* --- bounds --------------------------------------------------------------------------------- */

TEST(a_detail_is_one_line_without_control_characters)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	ktstr_verdict_note(&verdict, "a\nb\tc\x1b[31m\x7f \xc3\xa9");
	CHECK_STR(verdict.details.at[0].text, "a b?c?[31m? \xc3\xa9");
}

TEST(a_long_detail_is_cut_and_says_so)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(free) char *text = xmalloc(VERDICT_DETAIL_TEXT_MAX + 2);

	memset(text, 'x', VERDICT_DETAIL_TEXT_MAX + 1);
	text[VERDICT_DETAIL_TEXT_MAX + 1] = '\0';
	ktstr_verdict_note(&verdict, "%s", text);
	ktstr_verdict_note(&verdict, "%s", text + 1);
	CHECK_EQ(strlen(verdict.details.at[0].text), VERDICT_DETAIL_TEXT_MAX);
	CHECK_STR(verdict.details.at[0].text + VERDICT_DETAIL_TEXT_MAX - 5, "xx...");
	CHECK_STR(verdict.details.at[1].text, text + 1);
}

TEST(a_flood_of_details_is_bounded_counted_and_hides_no_other_kind)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf json = {0};
	size_t objects = 0;

	for (int i = 0; i < 5000; i++)
		ktstr_verdict_fail(&verdict, KTSTR_KIND_STARVED, "x");
	for (int kind = KTSTR_KIND_NONE + 1; kind < KTSTR_KIND_COUNT; kind++)
		ktstr_verdict_fail(&verdict, (enum ktstr_kind)kind, "y");
	ktstr_verdict_note(&verdict, "z");
	CHECK(verdict.details.len < VERDICT_DETAILS_MAX);
	for (int kind = KTSTR_KIND_NONE + 1; kind < KTSTR_KIND_COUNT; kind++) {
		bool there = false;

		vec_each(detail, &verdict.details)
			there |= (int)detail->kind == kind;
		CHECK_EQ(there, kind != KTSTR_KIND_SKIP && kind != KTSTR_KIND_NOTE);
	}
	/* 5000 + 16 + 1, of which 1000 - 1 - 17 fit and 13 more kinds came later */
	CHECK_EQ(verdict.details.len + verdict.left_out.details, 5017);
	verdict_to_json(&verdict, &json);
	CHECK_HAS(buf_text(&json),
		  "{\"kind\":\"note\",\"text\":\"4022 more details were left out\"}]");
	for (const char *at = buf_text(&json); (at = strstr(at, "{\"kind\"")); at++)
		objects++;
	CHECK(objects <= VERDICT_DETAILS_MAX);
}

TEST(the_last_value_of_a_metric_wins)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	ktstr_verdict_metric(&verdict, "a", 1);
	ktstr_verdict_metric(&verdict, "b", 2);
	ktstr_verdict_metric(&verdict, "a", 3);
	CHECK_EQ(verdict.metrics.len, 2);
	CHECK_STR(verdict.metrics.at[0].name, "a");
	CHECK(verdict.metrics.at[0].value == 3);
	CHECK_EQ(verdict.state, KTSTR_PASS);
}

TEST(metrics_are_bounded_finite_and_never_one_name_twice)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf json = {0};
	char name[16];

	ktstr_verdict_metric(&verdict, "m\n\xff", (double)NAN);
	ktstr_verdict_metric(&verdict, "m\n\xfe", (double)INFINITY);
	CHECK_EQ(verdict.metrics.len, 1);
	CHECK_STR(verdict.metrics.at[0].name, "m??");
	CHECK(verdict.metrics.at[0].value == 0);
	for (int i = 0; i < VERDICT_METRICS_MAX + 5; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ktstr_verdict_metric(&verdict, name, i);
	}
	CHECK_EQ(verdict.metrics.len, VERDICT_METRICS_MAX);
	verdict_to_json(&verdict, &json);
	CHECK_HAS(buf_text(&json), "\"6 more values of new metrics were left out\"");
}

/* --- checks --------------------------------------------------------------------------------- */

/* AS-1 to AS-3 */
TEST(built_in_limits)
{
	struct ktstr_checks checks = checks_default();

	CHECK(checks.max_gap_ms == 2000);
	CHECK(checks.max_spread_pct == 15);
	CHECK(checks.max_idle_waiting_pct == 25);
	CHECK(checks.starvation > 0);
}

/* 2.8, merge order */
TEST(the_last_layer_that_sets_a_limit_wins)
{
	struct ktstr_checks scheduler = {.max_gap_ms = 500, .max_spread_pct = 30};
	struct ktstr_checks test = {.max_gap_ms = -1, .starvation = -1,
				    .max_idle_waiting_pct = (double)NAN};
	struct ktstr_checks merged = checks_default();

	merged = checks_merge(merged, &scheduler);
	merged = checks_merge(merged, &test);
	CHECK(merged.max_gap_ms == -1);
	CHECK(merged.max_spread_pct == 30);
	CHECK(merged.max_idle_waiting_pct == 25);
	CHECK_EQ(merged.starvation, -1);
}

/* AS-1 */
TEST(healthy_workers_pass)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report reports[] = {healthy(1), healthy(2)};

	judge(&verdict, &as_built_in, reports, 2);
	check_clean_pass(&verdict);
	CHECK_EQ(verdict.workers.len, 2);
	CHECK_EQ(verdict.cgroups.len, 1);
	CHECK_STR(verdict.cgroups.at[0].name, "cg_0");
}

/* AS-1 */
TEST(a_worker_without_work_units_starved)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report reports[] = {healthy(1), healthy(42)};

	reports[1].work_units = 0;
	judge(&verdict, &as_built_in, reports, 2);
	check_only(&verdict, KTSTR_KIND_STARVED, "cg_0: tid 42 starved (0 work units)");
}

/* AS-1, and fact 4 of the design: CPU time decides, not loop counts */
TEST(a_worker_that_only_waited_starved_although_it_got_through_a_unit)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report report = healthy(42);

	report.cpu_ns = 3100000;
	report.run_delay_ns = 1996900000;
	judge(&verdict, &as_built_in, &report, 1);
	check_only(&verdict, KTSTR_KIND_STARVED,
		   "cg_0: tid 42 starved (ran 3.1ms of 2000.0ms, waited 1996.9ms)");
}

TEST(a_worker_without_cpu_time_starved)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report report = healthy(42);

	report.cpu_ns = 0;
	report.run_delay_ns = 0;
	judge(&verdict, &as_built_in, &report, 1);
	check_only(&verdict, KTSTR_KIND_STARVED,
		   "cg_0: tid 42 starved (ran 0.0ms of 2000.0ms, waited 0.0ms)");
}

/* A sleeper has hardly any CPU time either, but it does not wait for one. */
TEST(a_worker_that_hardly_ran_but_did_not_wait_is_fine)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report sleeper = healthy(1), small_share = healthy(2);

	sleeper.cpu_ns = NS_PER_MS;
	sleeper.run_delay_ns = 94 * WALL_NS / 100;
	judge(&verdict, &as_built_in, &sleeper, 1);
	small_share.cpu_ns = WALL_NS / 100;
	small_share.run_delay_ns = 99 * WALL_NS / 100;
	judge(&verdict, &as_built_in, &small_share, 1);
	check_clean_pass(&verdict);
}

TEST(starvation_can_be_switched_off)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks checks = {.starvation = -1};
	struct worker_report report = healthy(1);

	report.work_units = 0;
	report.cpu_ns = 0;
	judge(&verdict, &checks, &report, 1);
	check_clean_pass(&verdict);
}

/* AS-2 */
TEST(a_gap_above_the_limit_is_stuck_and_one_at_it_is_not)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report reports[] = {healthy(7), healthy(8)};

	reports[0].max_gap_ns = 2000 * NS_PER_MS;
	reports[1].max_gap_ns = 2500 * NS_PER_MS;
	reports[1].max_gap_cpu = 3;
	reports[1].max_gap_at_ns = 4100 * NS_PER_MS;
	judge(&verdict, &as_built_in, reports, 2);
	check_only(&verdict, KTSTR_KIND_STUCK, "cg_0: tid 8 stuck 2500ms on cpu3 at +4100ms");
}

/* AS-2, custom limit */
TEST(a_chosen_gap_limit_is_named)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(verdict_done) struct ktstr_verdict tiny = {0};
	struct ktstr_checks checks = {.max_gap_ms = 5};
	struct worker_report report = healthy(8);

	judge(&verdict, &checks, &report, 1);
	check_only(&verdict, KTSTR_KIND_STUCK,
		   "cg_0: tid 8 stuck 10ms on cpu0 at +500ms (threshold 5ms)");
	checks.max_gap_ms = 0.5;
	report.max_gap_ns = 700000;
	judge(&tiny, &checks, &report, 1);
	check_only(&tiny, KTSTR_KIND_STUCK,
		   "cg_0: tid 8 stuck 0.7ms on cpu0 at +500ms (threshold 0.5ms)");
}

/* AS-3 */
TEST(unequal_shares_are_unfair)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report reports[] = {with_cpu_ms(1, 1800), with_cpu_ms(2, 1000),
					  with_cpu_ms(3, 1200)};

	judge(&verdict, &as_built_in, reports, 3);
	check_only(&verdict, KTSTR_KIND_UNFAIR,
		   "cg_0: unfair cgroup: spread=40% (10-50%) 3 workers on 2 cpus");
}

/* AS-3, custom limit */
TEST(a_chosen_spread_limit_is_named)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(verdict_done) struct ktstr_verdict wide = {0};
	struct ktstr_checks checks = {.max_spread_pct = 4.5};
	struct worker_report reports[] = {with_cpu_ms(1, 1000), with_cpu_ms(2, 1100)};

	judge(&verdict, &checks, reports, 2);
	check_only(&verdict, KTSTR_KIND_UNFAIR,
		   "cg_0: unfair cgroup: spread=5% (45-50%) 2 workers on 2 cpus (threshold 4.5%)");
	checks.max_spread_pct = 5;
	judge(&wide, &checks, reports, 2);
	check_clean_pass(&wide);
}

/* AS-3: at least two, and those that completed */
TEST(a_spread_needs_two_workers_that_completed)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report reports[] = {with_cpu_ms(1, 1800), with_cpu_ms(2, 200)};

	reports[1].completed = false;
	judge(&verdict, &as_built_in, reports, 2);
	CHECK(!ktstr_verdict_has(&verdict, KTSTR_KIND_UNFAIR));
	CHECK(verdict.cgroups.at[0].spread_pct == 0);
}

/* AS-1 */
TEST(a_worker_that_never_ran_until_the_deadline_starved)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report report = missing(42, -1);

	judge(&verdict, &as_built_in, &report, 1);
	check_only(&verdict, KTSTR_KIND_STARVED, "cg_0: tid 42 starved (0 work units)");
}

TEST(a_worker_that_ended_early_died)
{
	AUTO(verdict_done) struct ktstr_verdict killed = {0};
	AUTO(verdict_done) struct ktstr_verdict exited = {0};
	struct worker_report report = missing(42, SIGKILL);

	judge(&killed, &as_built_in, &report, 1);
	check_only(&killed, KTSTR_KIND_WORKER_DIED,
		   "worker 1 of cg_0 (tid 42) died without a report: killed by SIGKILL");
	report.wait_status = 3 << 8;
	judge(&exited, &as_built_in, &report, 1);
	check_only(&exited, KTSTR_KIND_WORKER_DIED,
		   "worker 1 of cg_0 (tid 42) died without a report: exit status 3");
}

TEST(a_worker_that_did_not_stop_at_the_deadline_died)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct worker_report report = missing(42, -1);

	report.work_units = 5;
	judge(&verdict, &as_built_in, &report, 1);
	check_only(&verdict, KTSTR_KIND_WORKER_DIED,
		   "worker 1 of cg_0 (tid 42) died without a report: it was still there at the "
		   "deadline and was killed");
}

/* A lost report is no pass, whatever is switched off. */
TEST(a_missing_worker_never_passes)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks off = {.max_gap_ms = -1, .max_spread_pct = -1, .starvation = -1};
	struct worker_report report = missing(42, -1);

	judge(&verdict, &off, &report, 1);
	CHECK(ktstr_verdict_has(&verdict, KTSTR_KIND_WORKER_DIED));
}

/* 2.8: zero reports are no pass */
TEST(no_reports_are_inconclusive_where_a_check_is_on)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(verdict_done) struct ktstr_verdict unchecked = {0};
	struct ktstr_checks off = {.max_gap_ms = -1, .max_spread_pct = -1, .starvation = -1};

	judge(&verdict, &as_built_in, NULL, 0);
	CHECK_EQ(verdict.state, KTSTR_INCONCLUSIVE);
	CHECK_STR(verdict.details.at[0].text, "cg_0: no worker to judge by");
	judge(&unchecked, &off, NULL, 0);
	check_clean_pass(&unchecked);
}

/* --- the machine ---------------------------------------------------------------------------- */

static const struct machine_window idle_machine = {
	.wall_ns = WALL_NS, .cpus = 4, .idle_ns = 6010 * NS_PER_MS};

/* Four workers that share CPU 0 for two seconds. */
static void pile_up(struct ktstr_verdict *verdict)
{
	struct worker_report reports[4];

	for (int i = 0; i < 4; i++) {
		reports[i] = with_cpu_ms(2 * i, 500);
		reports[i].run_delay_ns = 1495 * NS_PER_MS;
	}
	judge(verdict, &as_built_in, reports, 4);
}

TEST(cpus_that_stand_idle_while_workers_wait_fail)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	pile_up(&verdict);
	verdict_judge_machine(&verdict, &as_built_in, &idle_machine);
	check_only(&verdict, KTSTR_KIND_IDLE_WHILE_WAITING,
		   "CPUs stood idle while workers waited: waited 5.98s, idle 6.01s of 8.00s CPU "
		   "time (75% wasted, threshold 25%), 4 workers on 1 of 4 cpus");
	CHECK_EQ(verdict.window.idle_ns, 6010 * NS_PER_MS);
}

TEST(waiting_without_idle_cpus_and_idle_cpus_without_waiting_pass)
{
	AUTO(verdict_done) struct ktstr_verdict busy = {0};
	AUTO(verdict_done) struct ktstr_verdict content = {0};
	struct machine_window window = idle_machine;
	struct worker_report report = with_cpu_ms(1, 2000);

	window.idle_ns = 2000 * NS_PER_MS;         /* 25 %: at the limit */
	pile_up(&busy);
	verdict_judge_machine(&busy, &as_built_in, &window);
	check_clean_pass(&busy);

	judge(&content, &as_built_in, &report, 1);
	verdict_judge_machine(&content, &as_built_in, &idle_machine);
	check_clean_pass(&content);
}

TEST(idle_time_that_nobody_could_have_used_is_excused)
{
	AUTO(verdict_done) struct ktstr_verdict fine = {0};
	AUTO(verdict_done) struct ktstr_verdict wasteful = {0};
	struct machine_window window = idle_machine;

	window.excused_ns = 4010 * NS_PER_MS;
	pile_up(&fine);
	verdict_judge_machine(&fine, &as_built_in, &window);
	check_clean_pass(&fine);
	CHECK_EQ(fine.window.excused_ns, 4010 * NS_PER_MS);
	window.excused_ns = 2010 * NS_PER_MS;
	pile_up(&wasteful);
	verdict_judge_machine(&wasteful, &as_built_in, &window);
	check_only(&wasteful, KTSTR_KIND_IDLE_WHILE_WAITING,
		   "CPUs stood idle while workers waited: waited 5.98s, idle 4.00s of 8.00s CPU "
		   "time (50% wasted, threshold 25%), 4 workers on 1 of 4 cpus");
}

TEST(idle_while_waiting_has_a_limit_and_can_be_switched_off)
{
	AUTO(verdict_done) struct ktstr_verdict generous = {0};
	AUTO(verdict_done) struct ktstr_verdict off = {0};

	pile_up(&generous);
	verdict_judge_machine(&generous, &(struct ktstr_checks){.max_idle_waiting_pct = 75},
			      &idle_machine);
	check_clean_pass(&generous);
	pile_up(&off);
	verdict_judge_machine(&off, &(struct ktstr_checks){.max_idle_waiting_pct = -1},
			      &idle_machine);
	check_clean_pass(&off);
	CHECK_EQ(off.window.cpus, 4);
}

TEST(a_window_without_workers_or_time_says_nothing)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct machine_window none = {.cpus = 4, .idle_ns = NS_PER_S};

	verdict_judge_machine(&verdict, &as_built_in, &idle_machine);
	pile_up(&verdict);
	verdict_judge_machine(&verdict, &as_built_in, &none);
	check_clean_pass(&verdict);
}

TEST(a_second_window_is_judged_by_its_own_workers)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct machine_window busy = {.wall_ns = WALL_NS, .cpus = 4, .idle_ns = 0};
	struct worker_report content = with_cpu_ms(1, 2000);

	pile_up(&verdict);
	verdict_judge_machine(&verdict, &as_built_in, &busy);
	judge(&verdict, &as_built_in, &content, 1);
	verdict_judge_machine(&verdict, &as_built_in, &idle_machine);
	check_clean_pass(&verdict);
	CHECK_EQ(verdict.window.wall_ns, 2 * WALL_NS);
	CHECK_EQ(verdict.window.idle_ns, 6010 * NS_PER_MS);
}

TEST(waits_and_idle_times_beyond_the_window_are_cut)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct machine_window window = {.wall_ns = WALL_NS, .cpus = 1, .idle_ns = UINT64_MAX};
	struct worker_report report = healthy(2);

	report.run_delay_ns = UINT64_MAX;
	judge(&verdict, &as_built_in, &report, 1);
	verdict_judge_machine(&verdict, &as_built_in, &window);
	check_only(&verdict, KTSTR_KIND_IDLE_WHILE_WAITING,
		   "CPUs stood idle while workers waited: waited 2.00s, idle 2.00s of 2.00s CPU "
		   "time (100% wasted, threshold 25%), 1 workers on 1 of 1 cpus");
}

/* --- arithmetic ----------------------------------------------------------------------------- */

/* AS-7: index ceil(n * p) - 1 */
TEST(percentiles_are_by_nearest_rank)
{
	uint64_t values[100];

	for (uint64_t i = 0; i < 100; i++)
		values[i] = i + 1;
	CHECK_EQ(percentile_nearest_rank(values, 100, 0.99), 99);
	CHECK_EQ(percentile_nearest_rank(values, 100, 0.991), 100);
	CHECK_EQ(percentile_nearest_rank(values, 100, 0.5), 50);
	CHECK_EQ(percentile_nearest_rank(values, 100, 1), 100);
	CHECK_EQ(percentile_nearest_rank(values, 100, 1e-9), 1);
	CHECK_EQ(percentile_nearest_rank(values, 1, 0.01), 1);
	CHECK_EQ(percentile_nearest_rank(values, 3, 0.5), 2);
	CHECK_EQ(percentile_nearest_rank(NULL, 0, 0.5), 0);
	for (unsigned percent = 1; percent <= 100; percent++)
		CHECK_EQ(percentile_nearest_rank(values, 100, percent / 100.0), percent);
}

/* 2.8, CgroupStats */
TEST(statistics_of_a_cgroup)
{
	static const uint64_t early[] = {1000}, late[] = {8000, 3000};
	struct worker_report reports[] = {with_cpu_ms(1, 1000), with_cpu_ms(2, 1200),
					  with_cpu_ms(5, 1400)};
	struct cgroup_stats stats;

	reports[1].max_gap_ns = 1500 * NS_PER_MS;
	reports[1].max_gap_cpu = 6;
	reports[1].wakes = early;
	reports[1].wake_count = reports[1].wakes_len = 1;
	reports[2].wakes = late;
	reports[2].wake_count = reports[2].wakes_len = 2;
	stats = cgroup_stats_of(&cg_0, reports, 3);
	CHECK_STR(stats.name, "cg_0");
	CHECK_EQ(stats.workers, 3);
	CHECK_EQ(stats.cpus, 2);
	CHECK(fabs(stats.off_cpu_pct_min - 30) < 1e-9);
	CHECK(fabs(stats.off_cpu_pct_avg - 40) < 1e-9);
	CHECK(fabs(stats.off_cpu_pct_max - 50) < 1e-9);
	CHECK(fabs(stats.spread_pct - 20) < 1e-9);
	CHECK(stats.max_gap_ms == 1500);
	CHECK_EQ(stats.max_gap_cpu, 6);
	CHECK_EQ(stats.migrations, 9);
	CHECK_EQ(stats.iterations, 3000000);
	CHECK(fabs(stats.run_delay_us_mean - 800000) < 1e-6);
	CHECK(stats.run_delay_us_worst == 1000000);
	CHECK(stats.wake_us_median == 3);
	CHECK(stats.wake_us_p99 == 8);
	CHECK(fabs(stats.wake_tail_ratio - 8.0 / 3) < 1e-9);
	CHECK(fabs(stats.wake_cv - sqrt(26.0 / 3) / 4) < 1e-9);
	CHECK(fabs(stats.migration_ratio - 9 / 3e6) < 1e-15);
	CHECK(stats.iterations_per_worker == 1e6);
}

TEST(statistics_of_nothing_are_zero)
{
	struct cgroup_stats stats = cgroup_stats_of(&cg_0, NULL, 0);

	CHECK_EQ(stats.workers, 0);
	CHECK_EQ(stats.max_gap_cpu, -1);
	CHECK(stats.off_cpu_pct_avg == 0 && stats.run_delay_us_mean == 0 && stats.wake_us_p99 == 0);
}

TEST(more_cpu_time_than_wall_time_is_no_off_cpu_time)
{
	struct worker_report report = with_cpu_ms(1, 2000);

	report.cpu_ns = WALL_NS + 1;
	CHECK(cgroup_stats_of(&cg_0, &report, 1).off_cpu_pct_max == 0);
}

TEST(a_long_cgroup_name_is_cut)
{
	char name[2 * WORKER_CGROUP_NAME_MAX];
	struct worker_report report = healthy(1), copy;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(report.cgroup, 'x', sizeof(report.cgroup));
	copy = worker_report_plausible(name, &report);
	CHECK_EQ(strlen(copy.cgroup), WORKER_CGROUP_NAME_MAX - 1);
	CHECK_EQ(strlen(cgroup_stats_of(&(struct cgroup_facts){.name = name}, &report, 1).name), WORKER_CGROUP_NAME_MAX - 1);
}

/* --- anything a worker may have written ------------------------------------------------------ */

/* xorshift64*: the same reports every time */
static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull;
}

/* All bytes random; every other field then gets a value of a likelier size. */
static uint64_t wakes[WORKER_WAKES_MAX];

static void random_report(uint64_t *seed, struct worker_report *report)
{
	for (size_t i = 0; i < sizeof(*report); i++)
		((unsigned char *)report)[i] = (unsigned char)(random_u64(seed) >> 56);
	/* the parent's pointer, to what the worker wrote */
	for (size_t i = 0; i < WORKER_WAKES_MAX; i++)
		wakes[i] = random_u64(seed) >> random_u64(seed) % 64;
	report->wakes = random_u64(seed) % 4 ? wakes : NULL;
	if (random_u64(seed) % 4 == 0)
		return;
	report->wall_ns = random_u64(seed) % 3 * NS_PER_S / 3;
	report->cpu_ns = random_u64(seed) % NS_PER_S;
	report->run_delay_ns = random_u64(seed) % NS_PER_S;
	report->max_gap_ns = random_u64(seed) % (4 * NS_PER_S);
	report->completed = random_u64(seed) % 2;
}

static void check_ordered(double low, double middle, double high)
{
	CHECK(isfinite(low) && isfinite(middle) && isfinite(high));
	CHECK(low <= middle);
	CHECK(middle <= high);
}

TEST(statistics_of_any_reports_are_finite_and_ordered)
{
	struct worker_report reports[8];
	uint64_t seed = 42;

	for (unsigned round = 0; round < 2000; round++) {
		size_t count = random_u64(&seed) % 9;
		struct cgroup_stats stats;

		for (size_t i = 0; i < count; i++)
			random_report(&seed, &reports[i]);
		stats = cgroup_stats_of(&cg_0, reports, count);
		check_ordered(0, stats.off_cpu_pct_min, stats.off_cpu_pct_avg);
		check_ordered(stats.off_cpu_pct_avg, stats.off_cpu_pct_max, 100);
		check_ordered(0, stats.spread_pct, stats.off_cpu_pct_max);
		check_ordered(0, stats.run_delay_us_mean, stats.run_delay_us_worst);
		check_ordered(0, stats.max_gap_ms, 1e14);
		check_ordered(0, stats.wake_us_median, 1e17);
		check_ordered(0, stats.wake_us_p99, 1e17);
		CHECK(stats.max_gap_cpu >= -1 && stats.max_gap_cpu < CPUSET_CPU_MAX);
	}
}

TEST(equal_shares_have_no_spread_and_themselves_as_average)
{
	struct worker_report reports[7];

	for (uint64_t cpu_ms = 1; cpu_ms < 2000; cpu_ms += 7) {
		struct cgroup_stats stats;

		for (int i = 0; i < 7; i++)
			reports[i] = with_cpu_ms(i, cpu_ms);
		stats = cgroup_stats_of(&cg_0, reports, 7);
		CHECK(stats.spread_pct == 0);
		check_ordered(stats.off_cpu_pct_min, stats.off_cpu_pct_avg, stats.off_cpu_pct_max);
	}
}

/* Numbers as JSON readers take them: finite, and integers no larger than INT64_MAX. */
static void check_numbers(const char *json)
{
	bool quoted = false;

	for (const char *at = json; *at; at++) {
		char *end;

		if (*at == '"' && (at == json || at[-1] != '\\'))
			quoted = !quoted;
		if (quoted || *at < '0' || *at > '9')
			continue;
		errno = 0;
		(void)strtoll(at, &end, 10);
		if (*end != '.' && *end != 'e')
			CHECK_EQ(errno, 0);
		(void)strtod(at, &end);
		at = end - 1;
	}
	CHECK(!strstr(json, "nan") && !strstr(json, "inf"));
}

TEST(any_reports_get_a_verdict_that_can_be_read)
{
	uint64_t seed = 43;

	for (unsigned round = 0; round < 300; round++) {
		AUTO(verdict_done) struct ktstr_verdict verdict = {0};
		AUTO(buf_done) struct buf json = {0};
		struct worker_report reports[4];
		struct machine_window window = {
			.wall_ns = random_u64(&seed) >> random_u64(&seed) % 64,
			.cpus = (uint32_t)random_u64(&seed) % 5,
			.idle_ns = random_u64(&seed) >> random_u64(&seed) % 64,
		};

		for (size_t i = 0; i < 4; i++)
			random_report(&seed, &reports[i]);
		judge(&verdict, &as_built_in, reports, 4);
		verdict_judge_machine(&verdict, &as_built_in, &window);
		CHECK(verdict.state == KTSTR_PASS || verdict.state == KTSTR_FAIL);
		CHECK_EQ(verdict.details.len > 0, verdict.state == KTSTR_FAIL);
		verdict_to_json(&verdict, &json);
		check_numbers(buf_text(&json));
	}
}

TEST(worker_reports_beyond_the_limit_are_judged_and_counted)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf json = {0};
	size_t count = VERDICT_WORKERS_MAX + 7;
	AUTO(free) struct worker_report *reports = xcalloc(count, sizeof(*reports));

	for (size_t i = 0; i < count; i++)
		reports[i] = healthy((int)i);
	reports[count - 1].work_units = 0;
	judge(&verdict, &as_built_in, reports, count);
	CHECK(ktstr_verdict_has(&verdict, KTSTR_KIND_STARVED));
	CHECK_EQ(verdict.workers.len, VERDICT_WORKERS_MAX);
	verdict_to_json(&verdict, &json);
	CHECK_HAS(buf_text(&json), "\"7 more worker reports were left out\"");
}

/* --- JSON ------------------------------------------------------------------------------------ */

TEST(an_empty_verdict_as_json)
{
	struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf json = {0};

	verdict_to_json(&verdict, &json);
	CHECK_STR(buf_text(&json),
		  "{\"state\":\"pass\",\"details\":[],\"metrics\":{},\"window\":null,"
		  "\"cgroups\":[],\"totals\":null,\"timeline\":[],\"timeline_at_ns\":[],\"cleanup_ns\":0,"
		  "\"payloads\":[],\"workers\":[]}");
}

TEST(a_verdict_as_json_has_all_fields)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf json = {0};
	struct worker_report report = {
		.index = 1, .tid = 42, .completed = true, .wait_status = 0, .work_units = 3,
		.iterations = 4, .wall_ns = 1000, .cpu_ns = 500, .run_delay_ns = 200,
		.sched_run_ns = 510, .timeslices = 7, .migrations = UINT64_MAX,
		.max_gap_ns = 2500000, .max_gap_at_ns = 9, .max_gap_cpu = 1, .scheduler_known = true,
		.ext_enabled = true, .wake_count = 2, .wake_ns_p50 = 1500, .wake_ns_p99 = 2500,
		.wake_ns_max = 2600, .wakes = (const uint64_t[]){2500, 1500}, .wakes_len = 2,
		.role = 5, .is_messenger = true, .start_ns = 6, .moves_len = 1,
		.moves = {{.at_ns = 8, .from = 1, .to = 0}}, .pages_known = true,
		.pages = {[1] = 12},
	};
	struct timeline_event event = {
		.name = "shrink", .elapsed_ns = 77, .at_ns = 1077, .step = 1, .op_count = 3,
		.op_kinds = 1u << KTSTR_OP_SET_CPUSET | 1u << KTSTR_OP_SPAWN, .cgroups = 2,
		.workers = 4, .iterations = 9, .cpu_ns = 10, .wait_ns = 11,
	};

	cpuset_add(&report.cpus, 0);
	cpuset_add(&report.cpus, 1);
	judge(&verdict, &as_built_in, &report, 1);
	verdict_judge_machine(&verdict, &as_built_in,
			      &(struct machine_window){.wall_ns = 1000, .cpus = 2, .idle_ns = 10});
	ktstr_verdict_fail(&verdict, KTSTR_KIND_STARVED, "a \"b\"");
	ktstr_verdict_metric(&verdict, "name", 1.5);
	verdict_timeline(&verdict, &event);
	verdict_judge_cleanup(&verdict, &as_built_in, 13);
	verdict_to_json(&verdict, &json);
	CHECK_STR(buf_text(&json),
		  "{\"state\":\"fail\",\"details\":[{\"kind\":\"starved\",\"text\":\"a \\\"b\\\"\"}],"
		  "\"metrics\":{\"name\":1.5},"
		  "\"window\":{\"wall_ns\":1000,\"cpus\":2,\"idle_ns\":10,\"idle_cpus\":\"\"},"
		  "\"cgroups\":[{\"name\":\"cg_0\",\"workers\":1,\"cpus\":2,\"off_cpu_pct_avg\":50,"
		  "\"off_cpu_pct_min\":50,\"off_cpu_pct_max\":50,\"spread_pct\":0,\"max_gap_ms\":2.5,"
		  "\"max_gap_cpu\":1,\"migrations\":9223372036854775807,\"iterations\":4,"
		  "\"run_delay_us_mean\":0.20000000000000001,"
		  "\"run_delay_us_worst\":0.20000000000000001,"
		  "\"wake_us_p99\":2.5,\"wake_us_median\":2.5,\"wake_cv\":0.25,"
		  "\"wake_tail_ratio\":1,\"migration_ratio\":4.6116860184273879e+18,"
		  "\"iterations_per_worker\":4,\"page_locality\":0,"
		  "\"cross_node_migration_ratio\":0,\"slow_tier_ratio\":0,\"weight_shortfall_pct\":0}],"
		  "\"totals\":{\"total_workers\":1,\"total_cpus\":2,"
		  "\"total_migrations\":9223372036854775807,\"total_iterations\":4,"
		  "\"worst_spread\":0,\"worst_gap_ms\":2.5,\"worst_gap_cpu\":1,"
		  "\"worst_migration_ratio\":4.6116860184273879e+18,"
		  "\"worst_p99_wake_latency_us\":2.5,\"worst_median_wake_latency_us\":2.5,"
		  "\"worst_wake_latency_cv\":0.25,\"worst_wake_latency_tail_ratio\":1,"
		  "\"worst_mean_run_delay_us\":0.20000000000000001,"
		  "\"worst_run_delay_us\":0.20000000000000001,\"worst_page_locality\":0,"
		  "\"worst_cross_node_migration_ratio\":0,\"worst_iterations_per_worker\":4},"
		  "\"timeline\":[{\"name\":\"shrink\",\"elapsed_ns\":77,\"step\":1,\"end\":false,"
		  "\"op_count\":3,\"op_kinds\":[\"set_cpuset\",\"spawn\"],\"cgroups\":2,"
		  "\"workers\":4,\"iterations\":9,\"cpu_ns\":10,\"wait_ns\":11}],\"timeline_at_ns\":[1077],"
		  "\"cleanup_ns\":13,\"payloads\":[],"
		  "\"workers\":[{\"cgroup\":\"cg_0\",\"index\":1,\"tid\":42,\"completed\":true,"
		  "\"wait_status\":0,\"work_units\":3,\"iterations\":4,\"wall_ns\":1000,\"cpu_ns\":500,"
		  "\"run_delay_ns\":200,\"sched_run_ns\":510,\"timeslices\":7,"
		  "\"migrations\":9223372036854775807,\"max_gap_ns\":2500000,\"max_gap_at_ns\":9,"
		  "\"max_gap_cpu\":1,\"cpus\":\"0-1\",\"scheduler_known\":true,\"ext_enabled\":true,"
		  "\"wake_count\":2,\"wake_ns_p50\":1500,\"wake_ns_p99\":2500,\"wake_ns_max\":2600,"
		  "\"role\":5,\"messenger\":true,\"host\":false,\"start_ns\":6,"
		  "\"moves\":[{\"at_ns\":8,\"from\":1,\"to\":0}],\"pages\":[0,12]}]}");
}

TEST(who_scheduled_a_worker_is_null_while_it_is_not_known)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(buf_done) struct buf json = {0};
	struct worker_report report = healthy(1);

	report.ext_enabled = true;
	judge(&verdict, &as_built_in, &report, 1);
	verdict_to_json(&verdict, &json);
	CHECK_HAS(buf_text(&json), "\"scheduler_known\":false,\"ext_enabled\":null,");
}

RUN_TESTS();
