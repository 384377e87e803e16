/* SPDX-License-Identifier: BSD-2-Clause */
/* workers.h - a set of workers as their parent keeps it: start.c makes one, workers.c drives it. */
#ifndef WORKLOAD_WORKERS_H
#define WORKLOAD_WORKERS_H

#include "workload/evidence.h"
#include "workload/worker.h"

#define WORKERS_WATCHED UINT64_MAX   /* epoll's word for what is no process of workers */

/* One process: a worker, or those of a group as its threads. */
struct process {
	pid_t pid;                   /* 0: not forked yet, or reaped */
	int pid_fd;
	size_t first, count;         /* its workers */
	bool ended;
	uint64_t ended_ns;
	int32_t wait_status;
};

/* One worker. */
struct hand {
	struct slot *slot;
	size_t process, group;
	struct worker_evidence evidence;
	uint64_t *wakes;             /* a copy for the report; ours */
};

/* What stays known about a group. */
struct group {
	char cgroup[WORKER_CGROUP_NAME_MAX];
	size_t first;                /* of its workers */
	unsigned count;
	struct ktstr_work work;      /* resolved; its pointers are only good in the workers */
	struct ktstr_policy policy;
	int nice;
	bool reads_pages;
	char *churn_dir;             /* CgroupChurn: where siblings are to be removed; or NULL */
};

struct workers {
	struct shared *shared;
	size_t shared_bytes;
	struct process *processes;
	size_t process_count;
	struct hand *hands;
	struct worker_report *reports;
	size_t count, alive;         /* workers */
	size_t settled;              /* so many from the first on are ready or have ended */
	bool given_up;               /* on those alive: they do not even die */
	struct group *groups;
	size_t group_count;
	int events_fd;               /* epoll: the pidfds of those that have not ended */
	int ready_fd, proc_fd;
	uint64_t asked_ns;           /* when they were asked to stop; 0: not yet */
	uint64_t stop_timeout_ns, kill_timeout_ns;
};

/* Let epoll tell of a descriptor that becomes readable; word is a process's index or WATCHED. */
int workers_watch(struct workers *workers, int fd, uint64_t word);
void workers_unwatch(struct workers *workers, int fd);

/* "cgroup cg_0: worker 3", for the words of an error. */
void workers_describe(const struct workers *workers, size_t i, struct buf *buf);

#endif
