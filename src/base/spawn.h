/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.h - child processes that are tied to our own death and reaped on every path.
 *
 * A child dies (SIGKILL) with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG): keep that
 * thread until child_done(). It has a process group of its own, so a terminal's Ctrl-C reaches only
 * us, and child_done() ends its descendants in that group too.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#define SPAWN_FD_MAX 16

struct spawn_config {
	const char *const *argv;          /* NULL-terminated; argv[0] is searched in PATH */
	const char *const *env;           /* NULL: ours */
	const char *dir;                  /* working directory, or NULL */
	int stdin_fd, stdout_fd, stderr_fd;        /* -1: /dev/null */
	/* further descriptors: keep_fd[i] becomes descriptor 3 + i of the child */
	int keep_fd[SPAWN_FD_MAX];
	unsigned keep_fd_count;
	const char *cgroup_procs;         /* a cgroup's file that it writes itself into, or NULL */
	bool share_group;                 /* stay in our process group: a terminal is wanted */
	bool own_session;                 /* lead a session whose terminal stdin_fd is */
	/*
	 * On these CPUs only, its first thread ahead of those that it starts: SCHED_FIFO, which those do
	 * not inherit. Where we may not have that (sched(7): CAP_SYS_NICE or RLIMIT_RTPRIO), neither.
	 */
	const cpu_set_t *ahead_on;
	uint64_t start_ns;                /* host time to get as far as the program; 0: 20 s */
};

struct child {
	pid_t pid;        /* 0: none */
	int pid_fd;       /* readable when it has ended */
};

#define CHILD_NONE ((struct child){.pid = 0, .pid_fd = -1})

/*
 * -ENOENT and others of execvp: the program could not be started, and no child is left. -ETIMEDOUT:
 * nor did it get as far as its program in time; a frozen cgroup and a CPU that something of real-time
 * priority keeps do that.
 */
int child_spawn(const struct spawn_config *config, struct child *ret_child, struct ktstr_error *err);

/*
 * Wait until it ends; *ret_status as from waitpid(), and the child is NONE afterwards.
 * -ETIMEDOUT: it still runs. The caller says what that means.
 */
int child_wait(struct child *child, struct deadline deadline, int *ret_status);

/* Kill (SIGKILL, group included) and reap what still runs; NONE is fine. */
void child_done(struct child *child);
DEFINE_AUTO_DONE(struct child, child_done)

/* "exit status 3", "killed by SIGSEGV" */
void status_describe(int wait_status, struct buf *buf);

/*
 * Run a program to its end and collect stdout (at most max bytes). A failed start, a signal, a
 * non-zero status and a passed deadline are errors that name the program; they quote the end of its
 * stderr.
 */
int run_and_read(const char *const *argv, size_t max, struct deadline deadline, struct buf *out,
		 struct ktstr_error *err);

#endif
