/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/verdict.h"

void payload_record_free(struct payload_record *record)
{
	if (!record)
		return;
	free(record->payload);
	free(record->stdout_tail);
	free(record->stderr_tail);
	payload_metrics_done(&record->metrics);
	free(record);
}

/* Past the limit it is still kept for the body, and only counted in the result. */
void verdict_payload(struct ktstr_verdict *verdict, struct payload_record *record)
{
	record->view = (struct ktstr_payload_metrics){
		.payload_index = record->index,
		.payload = record->payload,
		.metrics = record->metrics.at,
		.metric_count = record->metrics.len,
		.exit_code = record->exit_code,
		.stdout_tail = record->stdout_tail ?: "",
		.stderr_tail = record->stderr_tail ?: "",
	};
	payload_records_push(&verdict->payloads, record);
}
