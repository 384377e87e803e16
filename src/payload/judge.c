/* SPDX-License-Identifier: BSD-2-Clause */
/* judge.c - contract M6 and capability PM-7: whether what a program measured is what was asked for. */
#include "payload/payload.h"

#define FAIL(verdict, ...) ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, __VA_ARGS__)

static const struct ktstr_metric *find(const struct payload_record *record, const char *name)
{
	vec_each(metric, &record->metrics) {
		if (strcmp(metric->name, name) == 0)
			return metric;
	}
	return NULL;
}

static void judge_exit_codes(const struct ktstr_metric_check *check, const struct payload_record *record,
			     struct ktstr_verdict *verdict)
{
	for (; check && check->kind != KTSTR_CHECK_END; check++) {
		if (check->kind == KTSTR_CHECK_EXIT_CODE && record->exit_code != check->code)
			FAIL(verdict, "payload %s: exit code %d, expected %d", record->payload,
			     record->exit_code, check->code);
	}
}

static void judge_value(const struct ktstr_metric_check *check, const struct payload_record *record,
			double value, struct ktstr_verdict *verdict)
{
	bool low = check->kind != KTSTR_CHECK_MAX && value < check->lo;
	bool high = check->kind != KTSTR_CHECK_MIN && value > check->hi;

	if (low)
		FAIL(verdict, "payload %s: %s = %.10g is below %.10g", record->payload,
		     check->metric, value, check->lo);
	else if (high)
		FAIL(verdict, "payload %s: %s = %.10g is above %.10g", record->payload,
		     check->metric, value, check->hi);
}

static void judge_metrics(const struct ktstr_metric_check *check, const struct payload_record *record,
			  struct ktstr_verdict *verdict)
{
	for (; check && check->kind != KTSTR_CHECK_END; check++) {
		const struct ktstr_metric *metric;

		if (check->kind == KTSTR_CHECK_EXIT_CODE)
			continue;
		metric = find(record, check->metric);
		if (!metric)
			FAIL(verdict, "payload %s: it has no metric %s (of %zu)", record->payload,
			     check->metric, record->metrics.len);
		else if (check->kind != KTSTR_CHECK_EXISTS)
			judge_value(check, record, metric->value, verdict);
	}
}

static void judge_bounds(const struct ktstr_metric_bounds *bounds, const struct payload_record *record,
			 struct ktstr_verdict *verdict)
{
	if (record->metrics.len < bounds->min_count)
		FAIL(verdict, "payload %s: %zu metrics; at least %zu are plausible",
		     record->payload, record->metrics.len, bounds->min_count);
	if (!bounds->bounded)
		return;
	vec_each(metric, &record->metrics) {
		if (metric->value < bounds->value_min || metric->value > bounds->value_max)
			FAIL(verdict, "payload %s: %s = %.10g is not plausible (%.10g to %.10g)",
			     record->payload, metric->name, metric->value, bounds->value_min,
			     bounds->value_max);
	}
}

void payload_judge(const struct ktstr_payload *payload, const struct ktstr_metric_check *more,
		   bool replace, const struct payload_record *record, struct ktstr_verdict *verdict)
{
	const struct ktstr_metric_check *own = replace ? NULL : payload->default_checks;

	verdict_found(verdict, KTSTR_PASS);
	judge_exit_codes(own, record, verdict);
	judge_exit_codes(more, record, verdict);
	judge_metrics(own, record, verdict);
	judge_metrics(more, record, verdict);
	if (payload->metric_bounds)
		judge_bounds(payload->metric_bounds, record, verdict);
	if (record->left_out)
		ktstr_verdict_note(verdict, "payload %s: %zu more metrics were left out",
				   record->payload, record->left_out);
}
