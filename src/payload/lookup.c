/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup.c - contract 1.7.2: finding things among flat metrics. */
#include <stdio.h>

#include "base/export.h"
#include "payload/payload.h"

#define WHOLE_MAX 9007199254740992.0          /* 2^53: above, doubles skip whole numbers */
#define NAME_MAX_LEN 96

EXPORT bool ktstr_find_metric(const struct ktstr_payload_metrics *metrics, const char *name,
			      double *ret_value)
{
	for (size_t i = 0; i < metrics->metric_count; i++) {
		if (strcmp(metrics->metrics[i].name, name) == 0) {
			*ret_value = metrics->metrics[i].value;
			return true;
		}
	}
	return false;
}

EXPORT bool ktstr_has_metric(const struct ktstr_payload_metrics *metrics, const char *name)
{
	double value;

	return ktstr_find_metric(metrics, name, &value);
}

EXPORT bool ktstr_find_metric_u64(const struct ktstr_payload_metrics *metrics, const char *name,
				  uint64_t *ret_value)
{
	double value;

	if (!ktstr_find_metric(metrics, name, &value) || value < 0 || value > WHOLE_MAX)
		return false;
	*ret_value = (uint64_t)value;
	return !((double)*ret_value < value);
}

__attribute__((format(printf, 3, 4))) static bool find_u64(const struct ktstr_payload_metrics *metrics,
							   uint64_t *ret_value, const char *fmt, ...)
{
	char name[NAME_MAX_LEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	return ktstr_find_metric_u64(metrics, name, ret_value);
}

static bool has_tid(const struct ktstr_payload_metrics *metrics, size_t snapshot, size_t thread,
		    uint64_t *ret_tid)
{
	return find_u64(metrics, ret_tid, "snapshots.%zu.threads.%zu.tid", snapshot, thread);
}

EXPORT size_t ktstr_thread_count(const struct ktstr_payload_metrics *metrics)
{
	uint64_t tid;
	size_t count = 0;

	while (count < KTSTR_MAX_SCAN_INDEX && has_tid(metrics, 0, count, &tid))
		count++;
	return count;
}

EXPORT size_t ktstr_snapshot_count(const struct ktstr_payload_metrics *metrics)
{
	char name[NAME_MAX_LEN];
	size_t count = 0;

	for (; count < KTSTR_MAX_SCAN_INDEX; count++) {
		snprintf(name, sizeof(name), "snapshots.%zu.timestamp_unix_sec", count);
		if (!ktstr_has_metric(metrics, name))
			break;
	}
	return count;
}

EXPORT struct ktstr_thread_lookup
ktstr_snapshot_worker_allocated(const struct ktstr_payload_metrics *metrics, size_t snapshot, int32_t tid)
{
	struct ktstr_thread_lookup lookup = {.state = KTSTR_THREAD_ABSENT};
	uint64_t have;
	size_t i = 0;

	for (; i < KTSTR_MAX_SCAN_INDEX; i++) {
		if (!has_tid(metrics, snapshot, i, &have))
			return lookup;
		if (tid >= 0 && have == (uint64_t)tid)
			break;
	}
	if (i == KTSTR_MAX_SCAN_INDEX) {
		lookup.state = KTSTR_THREAD_EXCEEDS_CAP;
		return lookup;
	}
	if (!find_u64(metrics, &lookup.allocated_bytes, "snapshots.%zu.threads.%zu.allocated_bytes",
		      snapshot, i)) {
		lookup.state = KTSTR_THREAD_MISSING_ALLOCATED_BYTES;
		return lookup;
	}
	lookup.state = KTSTR_THREAD_FOUND;
	lookup.has_deallocated = find_u64(metrics, &lookup.deallocated_bytes,
					  "snapshots.%zu.threads.%zu.deallocated_bytes", snapshot, i);
	return lookup;
}

EXPORT struct ktstr_thread_lookup ktstr_lookup_thread(const struct ktstr_payload_metrics *metrics,
						      int32_t tid)
{
	return ktstr_snapshot_worker_allocated(metrics, 0, tid);
}

EXPORT char *ktstr_flat_metrics_dump(const struct ktstr_payload_metrics *metrics)
{
	AUTO(buf_done) struct buf text = {.max = 1 << 20};

	for (size_t i = 0; i < metrics->metric_count; i++)
		buf_printf(&text, "%s = %.17g\n", metrics->metrics[i].name,
			   metrics->metrics[i].value);
	return text.data ? buf_take(&text) : xstrdup("");
}
