/* SPDX-License-Identifier: BSD-2-Clause */
/* merge.h - how what was found becomes a state; inside the outcome room. */
#ifndef OUTCOME_MERGE_H
#define OUTCOME_MERGE_H

#include "outcome/outcome.h"

/* The worse one by rank wins; a skip counts only while nothing was found. */
void outcome_merge_state(struct outcome *outcome, enum ktstr_state state);

#endif
