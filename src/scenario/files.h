/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h - the texts of a cgroup's files (kernel: Documentation/admin-guide/cgroup-v2.rst), read
 * and written. Pure.
 */
#ifndef SCENARIO_FILES_H
#define SCENARIO_FILES_H

#include <ktstr/scenario.h>

#include "base/base.h"

/* cgroup.events: "populated 1\nfrozen 0\n"; keys that are not there are false. */
struct cgroup_events {
	bool populated, frozen;
};
struct cgroup_events cgroup_events_parse(struct sv text);

DEFINE_VEC(pids, pid_t, vec_keep)

/* cgroup.procs and cgroup.threads: a number a line, appended. -EINVAL: something else is there. */
int pids_parse(struct sv text, struct pids *pids, struct ktstr_error *err);

/* One write of a limit. */
struct limit_write {
	const char *controller;      /* that the file needs: "memory" */
	const char *file;            /* "memory.max" */
	char text[48];
};
#define LIMIT_WRITES_MAX 9

/*
 * What these limits come to; returns how many writes, in the order in which they are to be done.
 * -EINVAL: one makes no sense; the words name its file.
 */
int limits_writes(const struct ktstr_limits *limits, struct limit_write writes[LIMIT_WRITES_MAX],
		  struct ktstr_error *err);

#endif
