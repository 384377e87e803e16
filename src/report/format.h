/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.h - what the four formats share, inside the report room. A format renders into a buf;
 * report.c alone writes, so that a full disk is noticed in one place.
 */
#ifndef REPORT_FORMAT_H
#define REPORT_FORMAT_H

#include "report/report.h"

struct format {
	const char *word;        /* "pretty"; as after --format */
	void (*begin)(struct report *report, struct buf *out);
	void (*result)(struct report *report, const struct result *result, struct buf *out);
	void (*end)(struct report *report, const struct report_totals *totals, struct buf *out);
};

extern const struct format format_pretty, format_tap, format_junit, format_json;

struct report {
	struct report_config config;
	const struct format *format;
	struct buf out;                     /* rendered, not yet written */
	size_t reported;                    /* results so far, this one included */
	size_t count[KTSTR_ERROR + 1];      /* of them, by state */
	uint64_t started_unix_ns;
	struct buf held;                    /* junit: the test cases, whose counts come first */
	int error;                          /* the first one of writing; 0 or a negative errno */
};

/* Whether this state makes the suite fail: inconclusive, fail, error. */
bool state_is_bad(enum ktstr_state state);

/* The text of the worst detail that explains the state, on one line. The caller's; never NULL. */
char *result_reason(const struct result *result);
/* The detail that it is from; NULL when the result has none. */
const struct detail *result_reason_detail(const struct result *result);

/* Text without control characters; a newline becomes a space. The caller's. */
char *one_line(const char *text);

/* Every line of text, cleaned, with this in front of it. */
void put_lines(struct buf *out, const char *prefix, const char *text);

/* The last count lines of text; a view into it. */
struct sv last_lines(const char *text, size_t count);

/* Why a bad result is bad: the header line, reasons, statistics and logs; see explain.c. */
void explain(struct buf *out, const char *indent, const struct result *result);

/* The timeline of a scenario as phases, a line each; see timeline.c. NULL is an empty one. */
void put_timeline(struct buf *out, const char *indent, const json_t *events);

/* What was the last change of a scenario at that time, "step 1 shrink: set_cpuset"; NULL: none. The caller's. */
char *timeline_change_at(const json_t *events, double ns);
/* When workers first waited clearly more than before. False: they never did. */
bool timeline_first_worse(const json_t *events, double *ret_ns);

/* What, where, since when, and the command that repeats it; see summary.c. */
#define SUMMARY_BADNESS_MAX 9
unsigned summary_badness(enum ktstr_kind kind);        /* the higher, the more it explains; notes: 0 */
void put_summary(struct buf *out, const char *indent, const struct result *result);

/*
 * ending.c: how a scheduler ended, in a few words, and where: the program of it that raised the
 * error, or the task that it did not run. NULL: nothing is known. The caller's.
 */
char *ending_what(const struct result *result);
char *ending_where(const struct result *result);
/* For how long a task had not run when the kernel's watchdog put the scheduler out; 0: that was not why. */
double ending_stalled_ns(const struct result *result);
/* The part of a scheduler's log that is sched_ext's dump; empty: it has none. A view into it. */
struct sv find_scx_dump(struct sv log);
/* sched_ext's dump as the guest had it from the kernel, or else from that log. A view into the result. */
struct sv scx_dump_of(const struct result *result);

/* progress.c: take the line away, if there is one, and keep it away until progress_lower(). */
void progress_lift(void);
void progress_lower(void);

#endif
