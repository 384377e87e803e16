/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - one worker, a process or a thread of one, from fork() to its end, and the memory it
 * shares with its parent and with its team. What a worker has found out so far is always in its
 * slot, so that nothing is lost when it is killed or never runs again.
 */
#ifndef WORKLOAD_WORKER_H
#define WORKLOAD_WORKER_H

#include <stdatomic.h>

#include "workload/reservoir.h"
#include "workload/workload.h"

#define WORKER_COMM_MAX 16                         /* with its NUL: TASK_COMM_LEN */
#define WORKER_SINCE_WAITING UINT64_MAX
#define WORKER_STEP_MAX 64
#define WORKER_TURNS_PER_CHECKPOINT 1024
#define WORKER_START_SPREAD_NS (200 * NS_PER_US)

struct slot {
	struct worker_report report;               /* `completed` is stored last, with release */
	/*
	 * Since when the worker could have come to its next checkpoint: the last one, or the moment
	 * that should end its sleep. WAITING until somebody wakes it, who then sets it.
	 */
	_Atomic uint64_t since_ns;
	_Atomic uint32_t waits;                    /* for somebody, whether or not already told */
	_Atomic uint64_t excused_from_ns, excused_to_ns;           /* workers_excuse() */
	_Atomic int32_t tid;                       /* 0 until it runs */
	_Atomic uint32_t ready;                    /* holds still; or could not be set up: */
	int32_t setup_errno;                       /* 0, or why this step failed */
	char setup_step[WORKER_STEP_MAX];
	struct reservoir wakes;                    /* of wake-up latencies, ns */
} __attribute__((aligned(64)));

/*
 * How much of that time is excused. The freeze may come between any two instructions of the worker,
 * so it does not change what the worker keeps: the worker asks, after it has looked at the clock.
 */
static inline uint64_t slot_excused_ns(const struct slot *slot, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t from = atomic_load_explicit(&slot->excused_from_ns, memory_order_acquire);
	uint64_t to = atomic_load_explicit(&slot->excused_to_ns, memory_order_acquire);

	from = from > from_ns ? from : from_ns;
	to = to < to_ns ? to : to_ns;
	return to > from ? to - from : 0;
}

/* A place in a queue of items (work_queue.c). */
struct cell {
	_Atomic uint64_t turn;
	uint64_t item;
};

/* What workers that work together share; each type uses of it what it needs. */
struct team {
	_Atomic uint32_t word;                     /* futex: whose turn, which round, a lock */
	_Atomic uint32_t left;                     /* so many have not answered this round */
	_Atomic uint32_t answered;                 /* futex: rounds that all have answered */
	uint64_t held;                             /* so often was the lock held; it guards this */
	_Atomic uint32_t items, room;              /* futexes: there is one more */
	_Atomic uint64_t put, taken;               /* items */
	struct cell *cells;                        /* or NULL */
} __attribute__((aligned(64)));

enum phase {
	PHASE_FORKED = 0,
	PHASE_PREPARE,                             /* they are in their cgroups */
	PHASE_RUN,
};

struct shared {
	_Atomic uint32_t phase;                    /* futex; enum phase */
	uint64_t release_ns;                       /* set before PHASE_RUN */
};

struct worker_config {
	const char *cgroup, *cgroup_dir;
	const struct ktstr_work *work;             /* without zeros for "default" */
	struct slot *slot;
	struct team *team;
	struct slot *mates;                        /* the slots of the team */
	unsigned member, team_size;                /* which of them it is */
	unsigned index;                            /* within the cgroup */
	int read_fd, write_fd;                     /* from and to the next in a ring, a file, or -1 */
	uint64_t seed;
	char comm[WORKER_COMM_MAX];
};

/* One process of workers: one of them, or all of a group as its threads. */
struct process_config {
	struct shared *shared;
	struct worker_config *workers;
	size_t count;
	bool threads;
	int ready_fd;                              /* eventfd: gets 1 from each one that is ready */
	pid_t parent;
	struct worker_mempolicy mempolicy;
};

/* What a worker knows while it works; on the stack of its process or thread. */
struct ktstr_worker {
	const struct process_config *process;
	const struct worker_config *config;
	const struct ktstr_work *work;
	struct slot *slot;
	struct worker_report *report;
	uint64_t turns_to_checkpoint;
	uint64_t checked_ns;                       /* when the last checkpoint was */
	uint64_t cpu_before_ns;                    /* CPU time used before the release */
	uint64_t random;                           /* state of its own random numbers */
	int cpu;                                   /* at the last checkpoint; -1: none yet */
	unsigned char *memory;                     /* its own, touched; by type */
	size_t memory_bytes;
	size_t place;                              /* the next access to it */
};

/*
 * What a just forked child does with the rest of its life. SIGUSR1 is blocked on entry, so that an
 * early one is not lost. It keeps descriptors 0 to 2 and those of its configuration, and closes all
 * others. The status is 0, or 3 when it could not be set up.
 */
_Noreturn void worker_process(const struct process_config *config);

#endif
