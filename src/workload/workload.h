/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workload.h - worker processes: what one does, and how its parent starts, watches and ends it.
 *
 *	workers_start()      all are forked and hold still, so that they can be moved into cgroups
 *	workers_settle()     all have what they need; their counters are read
 *	workers_release()    all start together
 *	workers_wait()       time passes
 *	workers_observe()    their counters are read again while they still run
 *	workers_stop()       each is told to stop, reports and is reaped
 *	workers_reports()
 *	workers_free()
 *
 *  What is counted, by type of work:
 *
 *             iteration            work unit                 checkpoint
 *   SpinWait  `iterations` units   a turn of an empty loop   every 1024 units
 *   YieldHeavy  one unit           64 turns, sched_yield()   every unit: a yield can take a slice
 *   Bursty    a burst              a turn of an empty loop   every 1024 units; a burst ends at one
 *   PipeIo    `iterations` units   a turn of an empty loop   every 1024 units, and before the byte
 *             and a byte handed on
 *
 * A gap is the time between two checkpoints in which the worker could have run: the first begins
 * with the release and the last ends with the stop. A sleep or a wait for the partner is no gap,
 * but what follows the moment that should have ended it is; that part, until the worker runs, is
 * also its wake latency. Bursty measures it from the absolute time that it asked clock_nanosleep() for,
 * PipeIo from the CLOCK_MONOTONIC time that the partner put into this worker's slot of the shared
 * memory just before it wrote the byte. Percentiles come from a uniform sample of at most 4096
 * wake-ups; count and maximum from all of them.
 *
 * PipeIo workers come in pairs (2i and 2i+1) that take turns: the even one begins, and each spins,
 * hands one byte to the other and waits until it comes back.
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

/* The exact spelling. -EINVAL: it is none; the words suggest the nearest, or list them all. */
int work_type_parse(struct sv name, enum ktstr_work_type *ret_type, struct ktstr_error *err);

/* The size of a group of workers that work together; 1 for most types. */
unsigned work_group_size(const struct ktstr_work *work);
/* Whether the command line may ask for it by name. */
bool work_type_by_name(enum ktstr_work_type type);

/* Memory policy in the kernel's terms; set by the worker itself before it touches anything. */
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
 * Wait until each one holds still, ready to go, or has ended. A worker that the scheduler does not
 * let come that far in 5 s is a finding for later, no reason to wait longer.
 */
void workers_settle(struct workers *workers);

/*
 * Nice value and policy of each one, by its thread, after it was moved: to be called between
 * workers_settle() and workers_release(). Deadlines and priorities are checked before the system
 * call; the words of a failure name cgroup, worker and policy.
 */
int workers_schedule(struct workers *workers, struct ktstr_error *err);

/* One worker's CPUs; at any time. A worker that has ended is fine. */
int workers_set_affinity(struct workers *workers, size_t i, const struct cpuset *cpus,
			 struct ktstr_error *err);

void workers_release(struct workers *workers);

/* Readable when a worker has ended; then workers_alive() looks and says how many are left. */
int workers_fd(const struct workers *workers);
size_t workers_alive(struct workers *workers);

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
 * They stood still from then until now, because somebody froze them, and still do: that is no gap,
 * and no latency of a wake-up that was due meanwhile. Times on CLOCK_MONOTONIC.
 */
void workers_excuse(struct workers *workers, uint64_t from_ns, uint64_t now_ns);

/* Ask each to stop, without waiting: for sets that are to end at the same time. */
void workers_ask_to_stop(struct workers *workers);

/*
 * For workers that were released: SIGUSR1 to each, and SIGKILL to those that have not ended at the
 * deadline. A task that the scheduler never runs cannot even die: it is given up after one more
 * deadline and stays our child. wait_status is -1 for those that had to be killed.
 */
void workers_stop(struct workers *workers);

/* Kills and reaps what still runs, with the same deadline; NULL is fine. */
void workers_free(struct workers *workers);
DEFINE_AUTO(struct workers *, workers_free)

#endif
