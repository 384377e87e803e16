/* SPDX-License-Identifier: BSD-2-Clause */
/* judge.c - what a session comes to. Pure: a struct in, a struct out. */
#include <errno.h>
#include <string.h>

#include "run/run.h"

/* The last non-empty line of a text, for a message that wants one. */
static struct sv last_line(const struct buf *text)
{
	struct sv all = sv_trim(sv_bytes(buf_text(text), text->len));
	const char *newline = all.len ? memrchr(all.data, '\n', all.len) : NULL;

	return newline ? sv_skip(all, (size_t)(newline - all.data) + 1) : all;
}

static void judge_trouble(const struct session *session, struct outcome *outcome)
{
	struct sv log = last_line(&session->stream[WIRE_SCHEDULER_LOG]);
	const char *text = session->trouble_text;

	switch ((enum wire_trouble_code)session->trouble.code) {
	case WIRE_TROUBLE_SCHEDULER_DIED:
		outcome_fail(outcome, KTSTR_KIND_SCHEDULER_DIED, "%s%s%.*s", text,
			     log.len ? ": " : "", SV_ARG(log));
		return;
	case WIRE_TROUBLE_TOPOLOGY:
		outcome_error(outcome, "the guest is not the machine that was asked for: %s", text);
		return;
	case WIRE_TROUBLE_SETUP:
		outcome_error(outcome, "the guest could not be set up: %s", text);
		return;
	case WIRE_TROUBLE_SCHEDULER_NOT_ATTACHED:
	case WIRE_TROUBLE_TEST_DIED:
	case WIRE_TROUBLE_TEST_SILENT:
	case WIRE_TROUBLE_OUT_OF_MEMORY:
		outcome_error(outcome, "%s", text);
		return;
	}
	outcome_error(outcome, "the guest has trouble of an unknown kind (%u): %s",
		      session->trouble.code, text);
}

static void judge_panic(const struct session *session, struct outcome *outcome)
{
	const char *line = session->end_text ?: "the kernel stopped and printed no reason";
	const char *stage = wire_stage_name(session->stage);

	if (strstr(line, "System is deadlocked on memory") || strstr(line, "killable"))
		outcome_error(outcome, "the guest ran out of memory during %s (%s): raise the test's memory_mib",
			      stage, line);
	else if (session->stage >= WIRE_STAGE_SCHEDULER)
		/* the scheduler or the test brought the kernel down: that is a finding */
		outcome_fail(outcome, KTSTR_KIND_OTHER, "the kernel died during %s: %s", stage, line);
	else
		outcome_error(outcome, "the kernel died during %s: %s", stage, line);
}

static void judge_stop(const struct session *session, struct outcome *outcome)
{
	const char *stage = wire_stage_name(session->stage);

	switch (session->end) {
	case SESSION_DONE:
		if (!session->done && !session->has_trouble)
			outcome_error(outcome, "the guest stopped during %s and did not say why", stage);
		return;
	case SESSION_PANIC:
		judge_panic(session, outcome);
		return;
	case SESSION_QEMU_ENDED:
		outcome_error(outcome, "QEMU ended during %s: %s%s", stage, session->end_text,
			      session->hello ? "" : "; the guest's init never spoke");
		return;
	case SESSION_TIMEOUT:
		outcome_error(outcome, "%s%s", session->end_text,
			      session->hello ? "" : "; the guest's init never spoke");
		return;
	case SESSION_NONSENSE:
		outcome_error(outcome, "the guest wrote what is no record: %s", session->end_text);
		return;
	case SESSION_CANCELLED:
		outcome_error(outcome, "interrupted during %s", stage);
		return;
	}
}

void judge_end(const struct session *session, struct outcome *outcome)
{
	if (session->has_trouble)
		judge_trouble(session, outcome);
	judge_stop(session, outcome);
}

int judge_session(const struct test_plan *plan, const struct session *session,
		  struct outcome *ret_outcome, struct ktstr_error *err)
{
	AUTO(evidence_done) struct evidence evidence = {0};
	struct sv kernel_log = sv_bytes(buf_text(&session->stream[WIRE_KERNEL_LOG]),
					session->stream[WIRE_KERNEL_LOG].len);
	struct outcome *outcome = ret_outcome;
	bool scheduled = !plan->has_scheduler;
	int r;

	if (session->has_result) {
		outcome->body_guest_ns = session->result_at_ns - session->test_began_ns;
		r = outcome_read_verdict(outcome, sv_bytes(session->result.data, session->result.len),
					 err);
		if (r < 0)
			outcome_error(outcome, "the test's result is not understood: %s", err->msg);
	}
	judge_end(session, outcome);
	if (session->has_scheduler_state) {
		r = evidence_read(sv_bytes(session->scheduler_state.data, session->scheduler_state.len),
				  &evidence, err);
		if (r < 0)
			return r;
		scheduled = evidence_judge(&evidence, plan, outcome->workers, kernel_log, outcome);
		outcome->scheduler = evidence_to_json(&evidence, kernel_log);
		if (evidence.ended_early && evidence.ended_ns > session->test_began_ns && session->test_began_ns)
			json_object_set_new(outcome->scheduler, "ended_after_ns",
					    json_integer((json_int_t)(evidence.ended_ns -
								      session->test_began_ns)));
	}
	/* a failure that was expected proves nothing when the scheduler under test never ran */
	if (!scheduled && plan->expect_err && plan->expect_kind != KTSTR_KIND_SCHEDULER_DIED &&
	    outcome->state != KTSTR_ERROR)
		outcome_error(outcome, "scheduler %s did not schedule, so this test says nothing",
			      plan->has_scheduler ? plan->scheduler.name : "eevdf");
	if (!session->has_result && outcome->details.len == 0)
		outcome_error(outcome, "the test ended without a result");
	return 0;
}

/* All that was found stays in the result, as notes. */
static void demote(struct outcome *outcome)
{
	vec_each(detail, &outcome->details) {
		AUTO(free) char *text = detail->text;

		if (detail->kind == KTSTR_KIND_NOTE) {
			detail->text = TAKE_PTR(text);
			continue;
		}
		detail->text = xasprintf("expected: %s: %s", kind_name(detail->kind), text);
		detail->kind = KTSTR_KIND_NOTE;
	}
	outcome->state = KTSTR_PASS;
}

void judge_expectation(const struct test_plan *plan, struct outcome *outcome)
{
	const char *wanted = plan->expect_kind ? kind_name(plan->expect_kind) : "a failure";

	if (!plan->expect_err || outcome->state == KTSTR_ERROR || outcome->state == KTSTR_SKIP)
		return;
	if (outcome->state == KTSTR_FAIL) {
		bool found = plan->expect_kind == KTSTR_KIND_NONE;

		vec_each(detail, &outcome->details)
			found = found || detail->kind == plan->expect_kind;
		if (found) {
			demote(outcome);
			return;
		}
		outcome_fail(outcome, KTSTR_KIND_OTHER, "it failed, but not as expected: wanted %s", wanted);
		return;
	}
	outcome_fail(outcome, KTSTR_KIND_OTHER, "it passed, but %s was expected", wanted);
}
