/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * payloads.h - payloads that are declared already: programs of Debian packages, and ktstr's own. They
 * are ordinary declarations; put your arguments behind theirs, or replace them.
 */
#ifndef KTSTR_PAYLOADS_H
#define KTSTR_PAYLOADS_H

#include <ktstr/payload.h>

#ifdef __cplusplus
extern "C" {
#endif

/* stress-ng: its --yaml report as metrics.bogo_ops and the like; one CPU stressor for 1 s. */
extern const struct ktstr_payload ktstr_stress_ng;
/* hackbench (rt-tests): "time" in seconds, lower is better; 2 groups, 100 loops. */
extern const struct ktstr_payload ktstr_hackbench;
/* cyclictest (rt-tests), its JSON: thread.0.max and the like in microseconds; 200 loops of 1 ms. */
extern const struct ktstr_payload ktstr_cyclictest;
/* fio, its JSON: jobs.0.read.iops and the like; 1 MiB of random reads from a file in memory. */
extern const struct ktstr_payload ktstr_fio;
/* sysbench: cpu_speed.events_per_second and latency_ms.avg; its cpu test for 1 s. */
extern const struct ktstr_payload ktstr_sysbench;

/* P3: of the contract. The first two share a binary, and so do the last two. */
extern const struct ktstr_payload ktstr_jemalloc_alloc_worker;
extern const struct ktstr_payload ktstr_jemalloc_alloc_worker_churn;
extern const struct ktstr_payload ktstr_jemalloc_probe;
extern const struct ktstr_payload ktstr_jemalloc_probe_no_exit_check;

#ifdef __cplusplus
}
#endif
#endif
