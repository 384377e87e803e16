/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jemalloc_worker_contract.h - what ktstr-jemalloc-alloc-worker and whoever waits for it agree on.
 *
 * The worker says that it is ready by a file: its allocation has been made and touched when the file
 * WORKER_READY_MARKER_PREFIX<pid> exists. The reader looks for existence only. A file and not a pipe,
 * a socket or a line on stdout, because a crash must not look like readiness and because nothing must
 * be set up, and so allocated, before the allocation that is looked at.
 *
 * Two things must hold, and breaking either shows up as nothing but a wait that times out: worker and
 * reader see the same /tmp (one mount namespace), and the pid that the reader has of the worker is
 * what getpid() says inside it (one PID namespace).
 *
 * This file is compiled into the library and into the worker, which must not link the library (its
 * constructors and allocations would be in the numbers): it includes nothing but C headers.
 */
#ifndef KTSTR_JEMALLOC_WORKER_CONTRACT_H
#define KTSTR_JEMALLOC_WORKER_CONTRACT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WORKER_READY_MARKER_PREFIX "/tmp/ktstr-worker-ready-"
#define WORKER_READY_MARKER_CONTENT "ready\n"

/* For tests: where set and not empty, the path of the marker instead. */
#define WORKER_READY_MARKER_OVERRIDE_ENV "KTSTR_WORKER_READY_MARKER_OVERRIDE"

/* Each diagnostic on stderr is this, a space and the text. */
#define WORKER_STDERR_PREFIX "jemalloc-alloc-worker:"

/* On stdout, once, before it parks: this, then " pid=<pid> bytes=<bytes>". Nothing parses it. */
#define WORKER_STDOUT_READY_PREFIX "jemalloc-alloc-worker ready"

/* Exit statuses; without an error it never exits. */
enum worker_exit {
	WORKER_EXIT_NO_BYTES = 2,
	WORKER_EXIT_THREADS = 3,           /* more than one at its start; not with --churn */
	WORKER_EXIT_MARKER = 4,
	WORKER_EXIT_USAGE = 5,
	WORKER_EXIT_TASKS_UNREADABLE = 6,  /* /proc/self/task; not with --churn */
	WORKER_EXIT_INTERNAL = 101,        /* its own failure, such as running out of memory */
};

#define WORKER_READY_MARKER_PATH_MAX (sizeof(WORKER_READY_MARKER_PREFIX) + 10)

struct worker_ready_path {
	char text[WORKER_READY_MARKER_PATH_MAX];
};

/* The marker of the worker with this pid: "/tmp/ktstr-worker-ready-1234". */
static inline struct worker_ready_path worker_ready_marker_path(uint32_t pid)
{
	struct worker_ready_path path;

	snprintf(path.text, sizeof(path.text), "%s%lu", WORKER_READY_MARKER_PREFIX, (unsigned long)pid);
	return path;
}

#ifdef __cplusplus
}
#endif
#endif
