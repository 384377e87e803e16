/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctprof_sources.h - do both sources tell the same? Captures by /proc, by BPF and by /proc again, and
 * looks at every field of every thread that all three saw: a number from BPF must lie between the
 * two from /proc. What can change and change back in between (a state, a CPU, a worker's name) must
 * fit in one round of several.
 */
#ifndef CTPROF_SOURCES_H
#define CTPROF_SOURCES_H

#include <stdlib.h>

#include "ctprof/ctprof.h"

#define SOURCES_ROUNDS 5

struct sources_result {
	bool has_bpf;
	char why_not_bpf[KTSTR_ERROR_MSG_MAX];
	size_t threads;                 /* compared in the last round */
	size_t fields;                  /* of them not 0 in any thread */
	size_t differences;             /* that cannot be explained */
	struct buf words;               /* a line each */
};

/* Fields whose value in one round says nothing about that in the next, per thread that differed. */
struct sources_doubt {
	uint32_t tid;
	const char *field;
	unsigned rounds;
};
DEFINE_VEC(sources_doubts, struct sources_doubt, vec_keep)

static const struct ctprof_thread *sources_find(const struct ctprof_snapshot *snapshot,
						const struct ctprof_thread *like)
{
	vec_each(thread, &snapshot->threads)
		if (thread->tid == like->tid &&
		    thread->start_time_clock_ticks == like->start_time_clock_ticks)
			return thread;
	return NULL;
}

static void sources_differ(struct sources_result *result, const struct ctprof_thread *thread, const char *field,
			   int64_t before, int64_t bpf, int64_t after)
{
	result->differences++;
	buf_printf(&result->words, "%u %s: %s is %lld by BPF, %lld before and %lld after by /proc\n", thread->tid,
		   thread->comm, field, (long long)bpf, (long long)before, (long long)after);
}

static void sources_doubt(struct sources_doubts *doubts, uint32_t tid, const char *field)
{
	vec_each(doubt, doubts) {
		if (doubt->tid == tid && strcmp(doubt->field, field) == 0) {
			doubt->rounds++;
			return;
		}
	}
	sources_doubts_push(doubts, (struct sources_doubt){tid, field, 1});
}

/*
 * User and system time are shares of the exact run time, by a ratio that changes with each tick;
 * /proc remembers what it said and never goes back (cputime_adjust), but BPF's answer is not remembered.
 */
#define SOURCES_TICKS 2

static bool sources_moves_back(const struct ctprof_metric *metric)
{
	if (metric->unit == CTPROF_UNIT_TICKS)
		return true;
	if (strncmp(metric->name, "hiwater", strlen("hiwater")) == 0)
		return true;         /* an exiting process gives its memory back */
	return metric->type != CTPROF_TYPE_U64 || strcmp(metric->name, "nr_threads") == 0 ||
	       strcmp(metric->name, "fair_slice_ns") == 0;
}

static void sources_compare_metric(struct sources_result *result, struct sources_doubts *doubts,
				   const struct ctprof_metric *metric, const struct ctprof_thread *before,
				   const struct ctprof_thread *bpf, const struct ctprof_thread *after)
{
	int64_t low, have, high, slack;

	if (metric->type == CTPROF_TYPE_CPUS) {
		if (!cpuset_equal(&bpf->cpu_affinity, &before->cpu_affinity) &&
		    !cpuset_equal(&bpf->cpu_affinity, &after->cpu_affinity))
			sources_doubt(doubts, bpf->tid, metric->name);
		return;
	}
	low = ctprof_metric_value(metric, before);
	have = ctprof_metric_value(metric, bpf);
	high = ctprof_metric_value(metric, after);
	slack = metric->unit == CTPROF_UNIT_TICKS ? SOURCES_TICKS : 0;
	if (have >= (low < high ? low : high) - slack && have <= (low < high ? high : low) + slack)
		return;
	if (sources_moves_back(metric))
		sources_doubt(doubts, bpf->tid, metric->name);
	else
		sources_differ(result, bpf, metric->name, low, have, high);
}

/*
 * What a kernel worker does is behind its name, "kworker/0:1+events" while it does it. A capture by
 * BPF gives one some work each time that it loads and frees a program.
 */
static bool sources_same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "+-");

	if (strncmp(a, "kworker/", strlen("kworker/")) != 0)
		return strcmp(a, b) == 0;
	return strcspn(b, "+-") == len && memcmp(a, b, len) == 0;
}

static void sources_compare_texts(struct sources_doubts *doubts, const struct ctprof_thread *before,
				  const struct ctprof_thread *bpf, const struct ctprof_thread *after)
{
	if (!sources_same_name(bpf->comm, before->comm) && !sources_same_name(bpf->comm, after->comm))
		sources_doubt(doubts, bpf->tid, "comm");
	if (!sources_same_name(bpf->pcomm, before->pcomm) && !sources_same_name(bpf->pcomm, after->pcomm))
		sources_doubt(doubts, bpf->tid, "pcomm");
	if (strcmp(bpf->cgroup, before->cgroup) != 0 && strcmp(bpf->cgroup, after->cgroup) != 0)
		sources_doubt(doubts, bpf->tid, "cgroup");
	if (bpf->tgid != before->tgid)
		sources_doubt(doubts, bpf->tid, "tgid");
}

static void sources_round(struct sources_result *result, struct sources_doubts *doubts, bool *seen)
{
	const struct ctprof_capture_config by_proc = {.source = CTPROF_SOURCE_PROC, .no_heap = true};
	const struct ctprof_capture_config by_bpf = {.source = CTPROF_SOURCE_BPF, .no_heap = true};
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot before = {0}, bpf = {0}, after = {0};
	struct ctprof_capture_report report;

	ctprof_capture(&by_proc, &before, NULL);
	ctprof_capture(&by_bpf, &bpf, &report);
	ctprof_capture(&by_proc, &after, NULL);
	result->has_bpf = report.source == CTPROF_SOURCE_BPF;
	memcpy(result->why_not_bpf, report.why_not_bpf, sizeof(result->why_not_bpf));
	result->threads = 0;
	vec_each(thread, &bpf.threads) {
		const struct ctprof_thread *first = sources_find(&before, thread);
		const struct ctprof_thread *last = sources_find(&after, thread);

		if (!first || !last)
			continue;
		result->threads++;
		sources_compare_texts(doubts, first, thread, last);
		for (size_t i = 0; i < ctprof_metric_count; i++) {
			sources_compare_metric(result, doubts, &ctprof_metrics[i], first, thread, last);
			if (ctprof_metrics[i].type != CTPROF_TYPE_CPUS &&
			    ctprof_metric_value(&ctprof_metrics[i], thread))
				seen[i] = true;
		}
	}
}

/* For buf_done(&ret_result->words). */
static void sources_compare(struct sources_result *ret_result)
{
	AUTO(sources_doubts_done) struct sources_doubts doubts = {0};
	AUTO(free) bool *seen = xcalloc(ctprof_metric_count, sizeof(*seen));

	*ret_result = (struct sources_result){0};
	for (int round = 0; round < SOURCES_ROUNDS; round++)
		sources_round(ret_result, &doubts, seen);
	vec_each(doubt, &doubts) {
		if (doubt->rounds < SOURCES_ROUNDS)
			continue;
		ret_result->differences++;
		buf_printf(&ret_result->words, "%u: %s differs in all of %d rounds\n", doubt->tid, doubt->field,
			   SOURCES_ROUNDS);
	}
	for (size_t i = 0; i < ctprof_metric_count; i++)
		ret_result->fields += seen[i];
}

#endif
