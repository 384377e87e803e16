/* SPDX-License-Identifier: BSD-2-Clause */
/* step_markers.c - the steps of a scenario, for a trace of the guest that ran it. Pure. */
#include "report/report.h"
#include "run/one.h"

DEFINE_AUTO(json_t *, json_decref)

/* Of the i-th event; 0: the guest did not say. */
static uint64_t moment(const json_t *times, size_t i)
{
	json_int_t ns = json_integer_value(json_array_get(times, i));

	return ns > 0 ? (uint64_t)ns : 0;
}

void step_markers_make(struct sv verdict, const json_t *timeline, uint64_t end_ns,
		       struct step_markers *markers)
{
	AUTO(json_decref) json_t *said = json_loadb(verdict.data ?: "", verdict.len, 0, NULL);
	const json_t *times = json_object_get(said, "timeline_at_ns");

	for (size_t i = 0; i < json_array_size(timeline); i++) {
		const json_t *event = json_array_get(timeline, i);
		uint64_t at_ns = moment(times, i);
		uint64_t next_ns = i + 1 < json_array_size(timeline) ? moment(times, i + 1) : end_ns;

		if (!at_ns || at_ns > end_ns || json_is_true(json_object_get(event, "end")))
			continue;
		step_markers_push(markers, (struct step_marker){
			.name = report_change(event),
			.begin_ns = at_ns,
			.end_ns = next_ns < end_ns ? next_ns : end_ns,
		});
	}
}
