/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.c - why a test failed, top down: what, the reasons, the numbers, then the logs, then what
 * to type. The headings and the first line are those of shared/spec 2.3 TD-10. Pure: from a result
 * to text. The numbers come from a guest: what is missing or of another type is left out.
 */
#include "report/format.h"

#define LOG_LINES 40
#define PROGRAMS_MAX 64

static double number_at(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));        /* 0 for anything else */
}

static void heading(struct buf *out, const char *indent, const char *title)
{
	buf_printf(out, "%s--- %s ---\n", indent, title);
}

static void put_reasons(struct buf *out, const char *indent, const struct result *result)
{
	vec_each(detail, &result->outcome.details) {
		AUTO(buf_done) struct buf line = {0};

		if (detail->kind != KTSTR_KIND_OTHER)
			buf_printf(&line, "%s: ", kind_name(detail->kind));
		buf_str(&line, detail->text);
		put_lines(out, indent, buf_text(&line));
	}
	if (!result_reason_detail(result))
		buf_printf(out, "%sno reason was given\n", indent);
}

/* --- statistics -------------------------------------------------------------------------------- */

static void put_cgroup(struct buf *out, const char *indent, const json_t *cgroup)
{
	AUTO(free) char *name = one_line(json_string_value(json_object_get(cgroup, "name")) ?: "?");
	AUTO(free) char *gap = xasprintf("%.1f ms on CPU %.0f", number_at(cgroup, "max_gap_ms"),
					 number_at(cgroup, "max_gap_cpu"));
	AUTO(free) char *delay = xasprintf("%.0f / %.0f us", number_at(cgroup, "run_delay_us_mean"),
					   number_at(cgroup, "run_delay_us_worst"));
	AUTO(free) char *wake = xasprintf("%.0f / %.0f us", number_at(cgroup, "wake_us_median"),
					  number_at(cgroup, "wake_us_p99"));

	buf_printf(out, "%s%-12s  %7.0f  %4.0f  %6.1f %%  %-20s  %10.0f  %-20s  %s\n", indent, name,
		   number_at(cgroup, "workers"), number_at(cgroup, "cpus"),
		   number_at(cgroup, "spread_pct"), gap, number_at(cgroup, "migrations"), delay, wake);
}

static void put_cgroups(struct buf *out, const char *indent, const json_t *cgroups)
{
	if (json_array_size(cgroups) == 0)
		return;
	buf_printf(out, "%s%-12s  %7s  %4s  %8s  %-20s  %10s  %-20s  %s\n", indent, "cgroup",
		   "workers", "cpus", "spread", "max gap", "migrations", "run delay mean/worst",
		   "wake p50/p99");
	for (size_t i = 0; i < json_array_size(cgroups); i++)
		put_cgroup(out, indent, json_array_get(cgroups, i));
}

static void put_window(struct buf *out, const char *indent, const json_t *window)
{
	double wall_ns = number_at(window, "wall_ns"), cpus = number_at(window, "cpus");

	if (wall_ns > 0 && cpus > 0)
		buf_printf(out, "%sidle: %.1f %% of %.0f CPUs for %.1f s\n", indent,
			   100 * number_at(window, "idle_ns") / (wall_ns * cpus), cpus,
			   wall_ns / NS_PER_S);
}

static void put_cleanup(struct buf *out, const char *indent, const json_t *stats)
{
	double ns = number_at(stats, "cleanup_ns");

	if (ns > 0)
		buf_printf(out, "%sclean-up: %.0f ms\n", indent, ns / NS_PER_MS);
}

static void put_metrics(struct buf *out, const char *indent, json_t *metrics)
{
	const char *name;
	json_t *value;

	json_object_foreach(metrics, name, value) {
		AUTO(free) char *clean = one_line(name);

		buf_printf(out, "%s%s = %.6g\n", indent, clean, json_number_value(value));
	}
}

/* The run room's evidence of who scheduled, as it was while the test's body ran. */
static void put_evidence(struct buf *out, const char *indent, const json_t *scheduler)
{
	const json_t *during = json_object_get(scheduler, "during");
	const json_t *programs = json_object_get(scheduler, "programs");
	AUTO(free) char *state = one_line(json_string_value(json_object_get(during, "state")));
	AUTO(free) char *ops = one_line(json_string_value(json_object_get(during, "ops")));
	AUTO(free) char *ended = one_line(json_string_value(json_object_get(scheduler, "ended_early")));

	if (*state)
		buf_printf(out, "%ssched_ext: %s, ops %s, enable_seq %.0f\n", indent, state,
			   *ops ? ops : "none", number_at(during, "enable_seq"));
	for (size_t i = 0; i < json_array_size(programs) && i < PROGRAMS_MAX; i++) {
		const json_t *program = json_array_get(programs, i);
		AUTO(free) char *name = one_line(json_string_value(json_object_get(program, "name")));

		buf_printf(out, "%s  %-20s ran %.0f times\n", indent, name,
			   number_at(program, "run_count"));
	}
	if (*ended)
		buf_printf(out, "%sthe scheduler ended early: %s\n", indent, ended);
}

static void put_stats(struct buf *out, const char *indent, const struct result *result)
{
	json_t *stats = result->outcome.stats;

	put_cgroups(out, indent, json_object_get(stats, "cgroups"));
	put_window(out, indent, json_object_get(stats, "window"));
	put_cleanup(out, indent, stats);
	put_metrics(out, indent, json_object_get(stats, "metrics"));
	put_evidence(out, indent, result->outcome.scheduler);
}

/* --- logs -------------------------------------------------------------------------------------- */

/* What the kernel prints before or while it dies; lib/bug.c, kernel/panic.c, kernel/rcu/. */
static bool console_has_trouble(const char *console)
{
	static const char *const signs[] = {"Kernel panic", "BUG:",  "Oops",   "general protection",
					    "WARNING:",     "soft lockup", "detected stall",
					    "Out of memory:"};

	for (size_t i = 0; console && i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strstr(console, signs[i]))
			return true;
	}
	return false;
}

static void put_log(struct buf *out, const char *indent, const char *title, const char *text,
		    size_t line_count)
{
	AUTO(free) char *deeper = xasprintf("%s  ", indent);
	struct sv tail = last_lines(text ?: "", line_count);
	AUTO(free) char *copy = xstrndup(tail.data, tail.len);

	if (!tail.len)
		return;
	heading(out, indent, title);
	put_lines(out, deeper, copy);
}

static void put_next_step(struct buf *out, const char *indent, const struct result *result)
{
	AUTO(free) char *command = one_line(result->repeat_command);
	AUTO(free) char *dir = one_line(result->run.dir);

	if (*command || *dir)
		heading(out, indent, "run again");
	if (*command)
		buf_printf(out, "%s  %s\n", indent, command);
	if (*dir)
		buf_printf(out, "%s  everything that was kept: %s\n", indent, dir);
}

void explain(struct buf *out, const char *indent, const struct result *result)
{
	const struct identity *identity = &result->identity;
	AUTO(free) char *name = one_line(identity->test);
	AUTO(free) char *scheduler = one_line(identity->scheduler);
	AUTO(free) char *topology = one_line(identity->topology);
	AUTO(free) char *deeper = xasprintf("%s  ", indent);
	AUTO(buf_done) struct buf stats = {0};
	AUTO(buf_done) struct buf timeline = {0};

	buf_printf(out, "%sktstr_test '%s'", indent, name);
	if (*scheduler)
		buf_printf(out, " [sched=%s]", scheduler);
	if (*topology)
		buf_printf(out, " [topo=%s]", topology);
	buf_str(out, " failed:\n");
	put_reasons(out, deeper, result);

	put_stats(&stats, deeper, result);
	if (stats.len) {
		heading(out, indent, "stats");
		buf_str(out, stats.data);
	}
	put_timeline(&timeline, deeper, json_object_get(result->outcome.stats, "timeline"));
	if (timeline.len) {
		heading(out, indent, "timeline");
		buf_str(out, timeline.data);
	}
	put_log(out, indent, "trace", result->trace_summary, SIZE_MAX);
	put_log(out, indent, "test output", result->test_output, SIZE_MAX);
	put_log(out, indent, "scheduler log", result->scheduler_log, LOG_LINES);
	put_log(out, indent, "kernel log",
		json_string_value(json_object_get(result->outcome.scheduler, "kernel_log")), LOG_LINES);
	if (result->outcome.state == KTSTR_ERROR || console_has_trouble(result->console_tail))
		put_log(out, indent, "console", result->console_tail, LOG_LINES);
	put_next_step(out, indent, result);
}
