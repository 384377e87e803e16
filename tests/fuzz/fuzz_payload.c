/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a program prints gives finite metrics with names, no more than the limit and no
 * two ways of asking for one that disagree; the look-ups of flat probe output end.
 */
#include <assert.h>
#include <math.h>

#include "payload/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct payload_record *record = xcalloc(1, sizeof(*record));
	char *dump;

	payload_extract(sv_bytes(data, size), KTSTR_STREAM_STDOUT, NULL, record);
	payload_extract_lines(sv_bytes(data, size), KTSTR_STREAM_STDERR, NULL, record);
	assert(record->metrics.len <= PAYLOAD_METRICS_MAX);
	record->view.metrics = record->metrics.at;
	record->view.metric_count = record->metrics.len;
	vec_each(metric, &record->metrics) {
		assert(isfinite(metric->value));
		assert(metric->name[0]);
		assert(ktstr_has_metric(&record->view, metric->name));
	}
	assert(ktstr_thread_count(&record->view) <= KTSTR_MAX_SCAN_INDEX);
	assert(ktstr_snapshot_count(&record->view) <= KTSTR_MAX_SCAN_INDEX);
	(void)ktstr_lookup_thread(&record->view, 1);
	dump = ktstr_flat_metrics_dump(&record->view);
	free(dump);
	payload_record_free(record);
	return 0;
}
