/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - one worker process, from fork() to _exit(), and the memory it shares with its parent.
 * What a worker has found out so far is always in its slot, so that nothing is lost when it is
 * killed or never runs again.
 */
#ifndef WORKLOAD_WORKER_H
#define WORKLOAD_WORKER_H

#include <stdatomic.h>

#include "workload/workload.h"

#define WORKER_COMM_MAX 16                         /* with its NUL: TASK_COMM_LEN */
#define WORKER_SINCE_WAITING UINT64_MAX

struct slot {
	struct worker_report report;               /* `completed` is stored last, with release */
	/*
	 * Since when the worker could have come to its next checkpoint: the last one, or the moment
	 * that should end its sleep. WAITING until a partner's turn is over, who then sets it.
	 */
	_Atomic uint64_t since_ns;
} __attribute__((aligned(64)));

struct shared {
	_Atomic uint32_t released;                 /* futex: 0 until all may go */
	uint64_t release_ns;                       /* set before it */
	struct slot slots[];
};

struct worker_config {
	struct shared *shared;
	struct slot *slot;
	struct slot *partner;                      /* PipeIo; else NULL */
	bool first;                                /* of a pair: has the first turn */
	int read_fd, write_fd;                     /* from and to the partner, or -1 */
	int ready_fd;                              /* eventfd: gets 1 when ready */
	pid_t parent;
	struct ktstr_work work;                    /* without zeros for "default" */
	uint64_t seed;
	char comm[WORKER_COMM_MAX];
};

/*
 * What a just forked child does with the rest of its life. SIGUSR1 is blocked on entry, so that an
 * early one is not lost. It keeps descriptors 0 to 2 and those of config, and closes all others.
 */
_Noreturn void worker_main(const struct worker_config *config);

#endif
