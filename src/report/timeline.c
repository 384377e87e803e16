/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline.c - a scenario as phases, one line each: from the moment that something had been changed
 * until the next change. What a worker got in it is a share of the phase's length, so that long and
 * short phases compare; a phase in which workers wait clearly more than before is marked.
 *
 *     +0.00s to +0.50s  start                    2 cgroups, 4 workers: each ran 50 %, waited 0 %
 *     +0.50s to +1.00s  step 1 shrink: set_cpuset  2 cgroups, 4 workers: each ran 25 % (-25), ...
 *
 * Pure: from the outcome's JSON, which a guest may have made up, to text.
 */
#include "report/format.h"

#define PHASES_HEAD 20              /* of a long list, so many at the beginning and at the end */
#define WORSE_POINTS 10
#define CHANGE_WIDTH 32
#define SHORTEST_NS NS_PER_MS
#define SHORTEST_START_NS (50 * NS_PER_MS)     /* the backdrop, while the first step is made ready */

struct phase {
	const json_t *from, *to;        /* events; to NULL: it did not end */
	double ns, workers;
	double ran_pct, waited_pct;     /* of the phase's length, a worker */
};
DEFINE_VEC(phases, struct phase, vec_keep)

static double number_at(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));        /* 0 for anything else */
}

static double growth(const struct phase *phase, const char *key)
{
	double change = number_at(phase->to, key) - number_at(phase->from, key);

	return change > 0 ? change : 0;
}

static struct phase phase_of(const json_t *from, const json_t *to)
{
	struct phase phase = {.from = from, .to = to, .workers = number_at(from, "workers")};
	double worker_ns;

	if (!to)
		return phase;
	phase.ns = growth(&phase, "elapsed_ns");
	worker_ns = phase.ns * phase.workers;
	if (worker_ns > 0) {
		phase.ran_pct = growth(&phase, "cpu_ns") / worker_ns * 100;
		phase.waited_pct = growth(&phase, "wait_ns") / worker_ns * 100;
	}
	return phase;
}

/* Between the end of a step and what follows nothing is held, so that is no phase. */
static bool is_phase(const struct phase *phase)
{
	bool is_start = number_at(phase->from, "step") == 0;

	if (json_is_true(json_object_get(phase->from, "end")))
		return false;
	return !phase->to || phase->ns >= (is_start ? SHORTEST_START_NS : SHORTEST_NS);
}

static void phases_collect(const json_t *events, struct phases *phases)
{
	size_t count = json_array_size(events);

	for (size_t i = 0; i < count; i++) {
		struct phase phase = phase_of(json_array_get(events, i),
					      i + 1 < count ? json_array_get(events, i + 1) : NULL);

		if (is_phase(&phase))
			phases_push(phases, phase);
	}
}

char *report_change(const json_t *event)
{
	const json_t *kinds = json_object_get(event, "op_kinds");
	AUTO(free) char *name = one_line(json_string_value(json_object_get(event, "name")));
	AUTO(buf_done) struct buf text = {0};

	if (number_at(event, "step") > 0)
		buf_printf(&text, "step %.0f", number_at(event, "step"));
	else
		buf_str(&text, "start");
	if (*name)
		buf_printf(&text, " %s", name);
	for (size_t i = 0; i < json_array_size(kinds); i++) {
		AUTO(free) char *kind = one_line(json_string_value(json_array_get(kinds, i)));

		buf_printf(&text, "%s%s", i ? ", " : ": ", kind);
	}
	return buf_take(&text);
}

static void put_share(struct buf *out, const char *verb, double pct, const double *before)
{
	buf_printf(out, " %s %.0f %%", verb, pct);
	if (before)
		buf_printf(out, " (%+.0f)", pct - *before);
}

static bool is_worse(const struct phase *phase, const struct phase *before)
{
	return before && phase->to && phase->waited_pct >= before->waited_pct + WORSE_POINTS;
}

char *timeline_change_at(const json_t *events, double ns)
{
	AUTO(phases_done) struct phases phases = {0};
	const json_t *last = NULL;

	phases_collect(events, &phases);
	vec_each(phase, &phases) {
		if (!last || number_at(phase->from, "elapsed_ns") <= ns)
			last = phase->from;
	}
	return last ? report_change(last) : NULL;
}

bool timeline_first_worse(const json_t *events, double *ret_ns)
{
	AUTO(phases_done) struct phases phases = {0};

	phases_collect(events, &phases);
	for (size_t i = 1; i < phases.len; i++) {
		if (is_worse(&phases.at[i], &phases.at[i - 1])) {
			*ret_ns = number_at(phases.at[i].from, "elapsed_ns");
			return true;
		}
	}
	return false;
}

static void put_phase(struct buf *out, const char *indent, const struct phase *phase,
		      const struct phase *before)
{
	double from_s = number_at(phase->from, "elapsed_ns") / NS_PER_S;
	AUTO(free) char *change = report_change(phase->from);

	if (!phase->to) {
		buf_printf(out, "%s+%.2fs to ...     %-*s  it did not end\n", indent, from_s, CHANGE_WIDTH,
			   change);
		return;
	}
	buf_printf(out, "%s+%.2fs to +%.2fs  %-*s  %.0f cgroups, %.0f workers: each", indent, from_s,
		   from_s + phase->ns / NS_PER_S, CHANGE_WIDTH, change,
		   number_at(phase->from, "cgroups"), phase->workers);
	put_share(out, "ran", phase->ran_pct, before ? &before->ran_pct : NULL);
	buf_char(out, ',');
	put_share(out, "waited", phase->waited_pct, before ? &before->waited_pct : NULL);
	if (is_worse(phase, before))
		buf_str(out, "  <-- waits more");
	buf_char(out, '\n');
}

void put_timeline(struct buf *out, const char *indent, const json_t *events)
{
	AUTO(phases_done) struct phases phases = {0};

	phases_collect(events, &phases);
	for (size_t i = 0; i < phases.len; i++) {
		bool is_shown = i < PHASES_HEAD || i + PHASES_HEAD >= phases.len;

		if (is_shown)
			put_phase(out, indent, &phases.at[i], i ? &phases.at[i - 1] : NULL);
		else if (i == PHASES_HEAD)
			buf_printf(out, "%s... %zu more phases, see result.json ...\n", indent,
				   phases.len - 2 * PHASES_HEAD);
	}
}
