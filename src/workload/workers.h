/* SPDX-License-Identifier: BSD-2-Clause */
/* workers.h - a set of workers as their parent keeps it: start.c makes one, workers.c drives it. */
#ifndef WORKLOAD_WORKERS_H
#define WORKLOAD_WORKERS_H

#include "workload/evidence.h"
#include "workload/worker.h"

#define WORKERS_WATCHED UINT64_MAX   /* epoll's word for what is no worker */

/* One worker. */
struct hand {
	pid_t pid;                   /* 0: not forked yet, or reaped */
	int pid_fd;
	bool ended;
	uint64_t ended_ns;
	struct worker_evidence evidence;
};

struct workers {
	struct shared *shared;
	size_t shared_bytes;
	struct hand *hands;
	struct worker_report *reports;
	size_t count, alive;
	size_t ready;                /* so many have said that they hold still */
	bool given_up;               /* on those alive: they do not even die */
	size_t *first;               /* worker of each group; one more for the end */
	size_t group_count;
	int events_fd;               /* epoll: the pidfds of those that have not ended */
	int ready_fd, proc_fd;
	uint64_t stop_timeout_ns, kill_timeout_ns;
};

/* Let epoll tell of a descriptor that becomes readable; word is a worker's index or WATCHED. */
int workers_watch(struct workers *workers, int fd, uint64_t word);
void workers_unwatch(struct workers *workers, int fd);

#endif
