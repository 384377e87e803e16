/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steps.h - captures of all threads at the ends of a test's steps: kept beside its record, and what
 * changed most told in a failure report. The guest made them, so they are hostile.
 */
#ifndef RUN_STEPS_H
#define RUN_STEPS_H

#include "ctprof/ctprof.h"
#include "outcome/outcome.h"
#include "run/run.h"

#define STEPS_FILE "steps.ctprof.zst"
#define STEPS_AGENT "ktstr-ctprof-agent"

/* Guest time that a body has more: in det busy CPUs share one stream of instructions, and captures take seconds. */
#define STEPS_TIMEOUT_MS 120000

/*
 * For each step of which there is a capture of the start and one of the end the rows that changed
 * most, as `ktstr ctprof compare` has them; of many steps the first ones. Without any such, of the
 * first and the last capture. The capturing process, the body of `program` itself and the kernel's
 * threads are left out. `path` is what the user would type. Pure.
 */
void steps_changes(const struct ctprof_series *series, const struct strings *labels, const char *program,
		   const char *path, struct buf *ret_text);

/* The labels of all captures, "?" for one that cannot be read, which a line in the log says. */
void steps_labels(const struct ctprof_series *series, struct strings *ret_labels);

/*
 * Write the file and fill in what the record and the report say of it. Where there is none, a line
 * in the log says why.
 */
void steps_keep(const struct test_plan *plan, const struct session *session, struct result *result);

#endif
