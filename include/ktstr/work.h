/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.h - what workers do, and how they are scheduled while they do it.
 *
 * A field of struct ktstr_work counts only for the types that name it, and 0 means the type's
 * default (shared by the command line, where a work type is chosen by name). Types that work
 * together in groups need a number of workers that is a multiple of the group's size.
 */
#ifndef KTSTR_WORK_H
#define KTSTR_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* [n]: the size of a group; 1 for the others. What counts as what: src/workload/workload.h. */
enum ktstr_work_type {
	KTSTR_WORK_SPIN_WAIT = 0,      /* tight spin, `iterations` (1024) turns a cycle */
	KTSTR_WORK_YIELD_HEAVY,        /* tiny work, then sched_yield() */
	KTSTR_WORK_MIXED,              /* a spin burst of `iterations` (1024), then sched_yield() */
	KTSTR_WORK_IO_SYNC_WRITE,      /* 16 x 4 KiB O_SYNC writes in a stripe of its own, fdatasync() */
	KTSTR_WORK_IO_RAND_READ,       /* 4 KiB reads at random places, O_DIRECT where that works */
	KTSTR_WORK_BURSTY,             /* spin for burst_ns (50 ms), sleep for sleep_ns (100 ms) */
	KTSTR_WORK_PIPE_IO,            /* [2] spin `iterations` (1024), hand one byte over a pipe, wait */
	KTSTR_WORK_FUTEX_PING_PONG,    /* [2] the same over a futex */
	KTSTR_WORK_CACHE_PRESSURE,     /* read-modify-write of `bytes` (32 KiB) by `stride` (64) */
	KTSTR_WORK_CACHE_YIELD,        /* the same, then sched_yield() */
	KTSTR_WORK_CACHE_PIPE,         /* [2] `iterations` (1024) such accesses, then a pipe exchange */
	KTSTR_WORK_FUTEX_FAN_OUT,      /* [fan_out + 1] one wakes fan_out (4), each spins `iterations` */
	/*
	 * [fan_out + 1] the messenger stamps the time and wakes fan_out (4) workers every sleep_ns
	 * (100 us); each does `operations` (5) matrix multiplications in `bytes` (256 KiB)
	 */
	KTSTR_WORK_FAN_OUT_COMPUTE,
	KTSTR_WORK_SEQUENCE,           /* `phases` in a loop; not by name */
	KTSTR_WORK_FORK_EXIT,          /* fork a child that ends at once, wait for it; not in threads */
	KTSTR_WORK_NICE_SWEEP,         /* spin 512, setpriority(-20..19); >= 0 without CAP_SYS_NICE */
	KTSTR_WORK_AFFINITY_CHURN,     /* spin, sched_setaffinity() to one random allowed CPU, yield */
	KTSTR_WORK_POLICY_CHURN,       /* spin; OTHER, BATCH, IDLE, and FIFO, RR where allowed */
	KTSTR_WORK_PAGE_FAULT_CHURN,   /* map `bytes` (4 MiB), `operations` (256) random writes, drop */
	/* [fan_out: contenders, 4] spin `iterations` (1024), hold one lock for hold_iterations (256) */
	KTSTR_WORK_MUTEX_CONTENTION,
	KTSTR_WORK_CUSTOM,             /* `custom`; not by name */
	KTSTR_WORK_THUNDERING_HERD,    /* [fan_out + 1, 7] FUTEX_WAKE of all, every sleep_ns (5 ms) */
	/*
	 * [fan_out + fan_in] each of fan_out (2) producers puts 1,000 items/s into a queue of 1024, each
	 * of fan_in (1) consumers takes one and spins for `operations` (4096)
	 */
	KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE,
	KTSTR_WORK_RT_STARVATION,      /* [fan_out (1) FIFO hogs + fan_in (1) normal] rt_priority (50) */
	KTSTR_WORK_WAKE_CHAIN,         /* [fan_out: depth (4)] a ring of hops, each spins sleep_ns (100 us) */
	/* spins; every sleep_ns (100 ms) moves itself into the next of fan_out (2) siblings */
	KTSTR_WORK_CGROUP_CHURN,
	KTSTR_WORK_PREEMPT_STORM,      /* [1 FIFO flickerer + fan_out (2) normal] sleep_ns (1 ms) */
	KTSTR_WORK_IDLE_CHURN,         /* burst_ns (1 ms), nanosleep sleep_ns (5 ms) */
	KTSTR_WORK_TYPE_COUNT
};

enum ktstr_phase_kind {
	KTSTR_PHASE_SPIN = 0,
	KTSTR_PHASE_SLEEP,
	KTSTR_PHASE_YIELD,
	KTSTR_PHASE_IO,                /* writes to a temporary file */
};

struct ktstr_phase {
	enum ktstr_phase_kind kind;
	uint64_t ns;                   /* for so long; not 0 */
};

/*
 * A worker of the author's own. `self` answers the questions below; the function returns when
 * ktstr_worker_stopped() says so. It runs in the worker's process or thread.
 */
struct ktstr_worker;
typedef void ktstr_custom_work(struct ktstr_worker *self, const void *config);

bool ktstr_worker_stopped(const struct ktstr_worker *self);
unsigned ktstr_worker_index(const struct ktstr_worker *self);          /* within its cgroup */
uint64_t ktstr_worker_seed(const struct ktstr_worker *self);
/* Work was done, by so many units; ends a gap. Call it often: what is between two calls is a gap. */
void ktstr_worker_progress(struct ktstr_worker *self, uint64_t units);
/* A wake-up that was due at due_ns on CLOCK_MONOTONIC has happened now. */
void ktstr_worker_woke(struct ktstr_worker *self, uint64_t due_ns);

struct ktstr_work {
	enum ktstr_work_type type;
	uint64_t iterations, hold_iterations;
	uint64_t burst_ns, sleep_ns;
	uint64_t bytes, stride;
	unsigned operations;
	unsigned fan_out, fan_in;
	unsigned rt_priority;
	bool futex;                            /* WakeChain: over futexes instead of pipes */
	const struct ktstr_phase *phases;
	size_t phase_count;
	ktstr_custom_work *custom;
	const char *custom_name;
	const void *custom_config;             /* plain data; the worker gets a copy of the process */
};

#define KTSTR_PHASES(...)                                                                          \
	.phases = (const struct ktstr_phase[]){__VA_ARGS__},                                       \
	.phase_count = sizeof((const struct ktstr_phase[]){__VA_ARGS__}) / sizeof(struct ktstr_phase)

/* --- how a worker is scheduled --------------------------------------------------------------- */

enum ktstr_policy_kind {
	KTSTR_POLICY_NORMAL = 0,
	KTSTR_POLICY_BATCH,
	KTSTR_POLICY_IDLE,
	KTSTR_POLICY_FIFO,             /* priority 1..99; 0 means 1 */
	KTSTR_POLICY_RR,
	KTSTR_POLICY_DEADLINE,         /* 1024 ns <= runtime <= deadline <= period; period 0: deadline */
	KTSTR_POLICY_EXT,
};

struct ktstr_policy {
	enum ktstr_policy_kind kind;
	int priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Resolved against the cgroup's cpuset and the machine when the worker starts. */
enum ktstr_affinity_kind {
	KTSTR_AFFINITY_INHERIT = 0,    /* no mask of its own */
	KTSTR_AFFINITY_RANDOM_SUBSET,  /* a random, non-empty subset, by the test's seed */
	KTSTR_AFFINITY_LLC,            /* the LLC with most of the cgroup's CPUs */
	KTSTR_AFFINITY_ALL,            /* all CPUs that the machine has, across cpusets (CrossCgroup) */
	KTSTR_AFFINITY_SINGLE_CPU,     /* worker i on the cgroup's CPU i, modulo their number */
	KTSTR_AFFINITY_EXACT,          /* `cpus`: "0-1,3" */
	KTSTR_AFFINITY_SMT_PAIR,       /* workers 2i and 2i+1 on the two threads of a core */
};

struct ktstr_affinity {
	enum ktstr_affinity_kind kind;
	const char *cpus;
};

enum ktstr_mempolicy_kind {            /* set_mempolicy(2) */
	KTSTR_MEM_DEFAULT = 0,
	KTSTR_MEM_BIND,
	KTSTR_MEM_PREFERRED,
	KTSTR_MEM_INTERLEAVE,
	KTSTR_MEM_LOCAL,
	KTSTR_MEM_PREFERRED_MANY,
	KTSTR_MEM_WEIGHTED_INTERLEAVE,
};

#define KTSTR_MEM_STATIC_NODES (1u << 15)
#define KTSTR_MEM_RELATIVE_NODES (1u << 14)
#define KTSTR_MEM_NUMA_BALANCING (1u << 13)

struct ktstr_mempolicy {
	enum ktstr_mempolicy_kind kind;
	const char *nodes;             /* "0-1"; must be covered by the nodes of the cgroup's cpuset */
	unsigned flags;
};

/* So many workers that do the same, in one cgroup. */
struct ktstr_workers {
	/* 0: the test's workers_per_cgroup, rounded up to whole groups of the work type */
	unsigned count;
	struct ktstr_work work;
	struct ktstr_policy policy;
	struct ktstr_affinity affinity;
	struct ktstr_mempolicy mempolicy;
	int nice;                      /* -20..19 */
	bool threads;                  /* of one process; otherwise a process each */
	bool swappable;                /* `ktstr run --work-type` may put another type here */
};

#ifdef __cplusplus
}
#endif
#endif
