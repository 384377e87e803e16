/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - the inside of <ktstr/scenario.h>: the context that a test body gets, and running
 * cgroups of workers side by side. Guest half: libc only. One thread at a time.
 */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <ktstr/scenario.h>

#include "base/base.h"
#include "topology/topology.h"
#include "verdict/verdict.h"

#define CTX_MODE_MAX 8

/* What a body may know of where it runs. Who makes one owns everything in it. */
struct ktstr_ctx {
	const struct ktstr_test *test;
	struct topology topology;                  /* set both by ctx_set_topology() */
	char topology_text[TOPOLOGY_TEXT_MAX];
	char mode[CTX_MODE_MAX];                   /* "kvm", "tcg", "det", "host" */
	uint64_t seed;
	pid_t scheduler_pid;                       /* 0: the kernel's own scheduler */
	/*
	 * Directory on a cgroup v2 file system below which cgroups are made, such as
	 * "/sys/fs/cgroup/ktstr". It is made where it is missing, and then removed too.
	 */
	char *cgroup_root;
};

void ctx_set_topology(struct ktstr_ctx *ctx, const struct topology *topology);

#endif
