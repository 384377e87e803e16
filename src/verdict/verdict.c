/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/verdict.h"

#include <math.h>
#include <string.h>

void verdict_done(struct ktstr_verdict *verdict)
{
	details_done(&verdict->details);
	metrics_done(&verdict->metrics);
	cgroup_stats_list_done(&verdict->cgroups);
	worker_reports_done(&verdict->workers);
	competitors_done(&verdict->competitors);
	timeline_done(&verdict->timeline);
	payload_records_done(&verdict->payloads);
	*verdict = (struct ktstr_verdict){0};
}

void verdict_found(struct ktstr_verdict *verdict, enum ktstr_state state)
{
	if (!verdict->judged)
		verdict->state = KTSTR_PASS;
	verdict->judged = true;
	verdict->state = state_worse(verdict->state, state);
}

/* One line of at most VERDICT_DETAIL_TEXT_MAX bytes without control characters. */
static char *format_line(const char *fmt, va_list args)
{
	AUTO(buf_done) struct buf text = {.max = VERDICT_DETAIL_TEXT_MAX};

	buf_vprintf(&text, fmt, args);
	if (text.truncated)
		memcpy(text.data + text.len - strlen("..."), "...", strlen("..."));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '\n')
			text.data[i] = ' ';
		else if (c < 0x20 || c == 0x7f)
			text.data[i] = '?';
	}
	return buf_take(&text);
}

/*
 * A flood of one kind must not hide the only detail of another: as many places as there are kinds
 * are kept free for a `first` one, which explains the state. The last place is for the note about
 * what was left out.
 */
static void keep_detail(struct ktstr_verdict *verdict, enum ktstr_kind kind, bool first,
			const char *fmt, va_list args)
{
	size_t limit = VERDICT_DETAILS_MAX - 1 - (first ? 0 : KTSTR_KIND_COUNT);

	if (verdict->details.len >= limit) {
		verdict->left_out.details++;
		return;
	}
	details_push(&verdict->details,
		     (struct detail){.kind = kind, .text = format_line(fmt, args)});
}

static bool is_failure(enum ktstr_kind kind)
{
	return kind > KTSTR_KIND_NONE && kind < KTSTR_KIND_COUNT && kind != KTSTR_KIND_SKIP &&
	       kind != KTSTR_KIND_NOTE;
}

EXPORT bool ktstr_verdict_has(const struct ktstr_verdict *verdict, enum ktstr_kind kind)
{
	return is_failure(kind) && (verdict->failed_kinds >> kind & 1);
}

EXPORT void ktstr_verdict_fail(struct ktstr_verdict *verdict, enum ktstr_kind kind, const char *fmt,
			       ...)
{
	bool first;
	va_list args;

	if (!is_failure(kind))
		kind = KTSTR_KIND_OTHER;        /* it fails all the same, and a note must not */
	first = !ktstr_verdict_has(verdict, kind);
	verdict->failed_kinds |= 1u << kind;
	verdict_found(verdict, KTSTR_FAIL);
	va_start(args, fmt);
	keep_detail(verdict, kind, first, fmt, args);
	va_end(args);
}

EXPORT void ktstr_verdict_note(struct ktstr_verdict *verdict, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	keep_detail(verdict, KTSTR_KIND_NOTE, false, fmt, args);
	va_end(args);
}

EXPORT void ktstr_verdict_skip(struct ktstr_verdict *verdict, const char *fmt, ...)
{
	bool first = !verdict->judged && verdict->state != KTSTR_SKIP;
	va_list args;

	if (!verdict->judged)
		verdict->state = KTSTR_SKIP;
	va_start(args, fmt);
	keep_detail(verdict, KTSTR_KIND_SKIP, first, fmt, args);
	va_end(args);
}

/* There is no kind of its own for this; "other" says why without claiming a failure (P10). */
EXPORT void ktstr_verdict_inconclusive(struct ktstr_verdict *verdict, const char *fmt, ...)
{
	enum ktstr_state before = verdict->state;
	va_list args;

	verdict_found(verdict, KTSTR_INCONCLUSIVE);
	va_start(args, fmt);
	keep_detail(verdict, KTSTR_KIND_OTHER, verdict->state != before, fmt, args);
	va_end(args);
}

EXPORT enum ktstr_state ktstr_verdict_state(const struct ktstr_verdict *verdict)
{
	return verdict->state;
}

/* Plain ASCII, so that names that differ here also differ as JSON keys. */
static char *metric_name(const char *name)
{
	char *clean = xstrndup(name, VERDICT_METRIC_NAME_MAX);

	for (char *c = clean; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	}
	return clean;
}

EXPORT void ktstr_verdict_metric(struct ktstr_verdict *verdict, const char *name, double value)
{
	AUTO(free) char *clean = metric_name(name);

	if (!isfinite(value))
		value = 0;
	vec_each(metric, &verdict->metrics) {
		if (strcmp(metric->name, clean) == 0) {
			metric->value = value;
			return;
		}
	}
	if (verdict->metrics.len >= VERDICT_METRICS_MAX) {
		verdict->left_out.metrics++;
		return;
	}
	metrics_push(&verdict->metrics, (struct metric){.name = TAKE_PTR(clean), .value = value});
}

void verdict_timeline(struct ktstr_verdict *verdict, const struct timeline_event *event)
{
	if (verdict->timeline.len < VERDICT_TIMELINE_MAX)
		timeline_push(&verdict->timeline, *event);
	else
		verdict->left_out.timeline++;
}

void verdict_judge_cleanup(struct ktstr_verdict *verdict, const struct ktstr_checks *checks,
			   uint64_t cleanup_ns)
{
	struct ktstr_checks limits = checks_merge(checks_default(), checks);
	double took_ms;

	verdict->cleanup_ns = saturating_add(verdict->cleanup_ns, cleanup_ns);
	took_ms = (double)verdict->cleanup_ns / NS_PER_MS;
	if (limits.max_cleanup_ms > 0 && took_ms > limits.max_cleanup_ms)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER,
				   "clean-up took %.0fms, over its budget (threshold %.10gms)",
				   took_ms, limits.max_cleanup_ms);
}
