/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/workload.h"

#include <assert.h>
#include <errno.h>

#include "base/edits.h"
#include "workload/kinds.h"

const char *work_type_name(enum ktstr_work_type type)
{
	assert((unsigned)type < KTSTR_WORK_TYPE_COUNT);
	return work_kinds[type].name;
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
	AUTO(free) char *text = xstrndup(name.data, name.len);
	size_t best_edits = edits_too_many(text);
	const char *best = NULL;

	for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++) {
		if (edits_between(text, renamed[i].before) == 0)
			return work_type_name(renamed[i].type);
	}
	for (unsigned type = 0; type < KTSTR_WORK_TYPE_COUNT; type++) {
		size_t edits = edits_between(text, work_kinds[type].name);

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
