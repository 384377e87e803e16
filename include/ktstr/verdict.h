/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - what a test found: a state, and details that say why.
 *
 * A test body gets an empty verdict, which means "pass", and adds to it. Failing needs a kind:
 * programs and other tests decide by kinds, never by texts. The worst finding wins (fail over
 * inconclusive over pass; a skip stands only while nothing else was found). One thread at a time.
 */
#ifndef KTSTR_VERDICT_H
#define KTSTR_VERDICT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The rows of shared/DESIGN.md section 9; the numbers go into results and must not change. */
enum ktstr_state {
	KTSTR_PASS = 0,
	KTSTR_SKIP = 1,
	KTSTR_INCONCLUSIVE = 2,      /* an enabled check had nothing to judge by */
	KTSTR_FAIL = 3,
	KTSTR_ERROR = 4,             /* it could not be found out */
};

enum ktstr_kind {
	KTSTR_KIND_NONE = 0,
	KTSTR_KIND_STARVED,            /* a worker got no CPU time */
	KTSTR_KIND_STUCK,              /* a worker stood still for too long */
	KTSTR_KIND_UNFAIR,             /* equal workers got unequal shares */
	KTSTR_KIND_IDLE_WHILE_WAITING, /* workers waited for a CPU while CPUs were idle */
	KTSTR_KIND_ISOLATION,          /* a worker ran where it must not */
	KTSTR_KIND_BENCHMARK,
	KTSTR_KIND_MIGRATION,
	KTSTR_KIND_PAGE_LOCALITY,
	KTSTR_KIND_CROSS_NODE_MIGRATION,
	KTSTR_KIND_SLOW_TIER,
	KTSTR_KIND_MONITOR,
	KTSTR_KIND_SCHEDULER_DIED,     /* the scheduler under test exited, crashed or was thrown out */
	KTSTR_KIND_WORKER_DIED,        /* a worker ended without a report */
	KTSTR_KIND_SKIP,
	KTSTR_KIND_NOTE,               /* an annotation; never changes the state */
	KTSTR_KIND_OTHER,
	KTSTR_KIND_COUNT
};

struct ktstr_verdict;

/* The state becomes fail. The text is one line that names the thing and the reason. */
void ktstr_verdict_fail(struct ktstr_verdict *verdict, enum ktstr_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An annotation that goes with the result whatever the state. */
void ktstr_verdict_note(struct ktstr_verdict *verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What the test needs is not there. Counts only when nothing was found. */
void ktstr_verdict_skip(struct ktstr_verdict *verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A check was asked for and there was nothing to judge by. */
void ktstr_verdict_inconclusive(struct ktstr_verdict *verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

enum ktstr_state ktstr_verdict_state(const struct ktstr_verdict *verdict);

/* Whether a failure of this kind was found. */
bool ktstr_verdict_has(const struct ktstr_verdict *verdict, enum ktstr_kind kind);

/* A number worth keeping and comparing, by name; the last value of a name wins. */
void ktstr_verdict_metric(struct ktstr_verdict *verdict, const char *name, double value);

#ifdef __cplusplus
}
#endif
#endif
