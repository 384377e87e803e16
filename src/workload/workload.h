/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workload.h - workers: what one does, and how its parent starts, watches and ends it.
 *
 *	workers_start()      all are forked and wait, so that they can be moved into cgroups
 *	workers_settle()     they get ready and hold still; their counters are read
 *	workers_schedule()   policies and nice values; workers_set_affinity() where wanted
 *	workers_release()    all start together
 *	workers_wait()       time passes
 *	workers_observe()    their counters are read again while they still run
 *	workers_stop()       each is told to stop, reports and is reaped
 *	workers_reports()
 *	workers_free()
 *
 *  What is counted, by type of work:
 *
 *                iteration             work unit            checkpoint
 *   SpinWait     `iterations` units    a turn of a loop     every 1024 units
 *   YieldHeavy   one unit              64 turns and         every unit: a yield can take a slice
 *                                      sched_yield()
 *   Mixed        a burst and a yield   a turn               every 1024, and after the yield
 *   IoSyncWrite  16 blocks, fdatasync  a block written      every block, and after fdatasync()
 *   IoRandRead   a block               a block read         every block
 *   Bursty       a burst               a turn               every 1024; a burst ends at one
 *   PipeIo       a turn in the ring    a turn of a loop     every 1024, and before handing on
 *   FutexPingPong   the same
 *   CachePressure   a sweep            an access            every 1024
 *   CacheYield   a sweep and a yield   an access            every 1024, and after the yield
 *   CachePipe    a turn in the ring    an access            every 1024, and before handing on
 *   FutexFanOut  a round               a turn of a loop;    every 1024, and before waiting
 *                                      a round sent
 *   FanOutCompute   a round            a number of a        about every 1024 multiplications,
 *                                      product; a round     and every round sent
 *                                      sent
 *   Sequence     all phases once       by phase: a turn, a yield, a block; as for these
 *   ForkExit     a child               a child              before and after each
 *   NiceSweep, AffinityChurn, PolicyChurn
 *                a step                a turn               every 1024, and after the change
 *   PageFaultChurn  all pages dropped, a page written       every 64 units, and at the end
 *                `operations` writes
 *   MutexContention lock held once     a turn, also inside  every 1024, and before a wait
 *   Custom       what ktstr_worker_progress() says, one call an iteration and a checkpoint
 *   ThunderingHerd  a round            a turn;              every 1024, and before waiting
 *                                      a round sent
 *   ProducerConsumerImbalance
 *                an item               an item put;         around each item; every 1024
 *                                      a turn
 *   RtStarvation as SpinWait
 *   WakeChain    a turn in the ring    a turn of a loop     every 1024, and before handing on
 *   CgroupChurn  a move                a turn               every 1024, and after the move
 *   PreemptStorm as SpinWait; the one that flickers: a burst, and after it
 *   IdleChurn    a burst               a turn               every 1024
 *
 * A gap is the time between two checkpoints in which the worker could have run: the first begins
 * with the release and the last ends with the stop. A sleep or a wait for a mate is no gap, but what
 * follows the moment that should have ended it is; that part, until the worker runs, is also its
 * wake latency. Sleepers know that moment themselves; who wakes another writes it, from
 * CLOCK_MONOTONIC, into the other's slot of the shared memory just before the write() or FUTEX_WAKE
 * (ForkExit: the child just before it ends). Waiting for I/O is part of a gap: nobody can say when
 * that should end. Percentiles come from a uniform sample of at most 4096 wake-ups, which is all of
 * them while there are no more; count and maximum from all of them.
 *
 * Types that work together do so in teams of work_group_size() neighbours; what they wait for each
 * other they sleep, in a pipe or a futex, so no CPU spins for another one. All waits end with the
 * stop.
 *
 * Randomness: each worker's numbers follow from (seed, cgroup, index). From them come its start,
 * 0 to 200 us after the release (asleep; who begins by waiting for a mate just waits), what is
 * random in its work, and a jitter of an eighth up or down, cycle by cycle, on numbers of turns and
 * on times: iterations, hold_iterations, burst_ns, sleep_ns, phases, the period of producers and
 * the accesses of CachePipe. A sweep of CachePressure, `bytes` and `operations` are exact, except
 * for a consumer's `operations`.
 *
 * Threads of a group live in one process whose first thread only waits for them. A thread cannot be
 * killed alone, so if one dies all do. With RtStarvation and PreemptStorm the members that are
 * SCHED_FIFO have rt_priority whatever the group's policy; it is for the others.
 *
 * One thread drives a set of workers, and the workers die with that thread (PR_SET_PDEATHSIG).
 */
#ifndef WORKLOAD_WORKLOAD_H
#define WORKLOAD_WORKLOAD_H

#include <ktstr/scenario.h>

#include "base/base.h"
#include "verdict/verdict.h"

#define WORKERS_MAX 4096                   /* in one set */
#define WORK_DURATION_MAX_NS (3600 * NS_PER_S)

const char *work_type_name(enum ktstr_work_type type);        /* "SpinWait" */

/*
 * The exact spelling. -EINVAL: it is none, or one that needs data (Sequence, Custom); the words
 * suggest the nearest, or list them all.
 */
int work_type_parse(struct sv name, enum ktstr_work_type *ret_type, struct ktstr_error *err);

/* The size of a group of workers that work together; 1 for most types. */
unsigned work_group_size(const struct ktstr_work *work);
/* Whether the command line may ask for it by name. */
bool work_type_by_name(enum ktstr_work_type type);

/*
 * Memory policy in the kernel's terms; set by the worker itself, in its cgroup, before it touches the
 * memory that it works in. A worker whose type needs none has 64 KiB all the same.
 */
struct worker_mempolicy {
	enum ktstr_mempolicy_kind kind;
	struct cpuset nodes;
	unsigned flags;
};

/* Workers that do the same, in one cgroup. */
struct worker_group {
	const char *cgroup;          /* shorter than WORKER_CGROUP_NAME_MAX */
	unsigned first_index;        /* of its workers within the cgroup, for names and reports */
	unsigned role;               /* of its first role; a type uses at most 4, one after the other */
	unsigned count;
	struct ktstr_work work;
	struct ktstr_policy policy;
	struct worker_mempolicy mempolicy;
	int nice;
	bool threads;
	/* CgroupChurn: directory below which it makes its siblings; NULL where there is none */
	const char *cgroup_dir;
};
DEFINE_VEC(worker_groups, struct worker_group, vec_keep)

/* Whether these can be started; -EINVAL with words that name cgroup and field. */
int worker_group_check(const struct worker_group *group, struct ktstr_error *err);

struct workers_config {
	const struct worker_group *groups;       /* borrowed until workers_start() returns */
	size_t group_count;
	uint64_t seed;                           /* of what is random in a worker */
	uint64_t stop_timeout_ns;                /* from the signal to a report; 0: 5 s */
	uint64_t kill_timeout_ns;                /* from SIGKILL until it is given up; 0: 5 s */
};

struct workers;

/*
 * Fork them, in the order of the groups. On success *ret_workers is the caller's, for
 * workers_free(); on failure nothing is left.
 */
int workers_start(const struct workers_config *config, struct workers **ret_workers,
		  struct ktstr_error *err);

size_t workers_count(const struct workers *workers);
/* Its process: what is moved into cgroups. Threads of a group share one. */
pid_t workers_pid(const struct workers *workers, size_t i);
/* Its thread; 0 until it holds still (workers_settle()). */
pid_t workers_tid(const struct workers *workers, size_t i);
/* The group's part of them; empty reports before workers_stop(). Good until workers_free(). */
const struct worker_report *workers_reports(const struct workers *workers, size_t group,
					    size_t *ret_count);

/*
 * They are in their cgroups now, and get their memory ready. Wait until each one holds still, ready
 * to go, or has ended. A worker that the scheduler does not let come that far in 5 s is a finding
 * for later, no reason to wait longer.
 */
void workers_settle(struct workers *workers);

/*
 * Nice value and policy of each one, by its thread, after it was moved: to be called between
 * workers_settle() and workers_release(). The words of a failure name cgroup, worker and policy; or
 * what kept a worker from getting ready, such as its memory policy.
 */
int workers_schedule(struct workers *workers, struct ktstr_error *err);

/* One worker's CPUs; at any time. A worker that has ended is fine. */
int workers_set_affinity(struct workers *workers, size_t i, const struct cpuset *cpus,
			 struct ktstr_error *err);

void workers_release(struct workers *workers);

/* Readable when a worker has ended; then workers_alive() looks and says how many are left. */
int workers_fd(const struct workers *workers);
size_t workers_alive(struct workers *workers);

/*
 * Nothing is expected of them between then and now: they were frozen on purpose, and still are. That
 * time is part of no gap and no wake latency.
 */
void workers_excuse(struct workers *workers, uint64_t since_ns, uint64_t now_ns);

/* While they run: sums over all of them so far. */
struct workers_progress {
	uint64_t iterations, cpu_ns, wait_ns;
};
struct workers_progress workers_progress(struct workers *workers);

enum workers_event {
	WORKERS_TIME_IS_UP,
	WORKERS_ALL_ENDED,
	WORKERS_WATCHED_FD,          /* is readable */
};

/* Sleep until `until` or an event that comes before; watch_fd may be -1. */
int workers_wait(struct workers *workers, struct deadline until, int watch_fd,
		 enum workers_event *ret_event, struct ktstr_error *err);

void workers_observe(struct workers *workers);

/*
 * What workers_stop() does first: pages are looked at, and each is asked to stop. For sets that are
 * to end at the same time, before the first of them is waited for.
 */
void workers_ask_to_stop(struct workers *workers);

/*
 * For workers that were released: pages of memory by node are looked at (where there are several
 * nodes, or a memory policy), then SIGUSR1 to each, and SIGKILL to those that have not ended at the
 * deadline. A task that the scheduler never runs cannot even die: it is given up after one more
 * deadline and stays our child. wait_status is -1 for those that had to be killed.
 */
void workers_stop(struct workers *workers);

/* Kills and reaps what still runs, with the same deadline; NULL is fine. */
void workers_free(struct workers *workers);
DEFINE_AUTO(struct workers *, workers_free)

#endif
