/* SPDX-License-Identifier: BSD-2-Clause */
/* run.h - what one run of ktstr-jemalloc-probe was asked for and found. */
#ifndef JEMALLOC_PROBE_RUN_H
#define JEMALLOC_PROBE_RUN_H

#include <jansson.h>

#include "probe/probe.h"

struct options {
	pid_t pid;
	bool json;
	const char *sidecar;             /* or NULL */
	uint32_t snapshot_count;         /* asked for */
	uint32_t interval_ms;            /* 0: one snapshot */
	uint32_t abort_after_ms;         /* 0: never */
};

struct snapshot {
	uint64_t timestamp_unix_sec;
	uint64_t elapsed_since_start_ns;
	struct probe_readings threads;
};

static inline void snapshot_done(struct snapshot *snapshot)
{
	probe_readings_done(&snapshot->threads);
}
DEFINE_AUTO_DONE(struct snapshot, snapshot_done)
DEFINE_VEC(snapshots, struct snapshot, snapshot_done)

struct run {
	const struct options *options;
	uint64_t started_at_unix_sec;
	bool interrupted;
	struct snapshots snapshots;
};

/* Whether there was something to read and nothing could be. */
bool run_all_failed(const struct run *run);

/* The document of --json; the caller's, for json_decref(). */
json_t *run_to_json(const struct run *run);
void run_print(const struct run *run);           /* for people: rows on stdout, warnings on stderr */

/*
 * Append the run's numbers to the result record at options->sidecar, as one more element of its
 * "metrics": each name prefixed by "jemalloc_probe.". Readers see the old file or the new one. Waits
 * for others who do the same, 30 s at most and not after a cancel.
 */
int sidecar_append(const struct run *run, json_t *document, int exit_code, struct ktstr_error *err);

#endif
