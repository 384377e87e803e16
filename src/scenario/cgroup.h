/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup.h - cgroups of a cgroup v2 file system (kernel: Documentation/admin-guide/cgroup-v2.rst),
 * and a guard that removes those it made, with what is left inside, on every path. It takes paths,
 * so that a plain directory stands in where only files are read and written.
 */
#ifndef SCENARIO_CGROUP_H
#define SCENARIO_CGROUP_H

#include "base/base.h"

struct cgroups {
	char *root;
	struct strings made;             /* directories, in the order in which they were made */
	/* How a cgroup's file is written; a test puts a kernel in here that says EBUSY. */
	int (*poke)(int dir_fd, const char *path, const char *text, struct ktstr_error *err);
};

/*
 * Make root and what is missing above it, and let children have the controllers cpu and cpuset, as
 * far as the kernel offers them, in every cgroup from the top down to root. Whatever this returns,
 * *cgroups is the caller's, for cgroups_done().
 */
int cgroups_open(struct cgroups *cgroups, const char *root, struct ktstr_error *err);

/* A cgroup below root. -EEXIST: there is something of that name. */
int cgroups_make(struct cgroups *cgroups, const char *name, struct ktstr_error *err);

/* A process that is gone is fine; EBUSY is tried again three times, 100 ms apart. */
int cgroups_move(struct cgroups *cgroups, const char *name, pid_t pid, struct ktstr_error *err);

/*
 * Kill what is left inside, wait until it is gone, and remove what was made, the last one first.
 * -ETIMEDOUT or another errno: so much is left as *err says of the first one; the rest is removed.
 */
int cgroups_remove(struct cgroups *cgroups, struct deadline deadline, struct ktstr_error *err);

/* The same, with 2 s for it, and never mind; nothing to do for a zeroed struct. */
void cgroups_done(struct cgroups *cgroups);
DEFINE_AUTO_DONE(struct cgroups, cgroups_done)

#define CGROUPS_REMOVE_TIMEOUT_NS (2 * NS_PER_S)

#endif
