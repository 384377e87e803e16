/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.c - why a test failed, top down: a summary with what to type, the reasons, the numbers,
 * then the logs, then where everything is. The headings and the first line are those of shared/spec 2.3 TD-10. Pure: from a result
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

/* A check that runs in every step says the same of each. */
static bool is_told_before(const struct result *result, const struct detail *detail)
{
	for (const struct detail *other = result->outcome.details.at; other < detail; other++) {
		if (other->kind == detail->kind && strcmp(other->text, detail->text) == 0)
			return true;
	}
	return false;
}

static void put_reason(struct buf *out, const char *indent, const struct detail *detail)
{
	AUTO(buf_done) struct buf line = {0};

	if (detail->kind != KTSTR_KIND_OTHER)
		buf_printf(&line, "%s: ", kind_name(detail->kind));
	buf_str(&line, detail->text);
	put_lines(out, indent, buf_text(&line));
}

static void put_reasons(struct buf *out, const char *indent, const struct result *result)
{
	for (int badness = SUMMARY_BADNESS_MAX; badness >= 0; badness--) {
		vec_each(detail, &result->outcome.details) {
			if (summary_badness(detail->kind) == (unsigned)badness &&
			    !is_told_before(result, detail))
				put_reason(out, indent, detail);
		}
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

/* Which of the scheduler's programs ran how often; the kernel cuts names at 15 characters. */
static void put_programs(struct buf *out, const char *indent, const json_t *programs)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(programs) && i < PROGRAMS_MAX; i++) {
		const json_t *program = json_array_get(programs, i);
		AUTO(free) char *name = one_line(json_string_value(json_object_get(program, "name")));

		if (number_at(program, "run_count") <= 0)
			continue;
		if (any)
			buf_printf(out, ", %s %.0f", name, number_at(program, "run_count"));
		else
			buf_printf(out, "%sits programs ran: %s %.0f", indent, name,
				   number_at(program, "run_count"));
		any = true;
	}
	if (any)
		buf_str(out, " times\n");
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
	put_programs(out, indent, programs);
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

/* The first lines: they say whom it was about, and where the kernel was. file: that has all of them. */
static void put_dump(struct buf *out, const char *indent, struct sv dump, const char *file)
{
	AUTO(free) char *deeper = xasprintf("%s  ", indent);
	size_t shown = 0, left = 0;
	struct sv line;

	if (dump.len)
		heading(out, indent, "sched_ext dump");
	while (sv_line(&dump, &line)) {
		AUTO(free) char *copy = xstrndup(line.data, line.len);

		if (!sv_trim(line).len)
			continue;
		if (++shown <= LOG_LINES)
			put_lines(out, deeper, copy);
		else
			left++;
	}
	if (left)
		buf_printf(out, "%s... %zu more lines in %s\n", deeper, left, file);
}

/*
 * The log without the dump, which has a section of its own: as the guest's PID 1 read it from the
 * kernel, or from the log where that kernel tells it nobody but the scheduler.
 */
static void put_scheduler_log(struct buf *out, const char *indent, const struct result *result)
{
	struct sv all = sv_of(result->scheduler_log ?: ""), dump = find_scx_dump(all);
	AUTO(buf_done) struct buf rest = {0};

	buf_bytes(&rest, all.data, dump.len ? (size_t)(dump.data - all.data) : all.len);
	if (dump.len)
		buf_bytes(&rest, dump.data + dump.len, (size_t)(all.data + all.len - dump.data) - dump.len);
	put_log(out, indent, "scheduler log", buf_text(&rest), LOG_LINES);
	put_dump(out, indent, scx_dump_of(result), result->exit_dump ? "sched_ext-dump.log" : "scheduler.log");
}

/* That it was loaded and unloaded says nothing where all went well. */
static void put_kernel_log(struct buf *out, const char *indent, const char *log)
{
	struct sv rest = sv_of(log ?: ""), line;
	AUTO(buf_done) struct buf kept = {0};

	while (sv_line(&rest, &line)) {
		if (!memmem(line.data, line.len, "\" enabled", 9) &&
		    !memmem(line.data, line.len, "(unregistered from user space)", 30))
			buf_printf(&kept, "%.*s\n", SV_ARG(line));
	}
	put_log(out, indent, "kernel log", buf_text(&kept), LOG_LINES);
}

static void put_kept(struct buf *out, const char *indent, const struct result *result)
{
	AUTO(free) char *dir = one_line(result->run.dir);
	AUTO(free) char *files = one_line(result->kept);

	if (!*dir)
		return;
	heading(out, indent, "kept");
	buf_printf(out, "%s  %s\n", indent, dir);
	if (*files)
		buf_printf(out, "%s  %s\n", indent, files);
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
	put_summary(out, deeper, result);
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
	put_log(out, indent, "largest changes", result->steps_changes, SIZE_MAX);
	put_log(out, indent, "failure dump", result->dump_excerpt, SIZE_MAX);
	put_log(out, indent, "test output", result->test_output, SIZE_MAX);
	put_scheduler_log(out, indent, result);
	put_log(out, indent, "trace", result->trace_summary, SIZE_MAX);
	put_kernel_log(out, indent,
		       json_string_value(json_object_get(result->outcome.scheduler, "kernel_log")));
	if (result->outcome.state == KTSTR_ERROR || console_has_trouble(result->console_tail))
		put_log(out, indent, "console", result->console_tail, LOG_LINES);
	put_log(out, indent, "auto-repro", result->auto_repro, SIZE_MAX);
	put_kept(out, indent, result);
}
