/* SPDX-License-Identifier: BSD-2-Clause */
/* difference.h - where two outcomes part. */
#ifndef OUTCOME_DIFFERENCE_H
#define OUTCOME_DIFFERENCE_H

#include "outcome/outcome.h"

/*
 * The first place, in the order of the document, where b is not what a is: "workers[1].cpu_ns: 3 and
 * 4". NULL when their digests are equal. The caller's, for free().
 */
char *outcome_difference(const struct outcome *a, const struct outcome *b);

/* The same of two JSON values; for results that were stored. */
char *json_difference(const json_t *a, const json_t *b);

#endif
