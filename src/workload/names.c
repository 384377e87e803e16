/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/workload.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>

#define NAME_MAX_LEN 31

static const char *const names[KTSTR_WORK_TYPE_COUNT] = {
	[KTSTR_WORK_SPIN_WAIT] = "SpinWait",
	[KTSTR_WORK_YIELD_HEAVY] = "YieldHeavy",
	[KTSTR_WORK_BURSTY] = "Bursty",
	[KTSTR_WORK_PIPE_IO] = "PipeIo",
};

const char *work_type_name(enum ktstr_work_type type)
{
	assert((unsigned)type < KTSTR_WORK_TYPE_COUNT);
	return names[type];
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Levenshtein's edit distance, without regard to case. */
static unsigned edits_between(struct sv a, struct sv b)
{
	unsigned row[NAME_MAX_LEN + 1];

	assert(b.len <= NAME_MAX_LEN);
	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			bool same = tolower((unsigned char)a.data[i - 1]) ==
				    tolower((unsigned char)b.data[j - 1]);
			unsigned above = row[j];

			row[j] = least(least(above, row[j - 1]) + 1, diagonal + !same);
			diagonal = above;
		}
	}
	return row[b.len];
}

/* The nearest name, or NULL when none is near enough to be what was meant. */
static const char *nearest(struct sv name)
{
	const char *best = NULL;
	unsigned best_edits = 4;

	if (name.len > NAME_MAX_LEN)
		return NULL;
	for (unsigned type = 0; type < KTSTR_WORK_TYPE_COUNT; type++) {
		unsigned edits = edits_between(name, sv_of(names[type]));

		if (edits < best_edits && edits < name.len) {
			best = names[type];
			best_edits = edits;
		}
	}
	return best;
}

int work_type_parse(struct sv name, enum ktstr_work_type *ret_type, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf list = {0};
	const char *meant = nearest(name);

	for (unsigned type = 0; type < KTSTR_WORK_TYPE_COUNT; type++) {
		if (sv_eq(name, names[type])) {
			*ret_type = (enum ktstr_work_type)type;
			return 0;
		}
		buf_printf(&list, "%s%s", type ? ", " : "", names[type]);
	}
	if (meant)
		return error_set(err, -EINVAL, "no work type is called \"%.*s\"; did you mean %s?",
				 SV_ARG(name), meant);
	return error_set(err, -EINVAL, "no work type is called \"%.*s\"; there are %s",
			 SV_ARG(name), buf_text(&list));
}
