/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/workload.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>

#include "workload/kinds.h"

#define NAME_MAX_LEN 31

const char *work_type_name(enum ktstr_work_type type)
{
	assert((unsigned)type < KTSTR_WORK_TYPE_COUNT);
	return work_kinds[type].name;
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

/* What some types were called in the Rust program of the same name, before its version 0.10. */
static const struct {
	const char *before;
	enum ktstr_work_type type;
} renamed[] = {
	{"CpuSpin", KTSTR_WORK_SPIN_WAIT},
	{"IoSync", KTSTR_WORK_IO_SYNC_WRITE},
};

/* The nearest name, or NULL when none is near enough to be what was meant. */
static const char *nearest(struct sv name)
{
	const char *best = NULL;
	unsigned best_edits = 4;

	if (name.len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++) {
		if (edits_between(name, sv_of(renamed[i].before)) == 0)
			return work_type_name(renamed[i].type);
	}
	for (unsigned type = 0; type < KTSTR_WORK_TYPE_COUNT; type++) {
		unsigned edits = edits_between(name, sv_of(work_kinds[type].name));

		if (edits < best_edits && edits < name.len && !work_kinds[type].unnamed) {
			best = work_kinds[type].name;
			best_edits = edits;
		}
	}
	return best;
}

static int found(unsigned type, enum ktstr_work_type *ret_type, struct ktstr_error *err)
{
	if (work_kinds[type].unnamed)
		return error_set(err, -EINVAL,
				 "work type %s cannot be chosen by name: a test's code says what it does",
				 work_kinds[type].name);
	*ret_type = (enum ktstr_work_type)type;
	return 0;
}

int work_type_parse(struct sv name, enum ktstr_work_type *ret_type, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf list = {0};
	const char *meant = nearest(name);

	for (unsigned type = 0; type < KTSTR_WORK_TYPE_COUNT; type++) {
		if (sv_eq(name, work_kinds[type].name))
			return found(type, ret_type, err);
		if (!work_kinds[type].unnamed)
			buf_printf(&list, "%s%s", type ? ", " : "", work_kinds[type].name);
	}
	if (meant)
		return error_set(err, -EINVAL, "no work type is called \"%.*s\"; did you mean %s?",
				 SV_ARG(name), meant);
	return error_set(err, -EINVAL, "no work type is called \"%.*s\"; there are %s",
			 SV_ARG(name), buf_text(&list));
}
