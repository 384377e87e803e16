/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.c - every type of work in a guest, under EEVDF and under the fixture scheduler: it starts in
 * its cgroup, works, is judged, and nothing is left. What each type's effect is, unit tests show
 * (tests/unit/test_workload_types.c); here is what needs a guest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

/* Half a second is short for a load balancer: how even it comes out is not what these tests are about. */
#define WIDE .checks = {.max_spread_pct = 50}
KTSTR_SCHEDULER(fixture, .binary = "scx-ktstr", .topology = "1n2l2c1t", WIDE);
KTSTR_SCHEDULER(eevdf, WIDE);

#define MACHINE .topology = "1n2l2c1t", .duration_ms = 500

/* Twice: as processes, and unless it cannot as threads. */
#define LOAD(both, ...)                                                                            \
	ktstr_run_cgroup_list(ctx, verdict, err,                                                   \
			      (const struct ktstr_cgroup[]){                                       \
				      {.name = "processes", .work = {__VA_ARGS__}},                \
				      {.name = "threads", .work = {__VA_ARGS__}, .threads = true}}, \
			      (both) ? 2 : 1)

/* Rounds so short that waking takes as long as working: CPUs idle meanwhile, by the type's nature. */
#define SHORT_ROUNDS .checks = {.max_idle_waiting_pct = -1}
#define PLAIN .workers_per_cgroup = 2
/*
 * Some of them outrank the others on one CPU or another, which is what these types are about. With
 * an idle CPU beside it, too: a sched_ext scheduler is told (cpu_release) when a real-time task takes
 * a CPU from one of its tasks, and not when it takes an idle one with a task in its local queue.
 */
#define UNEQUAL                                                                                    \
	.checks = {.max_spread_pct = -1, .max_gap_ms = -1, .starvation = -1, .max_idle_waiting_pct = -1}

#define TEST_OF(name, both, options, ...)                                                              \
	KTSTR_TEST(eevdf_##name, MACHINE, options, .scheduler = &eevdf)                                                 \
	{                                                                                          \
		return LOAD(both, __VA_ARGS__);                                                    \
	}                                                                                          \
	KTSTR_TEST(fixture_##name, MACHINE, options, .scheduler = &fixture)                        \
	{                                                                                          \
		return LOAD(both, __VA_ARGS__);                                                    \
	}                                                                                          \
	_Static_assert(1, "")

TEST_OF(spin_wait, true, PLAIN, .type = KTSTR_WORK_SPIN_WAIT);
TEST_OF(yield_heavy, true, PLAIN, .type = KTSTR_WORK_YIELD_HEAVY);
TEST_OF(mixed, true, PLAIN, .type = KTSTR_WORK_MIXED);
TEST_OF(io_sync_write, true, PLAIN, .type = KTSTR_WORK_IO_SYNC_WRITE);
TEST_OF(io_rand_read, true, PLAIN, .type = KTSTR_WORK_IO_RAND_READ);
TEST_OF(bursty, true, PLAIN, .type = KTSTR_WORK_BURSTY);
TEST_OF(pipe_io, true, SHORT_ROUNDS, .type = KTSTR_WORK_PIPE_IO);
TEST_OF(futex_ping_pong, true, SHORT_ROUNDS, .type = KTSTR_WORK_FUTEX_PING_PONG);
TEST_OF(cache_pressure, true, PLAIN, .type = KTSTR_WORK_CACHE_PRESSURE);
TEST_OF(cache_yield, true, PLAIN, .type = KTSTR_WORK_CACHE_YIELD);
TEST_OF(cache_pipe, true, PLAIN, .type = KTSTR_WORK_CACHE_PIPE);
TEST_OF(futex_fan_out, true, SHORT_ROUNDS, .type = KTSTR_WORK_FUTEX_FAN_OUT);
/* with the default of 256 KiB a round takes longer than these tests */
TEST_OF(fan_out_compute, true, SHORT_ROUNDS, .type = KTSTR_WORK_FAN_OUT_COMPUTE, .bytes = 6144);
TEST_OF(sequence, true, PLAIN, .type = KTSTR_WORK_SEQUENCE,
	KTSTR_PHASES({KTSTR_PHASE_SPIN, 1000000}, {KTSTR_PHASE_SLEEP, 1000000},
		     {KTSTR_PHASE_YIELD, 1000000}, {KTSTR_PHASE_IO, 1000000}));
TEST_OF(fork_exit, false, PLAIN, .type = KTSTR_WORK_FORK_EXIT);
TEST_OF(nice_sweep, true, PLAIN, .type = KTSTR_WORK_NICE_SWEEP);
TEST_OF(affinity_churn, true, PLAIN, .type = KTSTR_WORK_AFFINITY_CHURN);
TEST_OF(policy_churn, true, PLAIN, .type = KTSTR_WORK_POLICY_CHURN);
TEST_OF(page_fault_churn, true, PLAIN, .type = KTSTR_WORK_PAGE_FAULT_CHURN);
TEST_OF(mutex_contention, true, PLAIN, .type = KTSTR_WORK_MUTEX_CONTENTION);
TEST_OF(thundering_herd, true, PLAIN, .type = KTSTR_WORK_THUNDERING_HERD);
TEST_OF(producer_consumer, true, PLAIN, .type = KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE);
TEST_OF(rt_starvation, true, UNEQUAL, .type = KTSTR_WORK_RT_STARVATION);
TEST_OF(wake_chain, true, PLAIN, .type = KTSTR_WORK_WAKE_CHAIN);
TEST_OF(wake_chain_by_futex, true, PLAIN, .type = KTSTR_WORK_WAKE_CHAIN, .futex = true);
TEST_OF(cgroup_churn, true, PLAIN, .type = KTSTR_WORK_CGROUP_CHURN);
TEST_OF(preempt_storm, true, UNEQUAL, .type = KTSTR_WORK_PREEMPT_STORM);
TEST_OF(idle_churn, true, PLAIN, .type = KTSTR_WORK_IDLE_CHURN);

static void work_by_turns(struct ktstr_worker *self, const void *config)
{
	while (!ktstr_worker_stopped(self)) {
		for (volatile unsigned i = 0; i < 1000; i++)
			;
		ktstr_worker_progress(self, *(const unsigned *)config);
	}
}

static const unsigned units = 1000;
TEST_OF(custom, true, PLAIN, .type = KTSTR_WORK_CUSTOM, .custom = work_by_turns, .custom_name = "turns",
	.custom_config = &units);
