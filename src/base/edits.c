/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/edits.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t edits_between(const char *a, const char *b)
{
	size_t row[EDITS_LEN_MAX + 1];
	size_t a_len = strnlen(a, EDITS_LEN_MAX + 1), b_len = strnlen(b, EDITS_LEN_MAX + 1);

	if (a_len > EDITS_LEN_MAX || b_len > EDITS_LEN_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 0; i < a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j - 1]);
			size_t replaced = diagonal + !same;

			diagonal = row[j];
			row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_len];
}

size_t edits_too_many(const char *word)
{
	return strlen(word) / 3 + 2;
}
