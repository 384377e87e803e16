/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalogue.c - scenarios of the catalogue do what their rows say: each is played as it is, with a
 * process beside it that looks at what the kernel has (watch.h). At least one a category.
 */
#include <stdio.h>

#include <ktstr/catalogue.h>
#include <ktstr/ktstr.h>

#include "watch.h"

static int play_watched(const char *name, const char *const *wanted, struct ktstr_ctx *ctx,
			struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	const struct ktstr_catalogue_entry *entry = ktstr_catalogue_find(name);
	struct watch watch;
	int r = watch_start(&watch);
	int missing = 0;

	if (r < 0)
		return r;
	r = entry->run(ctx, verdict, err);
	watch_stop(&watch);
	if (watch.log->count > WATCH_LINES_MAX)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "more was seen than can be kept");
	for (; *wanted; wanted++) {
		if (watch_saw(&watch, *wanted))
			continue;
		missing++;
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "not so: %s", *wanted);
	}
	for (size_t i = 0; missing && i < watch.log->count && i < WATCH_LINES_MAX; i++)
		printf("%s\n", watch.log->line[i]);
	watch_done(&watch);
	return r;
}

/*
 * On four CPUs: shares of the machine leave the last one free, so those here are shares of CPUs 0-2.
 * The watcher takes its part of every CPU, and who gets the rest is not the question here.
 */
#define SHOWS_ON(machine, scene, ...)                                                              \
	KTSTR_TEST(scene, .topology = machine, .duration_ms = 500, .workers_per_cgroup = 2,        \
		   .checks = {.max_spread_pct = -1, .max_gap_ms = -1, .max_idle_waiting_pct = -1}) \
	{                                                                                          \
		static const char *const wanted[] = {__VA_ARGS__, NULL};                           \
                                                                                                   \
		return play_watched(#scene, wanted, ctx, verdict, err);                            \
	}
#define SHOWS(...) SHOWS_ON("1n2l2c1t", __VA_ARGS__)

/* basic */
SHOWS(cgroup_steady, "cg_0 tasks=2", "cg_1 tasks=2", "!cg_? cpus=[!0]*", "!cg_? cpus=0-[!3]*")
SHOWS(cgroup_cpuset_llc_steady, "cg_0 cpus=0-1", "cg_1 cpus=2", "cg_0.1 mask=0-1",
      "cg_1.1 mask=2")
SHOWS(cgroup_cpuset_cross_llc_steady, "cg_0 cpus=0,2", "cg_1 cpus=1,3")

/* cpuset */
SHOWS(cgroup_cpuset_overlap_steady, "cg_0 cpus=0-1", "cg_1 cpus=0-2", "cg_2 cpus=1-2")
SHOWS(cgroup_cpuset_apply_midrun, "cg_0 tasks=2 > cg_0 cpus=0", "cg_0.1 mask=0-3 > cg_0.1 mask=0",
      "cg_1.2 mask=0-3 > cg_1.2 mask=1-2")
SHOWS(cgroup_cpuset_clear_midrun, "cg_0 tasks=2 > cg_0 cpus=0-3", "cg_0.1 mask=0 > cg_0.1 mask=0-3",
      "cg_1.2 mask=1-2 > cg_1.2 mask=0-3")
SHOWS(cgroup_cpuset_resize, "cg_0 cpus=0-1 > cg_0 cpus=0 > cg_0 cpus=0-1",
      "cg_1 cpus=2 > cg_1 cpus=1-2 > cg_1 cpus=2")
SHOWS(cgroup_cpuset_swap_disjoint, "cg_0.1 mask=0 > cg_0.1 mask=1-2", "cg_1 cpus=1-2 > cg_1 cpus=0")
SHOWS_ON("2n2l2c1t", cgroup_cpuset_numa_swap, "cg_0.1 mask=0-1 > cg_0.1 mask=2",
	 "cg_1.1 mask=2 > cg_1.1 mask=0-1")

/* stress */
SHOWS(cgroup_partial_cpus_steady, "cg_0 cpus=0", "cg_1 cpus=1", "!cg_?.? mask=*[23]")
SHOWS(cgroup_uneven_steady, "cg_0 cpus=0-1", "cg_1 cpus=2")
SHOWS(cgroup_oversubscribed, "cg_0 tasks=32", "cg_1 tasks=32")
SHOWS(host_cgroup_contention, "host tasks=4", "cg_0 tasks=2")
SHOWS(cgroup_per_cpu, "cg_0 tasks=2", "cg_3 tasks=2", "!cg_4 here")
SHOWS(cgroup_dynamic_workload_variety, "spin tasks=2 > io here > bursty gone; [1-9]* stay",
      "yield tasks=2 > mixed gone; [1-9]* stay")
SHOWS(cgroup_cpuset_cross_llc_race,
      "cg_0.1 mask=0-1 > cg_0.1 mask=2 > cg_0.1 mask=0-1 > cg_0.1 mask=2 > cg_0.1 mask=0-1",
      "cg_1 cpus=2 > cg_1 cpus=0-1 > cg_1 cpus=2 > cg_1 cpus=0-1 > cg_1 cpus=2")
SHOWS(fork_exit_churn, "cg_0.20 in=cg_0", "cg_1.20 in=cg_1")
SHOWS(nice_sweep, "cg_0.1 nice=-* > cg_0.1 nice=1[0-9]", "cg_1.2 nice=1[0-9] > cg_1.2 nice=-*")
SHOWS(affinity_churn, "cg_0.1 mask=[0-3] > cg_0.1 mask=[0-3] > cg_0.1 mask=[0-3]", "cg_1.2 mask=[0-3]")
SHOWS(policy_churn, "cg_0.? policy=BATCH 0", "cg_1.? policy=FIFO 1", "cg_?.? policy=RR 1",
      "cg_?.? policy=IDLE 0")
SHOWS(page_fault_churn, "cg_0.1 faults=1000", "cg_1.1 faults=1000")
SHOWS(mutex_contention_heavy, "cg_0 tasks=8", "cg_0.1 waits=10")

/* affinity */
SHOWS(cgroup_affinity_inherit, "cg_0.1 mask=0-3", "!cg_?.? mask=[!0]*", "!cg_?.? mask=0")
SHOWS(cgroup_affinity_random, "cg_?.? mask=[!0]*")
SHOWS(cgroup_affinity_pinned, "cg_0.1 mask=[0-3]", "cg_0.2 mask=[0-3]", "cg_0 tasks=2",
      "cg_1.2 mask=[0-3]")
SHOWS(cgroup_cpuset_llc_affinity, "cg_0 cpus=0-1", "cg_0.2 mask=0-1", "cg_1.2 mask=2")
SHOWS(cgroup_affinity_change, "cg_0.1 mask=* > cg_0.1 mask=* > cg_0.1 mask=*",
      "cg_1.2 mask=* > cg_1.2 mask=* > cg_1.2 mask=*")

/* sched_class */
SHOWS(sched_batch, "cg_0.1 policy=BATCH 0", "cg_1.2 policy=BATCH 0")
SHOWS(sched_idle, "cg_0.1 policy=IDLE 0", "cg_1.2 policy=IDLE 0")
SHOWS(sched_fifo, "fifo.1 policy=FIFO 1", "fifo tasks=1", "!fifo tasks=2", "normal.1 policy=NORMAL 0",
      "!normal.* policy=[!N]*")
SHOWS(sched_rr, "rr.2 policy=RR 1", "rr tasks=2", "!rr tasks=3", "!normal.* policy=[!N]*")
SHOWS(sched_mixed, "normal.2 policy=NORMAL 0", "batch.1 policy=BATCH 0", "idle.1 policy=IDLE 0",
      "fifo.1 policy=FIFO 1", "rr.1 policy=RR 1")
SHOWS(cgroup_pipe_io, "pipes tasks=4", "pipes.1 waits=100", "spin tasks=2", "!spin.1 waits=100")

/* advanced */
SHOWS(cgroup_load_imbalance, "heavy tasks=16", "light tasks=1", "!heavy tasks=17", "!light tasks=2")
SHOWS(cgroup_llc_overflow, "big.1 mask=0-1 > big.1 mask=0-3", "big tasks=16")
SHOWS(cgroup_exhaust_reuse, "cg_7 here > cg_0 gone; [4-7] tasks stay", "cg_6 gone; 4 tasks stay > new_3 here",
      "cg_7 tasks=1 > new_0 tasks=1")
SHOWS(cgroup_multicpu_pin, "cg_0.? mask=0-1", "cg_0.? mask=1-2", "cg_0.? mask=2-3", "cg_1.? mask=0,3",
      "cg_1 tasks=4")
SHOWS(cgroup_no_ctrl_task_migration, ". control=* cpuset *", "!* control=* cpu *",
      "cg_0.1 in=cg_1 > cg_0.1 in=cg_0 > cg_0.1 in=cg_1")
SHOWS(cgroup_load_oscillation, "cg_0 tasks=16 > cg_0 tasks=1 > cg_0 tasks=16 > cg_0 tasks=1",
      "cg_1 tasks=1 > cg_1 tasks=16 > cg_1 tasks=1 > cg_1 tasks=16")
SHOWS(nested_cgroup_no_ctrl, "cg_0/sub_1 tasks=2", "cg_0 control=* cpuset *", "!* control=* cpu *")
SHOWS(cgroup_4way_load_imbalance, "cg_16 tasks=16", "cg_1 tasks=1", "cg_8 tasks=8", "cg_4 tasks=4",
      ". control=* cpu *")
SHOWS(cgroup_bursty_load_shift, "bursty tasks=16 > bursty tasks=1", "steady tasks=1")

/* stall */
SHOWS(stall_detect, "overloaded tasks=16")
SHOWS(stall_recovery, "cg_0 tasks=16", "cg_1 tasks=16")

/* dynamic */
SHOWS(cgroup_add_midrun, "cg_1 tasks=2 > cg_2 here > cg_2 tasks=2", "cg_3 tasks=2")
SHOWS(cgroup_remove_midrun, "cg_2 tasks=2 > cg_2 gone; [4-6] tasks stay", "cg_3 gone; 4 tasks stay")
SHOWS(cgroup_rapid_churn,
      "brief_0 tasks=2 > brief_0 gone; * > brief_0 tasks=2 > brief_0 gone; * > brief_0 tasks=2",
      "cg_0.1 in=brief_0 > cg_0.1 in=brief_0")

/* nested */
SHOWS(nested_cgroup_steady, "cg_0/sub_0 tasks=2", "cg_1/sub_0/leaf tasks=2", "!cg_0 tasks=[1-9]*",
      "!cg_1/sub_0 tasks=[1-9]*")
SHOWS(nested_cgroup_task_move, "cg_0/sub_0.1 in=cg_0/sub_0 > cg_0/sub_0.1 in=cg_0/sub_1 > "
			       "cg_0/sub_0.1 in=cg_1/sub_0",
      "cg_1/sub_0.2 in=cg_1/sub_1 > cg_1/sub_0.2 in=cg_0/sub_0")
SHOWS(nested_cgroup_rapid_churn,
      "cg_0/brief/leaf tasks=2 > cg_0/brief gone; * > cg_0/brief/leaf tasks=2 > cg_0/brief gone; *",
      "cg_0/stays.1 in=cg_0/brief/leaf > cg_0/stays.1 in=cg_0/brief/leaf")
SHOWS(nested_cgroup_cpuset, "wide cpus=0-1", "wide/narrow cpus=0", "wide/whole.1 mask=0-1")

/* interaction */
SHOWS(cgroup_cpuset_imbalance_combined, "heavy tasks=16 > heavy cpus=1-2", "heavy.1 mask=1-2",
      "light.1 mask=1-2 > light.1 mask=0")
SHOWS(cgroup_no_ctrl_imbalance, "heavy tasks=16", "light_0.1 in=light_0 > light_0.1 in=light_1 > light_0.1 in=light_0",
      "!* control=* cpu *")
SHOWS(cgroup_no_ctrl_cpuset_change, "cg_0 cpus=0-3 > cg_0 cpus=0 > cg_0 cpus=0-3",
      "cg_1.1 mask=0-3 > cg_1.1 mask=1-2 > cg_1.1 mask=0-3", "!* control=* cpu *")
SHOWS(cgroup_cpuset_multicpu_pin, "cg_0 cpus=0-1", "cg_0 tasks=4", "cg_0.1 mask=0-1", "cg_1 cpus=0-3")
SHOWS(cgroup_cpuset_add_remove, "cg_0 cpus=0 > cg_1 here > cg_1 cpus=1 > cg_1 gone; 4 tasks stay",
      "cg_2 cpus=2")
SHOWS(cgroup_add_during_imbalance, "heavy tasks=16 > new here > new tasks=2")
SHOWS(nested_cgroup_imbalance, "cg_0/heavy tasks=16", "cg_0/light tasks=1", "cg_1/sub/leaf tasks=2")

/* performance */
SHOWS(cache_pressure_imbalance, "cache tasks=2", "spin tasks=2", "cache.1 faults=10")
SHOWS(cache_pipe_io_compute_imbalance, "pipes tasks=4", "pipes.1 waits=10", "!compute.1 waits=100")
SHOWS(fan_out_wake, "fan_out tasks=5", "fan_out.1 waits=10", "compute tasks=2", "!compute.1 waits=100")
SHOWS(fan_out_compute, "fan_out tasks=5", "fan_out.1 waits=10")
