/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - a process beside a scenario that looks at what the kernel has of it, every 2 ms: its
 * cgroups, and the tasks in them. It writes a line for each thing that it sees change:
 *
 *	cg_0 here                   also after "cg_0 gone; 4 tasks stay", who were in others then, and
 *	                            after "cg_0 gone; made anew since", the look before
 *	cg_0 cpus=0-1               cpuset.cpus.effective
 *	cg_0 control= cpuset pids   cgroup.subtree_control, a blank on both sides; of "." it is that of
 *	                            the directory with all cgroups of the scenario
 *	cg_0 tasks=4                in cgroup.procs
 *	cg_0.1 in=cg_1              the first task that was first seen in cg_0, and where it is now
 *	cg_0.1 mask=2-3             sched_getaffinity(2)
 *	cg_0.1 policy=FIFO 1        sched_getscheduler(2), sched_getparam(2)
 *	cg_0.1 nice=-20
 *	cg_0.1 waits=100            its voluntary context switches have passed 10, 100, ...
 *	cg_0.1 faults=1000          its page faults likewise; both are looked at for first tasks only
 *	host tasks=4                workers of that name in the root cgroup
 */
#ifndef WATCH_H
#define WATCH_H

#include <stddef.h>
#include <sys/types.h>

#define WATCH_LINES_MAX 4096
#define WATCH_LINE_MAX 96

struct watch_log {
	int stop;                                    /* set by who started it */
	size_t count;                                /* lines; of more than fit too */
	char line[WATCH_LINES_MAX][WATCH_LINE_MAX];
};

struct watch {
	pid_t pid;
	struct watch_log *log;                       /* shared with the process */
};

/* 0, or a negative errno. */
int watch_start(struct watch *watch);

/* The log is complete afterwards, and stays until watch_done(). */
void watch_stop(struct watch *watch);
void watch_done(struct watch *watch);

/*
 * Whether it saw this: patterns of fnmatch(3), one after the other, with " > " between them: each is
 * met by a later line than the one before. "!PATTERN": no line is like that.
 */
int watch_saw(const struct watch *watch, const char *what);

#endif
