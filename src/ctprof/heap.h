/* SPDX-License-Identifier: BSD-2-Clause */
/* heap.h - inside the room: jemalloc's counters of every other process, by the probe room. */
#ifndef CTPROF_HEAP_H
#define CTPROF_HEAP_H

#include "ctprof/snapshot.h"

/*
 * Fill allocated_bytes and deallocated_bytes of sorted rows and the probe summary. Processes are
 * looked at in parallel; ours is left out (nobody can trace himself).
 */
void heap_fill(struct ctprof_snapshot *snapshot, uint64_t *ret_stopped_ns_max);

#endif
