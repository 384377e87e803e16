/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of /proc and of cgroups, one parser after the other over the same bytes: none reads
 * outside them, what they give is within its bounds, and a thread read from them survives a file.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "ctprof/ctprof.h"
#include "ctprof/parse.h"
#include "ctprof/taskstats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	AUTO(ctprof_pairs_done) struct ctprof_pairs pairs = {0};
	struct ctprof_thread thread = {.cgroup = ctprof_snapshot_name(&snapshot, sv_of(""))};
	struct parse_status_extra status;
	struct parse_stat_extra stat;
	struct ctprof_psi_line some = {0}, full = {0};
	struct sv text = sv_bytes(data, size), path;
	uint64_t negatives = 0;

	(void)parse_schedstat(text, &thread);
	(void)parse_io(text, &thread);
	(void)parse_status(text, &thread, &status);
	(void)parse_sched(text, &thread, &negatives);
	assert(negatives <= size);
	if (parse_cgroup(text, &path) == 0) {
		assert(path.len > 0 && *path.data == '/');
		thread.cgroup = ctprof_snapshot_name(&snapshot, path);
	}
	(void)parse_smaps_rollup(text, &snapshot, &thread.smaps_rollup_kib);
	parse_flat_keyed(text, &snapshot, &pairs);
	assert(pairs.len <= size);
	(void)parse_pressure(text, &some, &full);
	assert(some.avg10 <= 100000099 && full.avg300 <= 100000099);
	(void)taskstats_decode(data, size, &thread);
	if (parse_stat(text, &thread, &stat) == 0) {
		assert(memchr(thread.comm, '\0', sizeof(thread.comm)));
		assert(thread.policy <= CTPROF_POLICY_MAX);
	}
	ctprof_threads_push(&snapshot.threads, thread);
	return 0;
}
