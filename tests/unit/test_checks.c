/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every check at, below and above its limit. Rule numbers (AS-5) and message shapes are those of
 * shared/spec/2-capabilities.md 2.8.
 */
#include <math.h>

#include "test.h"
#include "verdict/arithmetic.h"

#define WALL_NS (2 * NS_PER_S)

static const struct cgroup_facts cg = {.name = "cg"};
static const struct cgroup_facts cg_det = {.name = "cg", .model_units = true};

/* Half a CPU for two seconds: 1000 work units and 100 iterations a CPU second. */
static struct worker_report worker(unsigned index)
{
	struct worker_report report = {
		.index = index,
		.tid = 100 + (int)index,
		.completed = true,
		.work_units = 1000,
		.iterations = 100,
		.wall_ns = WALL_NS,
		.cpu_ns = WALL_NS / 2,
		.sched_run_ns = WALL_NS / 2,
		.run_delay_ns = WALL_NS / 2,
		.migrations = 5,
		.max_gap_ns = 10 * NS_PER_MS,
		.max_gap_at_ns = 500 * NS_PER_MS,
	};

	cpuset_add(&report.cpus, index % 2);
	return report;
}

static void ran_ms(struct worker_report *report, uint64_t ms)
{
	report->cpu_ns = report->sched_run_ns = ms * NS_PER_MS;
	report->run_delay_ns = report->wall_ns - report->cpu_ns;
}

/* All that is on without asking is off, so that one check is seen at a time. */
static struct ktstr_checks only(struct ktstr_checks checks)
{
	struct ktstr_checks off = {.max_gap_ms = -1, .max_spread_pct = -1,
				   .max_idle_waiting_pct = -1, .starvation = -1};

	return checks_merge(off, &checks);
}

static void expect(const struct ktstr_verdict *verdict, enum ktstr_kind kind, const char *text)
{
	if (verdict->details.len != 1)
		fail_msg("%zu details, not 1: %s", verdict->details.len,
			 verdict->details.len ? verdict->details.at[0].text : text);
	CHECK_STR(verdict->details.at[0].text, text);
	CHECK_EQ(verdict->details.at[0].kind, kind);
	CHECK_EQ(verdict->state, KTSTR_FAIL);
	CHECK(ktstr_verdict_has(verdict, kind));
}

/* Text NULL: it passes without a word. */
static void judged_as(struct ktstr_checks checks, const struct cgroup_facts *facts,
		      const struct worker_report *reports, size_t count, enum ktstr_kind kind,
		      const char *text)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks limits = only(checks);

	verdict_judge_cgroup(&verdict, &limits, facts, reports, count);
	verdict_judge_machine(&verdict, &limits, &(struct machine_window){0});
	if (text) {
		expect(&verdict, kind, text);
		return;
	}
	if (verdict.details.len)
		fail_msg("there is a detail: %s", verdict.details.at[0].text);
	CHECK_EQ(verdict.state, KTSTR_PASS);
}

/* --- the table ------------------------------------------------------------------------------- */

TEST(every_check_can_be_set_by_a_later_layer_and_stays_otherwise)
{
	for (const struct check_row *row = check_rows; row->name; row++) {
		struct ktstr_checks below = {0}, above = {0}, merged;

		check_set(&below, row, 2);
		merged = checks_merge(below, &above);
		CHECK(check_value(&merged, row) == (row->type == CHECK_SWITCH ? 1 : 2));
		check_set(&above, row, -1);
		merged = checks_merge(below, &above);
		CHECK(check_value(&merged, row) == -1);
		for (const struct check_row *other = check_rows; other->name; other++) {
			if (other != row)
				CHECK(check_value(&merged, other) == 0);
		}
	}
}

TEST(every_kind_of_operation_has_a_word_of_its_own)
{
	CHECK(!op_kind_name(KTSTR_OP_NONE));
	CHECK(!op_kind_name(KTSTR_OP_KIND_COUNT));
	for (unsigned kind = 1; kind < KTSTR_OP_KIND_COUNT; kind++) {
		CHECK(op_kind_name(kind));
		for (unsigned other = 1; other < kind; other++)
			CHECK(strcmp(op_kind_name(kind), op_kind_name(other)) != 0);
	}
}

/* --- AS-1 in det ------------------------------------------------------------------------------ */

TEST(as_1_in_det_work_units_do_not_starve_anybody)
{
	struct worker_report report = worker(0);

	report.work_units = 0;
	judged_as((struct ktstr_checks){.starvation = 1}, &cg_det, &report, 1, 0, NULL);
	judged_as((struct ktstr_checks){.starvation = 1}, &cg, &report, 1, KTSTR_KIND_STARVED,
		  "cg: tid 100 starved (0 work units)");
	ran_ms(&report, 0);
	judged_as((struct ktstr_checks){.starvation = 1}, &cg_det, &report, 1, KTSTR_KIND_STARVED,
		  "cg: tid 100 starved (0 work units)");
}

TEST(as_1_in_det_waiting_for_the_whole_window_starves_whatever_was_done)
{
	struct worker_report report = worker(0);

	ran_ms(&report, 20);        /* 1 %: a share, if a small one */
	judged_as((struct ktstr_checks){.starvation = 1}, &cg_det, &report, 1, 0, NULL);
	ran_ms(&report, 19);
	judged_as((struct ktstr_checks){.starvation = 1}, &cg_det, &report, 1, KTSTR_KIND_STARVED,
		  "cg: tid 100 starved (ran 19.0ms of 2000.0ms, waited 1981.0ms)");
}

static struct worker_report with_gap(uint64_t gap_ms)
{
	struct worker_report report = worker(0);

	report.wall_ns = 5 * NS_PER_S;
	report.run_delay_ns = 4 * NS_PER_S;
	report.max_gap_ns = gap_ms * NS_PER_MS;
	report.max_gap_at_ns = 4000 * NS_PER_MS;
	return report;
}

TEST(as_1_in_det_waiting_for_longer_than_the_limit_at_a_stretch_starves)
{
	struct ktstr_checks on = {.starvation = 1};
	struct worker_report report = with_gap(2000);

	judged_as(on, &cg_det, &report, 1, 0, NULL);
	report = with_gap(2001);
	judged_as(on, &cg_det, &report, 1, KTSTR_KIND_STARVED,
		  "cg: tid 100 starved (no CPU for 2001ms until +4000ms)");
	judged_as(on, &cg, &report, 1, 0, NULL);
	on.max_gap_ms = 3000;
	judged_as(on, &cg_det, &report, 1, 0, NULL);
}

TEST(as_1_a_low_gap_limit_starves_nobody)
{
	struct worker_report report = with_gap(501);

	judged_as((struct ktstr_checks){.starvation = 1, .max_gap_ms = 500}, &cg_det, &report, 1,
		  KTSTR_KIND_STUCK, "cg: tid 100 stuck 501ms on cpu0 at +4000ms (threshold 500ms)");
}

/* It held a CPU and made no progress: that is stuck, and nobody took its CPU away. */
TEST(as_1_in_det_a_gap_without_waiting_does_not_starve)
{
	struct worker_report report = with_gap(2001);

	report.run_delay_ns = 1800 * NS_PER_MS;
	judged_as((struct ktstr_checks){.starvation = 1}, &cg_det, &report, 1, 0, NULL);
}

/* --- AS-3: who is compared --------------------------------------------------------------------- */

static struct ktstr_checks spread_15 = {.max_spread_pct = 15};

TEST(as_3_at_the_limit_and_above)
{
	struct worker_report reports[] = {worker(0), worker(1)};

	ran_ms(&reports[1], 1300);
	judged_as(spread_15, &cg, reports, 2, 0, NULL);        /* 50 and 35 */
	ran_ms(&reports[1], 1302);
	judged_as(spread_15, &cg, reports, 2, KTSTR_KIND_UNFAIR,
		  "cg: unfair cgroup: spread=15% (35-50%) 2 workers on 2 cpus");
}

TEST(as_3_compares_workers_of_one_role)
{
	struct worker_report reports[] = {worker(0), worker(1), worker(2), worker(3)};

	for (int i = 2; i < 4; i++) {
		reports[i].role = 1;
		ran_ms(&reports[i], 100);
	}
	judged_as(spread_15, &cg, reports, 4, 0, NULL);
	ran_ms(&reports[3], 1100);
	judged_as(spread_15, &cg, reports, 4, KTSTR_KIND_UNFAIR,
		  "cg: unfair cgroup: spread=50% (45-95%) 2 workers on 2 cpus");
}

TEST(as_3_leaves_out_messengers_and_host_workers)
{
	struct worker_report reports[] = {worker(0), worker(1), worker(2), worker(3)};

	ran_ms(&reports[1], 10);
	reports[1].is_messenger = true;
	ran_ms(&reports[2], 1900);
	reports[2].is_host = true;
	judged_as(spread_15, &cg, reports, 4, 0, NULL);
	CHECK_EQ(spread_of(reports, 4).count, 2);
}

static struct ktstr_checks spread_14 = {.max_spread_pct = 14};

/* DESIGN section 9: in det, CPU time and wait time decide; who sleeps does without a CPU of itself */
TEST(as_3_in_det_counts_no_time_asleep)
{
	struct worker_report reports[] = {worker(0), worker(1), worker(2)};

	ran_ms(&reports[1], 1400);              /* 70 % of the time; the others 50 % */
	reports[0].run_delay_ns = reports[2].run_delay_ns = 600 * NS_PER_MS;    /* and waited for 30 % */
	judged_as(spread_14, &cg_det, reports, 3, 0, NULL);
	judged_as(spread_14, &cg, reports, 3, KTSTR_KIND_UNFAIR,
		  "cg: unfair cgroup: spread=20% (30-50%) 3 workers on 2 cpus (threshold 14%)");
	reports[2].run_delay_ns = 910 * NS_PER_MS;
	judged_as(spread_14, &cg_det, reports, 3, KTSTR_KIND_UNFAIR,
		  "cg: unfair cgroup: spread=16% (30-50%) 3 workers on 2 cpus (threshold 14%)");
}

/* who waited for longer and had as much CPU all the same lost nothing */
TEST(as_3_in_det_needs_a_loss)
{
	struct worker_report reports[] = {worker(0), worker(1)};

	reports[0].run_delay_ns = 0;
	judged_as(spread_14, &cg_det, reports, 2, 0, NULL);
	ran_ms(&reports[0], 1200);
	judged_as(spread_14, &cg_det, reports, 2, 0, NULL);     /* 10 points behind, 50 by waiting */
	ran_ms(&reports[0], 1302);
	judged_as(spread_14, &cg_det, reports, 2, KTSTR_KIND_UNFAIR,
		  "cg: unfair cgroup: spread=15% (35-50%) 2 workers on 2 cpus (threshold 14%)");
}

/* on a machine 300 ms of the window and up to 35, in det 750 ms and up to 90; never below 15 */
TEST(as_3_built_in_limit_grows_in_short_windows)
{
	static const struct {
		unsigned wall_ms;
		double limit_pct;
		const struct cgroup_facts *facts;
	} rows[] = {
		{4000, 15, &cg},     {2000, 15, &cg},     {1500, 20, &cg},     {1000, 30, &cg},
		{800, 35, &cg},      {100, 35, &cg},      {8000, 15, &cg_det}, {5000, 15, &cg_det},
		{3000, 25, &cg_det}, {2000, 37.5, &cg_det}, {1000, 75, &cg_det}, {100, 90, &cg_det},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int above = 0; above < 2; above++) {
			struct worker_report reports[] = {worker(0), worker(1)};
			AUTO(verdict_done) struct ktstr_verdict verdict = {0};
			double ahead_pct = 5 + rows[i].limit_pct + (above ? 0.2 : -0.2);

			for (int k = 0; k < 2; k++) {
				reports[k].wall_ns = rows[i].wall_ms * NS_PER_MS;
				ran_ms(&reports[k], rows[i].wall_ms / 20);
			}
			reports[1].cpu_ns = (uint64_t)((double)reports[1].wall_ns * ahead_pct / 100);
			reports[1].run_delay_ns = reports[1].wall_ns - reports[1].cpu_ns;
			verdict_judge_cgroup(&verdict, &(struct ktstr_checks){0}, rows[i].facts, reports, 2);
			CHECK_EQ(verdict.state, above ? KTSTR_FAIL : KTSTR_PASS);
		}
	}
}

TEST(as_3_a_chosen_limit_does_not_grow)
{
	struct worker_report reports[] = {worker(0), worker(1)};

	for (int k = 0; k < 2; k++) {
		reports[k].wall_ns = 500 * NS_PER_MS;
		ran_ms(&reports[k], k ? 250 : 300);
	}
	judged_as((struct ktstr_checks){.max_spread_pct = 9}, &cg, reports, 2, KTSTR_KIND_UNFAIR,
		  "cg: unfair cgroup: spread=10% (40-50%) 2 workers on 2 cpus (threshold 9%)");
}

/* --- AS-4 --------------------------------------------------------------------------------------- */

TEST(as_4_workers_stay_in_their_cpuset)
{
	struct ktstr_checks checks = {.isolation = 1};
	struct worker_report report = worker(0);
	struct cgroup_facts facts = cg;

	cpuset_add(&report.cpus, 3);
	cpuset_add(&report.cpus, 4);
	judged_as(checks, &facts, &report, 1, 0, NULL);        /* it has no cpuset */
	cpuset_add(&facts.cpus, 0);
	cpuset_add(&facts.cpus, 1);
	judged_as((struct ktstr_checks){0}, &facts, &report, 1, 0, NULL);
	judged_as(checks, &facts, &report, 1, KTSTR_KIND_ISOLATION,
		  "cg: tid 100 ran on unexpected CPUs [3-4]");
	report.is_host = true;
	judged_as(checks, &facts, &report, 1, 0, NULL);
	report = worker(1);
	judged_as(checks, &facts, &report, 1, 0, NULL);
}

/* --- AS-5, AS-6, AS-9 ----------------------------------------------------------------------------- */

TEST(as_5_throughput_of_equals_varies_little)
{
	struct worker_report reports[] = {worker(0), worker(1)};

	reports[1].work_units = 3000;        /* 1000 and 3000: mean 2000, stddev 1000 */
	judged_as((struct ktstr_checks){.max_throughput_cv = 0.5}, &cg, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.max_throughput_cv = 0.499}, &cg, reports, 2,
		  KTSTR_KIND_BENCHMARK,
		  "cg: throughput CV 0.5 exceeds limit 0.499 (mean=2000 work/cpu_s)");
	judged_as((struct ktstr_checks){.max_throughput_cv = 0.1}, &cg, reports, 1, 0, NULL);
	reports[0].work_units = reports[1].work_units = 0;        /* a mean of 0 has no CV */
	judged_as((struct ktstr_checks){.max_throughput_cv = 0.1}, &cg, reports, 2, 0, NULL);
	reports[0] = worker(0);
	reports[1].role = 1;
	judged_as((struct ktstr_checks){.max_throughput_cv = 0.1}, &cg, reports, 2, 0, NULL);
}

TEST(as_6_work_rate_has_a_floor)
{
	struct worker_report reports[] = {worker(0), worker(1)};

	reports[1].work_units = 999;
	judged_as((struct ktstr_checks){.min_work_rate = 999}, &cg, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.min_work_rate = 1000}, &cg, reports, 2,
		  KTSTR_KIND_BENCHMARK, "cg: worker 1 throughput 999.0 work/cpu_s below floor 1000");
	reports[1].is_messenger = true;
	judged_as((struct ktstr_checks){.min_work_rate = 1000}, &cg, reports, 2, 0, NULL);
	ran_ms(&reports[0], 0);
	judged_as((struct ktstr_checks){.min_work_rate = 1000}, &cg, reports, 2,
		  KTSTR_KIND_BENCHMARK, "cg: worker 0 throughput 0.0 work/cpu_s below floor 1000");
}

TEST(as_9_iteration_rate_has_a_floor)
{
	struct worker_report reports[] = {worker(0), worker(1)};

	reports[0].iterations = 99;
	judged_as((struct ktstr_checks){.min_iteration_rate = 49.5}, &cg, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.min_iteration_rate = 50}, &cg, reports, 2,
		  KTSTR_KIND_BENCHMARK, "cg: worker 0 iteration rate 49.5/s below floor 50/s");
}

TEST(rates_of_work_are_one_note_in_det)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks checks = {.max_throughput_cv = 0.01, .min_work_rate = 1e9,
				      .min_iteration_rate = 1e9};
	struct worker_report reports[] = {worker(0), worker(1)};

	reports[0].work_units = 7;
	verdict_judge_cgroup(&verdict, &checks, &cg_det, reports, 2);
	verdict_judge_cgroup(&verdict, &checks, &cg_det, reports, 2);
	CHECK_EQ(verdict.state, KTSTR_PASS);
	CHECK_EQ(verdict.details.len, 1);
	CHECK_EQ(verdict.details.at[0].kind, KTSTR_KIND_NOTE);
	CHECK_HAS(verdict.details.at[0].text, "min_work_rate");
	CHECK_HAS(verdict.details.at[0].text, "not judged");
}

/* --- AS-7, AS-8 -------------------------------------------------------------------------------------- */

static void with_wakes(struct worker_report *report, const uint64_t *wakes, uint32_t count)
{
	report->wakes = wakes;
	report->wake_count = report->wakes_len = count;
}

TEST(as_7_p99_is_the_nearest_rank_of_all_samples)
{
	struct worker_report reports[] = {worker(0), worker(1)};
	uint64_t low[50], high[50];

	for (uint64_t i = 0; i < 50; i++) {        /* 1..100 us, dealt out and out of order */
		low[i] = (50 - i) * 1000;
		high[i] = (100 - i) * 1000;
	}
	with_wakes(&reports[0], high, 50);
	with_wakes(&reports[1], low, 50);
	judged_as((struct ktstr_checks){.max_p99_wake_latency_ns = 99000}, &cg, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.max_p99_wake_latency_ns = 98999}, &cg, reports, 2,
		  KTSTR_KIND_BENCHMARK,
		  "cg: p99 wake latency 99000ns exceeds limit 98999ns (100 samples)");
	judged_as((struct ktstr_checks){.max_p99_wake_latency_ns = 1}, &cg_det, reports, 2,
		  KTSTR_KIND_BENCHMARK,
		  "cg: p99 wake latency 99000ns exceeds limit 1ns (100 samples)");
}

/* Whatever n: exactly sorted[ceil(n * 0.99) - 1] and sorted[n / 2]. */
TEST(as_7_unweighted_percentiles_are_those_of_the_sorted_samples)
{
	uint64_t wakes[1200];

	for (uint64_t i = 0; i < 1200; i++)
		wakes[i] = i;
	for (uint32_t n = 1; n <= 1200; n++) {
		struct worker_report report = worker(0);
		struct wake_stats stats;

		with_wakes(&report, wakes, n);
		stats = wake_stats_of(&report, 1);
		CHECK_EQ((uint64_t)stats.p99_ns, (99 * n + 99) / 100 - 1);
		CHECK_EQ((uint64_t)stats.median_ns, n / 2);
	}
}

/* One worker's 2 samples stand for 198 wake-ups, the other's for 2. */
TEST(as_7_samples_weigh_what_was_seen)
{
	struct worker_report reports[] = {worker(0), worker(1)};
	static const uint64_t fast[] = {1000, 1000}, slow[] = {9000, 8000};
	struct wake_stats stats;

	with_wakes(&reports[0], fast, 2);
	with_wakes(&reports[1], slow, 2);
	CHECK(wake_stats_of(reports, 2).p99_ns == 9000);
	reports[0].wake_count = 198;
	stats = wake_stats_of(reports, 2);
	CHECK(stats.p99_ns == 1000);
	CHECK(stats.median_ns == 1000);
	CHECK_EQ(stats.samples, 4);
	CHECK(fabs(stats.mean_ns - (198 * 1000 + 17000) / 200.0) < 1e-6);
	reports[0].wake_count = 197;        /* now 99 % is not reached below the slow ones */
	CHECK(wake_stats_of(reports, 2).p99_ns == 8000);
}

TEST(as_8_cv_is_that_of_the_population)
{
	struct worker_report reports[] = {worker(0), worker(1)};
	static const uint64_t a[] = {1000}, b[] = {3000};

	with_wakes(&reports[0], a, 1);
	judged_as((struct ktstr_checks){.max_wake_latency_cv = 0.01}, &cg, reports, 1, 0, NULL);
	with_wakes(&reports[1], b, 1);
	judged_as((struct ktstr_checks){.max_wake_latency_cv = 0.5}, &cg, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.max_wake_latency_cv = 0.49}, &cg, reports, 2,
		  KTSTR_KIND_BENCHMARK,
		  "cg: wake latency CV 0.5 exceeds limit 0.49 (mean=2000ns)");
}

TEST(a_pool_of_many_samples_is_bounded_and_keeps_its_percentiles)
{
	enum { WORKERS = 256 };
	AUTO(free) struct worker_report *reports = xcalloc(WORKERS, sizeof(*reports));
	AUTO(free) uint64_t *wakes = xcalloc(WORKER_WAKES_MAX, sizeof(*wakes));
	struct wake_stats stats;

	for (uint64_t i = 0; i < WORKER_WAKES_MAX; i++)
		wakes[i] = i + 1;
	for (unsigned i = 0; i < WORKERS; i++) {
		reports[i] = worker(i);
		with_wakes(&reports[i], wakes, WORKER_WAKES_MAX);
	}
	stats = wake_stats_of(reports, WORKERS);
	CHECK_EQ(stats.samples, 1 << 18);
	CHECK(fabs(stats.p99_ns - 4055) < 8);
	CHECK(fabs(stats.median_ns - 2048) < 8);
}

TEST(a_latency_check_without_wake_ups_is_inconclusive_at_the_end)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks checks = only((struct ktstr_checks){.max_wake_latency_cv = 1});
	struct worker_report spinner = worker(0), sleeper = worker(1);
	static const uint64_t wakes[] = {1, 1};

	with_wakes(&sleeper, wakes, 2);
	verdict_judge_cgroup(&verdict, &checks, &cg, &spinner, 1);
	verdict_judge_cgroup(&verdict, &checks, &cg, &sleeper, 1);
	verdict_judge_machine(&verdict, &checks, &(struct machine_window){0});
	CHECK_EQ(verdict.state, KTSTR_PASS);
	verdict_judge_cgroup(&verdict, &checks, &cg, &spinner, 1);
	verdict_judge_machine(&verdict, &checks, &(struct machine_window){0});
	CHECK_EQ(verdict.state, KTSTR_INCONCLUSIVE);
	CHECK_STR(verdict.details.at[0].text,
		  "a check of wake-up latencies is on, and no worker measured any");
}

/* 2.8: benchmarks with zero reports are a skip, not a pass */
TEST(benchmarks_without_reports_skip)
{
	static const struct ktstr_checks benchmarks[] = {
		{.max_throughput_cv = 1}, {.min_work_rate = 1}, {.max_p99_wake_latency_ns = 1},
		{.max_wake_latency_cv = 1}, {.min_iteration_rate = 1}, {.max_migration_ratio = 1},
	};

	for (size_t i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++) {
		AUTO(verdict_done) struct ktstr_verdict verdict = {0};
		struct ktstr_checks checks = only(benchmarks[i]);

		verdict_judge_cgroup(&verdict, &checks, &cg, NULL, 0);
		CHECK_EQ(verdict.state, KTSTR_SKIP);
		CHECK_STR(verdict.details.at[0].text, "cg: no worker to take benchmarks of");
	}
}

/* --- AS-10 to AS-13 ------------------------------------------------------------------------------------ */

TEST(as_10_migrations_an_iteration)
{
	struct worker_report reports[] = {worker(0), worker(1)};        /* 10 / 200 */

	judged_as((struct ktstr_checks){.max_migration_ratio = 0.05}, &cg, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.max_migration_ratio = 0.049}, &cg, reports, 2,
		  KTSTR_KIND_MIGRATION,
		  "cg: migration ratio 0.05 exceeds threshold 0.049 (10 migrations / 200 iterations)");
	reports[0].iterations = reports[1].iterations = 0;
	judged_as((struct ktstr_checks){.max_migration_ratio = 0.01}, &cg, reports, 2, 0, NULL);
}

static struct worker_report with_pages(uint64_t node_0, uint64_t node_1)
{
	struct worker_report report = worker(0);

	report.pages_known = true;
	report.pages[0] = node_0;
	report.pages[1] = node_1;
	return report;
}

TEST(as_11_pages_are_where_they_should_be)
{
	struct worker_report reports[] = {with_pages(80, 20), with_pages(100, 0)};
	struct cgroup_facts facts = cg;

	cpuset_add(&facts.nodes, 0);
	judged_as((struct ktstr_checks){.min_page_locality = 0.9}, &facts, reports, 2, 0, NULL);
	judged_as((struct ktstr_checks){.min_page_locality = 0.91}, &facts, reports, 2,
		  KTSTR_KIND_PAGE_LOCALITY,
		  "cg: page locality 0.9 below threshold 0.91 (180/200 pages local)");
}

TEST(as_12_pages_stay_on_their_node)
{
	struct worker_report report = with_pages(80, 20);
	struct cgroup_facts facts = cg;

	facts.pages_migrated = 10;
	judged_as((struct ktstr_checks){.max_cross_node_migration_ratio = 0.1}, &facts, &report, 1, 0,
		  NULL);
	judged_as((struct ktstr_checks){.max_cross_node_migration_ratio = 0.09}, &facts, &report, 1,
		  KTSTR_KIND_CROSS_NODE_MIGRATION,
		  "cg: cross-node migration ratio 0.1 exceeds threshold 0.09 (10/100 pages migrated)");
}

TEST(as_13_pages_on_nodes_without_cpus)
{
	struct worker_report report = with_pages(80, 20);
	struct cgroup_facts facts = cg;

	cpuset_add(&facts.cpuless_nodes, 1);
	judged_as((struct ktstr_checks){.max_slow_tier_ratio = 0.2}, &facts, &report, 1, 0, NULL);
	judged_as((struct ktstr_checks){.max_slow_tier_ratio = 0.19}, &facts, &report, 1,
		  KTSTR_KIND_SLOW_TIER,
		  "cg: slow-tier page ratio 0.2 exceeds threshold 0.19 (20/100 pages on nodes without "
		  "CPUs)");
}

TEST(checks_of_pages_without_pages_are_inconclusive)
{
	static const struct ktstr_checks page_checks[] = {
		{.min_page_locality = 0.1},
		{.max_cross_node_migration_ratio = 1},
		{.max_slow_tier_ratio = 1},
	};

	for (size_t i = 0; i < 3; i++) {
		AUTO(verdict_done) struct ktstr_verdict verdict = {0};
		struct ktstr_checks checks = only(page_checks[i]);
		struct worker_report report = worker(0);

		verdict_judge_cgroup(&verdict, &checks, &cg, &report, 1);
		verdict_judge_machine(&verdict, &checks, &(struct machine_window){0});
		CHECK_EQ(verdict.state, KTSTR_INCONCLUSIVE);
	}
}

/* --- OP-12 ------------------------------------------------------------------------------------------------ */

TEST(op_12_clean_up_has_a_budget)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks checks = {.max_cleanup_ms = 50};

	verdict_judge_cleanup(&verdict, &(struct ktstr_checks){0}, 10 * NS_PER_MS);
	verdict_judge_cleanup(&verdict, &checks, 40 * NS_PER_MS);
	CHECK_EQ(verdict.state, KTSTR_PASS);
	CHECK_EQ(verdict.cleanup_ns, 50 * NS_PER_MS);
	verdict_judge_cleanup(&verdict, &checks, 11 * NS_PER_MS);
	expect(&verdict, KTSTR_KIND_OTHER,
	       "clean-up took 61ms, over its budget (threshold 50ms)");
}

/* --- shares by weight ---------------------------------------------------------------------------------------- */

/* Two workers of 2 s wall time on 2 CPUs, which ran so many ms each. */
static void enter(struct ktstr_verdict *verdict, const char *name, unsigned weight, uint64_t ms)
{
	struct ktstr_checks checks = only((struct ktstr_checks){.max_weight_error_pct = 10});
	struct worker_report reports[] = {worker(0), worker(1)};
	struct cgroup_facts facts = {.name = name, .weight = weight};

	ran_ms(&reports[0], ms);
	ran_ms(&reports[1], ms);
	verdict_judge_cgroup(verdict, &checks, &facts, reports, 2);
}

static void judge_weights_now(struct ktstr_verdict *verdict)
{
	struct ktstr_checks checks = only((struct ktstr_checks){.max_weight_error_pct = 10});

	verdict_judge_machine(verdict, &checks, &(struct machine_window){0});
}

TEST(cgroups_get_the_share_that_their_weight_gives_them)
{
	AUTO(verdict_done) struct ktstr_verdict good = {0};
	AUTO(verdict_done) struct ktstr_verdict bad = {0};

	enter(&good, "light", 100, 600);         /* 30 % instead of 20 %: at the limit */
	enter(&good, "heavy", 400, 1400);
	judge_weights_now(&good);
	CHECK_EQ(good.state, KTSTR_PASS);
	CHECK_EQ(good.details.len, 0);

	enter(&bad, "light", 0, 1000);
	enter(&bad, "heavy", 400, 1000);
	judge_weights_now(&bad);
	CHECK_EQ(bad.details.len, 2);
	CHECK(ktstr_verdict_has(&bad, KTSTR_KIND_UNFAIR));
	CHECK_STR(bad.details.at[0].text,
		  "light: had 50% of the CPU time among 2 cgroups; by its weight of 100 it is 20% (30 "
		  "points off, threshold 10)");
	CHECK_STR(bad.details.at[1].text,
		  "heavy: had 50% of the CPU time among 2 cgroups; by its weight of 400 it is 80% (30 "
		  "points off, threshold 10)");
	CHECK(good.cgroups.at[1].weight_shortfall_pct == 0);        /* at the limit is no finding */
	CHECK(bad.cgroups.at[0].weight_shortfall_pct == 0);         /* it had too much */
	CHECK(bad.cgroups.at[1].weight_shortfall_pct == 30);
}

TEST(nobody_is_owed_more_than_it_wanted)
{
	struct competitor competitors[] = {
		{.weight = 400, .ran_ns = 100, .wanted_ns = 100},
		{.weight = 100, .ran_ns = 450, .wanted_ns = 900},
		{.weight = 100, .ran_ns = 450, .wanted_ns = 900},
	};
	double share_pct[3];

	fair_shares(competitors, 3, share_pct);
	CHECK(fabs(share_pct[0] - 10) < 1e-9);
	CHECK(fabs(share_pct[1] - 45) < 1e-9);
	CHECK(fabs(share_pct[2] - 45) < 1e-9);
	fair_shares(competitors, 0, share_pct);
	competitors[0].ran_ns = competitors[0].wanted_ns = 0;
	fair_shares(competitors, 1, share_pct);
	CHECK(share_pct[0] == 0);
}

/* Two that the weights would condemn, unless they do not compete. */
static bool is_unfair(struct cgroup_facts light, struct cgroup_facts heavy, uint64_t heavy_wall_ns)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	struct ktstr_checks checks = only((struct ktstr_checks){.max_weight_error_pct = 10});
	struct worker_report report = worker(0);

	light.weight = 100;
	heavy.weight = 400;
	verdict_judge_cgroup(&verdict, &checks, &light, &report, 1);
	report.wall_ns = heavy_wall_ns;
	verdict_judge_cgroup(&verdict, &checks, &heavy, &report, 1);
	judge_weights_now(&verdict);
	CHECK_EQ(verdict.state, ktstr_verdict_has(&verdict, KTSTR_KIND_UNFAIR) ? KTSTR_FAIL :
										 KTSTR_INCONCLUSIVE);
	return verdict.state == KTSTR_FAIL;
}

TEST(only_siblings_on_the_same_cpus_for_the_same_time_compete)
{
	struct cgroup_facts light = {.name = "a/light"}, heavy = {.name = "a/heavy"};
	struct cgroup_facts elsewhere = heavy;

	CHECK(is_unfair(light, heavy, WALL_NS));
	CHECK(is_unfair(light, heavy, WALL_NS * 90 / 100));
	CHECK(!is_unfair(light, heavy, WALL_NS * 89 / 100));
	cpuset_add(&elsewhere.cpus, 1);
	CHECK(!is_unfair(light, elsewhere, WALL_NS));
	CHECK(!is_unfair(light, (struct cgroup_facts){.name = "b/heavy"}, WALL_NS));
	CHECK(!is_unfair(light, (struct cgroup_facts){.name = "heavy"}, WALL_NS));
	CHECK(!is_unfair((struct cgroup_facts){.name = "light"}, heavy, WALL_NS));
}

TEST(competitors_of_one_window_do_not_meet_those_of_the_next)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};

	enter(&verdict, "light", 100, 1000);
	judge_weights_now(&verdict);
	enter(&verdict, "heavy", 400, 1000);
	judge_weights_now(&verdict);
	CHECK_EQ(verdict.state, KTSTR_INCONCLUSIVE);
}

/* --- totals ------------------------------------------------------------------------------------------------------ */

TEST(totals_sum_counts_and_keep_the_worst)
{
	struct scenario_stats totals = {0};
	struct cgroup_stats a = {
		.workers = 2, .cpus = 2, .migrations = 3, .iterations = 5, .spread_pct = 4,
		.max_gap_ms = 10, .max_gap_cpu = 1, .migration_ratio = 0.6, .wake_us_p99 = 9,
		.wake_us_median = 2, .wake_cv = 1, .wake_tail_ratio = 4.5, .run_delay_us_mean = 7,
		.run_delay_us_worst = 8, .page_locality = 0.9, .iterations_per_worker = 2.5,
	};
	struct cgroup_stats b = {
		.workers = 1, .cpus = 1, .migrations = 1, .iterations = 2, .spread_pct = 3,
		.max_gap_ms = 20, .max_gap_cpu = 0, .migration_ratio = 0.5, .wake_us_p99 = 19,
		.wake_us_median = 1, .wake_cv = 2, .wake_tail_ratio = 19, .run_delay_us_mean = 6,
		.run_delay_us_worst = 18, .page_locality = 0.8, .iterations_per_worker = 2,
		.cross_node_migration_ratio = 0.25,
	};
	struct cgroup_stats unknown = {.max_gap_cpu = -1};

	scenario_stats_add(&totals, &unknown);
	CHECK_EQ(totals.worst_gap_cpu, -1);
	scenario_stats_add(&totals, &a);
	scenario_stats_add(&totals, &b);
	scenario_stats_add(&totals, &unknown);
	CHECK_EQ(totals.total_workers, 3);
	CHECK_EQ(totals.total_cpus, 3);
	CHECK_EQ(totals.total_migrations, 4);
	CHECK_EQ(totals.total_iterations, 7);
	CHECK(totals.worst_spread == 4);
	CHECK(totals.worst_gap_ms == 20);
	CHECK_EQ(totals.worst_gap_cpu, 0);
	CHECK(totals.worst_migration_ratio == 0.6);
	CHECK(totals.worst_p99_wake_latency_us == 19);
	CHECK(totals.worst_median_wake_latency_us == 2);
	CHECK(totals.worst_wake_latency_cv == 2);
	CHECK(totals.worst_wake_latency_tail_ratio == 19);
	CHECK(totals.worst_mean_run_delay_us == 7);
	CHECK(totals.worst_run_delay_us == 18);
	CHECK(totals.worst_cross_node_migration_ratio == 0.25);
	CHECK(totals.worst_page_locality == 0.8);
	CHECK(totals.worst_iterations_per_worker == 2);
}

/* --- arithmetic ------------------------------------------------------------------------------------------------------- */

TEST(square_roots_without_libm)
{
	static const double squares[] = {0, 1e-300, 0.25, 2, 9, 1e10, 3.4e38, 1e300, 1.7e308};

	for (size_t i = 0; i < sizeof(squares) / sizeof(squares[0]); i++) {
		double root = square_root(squares[i]);

		CHECK(fabs(root * root - squares[i]) <= squares[i] * 1e-14);
	}
	CHECK(square_root(-1) == 0);
	CHECK(square_root((double)NAN) == 0);
	CHECK(square_root((double)INFINITY) == 0);
}

TEST(ratios_are_finite)
{
	CHECK(ratio_of(1, 0) == 0);
	CHECK(ratio_of(0, 0) == 0);
	CHECK(ratio_of(1e308, 1e-308) == 0);
	CHECK(ratio_of(1, 4) == 0.25);
}

RUN_TESTS();
