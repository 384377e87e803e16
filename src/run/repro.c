/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * repro.c - a run with probes: the second guest after a scheduler's crash, or the first where the user
 * wanted them there. Its guest is the same in everything but the program around the scheduler.
 */
#include <errno.h>
#include <string.h>

#include "run/one.h"
#include "run/repro.h"

DEFINE_AUTO(json_t *, json_decref)

static void add(struct strings *functions, const char *name)
{
	vec_each(known, functions) {
		if (strcmp(*known, name) == 0)
			return;
	}
	if (functions->len < REPRO_FUNCTIONS_WANTED)
		strings_push(functions, xstrdup(name));
}

/* What every enqueueing scheduler's end is about, also where nothing is known of it yet. */
static const char *const usual[] = {"enqueue", "dispatch", "select_cpu", "running", "stopping"};

void repro_functions(const struct strings *asked, const struct session *crash, const json_t *scheduler,
		     struct strings *functions)
{
	AUTO(strings_done) struct strings bpf = {0};
	const json_t *programs = json_object_get(scheduler, "programs");

	vec_each(name, asked)
		add(functions, *name);
	for (int stream = WIRE_SCHEDULER_LOG; crash && stream <= WIRE_EXIT_DUMP; stream++) {
		const struct buf *log = &crash->stream[stream];

		crash_stack_functions(sv_bytes(buf_text(log), log->len), functions, &bpf);
	}
	vec_each(program, &bpf)
		crash_stack_callers(*program, functions);
	for (size_t i = 0; i < json_array_size(programs); i++) {
		json_t *name = json_object_get(json_array_get(programs, i), "name");

		if (json_is_string(name))
			crash_stack_callers(json_string_value(name), functions);
	}
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		crash_stack_callers(usual[i], functions);
}

void repro_split(struct session *session, struct buf *ret_log)
{
	struct buf *log = &session->stream[WIRE_SCHEDULER_LOG];
	struct buf own = {.max = SESSION_TEXT_MAX};

	probe_log_strip(sv_bytes(buf_text(log), log->len), &own);
	*ret_log = TAKE(*log, own);
}

static void save(const struct result *result, const char *name, const char *text, size_t len)
{
	AUTO(free) char *path = xasprintf("%s/%s", result->run.dir, name);
	struct ktstr_error err = {0};

	if (file_write_atomic(path, text, len, 0644, &err) < 0)
		log_warn("%s", err.msg);
}

void repro_keep(const struct repro_report *report, struct result *result)
{
	AUTO(buf_done) struct buf text = {0};
	AUTO(free) char *json = report->probes ? json_dumps(report->probes, JSON_INDENT(1)) : NULL;

	repro_report_text(report, &text);
	save(result, "auto-repro.txt", buf_text(&text), text.len);
	if (json)
		save(result, "auto-repro.json", json, strlen(json));
	free(result->auto_repro);
	result->auto_repro = buf_take(&text);
}

/* The words for its end; the driver's, which come last, quote the kernel. NULL: it lived. */
static const char *death(const struct outcome *outcome)
{
	const char *text = NULL;

	vec_each(detail, &outcome->details) {
		if (detail->kind == KTSTR_KIND_SCHEDULER_DIED)
			text = detail->text;
	}
	return text;
}

bool repro_wanted(const struct run_config *config, const struct test_plan *plan,
		  const struct outcome *outcome)
{
	return config->auto_repro && !config->probes && !plan->no_auto_repro && !plan->expect_err &&
	       plan->has_scheduler && outcome->state == KTSTR_FAIL && death(outcome);
}

static int second_run(const struct run_config *config, size_t index, const struct session *crash,
		      struct result *result, struct ktstr_error *err)
{
	const struct test_plan *plan = run_plan(config, index);
	AUTO(result_done) struct result again = {0};
	AUTO(session_done) struct session session = {0};
	AUTO(traced_done) struct traced traced = {0};
	AUTO(free) char *trace = xasprintf("%s/auto-repro.pb", result->run.dir);
	AUTO(free) char *wprof = NULL;
	struct run_config traced_config = *config;
	AUTO(strings_done) struct strings functions = {0};
	AUTO(buf_done) struct buf log = {0};
	AUTO(json_decref) json_t *probes = NULL;
	AUTO(free) char *dir = xasprintf("%s/repro", result->run.dir);
	uint64_t began = clock_ns();
	struct repro_report report = {.never_attached = crash->test_began_ns == 0};
	int r = dir_make(dir, 0755, err);

	repro_functions(&config->probe_stack, crash, result->outcome.scheduler, &functions);
	/* X10: the user's tracer where the test has it, ours elsewhere */
	traced_config.trace = plan->wprof ? TRACE_AS_TESTS_WANT : TRACE_IF_POSSIBLE;
	traced_config.trace_path = trace;
	if (!result->identity.tracer)        /* none in the first run's guest: where it can be, none here */
		traced_config.tracer = TRACER_AUTO;
	if (r == 0)
		r = traced_prepare(&traced_config, index, dir, &traced, err);
	if (r == 0)
		r = guest_run(config, index, dir, NULL, &traced, &functions, NULL, &session, err);
	if (r < 0)
		return r;
	repro_split(&session, &log);
	r = judge_session(plan, &session, &again.outcome, err);
	if (r == 0)
		r = traced_finish(&traced_config, index, &traced, &session, &again, err);
	if (r < 0)
		return r;
	wprof = wprof_keep(plan, &session, result, true);
	report.trace = wprof ?: again.trace_summary ? trace : NULL;
	report.tracer = wprof ? "wprof" : traced.option ? "ktstr's own tracer" : "ktstr's own tracer in the guest";
	probes = probe_log_read(sv_bytes(buf_text(&log), log.len));
	report.probes = probes;
	report.log = sv_bytes(buf_text(&log), log.len);
	report.dump = sv_bytes(buf_text(&session.stream[WIRE_EXIT_DUMP]), session.stream[WIRE_EXIT_DUMP].len);
	report.reproduced = death(&again.outcome);
	report.ended = death(&again.outcome) ?: "the scheduler lived to the end of the test";
	report.host_ns = clock_ns() - began;
	repro_keep(&report, result);
	return 0;
}

int repro_run(const struct run_config *config, size_t index, const struct session *crash,
	      struct result *result, struct ktstr_error *err)
{
	int r = second_run(config, index, crash, result, err);

	if (r == 0 || r == -ECANCELED)
		return r;
	/* the finding stands without it */
	free(result->auto_repro);
	result->auto_repro = xasprintf("no data: the second run could not be made: %s\n", err->msg);
	return 0;
}

void repro_of_primary(const struct buf *log, const struct buf *dump, uint64_t host_ns, struct result *result)
{
	AUTO(json_decref) json_t *probes = probe_log_read(sv_bytes(buf_text(log), log->len));
	struct repro_report report = {
		.probes = probes,
		.log = sv_bytes(buf_text(log), log->len),
		.dump = sv_bytes(buf_text(dump), dump->len),
		.primary = true,
		.ended = death(&result->outcome) ?: "the scheduler lived to the end of the test",
		.host_ns = host_ns,
	};

	repro_keep(&report, result);
}
