/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - results in the format that was asked for, in declaration order, as they become known;
 * and a progress line for people who wait. One thread at a time for a report; a progress may be told
 * things from any thread.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdio.h>

#include "outcome/outcome.h"

enum report_format { REPORT_PRETTY, REPORT_TAP, REPORT_JUNIT, REPORT_JSON };

bool report_format_parse(struct sv word, enum report_format *ret_format);

struct report_config {
	enum report_format format;
	FILE *out;                  /* borrowed until report_end() */
	bool color;
	size_t test_count;          /* how many results will come */
	const char *suite;          /* name of the whole, e.g. the test programs; borrowed */
};

struct report_totals {
	size_t count[KTSTR_ERROR + 1];      /* by enum ktstr_state */
	uint64_t host_ns;                   /* of the whole call, for the last line */
	bool interrupted;
};

/* Everything is written at once and flushed: TAP and pretty lines appear as the results come. */
struct report;
struct report *report_begin(const struct report_config *config);
void report_result(struct report *report, const struct result *result);
/* Writes the end and flushes; -errno when the output could not be written whole. Frees report. */
int report_end(struct report *report, const struct report_totals *totals, struct ktstr_error *err);

/*
 * The exit status of a whole run: the one of the worst state by rank, so error (3) wins over fail
 * (1), and fail over inconclusive (2); see the table of states. No test at all is 4, interruption
 * 130, whatever was found before it.
 */
int report_exit_status(const struct report_totals *totals);

/* What an event of an outcome's timeline changed, "step 2 shrink: set_cpuset, spawn". The caller's. */
char *report_change(const json_t *event);

/*
 * "[3/12] 2 running: steady (test 1.2s), oversubscribed (boot 4.0s)" on a terminal, redrawn in place
 * and gone at the end. Never wider than the terminal, and the cursor is never hidden, so a killed
 * driver leaves nothing to repair. There is one at a time: log lines and reports that are written
 * meanwhile take it away and put it back. Where fd is no terminal progress_begin() returns NULL,
 * which the others take and do nothing.
 */
struct progress;
struct progress *progress_begin(int fd, size_t test_count);
void progress_stage(struct progress *progress, size_t test_index, const char *test,
		    const char *stage);
void progress_finish(struct progress *progress, size_t test_index);
void progress_tick(struct progress *progress);        /* redraw the times */
void progress_end(struct progress *progress);         /* NULL is fine */

#endif
