/* SPDX-License-Identifier: BSD-2-Clause */
/* one.h - one test, from its plan to its result. */
#ifndef RUN_ONE_H
#define RUN_ONE_H

#include "run/run.h"

/* What the index-th of run_count() runs runs, and with which seed. */
const struct test_plan *run_plan(const struct run_config *config, size_t index);
uint64_t run_seed(const struct run_config *config, size_t index);

/*
 * Never fails: what goes wrong becomes an error outcome. Blocks until the guest is gone. index is
 * below run_count(). -ECANCELED: interrupted; the result is what was found until then.
 */
int one_run(const struct run_config *config, size_t index, struct result *ret_result);

/*
 * The guest of one plan from its start to its end, with a shell in it if one is given; console.log
 * and qemu.log go to dir.
 */
int guest_run(const struct run_config *config, size_t index, const char *dir, const struct shell *shell,
	      struct session *ret_session, struct ktstr_error *err);

#endif
