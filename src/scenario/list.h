/* SPDX-License-Identifier: BSD-2-Clause */
/* list.h - what an author declared, checked and made ready for the workload room. */
#ifndef SCENARIO_LIST_H
#define SCENARIO_LIST_H

#include <ktstr/scenario.h>

#include "workload/workload.h"

/*
 * A worker group for each cgroup, in their order, appended to groups; names are borrowed. A count
 * of 0 becomes workers_default. -EINVAL with words that name cgroup and field: the list is empty or
 * has too many workers in all, or a name is missing, doubled or no name of a directory.
 */
int worker_groups_of(const struct ktstr_cgroup *cgroups, size_t count, unsigned workers_default,
		     struct worker_groups *groups, struct ktstr_error *err);

#endif
