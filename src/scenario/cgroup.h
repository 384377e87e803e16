/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup.h - cgroups of a cgroup v2 file system (kernel: Documentation/admin-guide/cgroup-v2.rst),
 * and a guard that removes those it made, with what is left inside, on every path. It takes paths,
 * so that a plain directory stands in where only files are read and written.
 *
 * A name is a path below root: "a/b" is b inside of a. cgroup v2 lets no process be in a cgroup whose
 * children have controllers, so a cgroup has processes or children, and not both. The controllers
 * cpu and cpuset are on in every cgroup; memory, io and pids only where somebody asked for them,
 * because what they charge costs time.
 *
 * A change that the kernel does not get done within BOUNDED_TIMEOUT_NS is an error (-ETIMEDOUT).
 */
#ifndef SCENARIO_CGROUP_H
#define SCENARIO_CGROUP_H

#include "base/base.h"
#include "scenario/bounded.h"
#include "scenario/files.h"

/* A controller that we switched on in a directory that was there before. */
struct switched_on {
	char *dir;
	const char *controller;
};
static inline void switched_on_done(struct switched_on *on)
{
	free(on->dir);
}
DEFINE_VEC(switched_ons, struct switched_on, switched_on_done)

struct cgroups {
	char *root;
	char *top;                       /* of the cgroup file system, as far as root's path shows */
	struct strings made;             /* directories, in the order in which they were made */
	struct switched_ons switched;
	struct bounded bounded;
	cgroup_act_fn *act;              /* set it before opening; NULL: cgroup_act() */
	bool no_cpu;                     /* and this: the controller cpu stays as it is */
};

/*
 * Make root and what is missing above it, and let children have the controllers cpu and cpuset, as
 * far as the kernel offers them, in every cgroup from the top down to root. *cgroups was zeroed.
 * Whatever this returns, it is the caller's, for cgroups_done().
 */
int cgroups_open(struct cgroups *cgroups, const char *root, struct ktstr_error *err);

/* A cgroup below root, and those above it. -EEXIST: there is something of that name. */
int cgroups_make(struct cgroups *cgroups, const char *name, struct ktstr_error *err);

/*
 * Switch a controller on from the top down to this cgroup. -ENOTSUP: it is not offered, and the
 * words name cgroup and controller. -EBUSY: a cgroup above has processes of its own.
 */
int cgroups_need(struct cgroups *cgroups, const char *name, const char *controller,
		 struct ktstr_error *err);

/* Whether there is such a file: "io.weight". */
bool cgroups_has(const struct cgroups *cgroups, const char *name, const char *file);
int cgroups_write(struct cgroups *cgroups, const char *name, const char *file, const char *text,
		  struct ktstr_error *err);
/* The content, appended to text. */
int cgroups_read(const struct cgroups *cgroups, const char *name, const char *file,
		 struct buf *text, struct ktstr_error *err);

/* A process that is gone is fine; EBUSY is tried again three times, 100 ms apart. */
int cgroups_move(struct cgroups *cgroups, const char *name, pid_t pid, struct ktstr_error *err);
/* To the top of the cgroup file system. */
int cgroups_move_out(struct cgroups *cgroups, pid_t pid, struct ktstr_error *err);
/*
 * Every process that is in `from`, those that it starts meanwhile included, until there is none.
 * -ETIMEDOUT: it starts them faster than they can be moved.
 */
int cgroups_move_all(struct cgroups *cgroups, const char *from, const char *to,
		     struct deadline deadline, struct ktstr_error *err);

/* Freeze or thaw, and wait until cgroup.events says so. */
int cgroups_freeze(struct cgroups *cgroups, const char *name, bool frozen,
		   struct deadline deadline, struct ktstr_error *err);

/*
 * Kill what is left inside, wait until it is gone, and remove this one, or all that was made, the
 * last one first, and switch controllers off again that were off. -ETIMEDOUT or another errno: so
 * much is left as *err says of the first one; the rest is removed.
 */
int cgroups_remove_one(struct cgroups *cgroups, const char *name, struct deadline deadline,
		       struct ktstr_error *err);
int cgroups_remove(struct cgroups *cgroups, struct deadline deadline, struct ktstr_error *err);

/* The same, with 2 s for it, and never mind; nothing to do for a zeroed struct. */
void cgroups_done(struct cgroups *cgroups);
DEFINE_AUTO_DONE(struct cgroups, cgroups_done)

#define CGROUPS_REMOVE_TIMEOUT_NS (2 * NS_PER_S)
#define CGROUPS_WAIT_TIMEOUT_NS (2 * NS_PER_S)

/* For the room's other files on cgroups: one change with its deadline; EBUSY is tried again. */
int cgroups_act(struct cgroups *cgroups, enum cgroup_act act, const char *path, const char *text,
		struct ktstr_error *err);

#endif
