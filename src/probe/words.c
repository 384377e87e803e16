/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "probe/probe.h"
#include "probe/words.h"

static const char *const fatal_tags[PROBE_FATAL_COUNT] = {
	[PROBE_FATAL_NONE] = "none",
	[PROBE_FATAL_PID_MISSING] = "pid-missing",
	[PROBE_FATAL_EXE_IDENTITY_CHANGED] = "exe-identity-changed",
	[PROBE_FATAL_JEMALLOC_NOT_FOUND] = "jemalloc-not-found",
	[PROBE_FATAL_JEMALLOC_IN_DSO] = "jemalloc-in-dso",
	[PROBE_FATAL_READLINK_FAILURE] = "readlink-failure",
	[PROBE_FATAL_MAPS_READ_FAILURE] = "maps-read-failure",
	[PROBE_FATAL_DWARF_PARSE_FAILURE] = "dwarf-parse-failure",
	[PROBE_FATAL_ARCH_MISMATCH] = "arch-mismatch",
	[PROBE_FATAL_SELF_PROBE_REJECTED] = "self-probe-rejected",
	[PROBE_FATAL_TID_ENUMERATION_FAILURE] = "tid-enumeration-failure",
	[PROBE_FATAL_OTHER] = "other",
};

static const char *const step_words[PROBE_STEP_COUNT] = {
	[PROBE_STEP_NONE] = "none",
	[PROBE_STEP_SEIZE] = "ptrace_seize",
	[PROBE_STEP_INTERRUPT] = "ptrace_interrupt",
	[PROBE_STEP_WAITPID] = "waitpid",
	[PROBE_STEP_GET_REGSET] = "get_regset",
	[PROBE_STEP_READ] = "process_vm_readv",
	[PROBE_STEP_ARITHMETIC] = "tls_arithmetic",
};

const char *probe_fatal_tag(enum probe_fatal fatal)
{
	assert(fatal < PROBE_FATAL_COUNT);
	return fatal_tags[fatal];
}

const char *probe_step_word(enum probe_step step)
{
	assert(step < PROBE_STEP_COUNT);
	return step_words[step];
}

static void explain_refusal(const struct probe_reading *reading, struct buf *text)
{
	if (reading->tracer)
		buf_printf(text, "process %d traces it already (a debugger?), and there can be one only",
			   (int)reading->tracer);
	else
		buf_str(text, "not permitted; " PROBE_WAYS_OUT);
}

void probe_reading_explain(const struct probe_reading *reading, struct buf *ret_text)
{
	if (reading->code == -ESRCH)
		buf_str(ret_text, "the thread has ended");
	else if (reading->code == -ETIMEDOUT)
		buf_str(ret_text, "it did not stop in time: uninterruptible sleep");
	else if (reading->code == -EAGAIN && reading->failed == PROBE_STEP_WAITPID)
		buf_str(ret_text, "it got no CPU to stop on: the machine is too busy");
	else if (reading->code == -EPERM && reading->failed == PROBE_STEP_SEIZE)
		explain_refusal(reading, ret_text);
	else if (reading->failed == PROBE_STEP_ARITHMETIC)
		buf_str(ret_text, "its thread pointer leads to no thread-local storage of this process; "
				  "a thread that the C library did not start?");
	else
		buf_str(ret_text, strerrordesc_np(-reading->code) ?: "unknown error");
}
