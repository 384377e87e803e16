/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - cgroups with worker processes in them, run for the test's duration and judged.
 *
 * Every worker is a process. It is created, moved into its cgroup and only then released, all
 * workers together. When the time is up each one is stopped, reports what happened to it, and is
 * reaped; then the cgroups are removed, on every path.
 */
#ifndef KTSTR_SCENARIO_H
#define KTSTR_SCENARIO_H

#include <ktstr/test.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ktstr_work_type {
	KTSTR_WORK_SPIN_WAIT = 0,      /* tight spin */
	KTSTR_WORK_YIELD_HEAVY,        /* tiny work, then sched_yield() */
	KTSTR_WORK_BURSTY,             /* spin for burst_ns, sleep for sleep_ns */
	KTSTR_WORK_PIPE_IO,            /* pairs: spin, then hand one byte to the partner and wait */
	KTSTR_WORK_TYPE_COUNT
};

struct ktstr_work {
	enum ktstr_work_type type;
	uint64_t burst_ns;             /* Bursty; 0: 50 ms */
	uint64_t sleep_ns;             /* Bursty; 0: 100 ms */
	uint64_t iterations;           /* SpinWait, PipeIo: turns of a spin loop in one go; 0: 1024 */
};

struct ktstr_cgroup {
	const char *name;              /* below the test's own cgroup; no '/' */
	unsigned workers;              /* 0: the test's workers_per_cgroup; pairs need an even count */
	struct ktstr_work work;
};

/*
 * Run these cgroups side by side and judge them by the test's checks. Returns 0 with *verdict
 * filled, or a negative errno: -EINVAL for a declaration that makes no sense (named in *err).
 */
int ktstr_run_cgroup_list(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
			  struct ktstr_error *err, const struct ktstr_cgroup *cgroups,
			  size_t cgroup_count);

#define ktstr_run_cgroups(ctx, verdict, err, ...)                                                  \
	ktstr_run_cgroup_list(                                                                     \
		ctx, verdict, err, (const struct ktstr_cgroup[]){__VA_ARGS__},                     \
		sizeof((const struct ktstr_cgroup[]){__VA_ARGS__}) / sizeof(struct ktstr_cgroup))

#ifdef __cplusplus
}
#endif
#endif
