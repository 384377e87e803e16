/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h - scenarios that each look for one misbehaviour of the fixture scheduler, and the
 * schedulers to try them on. faults.c has the pairs that `make check` runs, matrix.c all of them.
 *
 *	FAULT_SCENARIOS(do)      do(scenario, topology, kind that it finds, its matching fault, checks)
 *	FAULT_SCHEDULERS(do)     do(fault, switch)
 */
#include <ktstr/ktstr.h>

#define LOAD(...) ktstr_run_cgroups(ctx, verdict, err, __VA_ARGS__)
#define SPINNERS(cgroup, count, ...)                                                               \
	((struct ktstr_cgroup){.name = cgroup, .workers = (count), __VA_ARGS__})
#define SLEEPERS(cgroup, count, burst, sleep)                                                      \
	((struct ktstr_cgroup){.name = cgroup, .workers = (count),                                 \
			       .work = {.type = KTSTR_WORK_BURSTY,                                 \
					.burst_ns = (burst), .sleep_ns = (sleep)}})
#define MS 1000000ull

#define FAULT_SCHEDULERS(do)                                                                       \
	do(sane, "--slice-us", "5000")                                                             \
	do(global_fifo, "--global-fifo")                                                           \
	do(one_llc, "--one-llc")                                                                   \
	do(ignore_weights, "--ignore-weights")                                                     \
	do(late_wake, "--late-wake")                                                               \
	do(sleeper_penalty, "--sleeper-penalty")                                                   \
	do(scatter, "--scatter")

#define DECLARE_SCHEDULER(fault, ...)                                                              \
	KTSTR_SCHEDULER(fault, .binary = "scx-ktstr", .args = KTSTR_ARGS(__VA_ARGS__));
FAULT_SCHEDULERS(DECLARE_SCHEDULER)
#undef DECLARE_SCHEDULER

/* What is on without asking is off but where a scenario is about it, so that one check decides. */
#define FAULT_SCENARIOS(do)                                                                        \
	do(shares, "1n1l2c1t", KTSTR_KIND_UNFAIR, ignore_weights,                                  \
	   .max_weight_error_pct = 10, .max_idle_waiting_pct = -1)                                 \
	do(turns, "1n1l2c1t", KTSTR_KIND_STUCK, global_fifo, .max_gap_ms = 100)                    \
	do(llcs, "1n2l2c1t", KTSTR_KIND_IDLE_WHILE_WAITING, one_llc, .max_spread_pct = -1)         \
	do(idle_wakes, "1n1l2c1t", KTSTR_KIND_BENCHMARK, late_wake,                                \
	   .max_p99_wake_latency_ns = 5 * MS)                                                      \
	do(busy_wakes, "1n1l2c1t", KTSTR_KIND_BENCHMARK, sleeper_penalty,                          \
	   .max_p99_wake_latency_ns = 60 * MS, .max_spread_pct = -1)                               \
	do(homes, "1n1l4c1t", KTSTR_KIND_MIGRATION, scatter, .max_migration_ratio = 0.5)

/* Two cgroups on the same two CPUs, one worth four of the other. */
static int shares(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return LOAD(SPINNERS("light", 2, .limits = {.cpu_weight = 100}),
		    SPINNERS("heavy", 2, .limits = {.cpu_weight = 400}));
}

/* Three for each CPU: nobody waits for longer than two short turns. */
static int turns(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return LOAD(SPINNERS("cg_0", 6));
}

/* As many workers as CPUs, in two LLCs. */
static int llcs(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return LOAD(SPINNERS("cg_0", 4));
}

/* A machine with nothing to do, and somebody who wakes now and then. */
static int idle_wakes(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return LOAD(SLEEPERS("sleepers", 1, 1 * MS, 6 * MS));
}

/* The same on a busy one: short work among those who never sleep. */
static int busy_wakes(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return LOAD(SPINNERS("spinners", 4), SLEEPERS("sleepers", 2, 1 * MS, 10 * MS));
}

/* Two for four CPUs: each can stay where it is. */
static int homes(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return LOAD(SLEEPERS("cg_0", 2, 5 * MS, 5 * MS));
}
