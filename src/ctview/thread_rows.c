/* SPDX-License-Identifier: BSD-2-Clause */
/* thread_rows.c - threads in groups: the registry, the derived metrics, smaps_rollup. */
#include <assert.h>
#include <stdlib.h>

#include "ctview/derived.h"
#include "ctview/flatten.h"
#include "ctview/pattern.h"
#include "ctview/rows.h"

#define KIB 1024

struct member {
	const char *key;
	unsigned side;
	const struct ctprof_thread *thread;
};
DEFINE_VEC(members, struct member, vec_keep)

typedef const struct ctprof_thread *thread_ref;
DEFINE_VEC(thread_refs, thread_ref, vec_keep)

/* --- kernel workers ----------------------------------------------------------------------------------- */

/*
 * What a worker of the kernel's work queues is called: "kworker/u8:3" for good, then "-" or "+" and
 * its last work (kernel/workqueue.c, wq_worker_comm). The first part's length; 0: no such worker.
 */
static size_t worker_id_len(const char *comm)
{
	struct sv name = sv_of(comm);
	size_t len = strlen("kworker/");

	if (!sv_starts(name, "kworker/") || !memchr(comm, ':', name.len))
		return 0;
	while (len < name.len && comm[len] != '-' && comm[len] != '+')
		len++;
	return len;
}

/* With the start it names a thread: a tid is used again, but not within a tick's time. */
static int by_identity(const void *a, const void *b)
{
	const struct ctprof_thread *left = *(const thread_ref *)a, *right = *(const thread_ref *)b;

	if (left->tid != right->tid)
		return left->tid < right->tid ? -1 : 1;
	return (left->start_time_clock_ticks > right->start_time_clock_ticks) -
	       (left->start_time_clock_ticks < right->start_time_clock_ticks);
}

static struct thread_refs find_workers(const struct ctprof_snapshot *snapshot)
{
	struct thread_refs workers = {0};

	vec_each(thread, &snapshot->threads)
		if (worker_id_len(thread->comm) > 0)
			thread_refs_push(&workers, thread);
	if (workers.len > 0)
		qsort(workers.at, workers.len, sizeof(*workers.at), by_identity);
	return workers;
}

/*
 * The same worker as the later side has it, or the thread itself. Its name has changed and would take
 * along all that it ever did, from one group to another: more than anything that has happened.
 */
static const struct ctprof_thread *find_later(const struct thread_refs *later, const struct ctprof_thread *thread)
{
	size_t len = worker_id_len(thread->comm);
	const thread_ref *found = NULL;

	if (len > 0 && later->len > 0)
		found = bsearch(&thread, later->at, later->len, sizeof(*later->at), by_identity);
	return found && worker_id_len((*found)->comm) == len && strncmp((*found)->comm, thread->comm, len) == 0 ?
		       *found :
		       thread;
}

/* --- keys ------------------------------------------------------------------------------------------- */

/* What threads are called on each axis; the flattened cgroups are kept for the second look. */
struct axes {
	struct ctview_names pcomm, comm, cgroup;
	struct ctview_names flat;           /* a path to its flattened form, as literal and called */
	struct thread_refs later;           /* of compare: kernel workers of the candidate */
};

static void axes_done(struct axes *axes)
{
	ctview_names_done(&axes->pcomm);
	ctview_names_done(&axes->comm);
	ctview_names_done(&axes->cgroup);
	ctview_names_done(&axes->flat);
	thread_refs_done(&axes->later);
}
DEFINE_AUTO_DONE(struct axes, axes_done)

static void read_axes(const struct ctview_build *build, struct axes *axes)
{
	const struct ctview_config *config = build->config;

	axes->pcomm.literal = axes->comm.literal = config->no_thread_normalize;
	axes->comm.literal |= config->group_by == CTVIEW_BY_COMM_EXACT;
	axes->cgroup = (struct ctview_names){.kind = CTVIEW_CGROUP_NAMES, .literal = config->no_cg_normalize};
	axes->flat.literal = true;
	if (build->view->sides == 2 && !axes->comm.literal)
		axes->later = find_workers(build->snapshot[1]);
	for (unsigned side = 0; side < build->view->sides; side++) {
		vec_each(thread, &build->snapshot[side]->threads) {
			const struct ctprof_thread *named = find_later(&axes->later, thread);

			ctview_names_add(&axes->pcomm, named->pcomm);
			ctview_names_add(&axes->comm, named->comm);
			ctview_names_add(&axes->flat, thread->cgroup ?: "");
		}
	}
	ctview_names_resolve(&axes->pcomm);
	ctview_names_resolve(&axes->comm);
	ctview_names_resolve(&axes->flat);
	vec_each(name, &axes->flat.names) {
		name->called = ctview_flatten(name->literal, &config->flatten);
		ctview_names_add(&axes->cgroup, name->called);
	}
	ctview_names_resolve(&axes->cgroup);
}

static const char *cgroup_of(const struct axes *axes, const struct ctprof_thread *thread)
{
	return ctview_names_called(&axes->cgroup, ctview_names_called(&axes->flat, thread->cgroup ?: ""));
}

/* Uncleaned: two names that look alike when cleaned are still two groups. */
static char *key_of(const struct ctview_build *build, const struct axes *axes, const struct ctprof_thread *thread)
{
	const struct ctprof_thread *named = find_later(&axes->later, thread);

	switch (build->config->group_by) {
	case CTVIEW_BY_ALL:
		break;
	case CTVIEW_BY_PCOMM:
		return xstrdup(ctview_names_called(&axes->pcomm, named->pcomm));
	case CTVIEW_BY_CGROUP:
		return xstrdup(cgroup_of(axes, thread));
	case CTVIEW_BY_COMM:
	case CTVIEW_BY_COMM_EXACT:
		return xstrdup(ctview_names_called(&axes->comm, named->comm));
	}
	return xasprintf("%s | %s | %s", ctview_names_called(&axes->pcomm, named->pcomm),
			 ctview_names_called(&axes->comm, named->comm), cgroup_of(axes, thread));
}

static int by_key(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = strcmp(left->key, right->key);

	if (order)
		return order;
	if (left->side != right->side)
		return left->side < right->side ? -1 : 1;
	return left->thread < right->thread ? -1 : left->thread > right->thread;
}

static void collect(struct ctview_build *build, const struct axes *axes, struct members *members)
{
	for (unsigned side = 0; side < build->view->sides; side++) {
		vec_each(thread, &build->snapshot[side]->threads) {
			const char *key = ctview_keep(build->view, key_of(build, axes, thread));

			members_push(members, (struct member){.key = key, .side = side, .thread = thread});
		}
	}
	if (members->len > 0)
		qsort(members->at, members->len, sizeof(*members->at), by_key);
}

/* --- one group --------------------------------------------------------------------------------------- */

struct sides {
	struct thread_refs threads[CTVIEW_SIDES];
	struct ctview_cell *cells[CTVIEW_SIDES];            /* a cell a metric of the registry */
};

static void sides_done(struct sides *sides)
{
	for (unsigned side = 0; side < CTVIEW_SIDES; side++) {
		thread_refs_done(&sides->threads[side]);
		free(sides->cells[side]);
	}
}
DEFINE_AUTO_DONE(struct sides, sides_done)

static void put_registry(struct ctview_build *build, size_t group, const struct sides *sides)
{
	for (size_t i = 0; i < ctprof_metric_count; i++) {
		const struct ctprof_metric *metric = &ctprof_metrics[i];
		struct ctview_row row = {
			.section = metric->section == CTPROF_SECTION_PRIMARY ? CTVIEW_PRIMARY : CTVIEW_TASKSTATS_DELAY,
			.group = group, .metric = metric->name, .place = i,
			.unit = (enum ctview_unit)metric->unit, .tags = metric->tags,
		};

		for (unsigned side = 0; side < build->view->sides; side++)
			row.side[side] = sides->cells[side][i];
		ctview_put_row(build, row);
	}
}

static void put_derived(struct ctview_build *build, size_t group, const struct sides *sides)
{
	for (size_t i = 0; i < ctview_derived_count; i++) {
		const struct ctview_derived *derived = &ctview_deriveds[i];
		struct ctview_row row = {
			.section = CTVIEW_DERIVED, .group = group, .metric = derived->name, .place = i,
			.unit = derived->unit, .tags = derived->tags,
		};

		if (!ctview_wants(build, CTVIEW_DERIVED, derived->name))
			continue;
		for (unsigned side = 0; side < build->view->sides; side++)
			row.side[side] = ctview_derive(derived, sides->cells[side]);
		ctview_put_row(build, row);
	}
}

/* Leaders have it; the group's is their sum. In the file's order. */
static void put_smaps(struct ctview_build *build, size_t group, const struct sides *sides)
{
	AUTO(ctview_rows_done) struct ctview_rows rows = {0};

	for (unsigned side = 0; side < build->view->sides; side++) {
		vec_each(thread, &sides->threads[side]) {
			vec_each(pair, &(*thread)->smaps_rollup_kib) {
				struct ctview_row *row = ctview_find_row(&rows, pair->key);
				uint64_t kib = pair->value > INT64_MAX / KIB ? INT64_MAX / KIB : pair->value;

				if (!row)
					row = ctview_rows_push(&rows, (struct ctview_row){.metric = pair->key});
				row->side[side].kind = CTVIEW_WHOLE;
				row->side[side].low = ctview_add(row->side[side].low, kib * KIB);
			}
		}
	}
	for (size_t i = 0; i < rows.len; i++) {
		struct ctview_row row = rows.at[i];
		AUTO(free) char *name = xasprintf("smaps.%s", row.metric);

		row.section = CTVIEW_SMAPS_ROLLUP;
		row.group = group;
		row.place = i;
		row.unit = CTVIEW_UNIT_BYTES;
		if (!ctview_wants(build, row.section, name))
			continue;
		row.metric = ctview_keep_clean(build->view, name);
		ctview_put_row(build, row);
	}
}

static void aggregate(struct ctview_build *build, struct sides *sides)
{
	for (unsigned side = 0; side < build->view->sides; side++) {
		sides->cells[side] = xcalloc(ctprof_metric_count, sizeof(*sides->cells[side]));
		for (size_t i = 0; i < ctprof_metric_count; i++)
			sides->cells[side][i] = ctview_aggregate(&ctprof_metrics[i], sides->threads[side].at,
								 sides->threads[side].len, &build->view->texts);
	}
}

static uint64_t newest_start(const struct ctprof_snapshot *snapshot)
{
	uint64_t newest = 0;

	vec_each(thread, &snapshot->threads)
		if (thread->start_time_clock_ticks > newest)
			newest = thread->start_time_clock_ticks;
	return newest;
}

static void put_group(struct ctview_build *build, const struct member *member, size_t count,
		      const uint64_t newest[CTVIEW_SIDES])
{
	AUTO(sides_done) struct sides sides = {0};
	struct ctview_group group = {.domain = CTVIEW_OF_THREADS};
	size_t index;

	for (size_t i = 0; i < count; i++) {
		const struct ctprof_thread *thread = member[i].thread;
		uint64_t age = newest[member[i].side] - thread->start_time_clock_ticks;
		int64_t *run_time_ns = &group.run_time_ns[member[i].side];

		/* the later side is the last */
		if (i == 0 || member[i].side != member[i - 1].side || age > group.uptime_ticks)
			group.uptime_ticks = age;
		group.threads[member[i].side]++;
		*run_time_ns = ctview_add(*run_time_ns, thread->run_time_ns);
		thread_refs_push(&sides.threads[member[i].side], thread);
	}
	group.name = ctview_keep_clean(build->view, member[0].key);
	if (!ctview_put_group(build, group, &index))
		return;
	aggregate(build, &sides);
	put_registry(build, index, &sides);
	put_derived(build, index, &sides);
	put_smaps(build, index, &sides);
}

void ctview_thread_rows(struct ctview_build *build)
{
	AUTO(axes_done) struct axes axes = {0};
	AUTO(members_done) struct members members = {0};
	uint64_t newest[CTVIEW_SIDES] = {0};

	for (unsigned side = 0; side < build->view->sides; side++)
		newest[side] = newest_start(build->snapshot[side]);
	read_axes(build, &axes);
	collect(build, &axes, &members);
	for (size_t from = 0, to; from < members.len; from = to) {
		for (to = from + 1; to < members.len && strcmp(members.at[from].key, members.at[to].key) == 0; to++)
			;
		put_group(build, &members.at[from], to - from, newest);
	}
}
