/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * taskstats.h - delay accounting of one thread after the other, over generic netlink
 * (Documentation/accounting/taskstats.rst). Needs CAP_NET_ADMIN in the initial user namespace.
 */
#ifndef CTPROF_TASKSTATS_H
#define CTPROF_TASKSTATS_H

#include "ctprof/snapshot.h"

struct taskstats_link;

/* NULL where the kernel has no such family or no netlink. For taskstats_close(). */
struct taskstats_link *taskstats_open(void);
void taskstats_close(struct taskstats_link *link);
DEFINE_AUTO(struct taskstats_link *, taskstats_close)

/* Fill the thread's delays and high-water marks, and count how that went. */
void taskstats_read(struct taskstats_link *link, struct ctprof_thread *thread,
		    struct ctprof_taskstats_summary *summary);

/*
 * A struct taskstats of any version, as the kernel sent it. What the sender's version lacks stays 0.
 * -EINVAL: too short for a version, or version 15, whose released kernels disagree about its layout.
 */
int taskstats_decode(const void *data, size_t len, struct ctprof_thread *thread);

#endif
