/* SPDX-License-Identifier: BSD-2-Clause */
/* hostrun.h - a host_only test: its body runs here, as a child of ours, without a guest. */
#ifndef RUN_HOSTRUN_H
#define RUN_HOSTRUN_H

#include "run/run.h"

/* Fills the outcome; output of the body goes to *ret_output. Errors are only ours. */
int host_run(const struct test_plan *plan, uint64_t seed, int cancel_fd, struct outcome *ret_outcome,
	     struct buf *ret_output, struct ktstr_error *err);

#endif
