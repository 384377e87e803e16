/* SPDX-License-Identifier: BSD-2-Clause */
/* measure.c - from what a payload printed to its metrics, by its output format. */
#include "payload/payload.h"

static const struct ktstr_metric_hint *hint_of(const struct ktstr_metric_hint *hints, const char *name)
{
	for (; hints && hints->name; hints++) {
		if (strcmp(hints->name, name) == 0)
			return hints;
	}
	return NULL;
}

void payload_add_metric(struct payload_record *record, const struct ktstr_metric_hint *hints,
			const char *name, double value, enum ktstr_metric_stream stream)
{
	const struct ktstr_metric_hint *hint = hint_of(hints, name);

	if (record->metrics.len == PAYLOAD_METRICS_MAX) {
		record->left_out++;
		return;
	}
	payload_metrics_push(&record->metrics, (struct ktstr_metric){
		.name = xstrdup(name),
		.value = value,
		.polarity = hint ? hint->polarity : KTSTR_POLARITY_UNKNOWN,
		.target = hint ? hint->target : 0,
		.unit = xstrdup(hint && hint->unit ? hint->unit : ""),
		.stream = stream,
	});
}

static void extract(const struct ktstr_payload *payload, struct sv text,
		    enum ktstr_metric_stream stream, struct payload_record *record)
{
	switch (payload->output) {
	case KTSTR_OUTPUT_EXIT_CODE:
		return;
	case KTSTR_OUTPUT_JSON:
		payload_extract(text, stream, payload->metrics, record);
		return;
	case KTSTR_OUTPUT_LINES:
		payload_extract_lines(text, stream, payload->metrics, record);
		return;
	}
}

void payload_measure(const struct ktstr_payload *payload, struct sv out, struct sv errors,
		     struct payload_record *record)
{
	extract(payload, out, KTSTR_STREAM_STDOUT, record);
	if (record->metrics.len == 0)
		extract(payload, errors, KTSTR_STREAM_STDERR, record);
}
