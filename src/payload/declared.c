/* SPDX-License-Identifier: BSD-2-Clause */
/* declared.c - what may be declared of a payload, and which flags it knows. */
#include <errno.h>
#include <math.h>

#include "base/edits.h"
#include "base/export.h"
#include "payload/payload.h"

#define NAME_LEN_MAX 128

EXPORT const struct ktstr_payload ktstr_kernel_default = {.name = "kernel_default"};

static int bad(const struct ktstr_payload *payload, struct ktstr_error *err, const char *what)
{
	return error_set(err, -EINVAL, "payload %s: %s", payload->name ?: "(no name)", what);
}

static int check_metric_check(const struct ktstr_payload *payload, const struct ktstr_metric_check *check,
			      struct ktstr_error *err)
{
	if (check->kind > KTSTR_CHECK_EXIT_CODE)
		return bad(payload, err, "default_checks: a kind that is none of enum "
					 "ktstr_metric_check_kind");
	if (check->kind == KTSTR_CHECK_EXIT_CODE)
		return 0;
	if (!check->metric || !*check->metric)
		return bad(payload, err, "default_checks: a check names no metric");
	if (payload->output == KTSTR_OUTPUT_EXIT_CODE)
		return error_set(err, -EINVAL, "payload %s: default_checks: %s cannot be there, because "
					       "output is KTSTR_OUTPUT_EXIT_CODE",
				 payload->name, check->metric);
	if (isnan(check->lo) || isnan(check->hi))
		return bad(payload, err, "default_checks: a bound is not a number");
	return 0;
}

static int check_words(const struct ktstr_payload *payload, const char *field,
		       const char *const *words, struct ktstr_error *err)
{
	for (; words && *words; words++) {
		if (!**words && strcmp(field, "default_args") != 0)
			return error_set(err, -EINVAL, "payload %s: %s has an empty entry",
					 payload->name, field);
	}
	return 0;
}

int payload_check(const struct ktstr_payload *payload, struct ktstr_error *err)
{
	const struct ktstr_metric_check *check = payload->default_checks;
	int r = 0;

	if (!payload->name || !*payload->name)
		return bad(payload, err, "name must not be empty");
	if (strlen(payload->name) > NAME_LEN_MAX)
		return bad(payload, err, "name is longer than 128 bytes");
	if (payload->scheduler)
		return bad(payload, err, "it is a scheduler; put it into .scheduler of the test");
	if (!payload->binary || !*payload->binary)
		return bad(payload, err, "binary must not be empty");
	if ((unsigned)payload->output > KTSTR_OUTPUT_LINES)
		return bad(payload, err, "output is none of enum ktstr_output");
	for (; r == 0 && check && check->kind != KTSTR_CHECK_END; check++)
		r = check_metric_check(payload, check, err);
	if (r == 0)
		r = check_words(payload, "default_args", payload->default_args, err);
	if (r == 0)
		r = check_words(payload, "include_files", payload->include_files, err);
	if (r == 0)
		r = check_words(payload, "known_flags", payload->known_flags, err);
	return r;
}

/* --- flags ---------------------------------------------------------------------------------------- */

static struct sv flag_of(const char *arg)
{
	struct sv rest = sv_of(arg);

	return sv_split(&rest, '=');
}

static const char *nearest_flag(const char *const *known, struct sv flag)
{
	AUTO(free) char *text = xstrndup(flag.data, flag.len);
	size_t best_edits = edits_too_many(text);
	const char *best = NULL;

	for (; *known; known++) {
		size_t distance = edits_between(text, *known);

		if (distance < best_edits) {
			best = *known;
			best_edits = distance;
		}
	}
	return best;
}

int payload_check_flags(const struct ktstr_payload *payload, const struct strings *args,
			struct ktstr_error *err)
{
	if (!payload->known_flags)
		return 0;
	vec_each(arg, args) {
		struct sv flag = flag_of(*arg);
		const char *const *known = payload->known_flags;
		const char *like;

		if (strcmp(*arg, "--") == 0)
			break;
		if (!sv_starts(flag, "--"))
			continue;
		while (*known && !sv_eq(flag, *known))
			known++;
		if (*known)
			continue;
		like = nearest_flag(payload->known_flags, flag);
		return error_set(err, -EINVAL, "payload %s: it has no flag %.*s%s%s%s", payload->name,
				 SV_ARG(flag), like ? "; did you mean " : "", like ?: "", like ? "?" : "");
	}
	return 0;
}
