/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds.h - the one table of work types: names, defaults, the make-up of a team, and the functions
 * that do the work, which live in work_*.c, a family a file. Such a function returns when the worker
 * was told to stop, or when it can do no more because a mate is gone.
 */
#ifndef WORKLOAD_KINDS_H
#define WORKLOAD_KINDS_H

#include "workload/worker.h"

#define TEAM_ROLES 2

/* The first members of a team have the first role, the rest the second. */
struct role_kind {
	unsigned fixed;                /* so many members, and */
	bool fan_out, fan_in;          /* that field of the work of them */
	bool messenger;
	bool realtime;                 /* SCHED_FIFO with rt_priority */
	bool waits;                    /* begins by waiting for a mate */
};

struct work_kind {
	const char *name;
	void (*work)(struct ktstr_worker *worker);
	struct ktstr_work defaults;    /* for fields that are 0 */
	struct role_kind roles[TEAM_ROLES];
	unsigned team_min;
	bool unnamed;                  /* means nothing without data, so not by name */
	bool no_threads;
	bool ring;                     /* one member at a time; all but the first begin by waiting */
	bool pipes;                    /* a ring of them through the team */
	bool file;                     /* a temporary file that all workers of a group share */
	bool queue;                    /* of items */
	bool changes_policy;           /* so who schedules it depends on when one looks */
	size_t (*memory_bytes)(const struct ktstr_work *work);      /* NULL: needs none */
};

extern const struct work_kind work_kinds[KTSTR_WORK_TYPE_COUNT];

static inline const struct work_kind *work_kind(const struct ktstr_work *work)
{
	return &work_kinds[work->type];
}

/* The defaults in place of zeros. */
struct ktstr_work work_resolve(struct ktstr_work work);
/* Of a resolved one. */
unsigned team_size_of(const struct ktstr_work *work);
bool work_uses_pipes(const struct ktstr_work *work);

/* Which role a member of a team has. */
unsigned team_role_of(const struct ktstr_work *work, unsigned member);

/* Whether it begins by waiting for a mate. */
bool team_begins_waiting(const struct ktstr_work *work, unsigned member);

#define QUEUE_CELLS 1024               /* a power of 2 */

void work_spin_wait(struct ktstr_worker *worker);
void work_yield_heavy(struct ktstr_worker *worker);
void work_mixed(struct ktstr_worker *worker);
void work_bursty(struct ktstr_worker *worker);
void work_idle_churn(struct ktstr_worker *worker);
void work_ring(struct ktstr_worker *worker);
void work_cache_pressure(struct ktstr_worker *worker);
void work_cache_yield(struct ktstr_worker *worker);
void work_futex_fan_out(struct ktstr_worker *worker);
void work_fan_out_compute(struct ktstr_worker *worker);
void work_thundering_herd(struct ktstr_worker *worker);
void work_mutex_contention(struct ktstr_worker *worker);
void work_queue(struct ktstr_worker *worker);
void work_io_sync_write(struct ktstr_worker *worker);
void work_io_rand_read(struct ktstr_worker *worker);
void work_fork_exit(struct ktstr_worker *worker);
void work_page_fault_churn(struct ktstr_worker *worker);
void work_nice_sweep(struct ktstr_worker *worker);
void work_affinity_churn(struct ktstr_worker *worker);
void work_policy_churn(struct ktstr_worker *worker);
void work_cgroup_churn(struct ktstr_worker *worker);
void work_preempt_storm(struct ktstr_worker *worker);
void work_sequence(struct ktstr_worker *worker);
void work_custom(struct ktstr_worker *worker);

size_t memory_of_cache(const struct ktstr_work *work);
size_t memory_of_compute(const struct ktstr_work *work);
size_t memory_of_faults(const struct ktstr_work *work);
size_t memory_of_io(const struct ktstr_work *work);

/* Parts of a type that others use. */
void cache_accesses(struct ktstr_worker *worker, uint64_t count);
bool io_sync_write_once(struct ktstr_worker *worker);

/* Called by the worker while it prepares; fill in setup_step and setup_errno. */
int work_io_prepare_file(const struct ktstr_work *work, int *ret_fd);
void queue_init(struct team *team);

/* CgroupChurn's siblings: "DIR/wt-cgroup-churn-0". */
#define CHURN_PATH_MAX 4096
int churn_cgroup_make(const char *dir, unsigned i);
void churn_cgroup_remove(const char *dir, unsigned i);

#endif
