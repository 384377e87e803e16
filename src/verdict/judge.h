/* SPDX-License-Identifier: BSD-2-Clause */
/* judge.h - what the parts of the judge share; inside the verdict room. */
#ifndef VERDICT_JUDGE_H
#define VERDICT_JUDGE_H

#include "verdict/arithmetic.h"

/* One cgroup before the judge. */
struct judging {
	struct ktstr_verdict *verdict;
	struct ktstr_checks limits;                /* merged; <= 0: off */
	const struct cgroup_facts *facts;
	const char *name;                          /* of the cgroup, cut to fit */
	const struct cgroup_stats *stats;
	const struct worker_report *reports;       /* plausible ones */
	size_t count;
};

/* AS-5, AS-6 and AS-9: rates of work. */
void judge_rates(const struct judging *judging);
/* AS-7, AS-8 */
void judge_latencies(const struct judging *judging);
/* AS-4, AS-10 to AS-13: where workers and their pages were. */
void judge_places(const struct judging *judging);
/* For the judgement by weight, which is the window's. */
void enter_competition(const struct judging *judging);

/* A check is on; whether there was something to judge by is the window's question. */
void want_subject(struct ktstr_verdict *verdict, enum check_subject subject, bool there);

#endif
