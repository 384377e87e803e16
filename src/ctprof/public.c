/* SPDX-License-Identifier: BSD-2-Clause */
/* public.c - <ktstr/ctprof.h>: a capture as test bodies want it. */
#include <assert.h>
#include <stdlib.h>

#include <ktstr/ctprof.h>

#include "ctprof/capture.h"

static struct ktstr_ctprof_thread row_of(const struct ctprof_thread *thread)
{
	struct ktstr_ctprof_thread row = {
		.tgid = thread->tgid,
		.tid = thread->tid,
		.state = thread->state,
		.ext_enabled = thread->ext_enabled,
		.nice = thread->nice,
		.processor = thread->processor,
		.allocated_bytes = thread->allocated_bytes,
		.deallocated_bytes = thread->deallocated_bytes,
		.run_time_ns = thread->run_time_ns,
		.wait_time_ns = thread->wait_time_ns,
		.timeslices = thread->timeslices,
		.voluntary_csw = thread->voluntary_csw,
		.nonvoluntary_csw = thread->nonvoluntary_csw,
		.nr_wakeups = thread->nr_wakeups,
		.nr_migrations = thread->nr_migrations,
		.minflt = thread->minflt,
		.majflt = thread->majflt,
	};

	static_assert(sizeof(row.comm) == sizeof(thread->comm), "one bound for names");
	memcpy(row.comm, thread->comm, sizeof(row.comm));
	memcpy(row.pcomm, thread->pcomm, sizeof(row.pcomm));
	return row;
}

EXPORT struct ktstr_ctprof_snapshot *ktstr_ctprof_capture(void)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	struct ktstr_ctprof_snapshot *result = xcalloc(1, sizeof(*result));

	ctprof_capture(NULL, &snapshot, NULL);
	result->threads = xcalloc(snapshot.threads.len + 1, sizeof(*result->threads));
	vec_each(thread, &snapshot.threads)
		result->threads[result->thread_count++] = row_of(thread);
	return result;
}

EXPORT void ktstr_ctprof_free(struct ktstr_ctprof_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->threads);
	free(snapshot);
}
