/* SPDX-License-Identifier: BSD-2-Clause */
/* edits.h - how unlike two words are, for "did you mean ...?". */
#ifndef BASE_EDITS_H
#define BASE_EDITS_H

#include <stddef.h>

#define EDITS_LEN_MAX 128

/*
 * How many characters must be added, dropped or replaced to get from a to b (Levenshtein), without
 * regard to case; SIZE_MAX when one is longer than EDITS_LEN_MAX.
 */
size_t edits_between(const char *a, const char *b);

/* With so many edits or more it is another word than this one. */
size_t edits_too_many(const char *word);

#endif
