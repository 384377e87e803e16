/* SPDX-License-Identifier: BSD-2-Clause */
/* changes.c - two snapshots of one machine as what happened between them. */
#include <assert.h>
#include <stdlib.h>

#include "ctview/view.h"

typedef const struct ctprof_thread *thread_ref;
DEFINE_VEC(thread_refs, thread_ref, vec_keep)

/* A tid is used again, but not within a tick's time: with its start it names a thread. */
static int by_identity(const void *a, const void *b)
{
	const struct ctprof_thread *left = *(const thread_ref *)a, *right = *(const thread_ref *)b;

	if (left->tid != right->tid)
		return left->tid < right->tid ? -1 : 1;
	if (left->start_time_clock_ticks != right->start_time_clock_ticks)
		return left->start_time_clock_ticks < right->start_time_clock_ticks ? -1 : 1;
	return 0;
}

/* What was read less what was there; a counter that could not be read this time is 0. */
static void less(uint64_t *value, uint64_t was)
{
	*value = *value > was ? *value - was : 0;
}

static void subtract(struct ctprof_thread *thread, const struct ctprof_thread *before)
{
	for (size_t i = 0; i < ctprof_metric_count; i++) {
		const struct ctprof_metric *metric = &ctprof_metrics[i];
		if (metric->type == CTPROF_TYPE_U64 && metric->aggregate == CTPROF_SUM)
			less((uint64_t *)(void *)((char *)thread + metric->offset),
			     (uint64_t)ctprof_metric_value(metric, before));
	}
}

static struct ctprof_thread copy_thread(struct ctprof_snapshot *into, const struct ctprof_thread *thread)
{
	struct ctprof_thread copy = *thread;

	copy.cgroup = ctprof_snapshot_name(into, sv_of(thread->cgroup ?: ""));
	copy.smaps_rollup_kib = (struct ctprof_pairs){0};
	vec_each(pair, &thread->smaps_rollup_kib)
		ctprof_pairs_push(&copy.smaps_rollup_kib,
				  (struct ctprof_pair){ctprof_snapshot_name(into, sv_of(pair->key)), pair->value});
	return copy;
}

static void copy_pairs(struct ctprof_snapshot *into, const struct ctprof_pairs *from, struct ctprof_pairs *to)
{
	*to = (struct ctprof_pairs){0};
	vec_each(pair, from)
		ctprof_pairs_push(to, (struct ctprof_pair){ctprof_snapshot_name(into, sv_of(pair->key)), pair->value});
}

static void subtract_psi(struct ctprof_psi *psi, const struct ctprof_psi *before)
{
	for (unsigned i = 0; i < CTPROF_PSI_RESOURCES; i++) {
		less(&psi->resource[i].some.total_usec, before->resource[i].some.total_usec);
		less(&psi->resource[i].full.total_usec, before->resource[i].full.total_usec);
	}
}

static void subtract_cgroup(struct ctprof_cgroup *cgroup, const struct ctprof_cgroup *before)
{
	less(&cgroup->cpu.usage_usec, before->cpu.usage_usec);
	less(&cgroup->cpu.nr_throttled, before->cpu.nr_throttled);
	less(&cgroup->cpu.throttled_usec, before->cpu.throttled_usec);
	subtract_psi(&cgroup->psi, &before->psi);
	vec_each(event, &cgroup->memory.events)
		vec_each(was, &before->memory.events)
			if (strcmp(event->key, was->key) == 0)
				less(&event->value, was->value);
}

static void subtract_cgroups(struct ctprof_snapshot *changes, const struct ctprof_snapshot *before)
{
	subtract_psi(&changes->psi, &before->psi);
	vec_each(cgroup, &changes->cgroups) {
		const struct ctprof_cgroup *was = ctprof_snapshot_cgroup(before, cgroup->path);

		if (was)
			subtract_cgroup(cgroup, was);
	}
}

static void copy_rest(const struct ctprof_snapshot *from, struct ctprof_snapshot *to)
{
	to->captured_at_unix_ns = from->captured_at_unix_ns;
	to->psi = from->psi;
	to->has_sched_ext = from->has_sched_ext;
	to->sched_ext = from->sched_ext;
	to->sched_ext.state = ctprof_snapshot_name(to, sv_of(from->sched_ext.state ?: ""));
	vec_each(cgroup, &from->cgroups) {
		struct ctprof_cgroup copy = *cgroup;

		copy.path = ctprof_snapshot_name(to, sv_of(cgroup->path));
		copy_pairs(to, &cgroup->memory.stat, &copy.memory.stat);
		copy_pairs(to, &cgroup->memory.events, &copy.memory.events);
		ctprof_cgroups_push(&to->cgroups, copy);
	}
}

void ctview_changes(const struct ctprof_snapshot *before, const struct ctprof_snapshot *after,
		    struct ctprof_snapshot *ret_changes)
{
	struct ctprof_snapshot changes = {0};
	AUTO(thread_refs_done) struct thread_refs known = {0};

	vec_each(thread, &before->threads)
		thread_refs_push(&known, thread);
	if (known.len > 0)
		qsort(known.at, known.len, sizeof(*known.at), by_identity);
	vec_each(thread, &after->threads) {
		thread_ref key = thread;
		const thread_ref *was = known.len ? bsearch(&key, known.at, known.len, sizeof(key), by_identity) : NULL;
		struct ctprof_thread *copy = ctprof_threads_push(&changes.threads, copy_thread(&changes, thread));

		if (was)
			subtract(copy, *was);
	}
	copy_rest(after, &changes);
	subtract_cgroups(&changes, before);
	*ret_changes = changes;
}
