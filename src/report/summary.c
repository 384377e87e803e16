/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * summary.c - the first lines under a failure, for somebody who was woken by it:
 *
 *   BUG SUMMARY
 *     what:   workers that wanted to run got no CPU time (starved)
 *     where:  cgroup cg_0, worker 1 (tid 123), which ran on CPU 1; ran 4 ms, waited 1900 ms
 *     since:  0.53 s after the load began, in step 2 shrink: set_cpuset
 *     repeat: ktstr test ./my_sched --exact starving --mode det --seed 1
 *
 * The worst finding alone; the reasons below have all of them with their numbers. Lines that nothing
 * is known for are left out. Pure: from a result, whose numbers a guest may have made up, to text.
 */
#include "report/format.h"

/* Whom a kind is about: the worker that has most of it. */
enum victim { VICTIM_NONE, VICTIM_LEAST_CPU, VICTIM_LONGEST_GAP, VICTIM_MOST_WAITING, VICTIM_MOST_MOVED };

static const struct kind_row {
	const char *what;        /* NULL: the finding's own text says more */
	enum victim victim;
	unsigned badness;        /* which of several kinds is told; what explains the others is worst */
} kind_rows[KTSTR_KIND_COUNT] = {
	[KTSTR_KIND_SCHEDULER_DIED] = {"the scheduler ended, or the kernel put it out", VICTIM_NONE, SUMMARY_BADNESS_MAX},
	[KTSTR_KIND_WORKER_DIED] = {"a worker ended without a report", VICTIM_NONE, 8},
	[KTSTR_KIND_STARVED] = {"workers that wanted to run got no CPU time", VICTIM_LEAST_CPU, 7},
	[KTSTR_KIND_STUCK] = {"a worker was kept off the CPUs for too long at a time", VICTIM_LONGEST_GAP, 6},
	[KTSTR_KIND_ISOLATION] = {"workers ran on CPUs outside of their cpuset", VICTIM_NONE, 5},
	[KTSTR_KIND_IDLE_WHILE_WAITING] = {"CPUs stood idle while workers waited for one",
					   VICTIM_MOST_WAITING, 4},
	[KTSTR_KIND_UNFAIR] = {"CPU time was not shared as it should be", VICTIM_LEAST_CPU, 3},
	[KTSTR_KIND_MIGRATION] = {"workers were moved between CPUs too often", VICTIM_MOST_MOVED, 2},
	[KTSTR_KIND_PAGE_LOCALITY] = {"memory was not on the NUMA nodes that it should be on", VICTIM_NONE, 2},
	[KTSTR_KIND_CROSS_NODE_MIGRATION] = {"memory was moved between NUMA nodes too often", VICTIM_NONE, 2},
	[KTSTR_KIND_SLOW_TIER] = {"memory was on NUMA nodes without CPUs", VICTIM_NONE, 2},
	[KTSTR_KIND_BENCHMARK] = {NULL, VICTIM_MOST_WAITING, 2},
	[KTSTR_KIND_MONITOR] = {"the guest, seen from outside, was not as it should be", VICTIM_NONE, 2},
	[KTSTR_KIND_OTHER] = {NULL, VICTIM_NONE, 1},
};

unsigned summary_badness(enum ktstr_kind kind)
{
	return (unsigned)kind < KTSTR_KIND_COUNT ? kind_rows[kind].badness : 0;
}

static double number_at(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));        /* 0 for anything else */
}

static enum ktstr_kind worst_kind(const struct result *result)
{
	enum ktstr_kind worst = KTSTR_KIND_NONE;

	vec_each(detail, &result->outcome.details) {
		if (summary_badness(detail->kind) > summary_badness(worst))
			worst = detail->kind;
	}
	return worst;
}

static void put_what(struct buf *out, const char *indent, const struct result *result, enum ktstr_kind kind)
{
	AUTO(free) char *ending = kind == KTSTR_KIND_SCHEDULER_DIED ? ending_what(result) : NULL;
	AUTO(free) char *reason = result_reason(result);
	const char *what = ending ?: kind_rows[kind].what ?: reason;

	if (result->outcome.state == KTSTR_ERROR)
		buf_printf(out, "%swhat:   no verdict: %s\n", indent, reason);
	else if (result->outcome.state == KTSTR_INCONCLUSIVE)
		buf_printf(out, "%swhat:   no verdict: there was nothing to judge by\n", indent);
	else
		buf_printf(out, "%swhat:   %s (%s)\n", indent, what,
			   kind_name(kind ? kind : KTSTR_KIND_OTHER));
}

/* How much of it a worker has; the highest is the victim. */
static double score(enum victim victim, const json_t *worker)
{
	double wall_ns = number_at(worker, "wall_ns");

	switch (victim) {
	case VICTIM_LEAST_CPU:
		return wall_ns > 0 ? -number_at(worker, "cpu_ns") / wall_ns : 0;
	case VICTIM_LONGEST_GAP:
		return number_at(worker, "max_gap_ns");
	case VICTIM_MOST_WAITING:
		return number_at(worker, "run_delay_ns");
	case VICTIM_MOST_MOVED:
		return number_at(worker, "migrations");
	case VICTIM_NONE:
		break;
	}
	return 0;
}

/* The cgroup that is furthest below what its weight gives it; NULL: none is. */
static const json_t *shortest_cgroup(const struct result *result)
{
	const json_t *cgroups = json_object_get(result->outcome.stats, "cgroups"), *worst = NULL;

	for (size_t i = 0; i < json_array_size(cgroups); i++) {
		const json_t *cgroup = json_array_get(cgroups, i);

		if (number_at(cgroup, "weight_shortfall_pct") > number_at(worst, "weight_shortfall_pct"))
			worst = cgroup;
	}
	return worst;
}

static bool is_in(const json_t *worker, const json_t *cgroup)
{
	return !cgroup || json_equal(json_object_get(worker, "cgroup"), json_object_get(cgroup, "name"));
}

/* cgroup: of its workers only; NULL: of all. */
static const json_t *find_victim(enum victim victim, const json_t *workers, const json_t *cgroup)
{
	const json_t *worst = NULL;

	if (victim == VICTIM_NONE)
		return NULL;
	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *worker = json_array_get(workers, i);

		if (!is_in(worker, cgroup))
			continue;
		if (!worst || score(victim, worker) > score(victim, worst))
			worst = worker;
	}
	return worst;
}

static bool has_kind(const struct result *result, enum ktstr_kind kind)
{
	vec_each(detail, &result->outcome.details) {
		if (detail->kind == kind)
			return true;
	}
	return false;
}

/* A scheduler that was put out for what it did to a worker: the worker is where to look. */
static enum ktstr_kind kind_of_place(const struct result *result, enum ktstr_kind kind)
{
	if (kind != KTSTR_KIND_SCHEDULER_DIED)
		return kind;
	return has_kind(result, KTSTR_KIND_STUCK)     ? KTSTR_KIND_STUCK
	       : has_kind(result, KTSTR_KIND_STARVED) ? KTSTR_KIND_STARVED
						      : kind;
}

/* False: nothing is known of where the scheduler ended. */
static bool put_ending_place(struct buf *out, const char *indent, const struct result *result)
{
	AUTO(free) char *where = ending_where(result);

	if (where)
		buf_printf(out, "%swhere:  %s\n", indent, where);
	return where;
}

/* "CPU 2-3 mostly idle; " */
static void put_idle_cpus(struct buf *out, const struct result *result)
{
	json_t *window = json_object_get(result->outcome.stats, "window");
	AUTO(free) char *cpus = one_line(json_string_value(json_object_get(window, "idle_cpus")));

	if (*cpus)
		buf_printf(out, "CPU %s mostly idle; ", cpus);
}

/* short_cgroup: the worker's, when that had too little for its weight; or NULL */
static void put_where(struct buf *out, const char *indent, const struct result *result,
		      enum ktstr_kind kind, const json_t *worker, const json_t *short_cgroup)
{
	AUTO(free) char *cgroup = one_line(json_string_value(json_object_get(worker, "cgroup")));
	AUTO(free) char *cpus = one_line(json_string_value(json_object_get(worker, "cpus")));

	if (!worker)
		return;
	buf_printf(out, "%swhere:  ", indent);
	if (kind == KTSTR_KIND_IDLE_WHILE_WAITING)
		put_idle_cpus(out, result);
	buf_printf(out, "cgroup %s, ", cgroup);
	if (short_cgroup)
		buf_printf(out, "short of its weight's share by %.0f points; ",
			   number_at(short_cgroup, "weight_shortfall_pct"));
	buf_printf(out, "worker %.0f (tid %.0f)", number_at(worker, "index"), number_at(worker, "tid"));
	if (kind == KTSTR_KIND_STUCK)
		buf_printf(out, ", on CPU %.0f", number_at(worker, "max_gap_cpu"));
	else if (*cpus)
		buf_printf(out, ", which ran on CPU %s", cpus);
	buf_printf(out, "; ran %.0f ms, waited %.0f ms\n", number_at(worker, "cpu_ns") / NS_PER_MS,
		   number_at(worker, "run_delay_ns") / NS_PER_MS);
}

/* Where the longest gap began, on the clock of the timeline. */
static double gap_began_ns(const json_t *worker)
{
	double at = number_at(worker, "start_ns") + number_at(worker, "max_gap_at_ns") -
		    number_at(worker, "max_gap_ns");

	return at > 0 ? at : 0;
}

static void put_since(struct buf *out, const char *indent, const struct result *result,
		      enum ktstr_kind kind, const json_t *worker)
{
	const json_t *events = json_object_get(result->outcome.stats, "timeline");
	AUTO(free) char *step = NULL;
	double ns = 0;

	if (kind == KTSTR_KIND_SCHEDULER_DIED) {
		double stalled_ns = ending_stalled_ns(result);

		ns = number_at(result->outcome.scheduler, "ended_after_ns");
		if (ns > 0 && stalled_ns > 0 && stalled_ns < ns)
			buf_printf(out, "%ssince:  %.2f s after the test began; put out at %.2f s\n", indent,
				   (ns - stalled_ns) / NS_PER_S, ns / NS_PER_S);
		else if (ns > 0)
			buf_printf(out, "%ssince:  %.2f s after the test began\n", indent, ns / NS_PER_S);
		return;
	}
	if (kind == KTSTR_KIND_STARVED || kind == KTSTR_KIND_STUCK)
		ns = gap_began_ns(worker);
	else if (kind != KTSTR_KIND_UNFAIR && kind != KTSTR_KIND_IDLE_WHILE_WAITING)
		return;
	else if (!timeline_first_worse(events, &ns)) {
		if (json_array_size(events))
			buf_printf(out, "%ssince:  the load began\n", indent);
		return;
	}
	step = timeline_change_at(events, ns);
	buf_printf(out, "%ssince:  %.2f s after the load began%s%s\n", indent, ns / NS_PER_S,
		   step ? ", in " : "", step ?: "");
}

void put_summary(struct buf *out, const char *indent, const struct result *result)
{
	AUTO(free) char *deeper = xasprintf("%s  ", indent);
	AUTO(free) char *command = one_line(result->repeat_command);
	enum ktstr_kind kind = worst_kind(result);
	enum ktstr_kind place = kind_of_place(result, kind);
	const json_t *short_cgroup = place == KTSTR_KIND_UNFAIR ? shortest_cgroup(result) : NULL;
	const json_t *worker = find_victim(kind_rows[place].victim, result->outcome.workers, short_cgroup);

	buf_printf(out, "%sBUG SUMMARY\n", indent);
	put_what(out, deeper, result, kind);
	if (result->outcome.state == KTSTR_FAIL) {
		if (kind != KTSTR_KIND_SCHEDULER_DIED || !put_ending_place(out, deeper, result))
			put_where(out, deeper, result, place, worker, short_cgroup);
		put_since(out, deeper, result, place, worker);
	}
	if (*command)
		buf_printf(out, "%srepeat: %s\n", deeper, command);
}
