/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - every thread of a machine at one moment, as data. Zero or empty is "absent" for every
 * number and text: a kernel without the feature, a thread that died meanwhile and a refused
 * permission all look like that, and the summaries count them. What may really be absent beside 0
 * (limits) is a ctprof_optional.
 *
 * Texts (`const char *`) belong to the snapshot and are never NULL in a snapshot that capture or
 * reading made; struct ctprof_thread owns nothing. One thread at a time may change a snapshot.
 *
 * Kernel sources: Documentation/filesystems/proc.rst, scheduler/sched-stats.rst,
 * accounting/taskstats-struct.rst, accounting/psi.rst, admin-guide/cgroup-v2.rst,
 * kernel/sched/debug.c (proc_sched_show_task).
 */
#ifndef CTPROF_SNAPSHOT_H
#define CTPROF_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "host/host.h"

#define CTPROF_COMM_MAX 64          /* with the NUL: fs/proc/array.c, proc_task_name (work queues) */

/* Scheduling policies are the kernel's numbers (uapi/linux/sched.h); metrics.h has their names. */
#define CTPROF_POLICY_MAX 255

enum ctprof_delay_kind {
	CTPROF_DELAY_CPU,
	CTPROF_DELAY_BLKIO,
	CTPROF_DELAY_SWAPIN,
	CTPROF_DELAY_FREEPAGES,
	CTPROF_DELAY_THRASHING,
	CTPROF_DELAY_COMPACT,
	CTPROF_DELAY_WPCOPY,
	CTPROF_DELAY_IRQ,
	CTPROF_DELAYS,
};

struct ctprof_delay {
	uint64_t count;
	uint64_t total_ns;
	uint64_t max_ns, min_ns;        /* Linux 6.14 and later */
};

/* A named number of a file such as memory.stat, in the file's order. */
struct ctprof_pair {
	const char *key;
	uint64_t value;
};
DEFINE_VEC(ctprof_pairs, struct ctprof_pair, vec_keep)

struct ctprof_thread {
	/* identity */
	uint32_t tid, tgid;
	char pcomm[CTPROF_COMM_MAX];                /* the leader's comm */
	char comm[CTPROF_COMM_MAX];
	const char *cgroup;                         /* path below the cgroup v2 mount; "" if unknown */
	uint64_t start_time_clock_ticks;            /* after boot; USER_HZ, 100 a second */
	uint64_t nr_threads;                        /* of leaders; 0 elsewhere */

	/* policy */
	uint32_t policy;
	int32_t nice, priority, rt_priority;        /* priority as in stat: 20 for nice 0, -2… real time */
	int32_t processor;                          /* where it ran last */
	char state;                                 /* R S D T t X Z P I; 0 unknown */
	bool ext_enabled;
	struct cpuset cpu_affinity;
	uint64_t fair_slice_ns;

	/* schedstat */
	uint64_t run_time_ns, wait_time_ns, timeslices;

	uint64_t voluntary_csw, nonvoluntary_csw;

	/* sched (with schedstats on) */
	uint64_t nr_wakeups, nr_wakeups_local, nr_wakeups_remote, nr_wakeups_sync, nr_wakeups_migrate;
	uint64_t nr_wakeups_affine, nr_wakeups_affine_attempts;
	uint64_t nr_migrations, nr_forced_migrations;
	uint64_t nr_failed_migrations_affine, nr_failed_migrations_running, nr_failed_migrations_hot;
	uint64_t wait_sum, wait_count, wait_max;                 /* sums and maxima in ns */
	uint64_t voluntary_sleep_ns, sleep_max;
	uint64_t block_sum, block_max;
	uint64_t iowait_sum, iowait_count;
	uint64_t exec_max, slice_max, core_forceidle_sum;

	/* jemalloc's counters of the thread */
	uint64_t allocated_bytes, deallocated_bytes;

	uint64_t minflt, majflt;
	uint64_t utime_clock_ticks, stime_clock_ticks;

	uint64_t rchar, wchar, syscr, syscw;
	uint64_t read_bytes, write_bytes, cancelled_write_bytes;

	/* taskstats */
	struct ctprof_delay delay[CTPROF_DELAYS];
	uint64_t hiwater_rss_bytes, hiwater_vm_bytes;

	struct ctprof_pairs smaps_rollup_kib;       /* of leaders; freed with the snapshot */
};
void ctprof_thread_done(struct ctprof_thread *thread);
DEFINE_VEC(ctprof_threads, struct ctprof_thread, ctprof_thread_done)

struct ctprof_optional {
	bool present;
	uint64_t value;                 /* UINT64_MAX: the file says "max" */
};

/* Pressure stall information: averages in hundredths of a percent, as 1234 for "12.34". */
struct ctprof_psi_line {
	uint64_t avg10, avg60, avg300;
	uint64_t total_usec;
};

enum ctprof_psi_resource { CTPROF_PSI_CPU, CTPROF_PSI_MEMORY, CTPROF_PSI_IO, CTPROF_PSI_IRQ, CTPROF_PSI_RESOURCES };

struct ctprof_psi {
	struct {
		struct ctprof_psi_line some, full;
	} resource[CTPROF_PSI_RESOURCES];
};

struct ctprof_cgroup {
	const char *path;               /* as in ctprof_thread.cgroup: "/" for the root */
	struct {
		uint64_t usage_usec, nr_throttled, throttled_usec;
		struct ctprof_optional max_quota_us;        /* absent: no limit */
		uint64_t max_period_us;                     /* 100000 where the file is missing */
		struct ctprof_optional weight;
		struct ctprof_optional weight_nice;         /* value is an int64_t, cast */
	} cpu;
	struct {
		uint64_t current;
		struct ctprof_optional max, high;           /* absent: no cap */
		struct ctprof_optional low, min;
		struct ctprof_pairs stat, events;
	} memory;
	struct {
		struct ctprof_optional current, max;        /* max absent: no limit */
	} pids;
	struct ctprof_psi psi;
};
void ctprof_cgroup_done(struct ctprof_cgroup *cgroup);
DEFINE_VEC(ctprof_cgroups, struct ctprof_cgroup, ctprof_cgroup_done)

/* /sys/kernel/sched_ext */
struct ctprof_sched_ext {
	const char *state;              /* "enabled", "disabled", … */
	uint64_t switch_all, nr_rejected, hotplug_seq, enable_seq;
};

/* How the jemalloc counters were come by. "No jemalloc" and "the executable went" are no failures. */
struct ctprof_probe_summary {
	uint64_t tgids_walked, jemalloc_detected, probed_ok;
	uint64_t failed;
	uint64_t refused;               /* of them: for lack of permission */
	const char *dominant_failure;   /* the most frequent tag; NULL without failures */
	bool privilege_dominant;        /* at least half were refused ptrace */
};

enum ctprof_file {
	CTPROF_FILE_STAT,
	CTPROF_FILE_SCHEDSTAT,
	CTPROF_FILE_IO,
	CTPROF_FILE_STATUS,
	CTPROF_FILE_SCHED,
	CTPROF_FILE_CGROUP,
	CTPROF_FILE_SMAPS_ROLLUP,
	CTPROF_FILES,
};
extern const char *const ctprof_file_name[CTPROF_FILES];

struct ctprof_parse_summary {
	uint64_t tids_walked;
	uint64_t read_failures;
	uint64_t read_failures_by_file[CTPROF_FILES];
	uint64_t refused_by_file[CTPROF_FILES];         /* of them: no permission */
	uint64_t missing_by_file[CTPROF_FILES];         /* of them: not in this kernel, of a thread that is there */
	const char *dominant_read_failure;      /* the first by name of the most frequent; NULL: none */
	bool kernel_config_dominant;            /* at least half in schedstat and io */
	uint64_t negative_dotted_values;        /* times below 0 in sched, taken as 0 */
};

struct ctprof_taskstats_summary {
	uint64_t ok_count, eperm_count, esrch_count, other_err_count;
};

/* Texts that rows share, each kept once. */
struct ctprof_names;

struct ctprof_snapshot {
	uint64_t captured_at_unix_ns;
	const char *label;                      /* what it is of, from whoever captured it; NULL: nothing was said */
	struct host_context *host;              /* owned; NULL: unknown */
	struct ctprof_threads threads;          /* by tgid, then the leader first, then by tid */
	struct ctprof_cgroups cgroups;          /* by path */
	struct ctprof_psi psi;                  /* of the host */
	bool has_sched_ext;
	struct ctprof_sched_ext sched_ext;
	bool has_summaries;                     /* false for a recorded tree: nothing live was asked */
	struct ctprof_probe_summary probe_summary;
	struct ctprof_parse_summary parse_summary;
	struct ctprof_taskstats_summary taskstats_summary;
	struct ctprof_names *names;
};
void ctprof_snapshot_done(struct ctprof_snapshot *snapshot);    /* a zeroed one is empty */
DEFINE_AUTO_DONE(struct ctprof_snapshot, ctprof_snapshot_done)

/* The snapshot's own copy of a text; the same pointer for equal texts. */
const char *ctprof_snapshot_name(struct ctprof_snapshot *snapshot, struct sv text);

/* The cgroup of this path, or NULL. */
const struct ctprof_cgroup *ctprof_snapshot_cgroup(const struct ctprof_snapshot *snapshot, const char *path);

/* Order the rows as struct ctprof_snapshot says. */
void ctprof_snapshot_sort(struct ctprof_snapshot *snapshot);

#endif
