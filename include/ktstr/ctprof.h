/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktstr/ctprof.h - every thread of the machine that a test runs on, captured by its body:
 *
 *	struct ktstr_ctprof_snapshot *snapshot = ktstr_ctprof_capture();
 *
 *	for (size_t i = 0; i < snapshot->thread_count; i++)
 *		if (snapshot->threads[i].tgid == worker) ...
 *	ktstr_ctprof_free(snapshot);
 *
 * A library of its own (`pkg-config --libs ktstr-ctprof`), because it brings shared libraries along
 * that most tests do without; they travel into the guest with the test program.
 */
#ifndef KTSTR_CTPROF_H
#define KTSTR_CTPROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What cannot be found out is 0. Times in nanoseconds, since the thread was born. */
struct ktstr_ctprof_thread {
	uint32_t tgid, tid;                  /* of the leader both are the same */
	char pcomm[64], comm[64];            /* the leader's name and its own */
	char state;                          /* R S D T t X Z P I */
	bool ext_enabled;                    /* run by a sched_ext scheduler */
	int32_t nice, processor;
	uint64_t allocated_bytes, deallocated_bytes;        /* by jemalloc, but of the caller's process */
	uint64_t run_time_ns, wait_time_ns, timeslices;
	uint64_t voluntary_csw, nonvoluntary_csw;
	uint64_t nr_wakeups, nr_migrations;
	uint64_t minflt, majflt;
};

struct ktstr_ctprof_snapshot {
	struct ktstr_ctprof_thread *threads; /* by tgid, the leader first, then by tid */
	size_t thread_count;
};

/*
 * Capture now, with the files of /proc and /sys/fs/cgroup alone and no help from the host. Cannot
 * fail, and never leaves out the leader of a process that is there. It stops each thread of other
 * processes that use jemalloc for some microseconds. For ktstr_ctprof_free(); any thread may call.
 */
struct ktstr_ctprof_snapshot *ktstr_ctprof_capture(void);
void ktstr_ctprof_free(struct ktstr_ctprof_snapshot *snapshot);        /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
