/* SPDX-License-Identifier: BSD-2-Clause */
/* one.h - one test, from its plan to its result. */
#ifndef RUN_ONE_H
#define RUN_ONE_H

#include "run/run.h"

/*
 * Never fails: what goes wrong becomes an error outcome. Blocks until the guest is gone. index is
 * the test's place among the plans, for the progress. -ECANCELED: interrupted, there is no result.
 */
int one_run(const struct run_config *config, size_t index, struct result *ret_result);

#endif
