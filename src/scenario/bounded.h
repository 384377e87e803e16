/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bounded.h - changes of the cgroup file system, each with a deadline. The kernel does them under
 * locks that it may wait for without end and without listening to signals, so a thread of our own
 * does them: when the time is up, it is left behind with what it is at.
 */
#ifndef SCENARIO_BOUNDED_H
#define SCENARIO_BOUNDED_H

#include "base/base.h"

enum cgroup_act {
	CGROUP_WRITE,                /* text to an existing file, in one write() */
	CGROUP_MKDIR,
	CGROUP_RMDIR,
};

/* How it is really done; a test puts a kernel of its own here. */
typedef int cgroup_act_fn(enum cgroup_act act, const char *path, const char *text,
			  struct ktstr_error *err);
int cgroup_act(enum cgroup_act act, const char *path, const char *text, struct ktstr_error *err);

#define BOUNDED_TIMEOUT_NS (2 * NS_PER_S)
#define BOUNDED_LEFT_BEHIND_MAX 4

/* Zeroed is ready; the thread is started by the first use. One thread uses it at a time. */
struct bounded {
	struct bounded_thread *thread;
	unsigned left_behind;
};

/*
 * -ETIMEDOUT: it was not over in time, and may still happen. -EDEADLK: so many threads were left
 * behind that this was not even tried. Otherwise what act returned. The thread has our real-time
 * priority, if we have one.
 */
int bounded_do(struct bounded *bounded, cgroup_act_fn *act_fn, enum cgroup_act act,
	       const char *path, const char *text, uint64_t timeout_ns, struct ktstr_error *err);
void bounded_done(struct bounded *bounded);

#endif
