/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/one.h"

#define QEMU_NUMBER_MIN 1000 /* QEMU 10: the plugin API that reads memory */

void traced_done(struct traced *traced)
{
	free(traced->dir);
	free(traced->option);
	free(traced->tracer);
	free(traced->stream);
	free(traced->missing);
	*traced = (struct traced){0};
}

bool tracer_choice_parse(struct sv word, enum tracer_choice *ret_choice)
{
	static const char *const words[] = {
		[TRACER_AUTO] = "auto", [TRACER_PLUGIN] = "plugin", [TRACER_BPF] = "bpf", [TRACER_BOTH] = "both"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!sv_eq(word, words[i]))
			continue;
		*ret_choice = (enum tracer_choice)i;
		return true;
	}
	return false;
}

static bool is_judged(const struct ktstr_trace_checks *checks)
{
	return checks->max_wakeup_latency_us > 0 || checks->max_wakeup_latency_p99_us > 0 ||
	       checks->max_run_delay_us > 0 || checks->max_run_delay_p99_us > 0;
}

int plugin_find(const struct qemu *qemu, char **ret_path, struct ktstr_error *err)
{
	if (qemu->number < QEMU_NUMBER_MIN)
		return error_set(err, -ENOTSUP, "QEMU %s has no plugins that read memory: 10.0 or later is needed",
				 qemu->version);
	return trace_plugin_find(ret_path, err);
}

/* --- before --------------------------------------------------------------------------------------
 */

static bool wants_plugin(const struct run_config *config)
{
	return config->tracer == TRACER_PLUGIN || config->tracer == TRACER_BOTH ||
	       (config->tracer == TRACER_AUTO && config->mode != VM_KVM);
}

static bool wants_guest(const struct run_config *config)
{
	return config->tracer == TRACER_BPF || config->tracer == TRACER_BOTH ||
	       (config->tracer == TRACER_AUTO && config->mode == VM_KVM);
}

static int prepare_plugin(const struct run_config *config, size_t index, struct traced *traced,
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
				 "the QEMU plugin sees nothing of guests under KVM; use --tracer bpf");
	if (strchr(traced->dir, ','))
		return error_set(err, -EINVAL, "%s: QEMU takes no path with a comma", traced->dir);
	r = plugin_find(config->qemu, &plugin, err);
	if (r == 0)
		r = trace_plan_write(&trace_config, path, &traced->missing, err);
	if (r == 0)
		traced->option =
			xasprintf("%s,plan=%s,out=%s/trace.raw", plugin, path, traced->dir);
	return r;
}

/* What can be known before a guest boots; of the rest the tracer tells. */
static int prepare_guest(const struct run_config *config, struct traced *traced, struct ktstr_error *err)
{
	const char *path = getenv("KTSTR_GUEST_TRACER_BINARY");
	int r = kernel_check(config->kernel, KERNEL_NEEDS_BPF, err);

	if (r < 0)
		return error_wrap(err, r, "no tracer in the guest");
	if (!path || *path != '/')
		return error_set(err, -ENOENT, "ktstr-guest-tracer: it was not built; "
					       "KTSTR_GUEST_TRACER_BINARY says where it is");
	traced->tracer = xstrdup(path);
	traced->stream = xasprintf("%s/trace.stream", traced->dir);
	return 0;
}

static int prepare(const struct run_config *config, size_t index, struct traced *traced,
		   struct ktstr_error *err)
{
	int r = wants_plugin(config) ? prepare_plugin(config, index, traced, err) : 0;

	return r == 0 && wants_guest(config) ? prepare_guest(config, traced, err) : r;
}

int traced_prepare(const struct run_config *config, size_t index, const char *dir,
		   struct traced *ret_traced, struct ktstr_error *err)
{
	AUTO(traced_done) struct traced traced = {.dir = xstrdup(dir)};
	bool judged = is_judged(&run_plan(config, index)->trace_checks);
	int r = 0;

	if (judged || config->trace != TRACE_AS_TESTS_WANT)
		r = prepare(config, index, &traced, err);
	if (r < 0 && (judged || config->trace == TRACE_ALWAYS))
		return error_wrap(err, r, "trace");
	if (r < 0) {
		log_warn("%s: not traced: %s", run_plan(config, index)->name, err->msg);
		return 0;
	}
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

/* What was not recorded may have been the longest wait, or the end of what now looks like it. */
static bool is_whole(const struct trace_analysis *analysis, struct outcome *outcome)
{
	if (analysis->cut)
		outcome_inconclusive(outcome, "the trace was cut short, so trace_checks are not judged");
	else if (analysis->lost)
		outcome_inconclusive(outcome, "%llu events are missing in the trace, so trace_checks are not "
					      "judged", (unsigned long long)analysis->lost);
	return !analysis->cut && !analysis->lost;
}

void judge_trace(const struct ktstr_trace_checks *checks, const struct trace_analysis *analysis,
		 struct outcome *outcome)
{
	struct waits wakeups = {0}, delays = {0};
	struct trace_times times;
	const json_t *worker;
	size_t i;

	if (!is_whole(analysis, outcome))
		return;
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

void traced_note(const struct test_plan *plan, struct outcome *outcome)
{
	if (is_judged(&plan->trace_checks))
		outcome_note(outcome, "trace_checks are not judged in mode host");
}

/* --- after ---------------------------------------------------------------------------------------
 */

/* A record file of what the guest's tracer told. */
static int take_stream(const struct run_config *config, const struct traced *traced,
		       const struct session *session, const char *raw, char **ret_missing,
		       struct ktstr_error *err)
{
	int r = trace_from_guest_file(traced->stream, config->mode == VM_DET, raw, ret_missing, err);

	if (r < 0 && session->trace_trouble)
		error_set(err, r, "the tracer in the guest: %s", session->trace_trouble);
	if (r == 0 || session->trace_trouble)
		(void)unlink(traced->stream);        /* all of it is in the other file, or it is nothing */
	return r;
}

static void put_remarks(struct buf *out, const struct run_config *config, const struct session *session,
			const char *missing, const char *missing_in_guest, const char *path)
{
	if (missing)
		buf_printf(out, "this kernel has no %s\n", missing);
	if (missing_in_guest)
		buf_printf(out, "this kernel shows BPF programs no %s\n", missing_in_guest);
	if (session->trace_trouble)
		buf_printf(out, "the tracer in the guest: %s\n", session->trace_trouble);
	buf_printf(out, "open %s in ui.perfetto.dev\n", config->trace_path ?: path);
}

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
	AUTO(free) char *guest_raw = xasprintf("%s/trace-bpf.raw", traced->dir);
	AUTO(free) char *missing_in_guest = NULL;
	AUTO(free) char *beside = xasprintf("%s/trace.pb", traced->dir);
	AUTO(trace_done) struct trace trace = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	AUTO(buf_done) struct buf summary = {0};
	AUTO(free) char *text = NULL;
	uint64_t end_ns = session->has_result ? session->result_at_ns : UINT64_MAX;
	int r = traced->option ? trace_trim(raw, err) : 0;

	if (r == 0 && traced->tracer)
		r = take_stream(config, traced, session, guest_raw, &missing_in_guest, err);
	if (r == 0)
		r = trace_open(traced->option ? raw : guest_raw, &trace, err);
	if (r < 0)
		return error_wrap(err, r, "trace");
	analysis = trace_analyse(&trace, session->test_began_ns, end_ns);
	if (is_judged(&plan->trace_checks) && session->has_result)
		judge_trace(&plan->trace_checks, analysis, &result->outcome);
	text = trace_summary(&trace, analysis);
	buf_str(&summary, text);
	put_remarks(&summary, config, session, traced->missing, missing_in_guest, beside);
	result->trace_summary = buf_take(&summary);
	return write_perfetto(plan, session, &result->outcome, &trace, analysis->end_ns,
			      config->trace_path ?: beside, err);
}

int traced_finish(const struct run_config *config, size_t index, const struct traced *traced,
		  const struct session *session, struct result *result, struct ktstr_error *err)
{
	const struct test_plan *plan = run_plan(config, index);
	int r = traced->option || traced->tracer ? finish(config, index, traced, session, result, err) : 0;

	if (r == 0 || is_judged(&plan->trace_checks) || config->trace == TRACE_ALWAYS)
		return r;
	log_warn("%s: no trace: %s", plan->name, err->msg); /* it was only nice to have */
	return 0;
}
