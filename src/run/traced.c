/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "run/one.h"

#define QEMU_NUMBER_MIN 1000 /* QEMU 10: the plugin API that reads memory */

void traced_done(struct traced *traced)
{
	free(traced->dir);
	free(traced->option);
	free(traced->missing);
	*traced = (struct traced){0};
}

static bool is_judged(const struct ktstr_trace_checks *checks)
{
	return checks->max_wakeup_latency_us > 0 || checks->max_wakeup_latency_p99_us > 0 ||
	       checks->max_run_delay_us > 0 || checks->max_run_delay_p99_us > 0;
}

/* --- before --------------------------------------------------------------------------------------
 */

static int prepare(const struct run_config *config, size_t index, struct traced *traced,
		   struct ktstr_error *err)
{
	const struct test_plan *plan = run_plan(config, index);
	AUTO(free) char *plugin = NULL;
	AUTO(free) char *path = xasprintf("%s/trace.plan", traced->dir);
	struct trace_config trace_config = {
		.kernel = config->kernel,
		.det = config->mode == VM_DET,
		.icount_shift = config->icount_shift < 0 ? vm_icount_shift(&plan->topology)
							 : (unsigned)config->icount_shift,
	};
	int r;

	if (config->mode == VM_KVM)
		return error_set(err, -ENOTSUP,
				 "guests under KVM cannot be traced; use --mode det or tcg");
	if (config->qemu->number < QEMU_NUMBER_MIN)
		return error_set(err, -ENOTSUP, "QEMU %s cannot trace: 10.0 or later is needed",
				 config->qemu->version);
	if (strchr(traced->dir, ','))
		return error_set(err, -EINVAL, "%s: QEMU takes no path with a comma", traced->dir);
	r = trace_plugin_find(&plugin, err);
	if (r == 0)
		r = trace_plan_write(&trace_config, path, &traced->missing, err);
	if (r == 0)
		traced->option =
			xasprintf("%s,plan=%s,out=%s/trace.raw", plugin, path, traced->dir);
	return r;
}

int traced_prepare(const struct run_config *config, size_t index, const char *dir,
		   struct traced *ret_traced, struct ktstr_error *err)
{
	AUTO(traced_done) struct traced traced = {.dir = xstrdup(dir)};
	bool judged = is_judged(&run_plan(config, index)->trace_checks) && config->mode != VM_KVM;
	int r = 0;

	if (judged || config->trace != TRACE_AS_TESTS_WANT)
		r = prepare(config, index, &traced, err);
	if (r < 0 && (judged || config->trace == TRACE_ALWAYS))
		return error_wrap(err, r, "trace");
	if (r < 0)
		log_warn("%s: not traced: %s", run_plan(config, index)->name, err->msg);
	*ret_traced = TAKE(traced, (struct traced){0});
	return 0;
}

/* --- the verdict ---------------------------------------------------------------------------------
 */

/* Over all workers: every sample, and who had the longest. */
struct waits {
	struct trace_samples samples;
	const struct trace_task *worst;
	const char *worst_cgroup;
	uint64_t worst_ns;
};

static void add_waits(struct waits *waits, const struct trace_task *task,
		      const struct trace_samples *samples, const char *cgroup)
{
	vec_each (sample, samples) {
		trace_samples_push(&waits->samples, *sample);
		if (*sample <= waits->worst_ns && waits->worst)
			continue;
		waits->worst = task;
		waits->worst_cgroup = cgroup;
		waits->worst_ns = *sample;
	}
}

static void judge_limit(const struct waits *waits, const char *what, const char *name,
			double limit_us, double found_us, bool of_worst, struct outcome *outcome)
{
	if (limit_us <= 0)
		return;
	if (waits->samples.len == 0) {
		outcome_inconclusive(outcome, "%s: no worker had any, so %s is not judged", what,
				     name);
		return;
	}
	if (found_us <= limit_us)
		return;
	if (of_worst)
		outcome_fail(outcome, KTSTR_KIND_BENCHMARK,
			     "%s of worker %u (%s) in %s was %.1f us, limit %.1f us (%s)", what,
			     waits->worst->pid, waits->worst->comm, waits->worst_cgroup, found_us,
			     limit_us, name);
	else
		outcome_fail(outcome, KTSTR_KIND_BENCHMARK,
			     "p99 of %zu times %s was %.1f us, limit %.1f us (%s)",
			     waits->samples.len, what, found_us, limit_us, name);
}

static double us(uint64_t ns)
{
	return (double)ns / 1e3;
}

void judge_trace(const struct ktstr_trace_checks *checks, const struct trace_analysis *analysis,
		 struct outcome *outcome)
{
	struct waits wakeups = {0}, delays = {0};
	struct trace_times times;
	const json_t *worker;
	size_t i;

	json_array_foreach(outcome->workers, i, worker)
	{
		json_int_t tid = json_integer_value(json_object_get(worker, "tid"));
		const char *cgroup = json_string_value(json_object_get(worker, "cgroup")) ?: "?";
		const struct trace_task *task = trace_find_task(analysis, (uint32_t)tid);

		if (tid <= 0 || !task)
			continue;
		add_waits(&wakeups, task, &task->wakeup_samples, cgroup);
		add_waits(&delays, task, &task->delay_samples, cgroup);
	}
	times = trace_times_of(&wakeups.samples);
	judge_limit(&wakeups, "wake-up latency", "max_wakeup_latency_us",
		    checks->max_wakeup_latency_us, us(times.max_ns), true, outcome);
	judge_limit(&wakeups, "wake-up latency", "max_wakeup_latency_p99_us",
		    checks->max_wakeup_latency_p99_us, us(times.p99_ns), false, outcome);
	times = trace_times_of(&delays.samples);
	judge_limit(&delays, "run delay", "max_run_delay_us", checks->max_run_delay_us,
		    us(times.max_ns), true, outcome);
	judge_limit(&delays, "run delay", "max_run_delay_p99_us", checks->max_run_delay_p99_us,
		    us(times.p99_ns), false, outcome);
	trace_samples_done(&wakeups.samples);
	trace_samples_done(&delays.samples);
}

void traced_note(const struct test_plan *plan, const char *mode, struct outcome *outcome)
{
	if (is_judged(&plan->trace_checks))
		outcome_note(outcome, "trace_checks are not judged in mode %s", mode);
}

/* --- after ---------------------------------------------------------------------------------------
 */

/* The body on one track, its steps on another. */
static int write_perfetto(const struct test_plan *plan, const struct session *session,
			  const struct outcome *outcome, const struct trace *trace, uint64_t end_ns,
			  const char *path, struct ktstr_error *err)
{
	AUTO(step_markers_done) struct step_markers steps = {0};
	AUTO(free) struct trace_marker *markers = NULL;
	size_t count = 0;

	step_markers_make(sv_bytes(session->result.data, session->result.len),
			  json_object_get(outcome->stats, "timeline"), end_ns, &steps);
	markers = xcalloc(steps.len + 1, sizeof(*markers));
	if (session->test_began_ns)
		markers[count++] = (struct trace_marker){.track = "ktstr",
							 .name = plan->name,
							 .begin_ns = session->test_began_ns,
							 .end_ns = end_ns};
	vec_each (step, &steps)
		markers[count++] = (struct trace_marker){.track = "steps",
							 .name = step->name,
							 .begin_ns = step->begin_ns,
							 .end_ns = step->end_ns};
	return trace_perfetto(trace, markers, count, path, err);
}

static int finish(const struct run_config *config, size_t index, const struct traced *traced,
		  const struct session *session, struct result *result, struct ktstr_error *err)
{
	const struct test_plan *plan = run_plan(config, index);
	AUTO(free) char *raw = xasprintf("%s/trace.raw", traced->dir);
	AUTO(free) char *beside = xasprintf("%s/trace.pb", traced->dir);
	AUTO(trace_done) struct trace trace = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	AUTO(buf_done) struct buf summary = {0};
	AUTO(free) char *text = NULL;
	uint64_t end_ns = session->has_result ? session->result_at_ns : UINT64_MAX;
	int r = trace_trim(raw, err);

	if (r == 0)
		r = trace_open(raw, &trace, err);
	if (r < 0)
		return error_wrap(err, r, "trace");
	analysis = trace_analyse(&trace, session->test_began_ns, end_ns);
	if (is_judged(&plan->trace_checks) && session->has_result)
		judge_trace(&plan->trace_checks, analysis, &result->outcome);
	text = trace_summary(&trace, analysis);
	buf_str(&summary, text);
	if (traced->missing)
		buf_printf(&summary, "this kernel has no %s\n", traced->missing);
	buf_printf(&summary, "open %s in ui.perfetto.dev\n", config->trace_path ?: beside);
	result->trace_summary = buf_take(&summary);
	return write_perfetto(plan, session, &result->outcome, &trace, analysis->end_ns,
			      config->trace_path ?: beside, err);
}

int traced_finish(const struct run_config *config, size_t index, const struct traced *traced,
		  const struct session *session, struct result *result, struct ktstr_error *err)
{
	const struct test_plan *plan = run_plan(config, index);
	int r;

	if (config->mode == VM_KVM)
		traced_note(plan, vm_mode_name(VM_KVM), &result->outcome);
	r = traced->option ? finish(config, index, traced, session, result, err) : 0;
	if (r == 0 || is_judged(&plan->trace_checks) || config->trace == TRACE_ALWAYS)
		return r;
	log_warn("%s: no trace: %s", plan->name, err->msg); /* it was only nice to have */
	return 0;
}
