/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - the inside of <ktstr/scenario.h>: the context that a test body gets, and playing
 * cgroups of workers. Guest half: libc only. One thread at a time.
 */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <ktstr/scenario.h>

#include "base/base.h"
#include "scenario/bounded.h"
#include "topology/topology.h"
#include "verdict/verdict.h"

#define CTX_MODE_MAX 8

/* What `ktstr run` changes about a test; zeroed: nothing. */
struct ctx_override {
	/*
	 * In place of swappable work, where the number of workers that was asked for is a multiple
	 * of the group size of this type; elsewhere the work stays as it is.
	 */
	bool has_work;
	enum ktstr_work_type work;
	unsigned duration_ms;                      /* in place of the test's; 0: as the test says */
	unsigned workers;                          /* in place of its workers_per_cgroup */
};

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
	cgroup_act_fn *cgroup_act;                 /* NULL: the kernel; for tests */
	struct ctx_override override;
	struct ktstr_play *play;                   /* the open one, or NULL */
	void (*on_load_end)(void *arg);            /* somebody wants to look while workers still run; or NULL */
	void *on_load_end_arg;
	/*
	 * Somebody wants to look at the ends of every step, "step 1 (name): start"; or NULL. The start is
	 * when all of it is there, the end before any of it goes.
	 */
	void (*on_step)(void *arg, const char *label);
	void *on_step_arg;
	struct ktstr_payload_handle *payloads;     /* those that were not freed yet */
	unsigned payload_count;                    /* that were started */
	bool random_begun;
	uint64_t random;                           /* use ctx_random() */
};

void ctx_set_topology(struct ktstr_ctx *ctx, const struct topology *topology);

/* The state that ktstr_ctx_random() draws from. */
uint64_t *ctx_random(struct ktstr_ctx *ctx);

/* The path of a file of a play's cgroup; the caller's, for free(). NULL with *err: there is none. */
char *play_cgroup_file(struct ktstr_play *play, const char *cgroup, const char *file,
		       struct ktstr_error *err);

/* A handle of this payload that was not freed yet, or NULL. */
struct ktstr_payload_handle *ctx_find_payload(const struct ktstr_ctx *ctx,
					      const struct ktstr_payload *payload);

/* Kills the payloads that a body left running. */
void ctx_end_payloads(struct ktstr_ctx *ctx);

/* Ends the play that a body left open, if it did. */
void ctx_end_play(struct ktstr_ctx *ctx);

#endif
