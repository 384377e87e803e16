/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel.h - SIGINT, SIGTERM and the time of --abort-after-ms end a run early: what was read so far
 * is the result. A process has one such wish, so it is global.
 */
#ifndef JEMALLOC_PROBE_CANCEL_H
#define JEMALLOC_PROBE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

extern atomic_bool cancelled;

/* Once, before there is a second thread. abort_after_ms: 0 for never. */
int cancel_init(uint32_t abort_after_ms, struct ktstr_error *err);

/* Sleep until then (CLOCK_MONOTONIC) or until somebody cancels, which is what it returns. */
bool cancel_sleep_until(uint64_t at_ns);

#endif
