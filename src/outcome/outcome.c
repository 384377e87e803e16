/* SPDX-License-Identifier: BSD-2-Clause */
#include "outcome/outcome.h"

#include <assert.h>
#include <stdarg.h>

#include "outcome/merge.h"

static void outcome_done(struct outcome *outcome)
{
	details_done(&outcome->details);
	json_decref(outcome->stats);
	json_decref(outcome->workers);
	json_decref(outcome->scheduler);
}

void result_done(struct result *result)
{
	free(result->identity.test);
	free(result->identity.binary);
	free(result->identity.topology);
	free(result->identity.payload);
	free(result->identity.scheduler);
	free(result->identity.mode);
	free(result->identity.kernel_release);
	free(result->identity.kernel_package);
	free(result->identity.project_commit);
	free(result->identity.tracer);
	free(result->identity.template_key);
	strings_done(&result->identity.options);
	strings_done(&result->identity.sysctls);
	strings_done(&result->identity.kargs);
	strings_done(&result->identity.active_flags);
	outcome_done(&result->outcome);
	free(result->run.id);
	free(result->run.dir);
	free(result->run.qemu_version);
	free(result->run.source);
	json_decref(result->run.host);
	free(result->run.ktstr_version);
	free(result->run.steps_file);
	strings_done(&result->run.steps_labels);
	free(result->steps_changes);
	free(result->test_output);
	free(result->scheduler_log);
	free(result->exit_dump);
	free(result->auto_repro);
	free(result->console_tail);
	free(result->repeat_command);
	free(result->trace_summary);
	free(result->kept);
	free(result->dump_excerpt);
	*result = (struct result){0};
}

void outcome_merge_state(struct outcome *outcome, enum ktstr_state state)
{
	if (state == KTSTR_SKIP) {
		if (!outcome->judged)
			outcome->state = KTSTR_SKIP;
		return;
	}
	outcome->state = state_worse(outcome->state, state);
	outcome->judged = true;
}

static void add_detail(struct outcome *outcome, enum ktstr_kind kind, const char *fmt, va_list args)
{
	AUTO(buf_done) struct buf text = {0};

	buf_vprintf(&text, fmt, args);
	details_push(&outcome->details,
		     (struct detail){.kind = kind,
				     .text = text_clean(sv_bytes(buf_text(&text), text.len),
							VERDICT_DETAIL_TEXT_MAX)});
}

void outcome_fail(struct outcome *outcome, enum ktstr_kind kind, const char *fmt, ...)
{
	va_list args;

	assert(kind != KTSTR_KIND_NONE);
	assert(kind != KTSTR_KIND_SKIP);
	assert(kind != KTSTR_KIND_NOTE);
	va_start(args, fmt);
	add_detail(outcome, kind, fmt, args);
	va_end(args);
	outcome_merge_state(outcome, KTSTR_FAIL);
}

void outcome_error(struct outcome *outcome, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_detail(outcome, KTSTR_KIND_OTHER, fmt, args);
	va_end(args);
	outcome_merge_state(outcome, KTSTR_ERROR);
}

void outcome_inconclusive(struct outcome *outcome, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_detail(outcome, KTSTR_KIND_OTHER, fmt, args);
	va_end(args);
	outcome_merge_state(outcome, KTSTR_INCONCLUSIVE);
}

void outcome_note(struct outcome *outcome, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_detail(outcome, KTSTR_KIND_NOTE, fmt, args);
	va_end(args);
}

void outcome_skip(struct outcome *outcome, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_detail(outcome, KTSTR_KIND_SKIP, fmt, args);
	va_end(args);
	outcome_merge_state(outcome, KTSTR_SKIP);
}
