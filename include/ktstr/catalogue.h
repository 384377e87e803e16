/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalogue.h - scenarios that are written already. Each is a function for a test body:
 *
 *	KTSTR_TEST(mine, .scheduler = &my_sched, .topology = "1n2l4c1t")
 *	{
 *		return ktstr_steady_llc(ctx, verdict, err);
 *	}
 *
 * They run for the test's duration with its workers_per_cgroup, judge by its checks, and skip on a
 * machine that is too small for them, saying why. `ktstr list` names those of the catalogue, and
 * `ktstr run NAME...` runs them without a test program. Work types are exchangeable by
 * `ktstr run --work-type` except where a scenario is about one.
 */
#ifndef KTSTR_CATALOGUE_H
#define KTSTR_CATALOGUE_H

#include <ktstr/scenario.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- canned scenarios --------------------------------------------------------------------------- */

ktstr_body ktstr_steady;             /* two cgroups, the same load, no cpusets */
ktstr_body ktstr_steady_llc;         /* two cgroups, each with an LLC of its own */
ktstr_body ktstr_oversubscribed;     /* two cgroups with 32 mixed workers each */
ktstr_body ktstr_cpuset_apply;       /* no cpusets; split disjointly half way */
ktstr_body ktstr_cpuset_clear;       /* disjoint; cpusets removed half way */
ktstr_body ktstr_cpuset_resize;      /* one cpuset shrinks and the other grows, then back */
ktstr_body ktstr_cgroup_add;         /* cgroups are added while others run */
ktstr_body ktstr_cgroup_remove;      /* cgroups are removed while others run */
ktstr_body ktstr_affinity_change;    /* workers' affinities drawn anew while they run */
ktstr_body ktstr_affinity_pinned;    /* workers pinned to few CPUs */
ktstr_body ktstr_host_contention;    /* workers of cgroups against workers of the root cgroup */
ktstr_body ktstr_mixed_workloads;    /* cgroups that spin, burst and do I/O */
ktstr_body ktstr_nested_steady;      /* work in nested cgroups */
ktstr_body ktstr_nested_task_move;   /* tasks moved between nested cgroups */

/* --- scenes of the catalogue; src/catalogue/entries.c says what each is about -------------------- */

/* basic */
ktstr_body ktstr_scene_cgroup_steady;
ktstr_body ktstr_scene_cgroup_cpuset_llc_steady;
ktstr_body ktstr_scene_cgroup_cpuset_cross_llc_steady;

/* cpuset */
ktstr_body ktstr_scene_cgroup_cpuset_overlap_steady;
ktstr_body ktstr_scene_cgroup_cpuset_apply_midrun;
ktstr_body ktstr_scene_cgroup_cpuset_clear_midrun;
ktstr_body ktstr_scene_cgroup_cpuset_resize;
ktstr_body ktstr_scene_cgroup_cpuset_numa_swap;
ktstr_body ktstr_scene_cgroup_cpuset_swap_disjoint;

/* stress */
ktstr_body ktstr_scene_cgroup_partial_cpus_steady;
ktstr_body ktstr_scene_cgroup_uneven_steady;
ktstr_body ktstr_scene_cgroup_oversubscribed;
ktstr_body ktstr_scene_host_cgroup_contention;
ktstr_body ktstr_scene_cgroup_per_cpu;
ktstr_body ktstr_scene_cgroup_dsq_contention;
ktstr_body ktstr_scene_cgroup_workload_variety;
ktstr_body ktstr_scene_cgroup_cpuset_workload_variety;
ktstr_body ktstr_scene_cgroup_dynamic_workload_variety;
ktstr_body ktstr_scene_cgroup_cpuset_cross_llc_race;
ktstr_body ktstr_scene_fork_exit_churn;
ktstr_body ktstr_scene_nice_sweep;
ktstr_body ktstr_scene_affinity_churn;
ktstr_body ktstr_scene_policy_churn;
ktstr_body ktstr_scene_page_fault_churn;
ktstr_body ktstr_scene_mutex_contention_light;
ktstr_body ktstr_scene_mutex_contention_heavy;

/* affinity */
ktstr_body ktstr_scene_cgroup_affinity_inherit;
ktstr_body ktstr_scene_cgroup_affinity_random;
ktstr_body ktstr_scene_cgroup_affinity_spanning;
ktstr_body ktstr_scene_cgroup_affinity_pinned;
ktstr_body ktstr_scene_cgroup_cpuset_llc_affinity;
ktstr_body ktstr_scene_cgroup_affinity_change;

/* sched_class */
ktstr_body ktstr_scene_sched_batch;
ktstr_body ktstr_scene_sched_idle;
ktstr_body ktstr_scene_sched_fifo;
ktstr_body ktstr_scene_sched_rr;
ktstr_body ktstr_scene_sched_mixed;
ktstr_body ktstr_scene_cgroup_pipe_io;

/* advanced */
ktstr_body ktstr_scene_cgroup_idle_overloaded;
ktstr_body ktstr_scene_cgroup_all_loaded;
ktstr_body ktstr_scene_cgroup_llc_overflow;
ktstr_body ktstr_scene_cgroup_load_imbalance;
ktstr_body ktstr_scene_cgroup_exhaust_reuse;
ktstr_body ktstr_scene_cgroup_cpuset_workload_imbalance;
ktstr_body ktstr_scene_cgroup_cpuset_load_shift;
ktstr_body ktstr_scene_cgroup_add_load_imbalance;
ktstr_body ktstr_scene_cgroup_imbalance_mixed_workload;
ktstr_body ktstr_scene_cgroup_multicpu_pin;
ktstr_body ktstr_scene_cgroup_no_ctrl_task_migration;
ktstr_body ktstr_scene_cgroup_cpuset_change_imbalance;
ktstr_body ktstr_scene_cgroup_load_oscillation;
ktstr_body ktstr_scene_nested_cgroup_no_ctrl;
ktstr_body ktstr_scene_cgroup_io_compute_imbalance;
ktstr_body ktstr_scene_cgroup_4way_load_imbalance;
ktstr_body ktstr_scene_cgroup_cpuset_overlap_imbalance;
ktstr_body ktstr_scene_cgroup_cpuset_overlap_load_imbalance;
ktstr_body ktstr_scene_cgroup_bursty_imbalance;
ktstr_body ktstr_scene_cgroup_bursty_load_shift;

/* stall */
ktstr_body ktstr_scene_stall_detect;
ktstr_body ktstr_scene_stall_recovery;

/* dynamic */
ktstr_body ktstr_scene_cgroup_add_midrun;
ktstr_body ktstr_scene_cgroup_remove_midrun;
ktstr_body ktstr_scene_cgroup_rapid_churn;

/* nested */
ktstr_body ktstr_scene_nested_cgroup_steady;
ktstr_body ktstr_scene_nested_cgroup_task_move;
ktstr_body ktstr_scene_nested_cgroup_rapid_churn;
ktstr_body ktstr_scene_nested_cgroup_cpuset;

/* interaction */
ktstr_body ktstr_scene_cgroup_cpuset_imbalance_combined;
ktstr_body ktstr_scene_cgroup_cpuset_overlap_imbalance_combined;
ktstr_body ktstr_scene_cgroup_no_ctrl_imbalance;
ktstr_body ktstr_scene_cgroup_no_ctrl_cpuset_change;
ktstr_body ktstr_scene_cgroup_no_ctrl_load_imbalance;
ktstr_body ktstr_scene_cgroup_cpuset_multicpu_pin;
ktstr_body ktstr_scene_cgroup_cpuset_add_remove;
ktstr_body ktstr_scene_cgroup_add_during_imbalance;
ktstr_body ktstr_scene_nested_cgroup_imbalance;

/* performance */
ktstr_body ktstr_scene_cache_pressure_imbalance;
ktstr_body ktstr_scene_cache_yield_wake_affine;
ktstr_body ktstr_scene_cache_pipe_io_compute_imbalance;
ktstr_body ktstr_scene_fan_out_wake;
ktstr_body ktstr_scene_fan_out_compute;

/* --- the catalogue ---------------------------------------------------------------------------------- */

struct ktstr_catalogue_entry {
	const char *name;
	const char *category;
	const char *what;                      /* one line */
	ktstr_body *run;
	const char *topology;                  /* that `ktstr run` takes by default */
	/* What the scenario makes unequal on purpose is not judged; as a test declaration would. */
	struct ktstr_checks checks;
};

/* In their order in `ktstr list`. */
extern const struct ktstr_catalogue_entry ktstr_catalogue[];
extern const size_t ktstr_catalogue_count;

/* By its exact name; NULL: there is none. */
const struct ktstr_catalogue_entry *ktstr_catalogue_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
